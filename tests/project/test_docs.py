"""Hold the documents to the code: the names they use exist, their tables are those of the code, their Python runs."""

import re
import sys
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import flows
import hookline
from hookline.dispatch import EXPIRED, QUEUED, SUPERSEDED
from hookline.keyed_digits import DIGIT_NAMES
from hookline.precedence import LONG_LIFETIME_SECONDS, LONG_LIVED, SHORT_LIFETIME_SECONDS, SUBJECTS
from hookline.recordings.findings import Code, Finding
from hookline.redaction import AMBIGUOUS_NAMES
from hookline.routing import AUDIBLE, AUDIBLE_RETRIES_MILLISECONDS, OTHER_RETRIES_MILLISECONDS
from hookline.telnyx import Outcome
from hookline_local.cli.app import app
from hookline_local.simulator.scenario import scenario
from tests.support.world import PROJECT, sample_event

DOCS = PROJECT / "docs"
LAYER = PROJECT / "layers" / "hookline" / "hookline"
SIMULATOR = PROJECT / "local" / "hookline_local" / "simulator"
PAGES = [PROJECT / "README.md", PROJECT / "events" / "README.md", *sorted(DOCS.rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
FOLDERS = ("benchmarks", "docs", "events", "flows", "functions", "layers", "local", "rehearsal", "tests")

page = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(PROJECT)))


def text_of(name: str) -> str:
    return (DOCS / name).read_text()


