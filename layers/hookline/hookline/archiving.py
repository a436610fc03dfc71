"""The shell around the keeping of a recording: find its link, copy it, check it, note it; and its transcript.

What `call.recording.saved` and `call.recording.transcription.saved` queue comes here. Everything may come any number
of times, at once, and in any order: an object is written once, a note is made once, and both are looked for first.

What goes wrong on purpose here, beside what its rooms raise:

* HooklineError
  - NoLink          neither the event nor Telnyx gives a link
  - NoTranscript    neither the journal nor Telnyx gives the text
  - NotAsSent       what lies in the bucket is not what was sent there

Sources: developers.telnyx.com, "Storing call recordings" (links die after ten minutes) and the API's recordings and
recording_transcriptions.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlsplit

from hookline.audio import Audio, Meter, NotARecording
from hookline.download import (
    ChangedMeanwhile,
    DownloadBroken,
    Guard,
    LinkDead,
    LinkForbidden,
    OutOfTime,
    TooLarge,
    fetch,
)
from hookline.errors import HooklineError, StorageUnavailable, TelnyxRefused, TelnyxUnavailable, Unreadable
from hookline.events import UNKNOWN_TIME, Event, Identity, fixed_width, identifier, read
from hookline.journal import Journal
from hookline.recordings import Bucket, Stored, stem

SAVED = "call.recording.saved"
TRANSCRIBED = "call.recording.transcription.saved"

TRIES = 5
"""For one file within one invocation; the queue comes back later with the same message."""

LARGE_DIFFERENCE_SECONDS = 2.0
LARGE_DIFFERENCE = 0.02
"""A file and its times differ by a fraction of a second; more than both of these, and somebody should listen to it."""

SAME_START_SECONDS = 2.0
"""A recording without an id is found again by its leg and the moment it began."""

LINK_RESERVE_SECONDS = 15.0
"""What is left of the function's time when a download is given up, to take back what was uploaded."""

_CONTENT_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_LOOKS_FOR_EVENT = 5


class NoLink(HooklineError):
    """Neither the event nor Telnyx gives a link to the recording."""


class NoTranscript(HooklineError):
    """Neither the journal nor Telnyx gives the text."""


class NotAsSent(HooklineError):
    """What lies in the bucket is not what was sent there."""


_FAILURES = (LinkDead, DownloadBroken, LinkForbidden, TooLarge, OutOfTime, NotARecording, NotAsSent)


