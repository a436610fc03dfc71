"""functions/call_summary.py: one summary of each call, when nothing is missing, and without it after 15 minutes."""

import json
import time
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from hookline import record_start
from hookline.call_summary import LARGEST_SUMMARY_BYTES, summary_id
from hookline.events import Identity
from hookline.journal import timestamp
from tests.support.conditions import deciding, unavailable
from tests.support.world import PROJECT, Clock, World, deliver, handler, request_of, sample_data

SCHEMA = json.loads((PROJECT / "docs" / "events" / "call.completed.json").read_text(encoding="utf-8"))
IDS = {key: sample_data("call.hangup")["payload"][key] for key in ("call_leg_id", "call_session_id")}
FAR: dict[str, Any] = {"call_leg_id": "far", "call_control_id": "v3:far"}


def hangup(*, ago: float = 10.0, **ids: str | None) -> bool:
    """Whether the message of a hang-up is done with. ids: of the call, in place of the sample's."""
    detail = {"event_id": "h", "received_at": timestamp(time.time() - ago), **IDS, "body": "", **ids}
    record = {"messageId": "m", "body": json.dumps({"detail-type": "call.hangup", "detail": detail})}
    answer: dict[str, Any] = handler("call_summary")({"Records": [record]}, Clock())
    return not answer["batchItemFailures"]


def summaries(world: World) -> list[dict[str, Any]]:
    """The payload of every summary in the journal."""
    found = []
    for item in world.items:
        if item["pk"].startswith("COMPLETED#"):
            body = json.loads(item["body"])
            jsonschema.Draft202012Validator(SCHEMA).validate(body)
            assert (item["event_type"], item["event_id"]) == ("call.completed", body["data"]["id"])
            found.append(body["data"]["payload"])
    return found


@pytest.fixture
def recorded(world: World) -> World:
    """A call that was recorded and has ended."""
    with deciding(call_answered=record_start(channels="single", format="mp3")):
        deliver("call.answered", age=1)
    deliver("call.hangup")
    return world


def note(world: World, kind: str, **attributes: Any) -> None:
    identity = Identity(IDS["call_leg_id"], None, IDS["call_session_id"], "")
    world.journal.put_note(identity, kind, "r.mp3", attributes, at=time.time(), once=False)


def test_a_call_that_was_not_recorded_is_summarized_at_once(world: World) -> None:
    with deciding(call_answered=[]):
        deliver("call.answered")
    deliver("call.hangup")
    assert hangup()
    (payload,) = summaries(world)
    assert {key: payload[key] for key in IDS} == IDS
    assert (payload["recordings"], payload["recordings_complete"]) == ([], True)
    assert (len(payload["legs"]), payload["legs"][0]["cost"]) == (1, None)
    assert payload["ended_at"] == sample_data("call.hangup")["occurred_at"]


def test_a_summary_is_made_once_however_often_its_hang_up_comes(world: World) -> None:
    deliver("call.hangup")
    assert [hangup(), hangup(), hangup(ago=10_000)] == [True, True, True]
    assert len(summaries(world)) == 1
    stored = next(item for item in world.items if item["pk"].startswith("COMPLETED#"))
    assert stored["event_id"] == summary_id(IDS["call_session_id"])


def test_a_call_waits_for_its_recording_and_then_has_it(recorded: World) -> None:
    assert not hangup()  # not announced
    deliver("call.recording.saved")
    assert not hangup()  # not archived
    saved = sample_data("call.recording.saved")["id"]
    note(recorded, "RECORDING", event_id=saved, recording_id="r", key="recordings/r.mp3", size=9, duration_seconds=1.5)
    assert summaries(recorded) == []
    assert hangup()
    ((recording,),) = [payload["recordings"] for payload in summaries(recorded)]
    assert recording["uri"] == f"s3://{recorded.settings['RECORDINGS_BUCKET']}/recordings/r.mp3"
    assert (recording["size"], recording["failure"]) == (9, None)


def test_a_recording_that_could_not_be_archived_is_named_with_its_reason(recorded: World) -> None:
    deliver("call.recording.saved")
    saved = sample_data("call.recording.saved")["id"]
    note(recorded, "RECORDING_FAILURE", event_id=saved, recording_id="r", code="link_expired", figures={}, causes=[])
    assert hangup()
    ((recording,),) = [payload["recordings"] for payload in summaries(recorded)]
    assert (recording["uri"], recording["failure"]) == (None, "link_expired")


def test_after_fifteen_minutes_a_call_is_summarized_without_what_is_missing(recorded: World) -> None:
    assert not hangup(ago=890)
    assert hangup(ago=901)
    assert [payload["recordings_complete"] for payload in summaries(recorded)] == [False]


def test_a_call_is_all_legs_of_its_session_and_ends_with_the_last(world: World) -> None:
    with deciding(call_answered=[], call_initiated=[]):
        deliver("call.answered")
        deliver("call.initiated", **FAR)
    deliver("call.hangup")
    assert not hangup()
    assert hangup(ago=130)  # the other leg will have a hang-up of its own
    assert summaries(world) == []
    deliver("call.hangup", **FAR)
    assert hangup(call_leg_id="far")
    (payload,) = summaries(world)
    assert {leg["call_leg_id"] for leg in payload["legs"]} == {IDS["call_leg_id"], "far"}


def test_a_field_without_a_value_may_be_absent_null_or_empty(world: World) -> None:
    deliver("call.hangup", call_session_id=None)
    for session in (None, ""):
        assert hangup(call_session_id=session)
    assert [payload["call_session_id"] for payload in summaries(world)] == [None]


def test_the_end_of_a_long_transcript_is_left_out(world: World) -> None:
    for number in range(40):
        data = {**sample_data("call.transcription"), "id": f"segment-{number}"}
        data["payload"] = {
            **data["payload"],
            **IDS,
            "transcription_data": {"transcript": "word " * 400, "is_final": True},
        }
        handler("call.transcription")(request_of(data, age=10), Clock())
    deliver("call.hangup")
    assert hangup()
    (payload,) = summaries(world)
    stored = next(item for item in world.items if item["pk"].startswith("COMPLETED#"))
    assert len(stored["body"].encode()) <= LARGEST_SUMMARY_BYTES
    assert 20 < len(payload["transcript"]) < 40
    assert payload["transcript_complete"] is False


def test_a_summary_does_not_show_among_the_events_of_its_call(world: World) -> None:
    deliver("call.hangup")
    before = world.journal.read(IDS["call_leg_id"])
    assert hangup()
    assert world.journal.read(IDS["call_leg_id"]) == before


def test_a_journal_that_is_away_leaves_the_message_in_the_queue(world: World) -> None:
    deliver("call.hangup")
    with unavailable("dynamodb"):
        assert not hangup()
    assert hangup()
