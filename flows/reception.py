"""reception: answers, greets, records and transcribes, streams or forks, plays a file, and obeys the keys of the phone.

1 pauses recording and transcription (a card number follows), 2 resumes them, * stops what plays, # finishes: it stops
all, speaks a goodbye and hangs up; # once more hangs up at once. The step of a call travels in client_state. The
settings are the stack's parameters. Sources: developers.telnyx.com, Voice API webhooks, Media streaming, Storing call
recordings.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

from hookline import (
    Call,
    Command,
    Event,
    answer,
    fork_start,
    fork_stop,
    hangup,
    playback_start,
    playback_stop,
    record_pause,
    record_resume,
    record_start,
    record_stop,
    speak,
    streaming_start,
    streaming_stop,
    transcription_start,
    transcription_stop,
)
from hookline.transcription_engines import LANGUAGES, Engine

ACTING_DIGITS = "12*#"
"""These keys are stored as pressed; every other key is the caller's own business and is blanked."""

DEFAULT_VOICE = "AWS.Polly.Joanna-Neural"

Step = Literal["answer", "greeting", "music", "listening", "goodbye", "calling"]
"""answer: asked to answer. greeting, music: that is being heard. listening: nothing of ours is. goodbye: the goodbye is
being spoken. calling: a call that was placed here."""

RUNNING: tuple[Step, ...] = ("answer", "greeting", "music", "listening")
"""The steps in which the keys of the phone do something."""


@dataclass(frozen=True)
class CallFlow:
    """The settings of the flow. An empty text leaves out what it belongs to."""

    voice: str = DEFAULT_VOICE
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
    stream_reply: str = ",,,"
    stream_retries: int = 2
    fork_rx: str = ""
    fork_tx: str = ""
    audio_url: str = ""
    audio_fallback: str = "Please go ahead, we are listening."

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> "CallFlow":
        """The settings in LINE_* variables; one that is absent has the default above.

        Raises ValueError for a switch that is neither on nor off. What else a value may be is checked by the stack's
        parameters, and again by the command that it ends up in.
        """
        given: dict[str, Any] = {
            field.name: settings[name] for field in fields(cls) if (name := f"LINE_{field.name.upper()}") in settings
        }
        for name in given.keys() & {"record", "transcribe"}:
            if given[name] not in ("on", "off"):
                raise ValueError(f"LINE_{name.upper()} must be on or off")
            given[name] = given[name] == "on"
        if "stream_retries" in given:
            given["stream_retries"] = int(given["stream_retries"])
        return cls(**given)

    # The commands are values: built and checked once per cold start, and the same ever after.

    @cached_property
    def answer(self) -> Command:
        """The answer to an incoming call."""
        return answer(client_state=_client_state_for("answer"))

    @cached_property
    def greeting_commands(self) -> list[Command]:
        """Heard first: the greeting, or the audio file when there is no greeting.

        A greeting in a voice that Telnyx refuses is spoken in the default voice; refused again, the call is ended: a
        caller is not left in silence.
        """
        if not self.greeting:
            return self.audio_commands
        state = _client_state_for("greeting")
        plain = speak(payload=self.greeting, voice=DEFAULT_VOICE, client_state=state).otherwise(hangup())
        return [self.speak(self.greeting, "greeting").otherwise(plain)]

    @cached_property
    def audio_commands(self) -> list[Command]:
        """The audio file, when there is one."""
        if not self.audio_url:
            return []
        audio_type: Literal["mp3", "wav"] = "wav" if self.audio_url.partition("?")[0].endswith(".wav") else "mp3"
        state = _client_state_for("music")
        return [playback_start(audio_url=self.audio_url, audio_type=audio_type, client_state=state)]

    @cached_property
    def audio_fallback_commands(self) -> list[Command]:
        """Spoken when the audio file cannot be played."""
        return [self.speak(self.audio_fallback, "listening")] if self.audio_fallback else []

    @cached_property
    def goodbye_commands(self) -> list[Command]:
        """The goodbye, which cuts short whatever is being heard, and the end of the call.

        The end depends on nothing optional: refused, the goodbye is replaced by the hang-up; and when its end is never
        reported the call is hung up after the time that it can have taken.
        """
        if not self.goodbye:
            return [hangup()]
        spoken_seconds = 5 + len(self.goodbye) / 10
        goodbye = self.speak(self.goodbye, "goodbye", stop="all")
        return [goodbye.otherwise(hangup()), hangup().after(spoken_seconds)]

    @cached_property
    def finish_commands(self) -> list[Command]:
        """Stop all that the flow has started, then speak the goodbye. Stopping what is not running does no harm."""
        commands = []
        if self.record:
            commands.append(record_stop())
        if self.transcribe:
            commands.append(transcription_stop())
        if self.stream_url:
            commands.append(streaming_stop())
        if self.forks:
            commands.append(fork_stop())
        return commands + self.goodbye_commands

    @cached_property
    def recording(self) -> Command:
        """The recording as the settings describe it."""
        return record_start(channels=self.record_channels, format=self.record_format)

    @cached_property
    def transcription(self) -> Command:
        """The live transcript as the settings describe it."""
        settings = {"transcription_engine": self.transcription_engine, "language": self.transcription_language}
        if self.transcription_engine == "Deepgram":  # its settings are for one of its models, and name it twice
            model = "nova-3" if self.transcription_language in LANGUAGES["deepgram/nova-3"] else "nova-2"
            settings |= {"transcription_engine": f"deepgram/{model}", "transcription_model": f"deepgram/{model}"}
        return transcription_start(
            transcription_engine=self.transcription_engine,
            transcription_engine_config=settings if self.transcription_language else None,
            transcription_tracks=self.transcription_tracks,
        )

    @cached_property
    def stream(self) -> Command:
        """The media of the call to the WebSocket, and back from it when there is a mode for that."""
        return streaming_start(
            stream_url=self.stream_url,
            stream_track=self.stream_track,
            stream_auth_token=self.stream_auth_token or None,
            **self.reply_parameters,
        )

    @cached_property
    def reply_parameters(self) -> dict[str, Any]:
        """How audio comes back from the WebSocket: mode, codec, sampling rate and legs of `stream_reply`, where given.

        Raises ValueError for another number of them than four.
        """
        mode, codec, rate, legs = self.stream_reply.split(",")
        found = {
            "stream_bidirectional_mode": mode,
            "stream_bidirectional_codec": codec,
            "stream_bidirectional_sampling_rate": int(rate) if rate else None,
            "stream_bidirectional_target_legs": legs,
        }
        return {name: value for name, value in found.items() if value}

    @property
    def forks(self) -> bool:
        """Whether there is a UDP target for the media of the call."""
        return bool(self.fork_rx and self.fork_tx)

    @cached_property
    def fork(self) -> Command:
        """The media of the call to the UDP targets."""
        return fork_start(rx=self.fork_rx, tx=self.fork_tx)

    def speak(self, text: str, step: Step, *, stop: Literal["all"] | None = None) -> Command:
        """A text in the voice of the flow, with the step that the call is at from then on."""
        return speak(
            payload=text, voice=self.voice, language=self.language, stop=stop, client_state=_client_state_for(step)
        )