class Resources(Protocol):
    """What we use of Telnyx's API. Both raise TelnyxUnavailable and TelnyxRefused."""

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Read one resource."""

    def delete(self, path: str) -> dict[str, Any]:
        """Delete one resource."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a message of the recording queue asks for.

    started_at, ended_at: UTC, fixed width, None when the event does not say. links: by format.
    """

    event_id: str
    event_type: str
    occurred_at: str
    identity: Identity
    recording_id: str | None = None
    channels: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    connection_id: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, message: str) -> "Wanted":
        """What hookline.queues wrote. Raises Unreadable for any other text: it goes to the dead-letter queue."""
        try:
            given = json.loads(message)
            recording = given["recording"]
            links = {**(recording.get("public_recording_urls") or {}), **(recording.get("recording_urls") or {})}
            return cls(
                event_id=given["event_id"],
                event_type=given["event_type"],
                occurred_at=fixed_width(given["occurred_at"]),
                identity=Identity(**given["identity"]),
                recording_id=identifier(recording.get("recording_id")),
                channels=identifier(recording.get("channels")),
                started_at=_moment(recording.get("recording_started_at")),
                ended_at=_moment(recording.get("recording_ended_at")),
                connection_id=identifier(recording.get("connection_id")),
                links={name: link for name, link in links.items() if name in _CONTENT_TYPES and isinstance(link, str)},
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise Unreadable("no message of the recording queue") from error

    @property
    def name(self) -> str:
        """What the recording is called; the same however often and in whatever form it is announced."""
        return self.recording_id or re.sub(r"\D", "", self.started_at or "") or self.event_id

    @property
    def stem(self) -> str:
        """Its key without an extension."""
        return stem(
            day=(self.started_at or self.occurred_at)[:10],
            session=self.identity.call_session_id,
            leg=self.identity.call_leg_id,
            name=self.name,
        )

    @property
    def stated_seconds(self) -> float | None:
        """How long the recording lasted by Telnyx's clock, pauses included."""
        if not (self.started_at and self.ended_at):
            return None
        return max(0.0, (_time(self.ended_at) - _time(self.started_at)).total_seconds())


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
        self._telnyx = telnyx
        self._guard = guard
        self._delete_at_telnyx = delete_at_telnyx
        self._count = count
        self._sleep = sleep

    def keep(self, wanted: Wanted, *, until: float) -> list[str]:
        """Do what one message asks for; the keys that are new. until: time.monotonic() at which to have ended.

        Raises a HooklineError when the message is worth another delivery; what was kept by then stays kept.
        """
        if wanted.event_type == TRANSCRIBED:
            return self._keep_transcript(wanted)
        return self._keep_recording(wanted, until)

    # The sound

    def _keep_recording(self, wanted: Wanted, until: float) -> list[str]:
        noted = {note["name"]: note for note in self._journal.notes(wanted.identity, "RECORDING")}
        links = wanted.links or self._fresh_links(wanted)
        if not links and any(name.startswith(f"{wanted.name}.") for name in noted):
            return []
        if not links:
            self._fault(wanted, wanted.name, NoLink("neither the event nor Telnyx gives a link"))
            raise NoLink("neither the event nor Telnyx gives a link")
        kept, failed = [], None
        for number, (format_, link) in enumerate(sorted(links.items())):
            name = f"{wanted.name}.{format_}"
            now = time.monotonic()
            share = now + (until - now) / (len(links) - number)  # one that never ends must not starve the other
            try:
                if name in noted and not self._lost(noted[name]):
                    continue
                facts = _elsewhere(wanted, link) or self._copied(wanted, name, format_, link, share)
            except _FAILURES as error:
                self._fault(wanted, name, error)
                failed = failed or error
                continue
            if facts is None:
                noted[name] = next(n for n in self._journal.notes(wanted.identity, "RECORDING") if n["name"] == name)
                continue
            noted[name] = facts
            if self._journal.note(wanted.identity, "RECORDING", name, facts, at=time.time()):
                kept.append(facts.get("key", name))
                self._count_kept(facts)
        if failed:
            raise failed
        if self._delete_at_telnyx:
            self._delete(wanted, [noted.get(f"{wanted.name}.{format_}", {}) for format_ in links])
        return kept

    def _copied(self, wanted: Wanted, name: str, format_: str, link: str, until: float) -> dict[str, Any] | None:
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

    def _download(self, wanted: Wanted, key: str, format_: str, link: str, until: float) -> _Copy:
        meter = Meter()
        etag: str | None = None
        total: int | None = None
        with self._bucket.deposit(key, metadata=_metadata(wanted), tags=_tags(wanted, format_)) as deposit:
            deposit.content_type = _CONTENT_TYPES[format_]
            number = 0
            while True:
                number += 1
                try:
                    with fetch(link, self._guard, until=until, start=deposit.size, etag=etag, total=total) as answer:
                        if answer.start != deposit.size:
                            deposit.restart()
                            meter = Meter()
                        etag, total = answer.etag, answer.total
                        for data in answer:
                            meter.feed(data)
                            deposit.content_type = _CONTENT_TYPES[meter.format or format_]
                            deposit.write(data)
                    audio = meter.finish()
                    return _Copy(deposit.finish(), audio, number, total is not None)
                except (ChangedMeanwhile, NotARecording) as error:
                    failure: HooklineError = error
                    meter, etag, total = Meter(), None, None  # without an etag everything is asked for again
                except (LinkDead, DownloadBroken, LinkForbidden) as error:
                    failure = error
                if number == TRIES:
                    raise failure
                self._sleep(max(0.0, min(0.25 * 2 ** (number - 1), until - time.monotonic())))
                fresh = self._fresh_links(wanted).get(format_)
                if isinstance(failure, LinkForbidden) and fresh in (None, link):
                    raise failure
                link = fresh or link

    def _check(self, key: str, stored: Stored) -> None:
        """What S3 now says of the object must be what we know of it."""
        found = self._bucket.look(key)
        if found is None or found.size != stored.size or not stored.checksum.items() <= found.checksums.items():
            raise NotAsSent("the bucket does not hold what was sent")

    def _reread(self, wanted: Wanted, key: str) -> tuple[Stored, Audio]:
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
        self, wanted: Wanted, key: str, stored: Stored, audio: Audio, *, length: str, tries: int
    ) -> dict[str, Any]:
        stated = wanted.stated_seconds
        channels = wanted.channels or ("dual" if audio.channels == 2 else "single")
        paused = _shorter(audio, stated) and self._paused(wanted)
        remarks = list(_remarks(key, audio, None if paused else stated, channels))
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
            "paused": paused,
            "started_at": wanted.started_at,
            "ended_at": wanted.ended_at,
            "recording_id": wanted.recording_id,
            "event_id": wanted.event_id,
            "tries": tries,
            "checks": {"length": length, "content": audio.format, "stored": "as sent"},
            "remarks": remarks,
        }

    def _paused(self, wanted: Wanted) -> bool:
        """Whether we have paused a recording of this call: then it is shorter than its times say, and rightly so."""
        any_id = wanted.identity.call_leg_id or wanted.identity.call_control_id or wanted.identity.call_session_id
        record = self._journal.read(any_id) if any_id else None
        told = [one for entry in record.entries for one in entry.told] if record else []
        return any(one["action"] == "record_pause" for one in told)

    def _delete(self, wanted: Wanted, notes: Iterable[Mapping[str, Any]]) -> None:
        """Have Telnyx delete its copy, if ours is beyond doubt. What has been deleted already is deleted."""
        if wanted.recording_id is None or not all("key" in note and not note["remarks"] for note in notes):
            return
        try:
            self._telnyx.delete(f"/recordings/{quote(wanted.recording_id, safe='')}")
        except TelnyxRefused as refusal:
            if refusal.status != 404:
                self._fault(wanted, wanted.name, refusal)
                return
        facts = {"recording_id": wanted.recording_id, "event_id": wanted.event_id}
        if self._journal.note(wanted.identity, "RECORDING_DELETED", wanted.name, facts, at=time.time()):
            self._count("RecordingDeletedAtTelnyx")

    # Its links

    def _fresh_links(self, wanted: Wanted) -> dict[str, str]:
        """The links that Telnyx gives now, by format; none when it gives none or cannot be reached."""
        try:
            record = self._record(wanted)
        except (TelnyxRefused, TelnyxUnavailable):
            return {}
        links = record.get("download_urls")
        if not isinstance(links, dict):
            return {}
        self._count("RecordingLinkRenewed")
        return {name: link for name, link in links.items() if name in _CONTENT_TYPES and isinstance(link, str) and link}

    def _record(self, wanted: Wanted) -> Mapping[str, Any]:
        """Telnyx's record of the recording; empty when there is none that is certainly this one."""
        if wanted.recording_id:
            data = self._telnyx.get(f"/recordings/{quote(wanted.recording_id, safe='')}").get("data")
            return data if isinstance(data, dict) else {}
        leg = wanted.identity.call_leg_id
        if not (leg and wanted.started_at):
            return {}
        data = self._telnyx.get("/recordings", {"filter[call_leg_id]": leg, "page[size]": "250"}).get("data")
        began = _time(wanted.started_at)
        matching = [
            record
            for record in (data if isinstance(data, list) else [])
            if isinstance(record, dict)
            and record.get("call_leg_id") in (None, leg)
            and (started := _moment(record.get("recording_started_at")))
            and abs((_time(started) - began).total_seconds()) <= SAME_START_SECONDS
        ]

        def likeness(record: Mapping[str, Any]) -> tuple[float, str]:
            away = abs((_time(fixed_width(record["recording_started_at"])) - began).total_seconds())
            return -away, fixed_width(record.get("created_at"))

        return max(matching, key=likeness, default={})

    # Its transcript

    def _keep_transcript(self, wanted: Wanted) -> list[str]:
        text, transcription_id = self._transcript(wanted)
        content = text.encode("utf-8", "replace")
        sha256 = hashlib.sha256(content).hexdigest()
        document = {
            "recording_id": wanted.recording_id,
            "recording_transcription_id": transcription_id,
            "call_session_id": wanted.identity.call_session_id,
            "call_leg_id": wanted.identity.call_leg_id,
            "call_control_id": wanted.identity.call_control_id,
            "event_id": wanted.event_id,
            "occurred_at": wanted.occurred_at,
            "text": text,
        }
        beside = self._beside(wanted)
        key = f"{beside}.txt"
        if not self._put(wanted, key, content, sha256, "text/plain; charset=utf-8"):
            # Another transcript of the same recording lies there: this one is named after what it says.
            beside = f"{beside}-{sha256[:8]}"
            key = f"{beside}.txt"
            self._put(wanted, key, content, sha256, "text/plain; charset=utf-8")
        as_json = json.dumps(document, indent=1).encode()
        self._bucket.put(f"{beside}.json", as_json, content_type="application/json", metadata=_metadata(wanted))
        facts = {
            "bucket": self._bucket.name,
            "key": key,
            "json_key": f"{beside}.json",
            "size": len(content),
            "sha256": sha256,
            "recording_id": wanted.recording_id,
            "recording_transcription_id": transcription_id,
            "event_id": wanted.event_id,
        }
        name = f"{wanted.name}.{transcription_id or wanted.event_id}"
        if self._journal.note(wanted.identity, "RECORDING_TEXT", name, facts, at=time.time()):
            self._count("TranscriptKept")
            return [key, f"{beside}.json"]
        return []

    def _put(self, wanted: Wanted, key: str, content: bytes, sha256: str, content_type: str) -> bool:
        """Whether the key now holds this content, put there now or before."""
        if self._bucket.put(key, content, content_type=content_type, metadata=_metadata(wanted)):
            return True
        found = self._bucket.look(key)
        return found is not None and found.metadata.get("sha256") == sha256

    def _transcript(self, wanted: Wanted) -> tuple[str, str | None]:
        """The text, and Telnyx's id of it: from the event that told of it, else from Telnyx.

        The message is queued a moment before its event is journalled, and may be here first.
        """
        for number in range(_LOOKS_FOR_EVENT):
            if event := self._event(wanted):
                text = event.payload.get("transcription_text")
                if isinstance(text, str):
                    return text, identifier(event.payload.get("recording_transcription_id"))
                break
            self._sleep(0.1 * 2**number)
        return self._transcript_at_telnyx(wanted)

    def _event(self, wanted: Wanted) -> Event | None:
        identity = wanted.identity
        any_id = identity.call_leg_id or identity.call_control_id or identity.call_session_id
        record = self._journal.read(any_id) if any_id else None
        for entry in record.entries if record else ():
            if entry.event_id == wanted.event_id:
                if entry.kept_at is None:
                    return entry.event
                return read(b"".join(self._bucket.read(urlsplit(entry.kept_at).path.lstrip("/"))))
        return None

    def _transcript_at_telnyx(self, wanted: Wanted) -> tuple[str, str | None]:
        params = {"filter[recording_id]": wanted.recording_id or ""}
        data = self._telnyx.get("/recording_transcriptions", params).get("data") if wanted.recording_id else None
        found = [
            record
            for record in (data if isinstance(data, list) else [])
            if isinstance(record, dict)
            and record.get("recording_id") == wanted.recording_id
            and isinstance(record.get("transcription_text"), str)
            and record["transcription_text"]
        ]
        if not found:
            raise NoTranscript("neither the journal nor Telnyx gives the text")
        newest = max(found, key=lambda record: fixed_width(record.get("created_at")))
        return newest["transcription_text"], identifier(newest.get("id"))

    def _beside(self, wanted: Wanted) -> str:
        """The key of the recording, without its extension, whether or not the recording has come by now.

        Its folder is the day it began on. The event of the transcript does not say which that is; the note of the
        recording does, or else Telnyx.
        """
        for note in self._journal.notes(wanted.identity, "RECORDING"):
            if wanted.recording_id and note.get("recording_id") == wanted.recording_id:
                return note["key"].rpartition(".")[0] if "key" in note else _begun(wanted, note["started_at"]).stem
        try:
            record = self._record(wanted)
        except TelnyxRefused:
            record = {}
        return _begun(wanted, record.get("recording_started_at")).stem

    # What stays

    def _fault(self, wanted: Wanted, name: str, error: HooklineError) -> None:
        facts = {"reason": str(error), "error": type(error).__name__, "event_id": wanted.event_id}
        self._journal.note(wanted.identity, "RECORDING_FAULT", name, facts, at=time.time(), once=False)
        self._count("RecordingFault")

    def _count_kept(self, facts: Mapping[str, Any]) -> None:
        self._count("RecordingKept" if "key" in facts else "RecordingKeptElsewhere")
        if any("lasts" in remark for remark in facts["remarks"]):
            self._count("RecordingDurationDiffers")
        elif facts["remarks"]:
            self._count("RecordingRemarkable")


