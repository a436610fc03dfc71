"""Remembering: every event lands on its call, in any order, whichever of its ids it carries."""

import json
import time
from dataclasses import replace
from itertools import permutations

import pytest

from hookline.events import Identity
from tests.support.world import ROUTER, World, deliver, sample_data, sample_event

STORY = (
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


@pytest.mark.parametrize("order", [STORY, STORY[::-1], *list(permutations(STORY))[100:700:120]])
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


def test_an_unknown_id_is_no_call(world: World) -> None:
    assert world.journal.read("nobody") is None


def test_today_s_calls_are_one_query_whatever_part_of_them_arrived(world: World) -> None:
    deliver("call.initiated")
    deliver("call.answered")
    deliver("call.hangup", call_leg_id="a call of which only the end arrived", call_control_id="v3:other")
    deliver("call.speak.started", call_leg_id="a call without beginning or end")
    day = sample_data("call.initiated")["occurred_at"][:10]
    found = world.journal.calls(day)
    assert [identity.call_leg_id for identity in found] == [LEG, "a call of which only the end arrived"]
    assert world.journal.calls("2020-01-01") == []


def test_the_legs_of_a_conversation_are_gathered_by_its_session(world: World) -> None:
    deliver("call.initiated")
    deliver("call.bridged.other-leg", function="call.bridged")
    other = sample_data("call.bridged.other-leg")["payload"]["call_leg_id"]
    assert world.journal.legs(SESSION) == [LEG, other]


def test_what_was_told_is_read_back_with_its_event(world: World) -> None:
    deliver("call.answered")
    record = world.journal.read(LEG)
    assert record is not None
    assert [told["action"] for told in record.entries[0].commands] == ["speak", "record_start", "transcription_start"]


def test_a_token_is_told_to_telnyx_and_never_journalled(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import streaming_failed.app
    from line import Line

    line = Line(stream_url="wss://media.example.com", stream_auth_token="hush")
    monkeypatch.setattr(streaming_failed.app.decide, "__defaults__", (line,))
    deliver("streaming.failed")
    assert world.said[0]["body"]["stream_auth_token"] == "hush"
    assert "hush" not in str(world.items)


def test_a_transcript_does_not_weigh_on_its_call(world: World) -> None:
    deliver("call.transcription")
    assert world.journal.history(sample_event("call.answered")).events == []


def test_a_call_of_more_than_one_page_is_read_whole(world: World) -> None:
    # A page of a query is 1 MB (docs.aws.amazon.com, DynamoDB): these are 1.6.
    deliver("call.initiated")
    for number in range(8):
        event = replace(sample_event("call.hold"), id=f"id-{number}")
        body = json.dumps({"data": {"id": event.id, "event_type": event.type, "payload": {"x": "y" * 200_000}}})
        assert world.journal.append_event(event, body=body, received_at=time.time())
    assert len(world.journal.history(sample_event("call.hangup")).events) == 9


def test_a_note_is_kept_beside_the_call_once_or_replaced(world: World) -> None:
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
