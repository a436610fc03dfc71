"""Mistakes in a folder of flows are named before anything is built or served: names, imports, numbers.toml."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import telnyx.types
from hypothesis import given
from hypothesis import strategies as st

from hookline.event_types import BY_FUNCTION_NAME, EVENT_TYPES
from hookline.routing import AUDIBLE, ROUTED_EVENTS
from hookline_local.deciding.flow_check import problems

PROJECT = Path(__file__).parents[2]

SOUND = """
import json
import typing
from dataclasses import dataclass
import hookline
from hookline import Call, Command, Event, dial, hangup, speak
from hookline.client_state import decode

try:
    import a_package_for_laptops
except ImportError:
    pass
if typing.TYPE_CHECKING:
    import mypy

OURS = "+12025550123"
ACTING_DIGITS = "12*#"
LOOKUP_EVENTS = ("call.initiated", "call.gather.ended")
OTHER_LEGS = True

def lookup(event, call):
    return None

@dataclass
class Settings:
    voice: str = "female"

def call_cost(event, call):
    return []

def call_answered(event: Event, call: Call) -> list[Command]:
    return _end()

def _end():
    global ended
    ended = True
    return [hangup()] if ended else [hookline.speak(payload="Hello.", voice=Settings.voice)]

def _place(event: Event, call: Call, flow: str, **more) -> Command:
    if call.facts or call.legs or event.payload.get("digits"):
        return dial(to=OURS, from_=OURS, connection_id="1", flow=flow, **more)
    return dial(to=OURS, from_=OURS, connection_id="1", flow="sound")

def _of_another(speak):
    call = {}
    return speak("any", thing=call)

