"""Strangers' text on a terminal: nothing commands it, nothing ends the program, and JSON stays valid UTF-8."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hookline_local.cli.screen import Screen
from hookline_local.cli.terminal import SafeConsole, json_text, visible

HOSTILE = [
    "\x1b[31mRED\x1b]0;pwned\x07",
    "+2 \x1b[2J",
    "\x9b2J and \x85",
    "tickets \ud83d",
    "\u202eevil\u202c",
    "a\x00b\x7f\r\x0b\x0c",
    "\u2066x\u2069\u2028y",
]
UNSAFE = "\x1b\x9b\x00\x07\x7f\r\u202e\u2066\u2028"


def written(show: "object", *, color: bool = False) -> str:
    out = io.StringIO()
    console = SafeConsole(file=out, force_terminal=color, highlight=False, markup=False, emoji=False, width=80)
    show(Screen(console=console))  # type: ignore[operator]
    return out.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_no_control_character_of_a_text_reaches_the_terminal(text: str) -> None:
    shown = [
        written(lambda screen: screen.paragraph(text)),
        written(lambda screen: screen.line((text, "bold"), text)),
        written(lambda screen: screen.unwrapped(text)),
        written(lambda screen: screen.heading(text)),
        written(lambda screen: screen.field(text, text)),
    ]
    for output in shown:
        assert not set(UNSAFE) & set(output)
        output.encode()
        assert "\N{REPLACEMENT CHARACTER}" in output


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_of_a_table_is_made_visible_as_well(text: str) -> None:
    out = io.StringIO()
    table = Table("a")
    table.add_row(Text(text))
    SafeConsole(file=out, width=80).print(table)
    assert not set(UNSAFE) & set(out.getvalue())
    out.getvalue().encode()


def test_rich_s_own_colors_pass() -> None:
    assert "\x1b[1m" in written(lambda screen: screen.heading("Calls"), color=True)


@given(st.text(st.characters(exclude_categories=[])))
def test_json_is_valid_utf_8_and_means_the_same_but_for_half_characters(text: str) -> None:
    encoded = json_text({"text": text}).encode()
    read = json.loads(encoded)["text"]
    assert read == "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    assert not set(UNSAFE) & set(encoded.decode())


@given(st.text(st.characters(exclude_categories=[])))
def test_visible_text_is_as_long_as_the_text_and_can_be_encoded(text: str) -> None:
    assert len(visible(text)) == len(text)
    visible(text).encode()


def test_the_console_is_the_only_one_for_people() -> None:
    assert issubclass(type(Screen().console), SafeConsole)
    assert issubclass(SafeConsole, Console)
