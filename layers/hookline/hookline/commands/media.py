"""Commands for the audio of a call: fork, stream, transcribe, play, record, speak, SIPREC, noise suppression."""

from __future__ import annotations  # 300 unions less to build at a cold start

from collections.abc import Mapping, Sequence
from typing import Literal

from hookline import command_schema as p
from hookline.commands.command import Command, make
from hookline.transcription_engines import Engine


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
    return make("fork_start", locals())


def fork_stop(
    *,
    stream_type: p.ForkedType | None = "decrypted",
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Stop the fork. Then call.fork.stopped.

    stream_type: must match the start's. Telnyx's defaults do not (decrypted to start, raw to stop), so ours is sent.
    """
    return make("fork_stop", locals())


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
    return make("streaming_start", locals())


def streaming_stop(
    *,
    stream_id: str | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Stop one stream, or without stream_id all of the call. Then streaming.stopped."""
    return make("streaming_stop", locals())


def transcription_start(
    *,
    transcription_engine: Engine | None = None,
    transcription_engine_config: Mapping[str, object] | None = None,
    transcription_tracks: p.Track | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Transcribe the call live. Then call.transcription, many times, until hangup.

    transcription_engine_config: the engine's own settings. They repeat its name as `transcription_engine`, where
    Deepgram's is that of the model, as deepgram/nova-3. `language` must be one that the engine knows, see
    hookline.transcription_engines; Azure's need a `region`. transcription_tracks: inbound is the leg that is commanded.
    """
    return make("transcription_start", locals())


def transcription_stop(*, client_state: object = None, on: str | None = None) -> Command:
    """Stop transcribing."""
    return make("transcription_stop", locals())


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
    return make("playback_start", locals())


def playback_stop(
    *,
    stop: p.Stop | None = None,
    overlay: bool | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Stop what is played or spoken. Then call.playback.ended or call.speak.ended."""
    return make("playback_stop", locals())


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
    custom_file_name: at most 40 characters. The transcription_* parameters speak of the text made afterwards;
    deepgram/nova-3 takes en and en-XX only.
    """
    return make("record_start", locals())


def record_stop(*, recording_id: str | None = None, client_state: object = None, on: str | None = None) -> Command:
    """End a recording, or all of the call. Then call.recording.saved."""
    return make("record_stop", locals())


def record_pause(*, recording_id: str | None = None, client_state: object = None, on: str | None = None) -> Command:
    """Pause a recording. No webhook follows."""
    return make("record_pause", locals())


def record_resume(*, recording_id: str | None = None, client_state: object = None, on: str | None = None) -> Command:
    """Go on with a paused recording. No webhook follows."""
    return make("record_resume", locals())


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
    return make("speak", locals())


def siprec_start(
    *,
    connector_name: str | None = None,
    include_metadata_custom_headers: bool | None = None,
    secure: bool | None = None,
    session_timeout_secs: int | None = None,
    sip_transport: p.SiprecTransport | None = None,
    siprec_track: p.StreamTrack | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Send the call to a SIPREC recording server. Then siprec.started, or siprec.failed.

    session_timeout_secs: at least 90, or 0 for none. It takes no command_id: sent twice it may start twice.
    """
    return make("siprec_start", locals())


def siprec_stop(*, client_state: object = None, on: str | None = None) -> Command:
    """Stop the SIPREC session. Then siprec.stopped."""
    return make("siprec_stop", locals())


def suppression_start(
    *,
    direction: p.Track | None = None,
    noise_suppression_engine: p.NoiseEngine | None = None,
    noise_suppression_engine_config: Mapping[str, object] | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Suppress noise on the call. No webhook follows."""
    return make("suppression_start", locals())


def suppression_stop(*, client_state: object = None, on: str | None = None) -> Command:
    """Stop suppressing noise. No webhook follows."""
    return make("suppression_stop", locals())
