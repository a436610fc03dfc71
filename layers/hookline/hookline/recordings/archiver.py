"""Archive a recording: find its links, copy its files, check them, note the result.

Jobs are what `call.recording.saved` and `call.recording.transcription.saved` queue. Every job may come any number of
times, at once, and in any order: an object is written once, a note is made once, and both are looked up first.

* RecordingError
  - NoLink           neither the event nor Telnyx gives a link
  - ObjectDiffers    the object in the bucket is not the one that was sent

Source: developers.telnyx.com, "Storing call recordings": links expire after ten minutes.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from hookline.errors import ApiKeyUnreadable, HooklineError, StorageUnavailable, TelnyxRefused
from hookline.events import UNKNOWN_TIME, seconds_between
from hookline.journal import Journal, timestamp
from hookline.recordings.audio import Audio, AudioProbe
from hookline.recordings.download import UrlPolicy
from hookline.recordings.findings import Code, Finding, RecordingError, Severity, failure_findings, findings_of
from hookline.recordings.job import TRANSCRIPTION_SAVED, ArchiveJob, announcing_event
from hookline.recordings.pauses import paused_seconds
from hookline.recordings.peaks import SUFFIX as PEAKS_SUFFIX
from hookline.recordings.source import DownloadLinks, Resources, TelnyxRecordings
from hookline.recordings.storage import Bucket, UploadResult
from hookline.recordings.transcription import NoTranscription, TranscriptionArchiver
from hookline.recordings.transfer import Transfer

TOLERANCE_SECONDS = 2.0
TOLERANCE_FRACTION = 0.02
"""A file and its times differ by a fraction of a second; more than both of these is a finding."""

UPLOAD_RESERVE_SECONDS = 60.0
"""The part of the function's time that is left when a download is given up, to abort its upload, S3 being slow."""

_AZURE_HOST = re.compile(r"[a-z0-9-]+\.blob\.core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)")


class NoLink(RecordingError):
    """Neither the event nor Telnyx gives a link to the recording."""

    code = Code.NO_LINK


class ObjectDiffers(RecordingError):
    """The object in the bucket is not the one that was sent."""

    code = Code.OBJECT_DIFFERS


