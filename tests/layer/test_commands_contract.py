"""Every command against Telnyx's own Python SDK, unmodified: its parameter types, its paths and verbs, its JSON.

The rows below are written as a caller writes them. Each row becomes a Command of ours, and is held against the SDK
twice: the body is validated by pydantic against the TypedDict the SDK declares for the action, and the SDK's own
client sends the same through a transport that records the request.
"""

import inspect
import json
import re
import typing
from collections.abc import Callable, Iterable, Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import unquote

import httpx
import pytest
import typing_extensions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from telnyx import Telnyx, omit
from telnyx._types import SequenceNotStr
from telnyx._utils import PropertyInfo
from telnyx.types import call_dial_params, calls

from hookline import commands
from hookline.client_state import encode
from hookline.command_schema import RECORDING_LANGUAGES, SECRET_PARAMS, SPEAK_LANGUAGES
from hookline.commands import Command
from hookline.commands.command import WITHOUT_COMMAND_ID

CALL = "v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg"
PLAIN_CALL = "428c31b6-7af4-4bcb-b7f5-5013ef9657c1"

# One row per command: the SDK's method, the SDK's TypedDict, and calls of our function that between them use every
# parameter. Values are as Telnyx's documentation has them.
HEADERS = [{"name": "X-Account", "value": "42"}]
UUI = [{"name": "User-to-User", "value": "1234"}]
SOUND = {"octaves": 0.5, "pitch": 0.8, "semitone": -2.0, "track": "outbound"}
WEBHOOKS = {
    "webhook_retries_policies": {"call.hangup": {"retries_ms": [1000, 2000, 5000]}},
    "webhook_url": "https://hookline.example.com/webhooks",
    "webhook_url_method": "POST",
    "webhook_urls": {"call.hangup": ["https://hookline.example.com/webhooks/call.hangup"]},
    "webhook_urls_method": "GET",
}
RECORD = {
    "record": "record-from-answer",
    "record_channels": "dual",
    "record_custom_file_name": "front-desk",
    "record_format": "mp3",
    "record_max_length": 43_200,
    "record_timeout_secs": 10,
    "record_track": "both",
    "record_trim": "trim-silence",
}
UNTIL_HANGUP = {name: value for name, value in RECORD.items() if name != "record_timeout_secs"}
"""Beside a transcription: one that ends at silence needs the transcription for itself (90053)."""
STREAM = {
    "stream_bidirectional_codec": "OPUS",
    "stream_bidirectional_mode": "rtp",
    "stream_bidirectional_target_legs": "opposite",
    "stream_codec": "PCMU",
    "stream_track": "both_tracks",
    "stream_url": "wss://media.example.com/stream",
}
DEEPGRAM = {
    "transcription_engine": "deepgram/nova-3",
    "transcription_model": "deepgram/nova-3",
    "language": "en-US",
    "interim_results": True,
    "keyterms": ["Hookline"],
    "keywords_boosting": {"Hookline": 5.0},
    "smart_format": False,
    "utterance_end_ms": 5000,
}
GOOGLE = {
    "transcription_engine": "Google",
    "language": "en",
    "interim_results": True,
    "enable_speaker_diarization": True,
    "min_speaker_count": 2,
    "max_speaker_count": 6,
    "profanity_filter": True,
    "use_enhanced": True,
    "model": "phone_call",
    "hints": ["Hookline"],
    "speech_context": [{"phrases": ["voice line"], "boost": 2.0}],
}
AZURE = {"transcription_engine": "Azure", "region": "westeurope", "api_key_ref": "azure_speech", "language": "de"}
SONIOX = {
    "transcription_engine": "Soniox",
    "language": "en",
    "enable_endpoint_detection": True,
    "max_endpoint_delay_ms": 3000,
    "transcription_model": "soniox/stt-rt-v4",
}
TRANSCRIPTION_CONFIG = {
    "transcription_engine": "Telnyx",
    "transcription_engine_config": {
        "transcription_engine": "Telnyx",
        "transcription_model": "openai/whisper-large-v3-turbo",
    },
    "transcription_tracks": "both",
}
MACHINE = {
    "after_greeting_silence_millis": 800,
    "beep_detection_profile": "freq_only",
    "beep_max_frequency_hz": 2000,
    "beep_min_frequency_hz": 500,
    "beep_min_tone_duration_millis": 100,
    "beep_spectral_confirmation": True,
    "beep_spectral_min_purity": 0.5,
    "beep_spectral_reject_fax_cng": True,
    "beep_spectral_window_millis": 100,
    "between_words_silence_millis": 50,
    "greeting_duration_millis": 3500,
    "greeting_silence_duration_millis": 1500,
    "greeting_total_analysis_time_millis": 5000,
    "initial_silence_millis": 3500,
    "maximum_number_of_words": 5,
    "maximum_word_length_millis": 3500,
    "prompt_end_timeout_millis": 5000,
    "silence_threshold": 256,
    "total_analysis_time_millis": 3500,
}
RELAY = {"url": "wss://relay.example.com", "dtmf_detection": True, "greeting": "Hello."}
ASSISTANT = {"id": "assistant-1", "greeting": "Hello.", "dynamic_variables": {"name": "Ada", "age": 36.0, "vip": True}}
CONFERENCE = {
    "id": "conference-1",
    "beep_enabled": "on_enter",
    "conference_name": "stand-up",
    "early_media": False,
    "end_conference_on_exit": True,
    "hold": True,
    "hold_audio_url": "https://audio.example.com/hold.mp3",
    "mute": True,
    "soft_end_conference_on_exit": False,
    "start_conference_on_create": False,
    "start_conference_on_enter": True,
    "supervisor_role": "whisper",
    "whisper_call_control_ids": [CALL],
}
DIGITS = {
    "inter_digit_timeout_millis": 120_000,
    "maximum_digits": 128,
    "minimum_digits": 1,
    "terminating_digit": "#",
    "timeout_millis": 60_000,
    "valid_digits": "0123456789#*",
}
OUTBOUND = {
    "answering_machine_detection": "detect_beep",
    "answering_machine_detection_config": MACHINE,
    "custom_headers": HEADERS,
    "diversion": "+13125550100",
    "from_display_name": "Hookline +1",
    "media_encryption": "SRTP",
    "park_after_unbridge": "self",
    "preferred_codecs": "G722,PCMU",
    "privacy": "id",
    "route_to_mobile": True,
    "send_digits_on_answer": "w1W2#",
    "sip_auth_password": "secret",
    "sip_auth_username": "hookline",
    "sip_headers": UUI,
    "sip_region": "Middle East",
    "sip_transport_protocol": "TLS",
    "sound_modifications": SOUND,
    "time_limit_secs": 14_400,
    "timeout_secs": 600,
}
STATE = {"client_state": {"step": "menu", "tries": 1, "name": "Zoë"}}
HELLO = "https://audio.example.com/hello.mp3"
VOICE = "AWS.Polly.Joanna-Neural"

