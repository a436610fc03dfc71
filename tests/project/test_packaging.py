"""The deployed parts and their packaging, read and not run: imports, lock files, the build, the command."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HOOKLINE = ROOT / "layers" / "hookline" / "hookline"
FUNCTIONS = ROOT / "functions"
FLOWS = ROOT / "flows"

# The map of the package, from the ground up. A module imports what lies on lower floors; values import each other as
# well, modules that do input and output never. A new module has to be written in here, with the library that it owns.
VALUES = {
    "api.problem",
    "api.query",
    "api.subtitles",
    "assistant_schema",
    "call",
    "call_cost",
    "client_state",
    "command_schema",
    "commands",
    "commands.__init__",
    "commands.assistants",
    "commands.command",
    "commands.digits",
    "commands.legs",
    "commands.media",
    "deadline",
    "errors",
    "event_types",
    "events",
    "keyed_digits",
    "limits",
    "precedence",
    "recordings.audio",
    "recordings.findings",
    "recordings.crc32",
    "recordings.peaks",
    "redaction",
    "routing",
    "transcription_engines",
    "transcripts",
    "validators",
    "visible",
}
BORDER = {"aws_errors"}
INPUT_AND_OUTPUT = {
    "event_posts",
    "journal",
    "oversize",
    "queues",
    "recordings.download",
    "recordings.storage",
    "signature",
    "telnyx",
}
SHELL = [
    "signed_request",
    "flows",
    "recordings.job",
    "journal_pages",
    "recordings.source",
    "recordings.pauses",
    "recordings.transfer",
    "recordings.transcription",
    "recordings.archiver",
    "recordings.audit",
    "call_report",
    "call_summary",
    "trouble",
    "environment",
    "lookups",
    "dispatch",
    "webhook",
    "console",
    "api.exchange",
    "api.reading",
    "api.days",
    "api.media",
    "api.arguments",
    "api.steering",
    "api.examples",
    "api.openapi",
    "api.operations",
    "api.server",
    "api.__init__",
    "__init__",
    "recordings.__init__",
]  # each may import those before it
OWNED = {
    "aws_errors": {"botocore"},
    "environment": {"aws_lambda_powertools", "boto3", "botocore", "httpx"},  # builds everybody's client
    "event_posts": {"httpx"},
    "journal": {"boto3", "botocore"},
    "oversize": {"boto3", "botocore"},
    "queues": {"boto3", "botocore"},
    "recordings.peaks": {"audioop"},  # of the standard library, until Python 3.13 left it out
    "recordings.storage": {"boto3", "botocore"},
    "signature": {"nacl"},
    "telnyx": {"httpx"},
}
FORBIDDEN = {"hookline_local", "pydantic", "requests", "telnyx"}
LOCKS = [
    "requirements-dev.lock",
    "requirements-sam.lock",
    "requirements-rehearsal.lock",
    "layers/dependencies/requirements.txt",
]


def modules() -> list[str]:
    return sorted(".".join(path.relative_to(HOOKLINE).with_suffix("").parts) for path in HOOKLINE.rglob("*.py"))


def deployed() -> list[Path]:
    return sorted([*FUNCTIONS.rglob("*.py"), *FLOWS.rglob("*.py"), *(ROOT / "layers").rglob("*.py")])


def imported(source: str) -> Iterator[str]:
    """The dotted names that a module imports when it runs: imports for the type checker alone are left out."""
    pending: list[ast.AST] = [ast.parse(source)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending.extend(node.orelse)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)
        else:
            pending.extend(ast.iter_child_nodes(node))


def may_import(module: str) -> set[str]:
    """The modules that `module` may import."""
    if module in VALUES:
        return VALUES
    if module in BORDER:
        return VALUES
    if module in INPUT_AND_OUTPUT:
        return VALUES | BORDER
    before = SHELL[: SHELL.index(module)] if module in SHELL else []
    return VALUES | BORDER | INPUT_AND_OUTPUT | set(before)


def trespasses(module: str, source: str) -> list[str]:
    """The imports of `module` that are not allowed."""
    wrong = []
    for name in imported(source):
        package, _, rest = name.partition(".")
        if package == "hookline":
            known = any(rest == one or rest.startswith(f"{one}.") for one in may_import(module))
        else:
            known = package in sys.stdlib_module_names or package in OWNED.get(module, set())
        if not known:
            wrong.append(name)
    return wrong


def requirements(lock: str) -> dict[str, str]:
    """Name to everything that stands behind `==`: version, marker, hashes."""
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("==", 1) for line in lines)


def make_default(makefile: str, variable: str) -> str:
    found = re.search(rf"^{variable} \?= (\S+)$", (ROOT / makefile).read_text(), re.MULTILINE)
    assert found, f"{makefile} has no {variable}"
    return found[1]


def test_every_module_is_on_the_map() -> None:
    assert set(modules()) <= VALUES | BORDER | INPUT_AND_OUTPUT | set(SHELL)


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_modules_below_it_and_the_library_it_owns(module: str) -> None:
    assert trespasses(module, (HOOKLINE / f"{module.replace('.', '/')}.py").read_text()) == []


@pytest.mark.parametrize(
    "module, source, trespass",
    [
        ("events", "from hookline.journal import Journal", "hookline.journal.Journal"),
        ("commands", "def later():\n    import httpx", "httpx"),
        ("journal", "from hookline import queues", "hookline.queues"),
        ("queues", "import hookline.telnyx", "hookline.telnyx"),
        ("signature", "from boto3 import client", "boto3.client"),
        ("telnyx", "from .journal import Journal", ".journal.Journal"),
        ("environment", "if True:\n    from hookline.webhook import receive", "hookline.webhook.receive"),
    ],
)
def test_the_map_refuses_an_import_that_points_up_or_aside(module: str, source: str, trespass: str) -> None:
    assert trespasses(module, source) == [trespass]


@pytest.mark.parametrize("path", deployed(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_deployed_imports_the_sdk_or_pydantic_or_requests_or_the_local_stack(path: Path) -> None:
    assert FORBIDDEN.isdisjoint(name.partition(".")[0] for name in imported(path.read_text()))


def third_party(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path.read_text())} - set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", sorted(FUNCTIONS.rglob("*.py")), ids=lambda path: str(path.relative_to(FUNCTIONS)))
def test_a_function_imports_the_package_and_powertools_and_neither_a_flow_nor_another_function(path: Path) -> None:
    assert third_party(path) <= {"hookline", "aws_lambda_powertools"}


@pytest.mark.parametrize("path", sorted(FLOWS.rglob("*.py")), ids=lambda path: str(path.relative_to(FLOWS)))
def test_a_flow_imports_the_package_and_the_standard_library(path: Path) -> None:
    assert third_party(path) <= {"hookline"}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_version_has_hashes_and_no_lock_names_a_host_or_a_path(lock: str) -> None:
    locked = requirements(lock)
    assert len(locked) >= 10
    assert [name for name, rest in locked.items() if not re.search(r"--hash=sha256:[0-9a-f]{64}", rest)] == []
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted|^-|@ |(^| )/", (ROOT / lock).read_text(), re.M)


def test_the_tests_run_on_the_versions_that_are_deployed() -> None:
    development = requirements("requirements-dev.lock")
    for name, rest in requirements("layers/dependencies/requirements.txt").items():
        assert development[name].split()[0] == rest.split()[0], name


def template_as_written() -> Any:
    """Read the template by cfn-lint, which is imported here: elsewhere it is a second of each worker's time."""
    from cfnlint.decode.cfn_yaml import load

    return load(str(ROOT / "template.yaml"))


