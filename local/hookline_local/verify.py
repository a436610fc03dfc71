"""Is every recording that was announced in the bucket, whole and unchanged? Walks the journal and the bucket.

For every call of a day: what `call.recording.saved` announced and what is noted as kept must be there, of the size and
with the checksum that S3 was made to check when it was written. The other way round, what lies in the bucket must be
noted. Nothing is downloaded unless it has no checksum of its own to compare, or everything shall be read.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from hookline.commands import archive
from hookline.events import Event
from hookline.journal import CallRecord, Journal
from hookline.recordings import PREFIX, Bucket, Found
from hookline.wanted import SAVED, Wanted, event_of

WHOLE, ELSEWHERE = "whole", "elsewhere"
MISSING, SHORT, DIFFERENT, UNKNOWN = "missing", "short", "different", "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is true of one recording or transcript.

    state: whole; elsewhere (in the customer's own storage, not looked at); missing, short or different; unknown (in the
    bucket, but in no journal). detail: a sentence for people.
    """

    state: str
    key: str
    call_leg_id: str | None
    detail: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing has to be done about it."""
        return self.state in (WHOLE, ELSEWHERE)


def days(first: date, last: date) -> list[str]:
    """Both and all between them, as `YYYY-MM-DD`."""
    return [(first + timedelta(number)).isoformat() for number in range((last - first).days + 1)]


def verify(journal: Journal, bucket: Bucket, on: Iterable[str], *, read_all: bool = False) -> Iterator[Finding]:
    """A finding for every recording and transcript of the calls of these days, and for every object of them.

    on: days as `YYYY-MM-DD`, UTC. read_all: read every object from end to end and compare its SHA-256. Raises
    JournalUnavailable and StorageUnavailable.
    """
    looked_at: set[str] = set()
    noted: set[str] = set()
    for day in on:
        for identity in journal.calls(day):
            if identity.any_id in looked_at:
                continue
            looked_at.add(identity.any_id)
            if record := journal.read(identity.any_id):
                noted |= _keys(record)
                yield from of_call(record, bucket, read_all=read_all)
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
                yield from of_call(record, bucket, read_all=read_all)
            elif key not in noted:
                leg = record.identity.call_leg_id if record else None
                yield Finding(UNKNOWN, key, leg, "it lies in the bucket, and no journal entry says why")


def _call_of(key: str, found: Found | None) -> str:
    """An id of the call that an object belongs to; "" when nothing tells."""
    metadata = found.metadata if found else {}
    # Whoever overwrote it may have left the metadata away; the folder tells the leg unless it is an odd one.
    named = (metadata.get(f"{name}-id") for name in ("call-leg", "call-control", "call-session", "event"))
    return next((one for one in named if one), [*key.split("/"), *[""] * 6][5])


def of_call(record: CallRecord, bucket: Bucket, *, read_all: bool = False) -> Iterator[Finding]:
    """A finding for every recording and transcript of one call, kept or announced. As verify raises."""
    leg = record.identity.call_leg_id
    recordings = {note["name"]: note for note in record.notes.get("RECORDING", [])}
    faults = {note["name"]: note["reason"] for note in record.notes.get("RECORDING_FAULT", [])}
    for entry in record.entries:
        if entry.event_type != SAVED:
            continue
        event = event_of(entry, bucket)
        if event is None:
            yield Finding(MISSING, entry.kept_at or entry.event_id, leg, "the event that announced it is gone")
            continue
        for name in _announced(event):
            if not any(kept == name or kept.startswith(f"{name}.") for kept in recordings):
                yield Finding(MISSING, name, leg, faults.get(name, "it was announced and has not been kept"))
    for note in [*recordings.values(), *record.notes.get("RECORDING_TEXT", [])]:
        if "kept_elsewhere" in note:
            yield Finding(ELSEWHERE, note["kept_elsewhere"], leg)
        else:
            yield _of_object(note, leg, bucket, read_all=read_all)


def _announced(event: Event) -> list[str]:
    """The names under which the files of this event are noted; without their formats when it gives no link."""
    message = {
        "event_id": event.id,
        "event_type": event.type,
        "occurred_at": event.occurred_at,
        "identity": event.identity._asdict(),
        "recording": dict(archive(event.payload).params),
    }
    wanted = Wanted.of(json.dumps(message))
    return [f"{wanted.name}.{format_}" for format_ in wanted.links] or [wanted.name]


def _of_object(note: Mapping[str, Any], leg: str | None, bucket: Bucket, *, read_all: bool) -> Finding:
    key, size = note["key"], note["size"]
    found = bucket.look(key)
    if found is None:
        return Finding(MISSING, key, leg, "it was kept and is not there any more")
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
    notes = [*record.notes.get("RECORDING", []), *record.notes.get("RECORDING_TEXT", [])]
    return {note[name] for note in notes for name in ("key", "json_key") if name in note}
