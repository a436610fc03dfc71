"""The kinds of check a parameter can have: a word of a list, a whole number, a text, a list, a mapping.

Each function here makes a check. A check takes a value and returns None, or the end of a sentence that starts with
the parameter's name: " must be ...", or "[0].name must be ..." for something inside it. Numbers, and words given for
a closed list, are quoted in that sentence. Other text is not: it may be words spoken on the phone, a digit that was
pressed, or a token.
"""

import math
from collections.abc import Callable

Check = Callable[[object], str | None]

_LARGE = 2**31 - 1


def kind(value: object) -> str:
    """The name of a value's type in a message."""
    return type(value).__name__


def one_of(*allowed: object) -> Check:
    """One of a closed list of words or whole numbers, the type included: neither True nor 1.0 passes for 1."""
    listed = ", ".join(str(word) for word in allowed)

    def check(value: object) -> str | None:
        if isinstance(value, str):
            return None if value in allowed else f" must be one of {listed}, not {value[:40]!r}"
        if isinstance(value, int) and not isinstance(value, bool):
            return None if value in allowed else f" must be one of {listed}, not {_shown(value)}"
        return f" must be one of {listed}, not a {kind(value)}"

    return check


def flag(value: object) -> str | None:
    """True or False, not what Python would take for them."""
    return None if isinstance(value, bool) else f" must be True or False, not a {kind(value)}"


def whole(low: int, high: int = _LARGE) -> Check:
    """An int (not a bool) from low to high, both included."""

    def check(value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return f" must be a whole number from {low} to {high}, not a {kind(value)}"
        return None if low <= value <= high else f" must be a whole number from {low} to {high}, not {_shown(value)}"

    return check


def number(low: float = -math.inf, high: float = math.inf, *, above: float = -math.inf) -> Check:
    """An int or float (not a bool) from low to high, both included, and greater than `above`."""
    expected = (
        f" must be a number above {above:g}" if above > -math.inf else f" must be a number from {low:g} to {high:g}"
    )

    def check(value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{expected}, not a {kind(value)}"
        return None if low <= value <= high and value > above else f"{expected}, not {_shown(value)}"

    return check


def _shown(value: float) -> str:
    return str(value) if -_LARGE <= value <= _LARGE else "one that large"


def text(low: int = 1, high: int | None = None) -> Check:
    """Text of low to high characters, both included."""
    expected = f"{low} to {high} characters" if high is not None else "text that is not empty" if low else "text"

    def check(value: object) -> str | None:
        if not isinstance(value, str):
            return f" must be {expected}, not a {kind(value)}"
        if len(value) < low or (high is not None and len(value) > high):
            return f" must be {expected}, not {len(value)} characters"
        return None

    return check


def text_that(fits: Callable[[str], bool], expected: str, *, high: int | None = None) -> Check:
    """Text with a form of its own; expected: the name of that form in a message."""

    def check(value: object) -> str | None:
        if not isinstance(value, str):
            return f" must be {expected}, not a {kind(value)}"
        if high is not None and len(value) > high:
            return f" must have at most {high} characters, not {len(value)}"
        return None if fits(value) else f" must be {expected}"

    return check


def every(check: Check, *, low: int = 0, high: int | None = None) -> Check:
    """A list of low to high items, both included, each of which passes the check."""

    def check_list(value: object) -> str | None:
        if not isinstance(value, list):
            return f" must be a list, not a {kind(value)}"
        if len(value) < low:
            return f" must have at least {low} items, not {len(value)}"
        if high is not None and len(value) > high:
            return f" must have at most {high} items, not {len(value)}"
        return next((f"[{at}]{wrong}" for at, item in enumerate(value) if (wrong := check(item))), None)

    return check_list


def mapping(required: tuple[str, ...] = (), /, **known: Check) -> Check:
    """A dict with these keys. Other keys pass: Telnyx adds some faster than we read about them."""

    def check(value: object) -> str | None:
        if not isinstance(value, dict):
            return f" must be a mapping, not a {kind(value)}"
        if missing := next((name for name in required if value.get(name) is None), None):
            return f".{missing} is required"
        return next((f".{key}{wrong}" for key, item in value.items() if (wrong := _known(known, key, item))), None)

    return check


def _known(known: dict[str, Check], key: str, item: object) -> str | None:
    check = known.get(key)
    return check(item) if check else None


def mapping_of(check: Check) -> Check:
    """A dict of whatever keys (an event type, a keyword) whose every value passes the check."""

    def check_values(value: object) -> str | None:
        if not isinstance(value, dict):
            return f" must be a mapping, not a {kind(value)}"
        return next((f"[{key!r}]{wrong}" for key, item in value.items() if (wrong := check(item))), None)

    return check_values
