"""The parameters of each command: names, types, ranges, exclusions. Nothing about the state of a call.

One table per command, after the OpenAPI schema; where sources disagree, the stricter one is used. Unknown parameters
are refused: a misspelled one would silently have no effect on a real call. Codes are those of the "API errors" page
where it has one for the parameter; which of 90025, 90026, 90028 and 90056 belongs to which timeout is our reading.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hookline_local.simulator.api_errors import ApiError
from hookline_local.simulator.assistant_schema import ASSISTANT, ASSISTANT_GATHER, MESSAGES, PARTICIPANT, RELAY
from hookline_local.simulator.parameter_checks import (
    LANGUAGES,
    VOICE,
    Body,
    Check,
    anything,
    array,
    callee,
    callees,
    client_state,
    content,
    datagram_address,
    event_urls,
    fields,
    flag,
    integer,
    looped,
    name,
    number,
    one_of,
    party,
    retries_policies,
    rows,
    socket_address,
    text,
    web_address,
)
from hookline_local.simulator.transcription_languages import RECORDING_LANGUAGES
from hookline_local.simulator.transcription_schema import TRANSCRIPTION, check_engine, check_language

COMMON: Mapping[str, Check] = {"client_state": client_state, "command_id": name}
SIP: Mapping[str, Check] = {"custom_headers": rows("name", "value"), "sip_headers": rows("name", "value")}
WEBHOOKS: Mapping[str, Check] = {
    "webhook_url": web_address,
    "webhook_url_method": one_of("POST", "GET"),
    "webhook_urls": event_urls,
    "webhook_urls_method": one_of("POST", "GET"),
    "webhook_retries_policies": retries_policies,
}
RECORD: Mapping[str, Check] = {
    "record": one_of("record-from-answer"),
    "record_channels": one_of("single", "dual", code="90001"),
    "record_custom_file_name": text(longest=40),
    "record_format": one_of("wav", "mp3", code="90000"),
    "record_max_length": integer(0, 43_200),
    "record_timeout_secs": integer(0),
    "record_track": one_of("both", "inbound", "outbound", code="90059"),
    "record_trim": one_of("trim-silence"),
}
STREAM: Mapping[str, Check] = {
    "stream_url": socket_address,
    "stream_track": one_of("inbound_track", "outbound_track", "both_tracks"),
    "stream_codec": one_of("PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "L16", "default"),
    "stream_bidirectional_mode": one_of("mp3", "rtp"),
    "stream_bidirectional_codec": one_of("PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "L16"),
    "stream_bidirectional_target_legs": one_of("both", "self", "opposite"),
}
MORE_STREAM: Mapping[str, Check] = {
    "stream_auth_token": text(longest=4000),
    "stream_bidirectional_sampling_rate": one_of(8000, 16_000, 22_050, 24_000, 48_000),
}
DIGITS: Mapping[str, Check] = {
    "minimum_digits": integer(1, 128, code="90028"),
    "maximum_digits": integer(1, 128, code="90028"),
    "timeout_millis": integer(1, code="90025"),
    "inter_digit_timeout_millis": integer(1, 120_000, code="90026"),
    "terminating_digit": text(like=r"[0-9*#]?", code="90014", empty=True),
    "valid_digits": text(like=r"[0-9*#]+", code="90014"),
}
SPEECH: Mapping[str, Check] = {
    "payload": text(longest=5000, code="90010"),  # 3000 in the schema, 5000 in the text of 90010
    "payload_type": one_of("text", "ssml", code="90011"),
    "voice": text(like=VOICE.pattern, code="90012"),
    "voice_settings": anything,
    "language": name,  # see _speech
    "service_level": one_of("basic", "premium", code="90030"),
}
LEGS = one_of("self", "opposite", "both")
MUTED = one_of("none", "both", "self", "opposite")
DETECTION = one_of(
    *"disabled detect detect_beep detect_words greeting_end premium premium_ios_call_screening_detection".split()
)
OUTGOING: Mapping[str, Check] = {
    "answering_machine_detection": DETECTION,
    "answering_machine_detection_config": anything,
    "audio_url": web_address,
    "diversion": name,
    "from_display_name": text(longest=128, empty=True),
    "media_encryption": one_of("disabled", "SRTP", "DTLS"),
    "media_name": name,
    "park_after_unbridge": one_of("self"),
    "preferred_codecs": name,
    "privacy": one_of("id", "none"),
    "route_to_mobile": flag,
    "send_digits_on_answer": text(longest=64, like=r"[0-9A-D*#wW]+", code="90014"),
    "sip_auth_password": name,
    "sip_auth_username": name,
    "sip_region": one_of("US", "Europe", "Canada", "Australia", "Middle East"),
    "sip_transport_protocol": one_of("UDP", "TCP", "TLS"),
    "sound_modifications": anything,
    "time_limit_secs": integer(60, 14_400, code="90029"),
    "timeout_secs": integer(5, 600),
    **SIP,
    **WEBHOOKS,
    **RECORD,
}


@dataclass(frozen=True)
class CommandSchema:
    """The body of one command."""

    parameters: Mapping[str, Check]
    required: tuple[str, ...] = ()
    one_source_of: tuple[str, ...] = ()
    """Exactly one of these is required."""
    together: Callable[[Body], None] | None = None
    """Checks several parameters together."""


def _speech(body: Body) -> None:
    """The languages of speech; service_level basic supports en-US and plain text only."""
    language = body.get("language", "en-US")
    is_soniox = str(body.get("voice", "")).lower().startswith("soniox.")
    if not (is_soniox and isinstance(language, str) and len(language) == 2):  # "the two-letter code", with Soniox
        one_of(*LANGUAGES, code="90013")("/language", language)
    if body.get("service_level") == "basic":
        if language != "en-US":
            raise ApiError("90013", "Service level basic speaks en-US only.", pointer="/language")
        if body.get("payload_type", "text") != "text":
            raise ApiError("90011", "Service level basic takes text only.", pointer="/payload_type")


def _digit_counts(body: Body) -> None:
    minimum, maximum = body.get("minimum_digits", 1), body.get("maximum_digits", 128)
    if isinstance(minimum, int) and isinstance(maximum, int) and minimum > maximum:
        raise ApiError("90028", "Must not be more than maximum_digits.", pointer="/minimum_digits")


def _speech_and_digits(body: Body) -> None:
    _speech(body)
    _digit_counts(body)


def _audio_and_digits(body: Body) -> None:
    _digit_counts(body)
    if "invalid_audio_url" in body and "invalid_media_name" in body:
        raise ApiError("10015", "Excludes invalid_audio_url.", pointer="/invalid_media_name")


def _transcription(body: Body) -> None:
    """The settings of the engine. `language` at the top is the older form, of the engine Google alone."""
    check_engine(body)
    if "language" in body:
        engine = str(body.get("transcription_engine", "Google"))
        if engine not in ("Google", "A"):
            raise ApiError("10015", f"language is not a parameter of {engine}.", pointer="/language")
        check_language(engine, body["language"], "")


def _somewhere_to_stream(body: Body) -> None:
    if "stream_url" not in body and not body.get("enable_dialogflow"):
        raise ApiError("10004", "stream_url is required.", pointer="/stream_url")


def _deepgram_language(body: Body) -> None:
    """deepgram/nova-3 transcribes English recordings only."""
    language = str(body.get("transcription_language", "en"))
    if body.get("transcription_engine") == "deepgram/nova-3" and language.partition("-")[0] != "en":
        raise ApiError("10032", "deepgram/nova-3 supports en and en-XX only.", pointer="/transcription_language")


def _recording_or_transcription(body: Body) -> None:
    """A recording that stops at silence needs the transcription for itself."""
    if body.get("record_timeout_secs") and body.get("transcription"):
        raise ApiError("90053", pointer="/record_timeout_secs")


def _supervisor(body: Body) -> None:
    _recording_or_transcription(body)
    if "supervisor_role" in body and "supervise_call_control_id" not in body:
        raise ApiError("10004", "Needed with supervisor_role.", pointer="/supervise_call_control_id")
    _one_audio_source(body)


def _one_audio_source(body: Body) -> None:
    if "audio_url" in body and "media_name" in body:
        raise ApiError("10015", "Excludes audio_url.", pointer="/media_name")


PAYMENT_STEPS = (
    "payment-card-number expiration-date security-code postal-code bank-routing-number bank-account-number".split()
)
CARD_TYPES = "visa mastercard amex maestro discover optima jcb diners-club enroute".split()
NOISE_ENGINES = (
    "Denoiser DeepFilterNet Krisp AiCoustics aic_l_quail aic_l_rook aic_s_quail aic_s_rook quail_voice_focus_s "
    "quail_voice_focus_xs A B C D"
).split()
RECORDING_ID: Mapping[str, Check] = {"recording_id": name}


def transcription_config(pointer: str, value: object) -> None:
    """transcription_config of answer and dial: what transcription_start takes."""
    if not isinstance(value, dict):
        raise ApiError("10015", "Must be an object.", pointer=pointer)
    for key, given in value.items():
        if key not in TRANSCRIPTION and key not in COMMON:
            raise ApiError("10015", f"{key} is not a parameter.", pointer=f"{pointer}/{key}")
        {**TRANSCRIPTION, **COMMON}[key](f"{pointer}/{key}", given)
    check_engine(value, pointer)


def _charge(body: Body) -> None:
    if body.get("transaction_type") == "charge" and not body.get("amount"):
        raise ApiError("10004", "amount is required to charge.", pointer="/amount")
    if "payment_token" in body and "valid_card_types" in body:
        raise ApiError("10015", "Excludes payment_token.", pointer="/valid_card_types")


def _relay(body: Body) -> None:
    if not {"url", "conversation_relay_url", "conversation_relay_settings"} & set(body):
        raise ApiError("10004", "url is required.", pointer="/url")
    if ("provider" in body) != ("structured_provider" in body):
        raise ApiError("10004", "provider and structured_provider go together.", pointer="/provider")


def postal_code(pointer: str, value: object) -> None:
    """Whether to ask for it, or the postal code itself."""
    if not isinstance(value, bool):
        text(like=r".*\S.*")(pointer, value)


def prompt(pointer: str, value: object) -> None:
    """A text, or several for different occasions."""
    (array(fields("text", text=name)) if isinstance(value, list) else name)(pointer, value)


def session_timeout(pointer: str, value: object) -> None:
    """Seconds: 0 for none, or at least 90."""
    if value != 0 or isinstance(value, bool):
        integer(90)(pointer, value)


COMMAND_SCHEMAS: Mapping[str, CommandSchema] = {
    "answer": CommandSchema(
        {
            "assistant": anything,
            "billing_group_id": name,
            "conversation_relay_config": anything,
            "deepfake_detection": anything,
            "preferred_codecs": name,
            "send_silence_when_idle": flag,
            "sound_modifications": anything,
            "transcription": flag,
            "transcription_config": transcription_config,
            **SIP,
            **WEBHOOKS,
            **RECORD,
            **STREAM,
        },
        together=_recording_or_transcription,
    ),
    "hangup": CommandSchema({"custom_headers": SIP["custom_headers"], "reason": text(like=r"[\x20-\x7e]+")}),
    "reject": CommandSchema(
        {"cause": one_of("CALL_REJECTED", "NOT_FOUND", "TEMPORARILY_UNAVAILABLE", "USER_BUSY")}, required=("cause",)
    ),
    "fork_start": CommandSchema(
        {"rx": datagram_address, "tx": datagram_address, "stream_type": one_of("decrypted")}, required=("rx", "tx")
    ),
    "fork_stop": CommandSchema({"stream_type": one_of("raw", "decrypted")}),
    "streaming_start": CommandSchema(
        {
            "custom_parameters": rows("name", "value"),
            "dialogflow_config": anything,
            "enable_dialogflow": flag,
            **STREAM,
            **MORE_STREAM,
        },
        together=_somewhere_to_stream,
    ),
    "streaming_stop": CommandSchema({"stream_id": name}),
    "transcription_start": CommandSchema({**TRANSCRIPTION, "language": name}, together=_transcription),
    "transcription_stop": CommandSchema({}),
    "playback_start": CommandSchema(
        {
            "audio_type": one_of("mp3", "wav"),
            "audio_url": web_address,
            "cache_audio": flag,
            "loop": looped,
            "media_name": name,
            "overlay": flag,
            "playback_content": content,
            "stop": one_of("current", "all", "overlay", code="90016"),
            "target_legs": LEGS,
        },
        one_source_of=("audio_url", "media_name", "playback_content"),
    ),
    "playback_stop": CommandSchema({"overlay": flag, "stop": one_of("all", "current", code="90016")}),
    "record_start": CommandSchema(
        {
            "channels": one_of("single", "dual", code="90001"),
            "format": one_of("wav", "mp3", code="90000"),
            "custom_file_name": text(longest=40),
            "max_length": integer(0, 14_400),
            "play_beep": flag,
            "recording_track": one_of("both", "inbound", "outbound", code="90059"),
            "timeout_secs": integer(0),
            "transcription": flag,
            "transcription_engine": one_of("A", "B", "deepgram/nova-3"),
            "transcription_language": one_of(*sorted(RECORDING_LANGUAGES)),
            "transcription_max_speaker_count": integer(1),
            "transcription_min_speaker_count": integer(1),
            "transcription_profanity_filter": flag,
            "transcription_speaker_diarization": flag,
            "trim": one_of("trim-silence"),
        },
        required=("channels", "format"),
        together=_deepgram_language,
    ),
    "record_stop": CommandSchema(RECORDING_ID),
    "record_pause": CommandSchema(RECORDING_ID),
    "record_resume": CommandSchema(RECORDING_ID),
    "speak": CommandSchema(
        {**SPEECH, "loop": looped, "stop": one_of("current", "all", code="90016"), "target_legs": LEGS},
        required=("payload", "voice"),
        together=_speech,
    ),
    "transfer": CommandSchema(
        {
            "to": callee,
            "from": party,
            "early_media": flag,
            "mute_dtmf": MUTED,
            "target_leg_client_state": client_state,
            **OUTGOING,
        },
        required=("to",),
        together=_one_audio_source,
    ),
    "bridge": CommandSchema(
        {
            "call_control_id": name,
            "queue": name,
            "video_room_id": name,
            "video_room_context": name,
            "hold_after_unbridge": flag,
            "mute_dtmf": MUTED,
            "park_after_unbridge": one_of("self"),
            "play_ringtone": flag,
            "prevent_double_bridge": flag,
            "ringtone": name,
            **RECORD,
        },
        one_source_of=("call_control_id", "queue", "video_room_id"),
    ),
    "gather": CommandSchema(
        {**DIGITS, "gather_id": name, "initial_timeout_millis": integer(1, 120_000, code="90056")},
        together=_digit_counts,
    ),
    "gather_using_speak": CommandSchema(
        {**SPEECH, **DIGITS, "invalid_payload": text(longest=5000, code="90010"), "maximum_tries": integer(1)},
        required=("payload", "voice"),
        together=_speech_and_digits,
    ),
    "gather_using_audio": CommandSchema(
        {
            **DIGITS,
            "audio_url": web_address,
            "media_name": name,
            "invalid_audio_url": web_address,
            "invalid_media_name": name,
            "maximum_tries": integer(1),
        },
        one_source_of=("audio_url", "media_name"),
        together=_audio_and_digits,
    ),
    "gather_stop": CommandSchema({}),
    "send_dtmf": CommandSchema(
        {"digits": text(like=r"[0-9A-D*#wW]+", code="90014"), "duration_millis": integer(100, 500)},
        required=("digits",),
    ),
    "client_state_update": CommandSchema({"client_state": client_state}, required=("client_state",)),
    "enqueue": CommandSchema(
        {
            "queue_name": name,
            "keep_after_hangup": flag,
            "max_size": integer(1),
            "max_wait_time_secs": integer(1),
        },
        required=("queue_name",),
    ),
    "leave_queue": CommandSchema({}),
    "dial": CommandSchema(
        {
            "connection_id": name,
            "from": party,
            "to": callees,
            "assistant": anything,
            "billing_group_id": name,
            "bridge_intent": flag,
            "bridge_on_answer": flag,
            "conference_config": anything,
            "conversation_relay_config": anything,
            "deepfake_detection": anything,
            "dialogflow_config": anything,
            "enable_dialogflow": flag,
            "link_to": name,
            "prevent_double_bridge": flag,
            "retry_on_timeout": flag,
            "send_silence_when_idle": flag,
            "stream_establish_before_call_originate": flag,
            "supervise_call_control_id": name,
            "supervisor_role": one_of("barge", "whisper", "monitor"),
            "transcription": flag,
            "transcription_config": transcription_config,
            **OUTGOING,
            **STREAM,
            **MORE_STREAM,
        },
        required=("connection_id", "from", "to"),
        together=_supervisor,
    ),
    "ai_assistant_add_messages": CommandSchema({"messages": MESSAGES, "trigger_response": flag}),
    "ai_assistant_join": CommandSchema(
        {"conversation_id": name, "participant": PARTICIPANT}, required=("conversation_id", "participant")
    ),
    "ai_assistant_start": CommandSchema(ASSISTANT),
    "ai_assistant_stop": CommandSchema({}),
    "conversation_relay_start": CommandSchema(RELAY, together=_relay),
    "conversation_relay_stop": CommandSchema({}),
    "gather_using_ai": CommandSchema(ASSISTANT_GATHER, required=("parameters",)),
    "pay": CommandSchema(
        {
            "amount": number(0),
            "connector_name": name,
            "currency": one_of("USD", "usd"),
            "description": text(empty=True),
            "inter_digit_timeout_millis": integer(1),
            "language": name,
            "max_attempts": integer(1),
            "metadata": fields(),
            "min_postal_code_length": integer(1),
            "parameters": fields(),
            "payment_method": one_of("credit-card", "ach-debit"),
            "payment_token": name,
            "postal_code": postal_code,
            "prompts": fields(**dict.fromkeys(PAYMENT_STEPS, prompt)),
            "service_level": name,
            "timeout_millis": integer(1),
            "transaction_type": one_of("charge", "tokenize"),
            "valid_card_types": array(one_of(*CARD_TYPES)),
            "voice": text(like=VOICE.pattern, code="90012"),
        },
        together=_charge,
    ),
    "refer": CommandSchema(
        {
            "sip_address": text(like=r"sips?:\S+"),
            "sip_auth_password": name,
            "sip_auth_username": name,
            **SIP,
        },
        required=("sip_address",),
    ),
    "send_sip_info": CommandSchema(
        {"body": name, "content_type": text(longest=1400)}, required=("body", "content_type")
    ),
    "siprec_start": CommandSchema(
        {
            "connector_name": name,
            "include_metadata_custom_headers": flag,
            "secure": flag,
            "session_timeout_secs": session_timeout,
            "sip_transport": one_of("udp", "tcp", "tls"),
            "siprec_track": one_of("inbound_track", "outbound_track", "both_tracks"),
        }
    ),
    "siprec_stop": CommandSchema({}),
    "suppression_start": CommandSchema(
        {
            "direction": one_of("inbound", "outbound", "both"),
            "noise_suppression_engine": one_of(*NOISE_ENGINES),
            "noise_suppression_engine_config": fields(
                attenuation_limit=integer(0, 100),
                enhancement_level=number(0, 1),
                family=one_of("sparrow", "quail"),
                mode=one_of("standard", "advanced"),
                model=name,
                size=one_of("s", "l", "xs", "xxs", "vf_l", "vf_1_1_l"),
                suppression_level=number(0, 100),
                voice_gain=number(0.1, 4),
            ),
        }
    ),
    "suppression_stop": CommandSchema({}),
    "switch_supervisor_role": CommandSchema({"role": one_of("barge", "whisper", "monitor")}, required=("role",)),
}

NO_COMMON: Mapping[str, frozenset[str]] = {
    "client_state_update": frozenset({"command_id"}),
    "siprec_start": frozenset({"command_id"}),
    "switch_supervisor_role": frozenset({"command_id", "client_state"}),
}
"""The common parameters that a command does not have."""


def parameters_of(action: str) -> Mapping[str, Check]:
    """All parameters of a command, the common ones included."""
    missing = NO_COMMON.get(action, frozenset())
    common = {key: check for key, check in COMMON.items() if key not in missing}
    return {**common, **COMMAND_SCHEMAS[action].parameters}


def check(action: str, body: Body) -> None:
    """Raise ApiError, pointing at the parameter, unless Telnyx would accept this body for this action."""
    schema = COMMAND_SCHEMAS[action]
    checks = parameters_of(action)
    for key, value in body.items():
        if key not in checks:
            raise ApiError("10015", f"{key} is not a parameter of {action}.", pointer=f"/{key}")
        checks[key](f"/{key}", value)
    for key in schema.required:
        if key not in body:
            raise ApiError("10004", f"{key} is required.", pointer=f"/{key}")
    _check_sources(schema.one_source_of, body)
    if schema.together is not None:
        schema.together(body)


def _check_sources(sources: tuple[str, ...], body: Body) -> None:
    """Raise ApiError unless exactly one of them is given."""
    if not sources:
        return
    given = [key for key in sources if key in body]
    if not given:
        raise ApiError("10004", f"One of {', '.join(sources)} is required.", pointer=f"/{sources[0]}")
    if len(given) > 1:
        raise ApiError("10015", f"Only one of {', '.join(sources)} may be given.", pointer=f"/{given[1]}")
