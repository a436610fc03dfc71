"""The tutorial, followed to the letter in a checkout of its own: its commands are run and its changes are made."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.project.test_docs import DOCS, blocks, commands_in
from tests.support.checkout import make_checkout
from tests.support.command import Done, run
from tests.support.processes import started
from tests.support.world import PROJECT

TUTORIAL = DOCS / "tutorial.md"
RUN_HERE = ("hookline new flow", "hookline call", "hookline serve", "make test-flows")
RUN_ELSEWHERE = ("git clone", "cd hookline", "make demo", ". .venv/bin/activate")
"""`make demo` has a test of its own; the rest is a shell's."""


class Reader:
    """Somebody who follows the tutorial. folder: the checkout, also the home."""

    def __init__(self, folder: Path) -> None:
        make_checkout(folder)
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "HOOKLINE_FLOWS": str(folder / "flows"),
            "HOOKLINE_PATIENCE": "30",
        }

    def command(self, line: str, *more: str) -> Done:
        """Run a line of the tutorial; more: what a program adds to it."""
        words = [word if "/" not in word else str(self.folder / word) for word in line.split()[1:]]
        return run(*words, *more, environment=self.environment)

    def change(self, diff: str) -> None:
        subprocess.run([shutil.which("git") or "git", "apply", "-"], input=diff, cwd=self.folder, text=True, check=True)

    def test(self) -> str:
        """The tests of the new flow; the result."""
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/flows/test_front_desk.py"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        return "passed" if done.returncode == 0 else done.stdout


def line(beginning: str) -> str:
    """The only line of the tutorial's shell blocks that begins so."""
    lines = [each for block in blocks(TUTORIAL, "sh") for each in block.splitlines() if each.startswith(beginning)]
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """At the end of step 5."""
    reader = Reader(tmp_path_factory.mktemp("reader"))
    done = reader.command(line("hookline new flow"), "--into", str(reader.folder))
    assert done.returncode == 0, done.stderr
    for diff in blocks(TUTORIAL, "diff"):
        reader.change(diff)
    return reader


@pytest.fixture(scope="module")
def serving(reader: Reader) -> Iterator[None]:
    command = [sys.executable, "-m", "hookline_local", "serve", "--json", "--speed", "0"]
    with started(command, env=reader.environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield
        process.terminate()
        process.communicate(timeout=60)


def commands_of(report: Any) -> list[str]:
    return [command["action"] for event in report["events"] for command in event["commands"]]


def test_every_line_to_type_is_run_by_a_test() -> None:
    for block in blocks(TUTORIAL, "sh"):
        for each in block.splitlines():
            assert each.startswith((*RUN_HERE, *RUN_ELSEWHERE)), each
    assert "make test-flows" in commands_in(TUTORIAL)


def test_the_files_that_it_names_are_there(reader: Reader) -> None:
    table = re.findall(r"^\| `([a-z/]+)` \| `([a-z_.]+)`", TUTORIAL.read_text(), re.MULTILINE)
    assert len(table) == 3
    for folder, name in table:
        assert (reader.folder / folder / name).exists()


def test_the_tests_of_the_changed_flow_pass(reader: Reader) -> None:
    assert reader.test() == "passed"


def test_only_files_of_your_own_change(reader: Reader) -> None:
    mine = {path.name for path in reader.folder.rglob("*front_desk*") if path.suffix in (".py", ".toml")}
    assert mine == {"front_desk.py", "test_front_desk.py", "front_desk.toml"}
    for path in (PROJECT / "flows").glob("*.py"):
        assert (reader.folder / "flows" / path.name).read_text() == path.read_text()


@pytest.mark.usefixtures("serving")
def test_the_scenario_is_played_by_the_running_stack(reader: Reader) -> None:
    done = reader.command(line("hookline call tests"), "--json")
    assert done.returncode == 0, done.stderr
    assert commands_of(json.loads(done.stdout)).count("gather_using_speak") == 2


@pytest.mark.usefixtures("serving")
def test_key_3_gives_the_hours_and_asks_again(reader: Reader) -> None:
    done = reader.command(line("hookline call --to"), "--json")
    assert done.returncode == 0, done.stderr
    assert "We are here from nine to five" in done.stdout
    assert commands_of(json.loads(done.stdout)).count("gather_using_speak") == 2