call_hangup = siprec_failed = call_cost
"""

ANSWERED = "def call_answered(event, call): return []"

WRONG_MODULES = {
    "misspelled": (
        "def call_anwsered(event, call): return []",
        "call_anwsered: no event type has this name; the nearest is call_answered (call.answered)",
    ),
    "alias": (
        f"{ANSWERED}\ncall_hungup = call_answered",
        "call_hungup: no event type has this name; the nearest is call_hangup (call.hangup)",
    ),
    "helper": (
        "def greeting(): return []",
        "A function that is not for an event begins with an underscore: _greeting",
    ),
    "one_argument": (
        "def call_answered(event): return []",
        "call_answered must take an event and its call: def call_answered(event, call)",
    ),
    "text": ("call_answered = 'hangup'", "call_answered is a str, not a function"),
    "waits": ("async def call_answered(event, call): return []", "call_answered is async"),
    "raises": ("raise LookupError('no customer')", "cannot be imported: LookupError: no customer"),
    "exits": ("import sys; sys.exit('bye')", "cannot be imported: SystemExit: bye"),
    "syntax": ("def call_answered(event, call)", "cannot be imported: SyntaxError: "),
    "absent": ("import flows.another", "cannot be imported: ModuleNotFoundError: "),
    "empty_text": (
        "from hookline import speak\nHELLO = speak(payload='', voice='female')",
        "cannot be imported: ValueError: speak: ",
    ),
    "digits": ("ACTING_DIGITS = 12", "ACTING_DIGITS is a text of single keys"),
    "legs": ("OTHER_LEGS = 'yes'", "OTHER_LEGS is True or False"),
    "no_lookup": ("LOOKUP_EVENTS = ('call.initiated',)", "lookup and LOOKUP_EVENTS"),
    "no_events": ("def lookup(event, call): ...", "lookup and LOOKUP_EVENTS"),
    "one_text": (
        "LOOKUP_EVENTS = 'call.initiated'\ndef lookup(event, call): ...",
        'LOOKUP_EVENTS is a tuple of event types, for example ("call.initiated",)',
    ),
    "unknown_event": (
        "LOOKUP_EVENTS = ('call.initated',)\ndef lookup(event, call): ...",
        "LOOKUP_EVENTS: 'call.initated' is not known; the nearest is call.initiated",
    ),
    "every_key": (
        "LOOKUP_EVENTS = ('call.dtmf.received',)\ndef lookup(event, call): ...",
        "there may be thousands of call.dtmf.received on a call",
    ),
    "two-words": ("", "two_words.py"),
    "late_generator": ("async def call_answered(event, call): yield", "call_answered is async"),
    "yields": (
        f"{ANSWERED}\nLOOKUP_EVENTS = ('call.initiated',)\ndef lookup(event, call): yield {{}}",
        "lookup returns its result, and yields none",
    ),
    "misspelled_declaration": (
        f"{ANSWERED}\nOTHER_LEG = True",
        "OTHER_LEG declares nothing; the nearest is OTHER_LEGS. A constant of your own may be _OTHER_LEG",
    ),
    "nothing": ("def _call_answered(event, call): return []", "no function decides on an event"),
    "unknown_command": ("from hookline import anwser", "line 1: hookline has no 'anwser'; the nearest is answer"),
    "unknown_attribute": (
        "import hookline\ndef call_answered(event, call): return [hookline.hangupp()]",
        "line 2: hookline has no 'hangupp'; the nearest is hangup",
    ),
    "not_deployed": ("import requests", "line 1: requests is not deployed. A flow imports hookline, the standard"),
    "not_imported": (
        "def call_answered(event, call): return [hangup()]",
        "line 1: hangup is not imported: from hookline import hangup",
    ),
    "undefined": (
        "VOICE = 'female'\ndef call_answered(event, call): return VIOCE",
        "line 2: VIOCE is not defined; the nearest is VOICE",
    ),
    "unknown_parameter": (
        "from hookline import speak\ndef call_answered(event, call): return [speak(payload='x', voise='female')]",
        "line 2: speak has no parameter 'voise'; the nearest is voice",
    ),
    "by_position": (
        "from hookline import speak\ndef call_answered(event, call): return [speak('x', voice='female')]",
        "line 2: speak takes its parameters by name, for example speak(payload=...)",
    ),
    "wrong_value": (
        (
            "import hookline\nKIND = 'mp4'\n"
            "def call_answered(event, call): return [hookline.record_start(channels='single', format=KIND)]"
        ),
        "line 3: ValueError: record_start: format must be one of mp3, wav",
    ),
    "unknown_flow": (
        (
            "from hookline import transfer\n"
            "def call_answered(event, call): return [transfer(to=event.payload['to'], target_flow='sond')]"
        ),
        "line 2: transfer: there is no flow 'sond' (sond.py); the nearest is 'sound'",
    ),
    "unknown_of_event": (
        "def call_answered(happened, call): return happened.digits or []",
        "line 1: happened.digits: Event has no such attribute; the nearest is identity; what Telnyx has sent is in",
    ),
    "unknown_of_call": (
        f"from hookline import Call\n{ANSWERED}\ndef _asked(call: Call): return call.counts('call.gather.ended')",
        "line 3: call.counts: Call has no such attribute; the nearest is count",
    ),
    "facts": (
        "def call_answered(event, call): return call.facts or []",
        "line 1: call.facts: always None in a flow without a lookup",
    ),
    "legs_undeclared": (
        "def call_answered(event, call): return call.legs or []",
        "line 1: call.legs: always empty in a flow without OTHER_LEGS = True",
    ),
    "defined_twice": (f"{ANSWERED}\n\n{ANSWERED}", "line 3: call_answered is defined in line 1 already; rename one"),
    "hostile": (r"raise ValueError('\x1b[2J \u202e\n\nTraceback')", "ValueError: \ufffd[2J \ufffd Traceback"),
}

WRONG_NUMBERS = [
    ('default = "sond"', "default: there is no flow 'sond' (sond.py); the nearest is 'sound'"),
    ("default = 7", "default: the flow of a number is the name of a module, in quotes"),
    ('defualt = "sound"', "'defualt' is not known; the nearest is default"),
    ("default = ", "not valid TOML: Invalid value (at end of document)"),
    ("numbers = 7", "numbers is a table: [numbers]"),
    ('[numbers]\n"+1202555O123" = "sound"', "'+1202555O123' is not a number in E.164"),
    ('[numbers]\n"12025550123" = "sound"', "'12025550123' is not a number in E.164"),
    ('[numbers]\n"+12025550123" = ""', "Without the line the number runs the default flow"),
    ('[numbers]\n"+12025550123" = "sound"\n"+12025550123" = "sound"', "once for each number"),
    ('"+12025550123" = "sound"', "+12025550123 stands outside the table of numbers: move the line below [numbers]"),
    (None, 'numbers.toml: file not found; it names the flow of each number, at least default = "sound"'),
]


def folder_of(path: Path, numbers: str | None, **modules: str) -> Path:
    path.mkdir(exist_ok=True)
    for name, source in {"sound": SOUND, "_helpers": "def anything(): ...", **modules}.items():
        (path / f"{name}.py").write_text(source)
    (path / "numbers.toml").unlink(missing_ok=True)
    if numbers is not None:
        (path / "numbers.toml").write_text(numbers)
    return path


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The problems of one folder with every mistake that a module can hold, and a sound module between them."""
    modules = {name: source for name, (source, _) in WRONG_MODULES.items()}
    return problems(folder_of(tmp_path_factory.mktemp("wrong"), 'default = "sound"', **modules))


