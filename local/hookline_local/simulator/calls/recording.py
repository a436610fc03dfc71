"""Recording a leg: started, paused, resumed, stopped, saved."""

import asyncio
import time
import uuid
from datetime import UTC, datetime
from typing import Literal

from hookline_local.simulator.calls.activity import Activity, Utterance
from hookline_local.simulator.calls.legs import Leg
from hookline_local.simulator.calls.recording_store import BUCKET, StoredRecording
from hookline_local.simulator.clock import format_timestamp
from hookline_local.simulator.webhooks import USER_ID


class Recording(Activity):
    """One recording of one leg."""

    def __init__(
        self,
        leg: Leg,
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
        """max_seconds: 0 for endless. silence_seconds: stop after that much silence once speech was heard; 0: never."""
        self.id = recording_id or str(uuid.uuid4())
        self.silence_seconds = silence_seconds
        self._leg = leg
        self._channels: Literal["single", "dual"] = channels if track == "both" else "single"
        self._file_format: Literal["wav", "mp3"] = file_format
        self._file_name = file_name or leg.call_leg_id
        self._transcription = transcription
        self._initiated_by = initiated_by
        self._started_at = leg.clock.stamp()
        self._path = (
            f"/{BUCKET}/{USER_ID}/{self._started_at[:10]}/{self._file_name}-{time.time_ns() // 1000}.{file_format}"
        )
        self._seconds = 0.0
        self._words: list[str] = []
        self._resumed_at: float | None = leg.clock.elapsed()
        self._silence: asyncio.Task[None] | None = None
        leg.start(self)
        if max_seconds:
            leg.spawn(self._stop_after(max_seconds, background=True))

    @property
    def paused(self) -> bool:
        """Whether the sound of the leg is left out just now."""
        return self._resumed_at is None

    def pause(self) -> None:
        """Leave out what follows. Idempotent."""
        if self._resumed_at is not None:
            self._seconds += self._leg.clock.elapsed() - self._resumed_at
            self._resumed_at = None

    def resume(self) -> None:
        """Record again. Idempotent."""
        if self._resumed_at is None:
            self._resumed_at = self._leg.clock.elapsed()

    def on_audio(self) -> None:
        """Restart the wait for silence."""
        if self.silence_seconds:
            if self._silence is not None:
                self._silence.cancel()
            self._silence = self._leg.spawn(self._stop_after(self.silence_seconds, background=False))

    def on_utterance(self, utterance: Utterance) -> None:
        """Store the words for the transcription."""
        if utterance.final and not self.paused:
            self._words.append(utterance.text)

    def on_hangup(self) -> None:
        """A recording that still runs is saved."""
        self.stop()

    def stop(self) -> None:
        """End it; call.recording.saved follows, also after the call has ended. Idempotent."""
        if not self._leg.finish(self):
            return
        self.pause()
        ended_at = self._leg.clock.stamp()
        if self._silence is not None and self._silence is not asyncio.current_task():
            self._silence.cancel()
        self._leg.session.spawn(self._save(ended_at))

    async def _stop_after(self, seconds: float, *, background: bool) -> None:
        await self._leg.clock.sleep(seconds, background=background)
        self.stop()

    async def _save(self, ended_at: str) -> None:
        leg, account = self._leg, self._leg.account
        await leg.clock.sleep(account.config.save_seconds)
        of = f"call {leg.session.number}"
        if account.injector.should_inject("fail_recording", kind="call.recording.saved", of=of):
            # Documented without call_control_id.
            leg.emit("call.recording.error", {"reason": "Internal server error"}, without=("call_control_id",))
            return
        stored = self._stored(ended_at)
        account.recordings.add(stored)
        expired = account.injector.should_inject("expire_links", kind="call.recording.saved", of=of)
        leg.emit(
            "call.recording.saved",
            {
                "channels": stored.channels,
                "end_time": stored.ended_at,
                "format": stored.file_format,
                "public_recording_urls": {},
                "recording_ended_at": stored.ended_at,
                "recording_id": stored.id,
                "recording_started_at": stored.started_at,
                "recording_urls": {stored.file_format: account.recordings.link(stored, expired=expired)},
                "start_time": stored.started_at,
            },
        )
        if self._transcription:
            await self._transcribe(stored)

    def _stored(self, ended_at: str) -> StoredRecording:
        leg = self._leg
        return StoredRecording(
            id=self.id,
            path=self._path,
            call_control_id=leg.call_control_id,
            call_leg_id=leg.call_leg_id,
            call_session_id=leg.session.id,
            connection_id=leg.connection_id,
            from_number=leg.from_number,
            to_number=leg.to_number,
            channels=self._channels,
            file_format=self._file_format,
            initiated_by=self._initiated_by,
            started_at=self._started_at,
            ended_at=ended_at,
            created_at=format_timestamp(datetime.now(UTC)),
            seconds=self._seconds,
            words=" ".join(self._words),
        )

    async def _transcribe(self, stored: StoredRecording) -> None:
        await self._leg.clock.sleep(1.0)
        transcript = self._leg.account.recordings.transcribe(stored)
        self._leg.emit(
            "call.recording.transcription.saved",
            {
                "calling_party_type": "pstn",
                "recording_id": stored.id,
                "recording_transcription_id": transcript["id"],
                "status": "completed",
                "transcription_text": transcript["transcription_text"],
            },
        )