MESSAGES = [
    {"role": "system", "content": "The caller is Ada."},
    {"role": "tool", "content": "", "tool_call_id": "call-1"},
]
PARTICIPANT = {"id": CALL, "role": "user", "name": "Ada", "on_hangup": "end_conversation"}
RELAY_LANGUAGE = {
    "language": "de",
    "transcription_engine": "Deepgram",
    "transcription_engine_config": {"interim_results": True, "eot_threshold": 0.7},
    "voice": "AWS.Polly.Joanna-Neural",
    "voice_settings": {"type": "aws"},
}
AI_TRANSCRIPTION = {"model": "deepgram/nova-3", "language": "en"}

Arguments = dict[str, Any]
ROWS: dict[str, tuple[str, type, list[Arguments]]] = {
    "fork_start": (
        "start_forking",
        calls.ActionStartForkingParams,
        [
            {"rx": "udp:192.0.2.1:9000", "tx": "udp:192.0.2.1:9001"},
            {"rx": "udp:192.0.2.1:1", "tx": "udp:[2001:db8::1]:65535", "stream_type": "decrypted", **STATE},
        ],
    ),
    "fork_stop": ("stop_forking", calls.ActionStopForkingParams, [{}, {"stream_type": "raw", **STATE}]),
    "streaming_start": (
        "start_streaming",
        calls.ActionStartStreamingParams,
        [
            {"stream_url": "ws://media.example.com"},
            {"enable_dialogflow": True},
            {
                **STREAM,
                "stream_bidirectional_sampling_rate": 22050,
                "stream_auth_token": "t" * 4000,
                "custom_parameters": [{"name": "caller", "value": ""}],
                "enable_dialogflow": False,
                "dialogflow_config": {"analyze_sentiment": True, "partial_automated_agent_reply": False},
                **STATE,
            },
        ],
    ),
    "streaming_stop": ("stop_streaming", calls.ActionStopStreamingParams, [{}, {"stream_id": PLAIN_CALL, **STATE}]),
    "transcription_start": (
        "start_transcription",
        calls.ActionStartTranscriptionParams,
        [
            {},
            {"transcription_engine": "Deepgram", "transcription_engine_config": DEEPGRAM},
            {"transcription_engine": "Azure", "transcription_engine_config": AZURE},
            {"transcription_engine": "Soniox", "transcription_engine_config": SONIOX},
            {"transcription_engine": "A", "transcription_engine_config": GOOGLE},
            {
                "transcription_engine": "Google",
                "transcription_engine_config": GOOGLE,
                "transcription_tracks": "both",
                **STATE,
            },
        ],
    ),
    "transcription_stop": ("stop_transcription", calls.ActionStopTranscriptionParams, [{}, STATE]),
    "playback_start": (
        "start_playback",
        calls.ActionStartPlaybackParams,
        [
            {"media_name": "hello.wav", "loop": "infinity"},
            {"playback_content": "SUQzBAAAAAAA", "audio_type": "mp3"},
            {
                "audio_url": HELLO,
                "audio_type": "wav",
                "cache_audio": False,
                "loop": 100,
                "overlay": True,
                "stop": "all",
                "target_legs": "both",
                **STATE,
            },
        ],
    ),
    "playback_stop": ("stop_playback", calls.ActionStopPlaybackParams, [{}, {"stop": "all", "overlay": True, **STATE}]),
    "record_start": (
        "start_recording",
        calls.ActionStartRecordingParams,
        [
            {"channels": "single", "format": "wav"},
            {
                "channels": "dual",
                "format": "mp3",
                "custom_file_name": "n" * 40,
                "max_length": 14_400,
                "timeout_secs": 0,
                "play_beep": True,
                "recording_track": "both",
                "trim": "trim-silence",
                "transcription": True,
                "transcription_engine": "deepgram/nova-3",
                "transcription_language": "en-GB",
                "transcription_min_speaker_count": 2,
                "transcription_max_speaker_count": 6,
                "transcription_profanity_filter": True,
                "transcription_speaker_diarization": True,
                **STATE,
            },
        ],
    ),
    "record_stop": ("stop_recording", calls.ActionStopRecordingParams, [{}, {"recording_id": PLAIN_CALL, **STATE}]),
    "record_pause": ("pause_recording", calls.ActionPauseRecordingParams, [{}, {"recording_id": PLAIN_CALL, **STATE}]),
    "record_resume": (
        "resume_recording",
        calls.ActionResumeRecordingParams,
        [{}, {"recording_id": PLAIN_CALL, **STATE}],
    ),
    "speak": (
        "speak",
        calls.ActionSpeakParams,
        [
            {"payload": "Hello.", "voice": "female", "service_level": "basic", "language": "en-US"},
            {"payload": "p" * 5000, "voice": VOICE, "loop": "infinity"},
            {
                "payload": "<speak>Здравствуйте 👋</speak>",
                "voice": "Telnyx.KokoroTTS.af",
                "payload_type": "ssml",
                "service_level": "premium",
                "language": "ru-RU",
                "loop": 1,
                "stop": "current",
                "target_legs": "opposite",
                "voice_settings": {"type": "telnyx", "voice_speed": 1.2},
                **STATE,
            },
        ],
    ),
    "answer": (
        "answer",
        calls.ActionAnswerParams,
        [
            {},
            {"record_timeout_secs": 10},
            {
                **UNTIL_HANGUP,
                **STREAM,
                **WEBHOOKS,
                "assistant": ASSISTANT,
                "billing_group_id": PLAIN_CALL,
                "conversation_relay_config": RELAY,
                "custom_headers": HEADERS,
                "deepfake_detection": {"enabled": True, "rtp_timeout": 30, "timeout": 15},
                "preferred_codecs": "G722,PCMU,PCMA,G729,OPUS,VP8,H264",
                "send_silence_when_idle": True,
                "sip_headers": UUI,
                "sound_modifications": SOUND,
                "transcription": True,
                "transcription_config": TRANSCRIPTION_CONFIG,
                **STATE,
            },
        ],
    ),
    "hangup": (
        "hangup",
        calls.ActionHangupParams,
        [{}, {"custom_headers": HEADERS, "reason": "Call completed elsewhere", **STATE}],
    ),
    "reject": ("reject", calls.ActionRejectParams, [{"cause": "USER_BUSY"}, {"cause": "NOT_FOUND", **STATE}]),
    "transfer": (
        "transfer",
        calls.ActionTransferParams,
        [
            {"to": "sip:desk@sip.example.com", "media_name": "hello.mp3"},
            {
                **OUTBOUND,
                **RECORD,
                **WEBHOOKS,
                "to": "+13125550101",
                "from_": "+13125550100",
                "audio_url": HELLO,
                "early_media": False,
                "mute_dtmf": "opposite",
                "target_leg_client_state": ["new", "leg"],
                **STATE,
            },
        ],
    ),
    "bridge": (
        "bridge",
        calls.ActionBridgeParams,
        [
            {"queue": "support"},
            {"video_room_id": PLAIN_CALL, "video_room_context": "Ada"},
            {
                **RECORD,
                "call_control_id": "v3:other",
                "hold_after_unbridge": True,
                "mute_dtmf": "both",
                "park_after_unbridge": "self",
                "play_ringtone": True,
                "prevent_double_bridge": True,
                "ringtone": "us-old",
                **STATE,
            },
        ],
    ),
    "gather": (
        "gather",
        calls.ActionGatherParams,
        [{}, {**DIGITS, "gather_id": "menu", "initial_timeout_millis": 1, "terminating_digit": "", **STATE}],
    ),
    "gather_using_speak": (
        "gather_using_speak",
        calls.ActionGatherUsingSpeakParams,
        [
            {"payload": "Press a key.", "voice": "male", "service_level": "basic"},
            {
                **DIGITS,
                "payload": "Press a key.",
                "voice": VOICE,
                "invalid_payload": "Not that one.",
                "language": "en-GB-WLS",
                "maximum_tries": 3,
                "payload_type": "text",
                "service_level": "premium",
                "voice_settings": {"type": "aws", "whatever": 1},
                **STATE,
            },
        ],
    ),
    "gather_using_audio": (
        "gather_using_audio",
        calls.ActionGatherUsingAudioParams,
        [
            {"media_name": "menu.wav", "invalid_media_name": "no.wav"},
            {**DIGITS, "audio_url": HELLO, "invalid_audio_url": HELLO, "maximum_tries": 1, **STATE},
        ],
    ),
    "gather_stop": ("stop_gather", calls.ActionStopGatherParams, [{}, STATE]),
    "send_dtmf": (
        "send_dtmf",
        calls.ActionSendDtmfParams,
        [{"digits": "1w2WABCD*#"}, {"digits": "5", "duration_millis": 500, **STATE}],
    ),
    "client_state_update": (
        "update_client_state",
        calls.ActionUpdateClientStateParams,
        [STATE, {"client_state": None}, {"client_state": ""}],
    ),
    "enqueue": (
        "enqueue",
        calls.ActionEnqueueParams,
        [
            {"queue_name": "support"},
            {"queue_name": "support", "keep_after_hangup": True, "max_size": 20, "max_wait_time_secs": 600, **STATE},
        ],
    ),
    "ai_assistant_add_messages": (
        "add_ai_assistant_messages",
        calls.ActionAddAIAssistantMessagesParams,
        [{}, {"messages": MESSAGES, "trigger_response": True, **STATE}],
    ),
    "ai_assistant_join": (
        "join_ai_assistant",
        calls.ActionJoinAIAssistantParams,
        [{"conversation_id": PLAIN_CALL, "participant": PARTICIPANT, **STATE}],
    ),
    "ai_assistant_start": (
        "start_ai_assistant",
        calls.ActionStartAIAssistantParams,
        [
            {},
            {
                "assistant": ASSISTANT,
                "greeting": "g" * 3000,
                "interruption_settings": {"enable": False},
                "message_history": MESSAGES,
                "participants": [PARTICIPANT],
                "send_message_history_updates": True,
                "transcription": AI_TRANSCRIPTION,
                **STATE,
            },
        ],
    ),
    "ai_assistant_stop": ("stop_ai_assistant", calls.ActionStopAIAssistantParams, [{}, STATE]),
    "conversation_relay_start": (
        "start_conversation_relay",
        calls.ActionStartConversationRelayParams,
        [
            {"url": "wss://relay.example.com"},
            {"conversation_relay_url": "ws://relay.example.com", "conversation_relay_dtmf_detection": True},
            {
                "assistant": {"dynamic_variables": {"name": "Ada"}},
                "conversation_relay_settings": {
                    "url": "wss://relay.example.com",
                    "dtmf_detection": False,
                    "interruptible": "speech",
                    "interruptible_greeting": "none",
                    "languages": [RELAY_LANGUAGE],
                },
                "custom_parameters": {"account": 42},
                "dtmf_detection": True,
                "greeting": "Hello.",
                "interruptible": "dtmf",
                "interruptible_greeting": "any",
                "interruption_settings": {"enable": True, "welcome_greeting_interruptible": "any"},
                "language": "de-DE",
                "languages": [RELAY_LANGUAGE, {"language": "en-US"}],
                "provider": "elevenlabs",
                "structured_provider": {"voice_id": "v"},
                "transcription": {},
                "transcription_engine": "Deepgram",
                "transcription_engine_config": {"interim_results": False, "transcription_model": "deepgram/flux"},
                "tts_provider": "elevenlabs",
                "voice": VOICE,
                "voice_settings": {"type": "aws"},
                **STATE,
            },
        ],
    ),
    "conversation_relay_stop": ("stop_conversation_relay", calls.ActionStopConversationRelayParams, [{}, STATE]),
    "gather_using_ai": (
        "gather_using_ai",
        calls.ActionGatherUsingAIParams,
        [
            {"parameters": {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}},
            {
                "parameters": {},
                "assistant": {
                    "instructions": "Be brief.",
                    "model": "meta-llama/Llama-3.3-70B-Instruct",
                    "openai_api_key_ref": "key",
                    "tools": [{"type": "hangup", "hangup": {"description": "when done"}}],
                },
                "gather_ended_speech": "Thank you.",
                "greeting": "How old are you?",
                "interruption_settings": {"enable": True},
                "language": "de",
                "message_history": [{"role": "user", "content": "Hello."}],
                "send_message_history_updates": True,
                "send_partial_results": True,
                "transcription": AI_TRANSCRIPTION,
                "user_response_timeout_ms": 10_000,
                "voice": "Telnyx.KokoroTTS.af",
                "voice_settings": {"type": "telnyx", "voice_speed": 1.2},
                **STATE,
            },
        ],
    ),
    "pay": (
        "pay",
        calls.ActionPayParams,
        [
            {"payment_token": "token", "amount": 5.0},
            {
                "amount": 12.5,
                "connector_name": "till",
                "currency": "usd",
                "description": "An order",
                "inter_digit_timeout_millis": 5000,
                "language": "en-US",
                "max_attempts": 3,
                "metadata": {"order": 42},
                "min_postal_code_length": 5,
                "parameters": {"till": 1},
                "payment_method": "credit-card",
                "postal_code": "90210",
                "prompts": {"payment-card-number": "Your card?", "security-code": [{"text": "Again.", "attempt": "2"}]},
                "service_level": "premium",
                "timeout_millis": 10_000,
                "transaction_type": "charge",
                "valid_card_types": ["visa", "diners-club"],
                "voice": VOICE,
                **STATE,
            },
        ],
    ),
    "refer": (
        "refer",
        calls.ActionReferParams,
        [
            {"sip_address": "sip:desk@sip.example.com"},
            {
                "sip_address": "sips:desk@sip.example.com",
                "custom_headers": HEADERS,
                "sip_auth_password": "secret",
                "sip_auth_username": "hookline",
                "sip_headers": UUI,
                **STATE,
            },
        ],
    ),
    "send_sip_info": (
        "send_sip_info",
        calls.ActionSendSipInfoParams,
        [{"body": "Signal=5", "content_type": "application/dtmf-relay", **STATE}],
    ),
    "siprec_start": (
        "start_siprec",
        calls.ActionStartSiprecParams,
        [
            {},
            {
                "connector_name": "recorder",
                "include_metadata_custom_headers": True,
                "secure": True,
                "session_timeout_secs": 90,
                "sip_transport": "tls",
                "siprec_track": "both_tracks",
                **STATE,
            },
        ],
    ),
    "siprec_stop": ("stop_siprec", calls.ActionStopSiprecParams, [{}, STATE]),
    "suppression_start": (
        "start_noise_suppression",
        calls.ActionStartNoiseSuppressionParams,
        [
            {},
            {
                "direction": "both",
                "noise_suppression_engine": "AiCoustics",
                "noise_suppression_engine_config": {"family": "quail", "size": "vf_l", "voice_gain": 1.5},
                **STATE,
            },
        ],
    ),
    "suppression_stop": ("stop_noise_suppression", calls.ActionStopNoiseSuppressionParams, [{}, STATE]),
    "switch_supervisor_role": (
        "switch_supervisor_role",
        calls.ActionSwitchSupervisorRoleParams,
        [{"role": "whisper"}],
    ),
    "leave_queue": ("leave_queue", calls.ActionLeaveQueueParams, [{}, STATE]),
    "dial": (
        "dial",
        call_dial_params.CallDialParams,
        [
            {"connection_id": "7267xxxxxxxxxxxxxx", "from_": "+13125550100", "to": "+13125550101"},
            {
                "connection_id": "1",
                "from_": "+13125550100",
                "to": ["+13125550101", "sip:desk@sip.example.com"],
                "media_name": "hello.mp3",
                "transcription_config": {
                    "transcription_engine": "Deepgram",
                    "transcription_engine_config": DEEPGRAM,
                },
                "record_timeout_secs": 10,
            },
            {
                **OUTBOUND,
                **UNTIL_HANGUP,
                **STREAM,
                **WEBHOOKS,
                "connection_id": "1",
                "from_": "+13125550100",
                "to": "+13125550101",
                "assistant": ASSISTANT,
                "audio_url": HELLO,
                "billing_group_id": PLAIN_CALL,
                "bridge_intent": True,
                "bridge_on_answer": True,
                "conference_config": CONFERENCE,
                "conversation_relay_config": RELAY,
                "deepfake_detection": {"enabled": False},
                "dialogflow_config": {"analyze_sentiment": True, "partial_automated_agent_reply": True},
                "enable_dialogflow": True,
                "link_to": CALL,
                "prevent_double_bridge": True,
                "retry_on_timeout": False,
                "send_silence_when_idle": True,
                "stream_auth_token": "token",
                "stream_bidirectional_sampling_rate": 8000,
                "stream_establish_before_call_originate": True,
                "supervise_call_control_id": "v3:supervised",
                "supervisor_role": "whisper",
                "transcription": True,
                "transcription_config": TRANSCRIPTION_CONFIG,
                **STATE,
            },
        ],
    ),
}

