"""Blanks what callers key in, before anything is stored: it may be a card number. Values only.

Every signed JSON is blanked, whatever its type or shape: events of the journal, of the queues and of quarantine. Names
that mean keyed digits everywhere are blanked at any depth; names that mean something else in other events (the `result`
of answering-machine detection) only in the event types listed. Source: developers.telnyx.com, callbacks of
gather_using_ai, payment and conference events; the official SDK's event types.
"""

import json
from collections.abc import Iterator
from typing import Any

from hookline.events import DTMF_EVENT

DIGIT_NAMES = frozenset(
    {
        "account_number",
        "bank_account_number",
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
AMBIGUOUS_IN = ("call.ai_gather.", "call.payment.", "call_ai_gather", "call_payment", "call.conversation")
"""Beginnings of the event types in which those keys hold what a caller has keyed in or spelled out."""

_HINTS = (
    *(b"digit", b"card_", b"cvc", b"cvv", b'"pin"', b"account_number", b'"expir'),
    *(b"postal_code", b"routing_number", b"security_code"),
)
"""Each name above contains one of these: a body without any of them, and without an escape, holds nothing to blank."""

_compact = json.JSONEncoder(separators=(",", ":")).encode


def redact(body: bytes, envelope: Any, *, event_type: str, acting_digits: str = "") -> bytes | None:
    """The body without keyed digits; None when there was nothing to blank, so that it is stored as received.

    envelope: the JSON value of the body. event_type: as the envelope spells it, "" when there is none.
    acting_digits: the single keys that the call's flow acts on; a `call.dtmf.received` with one of them is not blanked.

    It is encoded again even when no value changes: a key that stands there twice is read once.
    """
    ambiguous = event_type.startswith(AMBIGUOUS_IN)
    if not ambiguous and b"\\" not in body:
        lowered = body.lower()
        if not any(hint in lowered for hint in _HINTS):
            return None
    names = DIGIT_NAMES | AMBIGUOUS_NAMES if ambiguous else DIGIT_NAMES
    found = [(holder, name) for holder, name in _named(envelope, names) if holder[name] not in (None, "")]
    if event_type == DTMF_EVENT and len(found) == 1 and _is_acting(*found[0], acting_digits):
        return None if body.count(b"digit") == 1 and b"\\" not in body else _compact(envelope).encode()
    if not found:
        return None if not any(True for _ in _named(envelope, names)) else _compact(envelope).encode()
    for holder, name in found:
        holder[name] = _blank(holder[name])
    return _compact(envelope).encode()


def _is_acting(holder: dict[str, Any], name: str, acting_digits: str) -> bool:
    digit = holder[name]
    return name == "digit" and isinstance(digit, str) and len(digit) == 1 and digit in acting_digits


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
    if isinstance(value, dict):
        return {key: _blank(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_blank(item) for item in value]
    return value if value is None else "x" * len(str(value))
