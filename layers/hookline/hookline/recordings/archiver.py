"""The shell around the keeping of a recording: find its link, copy it, check it, note it.

What `call.recording.saved` and `call.recording.transcription.saved` queue comes here. Everything may come any number
of times, at once, and in any order: an object is written once, a note is made once, and both are looked for first.

What goes wrong on purpose here, beside what its modules raise:

* HooklineError
  - NoLink          neither the event nor Telnyx gives a link
  - NotAsSent       what lies in the bucket is not what was sent there

Source: developers.telnyx.com, "Storing call recordings": links die after ten minutes.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from hookline.errors import ApiKeyUnreadable, HooklineError, StorageUnavailable, TelnyxRefused
from hookline.events import seconds_between
from hookline.journal import Journal
from hookline.recordings.audio import Audio, Meter, NotARecording
from hookline.recordings.download import (
    ChangedMeanwhile,
    DownloadBroken,
    Guard,
    LinkDead,
    LinkForbidden,
    OutOfTime,
    TooLarge,
    fetch,
)
from hookline.recordings.job import CONTENT_TYPES, TRANSCRIBED, ArchiveJob
from hookline.recordings.source import Links, Resources, TelnyxRecordings
from hookline.recordings.storage import Bucket, Stored
from hookline.recordings.transcription import NoTranscript, TranscriptionArchiver
from hookline.telnyx import Outcome

TRIES = 6
"""In a row without a byte more of one file, within one invocation; the queue comes back later with the same message."""

_PAUSES = 0.5, 8.0
"""Seconds before the second try, twice as long before each further one, and at most."""

LARGE_DIFFERENCE_SECONDS = 2.0
LARGE_DIFFERENCE = 0.02
"""A file and its times differ by a fraction of a second; more than both of these, and somebody should listen to it."""

LINK_RESERVE_SECONDS = 60.0
"""What is left of the function's time when a download is given up, to take back what was uploaded, S3 being slow."""

_PAUSING = {"record_pause": True, "record_resume": False}
_DONE = (Outcome.ACCEPTED.value, Outcome.ALREADY_DONE.value)
_AZURE = re.compile(r"[a-z0-9-]+\.blob\.core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)")


class NoLink(HooklineError):
    """Neither the event nor Telnyx gives a link to the recording."""


class NotAsSent(HooklineError):
    """What lies in the bucket is not what was sent there."""


_FAILURES = (LinkDead, DownloadBroken, LinkForbidden, TooLarge, OutOfTime, NotARecording, NotAsSent)


class _Copy(NamedTuple):
    """A finished file. stored is None when another copy of it was there first; announced: its length was."""

    stored: Stored | None
    audio: Audio
    tries: int
    announced: bool