NOT_OURS = {"command_id"}
"""The SDK's parameters that no function of ours has: the id of a command is derived from the event that caused it."""

OURS_ALONE = {"on", "flow", "target_flow"}
"""Our parameters that are not in the body: the leg to command (the SDK has it in the path), the flow of a new leg."""

RENAMED = {"call_control_id_to_bridge_with": "call_control_id"}
"""The SDK's Python names that are not ours. On the wire both say call_control_id."""

REQUIRED_ONLY_BY_THE_SDK = {("bridge", "call_control_id")}
"""By its description queue or video_room_id stand in its place, by its type it must be there."""

CLASHES = {
    "language": {"service_level"},
    "payload_type": {"service_level"},
    "service_level": {"language", "payload_type"},
    "stream_bidirectional_mode": {"stream_bidirectional_codec"},
    "transcription_engine": {"transcription_engine_config"},
}
"""The keys that a row must leave out so that each value of the key can be tried."""


# The functions, and what the SDK makes of the same arguments


def functions() -> dict[str, Callable[..., Command]]:
    """Everything in hookline.commands that makes a Command for Telnyx."""
    found: dict[str, Callable[..., Command]] = {
        name: function
        for name, function in inspect.getmembers(commands, inspect.isfunction)
        if not name.startswith("_") and get_type_hints(function).get("return") is Command
    }
    return found


