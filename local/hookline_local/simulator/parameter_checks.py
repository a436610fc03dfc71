"""Checks of one parameter: each takes a JSON pointer and a value, and raises ApiError. Below the tables that use them.

Codes are those of Telnyx's "API errors" page where it has one for the parameter.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address
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
    "call.siprec.failed call.ai_gather.ended call.ai_gather.message_history_updated call.ai_gather.partial_results "
    "call.analyzed call.conversation.created call.conversation.ended call.conversation.start_failed "
    "call.conversation_insights.generated call.deepfake_detection.error call.deepfake_detection.result "
    "call.machine.premium.call_screening.detected call.machine.premium.detection.started call.payment.completed "
    "call.payment.progress call.sip_info.received siprec.started siprec.stopped siprec.failed".split()
)
LANGUAGES = (
    "arb cmn-CN cy-GB da-DK de-DE en-AU en-GB en-GB-WLS en-IN en-US es-ES es-MX es-US fr-CA fr-FR hi-IN is-IS it-IT "
    "ja-JP ko-KR nb-NO nl-NL pl-PL pt-BR pt-PT ro-RO ru-RU sv-SE tr-TR".split()
)
VOICE = re.compile(
    r"male|female|(?i:ElevenLabs)|"
    r"(?i:AWS|Polly|Azure|Telnyx|ElevenLabs|Minimax|Resemble|Inworld|FishAudio|Soniox|xAI|Humain|Rime)\..+"
)
"""A provider, a model and a voice; the documentation also has ElevenLabs alone, and Polly without its AWS."""
E164 = re.compile(r"\+[1-9]\d{1,14}")
DIGITS_AFTER = re.compile(r",[0-9A-D*#wW,]+")
"""Digits behind a number, which are played when it answers, as in `+18004247767,200`."""


def flag(pointer: str, value: object) -> None:
    """true or false."""
    if not isinstance(value, bool):
        raise ApiError("10015", "Must be true or false.", pointer=pointer)


def anything(pointer: str, value: object) -> None:
    """Unchecked: the simulator does not use it."""


def party(pointer: str, value: object) -> None:
    """A phone number in +E.164 or a SIP URI."""
    if not isinstance(value, str) or not (E164.fullmatch(value) or re.fullmatch(r"sips?:[^\s@]+@[^\s@]+", value)):
        raise ApiError("10016", "Must be a phone number in +E.164 format or a SIP URI.", pointer=pointer)


def callee(pointer: str, value: object) -> None:
    """The same; behind a number digits may follow."""
    number, comma, digits = value.partition(",") if isinstance(value, str) and value[:1] == "+" else (value, "", "")
    party(pointer, number)
    if comma and not DIGITS_AFTER.fullmatch(comma + digits):
        raise ApiError("10016", "After the comma only digits may follow.", pointer=pointer)


def callees(pointer: str, value: object) -> None:
    """One callee, or several without digits behind them."""
    if not isinstance(value, list) or not value:
        callee(pointer, value)
        return
    for number in value:
        party(pointer, number)


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
name = text()


def datagram_address(pointer: str, value: object) -> None:
    """udp:ip:port, an IPv6 address in brackets."""
    match = re.fullmatch(r"udp:(?:\[([0-9a-fA-F:.]+)\]|([\d.]+)):(\d{1,5})", value) if isinstance(value, str) else None
    try:
        if match is None or not 0 < int(match[3]) < 65_536:
            raise ValueError
        IPv6Address(match[1]) if match[1] else IPv4Address(match[2])
    except ValueError:
        raise ApiError("10015", "Must be udp:ip:port.", pointer=pointer) from None


def fields(*required: str, **checks: Check) -> Check:
    """An object. required: the keys that must be there. Keys without a check are not looked at."""

    def check(pointer: str, value: object) -> None:
        if not isinstance(value, dict):
            raise ApiError("10015", "Must be an object.", pointer=pointer)
        for key in required:
            if key not in value:
                raise ApiError("10004", f"{key} is required.", pointer=f"{pointer}/{key}")
        for key, given in value.items():
            if key in checks:
                checks[key](f"{pointer}/{key}", given)

    return check


def array(item: Check) -> Check:
    """A list, each of whose items passes the check."""

    def check(pointer: str, value: object) -> None:
        if not isinstance(value, list):
            raise ApiError("10015", "Must be an array.", pointer=pointer)
        for index, given in enumerate(value):
            item(f"{pointer}/{index}", given)

    return check


def number(low: float, high: float | None = None) -> Check:
    """A number, both ends included."""

    def check(pointer: str, value: object) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ApiError("10015", "Must be a number.", pointer=pointer)
        if value < low or (high is not None and value > high):
            raise ApiError("10033", f"Must be {low} to {'any number' if high is None else high}.", pointer=pointer)

    return check
