"""The boundary between strangers' text and a terminal: every line for people and every JSON document passes here.

A caller's name, a number in a SIP address, a transcript and a hang-up cause are written by strangers. A control
sequence among them must not command the terminal, and half a character must not end the program.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from hookline.visible import REPLACEMENT, UNSAFE, visible

_SURROGATE = re.compile("[\ud800-\udfff]")


class SafeConsole(Console):
    """A Rich console that writes no control character but its own: each one in a text is shown as U+FFFD."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As Rich renders it, with the text of every segment made visible; Rich's own control segments pass."""
        for segment in super().render(renderable, options):
            if segment.control is None and visible(segment.text) != segment.text:
                yield Segment(visible(segment.text), segment.style)
            else:
                yield segment


def json_text(content: Any, **options: Any) -> str:
    """JSON that is valid UTF-8 and commands no terminal: controls are escaped, half a character is U+FFFD.

    options: as json.dumps takes them.
    """
    text = json.dumps(content, ensure_ascii=False, **options)
    text = _SURROGATE.sub(REPLACEMENT, text)
    return UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], text)
