"""What a person sees on the terminal: one line in and one line out per webhook, and a call's story afterwards.

Owns Rich. Colours only on a terminal, and never with NO_COLOR. What is shown are values: nothing is fetched here.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

IN, OUT = "-->", "<--"


class Screen:
    """Standard output for people, and for programs: with as_json only `document` and `row` write, and they write JSON.

    console: another one than standard output, for a test. on_unread: called when whoever read standard output has left;
    nothing more is shown then, and `unread` is true. Without it the next line ends the command.
    """

    def __init__(self, *, as_json: bool = False, console: Console | None = None) -> None:
        self.as_json = as_json
        self.on_unread: Callable[[], None] | None = None
        self.unread = False
        self.console = console or _Paper(self, highlight=False, markup=False, emoji=False, quiet=as_json)
        self._in_flight: list[str] = []

    # For programs

    def document(self, content: object) -> None:
        """One JSON document, indented, when JSON was asked for; nothing otherwise."""
        if self.as_json:
            print(json.dumps(content, indent=2, ensure_ascii=False, default=str), flush=True)

    def row(self, content: object) -> None:
        """One line of JSON, when JSON was asked for; nothing otherwise."""
        if self.as_json:
            print(json.dumps(content, ensure_ascii=False, default=str), flush=True)

    # For people

    def say(self, text: str = "", style: str = "") -> None:
        """A paragraph: wrapped between words where the terminal ends."""
        self.console.print(Text(text, style=style))

    def heading(self, text: str) -> None:
        """What comes next."""
        self.console.print()
        self.console.print(Text(text, style="bold"))

    def line(self, *parts: tuple[str, str] | str | Text) -> None:
        """Exactly one line: what does not fit on a terminal is cut off with an ellipsis. A file has room for all."""
        if self.console.is_terminal:
            self.console.print(Text.assemble(*parts), no_wrap=True, overflow="ellipsis", crop=True)
        else:
            self.whole(*parts)

    def whole(self, *parts: tuple[str, str] | str | Text) -> None:
        """One line to be copied from: neither cut off nor broken, however narrow the terminal."""
        self.console.print(Text.assemble(*parts), soft_wrap=True)

    def comes(self, event_type: str, *, key: str, when: str = "", note: str = "") -> None:
        """A webhook is on its way in. key: tells deliveries apart, for `goes`."""
        self._in_flight.append(key)
        self.line((f"{when:>8} ", "dim"), (f"{IN} ", "cyan"), event_type, (f"  {note}" if note else "", "yellow"))

    def goes(
        self, event_type: str, *, key: str, status: int | None, milliseconds: float, answer: object, problem: str | None
    ) -> None:
        """It was answered. The type is repeated only when another one is under way, to tell them apart."""
        if key in self._in_flight:
            self._in_flight.remove(key)
        which = f"  {event_type}" if self._in_flight else ""
        good = status is not None and 200 <= status < 300
        said = problem or outcome(answer)
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        took = Text.assemble(
            " " * 9,
            (f"{OUT} ", "cyan"),
            (str(status or "no answer"), "green" if good else "red"),
            f" {milliseconds:.0f} ms{which}",
        )
        if said:
            table.add_row(took, Text(said, style="" if good else "red"))
            self.console.print(table)
        else:
            self.line(took)

    def hanging(self, mark: str, text: str) -> None:
        """A paragraph behind a mark, which goes on under itself."""
        table = Table.grid()
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        table.add_row(Text(mark), Text(text))
        self.console.print(table)

    def aside(self, text: str) -> None:
        """Something that happened besides: a key pressed, a line logged."""
        self.line(" " * 9, (text, "dim"))

    def log(self, text: str) -> None:
        """A line that a function logged, whole: the end of it is where the cause stands."""
        self.whole(" " * 9, (text, "dim"))

    def story(self, document: Mapping[str, Any], *, recordings: bool = True) -> None:
        """The timeline of a call, its state, transcript and recordings, from what documents.call_document gives."""
        self.heading("Timeline")
        self.timeline(document["call"].get("started_at"), document["events"])
        self.heading("The call")
        self.facts((name, value) for name, value in document["call"].items() if value not in (None, "", []))
        self.heading("Transcript")
        self.said(document["call"].get("started_at"), document["transcript"])
        if not document["transcript"]:
            self.say("  Nothing was transcribed.", "dim")
        if not recordings:
            return
        self.heading("Recordings")
        for recording in document["recordings"]:
            self.recording(recording)
        if not document["recordings"]:
            self.say("  None.", "dim")

    def timeline(self, started_at: str | None, events: Sequence[Mapping[str, Any]]) -> None:
        """One row an event: seconds since the first, what happened, what was told because of it."""
        table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
        table.add_column(justify="right", style="dim", no_wrap=True, width=9)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        first = started_at or (events[0]["occurred_at"] if events else None)
        for event in events:
            told = Text(", ".join(told_text(one) for one in event["commands"]), style="green")
            happened = Text.assemble(event["event_type"], (remark(event, "  "), "dim"))
            table.add_row(elapsed(first, event["occurred_at"]), happened, told)
        self.console.print(table)

    def said(self, started_at: str | None, segments: Sequence[Mapping[str, Any]]) -> None:
        """One row a segment: seconds since the first event, who, how sure Telnyx is of it, and what was said."""
        table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
        table.add_column(justify="right", style="dim", no_wrap=True, width=9)
        table.add_column(no_wrap=True, max_width=18)
        table.add_column(justify="right", style="dim", no_wrap=True, width=4)
        table.add_column(overflow="fold")
        first = started_at or (segments[0]["at"] if segments else None)
        for segment in segments:
            sure = "" if segment["confidence"] is None else f"{round(segment['confidence'] * 100)}%"
            who = Text(segment["track"] or "somebody")
            table.add_row(elapsed(first, segment["at"]), who, sure, Text(segment["text"]))
        self.console.print(table)

    def facts(self, pairs: Iterable[tuple[str, object]], *, width: int = 18) -> None:
        """Names and values, under one another. width: of the names, in columns."""
        for name, value in pairs:
            self.fact(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), width=width)

    def fact(self, name: str, value: str, *, width: int = 18) -> None:
        """A name and its value; a long value goes on under itself."""
        table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
        table.add_column(style="dim", no_wrap=True, width=width)
        table.add_column(overflow="fold")
        table.add_row(Text(f"  {name}"), Text(value))
        self.console.print(table)

    def recording(self, recording: Mapping[str, Any]) -> None:
        """Where a recording and its transcript lie and what it is; or why it is not there."""
        text = recording.get("transcript")
        instead = recording.get("kept_elsewhere") or recording.get("fault")
        if "key" in recording:
            self._kept(recording)
        elif instead or not text:
            self.fact("recording", str(instead or recording["name"]))
        if text:
            self.whole(("  text    ", "dim"), text["key"])

    def _kept(self, recording: Mapping[str, Any]) -> None:
        seconds = f", {recording['duration_seconds']:.1f} s" if recording.get("duration_seconds") is not None else ""
        kind = " ".join(str(recording[key]) for key in ("channels", "format") if recording.get(key))
        self.whole(("  key     ", "dim"), recording["key"])
        self.facts(
            (
                ("size", f"{recording['size']:,} bytes ({kind}{seconds})"),
                ("sha256", recording["sha256"]),
            ),
            width=8,
        )

    def checks(self, results: Iterable[tuple[bool, str, str]]) -> None:
        """(whether it holds, the sentence, what was seen), one under another."""
        table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
        table.add_column(no_wrap=True, width=6)
        table.add_column(overflow="fold")
        for good, sentence, seen in results:
            mark = Text("  ok  ", style="green") if good else Text("  NOT ", style="bold red")
            body = Text.assemble(sentence, (f" {seen}" if seen else "", "dim" if good else "red"))
            table.add_row(mark, body)
        self.console.print(table)

    def rows(self, header: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
        """A plain table; the last column may go on under itself."""
        table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
        for name in header[:-1]:
            table.add_column(name, no_wrap=True)
        table.add_column(header[-1], overflow="fold")
        for line in lines:
            table.add_row(*(Text(cell) for cell in line))
        self.console.print(table)


class _Paper(Console):
    """Standard output, which whoever reads it may close."""

    def __init__(self, screen: Screen, **options: Any) -> None:
        super().__init__(**options)
        self._screen = screen

    def on_broken_pipe(self) -> None:
        """Rich's own ends the process, wherever the line comes from: inside a request that is being served, too."""
        if self._screen.on_unread is None:
            super().on_broken_pipe()
        else:
            self.quiet = self._screen.unread = True
            self._screen.on_unread()


