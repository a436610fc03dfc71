"""Commands to Telnyx about a call, one plain function each.

A function checks what can be checked before the network and returns a Command, which is only a value: sending it is
the business of hookline.telnyx. The names are Telnyx's (`POST /v2/calls/{call_control_id}/actions/{name}`), and so
are the parameters, with these four rules:

* Everything is given by keyword. None means "not sent", and Telnyx's own default holds.
* `client_state` and `target_leg_client_state` take any value that JSON can hold, and are encoded here.
* `from` is a word of Python: it is `from_` here and `from` on the wire.
* `on` is the call_control_id of the leg to command, when it is not the leg the event is about. (Telnyx has it in
  the path and, for bridge, a second `call_control_id` in the body: its name is unchanged.)

`flow` of dial and `target_flow` of transfer are ours: the flow that decides on the leg that the command places. It
travels in that leg's client_state; without it no flow decides on the leg.

`command_id` is not a parameter: it is derived from the event when the command is sent, see `command_id`.

A mistake raises ValueError naming the action and the parameter; a parameter that must be there and is not even
mentioned is Python's own TypeError. Text the caller wrote is never in the message. Ranges, lengths and closed lists
stand in hookline.command_schema. Source: the OpenAPI description of the Voice API (as of Telnyx's Python SDK 4.189.0)
and developers.telnyx.com, "Call commands".
"""

from __future__ import annotations  # 300 unions less to build at a cold start

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha1
from typing import Literal
from urllib.parse import quote

from hookline import command_schema as p
from hookline.command_schema import SECRET_PARAMS

_COMMAND_IDS = bytes.fromhex("71805f7047604273b6cb43ba1b6ea110")
"""The namespace of our command ids: change it and a redelivered event acts twice."""

_VARIANT = {f"{digit:x}": f"{digit & 0x3 | 0x8:x}" for digit in range(16)}

_HIDDEN = "(secret)"
_LONGEST_DELAY_SECONDS = 3_600
_LONGEST_SHOWN = 6000
"""A spoken text is at most 5000 characters; what is longer is a file in base64, which no journal needs."""


@dataclass(frozen=True, slots=True, repr=False)
class Command:
    """One command.

    action: Telnyx's name for it.
    params: the JSON body as Telnyx takes it, without command_id; client_state already encoded.
    call_control_id: the leg to command; None is the leg the event is about.
    delay_seconds: how long it waits in the command queue before it is sent; 0 is at once.
    fallback: sent in its place when Telnyx refuses it, or when it has become too old to be sent.
    flow: of the leg that it places, the flow that decides on it; None where none does.
    """

    action: str
    params: Mapping[str, object] = field(default_factory=dict)
    call_control_id: str | None = None
    delay_seconds: float = 0.0
    fallback: Command | None = None
    flow: str | None = None

    def after(self, seconds: float) -> Command:
        """The same command, sent that many seconds later, whatever happens on the call until then.

        seconds: 1 to 3,600. Raises ValueError outside that.
        """
        if not 1 <= seconds <= _LONGEST_DELAY_SECONDS:
            raise ValueError(f"{self.action}: a delay must be 1 to {_LONGEST_DELAY_SECONDS} seconds")
        return replace(self, delay_seconds=float(seconds))

    def otherwise(self, fallback: Command) -> Command:
        """The same command, with another that is sent when Telnyx refuses it or it has become too old.

        Raises TypeError for anything but a Command.
        """
        if not isinstance(fallback, Command):
            raise TypeError(f"{self.action}: otherwise() takes a Command, not a {type(fallback).__name__}")
        return replace(self, fallback=fallback)

    @property
    def method(self) -> Literal["POST", "PUT"]:
        """The HTTP verb."""
        return "PUT" if self.action == "client_state_update" else "POST"

    def path(self, call_control_id: str | None = None) -> str:
        """The path below https://api.telnyx.com/v2, percent-encoded.

        call_control_id: the leg the event is about; the command's own comes first.
        Raises ValueError without a usable id.
        """
        if self.action == "dial":
            return "/calls"
        leg = self.call_control_id or call_control_id
        if not leg or leg in {".", ".."}:  # a path of dots would reach another resource
            raise ValueError(f"{self.action}: call_control_id is required")
        return f"/calls/{quote(leg, safe='')}/actions/{self.action}"

    def body(self, command_id: str) -> dict[str, object]:
        """The JSON body to send; client_state_update is the one action that takes no command_id."""
        if self.action == "client_state_update":
            return dict(self.params)
        return {**self.params, "command_id": command_id}

    def redacted_params(self, *, leave_out: Collection[str] = ()) -> dict[str, object]:
        """The params with the value of every SECRET_PARAMS hidden, at any depth: for the journal."""
        return {name: _redacted(name, value) for name, value in self.params.items() if name not in leave_out}

    def __repr__(self) -> str:
        """As a dataclass's, without secrets: a Command may stand in a traceback."""
        flow = f", flow={self.flow!r}" if self.flow else ""
        return f"Command({self.action!r}, {self.redacted_params()!r}, call_control_id={self.call_control_id!r}{flow})"


