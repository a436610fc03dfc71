"""Keyed digits, wherever they stand: the names that mean them, and how they are blanked. Values only.

A name means keyed digits in any spelling: `card_number`, `cardNumber`, `X-Card-Number`, `credit_card_number`. It may be
the key of an object, the `name` beside a `value`, a part of a URL's query, or stand in JSON that is itself a text, in
base64 (client_state) or not.
"""

import base64
import json
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

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
        "dtmf",
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
"""Names whose value a caller has keyed in (or is about to), in whatever event they stand."""

_SETTINGS = frozenset(
    {"duration", "length", "max", "maximum", "millis", "min", "minimum", "mode", "mute", "terminating", "timeout"}
    | {"type", "valid", "logging", "version", "count"}
)
"""With one of these words a name is that of a setting: `maximum_digits`, `dtmf_type`."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NAMED = re.compile(rf"_(?:{'|'.join(sorted(DIGIT_NAMES))}|cvc_?2|cvv_?2|pan|pincode)_")
_QUERY = re.compile(r"(?<![\w.-])(?P<name>[\w.-]{2,40})(?P<sign>=|%3[Dd]|:[ ]?(?!/))(?P<value>[^&;,\s\"'}]+)")
_LABELS = frozenset({"name", "key", "field", "parameter", "header"})
_SIGNAL = "signal"
"""In the body of a SIP INFO of type application/dtmf-relay: `Signal=5`."""

_LONGEST_NAME = 64
_SHORTEST_SPOKEN = 3
_LONGEST_SPOKEN = 128
"""Of a gather there are no more keys; what is longer is text, and is not spoken key by key."""

_BETWEEN = re.compile(r"[\s,.\-]+")
_compact = json.JSONEncoder(separators=(",", ":")).encode


@lru_cache(maxsize=4096)
def is_digit_name(name: str) -> bool:
    """Whether what has this name was keyed in."""
    if len(name) > _LONGEST_NAME:
        return False
    words = [word.lower() for word in _WORD.findall(name)]
    is_named = _NAMED.search(f"_{'_'.join(words)}_") or name.lower() in DIGIT_NAMES
    return bool(is_named) and _SETTINGS.isdisjoint(words)


def is_labelled(value: Mapping[Any, Any]) -> bool:
    """Whether the `value` beside this object's name, of a header for example, was keyed in."""
    if _LABELS.isdisjoint(value):
        return False
    return any(isinstance(label := value.get(at), str) and is_digit_name(label) for at in _LABELS)


def blank(value: Any) -> Any:
    """An x for each character; of an object or list, the same shape without its values. A container is changed."""
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


def named(value: Any, more_names: Collection[str] = ()) -> Iterator[tuple[Any, Any]]:
    """Every place at any depth that holds what was keyed in: the object or list that holds it, and its key or index.

    more_names: names that mean it as well, in lower case.
    """
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, list):
            pending.extend(item for item in current if isinstance(item, (dict, list)))
        elif isinstance(current, dict):
            hides_value = is_labelled(current)
            for key, item in current.items():
                if is_digit_name(key) or key.lower() in more_names or (hides_value and key.startswith("value")):
                    yield current, key
                elif isinstance(item, (dict, list)):
                    pending.append(item)


def without_hidden(text: str) -> str:
    """A text without the keyed digits in it: of JSON, of JSON in base64, of a query or header lines."""
    if text[:1] in ("{", "["):
        return _without_named(text) or text
    inside = _decoded(text)
    if inside is not None:
        blanked = _without_named(inside)
        return text if blanked is None else base64.b64encode(blanked.encode()).decode()
    return _QUERY.sub(_without_value, text) if "=" in text or ":" in text or "%3" in text else text


@lru_cache(maxsize=256)
def hides_digits(text: str) -> bool:
    """Whether a text holds keyed digits: a client_state or what a command speaks, of which the same few come again."""
    return without_hidden(text) != text


def _without_value(found: re.Match[str]) -> str:
    name = found["name"]
    is_named = is_digit_name(name) or name.lower() == _SIGNAL
    return f"{name}{found['sign']}{'x' * len(found['value'])}" if is_named else found[0]


def _without_named(text: str) -> str | None:
    """JSON without keyed digits; None when there are none in it, and for what is not JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    places = list(named(value))
    for holder, place in places:
        holder[place] = blank(holder[place])
    hidden = blank_hidden(value)
    return _compact(value) if places or hidden else None


def _decoded(text: str) -> str | None:
    if len(text) < 8 or len(text) % 4 or text[0] not in "eWI":  # of {, [ and a blank in base64
        return None
    try:
        inside = base64.b64decode(text, validate=True).decode()
    except ValueError:
        return None
    return inside if inside.lstrip()[:1] in ("{", "[") else None


def blank_hidden(value: Any) -> bool:
    """Blank what is hidden in the texts of an object or list, at any depth; whether there was anything."""
    has_changed = False
    pending = [value]
    while pending:
        current = pending.pop()
        items: Any = ()
        if isinstance(current, dict):
            items = list(current.items())
        elif isinstance(current, list):
            items = list(enumerate(current))
        for place, item in items:
            if isinstance(item, (dict, list)):
                pending.append(item)
            elif isinstance(item, str) and (stored := without_hidden(item)) != item:
                current[place] = stored
                has_changed = True
    return has_changed


def without_spoken(text: str, keyed: Collection[str], *, shortest: int = _SHORTEST_SPOKEN) -> str:
    """A text without what was keyed in, also where it is spoken key by key, or stands in a client_state.

    shortest: what has fewer characters stays, because it stands in every number.
    """
    spoken = [value for value in keyed if len(value) >= shortest]
    if not spoken:
        return text
    inside = _decoded(text)
    blanked = text if inside is None else inside
    together = _BETWEEN.sub("", blanked)
    for value in spoken:
        if len(value) > _LONGEST_SPOKEN:
            blanked = blanked.replace(value, "x" * len(value))
        elif _BETWEEN.sub("", value) in together:
            pattern = r"[\s,.\-]*".join(map(re.escape, value))
            blanked = re.sub(pattern, lambda found: "x" * len(found[0]), blanked)
    if inside is None:
        return blanked
    return text if blanked == inside else base64.b64encode(blanked.encode()).decode()