def test_the_build_is_for_the_runtime_and_the_architecture_of_the_template() -> None:
    everywhere = template_as_written()["Globals"]["Function"]
    assert make_default("layers/dependencies/Makefile", "LAYER_ARCH") == everywhere["Architectures"][0]
    assert f"python{make_default('layers/build.mk', 'LAYER_PYTHON')}" == everywhere["Runtime"]
    assert f"python{(ROOT / '.python-version').read_text().strip()}" == everywhere["Runtime"]


def test_the_example_of_an_environment_has_every_variable_of_the_template_and_its_default() -> None:
    template = template_as_written()
    everybody = template["Globals"]["Function"]["Environment"]["Variables"]
    variables = dict(everybody)
    for made in template["Resources"].values():
        if made["Type"] == "AWS::Serverless::Function":
            own = made["Properties"].get("Environment", {}).get("Variables", {})
            variables |= {name: value for name, value in own.items() if value != {"Ref": "AWS::NoValue"}}
    lines = [line for line in (ROOT / ".env.example").read_text().splitlines() if line and not line.startswith("#")]
    example = dict(line.split("=", 1) for line in lines)
    laptop_only = {"AWS_SAM_LOCAL", "FLOWS_PACKAGE", "HOOKLINE_PATIENCE", "TELNYX_API_KEY"}
    assert set(example) == set(variables) | laptop_only
    parameters = template["Parameters"]
    for name, value in variables.items():
        parameter = parameters.get(value["Ref"], {}) if isinstance(value, dict) and "Ref" in value else {}
        if "Default" in parameter:
            assert example[name].strip('"') == str(parameter["Default"]), name