def _redacted(name: str, value: object) -> object:
    if name in SECRET_PARAMS:
        return _HIDDEN
    if isinstance(value, dict):
        return {key: _redacted(str(key), item) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted("", item) for item in value]
    if isinstance(value, str) and len(value) > _LONGEST_SHOWN:
        return f"({len(value)} characters)"
    return value


def command_id(event_id: str, action: str, ordinal: int = 0) -> str:
    """The id under which Telnyx obeys a command once, however often the event is delivered.

    ordinal: counts the commands of the same action for that event, from 0.
    The same arguments always give the same id; Telnyx remembers it for 60 s per call.
    """
    name = f"{event_id}|{action}|{ordinal}".encode()
    digits = sha1(_COMMAND_IDS + name, usedforsecurity=False).hexdigest()
    # What uuid.uuid5 makes of the namespace and the name (RFC 9562, version 5), in a third of its time.
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:32]}"


def _command(action: str, arguments: dict[str, object]) -> Command:
    """The Command of a function's own locals(), taken before it has any other: its parameters, each by its name."""
    on = arguments.pop("on", None)
    if on is not None and (not isinstance(on, str) or not on):
        raise ValueError(f"{action}: on must be the call_control_id of a leg")
    flow_argument = "target_flow" if action == "transfer" else "flow"
    flow = arguments.pop(flow_argument, None)
    if flow is not None and not (isinstance(flow, str) and flow.isidentifier()):
        raise ValueError(f"{action}: {flow_argument} must be the name of a flow, the module in flows/ without .py")
    return Command(action, p.body(action, arguments), on, flow=flow)


# Media: fork, stream, transcribe, play, record, speak


