"""Text from strangers that neither commands a terminal nor hides what it is. The standard library is all it needs.

Sources: Unicode 16, chapter 23 ("Special Areas and Format Characters"); Unicode Technical Report 36, sections 2 and 3.
"""

import re

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline, DEL, C1
    "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u206f"  # bidirectional controls, line separators
    "\xad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2065\u3164\ufeff\uffa0\ufff9-\ufffb"  # of no width
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # of no width: of music, tags, variants of Han characters
    "\ud800-\udfff]"  # halves of characters
)
"""Characters that are never shown. The two joiners stay: emoji, Persian and the scripts of India need them."""

_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\u200c\u200d"
MOST_MARKS = 8
"""More than these on one character are a flood, which would cover the lines around it."""

_FLOOD = re.compile(f"[{_MARKS}]{{{MOST_MARKS + 1},}}")


def visible(text: str) -> str:
    """The text, as long as it was, with U+FFFD for what must not be shown. Tabs and newlines stay."""
    return _FLOOD.sub(_cut, UNSAFE.sub(REPLACEMENT, text))


def visible_line(text: str) -> str:
    """The text as `visible` shows it, on one line: nothing in it can pretend to be a line of its own."""
    return visible(text).replace("\n", REPLACEMENT).replace("\t", " ")


def _cut(flood: re.Match[str]) -> str:
    return flood[0][:MOST_MARKS] + REPLACEMENT * (len(flood[0]) - MOST_MARKS)
