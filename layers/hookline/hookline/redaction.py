"""Blanks what callers key in, before anything is stored: it may be a card number. Values only.

Every signed JSON is blanked, whatever its type or shape: events of the journal, of the queues and of quarantine. Names
that mean keyed digits everywhere are blanked at any depth; names that mean something else in other events (the `result`
of answering-machine detection) only in the event types listed. Source: developers.telnyx.com, callbacks of
gather_using_ai, payment and conference events; the official SDK's event types.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from hookline.events import DTMF_EVENT, json_decoder, parse_json
from hookline.keyed_digits import blank, blank_hidden, hides_digits, is_digit_name, named

AMBIGUOUS_NAMES = frozenset(
    {
        "arguments",
        "content",
        "entered",
        "input",
        "inputs",
        "key",
        "keys",
        "message",
        "message_history",
        "messages",
        "parameters",
        "partial_results",
        "pressed",
        "result",
        "results",
        "speech",
        "text",
        "tone",
        "tones",
        "transcript",
        "value",
        "values",
    }
)
AMBIGUOUS_IN = frozenset(
    {"analyzed", "assistant", "conversation", "dtmf", "gather", "insight", "insights", "pay", "payment", "tool"}
)
"""Words of the event types in which those keys hold what a caller has keyed in or spelled out."""

_KEYED_IN = frozenset({"dtmf", "gather", "pay", "payment"})
"""Words of the event types in which a text of nothing but keys is taken for keyed in, whatever its name."""

_NOT_KEYED = ("_id", "_at", "_time", "from", "to", "attempt", "id")
_KEYS_ALONE = re.compile(r"[0-9A-D*#]([0-9A-D*#wW ,-]*[0-9A-D*#])?", re.ASCII)

_DIGIT = b"digit"
_BLANK_DIGITS = bytes.maketrans(b"0123456789", b"x" * 10)
_HINTS = (
    *b"account card cvc cvv expiration expiry pan pin postal routing security_c security-c securityc signal=".split(),
    *(b"dtmf=", b"dtmf:", b"dtmf%3", b"dtmf\\"),  # alone it stands in the type of each press of a key
)
"""In a text that names keyed digits, in lower case, stands one of these. A presigned link has none of them."""

_BASE64_OBJECT = b'"eyJ'

_MOST_NAMES = 300
_WORD = re.compile(r"[a-z0-9]+")
_compact = json.JSONEncoder(separators=(",", ":")).encode


class Parsed(NamedTuple):
    """The JSON value of a body, and whether it may hold keyed digits.

    has_digit_names: some object in it has a key that means them. may_hide_digits: a text may. has_twin_keys: some
    object has a key twice; of the two values the parser drops one, and the bytes hold both.
    """

    body: bytes
    value: Any
    has_digit_names: bool
    may_hide_digits: bool
    has_twin_keys: bool


class _Reader:
    """A JSON decoder that notes the keys of its objects, and how many stood there; one body at a time."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.pair_count = 0
        self.decode = json_decoder(object_pairs_hook=self._object_of).decode

    def _object_of(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        self.names += value
        self.pair_count += len(pairs)
        return value


_reader = _Reader()


def parse(body: bytes) -> Parsed:
    """The JSON value of a body, looked through while it is parsed. Raises Unreadable."""
    _reader.names, _reader.pair_count = [], 0
    value = parse_json(body, _reader.decode)
    names = _reader.names
    has_names, digit_count = _digit_names(tuple(names)) if len(names) <= _MOST_NAMES else (True, 0)
    may_hide = _may_hide(body, value, digit_count)
    return Parsed(body, value, has_names, may_hide, has_twin_keys=len(names) < _reader.pair_count)


@lru_cache(maxsize=256)
def _digit_names(names: tuple[str, ...]) -> tuple[bool, int]:
    """Whether some of these names mean keyed digits, and how often "digit" stands in them.

    The events of a type have the same names, in the same order.
    """
    is_label = any(name.startswith("value") for name in names)
    return is_label or any(map(is_digit_name, names)), sum(name.lower().count("digit") for name in names)


def _may_hide(body: bytes, value: Any, digit_count: int) -> bool:
    """Whether a text in a body may hide keyed digits: it names them somewhere, or its client_state does.

    digit_count: how often "digit" stands in the keys of its objects.
    """
    data = value.get("data") if isinstance(value, dict) else None
    payload = data.get("payload") if isinstance(data, dict) else None
    state = payload.get("client_state") if isinstance(payload, dict) else None
    state = state if isinstance(state, str) else ""
    if state and hides_digits(state):
        return True
    lowered = body.lower()
    if lowered.count(_DIGIT) > digit_count or body.count(_BASE64_OBJECT) > bool(state):
        return True
    return any(hint in lowered for hint in _HINTS)


def redact(parsed: Parsed, *, event_type: str, acting_digits: str = "") -> bytes | None:
    """The body without keyed digits; None when there are none to blank, so that it is stored as received.

    parsed.value is left alone: its event is decided with the digits. event_type: as the envelope spells it, "" when
    there is none.
    acting_digits: the single keys that the call's flow acts on; a `call.dtmf.received` with one of them is not blanked.
    """
    is_about_keys = bool(_words_of(event_type) & AMBIGUOUS_IN)
    if not (parsed.has_digit_names or parsed.may_hide_digits or parsed.has_twin_keys or is_about_keys):
        return None
    places = _places(parsed.value, event_type)
    is_acting = event_type == DTMF_EVENT and len(places) == 1 and _is_acting(*places[0], acting_digits)
    if not (parsed.may_hide_digits or parsed.has_twin_keys) and (is_acting or not places):
        return None
    value = json.loads(parsed.body)
    places = [] if is_acting else _places(value, event_type)
    for holder, place in places:
        holder[place] = blank(holder[place])
    has_hidden = parsed.may_hide_digits and blank_hidden(value)
    return _compact(value).encode() if places or has_hidden or parsed.has_twin_keys else None


def without_digits(body: bytes) -> bytes:
    """An x for each digit, whatever it belongs to."""
    return body.translate(_BLANK_DIGITS)


def keyed_in(payload: Mapping[str, Any], event_type: str) -> list[str]:
    """The keyed digits, as texts, longest first, of an event's payload as it was received."""
    found: set[str] = set()
    pending = [holder[place] for holder, place in _places(payload, event_type)]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
        elif value is not None and str(value):
            found.add(str(value))
    return sorted(found, key=len, reverse=True)


@lru_cache(maxsize=256)
def _words_of(event_type: str) -> frozenset[str]:
    return frozenset(_WORD.findall(event_type.lower()))


def _places(value: Any, event_type: str) -> list[tuple[Any, Any]]:
    """The places in JSON that hold what was keyed in, each once: the object or list, and the key or index."""
    words = _words_of(event_type)
    places = list(named(value, AMBIGUOUS_NAMES if words & AMBIGUOUS_IN else ()))
    found = {(id(holder), place): (holder, place) for holder, place in places if holder[place] not in (None, "")}
    if words & _KEYED_IN:
        found |= {(id(holder), place): (holder, place) for holder, place in _keys_alone(value)}
    return list(found.values())


def _keys_alone(value: Any) -> Iterator[tuple[Any, Any]]:
    """The places of texts of nothing but keys, at any depth; without ids, times and numbers of telephones."""
    pending = [value]
    while pending:
        current = pending.pop()
        items: Any = ()
        if isinstance(current, dict):
            items = [(key, item) for key, item in current.items() if not key.lower().endswith(_NOT_KEYED)]
        elif isinstance(current, list):
            items = enumerate(current)
        for place, item in items:
            if isinstance(item, (dict, list)):
                pending.append(item)
            elif isinstance(item, str) and _KEYS_ALONE.fullmatch(item):
                yield current, place


def _is_acting(holder: dict[str, Any], name: str, acting_digits: str) -> bool:
    digit = holder[name]
    return name == "digit" and isinstance(digit, str) and len(digit) == 1 and digit in acting_digits


def event_type_of(value: Any) -> str:
    """The event type in JSON that is not an event, of whatever shape; "" without one."""
    shapes = [value, value.get("data")] if isinstance(value, dict) else []
    found = [shape.get("event_type") for shape in shapes if isinstance(shape, dict)]
    return next((event_type for event_type in found if isinstance(event_type, str)), "")
