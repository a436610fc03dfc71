"""What is to be kept: what a message of the recording queue asks for, and the event that announced it.

Source: developers.telnyx.com, "Storing call recordings".
"""

import json
import re
from collections.abc import Mapping
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
from hookline.journal import Entry
from hookline.recordings.storage import Bucket, stem

SAVED = "call.recording.saved"
TRANSCRIBED = "call.recording.transcription.saved"

CONTENT_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
"""The formats in which Telnyx records."""


@dataclass(frozen=True, slots=True)
class ArchiveJob:
    """What a message of the recording queue asks for.

    started_at, ended_at: UTC, fixed width, None when the event does not say. links: by format; public_links: those that
    need no signature and do not expire, where the customer's account gives such.
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

    @classmethod
    def of(cls, message: str) -> "ArchiveJob":
        """What hookline.queues wrote. Raises Unreadable for any other text: it goes to the dead-letter queue."""
        try:
            given = json.loads(message)
            recording = given["recording"]
            public = usable_links(recording.get("public_recording_urls"))
            return cls(
                event_id=given["event_id"],
                event_type=given["event_type"],
                occurred_at=normalise_timestamp(given["occurred_at"]),
                identity=Identity(**given["identity"]),
                recording_id=identifier(recording.get("recording_id")),
                channels=identifier(recording.get("channels")),
                started_at=known_timestamp(recording.get("recording_started_at")),
                ended_at=known_timestamp(recording.get("recording_ended_at")),
                connection_id=identifier(recording.get("connection_id")),
                transcription_id=identifier(recording.get("recording_transcription_id")),
                links=public | usable_links(recording.get("recording_urls")),
                public_links=public,
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

    def placed(self, record: Mapping[str, Any]) -> "ArchiveJob":
        """The same recording, where Telnyx's record of it, or our note, says what the event does not."""
        own = self.identity
        identity = own._replace(
            call_leg_id=own.call_leg_id or identifier(record.get("call_leg_id")),
            call_session_id=own.call_session_id or identifier(record.get("call_session_id")),
        )
        moment = record.get("recording_started_at") or record.get("started_at")
        return replace(self, identity=identity, started_at=known_timestamp(moment))

    @property
    def stated_seconds(self) -> float | None:
        """How long the recording lasted by Telnyx's clock, pauses included."""
        if not (self.started_at and self.ended_at):
            return None
        return max(0.0, seconds_between(self.started_at, self.ended_at))

    @property
    def metadata(self) -> dict[str, str | None]:
        """What an object is to say of itself, by the names of S3's metadata."""
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
    """Of what should be links by format those that are; Telnyx leaves out, or sets to null, what it does not have."""
    given = links.items() if isinstance(links, dict) else ()
    return {name: link for name, link in given if name in CONTENT_TYPES and isinstance(link, str) and link}


def event_of(entry: Entry, bucket: Bucket) -> Event | None:
    """What an entry of the journal tells, also where its body was too large for an item; None when it is gone.

    Raises StorageUnavailable.
    """
    if entry.event is not None or entry.body_uri is None:
        return entry.event
    key = urlsplit(entry.body_uri).path.lstrip("/")
    return parse_event(b"".join(bucket.read(key))) if bucket.look(key) else None
