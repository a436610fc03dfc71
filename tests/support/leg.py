"""A leg at Telnyx, as far as commands change it: recording, transcription, streaming, what plays, its step, its end.

It obeys a command_id once in 60 s of its own clock, as Telnyx documents (developers.telnyx.com, "Receiving webhooks").
"""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.world import ok, refused

COMMAND_ID_SECONDS = 60.0
STRICTNESS = {"on": 0, "paused": 1, "off": 2}


@dataclass
class Leg:
    """now: seconds, moved by the test. obeyed: the actions in order, each once. refusing: codes by action or voice."""

    now: float = 0.0
    recording: str = "off"
    transcription: str = "off"
    streaming: str = "off"
    plays: str | None = None
    step: str | None = None
    hung_up: bool = False
    obeyed: list[str] = field(default_factory=list)
    refusing: dict[str, str] = field(default_factory=dict)
    _known: dict[str, float] = field(default_factory=dict)

    def telnyx(self, request: httpx.Request) -> httpx.Response:
        """Telnyx's side of a command."""
        action, body = request.url.path.rsplit("/", 1)[-1], json.loads(request.content)
        if self.hung_up:
            return refused(422, "90018")
        command_id = body.get("command_id", "")
        if command_id in self._known and self.now - self._known[command_id] < COMMAND_ID_SECONDS:
            return ok()
        self._known[command_id] = self.now
        if code := self.refusing.get(action) or self.refusing.get(str(body.get("voice"))):
            return refused(422, code)
        if not self._obey(action, body):
            return refused(422, "10027")
        self.obeyed.append(action)
        if "client_state" in body:
            state = json.loads(base64.b64decode(body["client_state"]))["state"]
            self.step = state["step"] if state else None
        return ok()

    def _obey(self, action: str, body: dict[str, Any]) -> bool:
        match action:
            case "record_start":
                return self._set("recording", "off", "on")
            case "record_pause":
                return self._set("recording", "on", "paused")
            case "record_resume":
                return self._set("recording", "paused", "on")
            case "record_stop":
                self.recording = "off"
            case "transcription_start":
                self.transcription = "on"
            case "transcription_stop":
                self.transcription = "off"
            case "streaming_start":
                self.streaming = "on"
            case "streaming_stop":
                self.streaming = "off"
            case "speak":
                self.plays = body["payload"]
            case "playback_start":
                self.plays = body["audio_url"]
            case "playback_stop":
                self.plays = None
            case "hangup":
                self.hung_up = True
                self.recording = self.transcription = self.streaming = "off"
        return True

    def _set(self, name: str, before: str, after: str) -> bool:
        if getattr(self, name) != before:
            return False
        setattr(self, name, after)
        return True

    def is_at_least_as_strict_as(self, other: "Leg") -> bool:
        """Whether nothing is recorded, transcribed or streamed here that the other does not."""
        return all(
            STRICTNESS[getattr(self, name)] >= STRICTNESS[getattr(other, name)]
            for name in ("recording", "transcription", "streaming")
        )
