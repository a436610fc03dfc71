"""The parameters of each command: names, types, ranges, exclusions. Nothing about the state of a call.

One table per command, after the OpenAPI schema; where sources disagree, the stricter one is used. Unknown parameters
are refused: a misspelled one would silently have no effect on a real call. Codes are those of the "API errors" page
where it has one for the parameter; which of 90025, 90026, 90028 and 90056 belongs to which timeout is our reading.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from hookline_local.simulator.api_errors import ApiError

Check = Callable[[str, object], None]
Body = Mapping[str, object]

EVENT_TYPES = frozenset(
    "call.initiated call.answered call.bridged call.hangup call.dtmf.received call.gather.ended call.enqueued "
    "call.dequeued call.speak.started call.speak.ended call.playback.started call.playback.ended call.fork.started "
    "call.fork.stopped streaming.started streaming.stopped streaming.failed call.transcription call.recording.saved "
    "call.recording.error call.recording.transcription.saved call.machine.detection.ended call.machine.greeting.ended "
    "call.machine.premium.detection.ended call.machine.premium.greeting.ended call.cost call.hold call.unhold "
    "call.refer.started call.refer.completed call.refer.failed call.siprec.started call.siprec.stopped "
    "call.siprec.failed call.ai_gather.ended call.conversation.ended call.conversation_insights.generated".split()
)
LANGUAGES = (
    "arb cmn-CN cy-GB da-DK de-DE en-AU en-GB en-GB-WLS en-IN en-US es-ES es-MX es-US fr-CA fr-FR hi-IN is-IS it-IT "
    "ja-JP ko-KR nb-NO nl-NL pl-PL pt-BR pt-PT ro-RO ru-RU sv-SE tr-TR".split()
)
VOICE = re.compile(
    r"male|female|(?i:AWS|Azure|Telnyx|ElevenLabs|Minimax|Resemble|Inworld|FishAudio|Soniox|xAI|Humain)\..+"
)
E164 = re.compile(r"\+[1-9]\d{1,14}")
ENGINES = "Google Telnyx Deepgram Azure xAI AssemblyAI Speechmatics Soniox Parakeet Humain Reson8 Cohere A B".split()
SAME_ENGINE = {"A": "Google", "B": "Telnyx"}


def flag(pointer: str, value: object) -> None:
    """true or false."""
    if not isinstance(value, bool):
        raise ApiError("10015", "Must be true or false.", pointer=pointer)


def anything(pointer: str, value: object) -> None:
    """Unchecked: the simulator does not use it."""


def callee(pointer: str, value: object) -> None:
    """A phone number in +E.164 or a SIP URI."""
    if not isinstance(value, str) or not (E164.fullmatch(value) or re.fullmatch(r"sips?:[^\s@]+@[^\s@]+", value)):
        raise ApiError("10016", "Must be a phone number in +E.164 format or a SIP URI.", pointer=pointer)


def callees(pointer: str, value: object) -> None:
    """One or several of them."""
    values = value if isinstance(value, list) and value else [value]
    for number in values:
        callee(pointer, number)


def client_state(pointer: str, value: object) -> None:
    """Base64, as it must be."""
    try:
        base64.b64decode(value if isinstance(value, str) else "*", validate=True)
    except (binascii.Error, ValueError):
        raise ApiError("90017", "Must be a valid base64 encoded string.", pointer=pointer) from None


def text(*, longest: int | None = None, like: str | None = None, code: str = "10015", empty: bool = False) -> Check:
    """A string; like: a pattern for all of it."""

    def check(pointer: str, value: object) -> None:
        if not isinstance(value, str):
            raise ApiError(code, "Must be a string.", pointer=pointer)
        if not value and not empty:
            raise ApiError(code, "Must not be empty.", pointer=pointer)
        if longest is not None and len(value) > longest:
            raise ApiError(code, f"Must be at most {longest} characters long.", pointer=pointer)
        if like is not None and not re.fullmatch(like, value, re.DOTALL):
            raise ApiError(code, f"Must match {like}.", pointer=pointer)

    return check


def integer(low: int, high: int | None = None, *, code: str = "10033") -> Check:
    """An integer, both ends included."""

    def check(pointer: str, value: object) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ApiError(code if code != "10033" else "10015", "Must be an integer.", pointer=pointer)
        if value < low or (high is not None and value > high):
            raise ApiError(code, f"Must be {low} to {'any number' if high is None else high}.", pointer=pointer)

    return check


def one_of(*values: object, code: str = "10032") -> Check:
    """One of these values, exactly."""

    def check(pointer: str, value: object) -> None:
        if not any(value == choice and type(value) is type(choice) for choice in values):
            raise ApiError(code, f"Must be one of {', '.join(map(str, values))}.", pointer=pointer)

    return check


def looped(pointer: str, value: object) -> None:
    """1 to 100 times, or "infinity"."""
    if value != "infinity":
        integer(1, 100, code="90009")(pointer, value)


def content(pointer: str, value: object) -> None:
    """Audio in base64."""
    try:
        base64.b64decode(value if isinstance(value, str) else "*", validate=True)
    except (binascii.Error, ValueError):
        raise ApiError("10015", "Must be base64 encoded audio.", pointer=pointer) from None


def rows(*keys: str) -> Check:
    """A list of objects that have these keys, each a string."""

    def check(pointer: str, value: object) -> None:
        if not isinstance(value, list):
            raise ApiError("10015", "Must be an array.", pointer=pointer)
        for index, row in enumerate(value):
            for key in keys:
                if not isinstance(row, dict) or not isinstance(row.get(key), str):
                    raise ApiError("10015", f"Must have a string {key}.", pointer=f"{pointer}/{index}/{key}")

    return check


def event_urls(pointer: str, value: object) -> None:
    """A map from event type to a URL or several."""
    if not isinstance(value, dict):
        raise ApiError("10015", "Must be an object.", pointer=pointer)
    for event_type, urls in value.items():
        if event_type not in EVENT_TYPES:
            raise ApiError("90057", f"{event_type} is not a valid event type.", pointer=f"{pointer}/{event_type}")
        for address in urls if isinstance(urls, list) and urls else [urls]:
            web_address(f"{pointer}/{event_type}", address)


def retries_policies(pointer: str, value: object) -> None:
    """A map from event type to {"retries_ms": [...]}: at most 5 retries within 60000 ms."""
    if not isinstance(value, dict):
        raise ApiError("10015", "Must be an object.", pointer=pointer)
    for event_type, policy in value.items():
        where = f"{pointer}/{event_type}"
        if event_type not in EVENT_TYPES:
            raise ApiError("90057", f"{event_type} is not a valid event type.", pointer=where)
        delays = policy.get("retries_ms") if isinstance(policy, dict) else None
        if not isinstance(delays, list) or not all(type(delay) is int and delay >= 0 for delay in delays):
            raise ApiError("10015", "Must have retries_ms, a list of milliseconds.", pointer=f"{where}/retries_ms")
        if len(delays) > 5 or sum(delays) > 60_000:
            raise ApiError("10033", "At most 5 retries, 60000 ms in all.", pointer=f"{where}/retries_ms")


def url(schemes: str) -> Check:
    """A URL with a valid host and port. schemes: a pattern."""

    def check(pointer: str, value: object) -> None:
        text(like=rf"(?:{schemes})://[^\s]+")(pointer, value)
        if not _addressable(str(value)):
            raise ApiError("10015", "Must be a URL with a valid host and port.", pointer=pointer)

    return check


def _addressable(address: str) -> bool:
    """Whether urllib, httpx, and Python's codec for host names accept it."""
    try:
        httpx.URL(address)
        parts = urlsplit(address)
        return parts.port != 0 and bool((parts.hostname or "").encode("idna"))
    except (ValueError, httpx.InvalidURL):
        return False


