"""Several flows in one stack, as a caller and an operator meet them: numbers, placed legs, look-ups, a failed flow."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hookline.journal import Journal
from tests.end_to_end.test_serve import Desk, Serving, client

FRONT, CLOSED, BROKEN, AGENT = "+12025550101", "+12025550102", "+12025550103", "+12025550177"

NUMBERS = f"""
[numbers]
"{FRONT}" = "front"
"{CLOSED}" = "closed"
"{BROKEN}" = "broken"
"""

FLOWS = {
    "front": f"""
from hookline import answer, transfer

def call_initiated(event, call):
    return [answer()]

def call_answered(event, call):
    return [transfer(to="{AGENT}", target_flow="agent", target_leg_client_state={{"asked by": "front"}})]
""",
    "agent": """
from hookline import hangup, speak

OTHER_LEGS = True

def call_answered(event, call):
    if event.client_state != {"asked by": "front"}:
        return [hangup()]
    callers = [hangup(on=leg.call_control_id) for leg in call.legs if not leg.ended]
    return [*callers, hangup()] if callers else [speak(payload="Hello.", voice="female")]
""",
    "closed": """
from hookline import hangup, reject

LOOKUP_EVENTS = ("call.initiated",)

def lookup(event, call):
    return {"cause": "USER_BUSY" if call.from_ else "CALL_REJECTED"}

def call_initiated(event, call):
    return [reject(cause=call.facts["cause"]) if call.facts else hangup()]
""",
    "broken": """
from hookline import reject

LOOKUP_EVENTS = ("call.initiated",)

def lookup(event, call):
    return object()

def call_initiated(event, call):
    return [reject(cause="CALL_REJECTED")]

def call_hangup(event, call):
    raise RuntimeError("no one is on duty")
""",
}

FIXED = f"""
from hookline import dial, reject, speak

def call_initiated(event, call):
    return [reject(cause="CALL_REJECTED")]

def call_hangup(event, call):
    back = dial(to="{AGENT}", from_="{BROKEN}", connection_id="1494404757140276705", flow="agent")
    return [back, speak(payload="We call back.", voice="female")]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk") / "several_flows"
    folder.mkdir()
    (folder / "numbers.toml").write_text(NUMBERS)
    for name, source in FLOWS.items():
        (folder / f"{name}.py").write_text(source)
    return folder


@pytest.fixture(scope="module")
def desk(folder: Path) -> Desk:
    desk = Desk(folder.parent)
    desk.environment["HOOKLINE_FLOWS"] = str(folder)
    return desk


@pytest.fixture(scope="module")
def serving(desk: Desk) -> Iterator[Serving]:
    with desk.serve("--speed", "0") as serving:
        yield serving


def called(desk: Desk, number: str) -> Any:
    return desk.json("call", "--to", number)


def commands_of(document: Any) -> list[tuple[str, str | None, str]]:
    """The event type, the flow and the action of every command that was sent."""
    return [
        (event["event_type"], event["flow"], command["action"])
        for event in document["events"]
        for command in event["commands"]
    ]


def test_each_number_runs_its_own_flow_and_a_placed_leg_the_one_that_it_was_placed_for(
    desk: Desk, serving: Serving
) -> None:
    front, closed = called(desk, FRONT), called(desk, CLOSED)
    assert commands_of(front)[:2] == [("call.initiated", "front", "answer"), ("call.answered", "front", "transfer")]
    assert commands_of(closed) == [("call.initiated", "closed", "reject")]
    (rejected,) = [command for event in closed["events"] for command in event["commands"]]
    assert rejected["params"]["cause"] == "USER_BUSY"  # what the look-up found
    legs = desk.json("calls", "show", front["call"]["call_leg_id"])["legs"]
    (placed,) = [leg["call_leg_id"] for leg in legs if leg["call_leg_id"] != front["call"]["call_leg_id"]]
    agent = desk.json("calls", "show", placed)
    assert [sent for sent in commands_of(agent) if sent[0] == "call.answered"] == [
        ("call.answered", "agent", "hangup"),  # of the caller's leg, which it was given as one of the other legs
        ("call.answered", "agent", "hangup"),
    ]


def test_a_failed_event_is_listed_and_decided_again_when_the_flow_is_fixed(
    desk: Desk, serving: Serving, folder: Path
) -> None:
    leg = called(desk, BROKEN)["call"]["call_leg_id"]
    (failed,) = desk.json("calls", "--failed")["failed"]
    assert (failed["id"], failed["event_type"], failed["flow"]) == (leg, "call.hangup", "broken")
    assert failed["error"] == "RuntimeError: no one is on duty"
    assert "RuntimeError: no one is on duty" in desk.run("calls", "--failed").stdout
    report = " ".join(desk.run("calls", "show", leg).stdout.split())
    assert "call.hangup: the flow broken failed: RuntimeError: no one is on duty" in report
    assert "The look-up has found nothing: TypeError: Object of type object is not JSON serializable" in report

    still_broken = desk.run("decide", leg)
    assert still_broken.returncode == 1
    assert still_broken.stdout.count("RuntimeError: no one is on duty") == 2  # then and now

    (folder / "broken.py").write_text(FIXED)
    del sys.modules["several_flows.broken"]  # each command is a process of its own, but for these tests
    shown = desk.run("decide", leg)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "dial: would be sent" in shown.stdout
    assert "speak: not sent: the call has ended" in shown.stdout

    def states(document: Any) -> dict[str, str]:
        (event,) = document["events"]
        return {command["action"]: command["state"] for command in event["commands"]}

    sent = desk.json("decide", leg, "--send")
    assert sent["sent"] == 1
    assert states(sent) == {"dial": "sensible", "speak": "call_ended"}
    (dialled,) = [id_ for event in sent["events"] for id_ in ids_of_dials(event)]
    journal = Journal(client("dynamodb", serving), serving.ready["table"])
    until = time.monotonic() + 60
    while (record := journal.read(leg)) is None or dialled not in record.command_results:
        assert time.monotonic() < until, "the queue does not send it"
        time.sleep(0.05)
    assert record.command_results[dialled]["result"] == "accepted"
    again = desk.json("decide", leg, "--send")
    assert (again["sent"], states(again)["dial"]) == (0, "sent_before")


def ids_of_dials(event: Any) -> list[str]:
    return [command["command_id"] for command in event["commands"] if command["action"] == "dial"]