FUNCTIONS = functions()
CASES = [
    pytest.param(action, row, id=f"{action}-{number}")
    for action, (_, _, rows) in ROWS.items()
    for number, row in enumerate(rows)
]


def the_sdk_says(action: str, arguments: Arguments, *, call_control_id: str, command_id: str) -> httpx.Request:
    """The request that Telnyx's own client sends for these arguments."""
    seen: list[httpx.Request] = []

    def record(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"data": {"result": "ok"}})

    method, _, _ = ROWS[action]
    given_to_the_sdk = {**arguments, "command_id": command_id}
    for state in ("client_state", "target_leg_client_state"):
        if state in given_to_the_sdk:
            given_to_the_sdk[state] = encode(given_to_the_sdk[state])
    if action in WITHOUT_COMMAND_ID:
        del given_to_the_sdk["command_id"]
    if action == "bridge":
        other = given_to_the_sdk.pop("call_control_id", omit)
        given_to_the_sdk["call_control_id_to_bridge_with"] = other
    if action == "fork_stop":
        given_to_the_sdk.setdefault("stream_type", "decrypted")  # ours on purpose, see the function
    with Telnyx(
        api_key="KEY", max_retries=0, http_client=httpx.Client(transport=httpx.MockTransport(record))
    ) as client:
        if action == "dial":
            client.calls.dial(**given_to_the_sdk)
        else:
            getattr(client.calls.actions, method)(call_control_id, **given_to_the_sdk)
    (request,) = seen
    return request


