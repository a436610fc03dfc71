"""Is every recording that was announced in the bucket, whole and unchanged? Walks the journal and the bucket.

For every call of a day: what `call.recording.saved` and `call.recording.transcription.saved` announced and what is
noted as kept must be there, of the size and with the checksum that S3 was made to check when it was written. The other
way round, what lies in the bucket must be noted. Nothing is downloaded unless it has no checksum of its own to compare,
or everything shall be read. What the stack itself deletes after so many days is not missed once they are over.
"""

import base64
import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from hookline.errors import Unreadable
from hookline.events import Event, identifier
from hookline.journal import CallRecord, Entry, Journal, timestamp
from hookline.queues import recording_fields
from hookline.recordings.job import CONTENT_TYPES, SAVED, TRANSCRIBED, ArchiveJob, event_of
from hookline.recordings.storage import PREFIX, Bucket, Found

WHOLE, ELSEWHERE, EXPIRED = "whole", "elsewhere", "expired"
MISSING, SHORT, DIFFERENT, UNKNOWN = "missing", "short", "different", "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is true of one recording or transcript.

    state: whole; elsewhere (in the customer's own storage, not looked at); expired (deleted by the stack itself, or
    its journal was); missing, short (also of what was recorded, when it came so from Telnyx) or different; unknown (in
    the bucket, but in no journal). detail: a sentence for people.
    """

    state: str
    key: str
    call_leg_id: str | None
    detail: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing has to be done about it."""
        return self.state in (WHOLE, ELSEWHERE, EXPIRED)


@dataclass(frozen=True, slots=True)
class Retention:
    """Since when a stack still has what was written. UTC, as the journal writes moments; "": it keeps it for ever."""

    journal_since: str = ""
    recordings_since: str = ""

    @classmethod
    def by(cls, parameters: Mapping[str, str]) -> "Retention":
        """By the stack's own parameters, now."""

        def since(name: str) -> str:
            days = int(parameters.get(name) or 0)
            return timestamp(time.time() - days * 86_400) if days else ""

        return cls(journal_since=since("RetentionDays"), recordings_since=since("RecordingRetentionDays"))


FOR_EVER = Retention()


def days(first: date, last: date) -> list[str]:
    """Both and all between them, as `YYYY-MM-DD`."""
    return [(first + timedelta(number)).isoformat() for number in range((last - first).days + 1)]


def verify(
    journal: Journal, bucket: Bucket, on: Iterable[str], *, read_all: bool = False, retention: Retention = FOR_EVER
) -> Iterator[Finding]:
    """A finding for every recording and transcript of the calls of these days, and for every object of them; each once.

    on: days as `YYYY-MM-DD`, UTC. An event that does not say when it occurred lies under 1970-01-01. read_all: read
    every object from end to end and compare its SHA-256. Raises JournalUnavailable and StorageUnavailable.
    """
    looked_at: set[str] = set()
    noted: set[str] = set()
    seen: set[str] = set()
    for day in on:
        for identity in journal.calls(day):
            if identity.any_id in looked_at:
                continue
            looked_at.add(identity.any_id)
            if record := journal.read(identity.any_id):
                noted |= _keys(record)
                yield from of_call(record, bucket, read_all=read_all, retention=retention, seen=seen)
    for day in on:
        for key in bucket.keys(f"{PREFIX}{day.replace('-', '/')}/"):
            if key in noted:
                continue
            # A call belongs to the days of its events, a recording to the day it began on: they need not be the same.
            any_id = _call_of(key, bucket.look(key))
            record = journal.read(any_id) if any_id and any_id not in looked_at else None
            looked_at.add(any_id)
            found = _keys(record) if record else set()
            noted |= found
            if record and key in found:
                yield from of_call(record, bucket, read_all=read_all, retention=retention, seen=seen)
            elif key not in noted:
                leg = record.identity.call_leg_id if record else None
                if day < retention.journal_since:
                    yield Finding(EXPIRED, key, leg, "it lies in the bucket, and its days in the journal are over")
                else:
                    yield Finding(UNKNOWN, key, leg, "it lies in the bucket, and no journal entry says why")


def _call_of(key: str, found: Found | None) -> str:
    """An id of the call that an object belongs to; "" when nothing tells."""
    metadata = found.metadata if found else {}
    # Whoever overwrote it may have left the metadata away; the folder tells the leg unless it is an odd one.
    named = (metadata.get(f"{name}-id") for name in ("call-leg", "call-control", "call-session", "event"))
    return next((one for one in named if one), [*key.split("/"), *[""] * 6][5])


