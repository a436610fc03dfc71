"""Replaces what is private in a journalled call, so that it can be saved as a test case that still passes.

What a caller has brought is replaced: numbers, names, words, links. What the flow itself has brought, its texts and the
numbers in its source or its settings, stays, because today's flow brings it again. A value of the caller's inside a
command, in a text or in a client_state, is replaced as it is in the events.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hookline.client_state import decode, encode

_NUMBERS = ("from", "to", "caller_id_number")
_NAMES = ("caller_id_name", "from_sip_uri", "to_sip_uri")
_WORDS = ("transcript", "transcription_text")
_LINKS = ("recording_urls", "public_recording_urls")
_STATES = ("client_state", "target_leg_client_state")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_SHORTEST_REPLACED = 4
"""Characters of a name: a shorter one may stand inside any word."""


def source_of(folder: Path) -> str:
    """The text of the flows in a folder, and of numbers.toml: which is not private."""
    files = [path for pattern in ("*.py", "*.toml") for path in sorted(folder.glob(pattern))]
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)


class Anonymous:
    """own: a text that holds what belongs to the flow; what is in it is never replaced.

    The same number is always replaced by the same; a case that was made anonymous before stays as it is.
    """

    def __init__(self, own: str) -> None:
        self._own = own
        self._replaced: dict[str, str] = {}
        self._next = 0

    def payload(self, value: Any, key: str = "") -> Any:
        """The payload of an event; also teaches what is to be replaced in commands."""
        if isinstance(value, dict):
            return {name: self.payload(inner, key if key in _LINKS else name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.payload(inner, key) for inner in value]
        if not isinstance(value, str) or not value or (key not in _WORDS and value in self._own):
            return value
        return self._text(value, key)

    def facts(self, value: Any) -> Any:
        """The results of look-ups: every number in them is replaced, wherever it stands."""
        return _mapped(value, lambda text: _E164.sub(lambda found: self._number(found[0]), text))

    def sent(self, value: Any, key: str = "") -> Any:
        """A command: of the flow's making, except for what the events have brought."""
        if isinstance(value, dict):
            return {name: self.sent(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.sent(inner, key) for inner in value]
        if not isinstance(value, str):
            return value
        return self._state(value) if key in _STATES else self._known(value)

    def _text(self, value: str, key: str) -> str:
        if key in _NUMBERS:
            return self._number(value)
        if key in _NAMES:
            self._replaced[value] = "Caller"
            return "Caller"
        if key in _WORDS:
            return "(words)"
        if key in _LINKS:
            link = f"https://recordings.example.com/{value.partition('?')[0].rpartition('/')[2]}"
            self._replaced[value] = link
            return link
        return self._state(value) if key in _STATES else value

    def _number(self, value: str) -> str:
        if value in self._own:
            return value
        while value not in self._replaced:
            number = f"+120255501{self._next % 100:02}"
            self._next += 1
            if number not in self._own:
                self._replaced[value] = number
        return self._replaced[value]

    def _known(self, text: str) -> str:
        for private in sorted(self._replaced, key=len, reverse=True):
            if len(private) >= _SHORTEST_REPLACED and private in text and self._replaced[private] not in text:
                text = text.replace(private, self._replaced[private])
        return text

    def _state(self, text: str) -> str:
        """A client_state with the flow's own value in it."""
        value = decode(text)
        replaced = _mapped(value, self._known)
        return text if replaced == value else encode(replaced)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """The same JSON with every text in it changed."""
    if isinstance(value, dict):
        return {name: _mapped(inner, change) for name, inner in value.items()}
    if isinstance(value, list):
        return [_mapped(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


def decoded(value: Any, key: str = "") -> Any:
    """For people: with what is in a client_state in place of its base64."""
    if isinstance(value, dict):
        return {name: decoded(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [decoded(inner, key) for inner in value]
    inside = decode(value) if key in _STATES else None
    return value if inside is None else json.loads(json.dumps(inside))
