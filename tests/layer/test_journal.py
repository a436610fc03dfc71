"""The journal: every event is appended to its call, in any order, whichever of its ids it carries."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline import Event
from hookline.environment import environment
from hookline.events import Identity
from hookline.journal import HISTORY_ITEMS, Journal, event_key, newest_first
from tests.support.conditions import requests_to_aws
from tests.support.world import ROUTER, World, deliver, refused, sample_data, sample_event, start_cold

EVENTS = (
    "call.initiated",
    "call.answered",
    "streaming.started.control-id-only",
    "call.transcription",
    "call.hangup",
    "call.recording.saved.documented",
)
LEG = sample_data("call.initiated")["payload"]["call_leg_id"]
CONTROL = sample_data("call.initiated")["payload"]["call_control_id"]
SESSION = sample_data("call.initiated")["payload"]["call_session_id"]


def event_at(second: int, event_type: str = "call.hold", **payload: Any) -> Event:
    """An event of the samples' leg; its id counts up with the seconds."""
    minutes, seconds = divmod(second, 60)
    return Event(
        id=f"event-{second:05}",
        type=event_type,
        occurred_at=f"2026-09-01T15:{minutes:02}:{seconds:02}.000000Z",
        payload={"call_leg_id": LEG, "call_control_id": CONTROL, "call_session_id": SESSION, **payload},
    )


def append(journal: Journal, event: Event, **more: Any) -> bool:
    data = {"id": event.id, "event_type": event.type, "occurred_at": event.occurred_at, "payload": event.payload}
    return journal.append_event(event, body=json.dumps({"data": data}), received_at=time.time(), **more)


def append_all(journal: Journal, events: Sequence[Event], **more: Any) -> None:
    for event in events:
        assert append(journal, event, **more)


# Reading a whole call


@pytest.mark.parametrize("order", [EVENTS, EVENTS[::-1], *list(permutations(EVENTS))[100:700:120]])
def test_an_event_lands_on_its_call_whichever_id_it_carries_and_in_any_order(
    world: World, order: tuple[str, ...]
) -> None:
    for name in order:
        deliver(name, function=ROUTER)
    for any_id in (LEG, CONTROL, SESSION):
        record = world.journal.read(any_id)
        assert record is not None
        assert [entry.event_type for entry in record.entries] == [
            "call.initiated",
            "call.answered",
            "streaming.started",
            "call.recording.saved",
            "call.hangup",
        ]
        assert [entry.event_type for entry in record.transcript] == ["call.transcription"]
        assert record.identity[:3] == (LEG, CONTROL, SESSION)
        assert (record.call.status, record.call.direction) == ("ended", "incoming")


def test_an_unknown_id_is_of_no_call(world: World) -> None:
    assert world.journal.read("unknown") is None


def test_an_event_of_no_call_is_read_by_its_own_id(world: World) -> None:
    deliver("call.unheard.of.alone", function=ROUTER)
    record = world.journal.read(sample_data("call.unheard.of.alone")["id"])
    assert record is not None
    assert len(record.entries) == 1


def test_the_calls_of_a_day_are_one_query_whichever_of_their_events_arrived(world: World) -> None:
    deliver("call.initiated")
    deliver("call.answered")
    deliver("call.hangup", call_leg_id="only its end arrived", call_control_id="v3:other")
    deliver("call.speak.started", call_leg_id="neither its beginning nor its end arrived")
    day = sample_data("call.initiated")["occurred_at"][:10]
    found = world.journal.calls(day)
    assert [identity.call_leg_id for identity in found] == [LEG, "only its end arrived"]
    assert world.journal.calls("2020-01-01") == []


def test_the_legs_of_a_conversation_are_found_by_its_session(world: World) -> None:
    deliver("call.initiated")
    deliver("call.bridged.other-leg", function="call.bridged")
    other = sample_data("call.bridged.other-leg")["payload"]["call_leg_id"]
    assert world.journal.legs(SESSION) == [LEG, other]


def test_the_commands_of_an_event_are_read_back_with_it(world: World) -> None:
    deliver("call.answered")
    record = world.journal.read(LEG)
    assert record is not None
    actions = [command["action"] for command in record.entries[0].commands]
    assert actions == ["speak", "record_start", "transcription_start"]
    assert record.entries[0].flow == "reception"


def test_a_token_reaches_telnyx_and_not_the_journal(world: World) -> None:
    deliver("streaming.failed")
    assert world.sent[0]["body"]["stream_auth_token"] == "hush"
    assert "hush" not in str(world.items)