@pytest.mark.parametrize("name", WRONG_MODULES)
def test_each_mistake_in_a_module_is_named_with_its_file(found: list[str], name: str) -> None:
    (problem,) = [problem for problem in found if f"/{name}.py: " in problem]
    assert WRONG_MODULES[name][1] in problem


def test_what_is_right_is_not_named(found: list[str]) -> None:
    assert len(found) == len(WRONG_MODULES)


@pytest.mark.parametrize("numbers, text", WRONG_NUMBERS)
def test_each_mistake_in_the_numbers_file_is_named(tmp_path: Path, numbers: str | None, text: str) -> None:
    (problem,) = problems(folder_of(tmp_path / "flows", numbers))
    assert problem.startswith(f"{tmp_path / 'flows' / 'numbers.toml'}")
    assert text in problem


@pytest.mark.parametrize("numbers", ["", 'default = ""', '[numbers]\n"+12025550123" = "sound"'])
def test_a_number_without_a_flow_is_no_mistake(tmp_path: Path, numbers: str) -> None:
    assert problems(folder_of(tmp_path / "whatever it is called", numbers)) == []


def test_a_package_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    (problem,) = problems(folder_of(tmp_path, "", __init__="raise OSError('no disk')"))
    assert problem == f"{tmp_path / '__init__.py'}: cannot be imported: OSError: no disk"


def test_a_flow_that_ends_the_process_is_named(tmp_path: Path) -> None:
    (problem,) = problems(folder_of(tmp_path, "", abrupt="import os\nos._exit(3)"))
    assert "the flows ended the process that imported them" in problem
    command = [sys.executable, "-m", "hookline_local.deciding.flow_check", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, f"{problem}\n")


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    assert problems(tmp_path / "nowhere") == [f"{tmp_path / 'nowhere'}: folder not found"]


# Where it is asked


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "flows", 'default = "sound"', menu=WRONG_MODULES["misspelled"][0])


def test_make_build_stops_at_a_misspelled_name(wrong: Path) -> None:
    make = shutil.which("make") or "make"
    command = [make, "build", f"FLOWS={wrong}", "SAM=false"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "flows/menu.py: call_anwsered: no event type has this name; the nearest is call_answered" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_serve_does_not_start_with_a_misspelled_name(wrong: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hookline_local", "serve"],
        env={**os.environ, "HOOKLINE_FLOWS": str(wrong), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    shown = " ".join(done.stderr.split())
    assert "call_anwsered: no event type has this name; the nearest is call_answered (call.answered)" in shown
    assert "Traceback" not in shown


# The one list of event types


def event_types_of_the_sdk() -> set[str]:
    """Every event type of calls that a type of the SDK lists."""
    folder = Path(telnyx.types.__file__).parent
    texts = [path.read_text() for path in folder.glob("*.py") if path.name.startswith(("call", "con", "str", "trans"))]
    return {
        found for text in texts for found in re.findall(r'"((?:call|conference|siprec|streaming)\.[a-z_.]+)"', text)
    }


def test_every_event_type_of_the_sdk_is_known() -> None:
    theirs = event_types_of_the_sdk()
    assert len(theirs) > 50
    assert theirs - EVENT_TYPES == set(), "add these to layers/hookline/hookline/event_types.py"


def test_every_event_type_that_is_named_elsewhere_is_known() -> None:
    assert set(ROUTED_EVENTS) <= EVENT_TYPES
    assert AUDIBLE <= EVENT_TYPES


def test_the_name_of_a_function_stands_for_one_event_type() -> None:
    assert len(BY_FUNCTION_NAME) == len(EVENT_TYPES)


@given(st.sampled_from(sorted(BY_FUNCTION_NAME)))
def test_every_known_name_is_its_event_type_with_underscores(name: str) -> None:
    assert BY_FUNCTION_NAME[name].replace(".", "_") == name