# The SDK's types, made strict. Nothing is written down again: each TypedDict is rebuilt from its own annotations with
# unknown keys forbidden, with the names of the wire, and with list in place of Iterable (which pydantic would only
# look into when one iterates).

_STRICT: dict[type, Any] = {}


def strict(kind: Any) -> Any:
    """The same type, as strict as JSON."""
    origin, arguments = get_origin(kind), get_args(kind)
    if typing_extensions.is_typeddict(kind):
        return strict_mapping(kind)
    if origin in (typing.Required, typing_extensions.Required):
        return typing_extensions.Required[strict(arguments[0])]
    if origin is typing.Annotated:
        return strict(arguments[0])
    if origin is SequenceNotStr or (isinstance(origin, type) and origin is not dict and issubclass(origin, Iterable)):
        return list[strict(arguments[0])]  # type: ignore[misc]
    if origin in (Union, UnionType):
        return Union[tuple(strict(argument) for argument in arguments)]  # noqa: UP007
    if origin is dict:
        return dict[strict(arguments[0]), strict(arguments[1])]  # type: ignore[misc]
    return kind


def strict_mapping(kind: Any) -> Any:
    """A TypedDict of the SDK with every annotation resolved, and closed unless the SDK declares it open."""
    if kind in _STRICT:
        return _STRICT[kind]
    hints = get_type_hints(kind, include_extras=True)
    fields = {wire_name(name, hint): strict(hint) for name, hint in hints.items()}
    is_open = getattr(kind, "__extra_items__", typing_extensions.NoExtraItems) is not typing_extensions.NoExtraItems
    made = typing_extensions.TypedDict(kind.__name__, fields, total=False)  # type: ignore[misc]
    _STRICT[kind] = with_config(ConfigDict(strict=True, extra="allow" if is_open else "forbid"))(made)
    return _STRICT[kind]