def _bearable(stated: float) -> float:
    return max(LARGE_DIFFERENCE_SECONDS, LARGE_DIFFERENCE * stated)


def _shorter(audio: Audio, stated: float | None) -> bool:
    return stated is not None and stated - audio.duration_seconds > _bearable(stated)


def _remarks(key: str, audio: Audio, stated: float | None, channels: str) -> Iterable[str]:
    """What a person should know of a file that is whole and a recording nevertheless."""
    if audio.format != key.rpartition(".")[2]:
        yield f"it is {audio.format} under the name of another format"
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


def _elsewhere(wanted: Wanted, link: str) -> dict[str, Any] | None:
    """The facts about a recording in the customer's own storage; None for any other link. No key to it is noted."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    azure = parts.scheme == "https" and ".blob.core." in (parts.hostname or "")
    if not (azure or parts.scheme in ("s3", "gs")):
        return None
    return {
        "kept_elsewhere": f"{parts.scheme}://{parts.hostname}{parts.path}",
        "channels": wanted.channels,
        "started_at": wanted.started_at,
        "ended_at": wanted.ended_at,
        "recording_id": wanted.recording_id,
        "event_id": wanted.event_id,
        "remarks": [],
    }


def _begun(wanted: Wanted, moment: object) -> Wanted:
    return replace(wanted, started_at=_moment(moment))


def _metadata(wanted: Wanted) -> dict[str, str | None]:
    return {
        "recording-id": wanted.recording_id,
        "call-session-id": wanted.identity.call_session_id,
        "call-leg-id": wanted.identity.call_leg_id,
        "call-control-id": wanted.identity.call_control_id,
        "connection-id": wanted.connection_id,
        "event-id": wanted.event_id,
        "recording-started-at": wanted.started_at,
        "recording-ended-at": wanted.ended_at,
        "channels": wanted.channels,
    }


def _tags(wanted: Wanted, format_: str) -> dict[str, str | None]:
    return {
        "kind": "recording",
        "format": format_,
        "channels": wanted.channels,
        "connection_id": wanted.connection_id,
    }


def _moment(value: object) -> str | None:
    moment = fixed_width(value)
    return None if moment == UNKNOWN_TIME else moment


def _time(moment: str) -> datetime:
    return datetime.fromisoformat(moment)
