"""The API v2 event as Telnyx sends it. Values only; the standard library is all it needs.

An event type stays a string, because Telnyx adds types, and the payload stays as received, because Telnyx adds keys.
Source: developers.telnyx.com, "Receiving webhooks" (envelope), Voice API webhooks (payloads).
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hookline.client_state import decode_for_flow, name_and_key_of
from hookline.errors import Unreadable

UNKNOWN_TIME = "1970-01-01T00:00:00.000000Z"

DTMF_EVENT = "call.dtmf.received"
TRANSCRIPTION_EVENT = "call.transcription"

_FIXED_WIDTH_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_LONGEST_IDENTIFIER = 512


class Identity(NamedTuple):
    """The ids by which an event names its call. Each may be missing; `partition` is the best of those there are."""

    call_leg_id: str | None
    call_control_id: str | None
    call_session_id: str | None
    event_id: str

    @property
    def partition(self) -> str:
        """Its partition in the journal: by leg, else by control id, else by session, else alone."""
        if self.call_leg_id:
            return f"LEG#{self.call_leg_id}"
        if self.call_control_id:
            return f"CONTROL#{self.call_control_id}"
        if self.call_session_id:
            return f"SESSION#{self.call_session_id}"
        return f"EVENT#{self.event_id}"

    @property
    def any_id(self) -> str:
        """The best of the ids there are: the one by which Journal.read finds the call again."""
        return self.call_leg_id or self.call_control_id or self.call_session_id or self.event_id


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on a call, as Telnyx reports it.

    occurred_at: UTC, always `YYYY-MM-DDTHH:MM:SS.ffffffZ`, so that text order is time order.
    payload: as received; every key may be missing, null or of another type than documented.
    attempt: of this delivery, not of the event, so it does not count when events are compared; None when the
        envelope has none.
    """

    id: str
    type: str
    occurred_at: str
    payload: Mapping[str, Any]
    attempt: int | None = field(default=None, compare=False)
    _identity: Identity | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def call_leg_id(self) -> str | None:
        """The leg; None when the payload does not carry it."""
        return self.identity.call_leg_id

    @property
    def call_control_id(self) -> str | None:
        """The address of commands to this leg; None when the payload does not carry it."""
        return self.identity.call_control_id

    @property
    def call_session_id(self) -> str | None:
        """The conversation that the leg is part of; None when the payload does not carry it."""
        return self.identity.call_session_id

    @property
    def identity(self) -> Identity:
        """Every id by which the event names its call."""
        if self._identity is None:  # asked for a dozen times per webhook
            leg, control, session = map(self.payload.get, ("call_leg_id", "call_control_id", "call_session_id"))
            identity = Identity(identifier(leg), identifier(control), identifier(session), self.id)
            object.__setattr__(self, "_identity", identity)
        return self._identity  # type: ignore[return-value]

    @property
    def client_state(self) -> Any:
        """The value that the flow's last command left on the leg; None without one or when it is not ours."""
        return decode_for_flow(self.payload.get("client_state")).state

    @property
    def flow(self) -> str | None:
        """The name of the flow that decides on this leg; None when no command of ours has named one."""
        text = self.payload.get("client_state")
        return name_and_key_of(text)[0] if isinstance(text, str) else None

    @property
    def placed(self) -> str | None:
        """The key under which the leg counts as a live call, when it was placed here; see hookline.limits."""
        text = self.payload.get("client_state")
        return name_and_key_of(text)[1] if isinstance(text, str) else None


def _finite(text: str) -> float | None:
    """Python reads NaN, Infinity and 1e400 as numbers and writes them; no other reader of JSON would take them."""
    value = float(text)
    return value if math.isfinite(value) else None


def json_decoder(**hooks: Any) -> json.JSONDecoder:
    """A decoder for which a number that JSON cannot write is null. hooks: as json.JSONDecoder takes them."""
    return json.JSONDecoder(parse_constant=_finite, parse_float=_finite, **hooks)


_decode = json_decoder().decode


def identifier(value: object) -> str | None:
    """An id as Telnyx writes them: 1 to 512 printable ASCII characters; None for anything else.

    "." and ".." are refused too: an id becomes part of a path.
    """
    if type(value) is str and value.isascii() and value.isprintable() and 0 < len(value) <= _LONGEST_IDENTIFIER:
        return value if value.strip(".") else None
    return None


