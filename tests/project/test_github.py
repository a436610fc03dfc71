"""The checks on GitHub: the project's own commands, with actions that no one can exchange."""

import re
from typing import Any

import pytest
import yaml

from tests.support.world import PROJECT

WORKFLOW = PROJECT / ".github" / "workflows" / "ci.yml"
TARGETS = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
PIN = re.compile(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v[0-9.]+$")


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    return found


def commands(jobs: dict[str, Any]) -> set[str]:
    return {step["run"] for job in jobs.values() for step in job["steps"] if "run" in step}


def test_every_action_is_pinned_to_a_commit_with_its_tag() -> None:
    uses = [line.strip().removeprefix("- ") for line in WORKFLOW.read_text().splitlines() if "uses:" in line]
    assert uses
    assert [line for line in uses if not PIN.fullmatch(line)] == []


def test_every_command_is_a_target_of_make(jobs: dict[str, Any]) -> None:
    assert {command.split()[1] for command in commands(jobs)} <= TARGETS


def test_everything_that_runs_elsewhere_runs_there(jobs: dict[str, Any]) -> None:
    elsewhere = {line for line in (PROJECT / ".ci" / "run").read_text().splitlines() if line.startswith("make ")}
    assert elsewhere <= {command.removesuffix(" PYTHON=python") for command in commands(jobs)}


def test_the_tests_run_on_every_version_that_the_project_claims(jobs: dict[str, Any]) -> None:
    claimed = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', (PROJECT / "pyproject.toml").read_text())
    assert jobs["test"]["strategy"]["matrix"]["python"] == claimed


def test_a_job_may_only_read_and_has_an_end(jobs: dict[str, Any]) -> None:
    assert yaml.safe_load(WORKFLOW.read_text())["permissions"] == {"contents": "read"}
    assert all("permissions" not in job and job["timeout-minutes"] <= 30 for job in jobs.values())


def test_the_hooks_before_a_commit_call_programs_of_the_project() -> None:
    (repository,) = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        program, *arguments = hook["entry"].split()
        assert program.startswith(".venv/bin/") or (program == "make" and arguments[0] in TARGETS), hook["id"]


@pytest.mark.parametrize("name", ["llms.txt", "SECURITY.md"])
def test_every_file_that_is_linked_exists(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (PROJECT / name).read_text())
    assert links
    assert [link for link in links if not (PROJECT / link).is_file()] == []
