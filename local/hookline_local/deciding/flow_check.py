"""Checks a folder of call flows before it is built or served: names, declarations, imports, numbers.toml.

The names that the code of a flow uses are the business of flow_names.

A misspelled function is never called, and Python does not notice. The flows are imported in a process of their own, as
Lambda does it, so that whatever they do at import stays there: `python -m hookline_local.deciding.flow_check FOLDER`.
"""

import difflib
import importlib
import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from types import FunctionType, ModuleType

from hookline.event_types import BY_FUNCTION_NAME, EVENT_TYPES
from hookline.events import DTMF_EVENT, TRANSCRIPTION_EVENT
from hookline.flows import DEFAULT, NUMBERS_FILE, Flows
from hookline_local.deciding.flow_names import import_problems, use_problems

IMPORT_SECONDS = 60.0
"""Wall-clock time in which all flows must have been imported; only a flow that waits for something needs longer."""

PACKAGE = "flows"

NEVER_LOOKED_UP = frozenset({DTMF_EVENT, TRANSCRIPTION_EVENT})

DECLARATIONS = ("ACTING_DIGITS", "LOOKUP_EVENTS", "OTHER_LEGS")

_E164 = re.compile(r"\+[1-9][0-9]{1,14}", re.ASCII)


def problems(folder: Path) -> list[str]:
    """One sentence for each mistake in a folder of flows; empty when there is none."""
    command = [sys.executable, "-m", "hookline_local.deciding.flow_check", "--json", str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    try:
        checked = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=IMPORT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return [f"{folder}: importing the flows took longer than {IMPORT_SECONDS:.0f} s; a flow may not wait at import"]
    try:
        found: list[str] = json.loads(checked.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        last_line = (checked.stderr.strip().splitlines() or ["no output"])[-1]
        return [f"{folder}: the flows ended the process that imported them: {last_line}"]
    return found


def found_in(folder: Path) -> Iterator[str]:
    """The same in this process, which imports the flows."""
    if not folder.is_dir():
        yield f"{folder}: folder not found"
        return
    modules = [path for path in sorted(folder.glob("*.py")) if not path.name.startswith("_")]
    names = [path.stem for path in modules]
    yield from _in_numbers(folder / NUMBERS_FILE, names)
    if error := _import_package(folder):
        yield f"{folder / '__init__.py'}: cannot be imported: {error}"
        return
    for path in modules:
        if not path.stem.isidentifier():
            yield f"{path}: the name of a flow is a Python identifier, for example {_identifier(path.stem)}.py"
            continue
        yield from (f"{path}: {problem}" for problem in _in_module(path, names))


def _in_module(path: Path, flows: Collection[str]) -> Iterator[str]:
    imported = Flows.call(importlib.import_module, f"{PACKAGE}.{path.stem}")
    if imported.error_type == "SyntaxError":
        yield f"cannot be imported: {imported.error}"
        return
    source = path.read_text(encoding="utf-8")
    named = list(import_problems(source))
    if imported.error:
        yield from named or [f"cannot be imported: {imported.error}"]
        return
    module = sys.modules[f"{PACKAGE}.{path.stem}"]
    found = [*named, *_in_functions(module), *_in_declarations(module), *use_problems(source, module, flows)]
    yield from found
    if not found and not BY_FUNCTION_NAME.keys() & vars(module).keys():
        yield (
            "no function decides on an event, for example call_answered: a caller would hear nothing. "
            "The name of a module that is not a flow begins with an underscore"
        )


def _in_functions(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        if name.startswith("_"):
            continue
        is_own = isinstance(value, FunctionType) and value.__module__ == module.__name__
        if name in BY_FUNCTION_NAME or (name == "lookup" and is_own):
            yield from _in_decision(name, value)
        elif is_own:
            nearest = _nearest(name, (*BY_FUNCTION_NAME, "lookup"))
            meaning = f" ({BY_FUNCTION_NAME[nearest]})" if nearest in BY_FUNCTION_NAME else ""
            yield (
                f"{name}: no event type has this name; the nearest is {nearest}{meaning}. "
                f"A function that is not for an event begins with an underscore: _{name}"
            )


def _in_decision(name: str, value: object) -> Iterator[str]:
    if not callable(value):
        yield f"{name} is a {type(value).__name__}, not a function of an event and its call"
        return
    if inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value):
        yield f"{name} is async; a flow's functions are plain ones: def {name}(event, call)"
    if name == "lookup" and inspect.isgeneratorfunction(value):
        yield "lookup returns its result, and yields none"
    try:
        inspect.signature(value).bind("event", "call")
    except TypeError:
        yield f"{name} must take an event and its call: def {name}(event, call)"


def _in_declarations(module: ModuleType) -> Iterator[str]:
    for name in vars(module).keys() - DECLARATIONS:
        if name.isupper() and (similar := difflib.get_close_matches(name, DECLARATIONS, n=1, cutoff=0.85)):
            yield f"{name} declares nothing; the nearest is {similar[0]}. A constant of your own may be _{name}"
    digits = getattr(module, "ACTING_DIGITS", "")
    if not isinstance(digits, str) or not set(digits) <= set("0123456789ABCD*#"):
        yield 'ACTING_DIGITS is a text of single keys, for example "12*#"'
    if getattr(module, "OTHER_LEGS", True) not in (True, False):
        yield "OTHER_LEGS is True or False"
    yield from _in_lookup(module)


def _in_lookup(module: ModuleType) -> Iterator[str]:
    events = getattr(module, "LOOKUP_EVENTS", ())
    if not isinstance(events, (tuple, list, set, frozenset)):
        yield 'LOOKUP_EVENTS is a tuple of event types, for example ("call.initiated",)'
        return
    if bool(events) != hasattr(module, "lookup"):
        yield "lookup and LOOKUP_EVENTS, the event types that it is for, go together: one of the two is missing"
    for event_type in events:
        if event_type in NEVER_LOOKED_UP:
            yield f"LOOKUP_EVENTS: there may be thousands of {event_type} on a call, so that none is looked up"
        elif event_type not in EVENT_TYPES:
            yield f"LOOKUP_EVENTS: {event_type!r} is not known; the nearest is {_nearest(str(event_type), EVENT_TYPES)}"


def _in_numbers(path: Path, flows: Collection[str]) -> Iterator[str]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        yield f'{path}: file not found; it names the flow of each number, at least default = "{next(iter(flows), "")}"'
        return
    except (OSError, ValueError) as error:
        yield f'{path}: not valid TOML: {error}. A line reads "+12025550123" = "menu", once for each number'
        return
    for key in content.keys() - {DEFAULT, "numbers"}:
        if _E164.fullmatch(key):
            yield f"{path}: {key} stands outside the table of numbers: move the line below [numbers]"
            continue
        yield f"{path}: {key!r} is not known; the nearest is {_nearest(key, (DEFAULT, 'numbers'))}"
    numbers = content.get("numbers", {})
    if not isinstance(numbers, dict):
        yield f"{path}: numbers is a table: [numbers]"
        numbers = {}
    for number in numbers:
        if not _E164.fullmatch(number):
            yield f'{path}: {number!r} is not a number in E.164, for example "+12025550123"'
    named = [(DEFAULT, content[DEFAULT])] if DEFAULT in content else []
    for key, flow in [*named, *numbers.items()]:
        if not isinstance(flow, str):
            yield f"{path}: {key}: the flow of a number is the name of a module, in quotes"
        elif not flow and key != DEFAULT:
            yield f"{path}: {key}: no flow is named. Without the line the number runs the default flow"
        elif flow and flow not in flows:
            nearest = f"; the nearest is {_nearest(flow, flows)!r}" if flows else ""
            yield f"{path}: {key}: there is no flow {flow!r} ({flow}.py){nearest}"


def _nearest(name: str, known: Collection[str]) -> str:
    return difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)[0]


def _identifier(name: str) -> str:
    return re.sub(r"\W|^(?=\d)", "_", name)


def _import_package(folder: Path) -> str | None:
    """Make the folder the package of flows, whatever it is called; the error when it cannot be imported."""
    init = folder / "__init__.py"
    if not init.exists():
        package = ModuleType(PACKAGE)
        package.__path__ = [str(folder)]
        sys.modules[PACKAGE] = package
        return None
    spec = importlib.util.spec_from_file_location(PACKAGE, init, submodule_search_locations=[str(folder)])
    if spec is None or spec.loader is None:
        return "it is not a module"
    sys.modules[PACKAGE] = package = importlib.util.module_from_spec(spec)
    return Flows.call(spec.loader.exec_module, package).error


def main() -> None:
    """Print the problems, a line each, and exit with 1 when there are any; with --json print a list, found in here."""
    arguments = sys.argv[1:]
    folder = Path(arguments[-1])
    if arguments[:1] == ["--json"]:
        sys.stdout.write("\n" + json.dumps([_one_line(problem) for problem in found_in(folder)]) + "\n")
        return
    found = problems(folder)
    sys.stdout.write("".join(f"{problem}\n" for problem in found))
    sys.exit(1 if found else 0)


def _one_line(text: str) -> str:
    """Without control characters: the text of an error is whatever an import has raised."""
    text = " ".join(text.split())
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


if __name__ == "__main__":
    main()
