"""One call in one document: the payload of `call.completed`. Its schema: docs/events/call.completed.json.

A call is a session: the legs of one conversation. A leg without a session is a call of its own.
"""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hookline.call import Call
from hookline.call_cost import cost_of
from hookline.call_report import call_attributes
from hookline.events import UNKNOWN_TIME, seconds_between
from hookline.transcripts import Segment

COMPLETED_EVENT = "call.completed"
"""Ours: Telnyx sends no event of this name."""

LARGEST_SUMMARY_BYTES = 60_000
"""Of the body, so that it always fits into an item of the journal: see hookline.journal.LARGEST_BODY_BYTES."""

_LEG_KEYS = (
    "call_leg_id",
    "call_control_id",
    "direction",
    "from",
    "to",
    "started_at",
    "answered_at",
    "ended_at",
    "duration_seconds",
    "hangup_cause",
    "hangup_source",
    "machine_detection",
)
_RECORDING_KEYS = ("recording_id", "format", "channels", "size", "sha256", "duration_seconds", "external_uri")


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg, as the journal has it.

    notes: of its recordings, each with its `kind`. may_record: Telnyx has taken a command to record it.
    """

    call: Call
    flow: str | None
    notes: Sequence[Mapping[str, Any]]
    segments: Sequence[Segment]
    may_record: bool

    @property
    def awaits_recordings(self) -> bool:
        """Whether something is still to be announced or archived."""
        saved = {event.id for event in self.call.events if event.type == "call.recording.saved"}
        settled = {note.get("event_id") for note in self.notes if note["kind"] in ("RECORDING", "RECORDING_FAILURE")}
        is_announced = bool(saved) or self.call.count("call.recording.error") > 0
        return bool(saved - settled) or (self.may_record and not is_announced)


def summary_id(key: str) -> str:
    """The id of the event of a call, always the same. key: of the call, its session or leg id."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"hookline:{COMPLETED_EVENT}:{key}"))


def summary_event(key: str, session: str | None, legs: Sequence[Leg], *, bucket: str) -> dict[str, Any]:
    """The event, as its body: `data` like an event of Telnyx. legs: at least one, in the order they began.

    bucket: of the recordings. The end of a long transcript is left out, so that all stays in LARGEST_SUMMARY_BYTES.
    """
    payload = _payload(session, legs, bucket)
    event = {
        "record_type": "event",
        "event_type": COMPLETED_EVENT,
        "id": summary_id(key),
        "occurred_at": payload["ended_at"] or UNKNOWN_TIME,
        "payload": payload,
    }
    transcript = payload["transcript"]
    while len(json.dumps(event)) > LARGEST_SUMMARY_BYTES and transcript:
        del transcript[-max(1, len(transcript) // 8) :]
        payload["transcript_complete"] = False
    return {"data": event}


def _payload(session: str | None, legs: Sequence[Leg], bucket: str) -> dict[str, Any]:
    first = call_attributes(legs[0].call)
    started = min((leg.call.started_at for leg in legs if leg.call.started_at), default=None)
    ended = max((leg.call.ended_at for leg in legs if leg.call.ended_at), default=None)
    spoken = [(leg.call.call_leg_id, segment) for leg in legs for segment in leg.segments]
    return {
        "call_session_id": session,
        "call_leg_id": first["call_leg_id"],
        **{name: first[name] for name in ("direction", "from", "to")},
        "flow": next((leg.flow for leg in legs if leg.flow), None),
        "started_at": started,
        "answered_at": min((leg.call.answered_at for leg in legs if leg.call.answered_at), default=None),
        "ended_at": ended,
        "duration_seconds": round(seconds_between(started, ended), 3) if started and ended else None,
        "legs": [_leg(leg) for leg in legs],
        "transcript": [
            {"call_leg_id": leg_id, **segment.to_dict()}
            for leg_id, segment in sorted(spoken, key=lambda pair: pair[1].at)
        ],
        "transcript_complete": True,
        "recordings": [recording for leg in legs for recording in _recordings(leg, bucket)],
        "recordings_complete": not any(leg.awaits_recordings for leg in legs),
    }


def _leg(leg: Leg) -> dict[str, Any]:
    attributes = call_attributes(leg.call)
    return {**{key: attributes[key] for key in _LEG_KEYS}, "flow": leg.flow, "cost": cost_of(leg.call)}


def _recordings(leg: Leg, bucket: str) -> Iterator[dict[str, Any]]:
    archived = {note["name"] for note in leg.notes if note["kind"] == "RECORDING"}
    for note in leg.notes:
        if note["kind"] == "RECORDING":
            uri = f"s3://{bucket}/{note['key']}" if "key" in note else None
            known = {key: note.get(key) for key in _RECORDING_KEYS}
            yield {"call_leg_id": leg.call.call_leg_id, "uri": uri, **known, "failure": None}
        elif note["kind"] == "RECORDING_FAILURE" and note["name"] not in archived:
            unknown = dict.fromkeys(("uri", *_RECORDING_KEYS))
            known = {"recording_id": note.get("recording_id"), "failure": note.get("code")}
            yield {"call_leg_id": leg.call.call_leg_id, **unknown, **known}
