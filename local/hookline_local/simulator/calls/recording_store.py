"""Saved recordings, their transcriptions, and download links that expire.

A recording's file is real and as long as what was recorded less the pauses, but made only while it is read. Links look
like S3's presigned ones and behave like them: the signature counts, the time counts, a second way of authenticating is
refused. Source: Telnyx's "Storing call recordings"; docs.aws.amazon.com, "Signature Version 4, query parameters".
"""

import hashlib
import hmac
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote, urlencode

from hookline_local.simulator.clock import format_timestamp
from hookline_local.simulator.sound import SoundFile, sound_file

BUCKET = "telephony-recorder-prod"
ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, kw_only=True)
class StoredRecording:
    """A recording that has been saved."""

    id: str
    path: str
    """In the bucket, with a slash in front."""
    call_control_id: str
    call_leg_id: str
    call_session_id: str
    connection_id: str
    from_number: str
    to_number: str
    channels: Literal["single", "dual"]
    file_format: Literal["wav", "mp3"]
    initiated_by: str
    started_at: str
    ended_at: str
    created_at: str
    seconds: float
    """The recorded time, less the pauses."""
    words: str
    """The transcript."""

    def file(self) -> SoundFile:
        """A tone as long as the recording."""
        return sound_file(self.file_format, channels=2 if self.channels == "dual" else 1, seconds=self.seconds)


class LinkRefused(Exception):
    """A download that S3 would refuse."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """status: HTTP; code and message: as in S3's XML."""
        self.status, self.code, self.message = status, code, message
        super().__init__(f"{status} {code}: {message}")

    @property
    def xml(self) -> str:
        """The answer's body."""
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{self.code}</Code><Message>{self.message}</Message>"
            f"<RequestId>{secrets.token_hex(8).upper()}</RequestId></Error>"
        )


class RecordingStore:
    """The recordings that Telnyx stores, their transcriptions, and the links to them."""

    def __init__(self, *, links_expire_after_seconds: float) -> None:
        self.url = ""
        """Where the links lead; known once the simulator listens."""
        self._link_seconds = links_expire_after_seconds
        self.recordings: dict[str, StoredRecording] = {}
        self.transcriptions: dict[str, dict[str, Any]] = {}
        self._by_path: dict[str, StoredRecording] = {}
        self._secret = secrets.token_bytes(32)

    def add(self, recording: StoredRecording) -> None:
        """List it from now on."""
        self.recordings[recording.id] = recording
        self._by_path[recording.path] = recording

    def delete(self, recording_id: str) -> StoredRecording | None:
        """Remove the file; all links to it break."""
        recording = self.recordings.pop(recording_id, None)
        if recording is not None:
            del self._by_path[recording.path]
        return recording

    def transcribe(self, recording: StoredRecording) -> dict[str, Any]:
        """Its words as a recording transcription."""
        now = format_timestamp(datetime.now(UTC))
        transcript: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "record_type": "recording_transcription",
            "recording_id": recording.id,
            "status": "completed",
            "transcription_text": recording.words,
            "duration_millis": round(recording.seconds * 1000),
            "created_at": now,
            "updated_at": now,
        }
        self.transcriptions[transcript["id"]] = transcript
        return transcript

    def to_dict(self, recording: StoredRecording) -> dict[str, object]:
        """As GET /v2/recordings shows it: with links signed just now."""
        return {
            "id": recording.id,
            "record_type": "recording",
            "call_control_id": recording.call_control_id,
            "call_leg_id": recording.call_leg_id,
            "call_session_id": recording.call_session_id,
            "channels": recording.channels,
            "conference_id": None,
            "connection_id": recording.connection_id,
            "created_at": recording.created_at,
            "updated_at": recording.created_at,
            "download_urls": {recording.file_format: self.link(recording)},
            "duration_millis": round(recording.file().seconds * 1000),
            "from": recording.from_number,
            "to": recording.to_number,
            "initiated_by": recording.initiated_by,
            "recording_started_at": recording.started_at,
            "recording_ended_at": recording.ended_at,
            "source": "call",
            "status": "completed",
        }

    def link(self, recording: StoredRecording, *, expired: bool = False) -> str:
        """A link that works from now on; expired: one whose time is up already."""
        signed = datetime.now(UTC)
        lifetime = max(int(self._link_seconds), 1)
        if expired:
            signed -= timedelta(seconds=lifetime + 60)
        elif lifetime > self._link_seconds:
            # S3 counts in whole seconds; a shorter life is made by signing earlier.
            signed -= timedelta(seconds=lifetime - self._link_seconds)
        day = f"{signed:%Y%m%d}"
        query = {
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"AKIAHOOKLINESTANDIN/{day}/us-east-1/s3/aws4_request",
            "X-Amz-Date": f"{signed:%Y%m%dT%H%M%SZ}",
            "X-Amz-Expires": str(lifetime),
            "X-Amz-SignedHeaders": "host",
            # Our own: S3 knows the second only, and tests do not want to wait for one.
            "x-simulator-signed-at": f"{signed.timestamp():.3f}",
        }
        query["X-Amz-Signature"] = self._signature(recording.path, query)
        return f"{self.url}{quote(recording.path)}?{urlencode(query)}"

    def resolve(self, path: str, query: Mapping[str, str], *, authorization: str | None) -> StoredRecording:
        """The recording that a link leads to. Raises LinkRefused."""
        if authorization is not None and "X-Amz-Signature" in query:
            raise LinkRefused(
                400,
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string "
                "parameter or the Authorization header should be specified",
            )
        unsigned = {key: value for key, value in query.items() if key != "X-Amz-Signature"}
        if "X-Amz-Signature" not in query:
            raise LinkRefused(403, "AccessDenied", "Access Denied")
        if not hmac.compare_digest(query["X-Amz-Signature"], self._signature(path, unsigned)):
            raise LinkRefused(
                403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature"
            )
        if time.time() > float(query["x-simulator-signed-at"]) + int(query["X-Amz-Expires"]):
            raise LinkRefused(403, "AccessDenied", "Request has expired")
        recording = self._by_path.get(path)
        if recording is None:
            raise LinkRefused(404, "NoSuchKey", "The specified key does not exist.")
        return recording

    def _signature(self, path: str, query: Mapping[str, str]) -> str:
        content = "\n".join([path, *(f"{key}={value}" for key, value in sorted(query.items()))])
        return hmac.new(self._secret, content.encode(), hashlib.sha256).hexdigest()
