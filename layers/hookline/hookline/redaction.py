"""Blanks what callers key in, before anything is stored: it may be a card number. Values only.

Every signed JSON is blanked, whatever its type or shape: events of the journal, of the queues and of quarantine. Names
that mean keyed digits everywhere are blanked at any depth; names that mean something else in other events (the `result`
of answering-machine detection) only in the event types listed. Source: developers.telnyx.com, callbacks of
gather_using_ai, payment and conference events; the official SDK's event types.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from hookline.events import DTMF_EVENT, parse_json

DIGIT_NAMES = frozenset(
    {
        "account_number",
        "bank_account_number",
        "bank_routing_number",
        "card_number",
        "card_verification_code",
        "cvc",
        "cvv",
        "digit",
        "digits",
        "dtmf_digits",
        "expiration_date",
        "expiry_date",
        "payment_card_number",
        "payment_card_postal_code",
        "pin",
        "postal_code",
        "routing_number",
        "security_code",
        "send_digits",
        "send_digits_on_answer",
    }
)
"""Keys whose value a caller has keyed in (or is about to), in whatever event they stand."""

AMBIGUOUS_NAMES = frozenset({"dtmf", "message", "message_history", "messages", "partial_results", "result", "results"})
AMBIGUOUS_IN = (
    "call.ai_gather.",
    "call.payment.",
    "call_ai_gather",
    "call_payment",
    "call.conversation",
    "call.analyzed",
)
"""Beginnings of the event types in which those keys hold what a caller has keyed in or spelled out."""

_compact = json.JSONEncoder(separators=(",", ":")).encode


class Parsed(NamedTuple):
    """The JSON value of a body, and whether it may hold keyed digits.

    has_digit_names: some object in it has a key of DIGIT_NAMES, in whatever case. has_twin_keys: some object has a key
    twice; of the two values the parser drops one, and the bytes hold both.
    """

    body: bytes
    value: Any
    has_digit_names: bool
    has_twin_keys: bool


class _Reader:
    """A JSON decoder that notes the keys of its objects, and how many stood there; one body at a time."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.pair_count = 0
        self.decode = json.JSONDecoder(object_pairs_hook=self._object_of).decode

    def _object_of(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        self.names += value
        self.pair_count += len(pairs)
        return value


_DISJOINT = DIGIT_NAMES.isdisjoint
_reader = _Reader()


def parse(body: bytes) -> Parsed:
    """The JSON value of a body, looked through while it is parsed. Raises Unreadable."""
    _reader.names, _reader.pair_count = [], 0
    value = parse_json(body, _reader.decode)
    names = _reader.names
    has_digit_names = not _DISJOINT(names) or (bool(names) and not "".join(names).islower())
    return Parsed(body, value, has_digit_names, has_twin_keys=len(names) < _reader.pair_count)


def redact(parsed: Parsed, *, event_type: str, acting_digits: str = "") -> bytes | None:
    """The body without keyed digits; None when there are none to blank, so that it is stored as received.

    parsed.value is left alone: its event is decided with the digits. event_type: as the envelope spells it, "" when
    there is none.
    acting_digits: the single keys that the call's flow acts on; a `call.dtmf.received` with one of them is not blanked.
    """
    ambiguous = event_type.startswith(AMBIGUOUS_IN)
    if not (parsed.has_digit_names or parsed.has_twin_keys or ambiguous):
        return None
    names = DIGIT_NAMES | AMBIGUOUS_NAMES if ambiguous else DIGIT_NAMES
    found = _filled(parsed.value, names)
    is_acting = event_type == DTMF_EVENT and len(found) == 1 and _is_acting(*found[0], acting_digits)
    if not parsed.has_twin_keys and (is_acting or not found):
        return None
    value = json.loads(parsed.body)
    for holder, name in [] if is_acting else _filled(value, names):
        holder[name] = _blank(holder[name])
    return _compact(value).encode()


def _is_acting(holder: dict[str, Any], name: str, acting_digits: str) -> bool:
    digit = holder[name]
    return name == "digit" and isinstance(digit, str) and len(digit) == 1 and digit in acting_digits


def _filled(value: Any, names: frozenset[str]) -> list[tuple[dict[str, Any], str]]:
    """Those places of `_named` that hold anything."""
    return [(holder, name) for holder, name in _named(value, names) if holder[name] not in (None, "")]


def _named(value: Any, names: frozenset[str]) -> Iterator[tuple[dict[str, Any], str]]:
    """Every place at any depth where a key is in names: the object that holds it, and the key."""
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            for key, item in current.items():
                if key.lower() in names:
                    yield current, key
                elif isinstance(item, (dict, list)):
                    pending.append(item)
        elif isinstance(current, list):
            pending.extend(item for item in current if isinstance(item, (dict, list)))


def _blank(value: Any) -> Any:
    """An x for each character; of an object or list, the same shape without its values."""
    pending = [value]
    while pending:
        container = pending.pop()
        places: Any = ()
        if isinstance(container, dict):
            places = container.keys()
        elif isinstance(container, list):
            places = range(len(container))
        for place in places:
            if isinstance(container[place], (dict, list)):
                pending.append(container[place])
            else:
                container[place] = _blank_scalar(container[place])
    return value if isinstance(value, (dict, list)) else _blank_scalar(value)


def _blank_scalar(value: Any) -> Any:
    return value if value is None else "x" * len(str(value))


def event_type_of(value: Any) -> str:
    """The event type in JSON that is not an event, of whatever shape; "" without one."""
    shapes = [value, value.get("data")] if isinstance(value, dict) else []
    found = [shape.get("event_type") for shape in shapes if isinstance(shape, dict)]
    return next((event_type for event_type in found if isinstance(event_type, str)), "")