def test_a_call_of_more_than_one_page_is_read_whole(world: World) -> None:
    # A page of a query is 1 MB (docs.aws.amazon.com, DynamoDB): these are 1.6.
    append_all(world.journal, [event_at(second, x="y" * 200_000) for second in range(8)])
    record = world.journal.read(LEG)
    assert record is not None
    assert [entry.event_id for entry in record.entries] == [f"event-{number:05}" for number in range(8)]


def test_a_stale_event_is_read_as_that_until_its_fresh_delivery_is_there(world: World) -> None:
    event = event_at(1, "call.answered")
    assert append(world.journal, event, stale=True)
    record = world.journal.read(LEG)
    assert record is not None
    assert [entry.stale for entry in record.entries] == [True]
    assert record.call.status == "answered", "it did happen"
    assert append(world.journal, event)
    record = world.journal.read(LEG)
    assert record is not None
    assert [entry.stale for entry in record.entries] == [False]


def test_a_failed_flow_and_a_refused_command_are_marked_as_trouble(world: World) -> None:
    deliver("call.cost", function=ROUTER, call_leg_id="another")
    world.replies = lambda request: refused(422, "10032")
    deliver("call.answered")
    deliver("call.hangup")
    marks = {item["event_type"]: (item.get("trouble"), item.get("trouble_day")) for item in world.items}
    assert marks == {
        "call.cost": ("flow_failed", sample_data("call.cost")["occurred_at"][:10]),
        "call.answered": ("command_refused", "2026-09-01"),
        "call.hangup": (None, None),
    }


# The history that a decision is given


def test_the_events_of_a_call_are_its_history_and_its_transcript_is_not(world: World) -> None:
    deliver("call.initiated")
    deliver("call.dtmf.received", digit="1")
    deliver("call.transcription")
    history = world.journal.history(sample_event("call.answered"))
    assert {event.type for event in history.events} == {"call.initiated", "call.dtmf.received"}


def test_a_transcript_with_commands_belongs_to_the_history(world: World) -> None:
    event = event_at(1, "call.transcription")
    assert append(world.journal, event, has_commands=True, actions=["hangup"])
    history = world.journal.history(event_at(0))
    assert [each.type for each in history.events] == ["call.transcription"]
    assert history.newer_of(None, is_own=True).actions == {"hangup"}


def test_the_history_of_a_stale_event_is_that_of_its_fresh_delivery(world: World) -> None:
    event = event_at(1)
    assert append(world.journal, event, stale=True)
    history = world.journal.history(event)
    assert (history.is_duplicate, history.events) == (False, [])


def test_a_history_is_one_query(world: World) -> None:
    append_all(world.journal, [event_at(second) for second in range(20)])
    with requests_to_aws("Query", "GetItem", "Scan", "BatchGetItem") as made:
        assert len(world.journal.history(event_at(30)).events) == 20
    assert len(made) == 1


@pytest.mark.parametrize("count", [HISTORY_ITEMS + 50, 3 * HISTORY_ITEMS])
def test_however_long_a_call_is_a_bounded_part_of_it_is_read(world: World, count: int) -> None:
    journal = world.journal
    append_all(journal, [event_at(second) for second in range(count)])
    append_all(journal, [event_at(3_000 + second, "call.dtmf.received", digit="x") for second in range(60)])
    initiated = event_at(0, "call.initiated")
    assert append(journal, replace(initiated, id="initiated"))
    with requests_to_aws("Query", "GetItem") as made:
        history = journal.history(event_at(3_500))
    assert len(made) <= 3
    assert sum(request["Limit"] for request in made if "Limit" in request) <= 1.2 * HISTORY_ITEMS
    types = [event.type for event in history.events]
    assert types.count("call.initiated") == 1, "how a call began is always known"
    newest = max(event.id for event in history.events if event.type == "call.hold")
    assert newest == f"event-{count - 1:05}"
    assert any(event.id == "event-03059" for event in history.events), "the newest key as well"


@pytest.mark.parametrize("event_type", ["call.hold", "call.dtmf.received", "call.initiated"])
def test_an_event_older_than_all_that_is_read_is_still_a_duplicate(world: World, event_type: str) -> None:
    old = event_at(0, event_type)
    append_all(world.journal, [old, *(event_at(second, event_type) for second in range(1, HISTORY_ITEMS + 40))])
    assert world.journal.history(old).is_duplicate


def test_a_transcript_with_commands_older_than_all_that_is_read_is_still_a_duplicate(world: World) -> None:
    old = event_at(0, "call.transcription")
    assert append(world.journal, old, has_commands=True)
    append_all(world.journal, [event_at(second) for second in range(1, HISTORY_ITEMS + 40)])
    assert world.journal.history(old).is_duplicate


