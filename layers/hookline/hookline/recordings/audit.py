"""Verify that every announced recording is in the bucket, whole and unchanged. Walks the journal and the bucket.

For every call of a day: what `call.recording.saved` and `call.recording.transcription.saved` announced, and what is
noted as archived, must be in the bucket with its size and with the checksum that S3 verified when it was written. The
other way round, every object of the bucket must be noted. Nothing is downloaded unless an object has no checksum of its
own to compare, or everything is to be read. What the stack itself deletes after its retention is not missed.
"""

import base64
import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from typing import Any

from hookline.errors import Unreadable
from hookline.events import Event, identifier
from hookline.journal import CallRecord, Entry, Journal, timestamp
from hookline.recordings.findings import Code, Finding, Severity, failure_of, findings_of
from hookline.recordings.job import CONTENT_TYPES, RECORDING_SAVED, TRANSCRIPTION_SAVED, ArchiveJob, event_of
from hookline.recordings.peaks import SUFFIX as PEAKS_SUFFIX
from hookline.recordings.storage import PREFIX, Bucket, ObjectInfo


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The findings about one recording or transcription; none when it is intact.

    key: its key in the bucket, else the name under which it was announced.
    """

    key: str
    call_leg_id: str | None
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing of the call is missing."""
        return all(finding.severity < Severity.ERROR for finding in self.findings)

    def has(self, code: Code) -> bool:
        """Return whether this was found."""
        return any(finding.code == code for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        findings = [finding.to_dict() for finding in self.findings]
        return {"key": self.key, "call_leg_id": self.call_leg_id, "ok": self.ok, "findings": findings}


@dataclass(frozen=True, slots=True)
class Retention:
    """The time since which a stack still has what was written. UTC, as the journal writes timestamps; "": for ever."""

    journal_since: str = ""
    recordings_since: str = ""

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> "Retention":
        """Read the stack's own parameters; the time is now."""

        def since(name: str) -> str:
            days = int(parameters.get(name) or 0)
            return timestamp(time.time() - days * 86_400) if days else ""

        return cls(journal_since=since("RetentionDays"), recordings_since=since("RecordingRetentionDays"))


FOR_EVER = Retention()


def days(first: date, last: date) -> list[str]:
    """Return both and all between them, as `YYYY-MM-DD`."""
    return [(first + timedelta(number)).isoformat() for number in range((last - first).days + 1)]


def verify(
    journal: Journal, bucket: Bucket, on: Iterable[str], *, read_all: bool = False, retention: Retention = FOR_EVER
) -> Iterator[AuditResult]:
    """Yield a result for every recording and transcription of the calls of these days, and every object; each once.

    on: days as `YYYY-MM-DD`, UTC. An event without a time of its own is indexed under 1970-01-01. read_all: read every
    object from end to end and compare its SHA-256. Raises JournalUnavailable and StorageUnavailable.
    """
    audit = _Audit(journal, CallAudit(bucket, read_all=read_all, retention=retention))
    on = list(on)
    for day in on:
        yield from audit.calls_of(day)
    for day in on:
        yield from audit.objects_of(day)


def verify_call(record: CallRecord, bucket: Bucket, *, archived_findings: bool = True) -> Iterator[AuditResult]:
    """Yield a result for every recording and transcription of one call. Raises as verify does.

    archived_findings: whether what the archiver found counts, such as a file that is shorter than reported.
    """
    return CallAudit(bucket, archived_findings=archived_findings).verify(record)


class _Audit:
    """A walk over several days: no call is read twice."""

    def __init__(self, journal: Journal, calls: "CallAudit") -> None:
        self._journal = journal
        self._calls = calls
        self._read: set[str] = set()
        self._noted: set[str] = set()

    def calls_of(self, day: str) -> Iterator[AuditResult]:
        for identity in self._journal.calls(day):
            if record := self._read_once(identity.any_id):
                yield from self._calls.verify(record)

    def objects_of(self, day: str) -> Iterator[AuditResult]:
        """Yield a result for every object of the day that no call has accounted for yet.

        A call belongs to the days of its events, a recording to the day it began on: they need not be the same.
        """
        for key in self._calls.bucket.keys(f"{PREFIX}{day.replace('-', '/')}/"):
            if key in self._noted or self._is_beside_its_recording(key):
                continue
            call_id = _call_id_of(key, self._calls.bucket.head(key))
            record = self._read_once(call_id) if call_id else None
            if record and key in _keys(record):
                yield from self._calls.verify(record)
            elif key not in self._noted:
                expired = day < self._calls.retention.journal_since
                finding = _expired("journal") if expired else Finding(Code.NOT_IN_JOURNAL)
                yield AuditResult(key, record.identity.call_leg_id if record else None, (finding,))

    def _is_beside_its_recording(self, key: str) -> bool:
        """Whether an object is the peaks of a recording, and that recording's result covers it."""
        return key.endswith(PEAKS_SUFFIX) and self._calls.bucket.head(key.removesuffix(PEAKS_SUFFIX)) is not None

    def _read_once(self, call_id: str) -> CallRecord | None:
        """Read a call; None for one that was read before."""
        if call_id in self._read:
            return None
        self._read.add(call_id)
        record = self._journal.read(call_id)
        if record:
            self._noted |= _keys(record)
        return record


class CallAudit:
    """Verifies one call after the other. A call may come under each of its ids: every key gives one result."""

    def __init__(
        self,
        bucket: Bucket,
        *,
        read_all: bool = False,
        retention: Retention = FOR_EVER,
        archived_findings: bool = True,
    ) -> None:
        """Nothing is read yet."""
        self.bucket = bucket
        self.retention = retention
        self._read_all = read_all
        self._archived_findings = archived_findings
        self._done: set[str] = set()

    def verify(self, record: CallRecord) -> Iterator[AuditResult]:
        """Yield a result for every recording and transcription of the call, archived or announced."""
        for result in chain(self._announced_only(record), self._archived(record)):
            if result.key not in self._done:
                self._done.add(result.key)
                yield result

    def _archived(self, record: CallRecord) -> Iterator[AuditResult]:
        leg = record.identity.call_leg_id
        for note in record.notes.get("RECORDING", []):
            if "external_uri" in note:
                yield AuditResult(note["external_uri"], leg, (Finding(Code.IN_EXTERNAL_STORAGE),))
            elif note["key"] not in self._done:
                yield AuditResult(note["key"], leg, self._object_findings(note, Code.MISSING))
                yield from self._peaks(note, leg)
        for note in record.notes.get("TRANSCRIPTION", []):
            if note["key"] not in self._done:
                yield AuditResult(note["key"], leg, self._object_findings(note, Code.TRANSCRIPTION_MISSING))
            json_key = note.get("json_key")
            if json_key and self.bucket.head(json_key) is None:
                yield AuditResult(json_key, leg, (self._gone(note, Code.TRANSCRIPTION_MISSING),))

    def _peaks(self, note: Mapping[str, Any], leg: str | None) -> Iterator[AuditResult]:
        """Yield a result for the peaks of a recording that is there, only where they are not."""
        key = note.get("peaks_key")
        if key and self.bucket.head(key) is None and self.bucket.head(note["key"]) is not None:
            yield AuditResult(key, leg, (Finding(Code.PEAKS_MISSING),))

    def _announced_only(self, record: CallRecord) -> Iterator[AuditResult]:
        """Yield a result for what an event of this call announced and no note has."""
        leg = record.identity.call_leg_id
        for entry in record.entries:
            if entry.event_type not in (RECORDING_SAVED, TRANSCRIPTION_SAVED):
                continue
            location = entry.body_uri or entry.event_id
            try:
                event = event_of(entry, self.bucket)
            except Unreadable:
                yield AuditResult(location, leg, (Finding(Code.EVENT_UNREADABLE),))
                continue
            expired = entry.received_at < self.retention.journal_since
            if event is None:
                yield AuditResult(location, leg, (_expired("journal") if expired else Finding(Code.EVENT_MISSING),))
                continue
            for name in _not_noted(event, record.notes):
                failure = _failure(record, name, entry)
                only_expired = expired and not failure
                findings = (_expired("journal"),) if only_expired else (Finding(Code.NOT_ARCHIVED), *failure)
                yield AuditResult(name, leg, findings)

    def _object_findings(self, note: Mapping[str, Any], missing: Code) -> tuple[Finding, ...]:
        """Compare an object with its note; when they agree, repeat what the archiver found."""
        info = self.bucket.head(note["key"])
        if info is None:
            return (self._gone(note, missing),)
        if info.size != note["size"]:
            return (Finding(Code.SIZE_DIFFERS, {"actual_bytes": info.size, "expected_bytes": note["size"]}),)
        same = None if self._read_all else _same_checksum(note, info)
        if same is None:
            same = self._sha256(note["key"]) == note["sha256"]
        if not same:
            return (Finding(Code.CHECKSUM_DIFFERS),)
        return tuple(findings_of(note)) if self._archived_findings else ()

    def _gone(self, note: Mapping[str, Any], missing: Code) -> Finding:
        return _expired("bucket") if note["created_at"] < self.retention.recordings_since else Finding(missing)

    def _sha256(self, key: str) -> str:
        sha256 = hashlib.sha256()
        for data in self.bucket.read(key):
            sha256.update(data)
        return sha256.hexdigest()


def _expired(store: str) -> Finding:
    return Finding(Code.EXPIRED, {"store": store})


def _call_id_of(key: str, info: ObjectInfo | None) -> str:
    """Return an id of the call that an object belongs to; "" when there is none.

    An object that was overwritten may have lost its metadata; its folder names the leg unless the id is an odd one.
    """
    metadata = info.metadata if info else {}
    ids = (metadata.get(f"{name}-id") for name in ("call-leg", "call-control", "call-session", "event"))
    return next((call_id for call_id in ids if call_id), [*key.split("/"), *[""] * 6][5])


def _failure(record: CallRecord, name: str, entry: Entry) -> list[Finding]:
    """Return why it was not archived. A transcription is found by its event: the queue has no id of it."""
    for note in record.notes.get("RECORDING_FAILURE", []):
        of_event = entry.event_type == TRANSCRIPTION_SAVED and note.get("event_id") == entry.event_id
        if note["name"] == name or of_event:
            return failure_of(note)
    return []


def _not_noted(event: Event, notes: Mapping[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Yield the names under which what this event announced would be noted, and is not."""
    job = ArchiveJob.from_event(event)
    if event.type == TRANSCRIPTION_SAVED:
        text_id = identifier(event.payload.get("recording_transcription_id"))
        if not any(_is_noted_by(note, event.id, text_id) for note in notes.get("TRANSCRIPTION", [])):
            yield f"{job.name}.{text_id or event.id}"
        return
    names = {note["name"] for note in notes.get("RECORDING", [])}
    if job.formats:
        yield from (name for format_ in job.formats if (name := f"{job.name}.{format_}") not in names)
    elif not any(f"{job.name}.{format_}" in names for format_ in CONTENT_TYPES):
        yield job.name


def _is_noted_by(note: Mapping[str, Any], event_id: str, text_id: str | None) -> bool:
    return note["event_id"] == event_id or (text_id is not None and note["recording_transcription_id"] == text_id)


def _same_checksum(note: Mapping[str, Any], info: ObjectInfo) -> bool | None:
    """Return whether S3's own checksum is the one noted; None when the two have none in common."""
    noted = note.get("checksum") or {"ChecksumSHA256": base64.b64encode(bytes.fromhex(note["sha256"])).decode()}
    common = noted.keys() & info.checksums.keys()
    return all(noted[name] == info.checksums[name] for name in common) if common else None


def _keys(record: CallRecord) -> set[str]:
    notes = [*record.notes.get("RECORDING", []), *record.notes.get("TRANSCRIPTION", [])]
    return {note[name] for note in notes for name in ("key", "json_key", "peaks_key") if note.get(name)}
