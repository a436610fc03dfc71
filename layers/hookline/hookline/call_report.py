"""A journalled call as one JSON document: what `hookline calls show ID --json` prints, and what everything shows from.

    {"call": {...}, "events": [...], "transcript": [...], "recordings": [...]}

Its keys are stable: scripts read them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from hookline.call import Call
from hookline.errors import Unreadable
from hookline.events import Event
from hookline.journal import CallRecord, Entry
from hookline.recordings.findings import failure_of
from hookline.recordings.job import event_of
from hookline.recordings.storage import Bucket
from hookline.transcripts import segments

CALL_KEYS = (
    "call_leg_id",
    "call_control_id",
    "call_session_id",
    "connection_id",
    "direction",
    "from",
    "to",
    "status",
    "started_at",
    "answered_at",
    "ended_at",
    "duration_seconds",
    "hangup_cause",
    "hangup_source",
    "machine_detection",
    "client_state",
    "streaming",
    "forking",
)


def call_document(record: CallRecord, bucket: Bucket) -> dict[str, Any]:
    """Everything about one leg: its state, its events in order with what was told, what was said, what was kept.

    bucket: where what was too large for the journal lies. Raises StorageUnavailable.
    """
    later = {note["command_id"]: note for note in record.notes.get("EVENT_RESULT", []) if "command_id" in note}
    return {
        "call": call_attributes(record.call, record),
        "events": [_event(entry, later) for entry in sorted(record.entries, key=lambda entry: entry.occurred_at)],
        "transcript": [segment.to_dict() for segment in segments(transcript_events(record, bucket)[0])],
        "recordings": list(_recordings(record.notes)),
    }


def transcript_events(record: CallRecord, bucket: Bucket) -> tuple[list[Event], list[str]]:
    """The events that hookline.transcripts folds; and where those lay that are gone or cannot be read any more.

    Raises StorageUnavailable.
    """
    found, gone = [], []
    for entry in record.transcript:
        try:
            event = event_of(entry, bucket)
        except Unreadable:
            event = None
        if event is None:
            gone.append(entry.body_uri or entry.event_id)
        else:
            found.append(event)
    return found, gone


def call_attributes(call: Call, record: CallRecord | None = None) -> dict[str, Any]:
    """The state of a call, under the names of CALL_KEYS. Moments: UTC texts. Duration: seconds, None unless over."""
    facts: dict[str, Any] = {
        key: getattr(call, {"from": "from_"}.get(key, key), None) for key in CALL_KEYS if key != "duration_seconds"
    }
    if record is not None:
        for key in ("call_leg_id", "call_control_id", "call_session_id"):
            facts[key] = facts[key] or getattr(record.identity, key)
    facts["duration_seconds"] = _seconds(call.started_at, call.ended_at)
    return {key: facts[key] for key in CALL_KEYS}


def _event(entry: Entry, later: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    told = []
    for one in entry.commands:
        note = later.get(one.get("command_id", ""))
        told.append({**one, "final": dict(note)} if note else dict(one))
    return {
        "id": entry.event_id,
        "event_type": entry.event_type,
        "occurred_at": entry.occurred_at,
        "received_at": entry.received_at,
        "payload": dict(entry.event.payload) if entry.event is not None else None,
        "commands": told,
        "body_uri": entry.body_uri,
    }


def _recordings(notes: Mapping[str, Iterable[Mapping[str, Any]]]) -> Iterable[dict[str, Any]]:
    """Each recording that is kept, with its transcript; then all other transcripts; then what could not be kept."""
    kept = [dict(note) for note in notes.get("RECORDING", [])]
    texts = [dict(note) for note in notes.get("TRANSCRIPTION", [])]
    with_text = set()
    for recording in kept:
        id_ = recording.get("recording_id")
        mine = next((text for text in texts if text.get("recording_id") == id_), None)
        if mine is None or id_ is None or id_ in with_text:
            yield recording
        else:
            with_text.add(id_)
            texts.remove(mine)
            yield {**recording, "transcript": mine}
    for text in texts:
        yield {"name": text["name"], "recording_id": text.get("recording_id"), "transcript": text}
    names = {recording["name"] for recording in kept}
    for failure in notes.get("RECORDING_FAILURE", []):
        if failure["name"] not in names:
            findings = [finding.to_dict() for finding in failure_of(failure)]
            yield {"name": failure["name"], "failure": findings, "event_id": failure.get("event_id")}


def _seconds(start: str | None, end: str | None) -> float | None:
    if not (start and end):
        return None
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(), 3)