def parse_event(body: bytes) -> Event:
    """The event in the body of a verified request.

    Raises Unreadable as `parse_json` and `event_of_envelope` do.
    """
    return event_of_envelope(parse_json(body))


def parse_json(body: bytes, decode: Callable[[str], Any] = _decode) -> Any:
    """The JSON value of a body. Raises Unreadable with the likely cause: not UTF-8, not JSON, a TeXML callback."""
    try:
        return decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Unreadable("the body is not UTF-8 text") from error
    except RecursionError as error:
        raise Unreadable("the body is JSON nested too deeply to read") from error
    except ValueError as error:
        raise Unreadable(_why_not_json(body)) from error


def event_of_envelope(envelope: object) -> Event:
    """The event in an API v2 envelope.

    Raises Unreadable with the likely cause otherwise: an API v1 delivery, a body as the portal's debugger shows it, an
    event of another product, JSON of some other kind.
    """
    data = envelope.get("data") if isinstance(envelope, dict) else None
    if not isinstance(data, dict):
        raise Unreadable(_why_not_an_event(envelope))
    event_id, event_type = identifier(data.get("id")), identifier(data.get("event_type"))
    if event_id is None or event_type is None:
        raise Unreadable("data.id or data.event_type is missing or is not a valid identifier")
    payload = data.get("payload")
    meta = envelope.get("meta") if isinstance(envelope, dict) else None
    attempt = meta.get("attempt") if isinstance(meta, dict) else None
    return Event(
        id=event_id,
        type=event_type,
        occurred_at=normalise_timestamp(data.get("occurred_at")),
        payload=payload if isinstance(payload, dict) else {},
        attempt=attempt if type(attempt) is int else None,
    )


def normalise_timestamp(value: object) -> str:
    """An ISO-8601 timestamp in UTC with microseconds, so that timestamps compare as text.

    Telnyx writes microseconds and `Z`; other spellings are converted. Anything else becomes 1970-01-01: the event is
    still journalled, and its key stays the same however often it is delivered.
    """
    if not isinstance(value, str):
        return UNKNOWN_TIME
    try:
        parsed = datetime.fromisoformat(value)
        if _FIXED_WIDTH_TIME.fullmatch(value):
            return value
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=UTC)
        return parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").zfill(len(UNKNOWN_TIME))
    except (ValueError, OverflowError):
        return UNKNOWN_TIME


def known_timestamp(value: object) -> str | None:
    """The same; None for what is not a timestamp."""
    normalised = normalise_timestamp(value)
    return None if normalised == UNKNOWN_TIME else normalised


def ids_of(event: Event) -> dict[str, Any]:
    """The ids that stand in every log line about a call."""
    leg, control, session, event_id = event.identity
    return {
        "event_id": event_id,
        "event_type": event.type,
        "call_leg_id": leg,
        "call_session_id": session,
        "call_control_id": None if leg else control,
    }


def seconds_between(first: str, second: str) -> float:
    """Seconds from the first timestamp to the second, both as `fixed_width` writes them; negative when it is before."""
    return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()


def _why_not_json(body: bytes) -> str:
    if b"CallSid=" in body:
        return "the body is a TeXML callback: this number is on a TeXML application, it needs a Voice API application"
    return "the body is not JSON"


def _why_not_an_event(envelope: object) -> str:
    """The likely reason why JSON is not an API v2 event; the shapes are those of developers.telnyx.com."""
    if not isinstance(envelope, dict):
        return "the body is JSON but not an object"
    event_type = envelope.get("event_type")
    if isinstance(event_type, str) and "webhook_id" in envelope:
        return "the body is an event as the portal's debugger shows it, without its envelope: send the delivery itself"
    if isinstance(event_type, str) and "." not in event_type and {"created_at", "payload"} <= envelope.keys():
        return "the body is an API v1 event: set webhook_api_version to 2 on the Voice API application"
    if isinstance(event_type, str):
        return "the body is an event of another Telnyx product, without the envelope of the Voice API"
    return "the body is JSON without a data object"
