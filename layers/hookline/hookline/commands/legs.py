"""The life of a leg: answer, end, connect, queue and place calls."""

from __future__ import annotations  # 300 unions less to build at a cold start

from collections.abc import Mapping, Sequence

from hookline import command_schema as p
from hookline.commands.command import Command, make


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
    return make("answer", locals())


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
    return make("hangup", locals())


def reject(*, cause: p.Cause, client_state: object = None, on: str | None = None) -> Command:
    """Turn an incoming call away. Then call.hangup."""
    return make("reject", locals())


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
    return make("transfer", locals())


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
    return make("bridge", locals())


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
    return make("enqueue", locals())


def leave_queue(*, client_state: object = None, on: str | None = None) -> Command:
    """Take the leg out of its queue. Then call.dequeued."""
    return make("leave_queue", locals())


def client_state_update(*, client_state: object, on: str | None = None) -> Command:
    """Replace what the later webhooks of the leg bring back; None, here, is a value, and clears it. No webhook."""
    return make("client_state_update", locals())


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
    return make("dial", locals())


def refer(
    *,
    sip_address: str,
    custom_headers: Sequence[Mapping[str, str]] | None = None,
    sip_auth_password: str | None = None,
    sip_auth_username: str | None = None,
    sip_headers: Sequence[Mapping[str, str]] | None = None,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Ask the other end to call a SIP URI in place of us. Then call.refer.started, .completed or .failed."""
    return make("refer", locals())


def send_sip_info(
    *,
    body: str,
    content_type: str,
    client_state: object = None,
    on: str | None = None,
) -> Command:
    """Send a SIP INFO from this leg. No webhook follows here; the target's leg has call.sip_info.received.

    content_type: a MIME type, of at most 1400 bytes.
    """
    return make("send_sip_info", locals())


def switch_supervisor_role(*, role: p.SupervisorRole, on: str | None = None) -> Command:
    """Change what a supervising leg may do: barge, whisper or monitor. No webhook; it takes no command_id."""
    return make("switch_supervisor_role", locals())