def _client_state_for(step: Step) -> dict[str, str]:
    """The client_state of a step."""
    return {"step": step}


def _current_step(event: Event) -> str | None:
    """The step that the event's call is at; None when the flow has not commanded it yet."""
    state = event.client_state
    step = state.get("step") if isinstance(state, dict) else None
    return step if isinstance(step, str) else None


SETTINGS = CallFlow.of(os.environ)


def call_initiated(event: Event, call: Call) -> list[Command]:
    """An incoming call is answered; an outgoing one, or a leg that Telnyx is bridging already, is left to ring."""
    is_waiting = event.payload.get("direction") == "incoming" and event.payload.get("state") != "bridging"
    if is_waiting and call.status == "ringing":
        return [SETTINGS.answer]
    return []


def call_answered(event: Event, call: Call) -> list[Command]:
    """The greeting is first: the caller hears it soonest, and the fault of another command does not silence it."""
    if _current_step(event) != "answer" or call.ended:
        return []
    commands = list(SETTINGS.greeting_commands)
    if SETTINGS.record:
        commands.append(SETTINGS.recording)
    if SETTINGS.transcribe:
        commands.append(SETTINGS.transcription)
    if SETTINGS.stream_url:
        commands.append(SETTINGS.stream)
    elif SETTINGS.forks:
        commands.append(SETTINGS.fork)
    return commands


def call_bridged(event: Event, call: Call) -> list[Command]:
    """Speech and audio stop: two people are talking now."""
    if _current_step(event) in ("greeting", "music") and not call.ended:
        return [playback_stop(client_state=_client_state_for("listening"))]
    return []