def wire_name(name: str, hint: Any) -> str:
    """The key in the JSON: the alias in the annotation, or the name."""
    if get_origin(hint) in (typing.Required, typing_extensions.Required):
        return wire_name(name, get_args(hint)[0])
    notes = get_args(hint)[1:] if get_origin(hint) is typing.Annotated else ()
    return next((note.alias for note in notes if isinstance(note, PropertyInfo) and note.alias), name)


def validator(action: str) -> TypeAdapter[Any]:
    return TypeAdapter(strict(ROWS[action][1]))


def complaints(action: str, body: object) -> list[str]:
    """The objections of the SDK's types to a body, apart from the exceptions named above."""
    try:
        validator(action).validate_python(body)
    except ValidationError as error:
        return [
            f"{problem['loc']}: {problem['type']}"
            for problem in error.errors()
            if not (problem["type"] == "missing" and (action, problem["loc"][0]) in REQUIRED_ONLY_BY_THE_SDK)
        ]
    return []


# The tests


def test_no_command_is_without_a_row() -> None:
    assert set(ROWS) == set(FUNCTIONS)


@pytest.mark.parametrize("action", ROWS)
def test_the_rows_of_a_command_use_each_of_its_parameters(action: str) -> None:
    used = {name for row in ROWS[action][2] for name in row}
    assert used == set(inspect.signature(FUNCTIONS[action]).parameters) - OURS_ALONE


