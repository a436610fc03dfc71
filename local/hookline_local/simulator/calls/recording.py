"""Recordings: started, paused, ended, saved, and given out behind links that expire.

A recording's file is real and as long as what was recorded less the pauses, but made only while it is read. Links look
like S3's presigned ones and behave like them: the signature counts, the time counts, a second way of authenticating is
refused. Source: Telnyx's "Storing call recordings"; docs.aws.amazon.com, "Signature Version 4, query parameters".
"""

import asyncio
import hashlib
import hmac
import secrets
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlencode

from hookline_local.simulator.clock import spelled
from hookline_local.simulator.sound import SoundFile, sound_file
from hookline_local.simulator.webhooks import USER_ID

if TYPE_CHECKING:
    from hookline_local.simulator.calls.legs import Leg

BUCKET = "telephony-recorder-prod"
ALGORITHM = "AWS4-HMAC-SHA256"


class Recording:
    """One recording of one leg."""

    def __init__(
        self,
        leg: "Leg",
        *,
        channels: Literal["single", "dual"],
        file_format: Literal["wav", "mp3"],
        track: str = "both",
        max_seconds: int = 0,
        silence_seconds: int = 0,
        file_name: str | None = None,
        transcription: bool = False,
        initiated_by: str = "StartCallRecordingAPI",
        recording_id: str | None = None,
    ) -> None:
        """max_seconds: 0 for endless. silence_seconds: stop after so much silence once speech was heard; 0: never."""
        self.id = recording_id or str(uuid.uuid4())
        self.leg = leg
        self.channels: Literal["single", "dual"] = channels if track == "both" else "single"
        self.file_format: Literal["wav", "mp3"] = file_format
        self.silence_seconds = silence_seconds
        self.transcription = transcription
        self.initiated_by = initiated_by
        self.started_at = leg.clock.stamp()
        self.ended_at: str | None = None
        self.created_at: str | None = None
        self.seconds = 0.0
        self.words: list[str] = []
        self.path = (
            f"/{BUCKET}/{USER_ID}/{self.started_at[:10]}/{file_name or leg.call_leg_id}-{time.time_ns() // 1000}"
        )
        self.path += f".{file_format}"
        self._runs_since: float | None = leg.clock.elapsed()
        self._quiet: asyncio.Task[None] | None = None
        leg.recordings.append(self)
        if max_seconds:
            leg.spawn(self._stop_after(max_seconds, background=True))

    @property
    def paused(self) -> bool:
        """Is what is said just now left out?"""
        return self._runs_since is None

    def pause(self) -> None:
        """Leave out what comes. Twice is once."""
        if self._runs_since is not None:
            self.seconds += self.leg.clock.elapsed() - self._runs_since
            self._runs_since = None

    def resume(self) -> None:
        """Go on. Twice is once."""
        if self._runs_since is None:
            self._runs_since = self.leg.clock.elapsed()

    def heard(self, text: str) -> None:
        """There was sound on the line, or the end of an utterance when there is text."""
        if text and not self.paused:
            self.words.append(text)
        if self.silence_seconds and self in self.leg.recordings:
            if self._quiet is not None:
                self._quiet.cancel()
            self._quiet = self.leg.spawn(self._stop_after(self.silence_seconds, background=False))

    def stop(self) -> None:
        """It ends; call.recording.saved follows, also after the call is over. Twice is once."""
        if self not in self.leg.recordings:
            return
        self.leg.recordings.remove(self)
        self.pause()
        self.ended_at = self.leg.clock.stamp()
        if self._quiet is not None and self._quiet is not asyncio.current_task():
            self._quiet.cancel()
        self.leg.session.spawn(self._save())

    def file(self) -> SoundFile:
        """What was recorded."""
        return sound_file(self.file_format, channels=2 if self.channels == "dual" else 1, seconds=self.seconds)

    async def _stop_after(self, seconds: float, *, background: bool) -> None:
        await self.leg.clock.sleep(seconds, background=background)
        self.stop()

    async def _save(self) -> None:
        leg = self.leg
        exchange = leg.exchange
        await leg.clock.sleep(exchange.config.save_seconds)
        of = f"call {leg.session.number}"
        if exchange.dice.falls("fail_recording", kind="call.recording.saved", of=of):
            # Documented without call_control_id.
            leg.emit("call.recording.error", {"reason": "Internal server error"}, without=("call_control_id",))
            return
        self.created_at = spelled(datetime.now(UTC))
        exchange.archive.keep(self)
        dead = exchange.dice.falls("expire_links", kind="call.recording.saved", of=of)
        leg.emit(
            "call.recording.saved",
            {
                "channels": self.channels,
                "end_time": self.ended_at,
                "format": self.file_format,
                "public_recording_urls": {},
                "recording_ended_at": self.ended_at,
                "recording_id": self.id,
                "recording_started_at": self.started_at,
                "recording_urls": {self.file_format: exchange.archive.link(self, dead=dead)},
                "start_time": self.started_at,
            },
        )
        if self.transcription:
            await leg.clock.sleep(1.0)
            transcript = exchange.archive.transcribe(self)
            leg.emit(
                "call.recording.transcription.saved",
                {
                    "calling_party_type": "pstn",
                    "recording_id": self.id,
                    "recording_transcription_id": transcript["id"],
                    "status": "completed",
                    "transcription_text": transcript["transcription_text"],
                },
            )


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