def call_dtmf_received(event: Event, call: Call) -> list[Command]:
    """The keys of the phone, in the steps of RUNNING; while the goodbye is spoken, # ends it."""
    step, digit = _current_step(event), event.payload.get("digit")
    if call.ended or step not in (*RUNNING, "goodbye"):
        return []
    if step == "goodbye" or _was_finished_before(event, call):
        return [hangup()] if digit == "#" else []
    match digit:
        case "1":
            pause = [record_pause()] if SETTINGS.record else []
            return pause + ([transcription_stop()] if SETTINGS.transcribe else [])
        case "2":
            resume = [record_resume()] if SETTINGS.record else []
            return resume + ([SETTINGS.transcription] if SETTINGS.transcribe else [])
        case "*":
            return [playback_stop(client_state=_client_state_for("listening"))]
        case "#":
            return SETTINGS.finish_commands
    return []


def call_machine_detection_ended(event: Event, call: Call) -> list[Command]:
    """A machine that takes a call placed here is hung up on; "not_sure" is treated as a person, as Telnyx advises."""
    if event.payload.get("result") == "machine" and _current_step(event) == "calling" and not call.ended:
        return [hangup()]
    return []


def call_playback_ended(event: Event, call: Call) -> list[Command]:
    """A text replaces an audio file that is missing or broken."""
    is_unheard = event.payload.get("status") in ("failed", "file_not_found")
    if is_unheard and _current_step(event) == "music" and not call.ended:
        return SETTINGS.audio_fallback_commands
    return []


def call_recording_error(event: Event, call: Call) -> list[Command]:
    """The recording is started once more, unless the caller has paused or finished it; a second error stands."""
    is_first = call.count("call.recording.error", before=event) == 0
    is_running = _current_step(event) in RUNNING and not call.ended
    if SETTINGS.record and is_first and is_running and _may_record(call):
        return [SETTINGS.recording]
    return []


def call_speak_ended(event: Event, call: Call) -> list[Command]:
    """After the greeting comes the audio file when there is one; after the goodbye the call is hung up."""
    if call.ended or event.payload.get("status") == "call_hangup":
        return []
    match _current_step(event):
        case "greeting":
            return SETTINGS.audio_commands
        case "goodbye" if _is_goodbye(call):
            return [hangup()]
    return []


def streaming_failed(event: Event, call: Call) -> list[Command]:
    """Streaming is tried again a bounded number of times; then the media is forked, when there is a UDP target."""
    if call.ended or not SETTINGS.stream_url or _current_step(event) not in RUNNING:
        return []
    failures_before = call.count("streaming.failed", before=event)
    if failures_before < SETTINGS.stream_retries:
        return [SETTINGS.stream]
    if failures_before == SETTINGS.stream_retries and SETTINGS.forks:
        return [SETTINGS.fork]
    return []


def _digits(call: Call) -> list[Event]:
    return [event for event in call.events if event.type == "call.dtmf.received"]


_PAUSES = ("1", "#", "record_pause", "record_stop")
_RESUMES = ("2", "record_resume", "record_start")


def _was_finished_before(event: Event, call: Call) -> bool:
    before = (event.occurred_at, event.id)
    return any(
        pressed.payload.get("digit") == "#" and (pressed.occurred_at, pressed.id) < before for pressed in _digits(call)
    )


def _may_record(call: Call) -> bool:
    """Whether the last that was asked of the recording was not to pause or to stop it: by a key, or by an operator."""
    by = {"call.dtmf.received": "digit", "hookline.action": "action"}
    asked = [event.payload.get(by[event.type]) for event in call.events if event.type in by]
    last = next((one for one in reversed(asked) if one in (*_PAUSES, *_RESUMES)), "2")
    return last in _RESUMES


def _is_goodbye(call: Call) -> bool:
    """Whether it was the goodbye that ended, and not a text that # cut short.

    The text cut short ends at the step "goodbye" too, because that is the newest client_state of the call. But as many
    texts have to end as had begun before # was pressed, and only the next one is the goodbye. A greeting that # cut
    short had begun even when its call.speak.started is still on its way.
    """
    pressed = next((event for event in _digits(call) if event.payload.get("digit") == "#"), None)
    if pressed is None:
        return True
    begun = max(call.count("call.speak.started", before=pressed), int(_current_step(pressed) == "greeting"))
    return call.count("call.speak.ended") > begun
