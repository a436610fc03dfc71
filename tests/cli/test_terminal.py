"""Strangers' text on a terminal: nothing commands it, nothing ends the program, and JSON stays valid UTF-8."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hookline.visible import visible
from hookline_local.cli.screen import Screen
from hookline_local.cli.terminal import SafeConsole, json_text

HOSTILE = [
    "\x1b[31mRED\x1b]0;pwned\x07",
    "+2 \x1b[2J",
    "\x9b2J and \x85",
    "tickets \ud83d",
    "\u202eevil\u202c",
    "a\x00b\x7f\r\x0b\x0c",
    "\u2066x\u2069\u2028y",
    "pay\u200bpal\u2060\ufeff\xad",
    "a\U000e0041\U000e007f",
    "a" + "\u0301" * 500,
]
UNSAFE = "\x1b\x9b\x00\x07\x7f\r\u202e\u2066\u2028\u200b\u2060\ufeff\xad\U000e0041"


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


FORGED = "+12025550123\n  ok   every check has passed"


@pytest.mark.parametrize(
    "show",
    [
        lambda screen: screen.line(FORGED, (FORGED, "dim")),
        lambda screen: screen.unwrapped(FORGED),
        lambda screen: screen.heading(FORGED),
        lambda screen: screen.detail(FORGED),
        lambda screen: screen.log(FORGED),
        lambda screen: screen.rows(["from"], [[FORGED]]),
        lambda screen: screen.transcript(None, [{"at": "", "track": FORGED, "text": FORGED, "confidence": None}]),
        lambda screen: screen.checks([(False, FORGED, FORGED)]),
        lambda screen: screen.hanging_indent("- ", FORGED),
    ],
)
def test_no_text_pretends_to_be_a_line_of_its_own(show: "object") -> None:
    assert not any(line.lstrip().startswith("ok") for line in written(show).splitlines())


def test_text_with_controls_is_as_wide_as_it_is_shown() -> None:
    """It is made visible before the table is laid out."""
    output = written(lambda screen: screen.rows(["from", "to"], [["\u200b" * 5, "x"], ["12345", "x"]]))
    assert len({line.rindex("x") for line in output.splitlines()[1:]}) == 1


@pytest.mark.parametrize(
    "text",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "Vie\u0323\u0302t",
        "\u2764\ufe0f",
    ],
)
def test_writing_that_needs_joiners_and_marks_is_left_alone(text: str) -> None:
    assert visible(text) == text


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