class Archive:
    """The recordings that Telnyx keeps, their transcriptions, and the links to them."""

    def __init__(self, *, links_expire_after_seconds: float) -> None:
        self.url = ""
        """Where the links lead; known once the stand-in listens."""
        self.lives_seconds = links_expire_after_seconds
        self.recordings: dict[str, Recording] = {}
        self.transcriptions: dict[str, dict[str, Any]] = {}
        self._by_path: dict[str, Recording] = {}
        self._secret = secrets.token_bytes(32)

    def keep(self, recording: Recording) -> None:
        """From now on it can be asked for."""
        self.recordings[recording.id] = recording
        self._by_path[recording.path] = recording

    def delete(self, recording_id: str) -> Recording | None:
        """The file is gone, and so are all links to it."""
        recording = self.recordings.pop(recording_id, None)
        if recording is not None:
            del self._by_path[recording.path]
        return recording

    def transcribe(self, recording: Recording) -> dict[str, Any]:
        """What was said in it."""
        now = spelled(datetime.now(UTC))
        transcript: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "record_type": "recording_transcription",
            "recording_id": recording.id,
            "status": "completed",
            "transcription_text": " ".join(recording.words),
            "duration_millis": round(recording.seconds * 1000),
            "created_at": now,
            "updated_at": now,
        }
        self.transcriptions[transcript["id"]] = transcript
        return transcript

    def shown(self, recording: Recording) -> dict[str, object]:
        """As GET /v2/recordings shows it: with links signed just now."""
        leg = recording.leg
        return {
            "id": recording.id,
            "record_type": "recording",
            "call_control_id": leg.call_control_id,
            "call_leg_id": leg.call_leg_id,
            "call_session_id": leg.session.id,
            "channels": recording.channels,
            "conference_id": None,
            "connection_id": leg.connection_id,
            "created_at": recording.created_at,
            "updated_at": recording.created_at,
            "download_urls": {recording.file_format: self.link(recording)},
            "duration_millis": round(recording.file().seconds * 1000),
            "from": leg.from_number,
            "to": leg.to_number,
            "initiated_by": recording.initiated_by,
            "recording_started_at": recording.started_at,
            "recording_ended_at": recording.ended_at,
            "source": "call",
            "status": "completed",
        }

    def link(self, recording: Recording, *, dead: bool = False) -> str:
        """A link that works from now on for `lives_seconds`; dead: whose time is up already."""
        signed = datetime.now(UTC)
        lives = max(int(self.lives_seconds), 1)
        if dead:
            signed -= timedelta(seconds=lives + 60)
        elif lives > self.lives_seconds:
            # S3 counts in whole seconds; a shorter life is made by signing earlier.
            signed -= timedelta(seconds=lives - self.lives_seconds)
        day = f"{signed:%Y%m%d}"
        query = {
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"AKIAHOOKLINESTANDIN/{day}/us-east-1/s3/aws4_request",
            "X-Amz-Date": f"{signed:%Y%m%dT%H%M%SZ}",
            "X-Amz-Expires": str(lives),
            "X-Amz-SignedHeaders": "host",
            # Our own: S3 knows the second only, and tests do not want to wait for one.
            "x-standin-signed-at": f"{signed.timestamp():.3f}",
        }
        query["X-Amz-Signature"] = self._signature(recording.path, query)
        return f"{self.url}{quote(recording.path)}?{urlencode(query)}"

    def opened(self, path: str, query: Mapping[str, str], *, authorization: str | None) -> Recording:
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
        if time.time() > float(query["x-standin-signed-at"]) + int(query["X-Amz-Expires"]):
            raise LinkRefused(403, "AccessDenied", "Request has expired")
        recording = self._by_path.get(path)
        if recording is None:
            raise LinkRefused(404, "NoSuchKey", "The specified key does not exist.")
        return recording

    def _signature(self, path: str, query: Mapping[str, str]) -> str:
        said = "\n".join([path, *(f"{key}={value}" for key, value in sorted(query.items()))])
        return hmac.new(self._secret, said.encode(), hashlib.sha256).hexdigest()
