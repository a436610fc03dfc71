"""Finds what went wrong on a journalled call, as codes with figures. Sentences are made where they are shown.

`hookline calls --trouble` shows it. Read side: no webhook loads this.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from hookline.call_report import commands_of
from hookline.events import UNKNOWN_TIME, seconds_between
from hookline.journal import CallRecord, Entry
from hookline.limits import REFUSALS, TELNYX_CALL_SECONDS
from hookline.recordings.audit import verify_call
from hookline.recordings.findings import Code as RecordingCode
from hookline.recordings.findings import Severity
from hookline.recordings.storage import Bucket
from hookline.routing import AUDIBLE

LATE_SECONDS = 5.0
"""A person on the phone has noticed a silence of this length."""

ARCHIVE_SECONDS = 480.0
"""A recording that is not archived after this time is in trouble: its link expires 600 s after its event."""

RING_AND_CALL_SECONDS = TELNYX_CALL_SECONDS + 600.0
"""Telnyx ends every call before this time is over; ringing takes 600 s at most."""


class Code(StrEnum):
    """The kinds of trouble; wire values, never renamed."""

    FLOW_FAILED = "flow_failed"
    COMMAND_REFUSED = "command_refused"
    DIAL_REFUSED = "dial_refused"
    API_KEY_REFUSED = "api_key_refused"
    COMMAND_EXPIRED = "command_expired"
    COMMAND_LATE = "command_late"
    WEBHOOK_STALE = "webhook_stale"
    WEBHOOK_LATE = "webhook_late"
    UNANSWERED = "unanswered"
    HANGUP_MISSING = "hangup_missing"
    STREAMING_FAILED = "streaming_failed"
    RECORDING_ERROR = "recording_error"
    RECORDING_NOT_ARCHIVED = "recording_not_archived"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that went wrong. at: UTC text, of the event. figures: by name, with the unit in the name."""

    code: Code
    at: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {"code": self.code.value, "at": self.at, "figures": dict(self.figures)}


def trouble_of(record: CallRecord, bucket: Bucket, *, now: float) -> list[Trouble]:
    """Everything that went wrong on one call, oldest first; empty when nothing did.

    bucket: of the recordings. now: seconds since 1970 UTC. Raises StorageUnavailable.
    """
    found = [
        *_of_events(record),
        *_of_commands(record, bucket),
        *_of_the_call(record, now),
        *_of_recordings(record, bucket, now),
    ]
    return sorted(found, key=lambda trouble: trouble.at)


def _of_events(record: CallRecord) -> Iterator[Trouble]:
    for entry in record.entries:
        named = {"event_type": entry.event_type, "event_id": entry.event_id}
        if entry.error:
            yield Trouble(Code.FLOW_FAILED, entry.occurred_at, {**named, "flow": entry.flow, "error": entry.error})
        late_seconds = _seconds(entry.occurred_at, entry.received_at)
        if entry.stale:
            yield Trouble(Code.WEBHOOK_STALE, entry.occurred_at, named)
        elif entry.event_type in AUDIBLE and late_seconds is not None and late_seconds > LATE_SECONDS:
            yield Trouble(Code.WEBHOOK_LATE, entry.occurred_at, {**named, "late_seconds": late_seconds})
        if entry.event_type == "streaming.failed":
            yield Trouble(Code.STREAMING_FAILED, entry.occurred_at, {"reason": _text(entry, "failure_reason")})
        if entry.event_type == "call.recording.error":
            yield Trouble(Code.RECORDING_ERROR, entry.occurred_at, {"reason": _text(entry, "reason")})


def _of_commands(record: CallRecord, bucket: Bucket) -> Iterator[Trouble]:
    for entry in record.entries:
        for command in commands_of(entry, bucket):
            final = record.command_results.get(command["command_id"])
            if code := _code_of(command, final):
                newest = final or command
                figures = {
                    "action": command["action"],
                    "event_type": entry.event_type,
                    "http_status": newest.get("status"),
                    "telnyx_code": newest.get("code"),
                }
                yield Trouble(code, entry.occurred_at, figures)
            elif final and (late_seconds := _late_seconds(entry, command, final)) > LATE_SECONDS:
                figures = {"action": command["action"], "event_type": entry.event_type, "late_seconds": late_seconds}
                yield Trouble(Code.COMMAND_LATE, entry.occurred_at, figures)


def _code_of(command: Mapping[str, Any], final: Mapping[str, Any] | None) -> Code | None:
    """The trouble with a command by its last known result; None when it went well, or is superseded."""
    newest = final or command
    if newest.get("code") in REFUSALS:
        return Code.DIAL_REFUSED
    match newest["result"]:
        case "refused":
            return Code.COMMAND_REFUSED
        case "expired":
            return Code.COMMAND_EXPIRED
        case "queued" if command.get("status") in (401, 403):
            return Code.API_KEY_REFUSED
    return None


def _late_seconds(entry: Entry, command: Mapping[str, Any], final: Mapping[str, Any]) -> float:
    if final["result"] != "accepted":
        return 0.0
    return (_seconds(entry.received_at, final["created_at"]) or 0.0) - (command.get("delay_seconds") or 0.0)


def _of_the_call(record: CallRecord, now: float) -> Iterator[Trouble]:
    call = record.call
    if call.ended and call.started_at and not call.answered_at:
        figures = {
            "direction": call.direction or "unknown",
            "hangup_cause": call.hangup_cause,
            "hangup_source": call.hangup_source,
            "rang_seconds": _seconds(call.started_at, call.ended_at or call.started_at),
        }
        yield Trouble(Code.UNANSWERED, call.started_at, figures)
    if call.started_at and not call.ended and now - _epoch(call.started_at) > RING_AND_CALL_SECONDS:
        yield Trouble(Code.HANGUP_MISSING, call.started_at, {"status": call.status})


def _of_recordings(record: CallRecord, bucket: Bucket, now: float) -> Iterator[Trouble]:
    announced = [entry.occurred_at for entry in record.entries if entry.event_type == "call.recording.saved"]
    newest = max(announced, default=record.call.ended_at or "")
    is_recent = bool(newest) and now - _epoch(newest) < ARCHIVE_SECONDS
    for result in verify_call(record, bucket, archived_findings=False):
        errors = [finding for finding in result.findings if finding.severity > Severity.WARNING]
        only_waiting = {finding.code for finding in errors} == {RecordingCode.NOT_ARCHIVED}
        if errors and not (only_waiting and is_recent):
            figures = {"name": result.key, "findings": [finding.to_dict() for finding in errors]}
            yield Trouble(Code.RECORDING_NOT_ARCHIVED, newest, figures)


def _text(entry: Entry, name: str) -> str | None:
    value = entry.event.payload.get(name) if entry.event else None
    return value if isinstance(value, str) and value else None


def _seconds(start: str, end: str) -> float | None:
    if UNKNOWN_TIME in (start, end):
        return None
    return round(seconds_between(start, end), 1)


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
