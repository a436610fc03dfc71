"""A journalled call as one JSON document: `hookline calls show ID --json` prints it, and everything is shown from it.

    {"call": {...}, "events": [...], "transcript": [...], "recordings": [...], "cost": {...} or null}

Its keys are stable: scripts read them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from hookline.call import Call
from hookline.call_cost import cost_of
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
    """Everything about one leg: state, events with the commands that answered them, transcript, recordings, cost.

    bucket: where bodies and commands lie that are too large for the journal. Raises StorageUnavailable.
    """
    entries = sorted(record.entries, key=lambda entry: entry.occurred_at)
    return {
        "call": call_attributes(record.call, record),
        "events": [event_document(entry, record.command_results, bucket) for entry in entries],
        "transcript": [segment.to_dict() for segment in segments(transcript_events(record, bucket)[0])],
        "recordings": list(recordings_of(record.notes)),
        "cost": cost_of(record.call),
    }


def transcript_events(record: CallRecord, bucket: Bucket) -> tuple[list[Event], list[str]]:
    """The events that hookline.transcripts folds; and the URIs of those that are gone or cannot be read any more.

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


def due_commands(record: CallRecord) -> list[str]:
    """The actions of those commands in the command queue that may still have an effect.

    Without those that wait for a time of their own once the call has ended.
    """
    has_ended = record.call.ended
    waiting = waiting_commands(record)
    return [command["action"] for command in waiting if not (has_ended and command.get("delay_seconds"))]


def waiting_commands(record: CallRecord) -> list[Mapping[str, Any]]:
    """The commands that wait in the command queue, by the journal."""
    queued = [command for entry in record.entries for command in entry.commands if command["result"] == "queued"]
    return [command for command in queued if command["command_id"] not in record.command_results]


def call_attributes(call: Call, record: CallRecord | None = None) -> dict[str, Any]:
    """The state of a call, under the names of CALL_KEYS. Times: UTC texts. Duration: seconds, None unless ended."""
    attributes: dict[str, Any] = {
        key: getattr(call, {"from": "from_"}.get(key, key), None) for key in CALL_KEYS if key != "duration_seconds"
    }
    if record is not None:
        for key in ("call_leg_id", "call_control_id", "call_session_id"):
            attributes[key] = attributes[key] or getattr(record.identity, key)
    attributes["duration_seconds"] = _seconds(call.started_at, call.ended_at)
    return {key: attributes[key] for key in CALL_KEYS}


def event_document(entry: Entry, results: Mapping[str, Mapping[str, Any]], bucket: Bucket) -> dict[str, Any]:
    """One event with the commands that answered it. results: of queued commands, by id. Raises StorageUnavailable."""
    commands = []
    for command in commands_of(entry, bucket):
        result = results.get(command.get("command_id", ""))
        commands.append({**command, "final": dict(result)} if result else dict(command))
    return {
        "id": entry.event_id,
        "event_type": entry.event_type,
        "occurred_at": entry.occurred_at,
        "received_at": entry.received_at,
        "payload": dict(entry.event.payload) if entry.event is not None else None,
        "flow": entry.flow,
        "error": entry.error,
        "stale": entry.stale,
        "commands": commands,
        "body_uri": entry.body_uri,
    }


def commands_of(entry: Entry, bucket: Bucket) -> Sequence[Mapping[str, Any]]:
    """The commands that answered an event, wherever they lie. Raises StorageUnavailable."""
    if entry.commands_uri is None:
        return entry.commands
    key = entry.commands_uri.removeprefix("s3://").partition("/")[2]
    commands: list[Mapping[str, Any]] = json.loads(b"".join(bucket.read(key)))
    return commands


def recordings_of(notes: Mapping[str, Iterable[Mapping[str, Any]]]) -> Iterable[dict[str, Any]]:
    """Each archived recording with its transcript; then all other transcripts; then what could not be archived."""
    archived = [dict(note) for note in notes.get("RECORDING", [])]
    texts = [dict(note) for note in notes.get("TRANSCRIPTION", [])]
    with_text = set()
    for recording in archived:
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
    names = {recording["name"] for recording in archived}
    for failure in notes.get("RECORDING_FAILURE", []):
        if failure["name"] not in names:
            findings = [finding.to_dict() for finding in failure_of(failure)]
            yield {"name": failure["name"], "failure": findings, "event_id": failure.get("event_id")}


def _seconds(start: str | None, end: str | None) -> float | None:
    if not (start and end):
        return None
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(), 3)
