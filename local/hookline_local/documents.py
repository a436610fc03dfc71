"""A journalled call as one JSON document: what `hookline calls show ID --json` prints, and what everything shows from.

    {"call": {...}, "events": [...], "transcript": [...], "recordings": [...]}

Its keys are stable: scripts read them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from hookline.call import Call
from hookline.journal import CallRecord, Entry
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


def call_document(record: CallRecord) -> dict[str, Any]:
    """Everything about one leg: its state, its events in order with what was told, what was said, what was kept."""
    later = {note["command_id"]: note for note in record.notes.get("LATER", []) if "command_id" in note}
    spoken = [entry.event for entry in record.transcript if entry.event is not None]
    return {
        "call": call_facts(record.call, record),
        "events": [_event(entry, later) for entry in sorted(record.entries, key=lambda entry: entry.occurred_at)],
        "transcript": [segment.as_fact() for segment in segments(spoken)],
        "recordings": list(_recordings(record.notes)),
    }


def call_facts(call: Call, record: CallRecord | None = None) -> dict[str, Any]:
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
    for one in entry.told:
        note = later.get(one.get("command_id", ""))
        told.append({**one, "later": dict(note)} if note else dict(one))
    return {
        "id": entry.event_id,
        "event_type": entry.event_type,
        "occurred_at": entry.occurred_at,
        "received_at": entry.received_at,
        "payload": dict(entry.event.payload) if entry.event is not None else None,
        "told": told,
        "kept_at": entry.kept_at,
    }


def _recordings(notes: Mapping[str, Iterable[Mapping[str, Any]]]) -> Iterable[dict[str, Any]]:
    """Each recording that is kept, with its transcript when there is one; then what could not be kept."""
    kept = [dict(note) for note in notes.get("RECORDING", [])]
    texts = {note.get("recording_id"): dict(note) for note in notes.get("RECORDING_TEXT", [])}
    for recording in kept:
        text = texts.pop(recording.get("recording_id"), None) if recording.get("recording_id") else None
        yield {**recording, "transcript": text} if text else recording
    for text in texts.values():
        yield {"name": text["name"], "recording_id": text.get("recording_id"), "transcript": text}
    names = {recording["name"] for recording in kept}
    for fault in notes.get("RECORDING_FAULT", []):
        if fault["name"] not in names:
            yield {"name": fault["name"], "fault": fault.get("reason"), "event_id": fault.get("event_id")}


def _seconds(start: str | None, end: str | None) -> float | None:
    if not (start and end):
        return None
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(), 3)
