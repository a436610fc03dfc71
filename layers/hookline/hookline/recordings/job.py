"""ArchiveJob: the recording that a message of the recording queue names, and the event that announced it.

Source: developers.telnyx.com, "Storing call recordings".
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from hookline.errors import Unreadable
from hookline.events import (
    Event,
    Identity,
    identifier,
    known_timestamp,
    normalise_timestamp,
    parse_event,
    seconds_between,
)
from hookline.journal import Entry, Journal
from hookline.recordings.storage import Bucket, key_stem

RECORDING_SAVED = "call.recording.saved"
TRANSCRIPTION_SAVED = "call.recording.transcription.saved"

CONTENT_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
"""The formats in which Telnyx records."""

EVENT_READS = 5
"""After pauses of 0.1, 0.2, ... seconds: a message of the queue may be quicker than the entry of the journal."""

_LONGEST_LINK = 8192


@dataclass(frozen=True, slots=True)
class ArchiveJob:
    """A recording, or a transcription of one, that is to be archived.

    started_at, ended_at: UTC, fixed width, None when the event does not carry them. links: by format, they expire.
    public_links: by format, where the customer's account gives such; they need no signature and do not expire, so the
    queue may name only their formats (public_formats) and leave the links to the journal.
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
    transcription_id: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    public_links: Mapping[str, str] = field(default_factory=dict)
    public_formats: frozenset[str] = frozenset()

    @classmethod
    def from_message(cls, message: str) -> "ArchiveJob":
        """Read what hookline.queues wrote. Raises Unreadable for any other text: it goes to the dead-letter queue."""
        try:
            fields = json.loads(message)
            return cls._from_fields(
                fields["recording"],
                event_id=fields["event_id"],
                event_type=fields["event_type"],
                occurred_at=normalise_timestamp(fields["occurred_at"]),
                identity=Identity(**fields["identity"]),
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise Unreadable("not a message of the recording queue") from error

    @classmethod
    def from_event(cls, event: Event) -> "ArchiveJob":
        """Read the event that announces a recording."""
        return cls._from_fields(
            event.payload,
            event_id=event.id,
            event_type=event.type,
            occurred_at=event.occurred_at,
            identity=event.identity,
        )

    @classmethod
    def _from_fields(
        cls, recording: Mapping[str, Any], *, event_id: str, event_type: str, occurred_at: str, identity: Identity
    ) -> "ArchiveJob":
        public = usable_links(recording.get("public_recording_urls"))
        formats = recording.get("public_formats")
        return cls(
            event_id=event_id,
            event_type=event_type,
            occurred_at=occurred_at,
            identity=identity,
            recording_id=identifier(recording.get("recording_id")),
            channels=identifier(recording.get("channels")),
            started_at=known_timestamp(recording.get("recording_started_at")),
            ended_at=known_timestamp(recording.get("recording_ended_at")),
            connection_id=identifier(recording.get("connection_id")),
            transcription_id=identifier(recording.get("recording_transcription_id")),
            links=usable_links(recording.get("recording_urls")),
            public_links=public,
            public_formats=frozenset(public) | (CONTENT_TYPES.keys() & (formats if isinstance(formats, list) else ())),
        )

    @property
    def formats(self) -> frozenset[str]:
        """The formats that the event announces."""
        return frozenset(self.links) | self.public_formats

    @property
    def name(self) -> str:
        """The name of the recording; the same however often and in whatever form it is announced."""
        return self.recording_id or re.sub(r"\D", "", self.started_at or "") or self.event_id

    @property
    def stem(self) -> str:
        """Its key without an extension."""
        return key_stem(
            day=(self.started_at or self.occurred_at)[:10],
            session=self.identity.call_session_id,
            leg=self.identity.call_leg_id,
            name=self.name,
        )

    def completed_from(self, record: Mapping[str, Any]) -> "ArchiveJob":
        """Return the job with the ids and the start that only Telnyx's record of the recording, or our note, has."""
        own = self.identity
        identity = own._replace(
            call_leg_id=own.call_leg_id or identifier(record.get("call_leg_id")),
            call_session_id=own.call_session_id or identifier(record.get("call_session_id")),
        )
        started_at = record.get("recording_started_at") or record.get("started_at")
        return replace(self, identity=identity, started_at=known_timestamp(started_at))

    @property
    def reported_seconds(self) -> float | None:
        """How long the recording lasted by Telnyx's clock, pauses included."""
        if not (self.started_at and self.ended_at):
            return None
        return max(0.0, seconds_between(self.started_at, self.ended_at))

    @property
    def log_fields(self) -> dict[str, str | None]:
        """The ids that every log line about it carries."""
        return {
            "event_id": self.event_id,
            "event_type": self.event_type,
            "call_leg_id": self.identity.call_leg_id,
            "call_session_id": self.identity.call_session_id,
            "recording_id": self.recording_id,
        }

    @property
    def metadata(self) -> dict[str, str | None]:
        """The metadata of its objects, by S3's names."""
        return {
            "recording-id": self.recording_id,
            "call-session-id": self.identity.call_session_id,
            "call-leg-id": self.identity.call_leg_id,
            "call-control-id": self.identity.call_control_id,
            "connection-id": self.connection_id,
            "event-id": self.event_id,
            "recording-started-at": self.started_at,
            "recording-ended-at": self.ended_at,
            "channels": self.channels,
        }


def usable_links(links: object) -> dict[str, str]:
    """Return the links by format; Telnyx leaves out, or sets to null, those that it does not have."""
    items = links.items() if isinstance(links, dict) else ()
    return {
        name: link
        for name, link in items
        if name in CONTENT_TYPES and isinstance(link, str) and 0 < len(link) <= _LONGEST_LINK
    }


def event_of(entry: Entry, bucket: Bucket) -> Event | None:
    """Return the event of an entry, also where its body was too large for an item; None when the body is gone.

    Raises StorageUnavailable.
    """
    if entry.event is not None or entry.body_uri is None:
        return entry.event
    key = urlsplit(entry.body_uri).path.lstrip("/")
    return parse_event(b"".join(bucket.read(key))) if bucket.head(key) else None


def announcing_event(
    job: ArchiveJob, journal: Journal, bucket: Bucket, *, sleep: Callable[[float], None]
) -> Event | None:
    """Return the journalled event that announced the recording, waiting a little for it; None when there is none.

    The message is queued just before its event is journalled, and may be here first. Raises Unavailable.
    """
    for number in range(EVENT_READS):
        record = journal.read(job.identity.any_id)
        for entry in record.entries if record else ():
            if entry.event_id == job.event_id:
                return event_of(entry, bucket)
        sleep(0.1 * 2**number)
    return None