@pytest.mark.parametrize("action", ROWS)
def test_every_parameter_the_sdk_knows_is_one_of_ours_and_the_other_way_round(action: str) -> None:
    theirs = {RENAMED.get(name, name) for name in get_type_hints(ROWS[action][1])} - NOT_OURS
    assert set(inspect.signature(FUNCTIONS[action]).parameters) - OURS_ALONE == theirs


@pytest.mark.parametrize("action", ROWS)
def test_what_the_sdk_requires_is_required_by_our_signature(action: str) -> None:
    _, sdk_type, _ = ROWS[action]
    theirs = {
        wire_name(name, hint)
        for name, hint in get_type_hints(sdk_type, include_extras=True).items()
        if get_origin(hint) in (typing.Required, typing_extensions.Required)
    }
    ours = {
        {"from_": "from"}.get(name, name)
        for name, parameter in inspect.signature(FUNCTIONS[action]).parameters.items()
        if parameter.default is inspect.Parameter.empty
    }
    excused = {name for excused_action, name in REQUIRED_ONLY_BY_THE_SDK if excused_action == action}
    only_ours = {"rx", "tx"} if action == "fork_start" else set()  # its text: required when decrypted, the only type
    assert ours == (theirs - excused) | only_ours


@pytest.mark.parametrize("action, row", CASES)
def test_the_body_is_what_the_types_of_the_sdk_allow(action: str, row: Arguments) -> None:
    body = FUNCTIONS[action](**row).body("an-id")
    assert complaints(action, body) == []


@pytest.mark.parametrize("action, row", CASES)
def test_the_sdk_sends_the_same_verb_path_and_json(action: str, row: Arguments) -> None:
    command = FUNCTIONS[action](**row)
    request = the_sdk_says(action, row, call_control_id=PLAIN_CALL, command_id="an-id")
    assert command.method == request.method
    assert f"/v2{command.path(PLAIN_CALL)}" == request.url.raw_path.decode()
    assert command.body("an-id") == json.loads(request.content)


@pytest.mark.parametrize("action", ROWS)
@pytest.mark.parametrize(
    "call_control_id", [CALL, "v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ==", "a/b?c#%"]
)
def test_the_path_names_the_same_resource_as_the_sdks(action: str, call_control_id: str) -> None:
    """The SDK leaves `:` and `=` as they are and we encode them: one resource, two spellings (RFC 3986, 2.4)."""
    row = ROWS[action][2][0]
    ours = f"/v2{FUNCTIONS[action](**row).path(call_control_id)}"
    theirs = the_sdk_says(action, row, call_control_id=call_control_id, command_id="an-id").url.raw_path.decode()
    assert [unquote(part) for part in ours.split("/")] == [unquote(part) for part in theirs.split("/")]