def section(text: str, heading: str) -> str:
    """From a heading to the next."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def cells(table: str) -> list[list[str]]:
    """The rows of every table, without headings."""
    rows = [line.strip("|").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows]


def codes(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def blocks(path: Path, language: str) -> list[str]:
    return [code for found, code in BLOCK.findall(path.read_text()) if found == language]


# Names


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    prose = BLOCK.sub("", path.read_text())
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@page
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for link in LINK.findall(BLOCK.sub("", path.read_text())):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def named_files(path: Path) -> Iterator[str]:
    for code in codes(BLOCK.sub("", path.read_text())):
        is_path = code.partition("/")[0] in FOLDERS and "/" in code
        if "front_desk" in code:  # the flow that a reader of the tutorial makes
            continue
        if re.fullmatch(r"[\w./-]+", code) and (is_path or code.endswith((".py", ".toml", ".yaml", ".md"))):
            yield code


@page
def test_every_file_that_is_named_exists(path: Path) -> None:
    for name in named_files(path):
        assert any((folder / name).exists() for folder in (PROJECT, path.parent, LAYER, PROJECT / "flows")), name


def commands_in(path: Path) -> str:
    """Code spans and shell blocks, a command a line."""
    text = path.read_text()
    return "\n".join([*blocks(path, "sh"), *codes(BLOCK.sub("", text))])


@page
def test_every_make_target_that_is_named_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^(?:\S+=\S+ )*make ([a-z-]+)", commands_in(path), re.MULTILINE)) <= targets


@page
def test_every_hookline_command_and_option_that_is_named_exists(path: Path) -> None:
    root = typer.main.get_command(app)
    for line in re.findall(r"^(?:\S+=\S+ )*(?:\.venv/bin/)?hookline ([a-z].*)$", commands_in(path), re.MULTILINE):
        command, words = root, line.partition(" #")[0].split()
        while words and words[0] in (commands := getattr(command, "commands", {})):
            command = commands[words.pop(0)]
        assert command is not root, line
        options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options, line


@page
def test_every_alarm_queue_and_parameter_that_is_named_is_in_the_template(path: Path) -> None:
    template = (PROJECT / "template.yaml").read_text()
    declared = set(re.findall(r"(?:^  |\bSid: )([A-Z]\w+):?$", template, re.MULTILINE))
    names = {code for code in codes(path.read_text()) if re.fullmatch(r"[A-Z]\w+(Alarm|Queue|Table|Days|Digits)", code)}
    assert names <= declared


# Tables


def test_the_subjects_are_those_of_the_code() -> None:
    table = section(text_of("architecture.md"), "What arrives late yields to what is newer")
    listed = {name: row[0] for row in cells(table)[1:] for name in codes(row[1])}
    assert listed == SUBJECTS


def test_the_lifetimes_are_those_of_the_code() -> None:
    _, long, short = cells(section(text_of("architecture.md"), "How long a command is worth sending"))
    assert set(codes(long[0])) == LONG_LIVED
    assert (float(long[1]), float(short[1])) == (LONG_LIFETIME_SECONDS, SHORT_LIFETIME_SECONDS)


def test_the_retries_are_those_of_the_code() -> None:
    table = [row for row in cells(section(text_of("architecture.md"), "The queues")) if "after" in row[1]]
    assert set(codes(table[0][0])) == AUDIBLE
    for row, milliseconds in zip(table, (AUDIBLE_RETRIES_MILLISECONDS, OTHER_RETRIES_MILLISECONDS), strict=True):
        assert [float(figure) for figure in re.findall(r"[\d.]+", row[1])] == [each / 1000 for each in milliseconds]


def test_the_results_are_those_of_the_code() -> None:
    final = {outcome.value for outcome in Outcome if outcome.is_final}
    rows = cells(section(text_of("journal.md"), "Attributes of an event"))
    listed = {codes(row[0])[0] for row in rows[[row[0] for row in rows].index("`result`") + 1 :]}
    assert listed == final | {QUEUED, EXPIRED, SUPERSEDED}


def test_the_findings_are_those_of_the_code() -> None:
    rows = cells(section(text_of("recordings.md"), "Findings"))[1:]
    assert [row[0] for row in rows] == [f"`{code}`" for code in Code]
    assert [row[1] for row in rows] == [Finding(code).severity.name.lower() for code in Code]


def test_the_names_of_keyed_digits_are_those_of_the_code() -> None:
    always, sometimes = cells(section(text_of("privacy.md"), "Keyed digits"))[1:3]
    assert set(codes(always[1])) == DIGIT_NAMES
    assert set(codes(sometimes[1])) == AMBIGUOUS_NAMES


def test_the_faults_are_those_of_the_simulator() -> None:
    source = (SIMULATOR / "faults.py").read_text()
    declared = dict(re.findall(r"^    (\w+): (?:Rate|float|int|bool) = (.+)$", source, re.MULTILINE))
    faults, amounts = section(text_of("local-stack.md"), "Faults").split("| Amount | Default | |")
    listed = {codes(row[0])[0]: row[1] for row in cells(amounts)}
    assert listed == {name: default.lower() for name, default in declared.items() if name in listed}
    rows = cells(faults.partition("| Fault | Kind | Effect |")[2])
    assert {codes(row[0])[0] for row in rows} | set(listed) == set(declared)


def test_the_endpoints_are_those_of_the_simulator() -> None:
    routes = re.findall(r'Route\("([^"]+)".*methods=\[([^\]]+)\]', (SIMULATOR / "control.py").read_text())
    paths = [(path.replace("{id:path}", "{ID}"), re.findall(r"\w+", methods)) for path, methods in routes]
    built = {(path, method) for path, methods in paths for method in methods}
    rows = cells(section(text_of("local-stack.md"), "The control API"))[1:]
    assert {(codes(row[0])[0], row[1]) for row in rows} == built


def test_the_scenarios_can_be_played() -> None:
    found = [tomllib.loads(code) for code in blocks(DOCS / "local-stack.md", "toml")]
    assert [scenario(content).steps for content in found if "steps" in content]


def test_the_page_of_a_recipe_has_a_flow_and_a_scenario_that_a_test_plays() -> None:
    names = [path.stem for path in (DOCS / "recipes").glob("*.md")]
    assert names
    for name in names:
        assert (PROJECT / "flows" / f"{name}.py").exists()
        assert (PROJECT / "local" / "hookline_local" / "scenarios" / f"{name}.toml").exists()
        assert f'line.play("{name}")' in (PROJECT / "tests" / "flows" / f"test_{name}.py").read_text()


def test_the_commands_are_those_that_a_flow_can_import() -> None:
    listed = codes(section(text_of("flows.md"), "Commands").partition("\n\n* ")[0])
    assert set(listed[1:]) == set(hookline.__all__) - {"Call", "Command", "Event"}


def test_the_metrics_of_recordings_are_counted_somewhere() -> None:
    sources = "".join(path.read_text() for path in (LAYER / "recordings").glob("*.py"))
    for name in codes(section(text_of("recordings.md"), "Metrics"))[:-1]:
        assert f'"{name}"' in sources, name


# Python


def executed(code: str, name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    exec(compile(code, name, "exec"), vars(module))  # noqa: S102 - our own documents
    return module


@page
def test_every_block_of_python_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that begins with `# flows/NAME.py` is that module for the blocks behind it; its tests are run."""
    monkeypatch.setenv("TELNYX_API_KEY", "KEY")  # an application on Telnyx's SDK reads them
    monkeypatch.setenv("TELNYX_PUBLIC_KEY", "none")
    for code in blocks(path, "python"):
        name = re.match(r"# flows/(\w+)\.py\n", code)
        module = executed(code, f"flows.{name[1]}" if name else f"a block of {path.name}")
        if name:
            monkeypatch.setitem(sys.modules, f"flows.{name[1]}", module)
            monkeypatch.setattr(flows, name[1], module, raising=False)
        for test in [value for key, value in vars(module).items() if key.startswith("test_")]:
            test()


@page
def test_every_function_of_a_flow_decides_on_the_event_it_is_named_after(path: Path) -> None:
    event_types = {file.stem.replace(".", "_"): file.stem for file in (PROJECT / "events").glob("*.json")}
    for code in blocks(path, "python"):
        module = executed(code, "a flow") if "def call_initiated(" in code else types.ModuleType("no flow")
        for name, function in vars(module).items():
            if name.startswith(("call_", "streaming_")):
                event = sample_event(event_types[name])
                commands = function(event, hookline.Call.of([event]))
                assert all(isinstance(command, hookline.Command) for command in commands)