web_address = url("https?")
socket_address = url("wss?")
datagram_address = text(like=r"udp:(\d{1,3}\.){3}\d{1,3}:\d{1,5}")
name = text()


def engine_config(pointer: str, value: object) -> None:
    """An object whose own transcription_engine determines its other keys."""
    if not isinstance(value, dict):
        raise ApiError("10015", "Must be an object.", pointer=pointer)
    engine = value.get("transcription_engine", "Google")
    one_of(*ENGINES)(f"{pointer}/transcription_engine", engine)
    checks = ENGINE_CONFIGS.get(SAME_ENGINE.get(str(engine), str(engine)))
    if checks is None:
        return
    for key, given in value.items():
        if key == "transcription_engine":
            continue
        if key not in checks:
            raise ApiError("10015", f"{key} is not a parameter of {engine}.", pointer=f"{pointer}/{key}")
        checks[key](f"{pointer}/{key}", given)
    if engine == "Azure" and "region" not in value:
        raise ApiError("10004", "region is required for Azure.", pointer=f"{pointer}/region")


ENGINE_CONFIGS: Mapping[str, Mapping[str, Check]] = {
    "Google": {
        "language": name,
        "interim_results": flag,
        "enable_speaker_diarization": flag,
        "min_speaker_count": integer(1),
        "max_speaker_count": integer(1),
        "profanity_filter": flag,
        "use_enhanced": flag,
        "model": one_of(
            *"latest_long latest_short command_and_search phone_call video default".split(),
            *"medical_conversation medical_dictation".split(),
        ),
        "hints": anything,
        "speech_context": anything,
    },
    "Telnyx": {
        "language": name,
        "transcription_model": one_of("openai/whisper-tiny", "openai/whisper-large-v3-turbo"),
    },
    "Deepgram": {
        "transcription_model": one_of("deepgram/nova-2", "deepgram/nova-3"),
        "language": name,
        "interim_results": flag,
        "hints": anything,
        "keyterms": anything,
        "keywords_boosting": anything,
        "smart_format": flag,
        "utterance_end_ms": integer(0, 5000),
    },
    "Azure": {
        "region": one_of(*"australiaeast centralindia eastus northcentralus westeurope westus2".split()),
        "api_key_ref": name,
        "language": name,
    },
}

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
    "terminating_digit": text(like=r"[0-9*#]", code="90014"),
    "valid_digits": text(like=r"[0-9*#]+", code="90014"),
}
SPEECH: Mapping[str, Check] = {
    "payload": text(longest=3000, code="90010"),
    "payload_type": one_of("text", "ssml", code="90011"),
    "voice": text(like=VOICE.pattern, code="90012"),
    "voice_settings": anything,
    "language": one_of(*LANGUAGES, code="90013"),
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


def _basic_service_level(body: Body) -> None:
    """service_level basic supports en-US and plain text only."""
    if body.get("service_level") == "basic":
        if body.get("language", "en-US") != "en-US":
            raise ApiError("90013", "Service level basic speaks en-US only.", pointer="/language")
        if body.get("payload_type", "text") != "text":
            raise ApiError("90011", "Service level basic takes text only.", pointer="/payload_type")


def _digit_counts(body: Body) -> None:
    minimum, maximum = body.get("minimum_digits", 1), body.get("maximum_digits", 128)
    if isinstance(minimum, int) and isinstance(maximum, int) and minimum > maximum:
        raise ApiError("90028", "Must not be more than maximum_digits.", pointer="/minimum_digits")


def _speech_and_digits(body: Body) -> None:
    _basic_service_level(body)
    _digit_counts(body)


def _audio_and_digits(body: Body) -> None:
    _digit_counts(body)
    if "invalid_audio_url" in body and "invalid_media_name" in body:
        raise ApiError("10015", "Excludes invalid_audio_url.", pointer="/invalid_media_name")


def _same_engine(body: Body) -> None:
    """The engine of the config must be the engine of the command."""
    config = body.get("transcription_engine_config")
    if not isinstance(config, dict) or "transcription_engine" not in config:
        return
    engine, config_engine = str(body.get("transcription_engine", "Google")), str(config["transcription_engine"])
    if SAME_ENGINE.get(engine, engine) != SAME_ENGINE.get(config_engine, config_engine):
        pointer = "/transcription_engine_config/transcription_engine"
        raise ApiError("10027", f"The engine of the command is {engine}.", pointer=pointer)


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


RECORDING_ID: Mapping[str, Check] = {"recording_id": name}
TRANSCRIPTION: Mapping[str, Check] = {
    "transcription_engine": one_of(*ENGINES),
    "transcription_engine_config": engine_config,
    "transcription_tracks": one_of("inbound", "outbound", "both"),
}


def transcription_config(pointer: str, value: object) -> None:
    """transcription_config of answer and dial: what transcription_start takes."""
    if not isinstance(value, dict):
        raise ApiError("10015", "Must be an object.", pointer=pointer)
    for key, given in value.items():
        if key not in TRANSCRIPTION and key not in COMMON:
            raise ApiError("10015", f"{key} is not a parameter.", pointer=f"{pointer}/{key}")
        {**TRANSCRIPTION, **COMMON}[key](f"{pointer}/{key}", given)


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
        required=("stream_url",),
    ),
    "streaming_stop": CommandSchema({"stream_id": name}),
    "transcription_start": CommandSchema(TRANSCRIPTION, together=_same_engine),
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
            "transcription_language": name,
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
        together=_basic_service_level,
    ),
    "transfer": CommandSchema(
        {
            "to": callee,
            "from": callee,
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
        {**SPEECH, **DIGITS, "invalid_payload": text(longest=3000, code="90010"), "maximum_tries": integer(1)},
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
            "from": callee,
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
}


def check(action: str, body: Body) -> None:
    """Raise ApiError, pointing at the parameter, unless Telnyx would accept this body for this action."""
    schema = COMMAND_SCHEMAS[action]
    checks = {**schema.parameters} if action == "client_state_update" else {**schema.parameters, **COMMON}
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