class RecordingArchiver:
    """Archives recordings and transcriptions.

    delete_at_telnyx: once every format is archived and verified. count: adds to a metric. measure: adds a
    value to one, RecordingBytes or RecordingLag (seconds).
    """

    def __init__(
        self,
        *,
        bucket: Bucket,
        journal: Journal,
        telnyx: Resources,
        policy: UrlPolicy,
        delete_at_telnyx: bool = False,
        count: Callable[[str], None] = lambda name: None,
        measure: Callable[[str, float], None] = lambda name, value: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Nothing is sent yet."""
        self._bucket = bucket
        self._journal = journal
        self._telnyx = TelnyxRecordings(telnyx)
        self._transcriptions = TranscriptionArchiver(
            bucket=bucket, journal=journal, telnyx=self._telnyx, count=count, sleep=sleep
        )
        self._policy = policy
        self._delete_at_telnyx = delete_at_telnyx
        self._count = count
        self._measure = measure
        self._sleep = sleep

    def archive(self, job: ArchiveJob, *, until: float) -> list[str]:
        """Archive what one message announces; return the keys that are new.

        until: time.monotonic() at which to have ended. Raises a HooklineError when the message is worth another
        delivery; what was archived by then stays archived.
        """
        if job.event_type == TRANSCRIPTION_SAVED:
            return self._archive_transcription(job)
        notes = self._notes(job)
        links = self._links(job, notes)
        new_keys, failure = [], None
        for number, (format_, link) in enumerate(sorted(links.items())):
            name = f"{job.name}.{format_}"
            now = time.monotonic()
            share = now + (until - now) / (len(links) - number)  # one that never ends must not starve the other
            try:
                notes[name], is_new = self._archive_file(job, name, link, notes.get(name), share)
            except (RecordingError, StorageUnavailable) as error:
                failure = failure or error
                if isinstance(error, RecordingError):  # StorageUnavailable is not a fault of the recording
                    self._note_failure(job, name, error)
                continue
            if is_new:
                new_keys.append(notes[name].get("key", name))
        if failure:
            raise failure
        if self._delete_at_telnyx:
            self._delete(job, [notes.get(f"{job.name}.{format_}", {}) for format_ in links])
        return new_keys

    def _archive_transcription(self, job: ArchiveJob) -> list[str]:
        try:
            return self._transcriptions.archive(job)
        except (NoTranscription, TelnyxRefused, ApiKeyUnreadable) as error:
            self._note_failure(job, f"{job.name}.txt", error)
            raise

    def _notes(self, job: ArchiveJob) -> dict[str, Mapping[str, Any]]:
        """Return the notes of all recordings of the call, by name."""
        return {note["name"]: note for note in self._journal.notes(job.identity, "RECORDING")}

    def _links(self, job: ArchiveJob, notes: Mapping[str, Any]) -> Mapping[str, str]:
        """Return the links by format. Raises NoLink.

        Where Telnyx no longer has the recording, what is noted of it is looked after, without a link.
        """
        links = dict(job.links)
        if job.public_formats - links.keys():
            links = {**self._public_links(job), **links}
        if links:
            return links
        fresh = self._fresh_links(job)
        names = [name.rpartition(".") for name in notes if fresh.is_gone]
        links = dict(fresh.by_format) or {format_: "" for name, _, format_ in names if name == job.name}
        if not links:
            failure = NoLink(*fresh.findings)
            self._note_failure(job, job.name, failure)
            raise failure
        return links

    def _public_links(self, job: ArchiveJob) -> Mapping[str, str]:
        """Return the links that do not expire: the queue may leave them to the journal."""
        if job.public_links or not job.public_formats:
            return job.public_links
        event = announcing_event(job, self._journal, self._bucket, sleep=self._sleep)
        return ArchiveJob.from_event(event).public_links if event else {}

    def _fresh_links(self, job: ArchiveJob) -> DownloadLinks:
        links = self._telnyx.links(job)
        if links.by_format:
            self._count("RecordingLinkRenewed")
        return links

    def _archive_file(
        self, job: ArchiveJob, name: str, link: str, note: Mapping[str, Any] | None, until: float
    ) -> tuple[Mapping[str, Any], bool]:
        """Archive one file; return its note, and whether it is new. note: the one it has already."""
        if note is not None and not self._is_lost(note):
            return note, False
        attributes = _external_storage(job, link) or self._copy(job, name, link, until)
        if attributes is None:
            return self._notes(job)[name], False
        is_new = self._journal.put_note(job.identity, "RECORDING", name, attributes, at=time.time(), once=note is None)
        if is_new:
            self._count_archived(attributes)
            self._measure_archived(job, attributes)
        return attributes, is_new

    def _is_lost(self, note: Mapping[str, Any]) -> bool:
        """Return whether an archived object is gone. Raises ObjectDiffers when another one has its key."""
        if "key" not in note:
            return False
        existing = self._bucket.head(note["key"])
        if existing and not existing.matches(note["size"], note["checksum"]):
            raise ObjectDiffers
        return existing is None

    def _copy(self, job: ArchiveJob, name: str, link: str, until: float) -> dict[str, Any] | None:
        """Copy one file; return what to note of it, None when another delivery has noted it meanwhile."""
        format_ = name.rpartition(".")[2]
        key = f"{job.stem}.{format_}"
        if self._bucket.head(key) is None:
            attributes = self._transfer(job, key, format_, link, until)
            if attributes is not None:
                return attributes
        if name in self._notes(job):
            return None
        result, audio = self._read_back(job, key, format_)
        return self._attributes(job, key, result, audio, length_source="read_back", attempts=0)

    def _transfer(self, job: ArchiveJob, key: str, format_: str, link: str, until: float) -> dict[str, Any] | None:
        """Transfer one file into the bucket; None when another delivery was faster."""
        with self._bucket.upload(key, metadata=job.metadata, tags=_tags(job, format_)) as upload:
            transfer = Transfer(
                upload,
                format_,
                self._policy,
                renew=lambda: self._fresh_links(job),
                public_link=lambda: self._public_links(job).get(format_),
                until=until,
                sleep=self._sleep,
            )
            audio, attempts, announced = transfer.run(link)
            result = upload.finish()
        if result is None:
            return None
        existing = self._bucket.head(key)
        if existing is None or not existing.matches(result.size, result.checksum):
            raise ObjectDiffers
        length_source = "content_length" if announced else "chunked"
        return self._attributes(job, key, result, audio, length_source=length_source, attempts=attempts)

    def _read_back(self, job: ArchiveJob, key: str, format_: str) -> tuple[UploadResult, Audio]:
        """Read an object from end to end that was put there by a delivery that ended before it noted it."""
        existing = self._bucket.head(key)
        if existing is None:
            raise StorageUnavailable("another copy of the recording is in progress")
        probe, sha256, size = AudioProbe(), hashlib.sha256(), 0
        for data in self._bucket.read(key):
            probe.feed(data)
            sha256.update(data)
            size += len(data)
        audio = probe.finish()
        sent = existing.metadata.get("sha256") or self._bucket.tags(key).get("sha256")
        if existing.metadata.get("event-id") is None or sent not in (None, sha256.hexdigest()):
            raise ObjectDiffers
        result = UploadResult(size, sha256.hexdigest(), existing.checksums, existing.version_id)
        if "sha256" not in existing.metadata:
            self._bucket.tag(key, {**_tags(job, format_), "sha256": result.sha256})
        return result, audio

    def _attributes(
        self, job: ArchiveJob, key: str, result: UploadResult, audio: Audio, *, length_source: str, attempts: int
    ) -> dict[str, Any]:
        format_ = key.rpartition(".")[2]
        channels = job.channels or ("dual" if audio.channels == 2 else "single")
        reported, paused = job.reported_seconds, self._paused_seconds(job, audio)
        expected = None if reported is None else reported - paused
        findings = [*_length_findings(audio, expected), *_content_findings(audio, format_, channels)]
        return {
            "bucket": self._bucket.name,
            "key": key,
            "peaks_key": self._put_peaks(job, key, audio),
            "size": result.size,
            "sha256": result.sha256,
            "checksum": dict(result.checksum),
            "version_id": result.version_id,
            "format": audio.format or format_,
            "channels": channels,
            "sample_rate": audio.sample_rate,
            "duration_seconds": round(audio.duration_seconds, 3),
            "reported_seconds": None if reported is None else round(reported, 3),
            "paused_seconds": round(paused, 3),
            "started_at": job.started_at,
            "ended_at": job.ended_at,
            "recording_id": job.recording_id,
            "event_id": job.event_id,
            "attempts": attempts,
            "length_source": length_source,
            "findings": [finding.to_dict() for finding in findings],
        }

    def _put_peaks(self, job: ArchiveJob, key: str, audio: Audio) -> str | None:
        """Put the peaks beside the recording, once; return their key, None when it has none."""
        if audio.peaks is None:
            return None
        peaks_key = f"{key}{PEAKS_SUFFIX}"
        self._bucket.put(peaks_key, audio.peaks, content_type="application/json", metadata=job.metadata, kind="peaks")
        return peaks_key

    def _paused_seconds(self, job: ArchiveJob, audio: Audio) -> float:
        """Return the pauses of a recording that is shorter than reported: only then the journal is read for them."""
        reported = job.reported_seconds
        if job.started_at is None or reported is None or reported - audio.duration_seconds <= tolerance(reported):
            return 0.0
        record = self._journal.read(job.identity.any_id)
        return paused_seconds(record, started_at=job.started_at, reported_seconds=reported) if record else 0.0

    def _delete(self, job: ArchiveJob, notes: Iterable[Mapping[str, Any]]) -> None:
        """Delete Telnyx's copy when ours is verified. Idempotent."""
        if job.recording_id is None or not all(map(is_verified, notes)):
            return
        try:
            self._telnyx.delete(job.recording_id)
        except TelnyxRefused as refusal:
            self._put_failure(job, "RECORDING_DELETION_FAILURE", job.name, refusal)
            self._count("RecordingDeletionFailed")
            return
        attributes = {"recording_id": job.recording_id, "event_id": job.event_id}
        if self._journal.put_note(job.identity, "RECORDING_DELETED", job.name, attributes, at=time.time()):
            self._count("RecordingDeletedAtTelnyx")

    def _note_failure(self, job: ArchiveJob, name: str, error: HooklineError) -> None:
        self._put_failure(job, "RECORDING_FAILURE", name, error)
        self._count("RecordingArchiveFailed")

    def _put_failure(self, job: ArchiveJob, kind: str, name: str, error: HooklineError) -> None:
        failure, *causes = [finding.to_dict() for finding in failure_findings(error)]
        attributes = {**failure, "causes": causes, "recording_id": job.recording_id, "event_id": job.event_id}
        self._journal.put_note(job.identity, kind, name, attributes, at=time.time(), once=False)

    def _measure_archived(self, job: ArchiveJob, note: Mapping[str, Any]) -> None:
        """The size of a new object, and how long after its announcement it is there."""
        if "key" not in note:
            return
        self._measure("RecordingBytes", note["size"])
        if job.occurred_at != UNKNOWN_TIME:
            self._measure("RecordingLag", max(0.0, seconds_between(job.occurred_at, timestamp(time.time()))))

    def _count_archived(self, note: Mapping[str, Any]) -> None:
        self._count("RecordingArchived" if "key" in note else "RecordingInExternalStorage")
        if any(finding.severity > Severity.INFO for finding in findings_of(note)):
            self._count("RecordingAnomaly")


def tolerance(reported_seconds: float) -> float:
    """Return by how many seconds a file may differ from its reported length."""
    return max(TOLERANCE_SECONDS, TOLERANCE_FRACTION * reported_seconds)


def is_verified(note: Mapping[str, Any]) -> bool:
    """Return whether a file is in our bucket and as long as Telnyx reports: then the only other copy may be deleted."""
    if "key" not in note or findings_of(note) or note["reported_seconds"] is None:
        return False
    difference: float = note["duration_seconds"] - (note["reported_seconds"] - note["paused_seconds"])
    return abs(difference) <= TOLERANCE_SECONDS


def _length_findings(audio: Audio, expected_seconds: float | None) -> Iterator[Finding]:
    """Compare a file's length with the reported one, less the pauses."""
    if not audio.duration_seconds:
        yield Finding(Code.NO_AUDIO)
    if expected_seconds is not None:
        difference = audio.duration_seconds - expected_seconds
        if abs(difference) > tolerance(expected_seconds):
            code = Code.LONGER_THAN_REPORTED if difference > 0 else Code.SHORTER_THAN_REPORTED
            yield Finding(code, {"seconds": round(abs(difference), 3)})


def _content_findings(audio: Audio, format_: str, channels: str) -> Iterator[Finding]:
    """Compare a file with its name and with itself."""
    if audio.format is None:
        return
    if audio.format != format_:
        yield Finding(Code.FORMAT_DIFFERS, {"actual": audio.format, "expected": format_})
    for code, count in (
        (Code.HEADER_ANNOUNCES_MORE, audio.missing_bytes),
        (Code.TRUNCATED, audio.truncated_bytes),
        (Code.UNREADABLE_BYTES, audio.unreadable_bytes),
    ):
        if count:
            yield Finding(code, {"bytes": count})
    if channels == "dual" and audio.channels not in (0, 2):
        yield Finding(Code.CHANNELS_DIFFER, {"actual": audio.channels, "expected": 2})


def _external_storage(job: ArchiveJob, link: str) -> dict[str, Any] | None:
    """Return what to note of a recording in the customer's own storage, no credentials; None for any other link."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    azure = parts.scheme == "https" and _AZURE_HOST.fullmatch(parts.hostname or "")
    if not (azure or parts.scheme in ("s3", "gs")):
        return None
    return {
        "external_uri": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}",
        "channels": job.channels,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "recording_id": job.recording_id,
        "event_id": job.event_id,
        "findings": [],
    }


def _tags(job: ArchiveJob, format_: str) -> dict[str, str | None]:
    return {
        "kind": "recording",
        "format": format_,
        "channels": job.channels,
        "connection_id": job.connection_id,
    }
