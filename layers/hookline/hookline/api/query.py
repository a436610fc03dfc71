"""The parameters of a query: read, checked, and refused with a pointer each. Values only."""

import base64
import json
import re
from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any, TypeVar

from hookline.api.problem import Fault, Problem
from hookline.events import identifier

Value = TypeVar("Value")

LAST = "last"
"""In place of an id, for reading: the newest call."""

STATUSES = ("unknown", "ringing", "answered", "ended")
DIRECTIONS = ("incoming", "outgoing")

FIRST_YEAR = 2000
_A_DATE = "must be a date such as 2026-11-25"
_LONGEST_CURSOR = 4096
_NUMBER = re.compile(r"\+[0-9]{1,15}|sips?:[!-~]{1,250}|[A-Za-z0-9_.-]{1,64}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)


class Query:
    """Reads the parameters one by one and collects what is wrong with them; `finish` raises it all at once."""

    def __init__(self, given: Mapping[str, str], allowed: Collection[str]) -> None:
        """given: name to text. allowed: the names that exist."""
        self._given = given
        self._faults = [
            Fault(f"?{name[:64]}", "is not a parameter of this route") for name in given if name not in allowed
        ]

    def day(self, name: str) -> str | None:
        """A date, `YYYY-MM-DD`."""
        return self._read(name, _day, _A_DATE)

    def number(self, name: str) -> str | None:
        """A phone number or SIP URI; a `+` that was sent unescaped arrives as a blank."""
        return self._read(name, _number, "must be a number such as %2B12025550123, or a SIP URI")

    def one_of(self, name: str, words: Collection[str]) -> str | None:
        """One of a closed list of words."""
        return self._read(name, lambda text: text if text in words else None, f"must be one of {', '.join(words)}")

    def word(self, name: str) -> str | None:
        """A name: letters, digits and underscores."""
        return self._read(name, lambda text: text if _WORD.fullmatch(text) else None, "must be a name")

    def flag(self, name: str) -> bool:
        """`true` or `false`; false without it."""
        return self.one_of(name, ("true", "false")) == "true"

    def whole(self, name: str, default: int, most: int) -> int:
        """A whole number from 1 to most."""
        found = self._read(name, lambda text: _whole(text, most), f"must be a whole number from 1 to {most}")
        return default if found is None else found

    def cursor(self, name: str, shape: Callable[[Any], Any]) -> Any:
        """The value from which `cursor_of` made a text. shape: gives it, or None for another."""
        return self._read(name, lambda text: _decoded(text, shape), "must be a cursor that this route has answered")

    def finish(self) -> None:
        """Raise Problem when anything was wrong."""
        if self._faults:
            raise Problem("invalid_parameter", errors=self._faults)

    def _read(self, name: str, read: Callable[[str], Value | None], expected: str) -> Value | None:
        if name not in self._given:
            return None
        value = read(self._given[name])
        if value is None:
            self._faults.append(Fault(f"?{name}", expected))
        return value


def call_id(text: str) -> str:
    """An id of a call in a path. Raises Problem for what is not one: there is no such call."""
    found = identifier(text)
    if found is None:
        raise Problem("call_not_found")
    return found


def day_of(text: str) -> str:
    """A date in a path, `YYYY-MM-DD`. Raises Problem."""
    found = _day(text)
    if found is None:
        raise Problem("invalid_parameter", errors=[Fault("day", _A_DATE)])
    return found


def cursor_of(value: Any) -> str:
    """A position in a list as an opaque text."""
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def texts(count: int) -> Callable[[Any], list[str] | None]:
    """The shape of a cursor that is a list of texts."""

    def shape(value: Any) -> list[str] | None:
        is_list = isinstance(value, list) and len(value) == count
        return value if is_list and all(isinstance(one, str) and 0 < len(one) <= 1024 for one in value) else None

    return shape


def _decoded(text: str, shape: Callable[[Any], Any]) -> Any:
    if not (text.isascii() and 0 < len(text) <= _LONGEST_CURSOR):
        return None
    try:
        value = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode())
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return shape(value)


def _day(text: str) -> str | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return text if found.year >= FIRST_YEAR and found.isoformat() == text else None


def _number(text: str) -> str | None:
    text = f"+{text[1:]}" if text.startswith(" ") else text
    return text if _NUMBER.fullmatch(text) else None


def _whole(text: str, most: int) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= most else None