def test_newer_actions_are_those_of_later_events_alone(world: World) -> None:
    journal = world.journal
    for second, action in enumerate(("speak", "record_start", "hangup")):
        assert append(journal, event_at(second), actions=[action], has_commands=True)
    assert journal.history(event_at(1)).newer_of(None, is_own=True).actions == {"hangup"}
    assert journal.history(event_at(0)).newer_of(None, is_own=True).actions == {"record_start", "hangup"}
    assert journal.history(event_at(9)).newer_of(None, is_own=True).actions == frozenset()


def test_a_queued_command_is_pending_until_its_result_is_recorded(world: World) -> None:
    journal, event = world.journal, event_at(1)
    until = time.time() + 50
    assert append(journal, event, pending={"a": until, "b": until - 10}, has_commands=True)
    key = event_key(event.type, event.occurred_at, event.id)
    pending = [journal.history(event_at(2)).commands_pending_until]
    for command_id in ("a", "b"):
        journal.put_command_result(event.identity, key, command_id, {"result": "accepted"}, at=time.time())
        pending.append(journal.history(event_at(2)).commands_pending_until)
    assert pending[0] > pending[1] > pending[2] == ""
    assert set(journal.history(event_at(2)).results) == {"a", "b"}


def test_the_last_result_of_a_command_is_the_one_that_holds(world: World) -> None:
    journal, event = world.journal, event_at(1)
    assert append(journal, event)
    key = event_key(event.type, event.occurred_at, event.id)
    for result in ("accepted", "already_done"):
        journal.put_command_result(event.identity, key, "a", {"result": result}, at=0.0)
    record = journal.read(LEG)
    assert record is not None
    assert [result["result"] for result in record.command_results.values()] == ["already_done"]


def test_a_flow_that_has_failed_is_known_from_then_on(world: World) -> None:
    assert not world.journal.history(event_at(2)).has_failed
    assert append(world.journal, event_at(1), error="LookupError: x", has_commands=True)
    assert world.journal.history(event_at(2)).has_failed


# Appending once


@pytest.mark.parametrize("event_type", ["call.initiated", "call.hold", "call.dtmf.received", "call.transcription"])
def test_an_event_is_appended_once(world: World, event_type: str) -> None:
    assert append(world.journal, event_at(1, event_type))
    assert not append(world.journal, event_at(1, event_type))
    assert len(world.items) == 1


TIMES = st.datetimes().map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.%fZ").zfill(27))


@given(TIMES, TIMES)
def test_the_newest_comes_first_in_text_order(first: str, second: str) -> None:
    assert (first < second) == (newest_first(first) > newest_first(second))
    assert newest_first(newest_first(first)) == first


# Notes


def test_a_note_is_put_beside_the_call_once_or_replaced(world: World) -> None:
    identity = Identity("L", None, None, "E")
    assert world.journal.put_note(identity, "RECORDING", "r1", {"size": 1}, at=0.0)
    assert not world.journal.put_note(identity, "RECORDING", "r1", {"size": 2}, at=0.0)
    assert [note["size"] for note in world.journal.notes(identity, "RECORDING")] == [1]
    assert world.journal.put_note(identity, "RECORDING", "r1", {"size": 3}, at=0.0, once=False)
    assert world.journal.notes(identity, "RECORDING") == [
        {"name": "r1", "created_at": "1970-01-01T00:00:00.000000Z", "size": 3}
    ]
    record = world.journal.read("L")
    assert record is not None
    assert list(record.notes) == ["RECORDING"]


def test_two_notes_whose_names_are_too_long_for_a_key_are_two(world: World) -> None:
    identity = Identity("L", None, None, "E")
    for end in "ab":
        assert world.journal.put_note(identity, "RECORDING", "n" * 1_100 + end, {"end": end}, at=0.0)
    assert sorted(note["end"] for note in world.journal.notes(identity, "RECORDING")) == ["a", "b"]


def test_every_item_expires_when_a_retention_is_set(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETENTION_DAYS", "1")
    start_cold(world)
    journal = environment().journal
    event = event_at(1)
    assert journal.append_event(event, body="{}", received_at=1_000.0)
    journal.put_command_result(event.identity, "EVENT#x", "a", {}, at=1_000.0)
    journal.put_note(event.identity, "RECORDING", "r", {}, at=1_000.0)
    assert {item["expires_at"] for item in world.items} == {str(1_000 + 86_400)}