def of_call(
    record: CallRecord,
    bucket: Bucket,
    *,
    read_all: bool = False,
    retention: Retention = FOR_EVER,
    seen: set[str] | None = None,
    remarks: bool = True,
) -> Iterator[Finding]:
    """A finding for every recording and transcript of one call, kept or announced. As verify raises.

    seen: the keys that need no second finding; those that are found are added. A call is read under each of its ids,
    and what names only its session belongs to every leg. remarks: whether what Telnyx has sent cut is short.
    """
    seen = set() if seen is None else seen
    leg = record.identity.call_leg_id
    for finding in _announced_only(record, bucket, retention):
        if finding.key not in seen:
            seen.add(finding.key)
            yield finding
    for note in [*record.notes.get("RECORDING", []), *record.notes.get("TRANSCRIPTION", [])]:
        key = note["kept_elsewhere"] if "kept_elsewhere" in note else note["key"]
        if key in seen:
            continue
        seen.add(key)
        if "kept_elsewhere" in note:
            yield Finding(ELSEWHERE, key, leg)
            continue
        finding = _of_object(note, leg, bucket, read_all=read_all, retention=retention)
        # The archiver remarked on it: it is kept as it came, but something of the call is not in it.
        cut = [one for one in note.get("remarks", []) if "shorter" in one or "announces" in one] if remarks else []
        yield Finding(SHORT, key, leg, "; ".join(cut)) if cut and finding.state == WHOLE else finding
        if "json_key" in note and bucket.look(note["json_key"]) is None:
            yield _gone(note, note["json_key"], leg, retention)


def _announced_only(record: CallRecord, bucket: Bucket, retention: Retention) -> Iterator[Finding]:
    """A finding for what an event of this call announced and no note says is kept."""
    leg = record.identity.call_leg_id
    for entry in record.entries:
        if entry.event_type not in (SAVED, TRANSCRIBED):
            continue
        expired = entry.received_at < retention.journal_since
        at = entry.body_uri or entry.event_id
        try:
            event = event_of(entry, bucket)
            names = list(_not_noted(event, record.notes)) if event else []
        except Unreadable as error:
            yield Finding(DIFFERENT, at, leg, f"the event that announced it cannot be read: {error}")
            continue
        if event is None:
            yield Finding(EXPIRED if expired else MISSING, at, leg, "the event that announced it is gone")
        for name in names:
            reason = _reason(record, name, entry)
            if expired and not reason:
                yield Finding(EXPIRED, name, leg, "its days in the journal are over")
            else:
                yield Finding(MISSING, name, leg, reason or "it was announced and has not been kept")


def _reason(record: CallRecord, name: str, entry: Entry) -> str:
    """Why it is not kept, "" when no fault is noted. Of a text, by its event: the queue has no id of it."""
    for fault in record.notes.get("RECORDING_FAULT", []):
        if fault["name"] == name or (entry.event_type == TRANSCRIBED and fault.get("event_id") == entry.event_id):
            return str(fault["reason"])
    return ""


def _not_noted(event: Event, notes: Mapping[str, list[dict[str, Any]]]) -> Iterator[str]:
    """The names under which what this event announced would be noted, and is not. Raises Unreadable."""
    message = {
        "event_id": event.id,
        "event_type": event.type,
        "occurred_at": event.occurred_at,
        "identity": event.identity._asdict(),
        "recording": dict(recording_fields(event.payload)),
    }
    wanted = ArchiveJob.of(json.dumps(message))
    if event.type == TRANSCRIBED:
        text_id = identifier(event.payload.get("recording_transcription_id"))
        texts = notes.get("TRANSCRIPTION", [])
        of_event = any(note["event_id"] == event.id for note in texts)
        if not of_event and (text_id is None or all(note["recording_transcription_id"] != text_id for note in texts)):
            yield f"{wanted.name}.{text_id or event.id}"
        return
    names = {note["name"] for note in notes.get("RECORDING", [])}
    yield from (name for format_ in wanted.links if (name := f"{wanted.name}.{format_}") not in names)
    if not wanted.links and not any(f"{wanted.name}.{format_}" in names for format_ in CONTENT_TYPES):
        yield wanted.name


def _gone(note: Mapping[str, Any], key: str, leg: str | None, retention: Retention) -> Finding:
    if note["created_at"] < retention.recordings_since:
        return Finding(EXPIRED, key, leg, "its days in the bucket are over")
    return Finding(MISSING, key, leg, "it was kept and is not there any more")


def _of_object(
    note: Mapping[str, Any], leg: str | None, bucket: Bucket, *, read_all: bool, retention: Retention
) -> Finding:
    key, size = note["key"], note["size"]
    found = bucket.look(key)
    if found is None:
        return _gone(note, key, leg, retention)
    if found.size < size:
        return Finding(SHORT, key, leg, f"{found.size} bytes of {size}")
    if found.size > size:
        return Finding(DIFFERENT, key, leg, f"{found.size} bytes and not {size}")
    same = None if read_all else _same_checksum(note, found)
    if same is None:
        sha256 = hashlib.sha256()
        for data in bucket.read(key):
            sha256.update(data)
        same = sha256.hexdigest() == note["sha256"]
    return Finding(WHOLE, key, leg) if same else Finding(DIFFERENT, key, leg, "its bytes are not those that were kept")


def _same_checksum(note: Mapping[str, Any], found: Found) -> bool | None:
    """Whether S3's own checksum is the one noted; None when the two have none in common."""
    noted = note.get("checksum") or {"ChecksumSHA256": base64.b64encode(bytes.fromhex(note["sha256"])).decode()}
    common = noted.keys() & found.checksums.keys()
    return all(noted[name] == found.checksums[name] for name in common) if common else None


def _keys(record: CallRecord) -> set[str]:
    notes = [*record.notes.get("RECORDING", []), *record.notes.get("TRANSCRIPTION", [])]
    return {note[name] for note in notes for name in ("key", "json_key") if name in note}