def fork_start(
    *,
    rx: str,
    tx: str,
    stream_type: p.ForkType | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Send copies of the call's RTP by UDP. Then call.fork.started.

    rx, tx: `udp:ip:port` for what the call receives and sends. The one `target` of the first API is gone.
    """
    return _command("fork_start", locals())


def fork_stop(
    *,
    stream_type: p.ForkedType | None = "decrypted",
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Stop the fork. Then call.fork.stopped.

    stream_type: must match the start's. Telnyx's defaults do not (decrypted to start, raw to stop), so ours is sent.
    """
    return _command("fork_stop", locals())


def streaming_start(
    *,
    stream_url: str | None = None,
    stream_track: p.StreamTrack | None = None,
    stream_codec: p.StreamCodec | None = None,
    stream_bidirectional_mode: p.StreamReplyMode | None = None,
    stream_bidirectional_codec: p.StreamReplyCodec | None = None,
    stream_bidirectional_sampling_rate: p.StreamReplyRate | None = None,
    stream_bidirectional_target_legs: p.Legs | None = None,
    stream_auth_token: str | None = None,
    custom_parameters: Sequence[Mapping[str, str]] | None = None,
    enable_dialogflow: bool | None = None,
    dialogflow_config: Mapping[str, bool] | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Stream the audio to a WebSocket server. Then streaming.started, or streaming.failed.

    stream_url: wss:// or ws://; required unless enable_dialogflow is True.
    stream_bidirectional_codec: only with stream_bidirectional_mode="rtp"; stream_auth_token: at most 4000 characters.
    custom_parameters: `{"name": ..., "value": ...}` each.
    """
    return _command("streaming_start", locals())


def streaming_stop(
    *,
    stream_id: str | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Stop one stream, or without stream_id all of the call. Then streaming.stopped."""
    return _command("streaming_stop", locals())


def transcription_start(
    *,
    transcription_engine: p.Engine | None = None,
    transcription_engine_config: Mapping[str, object] | None = None,
    transcription_tracks: p.Track | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Transcribe the call live. Then call.transcription, many times, until hangup.

    transcription_engine_config: the engine's own settings, which repeat its name as `transcription_engine`;
    Azure's need a `region`. transcription_tracks: inbound is the leg that is commanded.
    """
    return _command("transcription_start", locals())


def transcription_stop(*, client_state: object = None, on: str | None = None) -> Command:
    """Stop transcribing."""
    return _command("transcription_stop", locals())


def playback_start(
    *,
    audio_url: str | None = None,
    media_name: str | None = None,
    playback_content: str | None = None,
    audio_type: p.AudioType | None = None,
    cache_audio: bool | None = None,
    loop: int | Literal["infinity"] | None = None,
    overlay: bool | None = None,
    stop: p.Stop | None = None,
    target_legs: p.Legs | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Play a file, after what is already queued. Then call.playback.started and call.playback.ended.

    Exactly one of audio_url (mp3 or wav), media_name (uploaded to Telnyx before) and playback_content (base64 of an
    mp3 or wav file). loop: 1 to 100 times.
    """
    return _command("playback_start", locals())


def playback_stop(
    *,
    stop: p.Stop | None = None,
    overlay: bool | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Stop what is played or spoken. Then call.playback.ended or call.speak.ended."""
    return _command("playback_stop", locals())


def record_start(
    *,
    channels: p.Channels,
    format: p.AudioType,  # noqa: A002  Telnyx's word
    custom_file_name: str | None = None,
    max_length: int | None = None,
    timeout_secs: int | None = None,
    play_beep: bool | None = None,
    recording_track: p.Track | None = None,
    trim: p.Trim | None = None,
    transcription: bool | None = None,
    transcription_engine: p.RecordingEngine | None = None,
    transcription_language: str | None = None,
    transcription_min_speaker_count: int | None = None,
    transcription_max_speaker_count: int | None = None,
    transcription_profanity_filter: bool | None = None,
    transcription_speaker_diarization: bool | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Record the call. No event reports its beginning; at the end call.recording.saved or call.recording.error.

    max_length: seconds, 0 to 14400, 0 is endless. timeout_secs: seconds of silence that end it, 0 is never.
    custom_file_name: at most 40 characters. The transcription_* parameters speak of the text made afterwards.
    """
    return _command("record_start", locals())


def record_stop(*, recording_id: str | None = None, client_state: object = None, on: str | None = None) -> Command:
    """End a recording, or all of the call. Then call.recording.saved."""
    return _command("record_stop", locals())


def record_pause(*, recording_id: str | None = None, client_state: object = None, on: str | None = None) -> Command:
    """Pause a recording. No webhook follows."""
    return _command("record_pause", locals())


def record_resume(*, recording_id: str | None = None, client_state: object = None, on: str | None = None) -> Command:
    """Go on with a paused recording. No webhook follows."""
    return _command("record_resume", locals())


def speak(
    *,
    payload: str,
    voice: str,
    payload_type: p.PayloadType | None = None,
    service_level: p.ServiceLevel | None = None,
    language: str | None = None,
    loop: int | Literal["infinity"] | None = None,
    stop: p.Stop | None = None,
    target_legs: p.Legs | None = None,
    voice_settings: Mapping[str, object] | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Say a text, after what is already queued. Then call.speak.started and call.speak.ended.

    payload: 1 to 5000 characters (of text, or of SSML with payload_type="ssml").
    voice: `Provider.Model.VoiceId`, as AWS.Polly.Joanna-Neural; `male` or `female` with service_level="basic", which
    speaks plain text in en-US only. language: one of Telnyx's 29, or a two-letter code with a Soniox voice.
    """
    return _command("speak", locals())


# The life of a call


def answer(
    *,
    assistant: Mapping[str, object] | None = None,
    billing_group_id: str | None = None,
    conversation_relay_config: Mapping[str, object] | None = None,
    custom_headers: Sequence[Mapping[str, str]] | None = None,
    deepfake_detection: Mapping[str, object] | None = None,
    preferred_codecs: str | None = None,
    record: p.Record | None = None,
    record_channels: p.Channels | None = None,
    record_custom_file_name: str | None = None,
    record_format: p.AudioType | None = None,
    record_max_length: int | None = None,
    record_timeout_secs: int | None = None,
    record_track: p.Track | None = None,
    record_trim: p.Trim | None = None,
    send_silence_when_idle: bool | None = None,
    sip_headers: Sequence[Mapping[str, str]] | None = None,
    sound_modifications: Mapping[str, object] | None = None,
    stream_bidirectional_codec: p.StreamReplyCodec | None = None,
    stream_bidirectional_mode: p.StreamReplyMode | None = None,
    stream_bidirectional_target_legs: p.Legs | None = None,
    stream_codec: p.StreamCodec | None = None,
    stream_track: p.StreamTrack | None = None,
    stream_url: str | None = None,
    transcription: bool | None = None,
    transcription_config: Mapping[str, object] | None = None,
    webhook_retries_policies: Mapping[str, Mapping[str, Sequence[int]]] | None = None,
    webhook_url: str | None = None,
    webhook_url_method: p.HttpMethod | None = None,
    webhook_urls: Mapping[str, Sequence[str]] | None = None,
    webhook_urls_method: p.HttpMethod | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Answer an incoming call, before any other command (90034). Then call.answered.

    record_max_length: seconds, 0 to 43200, 0 is endless. record_timeout_secs: seconds of silence, 0 is never.
    webhook_retries_policies: per event type `{"retries_ms": [...]}`, at most 5 and 60000 ms together.
    """
    return _command("answer", locals())


def hangup(
    *,
    custom_headers: Sequence[Mapping[str, str]] | None = None,
    reason: str | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """End the leg. Then call.hangup.

    reason: the SIP Reason of cancelling an outbound leg that is not answered; no quotes, backslashes or emoji.
    """
    return _command("hangup", locals())


def reject(*, cause: p.Cause, client_state: object = None, on: str | None = None) -> Command:
    """Turn an incoming call away. Then call.hangup."""
    return _command("reject", locals())


def transfer(
    *,
    to: str,
    answering_machine_detection: p.AnsweringMachineDetection | None = None,
    answering_machine_detection_config: Mapping[str, object] | None = None,
    audio_url: str | None = None,
    custom_headers: Sequence[Mapping[str, str]] | None = None,
    diversion: str | None = None,
    early_media: bool | None = None,
    from_: str | None = None,
    from_display_name: str | None = None,
    media_encryption: p.MediaEncryption | None = None,
    media_name: str | None = None,
    mute_dtmf: p.MuteDtmf | None = None,
    park_after_unbridge: p.Park | None = None,
    preferred_codecs: str | None = None,
    privacy: p.Privacy | None = None,
    record: p.Record | None = None,
    record_channels: p.Channels | None = None,
    record_custom_file_name: str | None = None,
    record_format: p.AudioType | None = None,
    record_max_length: int | None = None,
    record_timeout_secs: int | None = None,
    record_track: p.Track | None = None,
    record_trim: p.Trim | None = None,
    route_to_mobile: bool | None = None,
    send_digits_on_answer: str | None = None,
    sip_auth_password: str | None = None,
    sip_auth_username: str | None = None,
    sip_headers: Sequence[Mapping[str, str]] | None = None,
    sip_region: p.SipRegion | None = None,
    sip_transport_protocol: p.SipTransport | None = None,
    sound_modifications: Mapping[str, object] | None = None,
    target_flow: str | None = None,
    target_leg_client_state: object = None,
    time_limit_secs: int | None = None,
    timeout_secs: int | None = None,
    webhook_retries_policies: Mapping[str, Mapping[str, Sequence[int]]] | None = None,
    webhook_url: str | None = None,
    webhook_url_method: p.HttpMethod | None = None,
    webhook_urls: Mapping[str, Sequence[str]] | None = None,
    webhook_urls_method: p.HttpMethod | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Call another number and bridge. Then call.initiated, call.answered or call.hangup of the new leg, call.bridged.

    to: a number in +E164 format or a SIP URI. timeout_secs: 5 to 600. time_limit_secs: at most 14400.
    client_state belongs to this leg, target_leg_client_state to the new one. target_flow: the flow that decides on the
    new leg; without it that leg is journalled and nothing is decided. audio_url and media_name exclude each other: what
    the answering side hears before the bridge.
    """
    return _command("transfer", locals())


def bridge(
    *,
    call_control_id: str | None = None,
    queue: str | None = None,
    video_room_id: str | None = None,
    video_room_context: str | None = None,
    hold_after_unbridge: bool | None = None,
    mute_dtmf: p.MuteDtmf | None = None,
    park_after_unbridge: p.Park | None = None,
    play_ringtone: bool | None = None,
    prevent_double_bridge: bool | None = None,
    record: p.Record | None = None,
    record_channels: p.Channels | None = None,
    record_custom_file_name: str | None = None,
    record_format: p.AudioType | None = None,
    record_max_length: int | None = None,
    record_timeout_secs: int | None = None,
    record_track: p.Track | None = None,
    record_trim: p.Trim | None = None,
    ringtone: p.Ringtone | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Connect the leg with another leg, the first of a queue, or a video room. Then call.bridged, once per leg.

    call_control_id: the leg to bridge WITH; `on` is the leg to command, as everywhere. Exactly one of
    call_control_id, queue and video_room_id; video_room_context only with a room.
    """
    return _command("bridge", locals())


def gather(
    *,
    gather_id: str | None = None,
    initial_timeout_millis: int | None = None,
    inter_digit_timeout_millis: int | None = None,
    maximum_digits: int | None = None,
    minimum_digits: int | None = None,
    terminating_digit: str | None = None,
    timeout_millis: int | None = None,
    valid_digits: str | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Collect the keys that are pressed. Then call.dtmf.received for each and call.gather.ended.

    minimum_digits, maximum_digits: 1 to 128. initial_timeout_millis, inter_digit_timeout_millis: 1 to 120000.
    terminating_digit: one key, or "" so that none ends the input.
    """
    return _command("gather", locals())


def gather_using_speak(
    *,
    payload: str,
    voice: str,
    inter_digit_timeout_millis: int | None = None,
    invalid_payload: str | None = None,
    language: str | None = None,
    maximum_digits: int | None = None,
    maximum_tries: int | None = None,
    minimum_digits: int | None = None,
    payload_type: p.PayloadType | None = None,
    service_level: p.ServiceLevel | None = None,
    terminating_digit: str | None = None,
    timeout_millis: int | None = None,
    valid_digits: str | None = None,
    voice_settings: Mapping[str, object] | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Speak a text and collect keys, again when none is pressed. Then call.dtmf.received, call.gather.ended.

    payload and voice as for speak; invalid_payload is spoken when the keys do not fit; the rest as for gather.
    """
    return _command("gather_using_speak", locals())


def gather_using_audio(
    *,
    audio_url: str | None = None,
    media_name: str | None = None,
    inter_digit_timeout_millis: int | None = None,
    invalid_audio_url: str | None = None,
    invalid_media_name: str | None = None,
    maximum_digits: int | None = None,
    maximum_tries: int | None = None,
    minimum_digits: int | None = None,
    terminating_digit: str | None = None,
    timeout_millis: int | None = None,
    valid_digits: str | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Play a file and collect keys. Then the playback's events, call.dtmf.received, call.gather.ended.

    Exactly one of audio_url and media_name; at most one of invalid_audio_url and invalid_media_name.
    """
    return _command("gather_using_audio", locals())


def gather_stop(*, client_state: object = None, on: str | None = None) -> Command:
    """End a gather early. Then call.gather.ended."""
    return _command("gather_stop", locals())


def send_dtmf(
    *,
    digits: str,
    duration_millis: int | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Press keys. No webhook follows.

    digits: 0-9, A-D, *, #, and w (0.5 s) and W (1 s) to wait. duration_millis: 100 to 500 each.
    """
    return _command("send_dtmf", locals())


def client_state_update(*, client_state: object, on: str | None = None) -> Command:
    """Replace what the later webhooks of the leg bring back; None, here, is a value, and clears it. No webhook."""
    return _command("client_state_update", locals())


def enqueue(
    *,
    queue_name: str,
    keep_after_hangup: bool | None = None,
    max_size: int | None = None,
    max_wait_time_secs: int | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Let the leg wait in a queue, made when there is none of that name. Then call.enqueued and call.dequeued.

    max_size: cannot be changed for a queue that exists (90037). A bridged leg is unbridged.
    """
    return _command("enqueue", locals())


def leave_queue(*, client_state: object = None, on: str | None = None) -> Command:
    """Take the leg out of its queue. Then call.dequeued."""
    return _command("leave_queue", locals())


def dial(
    *,
    connection_id: str,
    from_: str,
    to: str | Sequence[str],
    answering_machine_detection: p.AnsweringMachineDetection | None = None,
    answering_machine_detection_config: Mapping[str, object] | None = None,
    assistant: Mapping[str, object] | None = None,
    audio_url: str | None = None,
    billing_group_id: str | None = None,
    bridge_intent: bool | None = None,
    bridge_on_answer: bool | None = None,
    conference_config: Mapping[str, object] | None = None,
    conversation_relay_config: Mapping[str, object] | None = None,
    custom_headers: Sequence[Mapping[str, str]] | None = None,
    deepfake_detection: Mapping[str, object] | None = None,
    dialogflow_config: Mapping[str, bool] | None = None,
    diversion: str | None = None,
    enable_dialogflow: bool | None = None,
    flow: str | None = None,
    from_display_name: str | None = None,
    link_to: str | None = None,
    media_encryption: p.MediaEncryption | None = None,
    media_name: str | None = None,
    park_after_unbridge: p.Park | None = None,
    preferred_codecs: str | None = None,
    prevent_double_bridge: bool | None = None,
    privacy: p.Privacy | None = None,
    record: p.Record | None = None,
    record_channels: p.Channels | None = None,
    record_custom_file_name: str | None = None,
    record_format: p.AudioType | None = None,
    record_max_length: int | None = None,
    record_timeout_secs: int | None = None,
    record_track: p.Track | None = None,
    record_trim: p.Trim | None = None,
    retry_on_timeout: bool | None = None,
    route_to_mobile: bool | None = None,
    send_digits_on_answer: str | None = None,
    send_silence_when_idle: bool | None = None,
    sip_auth_password: str | None = None,
    sip_auth_username: str | None = None,
    sip_headers: Sequence[Mapping[str, str]] | None = None,
    sip_region: p.SipRegion | None = None,
    sip_transport_protocol: p.SipTransport | None = None,
    sound_modifications: Mapping[str, object] | None = None,
    stream_auth_token: str | None = None,
    stream_bidirectional_codec: p.StreamReplyCodec | None = None,
    stream_bidirectional_mode: p.StreamReplyMode | None = None,
    stream_bidirectional_sampling_rate: p.StreamReplyRate | None = None,
    stream_bidirectional_target_legs: p.Legs | None = None,
    stream_codec: p.StreamCodec | None = None,
    stream_establish_before_call_originate: bool | None = None,
    stream_track: p.StreamTrack | None = None,
    stream_url: str | None = None,
    supervise_call_control_id: str | None = None,
    supervisor_role: p.SupervisorRole | None = None,
    time_limit_secs: int | None = None,
    timeout_secs: int | None = None,
    transcription: bool | None = None,
    transcription_config: Mapping[str, object] | None = None,
    webhook_retries_policies: Mapping[str, Mapping[str, Sequence[int]]] | None = None,
    webhook_url: str | None = None,
    webhook_url_method: p.HttpMethod | None = None,
    webhook_urls: Mapping[str, Sequence[str]] | None = None,
    webhook_urls_method: p.HttpMethod | None = None,
    client_state: object = None,
) -> Command:
    """Place a call. Then call.initiated, and call.answered or call.hangup.

    connection_id: of the Call Control application. to: a number, a SIP URI, or several. timeout_secs: 5 to 600.
    time_limit_secs: at most 14400. bridge_intent, bridge_on_answer and park_after_unbridge require link_to, the
    call_control_id of another leg, whose call_session_id the new leg shares.
    send_digits_on_answer: at most 64 of 0-9, A-D, *, #, w, W. flow: the flow that decides on the new leg; without it
    that leg is journalled and nothing is decided.
    """
    return _command("dial", locals())