def test_every_function_and_layer_is_built_by_a_makefile() -> None:
    """With `SkipBuild`, SAM leaves the CodeUri of Globals as it is, and from .aws-sam/build it leads nowhere."""
    resources = template_as_written()["Resources"]
    built = ("AWS::Serverless::Function", "AWS::Serverless::LayerVersion")
    methods = {name: made.get("Metadata") for name, made in resources.items() if made["Type"] in built}
    assert len(methods) >= 25
    assert [name for name, metadata in methods.items() if (metadata or {}).get("BuildMethod") != "makefile"] == []


def test_one_place_looks_for_the_python_that_compiles() -> None:
    makefiles = ["functions/Makefile", "flows/Makefile", "layers/hookline/Makefile", "layers/dependencies/Makefile"]
    assert [path for path in makefiles if "/build.mk" not in (ROOT / path).read_text()] == []
    assert [path for path in makefiles if re.search(r"^compiler\b", (ROOT / path).read_text(), re.MULTILINE)] == []


@pytest.mark.parametrize("stage", ["default", "dev", "prod"])
def test_every_stage_builds_where_the_makefiles_find_each_other_and_deploys_twice_without_an_error(stage: str) -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    commands: dict[str, Any] = {name: table["parameters"] for name, table in config[stage].items()}
    assert commands["build"]["build_in_source"] is True
    assert commands["deploy"]["fail_on_empty_changeset"] is False
    assert commands["deploy"]["capabilities"] == "CAPABILITY_IAM"
    if stage != "prod":
        assert commands["sync"] == {"build_in_source": True, "dependency_layer": False}
    stacks = [table["global"]["parameters"]["stack_name"] for table in config.values() if isinstance(table, dict)]
    assert len(set(stacks)) == len(stacks) == 3


def test_the_checkout_is_installed_editable_and_the_command_is_its_entry_point() -> None:
    installed = distribution("hookline")
    assert '"editable": true' in (installed.read_text("direct_url.json") or "")
    (entry,) = installed.entry_points
    assert (entry.group, entry.name) == ("console_scripts", "hookline")
    assert callable(entry.load())
    assert installed.requires is None


def test_the_backend_that_installs_the_checkout_is_locked_and_nothing_is_fetched_for_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for name in project["build-system"]["requires"]:
        assert name in requirements("requirements-dev.lock")
    options = "--no-index --no-build-isolation --no-deps --editable ."
    assert options in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize(("stamp", "is_made_again"), [("here", False), ("/elsewhere", True), ("", True)])
def test_the_environments_of_a_checkout_that_was_moved_or_copied_are_made_again(
    tmp_path: Path, stamp: str, is_made_again: bool
) -> None:
    """They hold absolute paths: a copy would run the code of the checkout that it was copied from."""
    for name in ("Makefile", "pyproject.toml", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "installed").write_text(str(tmp_path) if stamp == "here" else stamp)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "--dry-run", "PYTHON=python3", ".venv/installed"]
    planned = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert ("rm -rf .venv" in planned) is is_made_again
    assert ("--require-hashes" in planned) is is_made_again