def complain(text: str, advice: str = "") -> None:
    """To standard error: what is wrong, and what to do next."""
    Console(stderr=True, highlight=False, markup=False, emoji=False).print(
        Text.assemble(("hookline: ", "bold red"), text)
    )
    if advice:
        Console(stderr=True, highlight=False, markup=False, emoji=False).print(Text(f"  {advice}"))
    sys.stderr.flush()


def outcome(answer: object) -> str:
    """What a function answered, in a few words: `sent: answer`, or why it sent nothing."""
    if not isinstance(answer, dict):
        return ""
    for key in ("error", "message"):  # a function's own error; API Gateway's
        if key in answer:
            return str(answer[key])
    if "quarantined" in answer:
        return f"quarantined: {answer['quarantined']}"
    told = [_plain(str(one)) for one in answer.get("commands", [])]
    if answer.get("repeated"):
        return "journalled before"
    return f"sent: {', '.join(told)}" if told else ""


def _plain(told: str) -> str:
    """`speak: told` is as it should be and reads `speak`; `speak: queued` is worth saying."""
    action, _, result = told.partition(": ")
    return action if result in ("accepted", "") else f"{action} ({result})"


def told_text(told: Mapping[str, Any]) -> str:
    """One thing that was told: `speak`, `record_start (refused 90015)`, `speak (queued, then told)`."""
    result = str(told.get("result", "accepted"))
    said = result if result != "accepted" else ""
    if told.get("code"):
        said = f"{said} {told['code']}".strip()
    if later := told.get("final"):
        said = f"{said}, then {later['result']}".strip(", ")
    return f"{told['action']} ({said})" if said else str(told["action"])


def remark(event: Mapping[str, Any], before: str = "") -> str:
    """The one thing in an event's payload that a reader of the timeline looks for; empty when there is none."""
    payload = event.get("payload") or {}
    for key in ("digit", "digits", "failure_reason", "hangup_cause", "status", "result", "reason"):
        if isinstance(payload.get(key), str) and payload[key]:
            return f"{before}{payload[key]}"
    return ""


def elapsed(first: str | None, moment: str) -> str:
    """`12.3 s` between two moments as Telnyx writes them."""
    from datetime import datetime

    if first is None:
        return ""
    try:
        seconds = (datetime.fromisoformat(moment) - datetime.fromisoformat(first)).total_seconds()
    except ValueError:
        return ""
    return f"{seconds:.1f} s"
