"""A failed event decided again: which of today's commands are still sensible."""

from typing import Any

import pytest

from hookline import Command, Event, dial, hangup, playback_stop, speak
from hookline.commands import command_id
from hookline.events import Identity
from hookline.flows import Decision
from hookline.journal import CallRecord, Entry
from hookline_local.deciding.decide_again import Again, decide_again

SPEAK = speak(payload="Hello.", voice="female")
DIAL = dial(to="+12025550177", from_="+12025550123", connection_id="1")


def entry(second: int, event_type: str, *, error: str | None = None, commands: Any = (), **payload: Any) -> Entry:
    at = f"2026-09-01T10:00:{second:02}.000000Z"
    ids = {"call_leg_id": "L", "call_control_id": "v3:L", "call_session_id": "S"}
    event = Event(f"e{second}", event_type, at, {**ids, **payload})
    return Entry(event, event.id, event_type, at, at, commands=commands, error=error)


def again(*entries: Entry, decided: list[Command], results: dict[str, Any] | None = None) -> Again:
    record = CallRecord(Identity("L", "v3:L", "S", ""), list(entries), command_results=results or {})
    (found,) = decide_again(record, lambda event, others: Decision(decided))
    return found


def states(found: Again) -> list[str]:
    return [state for _, _, state in found.commands]


FAILED = entry(10, "call.answered", error="LookupError: x")


def test_a_call_that_lives_is_sent_everything() -> None:
    assert states(again(FAILED, decided=[SPEAK, DIAL, hangup().after(5)])) == ["sensible"] * 3


def test_a_call_that_has_ended_is_sent_nothing_and_other_legs_are() -> None:
    found = again(FAILED, entry(20, "call.hangup"), decided=[SPEAK, hangup(on="v3:other"), DIAL, hangup(on="v3:L")])
    assert states(found) == ["call_ended", "sensible", "sensible", "call_ended"]


def test_what_a_newer_event_has_commanded_is_not_commanded_again() -> None:
    newer = entry(20, "call.dtmf.received", digit="*", commands=[{"action": "playback_stop", "command_id": "x"}])
    older = entry(5, "call.initiated", commands=[{"action": "speak", "command_id": "y"}])
    assert states(again(older, FAILED, newer, decided=[SPEAK, DIAL])) == ["superseded", "sensible"]
    assert states(again(older, FAILED, decided=[playback_stop()])) == ["sensible"]


@pytest.mark.parametrize("where", ["event", "queue"])
def test_nothing_is_sent_twice(where: str) -> None:
    sent = command_id("e10", "speak", 0)
    failed = entry(10, "call.answered", error="x", commands=[{"command_id": sent}] if where == "event" else ())
    results = {sent: {"result": "accepted"}} if where == "queue" else {}
    assert states(again(failed, decided=[SPEAK, SPEAK], results=results)) == ["sent_before", "sensible"]


def test_an_event_with_blanked_digits_is_not_decided() -> None:
    found = again(entry(10, "call.gather.ended", error="x", digits="xxxx"), decided=[SPEAK])
    assert found.commands == ()
    assert "blanked" in found.fault


def test_an_event_whose_flow_did_not_fail_is_left_alone() -> None:
    record = CallRecord(Identity("L", "v3:L", "S", ""), [entry(10, "call.answered")])
    assert decide_again(record, lambda event, others: Decision([SPEAK])) == []
