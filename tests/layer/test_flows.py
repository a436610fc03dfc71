"""Call flows: which flow decides on an event, and what becomes of the event when the flow fails."""

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hookline import Call, Command, Event, hangup, speak
from hookline.client_state import encode_for_flow
from hookline.environment import environment
from hookline.flows import Decision, Flows
from hookline.journal import Entry
from tests.support.conditions import deciding
from tests.support.flows import reception
from tests.support.world import FLOWS, World, deliver, log_anew, ok, refused, sample_data, sample_event, start_cold

LEG = sample_data("call.answered")["payload"]["call_leg_id"]
NUMBER = sample_data("call.initiated")["payload"]["to"]
SECRET = "the caller keyed in 471108154711"

Package = Callable[..., None]


@pytest.fixture
def package(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Package:
    """Deploy a package of flows of its own: numbers.toml and its modules, by name."""
    name = f"flows_of_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("FLOWS_PACKAGE", name)

    def deploy(numbers: str, **modules: str) -> None:
        (folder / "__init__.py").write_text(modules.pop("init", ""))
        (folder / "numbers.toml").write_text(numbers)
        for module, source in modules.items():
            (folder / f"{module}.py").write_text(source)
        start_cold(world)

    return deploy


def flow_that(returns: str) -> str:
    """The source of a flow whose functions return this."""
    return f"""
from hookline import answer, hangup, speak

def call_initiated(event, call):
    return {returns}

call_answered = call_initiated
"""


def state_of(flow: str) -> str:
    return encode_for_flow(flow, None)


def entry(world: World, any_id: str = LEG) -> Entry:
    record = world.journal.read(any_id)
    assert record is not None
    (found,) = record.entries
    return found


def spoken(world: World) -> list[str]:
    return [str(sent["body"].get("payload", sent["action"])) for sent in world.sent]


# When flows are loaded


@pytest.mark.parametrize(
    ("event_type", "reads_numbers"), [("", True), ("call.initiated", True), ("call.answered", False)]
)
def test_a_cold_start_imports_all_flows_and_reads_the_numbers_only_where_calls_begin(
    world: World, package: Package, monkeypatch: pytest.MonkeyPatch, event_type: str, reads_numbers: bool
) -> None:
    monkeypatch.setenv("EVENT_TYPE", event_type)
    package(
        'default = "second"', second=flow_that("[answer()]"), first=flow_that("[hangup()]"), broken="import nothing_"
    )
    environment().build()
    name = environment().settings["FLOWS_PACKAGE"]
    assert {f"{name}.first", f"{name}.second"} <= set(sys.modules)
    (Path(sys.modules[name].__path__[0]) / "numbers.toml").write_text('default = "first"')
    deliver("call.initiated")
    assert spoken(world) == (["answer"] if reads_numbers else ["hangup"])


# Which flow


@pytest.mark.parametrize(
    ("numbers", "payload", "flow"),
    [
        ('default = "first"', {}, "first"),
        (f'default = "first"\n[numbers]\n"{NUMBER}" = "second"', {}, "second"),
        (f'default = "first"\n[numbers]\n"{NUMBER}" = "second"', {"to": "+12025550199"}, "first"),
        (f'[numbers]\n"{NUMBER}" = "second"', {"to": "+12025550199"}, None),
        ("", {}, None),
        ('default = "first"', {"to": None}, "first"),
        ('default = "first"', {"to": ["+1"]}, "first"),
        ('default = "first"', {"direction": "outgoing"}, None),
        ('default = "first"', {"state": "bridging"}, None),
    ],
)
def test_the_number_that_was_called_says_which_flow_an_incoming_call_runs(
    world: World, package: Package, numbers: str, payload: dict[str, Any], flow: str | None
) -> None:
    package(numbers, first=flow_that("[answer()]"), second=flow_that("[hangup()]"))
    commands = {"first": ["answer: accepted"], "second": ["hangup: accepted"], None: []}
    assert deliver("call.initiated", **payload)["commands"] == commands[flow]
    assert entry(world).flow == flow


def test_the_name_of_the_flow_travels_with_the_leg_from_its_answer_on(world: World) -> None:
    deliver("call.initiated")
    state = world.sent[0]["body"]["client_state"]
    assert json.loads(base64.b64decode(state)) == {"flow": "reception", "state": {"step": "answer"}}
    deliver("call.answered", client_state=state)
    assert world.actions[1:] == ["speak", "record_start", "transcription_start"]


def test_an_answer_without_a_state_of_its_own_still_names_the_flow(world: World, package: Package) -> None:
    package('default = "first"', first=flow_that("[answer()]"))
    deliver("call.initiated")
    assert json.loads(base64.b64decode(world.sent[0]["body"]["client_state"])) == {"flow": "first", "state": None}


def test_a_call_that_is_rejected_still_names_the_flow_at_its_end(world: World, package: Package) -> None:
    package('default = "first"', first="from hookline import reject\n" + flow_that("[reject(cause='USER_BUSY')]"))
    deliver("call.initiated")
    assert json.loads(base64.b64decode(world.sent[0]["body"]["client_state"])) == {"flow": "first", "state": None}


def test_a_fallback_leaves_the_name_of_the_flow_on_the_leg_as_well(world: World) -> None:
    world.replies = lambda request: refused(422, "10032") if b"Polly" in request.content else ok()
    plain = speak(payload="Hello.", voice="female", client_state={"step": "greeting"})
    custom = speak(payload="Hello.", voice="AWS.Polly.X", client_state={"step": "greeting"}).otherwise(plain)
    with deciding(call_answered=custom):
        assert deliver("call.answered")["commands"] == ["speak: refused", "speak: accepted"]
    states = [json.loads(base64.b64decode(sent["body"]["client_state"])) for sent in world.sent]
    assert states == [{"flow": "reception", "state": {"step": "greeting"}}] * 2


def test_a_state_that_only_the_fallback_has_carries_the_name_of_the_flow(world: World) -> None:
    world.replies = lambda request: refused(422, "10032") if b"Polly" in request.content else ok()
    plain = speak(payload="Hello.", voice="female", client_state={"step": "greeting"})
    with deciding(call_answered=speak(payload="Hello.", voice="AWS.Polly.X").otherwise(plain)):
        assert deliver("call.answered")["commands"] == ["speak: refused", "speak: accepted"]
    first, second = (sent["body"] for sent in world.sent)
    assert "client_state" not in first
    state = json.loads(base64.b64decode(second["client_state"]))
    assert state == {"flow": "reception", "state": {"step": "greeting"}}


@pytest.mark.parametrize("state", [None, "", "no base64", "e30=", base64.b64encode(b'{"step":"answer"}').decode()])
def test_a_leg_that_no_flow_has_named_is_journalled_and_nothing_is_decided(world: World, state: object) -> None:
    assert deliver("call.answered", client_state=state)["commands"] == []
    assert entry(world).flow is None
    assert world.sent == []


def test_a_flow_without_a_function_for_an_event_decides_nothing(world: World, package: Package) -> None:
    package('default = "first"', first=flow_that("[answer()]"))
    assert deliver("call.hangup", client_state=state_of("first"))["commands"] == []
    assert (entry(world).flow, entry(world).error) == ("first", None)


def test_any_event_type_can_have_a_function(world: World) -> None:
    with deciding(call_unheard_of=hangup(on="v3:x")):
        assert deliver("call.unheard.of", function="", client_state=state_of("reception"))["commands"] == [
            "hangup: accepted"
        ]


def test_a_function_for_the_cost_of_a_call_is_all_that_call_cost_needs(world: World, package: Package) -> None:
    package("", first="from hookline import hangup\ndef call_cost(event, call): return [hangup(on='v3:other')]")
    sample = deliver("call.cost", function="", client_state=state_of("first"))
    assert sample["commands"] == ["hangup: accepted"]
    assert world.sent[0]["path"] == "/v2/calls/v3%3Aother/actions/hangup"
    (item,) = world.items
    assert (item["event_type"], item["flow"]) == ("call.cost", "first")


# A flow that fails


FAILING = [
    ("raise LookupError('the caller keyed in 471108154711')", "LookupError"),
    ("raise ImportError('the caller keyed in 471108154711')", "ImportError"),
    ("def call_answered(event, call): raise KeyError('the caller keyed in 471108154711')", "KeyError"),
    ("def call_answered(event, call): return event.payload['the caller keyed in 471108154711']", "KeyError"),
    ("def call_answered(event, call): return None", "TypeError"),
    ("def call_answered(event, call): return 7", "TypeError"),
    ("def call_answered(event, call): return ['hangup']", "TypeError"),
    ("def call_answered(event): return []", "TypeError"),
    ("call_answered = 'the caller keyed in 471108154711'", "TypeError"),
    ("def call_answered(event, call): return call_answered(event, call)", "RecursionError"),
    ("def call_answered(event, call)", "SyntaxError"),
    ("import a_module_that_was_not_deployed", "ModuleNotFoundError"),
    ("import sys\nsys.exit('the caller keyed in 471108154711')", "SystemExit"),
    ("import sys\ndef call_answered(event, call): sys.exit('the caller keyed in 471108154711')", "SystemExit"),
    ("class Stop(BaseException): ...\ndef call_answered(event, call): raise Stop(471108154711)", "Stop"),
    ("import asyncio\ndef call_answered(event, call): raise asyncio.CancelledError", "CancelledError"),
    (
        "class Bad(Exception):\n def __str__(self): raise ValueError(471108154711)\ndef call_answered(e, c): raise Bad",
        "Bad",
    ),
    ("def call_answered(event, call): return {'hangup': 471108154711}", "TypeError"),
    ("def call_answered(event, call): yield object()", "TypeError"),
    ("from hookline import hangup\ndef call_answered(event, call): return [hangup().otherwise([])]", "TypeError"),
    (
        "from hookline import Command\ndef call_answered(event, call): return [Command('speak', {'x': {4}})]",
        "TypeError",
    ),
    ("from hookline import Command\ndef call_answered(event, call): return [Command(len)]", "TypeError"),
    (
        "from hookline import Command\ndef call_answered(event, call): return [Command('speak', ['x'])]",
        "AttributeError",
    ),
    ("from hookline import speak\ndef call_answered(event, call): return [speak(payload='', voice='x')]", "ValueError"),
]


@pytest.mark.parametrize(("source", "error"), FAILING, ids=[f"{error}-{at}" for at, (_, error) in enumerate(FAILING)])
def test_the_event_of_a_bug_is_journalled_with_the_error_and_the_caller_hears_of_it(
    world: World, package: Package, capsys: pytest.CaptureFixture[str], source: str, error: str
) -> None:
    package('default = "broken"', broken=source)
    answer = deliver("call.answered", client_state=state_of("broken"))
    assert (answer["status"], answer["commands"]) == (200, ["speak: accepted", "hangup: queued"])
    found = entry(world)
    assert (found.error or "").startswith(f"{error}: ")
    assert found.flow == "broken"
    assert spoken(world) == [world.settings["FLOW_FAILURE_TEXT"]]
    (queued,) = world.queued_commands
    assert queued["command"]["action"] == "hangup"
    assert queued["not_before"] > 0
    logged = capsys.readouterr().out
    assert logged.count('"FlowFailed":[1.0]') == 1
    (line,) = [json.loads(text) for text in logged.splitlines() if "flow failed" in text]
    assert (line["error"], line["flow"], line["call_leg_id"]) == (error, "broken", LEG)
    assert "471108154711" not in logged
    (item,) = world.items
    assert item["trouble"] == "flow_failed"


def test_a_decision_that_does_not_end_is_cut_off_and_treated_as_a_bug(
    world: World, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKLINE_PATIENCE", "1")
    package("", waits="import threading\ndef call_answered(event, call): threading.Event().wait()")
    answer = deliver("call.answered", client_state=state_of("waits"))
    assert (answer["status"], answer["commands"]) == (200, ["speak: accepted", "hangup: queued"])
    assert (entry(world).error or "").startswith("DeadlineExceeded: ")


@pytest.mark.parametrize(
    "source", ["def call_answered(event, call):\n while True: pass", "import time\ntime.sleep(3_000)"]
)
def test_a_loop_and_an_import_that_do_not_end_are_cut_off(world: World, package: Package, source: str) -> None:
    package("", endless=source)
    decision = environment().flows.decide("endless", sample_event("call.answered"), seconds=0.05)
    assert decision.error_type == "DeadlineExceeded"


def test_an_import_that_does_not_end_breaks_its_own_calls_alone(world: World, package: Package) -> None:
    package("", endless="import time\ntime.sleep(3_000)", sound=flow_that("[hangup()]"))
    environment().flows.load(with_numbers=True, seconds=0.05)
    assert deliver("call.answered", client_state=state_of("endless"))["commands"][0] == "speak: accepted"
    assert entry(world).error == "ImportError: the import of endless does not end"
    assert environment().flows.decide("sound", sample_event("call.answered")).commands == [hangup()]


@pytest.mark.parametrize(
    ("returned", "error"),
    [
        ("None", "call_answered returned None: return [] where nothing is to be commanded"),
        ("'hangup'", "call_answered returned a str: return a list of commands"),
        ("{}", "call_answered returned a dict: return a list of commands"),
        ("hangup()", "call_answered returned a Command: return a list of commands"),
        ("[None]", "a flow returns a list of commands; this one holds None"),
        ("(each for each in [hangup()])", None),
        ("(hangup(),)", None),
    ],
)
def test_what_is_not_a_list_of_commands_is_named(
    world: World, package: Package, returned: str, error: str | None
) -> None:
    package("", first=flow_that(returned))
    decision = environment().flows.decide("first", sample_event("call.answered"))
    assert decision.error == (f"TypeError: {error}" if error else None)
    assert list(decision.commands) == ([] if error else [hangup()])


@pytest.mark.parametrize(("level", "lines"), [("INFO", ["counted"]), ("ERROR", [])])
def test_a_flow_logs_by_the_standard_library(
    world: World,
    package: Package,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    level: str,
    lines: list[str],
) -> None:
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", level)
    source = "import logging\ndef call_cost(event, call):\n logging.getLogger(__name__).info('counted')\n return []"
    package("", first=source)
    assert deliver("call.cost", function="", client_state=state_of("first"))["commands"] == []
    assert [record.message for record in caplog.records if record.name.endswith(".first")] == lines


@pytest.mark.parametrize(
    "flow", ["gone", "not.a.name", "../reception", "os", "numbers.toml", "Ümläut", "a b", "x" * 300]
)
def test_an_unknown_flow_is_treated_as_a_bug(world: World, flow: str) -> None:
    assert deliver("call.answered", client_state=state_of(flow))["commands"] == ["speak: accepted", "hangup: queued"]
    found = entry(world)
    assert (found.error or "").startswith("ModuleNotFoundError: " if flow.isidentifier() else "LookupError: ")


UNQUOTED = "ValueError: flows/numbers.toml: the flow of a number must be the name of a module, in quotes"
NUMBERS_WRONG = [
    pytest.param(
        "default = ",
        {},
        "ValueError: flows/numbers.toml cannot be read: Invalid value (at end of document)",
        id="not TOML",
    ),
    pytest.param("default = 7", {}, UNQUOTED, id="a flow that is a number"),
    pytest.param("[numbers]\n'+1' = true", {}, UNQUOTED, id="a number's flow that is true"),
    pytest.param("numbers = 7", {}, UNQUOTED, id="numbers that are not a table"),
    pytest.param(
        'default = "reception"',
        {"init": "raise RuntimeError('no disk')"},
        "RuntimeError: no disk",
        id="a package that raises",
    ),
]


@pytest.mark.parametrize("numbers, modules, error", NUMBERS_WRONG)
def test_without_a_readable_numbers_file_an_incoming_call_is_journalled_with_what_is_wrong(
    world: World, package: Package, numbers: str, modules: dict[str, str], error: str
) -> None:
    package(numbers, **modules)
    answer = deliver("call.initiated")
    assert (answer["status"], answer["commands"]) == (200, ["speak: accepted", "hangup: queued"])
    assert entry(world).error == error


def test_without_a_numbers_file_an_incoming_call_is_journalled_with_what_is_wrong(
    world: World, package: Package
) -> None:
    package("")
    name = environment().settings["FLOWS_PACKAGE"]
    next(Path(path) for path in sys.path if (Path(path) / name).is_dir()).joinpath(name, "numbers.toml").unlink()
    assert deliver("call.initiated")["commands"] == ["speak: accepted", "hangup: queued"]
    assert "numbers.toml cannot be read" in (entry(world).error or "")


def test_the_call_ends_once_the_failure_text_can_have_been_spoken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOW_FAILURE_TEXT", "x" * 40)
    start_cold(world)
    deliver("call.answered", client_state=state_of("gone"))
    record = world.journal.read(LEG)
    assert record is not None
    (answered,) = record.entries
    assert [command.get("delay_seconds") for command in answered.commands] == [None, 9.0]


def test_without_a_failure_text_the_call_is_hung_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOW_FAILURE_TEXT", "")
    start_cold(world)
    assert deliver("call.answered", client_state=state_of("gone"))["commands"] == ["hangup: accepted"]


def test_a_failure_text_that_is_refused_is_replaced_by_the_hang_up(world: World) -> None:
    world.replies = lambda request: refused(422, "10032") if "speak" in request.url.path else ok()
    deliver("call.answered", client_state=state_of("gone"))
    assert world.actions == ["speak", "hangup"]


def test_the_caller_hears_of_a_failure_once_however_often_the_flow_fails(world: World) -> None:
    deliver("call.answered", client_state=state_of("gone"))
    assert deliver("call.dtmf.received", client_state=state_of("gone"))["commands"] == []
    assert world.actions == ["speak"]
    record = world.journal.read(LEG)
    assert record is not None
    assert all(each.error for each in record.entries)


def test_after_the_hang_up_a_failure_is_journalled_and_nothing_is_commanded(world: World) -> None:
    deliver("call.hangup")
    assert deliver("call.answered", client_state=state_of("gone"))["commands"] == []
    assert world.sent == []


def test_a_redelivery_of_a_failed_event_is_a_duplicate(world: World) -> None:
    deliver("call.answered", client_state=state_of("gone"))
    assert deliver("call.answered", client_state=state_of("gone"))["duplicate"]
    assert world.actions == ["speak"]


def test_a_flow_that_fails_with_the_history_alone_is_a_bug_as_well(world: World) -> None:
    def decide(event: Event, call: Call) -> list[Command]:
        return [hangup()] if len(call.events) == 1 else list(reception.SECRET)  # type: ignore[attr-defined]

    deliver("call.initiated")
    world.sent.clear()
    with deciding(call_answered=decide):
        assert deliver("call.answered")["commands"] == ["speak: accepted", "hangup: queued"]


def test_a_broken_flow_breaks_its_own_calls_alone(world: World, package: Package) -> None:
    package(
        f'default = "broken"\n[numbers]\n"{NUMBER}" = "sound"', broken="raise ValueError", sound=flow_that("[answer()]")
    )
    assert deliver("call.initiated")["commands"] == ["answer: accepted"]
    assert deliver("call.answered", client_state=state_of("broken"), call_leg_id="another")["commands"] == [
        "speak: accepted",
        "hangup: queued",
    ]


def test_a_broken_flow_does_not_keep_a_function_from_starting(
    world: World, package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    package('default = "broken"', broken="raise ValueError")
    log_anew()
    environment().build()
    assert "Traceback" not in capsys.readouterr().out


# The keys that a flow acts on


@pytest.mark.parametrize(
    ("declared", "stored"),
    [("", "xxx"), ("ACTING_DIGITS = '1'", "1xx"), ("ACTING_DIGITS = '*1#'", "1x#"), ("ACTING_DIGITS = 7", "xxx")],
)
def test_a_flow_declares_the_keys_that_are_stored_as_pressed(
    world: World, package: Package, declared: str, stored: str
) -> None:
    package('default = "first"', first=declared)
    for digit in "17#":
        deliver("call.dtmf.received", client_state=state_of("first"), digit=digit, call_leg_id=f"leg-{digit}")
    bodies = {item["call_leg_id"]: json.loads(item["body"]) for item in world.items}
    assert "".join(bodies[f"leg-{digit}"]["data"]["payload"]["digit"] for digit in "17#") == stored


def test_a_key_on_a_leg_without_a_flow_or_with_a_broken_one_is_blanked(world: World, package: Package) -> None:
    package('default = "broken"', broken="ACTING_DIGITS = '7'\nraise ValueError")
    for number, state in enumerate((None, state_of("broken"), state_of("gone"))):
        deliver("call.dtmf.received", client_state=state, digit="7", call_leg_id=str(number))
    digits = {json.loads(item["body"])["data"]["payload"]["digit"] for item in world.items if "body" in item}
    assert digits == {"x"}


# The same as values


def test_a_decision_is_the_commands_of_the_function_named_after_the_event() -> None:
    event = sample_event("call.answered")
    decision = Flows(FLOWS).decide("reception", event)
    assert [command.action for command in decision.commands] == ["speak", "record_start", "transcription_start"]
    assert decision.error is None


def test_the_text_of_an_error_is_cut_to_a_thousand_characters() -> None:
    def broken() -> None:
        raise LookupError("x" * 5_000)

    decision = Flows.call(broken)
    assert len(decision.error or "") == 1_000
    assert decision == Decision(error=decision.error, error_type="LookupError")