class Archive:
    """Keeps recordings and transcripts.

    delete_at_telnyx: once every format is kept and nothing about it is remarkable. count: adds to a metric.
    """

    def __init__(
        self,
        *,
        bucket: Bucket,
        journal: Journal,
        telnyx: Resources,
        guard: Guard,
        delete_at_telnyx: bool = False,
        count: Callable[[str], None] = lambda name: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Nothing is sent yet."""
        self._bucket = bucket
        self._journal = journal
        self._telnyx = TelnyxRecordings(telnyx)
        self._texts = TranscriptionArchiver(
            bucket=bucket, journal=journal, telnyx=self._telnyx, count=count, sleep=sleep
        )
        self._guard = guard
        self._delete_at_telnyx = delete_at_telnyx
        self._count = count
        self._sleep = sleep

    def keep(self, wanted: ArchiveJob, *, until: float) -> list[str]:
        """Do what one message asks for; the keys that are new. until: time.monotonic() at which to have ended.

        Raises a HooklineError when the message is worth another delivery; what was kept by then stays kept.
        """
        if wanted.event_type == TRANSCRIBED:
            try:
                return self._texts.keep(wanted)
            except (NoTranscript, TelnyxRefused, ApiKeyUnreadable) as error:
                self._fault(wanted, f"{wanted.name}.txt", error)
                raise
        noted = {note["name"]: note for note in self._journal.notes(wanted.identity, "RECORDING")}
        links = wanted.links or self._links_for(wanted, noted)
        kept, failed = [], None
        for number, (format_, link) in enumerate(sorted(links.items())):
            name = f"{wanted.name}.{format_}"
            now = time.monotonic()
            share = now + (until - now) / (len(links) - number)  # one that never ends must not starve the other
            try:
                if name in noted and not self._lost(noted[name]):
                    continue
                facts = _elsewhere(wanted, link) or self._copied(wanted, name, format_, link, share)
            except (*_FAILURES, StorageUnavailable) as error:
                if not isinstance(error, StorageUnavailable):  # that is no fault of the recording
                    self._fault(wanted, name, error)
                failed = failed or error
                continue
            if facts is None:
                noted[name] = next(n for n in self._journal.notes(wanted.identity, "RECORDING") if n["name"] == name)
                continue
            was_lost, noted[name] = name in noted, facts
            if self._journal.put_note(wanted.identity, "RECORDING", name, facts, at=time.time(), once=not was_lost):
                kept.append(facts.get("key", name))
                self._count_kept(facts)
        if failed:
            raise failed
        if self._delete_at_telnyx:
            self._delete(wanted, [noted.get(f"{wanted.name}.{format_}", {}) for format_ in links])
        return kept

    def _links_for(self, wanted: ArchiveJob, noted: Mapping[str, Any]) -> Mapping[str, str]:
        """The links of a recording that was announced without any. Raises NoLink.

        Where Telnyx does not have it any more, what is noted of it is looked after, without a link.
        """
        fresh = self._fresh_links(wanted)
        names = [name.rpartition(".") for name in noted if fresh.gone]
        links = fresh.by_format or {format_: "" for name, _, format_ in names if name == wanted.name}
        if not links:
            none = NoLink(f"the event gives none, and {fresh.why}")
            self._fault(wanted, wanted.name, none)
            raise none
        return links

    def _copied(self, wanted: ArchiveJob, name: str, format_: str, link: str, until: float) -> dict[str, Any] | None:
        """The facts about a file once it lies in the bucket; None when another copy has noted them meanwhile."""
        key = f"{wanted.stem}.{format_}"
        if self._bucket.look(key) is None:
            copy = self._download(wanted, key, format_, link, until)
            if copy.stored is not None:
                self._check(key, copy.stored)
                length = "as announced" if copy.announced else "not announced, ended by itself"
                return self._facts(wanted, key, copy.stored, copy.audio, length=length, tries=copy.tries)
        if any(note["name"] == name for note in self._journal.notes(wanted.identity, "RECORDING")):
            return None
        stored, audio = self._reread(wanted, key)
        return self._facts(wanted, key, stored, audio, length="read back from the bucket", tries=0)

    def _lost(self, note: Mapping[str, Any]) -> bool:
        """Whether what was noted is gone. Raises NotAsSent when something else lies in its place."""
        if "key" not in note:
            return False
        found = self._bucket.look(note["key"])
        if found and (found.size != note["size"] or not note["checksum"].items() <= found.checksums.items()):
            raise NotAsSent("the bucket does not hold what was noted")
        return found is None

    def _download(self, wanted: ArchiveJob, key: str, format_: str, link: str, until: float) -> _Copy:
        meter = Meter()
        etag: str | None = None
        total: int | None = None
        with self._bucket.deposit(key, metadata=wanted.metadata, tags=_tags(wanted, format_)) as deposit:
            deposit.content_type = CONTENT_TYPES[format_]
            tries, without_progress, furthest, fresh = 0, 0, 0, Links({})
            while True:
                tries += 1
                try:
                    with fetch(link, self._guard, until=until, start=deposit.size, etag=etag, total=total) as answer:
                        if answer.start != deposit.size:
                            deposit.restart()
                            meter = Meter()
                        etag, total = answer.etag, answer.total
                        for data in answer:
                            meter.feed(data)
                            deposit.content_type = CONTENT_TYPES[meter.format or format_]
                            deposit.write(data)
                    audio = meter.finish()
                    return _Copy(deposit.finish(), audio, tries, total is not None)
                except (ChangedMeanwhile, NotARecording) as error:
                    failure: HooklineError = error
                    furthest = max(furthest, deposit.size)  # what has to be begun anew is no progress
                    meter, etag, total = Meter(), None, None  # without an etag everything is asked for again
                except (LinkDead, DownloadBroken, LinkForbidden) as error:
                    failure = error
                without_progress = 0 if deposit.size > furthest else without_progress + 1
                furthest = max(furthest, deposit.size)
                if isinstance(failure, (LinkDead, LinkForbidden)) or without_progress > 1:
                    fresh = self._fresh_links(wanted)
                    another = fresh.by_format.get(format_) or wanted.public_links.get(format_)
                    if isinstance(failure, LinkForbidden) and another in (None, link):
                        raise failure
                    if isinstance(failure, LinkDead) and another is None and not fresh.later:
                        raise _explained(failure, fresh.why)
                    link = another or link
                if without_progress == TRIES:
                    raise _explained(failure, fresh.why)
                first, longest = _PAUSES
                pause = min(first * 2 ** max(0, without_progress - 1), longest, until - time.monotonic())
                self._sleep(max(0.0, pause))

    def _check(self, key: str, stored: Stored) -> None:
        """What S3 now says of the object must be what we know of it."""
        found = self._bucket.look(key)
        if found is None or found.size != stored.size or not stored.checksum.items() <= found.checksums.items():
            raise NotAsSent("the bucket does not hold what was sent")

    def _reread(self, wanted: ArchiveJob, key: str) -> tuple[Stored, Audio]:
        """What lies there already, read from end to end: it was put there, but nobody lived to note it."""
        found = self._bucket.look(key)
        if found is None:
            raise StorageUnavailable("another copy of the recording is under way")
        meter, sha256, size = Meter(), hashlib.sha256(), 0
        for data in self._bucket.read(key):
            meter.feed(data)
            sha256.update(data)
            size += len(data)
        audio = meter.finish()
        sent = found.metadata.get("sha256") or self._bucket.tags(key).get("sha256")
        if found.metadata.get("event-id") is None or sent not in (None, sha256.hexdigest()):
            raise NotAsSent("the bucket does not hold what was sent")
        stored = Stored(size, sha256.hexdigest(), found.checksums, found.version_id)
        if "sha256" not in found.metadata:
            self._bucket.tag(key, {**_tags(wanted, key.rpartition(".")[2]), "sha256": stored.sha256})
        return stored, audio

    def _facts(
        self, wanted: ArchiveJob, key: str, stored: Stored, audio: Audio, *, length: str, tries: int
    ) -> dict[str, Any]:
        stated, channels = wanted.stated_seconds, wanted.channels or ("dual" if audio.channels == 2 else "single")
        paused = self._paused_seconds(wanted) if _shorter(audio, stated) else 0.0
        remarks = list(_remarks(key, audio, None if stated is None else stated - paused, channels))
        return {
            "bucket": self._bucket.name,
            "key": key,
            "size": stored.size,
            "sha256": stored.sha256,
            "checksum": dict(stored.checksum),
            "version_id": stored.version_id,
            "format": audio.format,
            "channels": channels,
            "sample_rate": audio.sample_rate,
            "duration_seconds": round(audio.duration_seconds, 3),
            "stated_seconds": None if stated is None else round(stated, 3),
            "paused_seconds": round(paused, 3),
            "started_at": wanted.started_at,
            "ended_at": wanted.ended_at,
            "recording_id": wanted.recording_id,
            "event_id": wanted.event_id,
            "tries": tries,
            "checks": {"length": length, "content": audio.format, "stored": "as sent"},
            "remarks": remarks,
        }

    def _paused_seconds(self, wanted: ArchiveJob) -> float:
        """How long of its time the recording was paused, by what the journal says that Telnyx was told.

        By Telnyx's clock, as the recording's own times are: a pause begins with the event that it answers.
        """
        began, stated = wanted.started_at, wanted.stated_seconds
        record = self._journal.read(wanted.identity.any_id)
        if record is None or began is None or stated is None:
            return 0.0
        later = {note["name"]: note for note in record.notes.get("EVENT_RESULT", [])}
        turns = []
        for entry in record.entries:
            for one in entry.commands:
                late = later.get(one["command_id"])
                waited = seconds_between(entry.received_at, late["created_at"]) if late else 0.0
                at = seconds_between(began, entry.occurred_at) + waited
                if one["action"] in _PAUSING and (late or one)["result"] in _DONE and 0.0 <= at < stated:
                    turns.append((at, _PAUSING[one["action"]]))
        paused, since = 0.0, None
        for at, pausing in [*sorted(turns), (stated, False)]:
            if pausing:
                since = at if since is None else since
            elif since is not None:
                paused, since = paused + at - since, None
        return paused

    def _delete(self, wanted: ArchiveJob, notes: Iterable[Mapping[str, Any]]) -> None:
        """Have Telnyx delete its copy, if ours is beyond doubt. What has been deleted already is deleted."""
        if wanted.recording_id is None or not all(map(_beyond_doubt, notes)):
            return
        try:
            self._telnyx.delete(wanted.recording_id)
        except TelnyxRefused as refusal:
            self._fault(wanted, wanted.name, refusal)
            return
        facts = {"recording_id": wanted.recording_id, "event_id": wanted.event_id}
        if self._journal.put_note(wanted.identity, "RECORDING_DELETED", wanted.name, facts, at=time.time()):
            self._count("RecordingDeletedAtTelnyx")

    def _fresh_links(self, wanted: ArchiveJob) -> Links:
        links = self._telnyx.links(wanted)
        if links.by_format:
            self._count("RecordingLinkRenewed")
        return links

    def _fault(self, wanted: ArchiveJob, name: str, error: HooklineError) -> None:
        facts = {"reason": str(error), "error": type(error).__name__, "event_id": wanted.event_id}
        self._journal.put_note(wanted.identity, "RECORDING_FAULT", name, facts, at=time.time(), once=False)
        self._count("RecordingFault")

    def _count_kept(self, facts: Mapping[str, Any]) -> None:
        self._count("RecordingKept" if "key" in facts else "RecordingKeptElsewhere")
        if any("lasts" in remark for remark in facts["remarks"]):
            self._count("RecordingDurationDiffers")
        elif facts["remarks"]:
            self._count("RecordingRemarkable")


def _explained(failure: HooklineError, why: str) -> HooklineError:
    """The failure, and why there was no other link than a dead one."""
    return LinkDead(f"{failure}, and {why}") if why and isinstance(failure, LinkDead) else failure


def _beyond_doubt(note: Mapping[str, Any]) -> bool:
    """Whether a file is in our bucket and as long as Telnyx says: then the only other copy may be deleted."""
    if "key" not in note or note["remarks"] or note["stated_seconds"] is None:
        return False
    off: float = note["duration_seconds"] - (note["stated_seconds"] - note["paused_seconds"])
    return abs(off) <= LARGE_DIFFERENCE_SECONDS


def _bearable(stated: float) -> float:
    return max(LARGE_DIFFERENCE_SECONDS, LARGE_DIFFERENCE * stated)


def _shorter(audio: Audio, stated: float | None) -> bool:
    return stated is not None and stated - audio.duration_seconds > _bearable(stated)


def _remarks(key: str, audio: Audio, stated: float | None, channels: str) -> Iterable[str]:
    """What a person should know of a file that is whole and a recording nevertheless."""
    if audio.format != key.rpartition(".")[2]:
        yield f"it is {audio.format} under the name of another format"
    if not audio.duration_seconds:
        yield "it holds no sound"
    if stated is not None:
        difference = audio.duration_seconds - stated
        if abs(difference) > _bearable(stated):
            yield f"it lasts {abs(difference):.1f} s {'longer' if difference > 0 else 'shorter'} than Telnyx says"
    if audio.missing_bytes:
        yield f"its own header announces {audio.missing_bytes} bytes more"
    if audio.unreadable_bytes:
        yield f"{audio.unreadable_bytes} bytes of it are no sound"
    if channels == "dual" and audio.channels != 2:
        yield "it has one channel and should have two"


def _elsewhere(wanted: ArchiveJob, link: str) -> dict[str, Any] | None:
    """The facts about a recording in the customer's own storage; None for any other link. No key to it is noted."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    azure = parts.scheme == "https" and _AZURE.fullmatch(parts.hostname or "")
    if not (azure or parts.scheme in ("s3", "gs")):
        return None
    return {
        "kept_elsewhere": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}",
        "channels": wanted.channels,
        "started_at": wanted.started_at,
        "ended_at": wanted.ended_at,
        "recording_id": wanted.recording_id,
        "event_id": wanted.event_id,
        "remarks": [],
    }


def _tags(wanted: ArchiveJob, format_: str) -> dict[str, str | None]:
    return {
        "kind": "recording",
        "format": format_,
        "channels": wanted.channels,
        "connection_id": wanted.connection_id,
    }
