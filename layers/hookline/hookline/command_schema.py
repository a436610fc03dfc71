"""The parameters of each command: names, ranges, lengths, and which of them go together.

PARAMETERS holds one check per parameter, by the name Telnyx gives it; where one name means different things to two
commands, the second is spelled `action.parameter`. RELATIONS holds, per action, what concerns several parameters.
`body` runs both and returns the JSON body.

Where Telnyx's own sources disagree the wider one stands, because a refusal here costs a call and a refusal there
costs a log line. Source: the OpenAPI description of the Voice API (as of its Python SDK 4.189.0) and
developers.telnyx.com, "API errors"; a comment marks what comes from elsewhere.
"""

import base64
import math
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Final, Literal, get_args

from hookline.assistant_schema import ASSISTANT_PARAMETERS
from hookline.client_state import encode
from hookline.transcription_engines import ALIASES, ENGINE_NAMES, LANGUAGES, Engine, takes_language
from hookline.validators import Check, every, flag, kind, mapping, mapping_of, number, one_of, text, text_that, whole

AnsweringMachineDetection = Literal[
    "premium",
    "premium_ios_call_screening_detection",
    "detect",
    "detect_beep",
    "detect_words",
    "greeting_end",
    "disabled",
]
AudioType = Literal["mp3", "wav"]
Cause = Literal["CALL_REJECTED", "NOT_FOUND", "TEMPORARILY_UNAVAILABLE", "USER_BUSY"]
CardType = Literal["visa", "mastercard", "amex", "maestro", "discover", "optima", "jcb", "diners-club", "enroute"]
Channels = Literal["single", "dual"]
Currency = Literal["USD", "usd"]
ForkType = Literal["decrypted"]
ForkedType = Literal["raw", "decrypted"]
HttpMethod = Literal["POST", "GET"]
Interruptible = Literal["none", "any", "speech", "dtmf"]
Legs = Literal["self", "opposite", "both"]
MediaEncryption = Literal["disabled", "SRTP", "DTLS"]
MuteDtmf = Literal["none", "both", "self", "opposite"]
NoiseEngine = Literal[
    "Denoiser",
    "DeepFilterNet",
    "Krisp",
    "AiCoustics",
    "aic_l_quail",
    "aic_l_rook",
    "aic_s_quail",
    "aic_s_rook",
    "quail_voice_focus_s",
    "quail_voice_focus_xs",
]
Park = Literal["self"]
PayloadType = Literal["text", "ssml"]
PaymentMethod = Literal["credit-card", "ach-debit"]
Privacy = Literal["id", "none"]
Record = Literal["record-from-answer"]
RecordingEngine = Literal["A", "B", "deepgram/nova-3"]
RelayEngine = Literal["Google", "Telnyx", "Deepgram", "Azure", "xAI", "AssemblyAI", "Speechmatics", "Soniox", "A", "B"]
ServiceLevel = Literal["basic", "premium"]
SipRegion = Literal["US", "Europe", "Canada", "Australia", "Middle East"]
SipTransport = Literal["UDP", "TCP", "TLS"]
SiprecTransport = Literal["udp", "tcp", "tls"]
Stop = Literal["current", "all", "overlay"]  # "overlay" only in the text of error 90016
StreamCodec = Literal["PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "L16", "default"]
StreamReplyCodec = Literal["PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "L16"]
StreamReplyMode = Literal["mp3", "rtp"]
StreamReplyRate = Literal[8000, 16000, 22050, 24000, 48000]
StreamTrack = Literal["inbound_track", "outbound_track", "both_tracks"]
SupervisorRole = Literal["barge", "whisper", "monitor"]
Track = Literal["both", "inbound", "outbound"]
TransactionType = Literal["charge", "tokenize"]
Trim = Literal["trim-silence"]
# fmt: off
Ringtone = Literal[
    "at", "au", "be", "bg", "br", "ch", "cl", "cn", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hu", "il", "in",
    "it", "jp", "lt", "mx", "my", "nl", "no", "nz", "ph", "pl", "pt", "ru", "se", "sg", "th", "tw", "uk", "us-old",
    "us", "ve", "za",
]
# fmt: on

SECRET_PARAMS: Final = frozenset(
    {
        "stream_auth_token",
        "sip_auth_password",
        "custom_parameters",
        "headers",
        "api_key",
        "authorization",
        "password",
        "secret",
        "token",
        "payment_token",
        "postal_code",
        "body",
    }
)
"""Parameters, at any depth, whose value must never be journalled or printed.

custom_parameters is here because it is what a WebSocket server receives at the start of a stream, and headers because
an assistant's web tools carry their authorisation there; body is that of a SIP INFO, which is how some equipment
carries keyed digits. `*_api_key_ref` is not: it names a secret stored at Telnyx.
"""

_CODECS = ("G722", "PCMU", "PCMA", "G729", "OPUS", "VP8", "H264", "AMR-WB")
_DTMF = frozenset("0123456789ABCD*#")
_DTMF_AND_PAUSES = _DTMF | frozenset("wW")
_AZURE_REGIONS = ("australiaeast", "centralindia", "eastus", "northcentralus", "westeurope", "westus2")

_SPEAK = """
arb cmn-CN cy-GB da-DK de-DE en-AU en-GB en-GB-WLS en-IN en-US es-ES es-MX es-US fr-CA fr-FR hi-IN is-IS it-IT ja-JP
ko-KR nb-NO nl-NL pl-PL pt-BR pt-PT ro-RO ru-RU sv-SE tr-TR
"""
SPEAK_LANGUAGES = frozenset(_SPEAK.split())

_RECORDING = """
af af-ZA am am-ET ar ar-AE ar-BH ar-DZ ar-EG ar-IL ar-IQ ar-JO ar-KW ar-LB ar-MA ar-MR ar-OM ar-PS ar-QA ar-SA ar-TN
ar-YE as auto_detect az az-AZ ba be bg bg-BG bn bn-BD bn-IN bo br bs bs-BA ca ca-ES cs cs-CZ cy da da-DK de de-AT
de-CH de-DE el el-GR en en-AU en-CA en-GB en-GH en-HK en-IE en-IN en-KE en-NG en-NZ en-PH en-PK en-SG en-TZ en-US
en-ZA es es-419 es-AR es-BO es-CL es-CO es-CR es-DO es-EC es-ES es-GT es-HN es-MX es-NI es-PA es-PE es-PR es-PY es-SV
es-US es-UY es-VE et et-EE eu eu-ES fa fa-IR fi fi-FI fil-PH fo fr fr-BE fr-CA fr-CH fr-FR gl gl-ES gu gu-IN ha haw he
hi hi-IN hr hr-HR ht hu hu-HU hy hy-AM id id-ID is is-IS it it-CH it-IT iw-IL ja ja-JP jv-ID jw ka ka-GE kk kk-KZ km
km-KH kn kn-IN ko ko-KR la lb ln lo lo-LA lt lt-LT lv lv-LV mg mi mk mk-MK ml ml-IN mn mn-MN mr mr-IN ms ms-MY mt my
my-MM ne ne-NP nl nl-BE nl-NL nn no no-NO oc pa pa-Guru-IN pl pl-PL ps pt pt-BR pt-PT ro ro-RO ru ru-RU rw-RW sa sd si
si-LK sk sk-SK sl sl-SI sn so sq sq-AL sr sr-RS ss-latn-za st-ZA su su-ID sv sv-SE sw sw-KE sw-TZ ta ta-IN ta-LK ta-MY
ta-SG te te-IN tg th th-TH tk tl tn-latn-za tr tr-TR ts-ZA tt uk uk-UA ur ur-IN ur-PK uz uz-UZ ve-ZA vi vi-VN xh-ZA yi
yo yue-Hant-HK zh zh-TW zu-ZA
"""
RECORDING_LANGUAGES = frozenset(_RECORDING.split())


# Forms


def _url(value: str, *schemes: str) -> bool:
    scheme, _, rest = value.partition("://")
    return scheme.lower() in schemes and rest[:1] not in {"", "/"} and rest.isprintable() and " " not in rest


def _http(value: str) -> bool:
    return _url(value, "https", "http")


def _websocket(value: str) -> bool:
    return _url(value, "wss", "ws")


def _udp(value: str) -> bool:
    """udp:ip:port, an IPv6 address in brackets."""
    scheme, _, rest = value.partition(":")
    host, _, port = rest.rpartition(":")
    if ":" in host:
        if host[0] != "[" or host[-1] != "]":
            return False
        host = host[1:-1]
    try:
        ip_address(host)
    except ValueError:
        return False
    return scheme == "udp" and port.isascii() and port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65535


def _sip_uri(value: str) -> bool:
    scheme, _, rest = value.partition(":")
    return scheme.lower() in ("sip", "sips") and rest != "" and rest.isprintable() and " " not in rest


def _base64(value: str) -> bool:
    try:
        return bool(base64.b64decode(value, validate=True))
    except ValueError:
        return False


def _codecs(value: str) -> bool:
    return all(codec in _CODECS for codec in value.split(","))


def _dtmf(value: str) -> bool:
    return bool(value) and _DTMF.issuperset(value)


def _dtmf_and_pauses(value: str) -> bool:
    return bool(value) and _DTMF_AND_PAUSES.issuperset(value)


def _one_dtmf_or_none(value: str) -> bool:
    return value == "" or value in _DTMF


def _sip_reason(value: str) -> bool:
    return value != "" and all(
        " " <= letter <= "\uffff" and not "\x7f" <= letter <= "\x9f" and letter not in '"\\' for letter in value
    )


def _display_name(value: str) -> bool:
    return value != "" and all(letter.isalnum() or letter in " -_~!.+\\" for letter in value)


def _e164(value: str) -> bool:
    digits = value[1:]
    return value[:1] == "+" and digits.isascii() and digits.isdecimal() and 2 <= len(digits) <= 15 and digits[0] != "0"


HTTP_URL = text_that(_http, "a URL that starts with https:// or http://")
WEBSOCKET_URL = text_that(_websocket, "a URL that starts with wss:// or ws://")
UDP_TARGET = text_that(_udp, "udp:ip:port, with an IP address and a port from 1 to 65535")
HEADERS = every(mapping(("name", "value"), name=text(), value=text(0)))


# Objects, and what has two forms


def _loop(value: object) -> str | None:
    wrong = None if value == "infinity" else whole(1, 100)(value)
    return wrong and f'{wrong}; or "infinity"'


def _destinations(value: object) -> str | None:
    return every(text(), low=1)(value) if isinstance(value, list) else text()(value)


def _postal_code(value: object) -> str | None:
    if isinstance(value, bool) or (isinstance(value, str) and value.strip()):
        return None
    return f" must be True, False or a text that is not blank, not {'blank' if value == '' else 'a ' + kind(value)}"


def _prompt(value: object) -> str | None:
    return every(mapping(("text",), text=text()), low=1)(value) if isinstance(value, list) else text()(value)


def _session_timeout(value: object) -> str | None:
    if wrong := whole(0)(value):
        return wrong
    return " must be 0, or at least 90 seconds" if value in range(1, 90) else None


def _retry_policy(value: object) -> str | None:
    if wrong := mapping(retries_ms=every(whole(0), high=5))(value):
        return wrong
    total = sum(value.get("retries_ms", ())) if isinstance(value, dict) else 0
    return f".retries_ms must add up to at most 60000 ms, not {total}" if total > 60_000 else None


_ENGINE_SETTINGS = mapping(
    # The OpenAPI description names Deepgram by model here and by company one level up: both pass.
    transcription_engine=one_of(*ENGINE_NAMES),
    transcription_model=text(),
    language=text(),
    interim_results=flag,
    region=one_of(*_AZURE_REGIONS),
    api_key_ref=text(),
    keyterms=every(text(), high=100),
    hints=every(text()),
    keywords_boosting=mapping_of(number()),
    speech_context=every(mapping(phrases=every(text()), boost=number())),
    smart_format=flag,
    utterance_end_ms=whole(0, 5000),
    enable_endpoint_detection=flag,
    max_endpoint_delay_ms=whole(500, 3000),
    enable_speaker_diarization=flag,
    min_speaker_count=whole(1),
    max_speaker_count=whole(1),
    profanity_filter=flag,
    use_enhanced=flag,
    model=text(),
)


def _engine_settings(value: object) -> str | None:
    if wrong := _ENGINE_SETTINGS(value):
        return wrong
    if isinstance(value, dict) and value.get("transcription_engine") == "Azure" and "region" not in value:
        return ".region is required with Azure"
    return None


def _one_engine(params: Mapping[str, object]) -> str | None:
    """The settings of one engine must not be sent to another, and their language must be one of its own."""
    settings = params.get("transcription_engine_config")
    if not isinstance(settings, dict):
        return None
    inside, outside = settings.get("transcription_engine"), params.get("transcription_engine")
    if inside and outside and ALIASES.get(inside, inside) != ALIASES.get(str(outside), outside):
        return (
            f"transcription_engine_config must be for the same engine as transcription_engine, {outside}, not {inside}"
        )
    engine, language = str(inside or outside or "Google"), settings.get("language")
    if language is None or takes_language(engine, language, model=settings.get("transcription_model")):
        return None
    known = ", ".join(sorted(LANGUAGES.get(ALIASES.get(engine, engine), ("two-letter codes", "auto"))))
    expected = f"one of {known}" if known else "left out"
    return f"transcription_engine_config.language must be {expected} with {engine}, not {language[:40]!r}"


_TRANSCRIPTION = mapping(
    transcription_engine=one_of(*get_args(Engine)),
    transcription_engine_config=_engine_settings,
    transcription_tracks=one_of(*get_args(Track)),
    client_state=text_that(_base64, "base64"),
    command_id=text(),
)


def _transcription(value: object) -> str | None:
    if wrong := _TRANSCRIPTION(value):
        return wrong
    disagreement = _one_engine(value) if isinstance(value, dict) else None
    return f".{disagreement}" if disagreement else None


PARAMETERS: Final[Mapping[str, Check]] = {
    **ASSISTANT_PARAMETERS,
    "answering_machine_detection": one_of(*get_args(AnsweringMachineDetection)),
    "answering_machine_detection_config": mapping(
        after_greeting_silence_millis=whole(0),
        beep_detection_profile=one_of("both", "freq_only"),
        beep_max_frequency_hz=whole(0),
        beep_min_frequency_hz=whole(0),
        beep_min_tone_duration_millis=whole(0),
        beep_spectral_confirmation=flag,
        beep_spectral_min_purity=number(0, 1),
        beep_spectral_reject_fax_cng=flag,
        beep_spectral_window_millis=whole(0),
        between_words_silence_millis=whole(0),
        greeting_duration_millis=whole(0),
        greeting_silence_duration_millis=whole(0),
        greeting_total_analysis_time_millis=whole(0),
        initial_silence_millis=whole(0),
        maximum_number_of_words=whole(0),
        maximum_word_length_millis=whole(0),
        prompt_end_timeout_millis=whole(0),
        silence_threshold=whole(0),
        total_analysis_time_millis=whole(0),
    ),
    "assistant": mapping(("id",), id=text(), greeting=text(0, 3000), instructions=text(0)),
    "amount": number(0),
    "audio_type": one_of(*get_args(AudioType)),
    "audio_url": HTTP_URL,
    "billing_group_id": text(),
    "body": text(),
    "bridge_intent": flag,
    "bridge_on_answer": flag,
    "cache_audio": flag,
    "call_control_id": text(),
    "cause": one_of(*get_args(Cause)),
    "channels": one_of(*get_args(Channels)),
    "conference_config": mapping(
        id=text(),
        beep_enabled=one_of("always", "never", "on_enter", "on_exit"),
        conference_name=text(),
        early_media=flag,
        end_conference_on_exit=flag,
        hold=flag,
        hold_audio_url=HTTP_URL,
        hold_media_name=text(),
        mute=flag,
        soft_end_conference_on_exit=flag,
        start_conference_on_create=flag,
        start_conference_on_enter=flag,
        supervisor_role=one_of("barge", "monitor", "none", "whisper"),
        whisper_call_control_ids=every(text()),
    ),
    "connector_name": text(),
    "content_type": text(1, 1400),
    "connection_id": text(),
    "conversation_relay_config": mapping(("url",), url=WEBSOCKET_URL, dtmf_detection=flag, greeting=text(0)),
    "currency": one_of(*get_args(Currency)),
    "custom_file_name": text(1, 40),  # the length: the older documentation site
    "custom_headers": HEADERS,
    "custom_parameters": every(mapping(name=text(), value=text(0))),
    "deepfake_detection": mapping(("enabled",), enabled=flag, rtp_timeout=whole(1), timeout=whole(1)),
    "description": text(),
    "dialogflow_config": mapping(analyze_sentiment=flag, partial_automated_agent_reply=flag),
    "direction": one_of(*get_args(Track)),
    "digits": text_that(_dtmf_and_pauses, "one or more of 0-9, A-D, *, #, w and W"),
    "diversion": text_that(_e164, "a number in +E164 format"),
    "duration_millis": whole(100, 500),
    "early_media": flag,
    "enable_dialogflow": flag,
    "format": one_of(*get_args(AudioType)),
    "from_": text(),
    "from_display_name": text_that(_display_name, "letters, numbers, spaces and -_~!.+", high=128),
    "gather_id": text(),
    "hold_after_unbridge": flag,
    "include_metadata_custom_headers": flag,
    "initial_timeout_millis": whole(1, 120_000),  # 90056
    "inter_digit_timeout_millis": whole(1, 120_000),  # 90056
    "invalid_audio_url": HTTP_URL,
    "invalid_media_name": text(),
    "invalid_payload": text(1, 5000),
    "keep_after_hangup": flag,
    "language": text(),
    "link_to": text(),
    "loop": _loop,
    "max_attempts": whole(1),
    "max_length": whole(0, 14_400),
    "max_size": whole(1),
    "max_wait_time_secs": whole(1),
    "maximum_digits": whole(1, 128),
    "maximum_tries": whole(1),
    "media_encryption": one_of(*get_args(MediaEncryption)),
    "media_name": text(),
    "metadata": mapping(),
    "min_postal_code_length": whole(1),
    "minimum_digits": whole(1, 128),
    "mute_dtmf": one_of(*get_args(MuteDtmf)),
    "noise_suppression_engine": one_of(*get_args(NoiseEngine)),
    "noise_suppression_engine_config": mapping(
        attenuation_limit=whole(0, 100),
        enhancement_level=number(0, 1),
        family=one_of("sparrow", "quail"),
        mode=one_of("standard", "advanced"),
        model=text(),
        size=one_of("s", "l", "xs", "xxs", "vf_l", "vf_1_1_l"),
        suppression_level=number(0, 100),
        voice_gain=number(0.1, 4),
    ),
    "overlay": flag,
    "park_after_unbridge": one_of(*get_args(Park)),
    "payload": text(1, 5000),  # 90010; 3000 in the OpenAPI description
    "payload_type": one_of(*get_args(PayloadType)),
    "payment_method": one_of(*get_args(PaymentMethod)),
    "payment_token": text(),
    "play_beep": flag,
    "play_ringtone": flag,
    "playback_content": text_that(_base64, "base64 of an mp3 or wav file"),
    "postal_code": _postal_code,
    "preferred_codecs": text_that(_codecs, "a comma-separated list of " + ", ".join(_CODECS)),
    "prevent_double_bridge": flag,
    "privacy": one_of(*get_args(Privacy)),
    "prompts": mapping_of(_prompt),
    "queue": text(),
    "queue_name": text(),
    "reason": text_that(_sip_reason, 'text without ", \\, control characters and characters beyond U+FFFF'),
    "record": one_of(*get_args(Record)),
    "record_channels": one_of(*get_args(Channels)),
    "record_custom_file_name": text(1, 40),  # the length: the older documentation site
    "record_format": one_of(*get_args(AudioType)),
    "record_max_length": whole(0, 43_200),
    "record_timeout_secs": whole(0),
    "record_track": one_of(*get_args(Track)),
    "record_trim": one_of(*get_args(Trim)),
    "recording_id": text(),
    "recording_track": one_of(*get_args(Track)),
    "retry_on_timeout": flag,
    "ringtone": one_of(*get_args(Ringtone)),
    "role": one_of(*get_args(SupervisorRole)),
    "route_to_mobile": flag,
    "rx": UDP_TARGET,
    "secure": flag,
    "send_digits_on_answer": text_that(_dtmf_and_pauses, "one or more of 0-9, A-D, *, #, w and W", high=64),
    "send_silence_when_idle": flag,
    "service_level": one_of(*get_args(ServiceLevel)),
    "pay.service_level": text(),
    "session_timeout_secs": _session_timeout,
    "sip_address": text_that(_sip_uri, "a SIP URI, as sip:desk@sip.example.com"),
    "sip_auth_password": text(),
    "sip_auth_username": text(),
    "sip_headers": every(mapping(("name", "value"), name=one_of("User-to-User"), value=text(0))),
    "sip_region": one_of(*get_args(SipRegion)),
    "sip_transport_protocol": one_of(*get_args(SipTransport)),
    "sip_transport": one_of(*get_args(SiprecTransport)),
    "siprec_track": one_of(*get_args(StreamTrack)),
    "sound_modifications": mapping(
        octaves=number(-1, 1), pitch=number(above=0), semitone=number(-14, 14), track=one_of("inbound", "outbound")
    ),
    "stop": one_of(*get_args(Stop)),
    "stream_auth_token": text(1, 4000),
    "stream_bidirectional_codec": one_of(*get_args(StreamReplyCodec)),
    "stream_bidirectional_mode": one_of(*get_args(StreamReplyMode)),
    "stream_bidirectional_sampling_rate": one_of(*get_args(StreamReplyRate)),
    "stream_bidirectional_target_legs": one_of(*get_args(Legs)),
    "stream_codec": one_of(*get_args(StreamCodec)),
    "stream_establish_before_call_originate": flag,
    "stream_id": text(),
    "stream_track": one_of(*get_args(StreamTrack)),
    "stream_type": one_of(*get_args(ForkedType)),
    "fork_start.stream_type": one_of(*get_args(ForkType)),
    "stream_url": WEBSOCKET_URL,
    "supervise_call_control_id": text(),
    "supervisor_role": one_of(*get_args(SupervisorRole)),
    "target_legs": one_of(*get_args(Legs)),
    "terminating_digit": text_that(_one_dtmf_or_none, "one of 0-9, A-D, * and #, or empty for none"),
    "time_limit_secs": whole(1, 14_400),  # 60 to 14000 in the text of 90029
    "timeout_millis": whole(1),
    "timeout_secs": whole(5, 600),
    "record_start.timeout_secs": whole(0),
    "to": text(),
    "dial.to": _destinations,
    "transaction_type": one_of(*get_args(TransactionType)),
    "transcription": flag,
    "transcription_config": _transcription,
    "transcription_engine": one_of(*get_args(Engine)),
    "record_start.transcription_engine": one_of(*get_args(RecordingEngine)),
    "transcription_engine_config": _engine_settings,
    "transcription_language": text_that(RECORDING_LANGUAGES.__contains__, "a language Telnyx transcribes, as en-US"),
    "transcription_max_speaker_count": whole(1),
    "transcription_min_speaker_count": whole(1),
    "transcription_profanity_filter": flag,
    "transcription_speaker_diarization": flag,
    "transcription_tracks": one_of(*get_args(Track)),
    "trim": one_of(*get_args(Trim)),
    "tx": UDP_TARGET,
    "valid_card_types": every(one_of(*get_args(CardType)), low=1),
    "valid_digits": text_that(_dtmf, "one or more of 0-9, A-D, * and #"),
    "video_room_context": text(0),
    "video_room_id": text(),
    "voice": text(),
    "voice_settings": mapping(("type",), type=text()),
    "webhook_retries_policies": mapping_of(_retry_policy),
    "webhook_url": HTTP_URL,
    "webhook_url_method": one_of(*get_args(HttpMethod)),
    "webhook_urls": mapping_of(every(HTTP_URL)),
    "webhook_urls_method": one_of(*get_args(HttpMethod)),
}


# What no single parameter can tell: each takes the body and returns None or the whole complaint

Relation = Callable[[Mapping[str, object]], str | None]


def required(*names: str) -> Relation:
    """All of these; None is how a caller leaves a parameter out."""
    return lambda params: next((f"{name} is required" for name in names if name not in params), None)


def at_most_one(*names: str) -> Relation:
    """These exclude each other."""

    def check(params: Mapping[str, object]) -> str | None:
        given = [name for name in names if name in params]
        return f"{' and '.join(given)} exclude each other: give one" if len(given) > 1 else None

    return check


def exactly_one(*names: str) -> Relation:
    """These exclude each other and one is required."""
    some, alone = at_least_one(*names), at_most_one(*names)
    return lambda params: some(params) or alone(params)


def at_least_one(*names: str) -> Relation:
    """Without any of these the command has nothing to do."""
    return lambda params: None if any(name in params for name in names) else f"one of {', '.join(names)} is required"


def needs(name: str, other: str) -> Relation:
    """The first means nothing without the second; a False asks for nothing."""
    return lambda params: (
        f"{name} requires {other}" if params.get(name) not in (None, False) and other not in params else None
    )


def ordered(low: str, high: str) -> Relation:
    """Two whole numbers, the first not above the second."""

    def check(params: Mapping[str, object]) -> str | None:
        least, most = params.get(low), params.get(high)
        if isinstance(least, int) and isinstance(most, int) and least > most:
            return f"{low} must not be above {high}, {most}, but is {least}"
        return None

    return check


def _reply_codec(params: Mapping[str, object]) -> str | None:
    if "stream_bidirectional_codec" in params and params.get("stream_bidirectional_mode") != "rtp":
        return 'stream_bidirectional_codec requires stream_bidirectional_mode="rtp"'
    return None


def _silent_end_or_transcription(params: Mapping[str, object]) -> str | None:
    # 90053: a recording that ends at silence needs the transcription for itself.
    if params.get("record_timeout_secs") and params.get("transcription"):
        return "record_timeout_secs and transcription exclude each other: give one"
    return None


def _english_with_nova(params: Mapping[str, object]) -> str | None:
    language = str(params.get("transcription_language", "en-US"))
    if params.get("transcription_engine") == "deepgram/nova-3" and language.partition("-")[0] != "en":
        return f'transcription_language must be en or en-XX with transcription_engine="deepgram/nova-3", not {language}'
    return None


def _somewhere_to_stream(params: Mapping[str, object]) -> str | None:
    # The OpenAPI description requires nothing, but a stream without an address is one only with Dialogflow.
    return None if "stream_url" in params or params.get("enable_dialogflow") else "stream_url is required"


def _amount_to_charge(params: Mapping[str, object]) -> str | None:
    if params.get("transaction_type") == "charge" and not params.get("amount"):
        return 'amount above 0 is required with transaction_type="charge"'
    return None


def _basic_speech(params: Mapping[str, object]) -> str | None:
    if params.get("service_level") == "basic":
        if params.get("language", "en-US") != "en-US":
            return 'language must be en-US with service_level="basic"'
        if params.get("payload_type", "text") != "text":
            return 'payload_type must be text with service_level="basic"'
    return None


def _speech_language(params: Mapping[str, object]) -> str | None:
    language = str(params.get("language", "en-US"))
    if language in SPEAK_LANGUAGES:
        return None
    # The enum knows no two-letter code, the description of the voices asks for one with Soniox.
    if str(params["voice"]).startswith("Soniox.") and len(language) == 2 and language.isascii() and language.islower():
        return None
    return f"language must be one of {', '.join(sorted(SPEAK_LANGUAGES))}, not {language[:40]!r}"


_SPEECH: Final = (required("payload", "voice"), _basic_speech, _speech_language)
_DIGITS: Final = ordered("minimum_digits", "maximum_digits")

RELATIONS: Final[Mapping[str, tuple[Relation, ...]]] = {
    "ai_assistant_join": (required("conversation_id", "participant"),),
    "answer": (_reply_codec, _silent_end_or_transcription),
    "bridge": (
        exactly_one("call_control_id", "queue", "video_room_id"),
        needs("video_room_context", "video_room_id"),
    ),
    "conversation_relay_start": (
        at_least_one("url", "conversation_relay_url", "conversation_relay_settings"),
        needs("provider", "structured_provider"),
        needs("structured_provider", "provider"),
    ),
    "dial": (
        required("connection_id", "from_", "to"),
        at_most_one("audio_url", "media_name"),
        needs("bridge_intent", "link_to"),
        needs("bridge_on_answer", "link_to"),
        needs("park_after_unbridge", "link_to"),
        _reply_codec,
        _silent_end_or_transcription,
    ),
    "enqueue": (required("queue_name"),),
    "fork_start": (required("rx", "tx"),),
    "gather": (_DIGITS,),
    "gather_using_ai": (required("parameters"),),
    "gather_using_audio": (
        exactly_one("audio_url", "media_name"),
        at_most_one("invalid_audio_url", "invalid_media_name"),
        _DIGITS,
    ),
    "gather_using_speak": (*_SPEECH, _DIGITS),
    "pay": (_amount_to_charge, at_most_one("payment_token", "valid_card_types")),
    "playback_start": (exactly_one("audio_url", "media_name", "playback_content"),),
    "record_start": (
        required("channels", "format"),
        ordered("transcription_min_speaker_count", "transcription_max_speaker_count"),
        _english_with_nova,
    ),
    "refer": (required("sip_address"),),
    "reject": (required("cause"),),
    "send_dtmf": (required("digits"),),
    "send_sip_info": (required("body", "content_type"),),
    "speak": _SPEECH,
    "streaming_start": (_somewhere_to_stream, _reply_codec),
    "switch_supervisor_role": (required("role"),),
    "transcription_start": (_one_engine,),
    "transfer": (required("to"), at_most_one("audio_url", "media_name")),
}


# The body

_STATES = frozenset({"client_state", "target_leg_client_state"})
_NULLS = frozenset({"client_state_update.client_state"})  # here None is not "not sent": it is the new state


def _json(value: object) -> object:
    """A copy of the value as JSON will see it, so that what a caller changes later does not change the command.

    Raises ValueError, without the value, for what JSON cannot hold.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        value.encode()  # a lone surrogate: UnicodeEncodeError is a ValueError
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {str(_json(key)): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    raise ValueError(kind(value))


def body(action: str, arguments: Mapping[str, object]) -> dict[str, object]:
    """The JSON body of an action from the arguments of its function; None is not sent.

    Raises ValueError whose message begins with the action and names the parameter.
    """
    params: dict[str, object] = {}
    for name, value in arguments.items():
        if value is None and f"{action}.{name}" not in _NULLS:
            continue
        if name in _STATES:
            try:
                params[name] = encode(value)
            except ValueError as error:
                raise ValueError(f"{action}: {name} must be a value that JSON can hold") from error
            continue
        check = PARAMETERS.get(f"{action}.{name}") or PARAMETERS[name]
        try:
            params[name] = _json(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{action}: {name}{check(value) or ' must be a value that JSON can hold'}") from error
        if wrong := check(params[name]):
            raise ValueError(f"{action}: {name}{wrong}")
    for relation in RELATIONS.get(action, ()):
        if wrong := relation(params):
            raise ValueError(f"{action}: {wrong}")
    if "from_" in params:
        params["from"] = params.pop("from_")
    return params