@pytest.mark.parametrize("action", ROWS)
def test_every_word_the_sdk_lists_is_one_we_take_and_every_word_we_list_is_one_of_its(action: str) -> None:
    """Each value of each closed list, one by one, through our function and through the SDK's types."""
    function = FUNCTIONS[action]
    theirs, ours = get_type_hints(ROWS[action][1]), get_type_hints(function)
    base = ROWS[action][2][-1]
    checked = 0
    for name, hint in theirs.items():
        if name in NOT_OURS or name not in ours:
            continue
        for word in words(hint):
            row = {key: value for key, value in base.items() if key not in CLASHES.get(name, ())}
            assert function(**{**row, name: word}).params[name] == word
            checked += 1
        for word in words(ours[name]):
            if not words(hint):
                continue  # a str to the SDK
            assert word in words(hint), f"{action}.{name}={word!r} is not the SDK's"
            checked += 1
    assert checked or not any(words(hint) for hint in theirs.values())


def test_the_languages_are_the_sdks() -> None:
    """Too many for a Literal: these two parameters are str in our signatures."""
    speak, gather_using_speak = ROWS["speak"][1], ROWS["gather_using_speak"][1]
    assert set(words(get_type_hints(speak)["language"])) == SPEAK_LANGUAGES
    assert set(words(get_type_hints(gather_using_speak)["language"])) == SPEAK_LANGUAGES
    assert set(words(get_type_hints(ROWS["record_start"][1])["transcription_language"])) == RECORDING_LANGUAGES


def words(hint: Any) -> list[Any]:
    """The values of every Literal in a type, however deep in unions."""
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        return [word for argument in get_args(hint) for word in words(argument)]
    return []


def some_arguments() -> st.SearchStrategy[tuple[str, Arguments]]:
    """A command with the parameters it needs and any choice of the others, from the rows."""

    def chosen(action: str) -> st.SearchStrategy[tuple[str, Arguments]]:
        rows = ROWS[action][2]
        return st.sampled_from(rows).flatmap(
            lambda row: (
                st.sets(st.sampled_from(sorted(row))).map(
                    lambda dropped: (action, {name: value for name, value in row.items() if name not in dropped})
                )
                if row
                else st.just((action, {}))
            )
        )

    return st.sampled_from(sorted(ROWS)).flatmap(chosen)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some_arguments())
def test_whatever_parameters_we_let_through_the_sdk_takes_too(chosen: tuple[str, Arguments]) -> None:
    action, arguments = chosen
    try:
        command = FUNCTIONS[action](**arguments)
    except (ValueError, TypeError):
        return  # a required parameter was dropped, or one that another needs
    assert complaints(action, command.body("an-id")) == []


# The validation itself must be able to say no


@pytest.mark.parametrize(
    "action, wrong, complaint",
    [
        ("speak", {"voice_speed": 1}, "('voice_speed',): extra_forbidden"),
        ("speak", {"payload": 5}, "('payload',): string_type"),
        ("record_start", {"play_beep": 1}, "('play_beep',): bool_type"),
        ("record_start", {"max_length": "60"}, "('max_length',): int_type"),
        ("streaming_start", {"custom_parameters": [{"key": "x"}]}, "('custom_parameters', 0, 'key'): extra_forbidden"),
        ("dial", {"from_": "+13125550100"}, "('from_',): extra_forbidden"),
        (
            "answer",
            {"webhook_urls": {"call.hangup": "https://a.example"}},
            "('webhook_urls', 'call.hangup'): list_type",
        ),
    ],
)
def test_the_strict_types_refuse_what_telnyx_would(action: str, wrong: Arguments, complaint: str) -> None:
    body = {**FUNCTIONS[action](**ROWS[action][2][-1]).params, **wrong}
    assert complaint in complaints(action, body)


def test_a_body_without_a_required_parameter_is_refused() -> None:
    assert complaints("speak", {"voice": "female"}) == ["('payload',): missing"]


# Secrets


def keys_below(kind: Any, seen: set[Any]) -> Iterator[str]:
    """Every key of a TypedDict and of all it can hold."""
    for argument in get_args(kind):
        yield from keys_below(argument, seen)
    if typing_extensions.is_typeddict(kind) and kind not in seen:
        seen.add(kind)
        for name, hint in get_type_hints(kind, include_extras=True).items():
            yield name
            yield from keys_below(hint, seen)


def test_every_key_that_sounds_like_a_secret_is_hidden_from_the_journal() -> None:
    seen: set[Any] = set()
    keys = {key for _, sdk_type, _ in ROWS.values() for key in keys_below(sdk_type, seen)}
    secret = {
        key for key in keys if re.search(r"(password|token|secret|api_key|authorization|credential|^headers)$", key)
    }
    assert {"stream_auth_token", "sip_auth_password"} <= secret  # the search finds what there is to find
    assert secret <= SECRET_PARAMS
