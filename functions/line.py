"""The line that ships: what it says and does, and at which step of it a call is.

Its settings are the stack's parameters. The step travels in `client_state`, which Telnyx brings back with every later
event of the leg, so that no read is needed to know it. Which rule follows from which event stands in that event's own
folder.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

from hookline import (
    Command,
    Event,
    fork_start,
    hangup,
    playback_start,
    record_start,
    speak,
    streaming_start,
    transcription_start,
)
from hookline.command_schema import Engine

Step = Literal["answer", "greeting", "music", "listening", "goodbye", "calling"]
"""answer: asked to answer. greeting, music: that is being heard. listening: nothing of ours is. goodbye: the last
words. calling: a call that we placed ourselves; nothing here places one, a caller of `dial` may."""

RUNNING: tuple[Step, ...] = ("answer", "greeting", "music", "listening")
"""The steps in which the keys of the phone do something."""


@dataclass(frozen=True)
class Line:
    """The parameters of the line. An empty text leaves out what it belongs to."""

    voice: str = "AWS.Polly.Joanna-Neural"
    language: str = "en-US"
    greeting: str = "Hello. This call is recorded. Press 1 to pause the recording, 2 to resume it, or pound to finish."
    goodbye: str = "Thank you. Goodbye."
    record: bool = True
    record_format: Literal["mp3", "wav"] = "mp3"
    record_channels: Literal["single", "dual"] = "dual"
    transcribe: bool = True
    transcription_engine: Engine = "Telnyx"
    transcription_tracks: Literal["inbound", "outbound", "both"] = "both"
    transcription_language: str = ""
    stream_url: str = ""
    stream_track: Literal["inbound_track", "outbound_track", "both_tracks"] = "both_tracks"
    stream_auth_token: str = ""
    stream_retries: int = 2
    fork_rx: str = ""
    fork_tx: str = ""
    audio_url: str = ""
    audio_fallback: str = "Please go ahead, we are listening."

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> "Line":
        """The line that LINE_* variables describe; one that is absent has the default above.

        What a value may be is checked by the stack's parameters, and again by the command that it ends up in.
        """
        given: dict[str, Any] = {
            field.name: settings[name] for field in fields(cls) if (name := f"LINE_{field.name.upper()}") in settings
        }
        for name in given.keys() & {"record", "transcribe"}:
            if given[name] not in ("on", "off"):
                raise ValueError(f"LINE_{name.upper()} is neither on nor off")
            given[name] = given[name] == "on"
        if "stream_retries" in given:
            given["stream_retries"] = int(given["stream_retries"])
        return cls(**given)

    # The line's commands are values: built and checked once per cold start, and the same ever after.

    @cached_property
    def opening_words(self) -> list[Command]:
        """What a caller hears first: the greeting, or the audio when there is no greeting."""
        return [self.say(self.greeting, "greeting")] if self.greeting else self.audio

    @cached_property
    def audio(self) -> list[Command]:
        """The audio file, when there is one."""
        if not self.audio_url:
            return []
        audio_type: Literal["mp3", "wav"] = "wav" if self.audio_url.partition("?")[0].endswith(".wav") else "mp3"
        return [playback_start(audio_url=self.audio_url, audio_type=audio_type, client_state=at("music"))]

    @cached_property
    def instead_of_audio(self) -> list[Command]:
        """What is said when the audio file cannot be played."""
        return [self.say(self.audio_fallback, "listening")] if self.audio_fallback else []

    @cached_property
    def last_words(self) -> list[Command]:
        """The goodbye, which cuts short whatever is being heard; without one the call ends at once."""
        return [self.say(self.goodbye, "goodbye", stop="all")] if self.goodbye else [hangup()]

    @cached_property
    def recording(self) -> Command:
        """The recording as the parameters want it."""
        return record_start(channels=self.record_channels, format=self.record_format)

    @cached_property
    def transcription(self) -> Command:
        """The live transcript as the parameters want it."""
        settings = {"transcription_engine": self.transcription_engine, "language": self.transcription_language}
        return transcription_start(
            transcription_engine=self.transcription_engine,
            transcription_engine_config=settings if self.transcription_language else None,
            transcription_tracks=self.transcription_tracks,
        )

    @cached_property
    def stream(self) -> Command:
        """The sound of the call to the WebSocket."""
        return streaming_start(
            stream_url=self.stream_url,
            stream_track=self.stream_track,
            stream_auth_token=self.stream_auth_token or None,
        )

    @property
    def forks(self) -> bool:
        """Whether there is a UDP target for the sound of the call."""
        return bool(self.fork_rx and self.fork_tx)

    @cached_property
    def fork(self) -> Command:
        """The sound of the call to the UDP targets."""
        return fork_start(rx=self.fork_rx, tx=self.fork_tx)

    def say(self, text: str, step: Step, *, stop: Literal["all"] | None = None) -> Command:
        """A text in the voice of the line, with the step that the call is at from then on."""
        return speak(payload=text, voice=self.voice, language=self.language, stop=stop, client_state=at(step))


def at(step: Step) -> dict[str, str]:
    """The client_state of a step."""
    return {"step": step}


def step_of(event: Event) -> str | None:
    """The step that the event's call is at; None when the line does not own the call."""
    state = event.client_state
    step = state.get("step") if isinstance(state, dict) else None
    return step if isinstance(step, str) else None


LINE = Line.of(os.environ)
