"""Calls of every command function, as a caller writes them, beside the official SDK's method and type for each."""

from typing import Any

from telnyx.types import call_dial_params, calls

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
