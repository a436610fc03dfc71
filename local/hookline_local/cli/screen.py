"""Output on the terminal: one line in and one line out per webhook, and the report of a call.

Owns Rich. Colors only on a terminal, and never with NO_COLOR. Only shows values: nothing is fetched here.
"""

import json
import sys
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hookline.recordings.findings import Finding, describe_all
from hookline.visible import visible, visible_line
from hookline_local.cli.terminal import SafeConsole, json_text

IN, OUT = "-->", "<--"


class Screen:
    """Standard output for people, and for programs: with as_json only `document` and `row` write, and they write JSON.

    console: another one than standard output, for a test. on_closed: called when the reader of standard output has
    closed it; nothing more is shown then, and `closed` is true. Without it the next line ends the command.
    """

    def __init__(self, *, as_json: bool = False, console: Console | None = None) -> None:
        self.as_json = as_json
        self.on_closed: Callable[[], None] | None = None
        self.closed = False
        self.console = console or _Console(self, highlight=False, markup=False, emoji=False, quiet=as_json)
        self._in_flight: list[str] = []

    # For programs

    def document(self, content: object) -> None:
        """One JSON document, indented, when JSON was asked for; nothing otherwise."""
        if self.as_json:
            print(json_text(content, indent=2, default=str), flush=True)

    def row(self, content: object) -> None:
        """One line of JSON, when JSON was asked for; nothing otherwise."""
        if self.as_json:
            print(json_text(content, default=str), flush=True)

    # For people

    def paragraph(self, text: str = "", style: str = "") -> None:
        """A paragraph: wrapped between words where the terminal ends."""
        self.console.print(Text(visible(text), style=style))

    def heading(self, text: str) -> None:
        """A heading, after an empty line."""
        self.console.print()
        self.console.print(Text(visible_line(text), style="bold"))

    def line(self, *parts: tuple[str, str] | str) -> None:
        """Exactly one line: on a terminal cut off with an ellipsis, in a file complete."""
        if self.console.is_terminal:
            self.console.print(_one_line(parts), no_wrap=True, overflow="ellipsis", crop=True)
        else:
            self.unwrapped(*parts)

    def unwrapped(self, *parts: tuple[str, str] | str) -> None:
        """One line to copy from: neither cut off nor wrapped, however narrow the terminal."""
        self.console.print(_one_line(parts), soft_wrap=True)

    def request_received(self, event_type: str, *, key: str, when: str = "", label: str = "", note: str = "") -> None:
        """A webhook comes in. key: of the delivery, for `response_sent`. label: of its call."""
        self._in_flight.append(key)
        time = (f"{when:>8} {_column(label)}", "dim")
        self.line(time, (f"{IN} ", "cyan"), event_type, (f"  {note}" if note else "", "yellow"))

    def response_sent(
        self,
        event_type: str,
        *,
        key: str,
        status: int | None,
        milliseconds: float,
        answer: object,
        problem: str | None,
        label: str = "",
    ) -> None:
        """It was answered. The type is repeated only while another one is in flight, to distinguish them."""
        if key in self._in_flight:
            self._in_flight.remove(key)
        repeated_type = f"  {event_type}" if self._in_flight else ""
        good = status is not None and 200 <= status < 300
        text = problem or outcome(answer)
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        took = (
            (f"{'':9}{_column(label)}", "dim"),
            (f"{OUT} ", "cyan"),
            (str(status or "no answer"), "green" if good else "red"),
            f" {milliseconds:.0f} ms{repeated_type}",
        )
        if text:
            table.add_row(_one_line(took), Text(visible_line(text), style="" if good else "red"))
            self.console.print(table)
        else:
            self.line(*took)

    def heard(self, action: str, text: str, *, label: str = "") -> None:
        """The words of a command, complete: wrapped under themselves."""
        self.hanging_indent(f"{'':9}{_column(label)}{action}", text)

    def hanging_indent(self, mark: str, text: str) -> None:
        """A paragraph behind a mark, wrapped under itself."""
        table = Table.grid()
        table.add_column(no_wrap=True, style="dim")
        table.add_column(overflow="fold")
        table.add_row(Text(visible_line(mark)), Text(visible_line(text)))
        self.console.print(table)

    def detail(self, text: str, *, label: str = "") -> None:
        """A detail between webhooks: a key pressed, a command refused."""
        self.line((f"{'':9}{_column(label)}{text}", "dim"))

    def log(self, text: str) -> None:
        """A line of a function's log, complete: the cause is at its end."""
        self.unwrapped(" " * 9, (text, "dim"))

    def call_report(self, document: Mapping[str, Any], *, recordings: bool = True) -> None:
        """The timeline of a call, its state, transcript and recordings, from `call_report.call_document`."""
        self.heading("Timeline")
        self.timeline(document["call"].get("started_at"), document["events"])
        self._failures(document["events"])
        self.heading("The call")
        self.fields((name, value) for name, value in document["call"].items() if value not in (None, "", []))
        self.heading("Transcript")
        self.transcript(document["call"].get("started_at"), document["transcript"])
        if not document["transcript"]:
            self.paragraph("  Nothing was transcribed.", "dim")
        if recordings:
            self.heading("Recordings")
            for recording in document["recordings"]:
                self.recording(recording)
            if not document["recordings"]:
                self.paragraph("  None.", "dim")
        if document["cost"]:
            self.cost(document["cost"])

    def _failures(self, events: Sequence[Mapping[str, Any]]) -> None:
        """The errors of the flow, and the way on: the caller has heard that something went wrong, and no more."""
        failed = [event for event in events if event["error"]]
        for event in failed:
            self.paragraph(f"{event['event_type']}: the flow {event['flow']} failed: {event['error']}", "red")
        if failed:
            self.paragraph("When the flow is fixed: hookline decide ID", "dim")

    def cost(self, cost: Mapping[str, Any]) -> None:
        """The cost of the leg at Telnyx: the sum, then each part."""
        self.heading("Cost at Telnyx")
        self.field("total", f"{cost['total_cost']} {cost['currency'] or ''} ({cost['status']})".replace(" (None)", ""))
        self.fields(
            (str(part.get("call_part")), f"{part.get('cost')} {part.get('currency') or ''}") for part in cost["parts"]
        )

    def timeline(self, started_at: str | None, events: Sequence[Mapping[str, Any]]) -> None:
        """One row per event: seconds since the first, its type, the commands sent."""
        table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
        table.add_column(justify="right", style="dim", no_wrap=True, width=9)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        first = started_at or (events[0]["occurred_at"] if events else None)
        for event in events:
            commands = Text(visible_line(", ".join(map(command_text, event["commands"]))), style="green")
            event_type = _one_line((event["event_type"], (event_detail(event, "  "), "dim")))
            table.add_row(elapsed(first, event["occurred_at"]), event_type, commands)
        self.console.print(table)

    def transcript(self, started_at: str | None, segments: Sequence[Mapping[str, Any]]) -> None:
        """One row per segment: seconds since the first event, speaker, Telnyx's confidence, text."""
        table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
        table.add_column(justify="right", style="dim", no_wrap=True, width=9)
        table.add_column(no_wrap=True, max_width=18)
        table.add_column(justify="right", style="dim", no_wrap=True, width=4)
        table.add_column(overflow="fold")
        first = started_at or (segments[0]["at"] if segments else None)
        for segment in segments:
            confidence = "" if segment["confidence"] is None else f"{round(segment['confidence'] * 100)}%"
            speaker = Text(visible_line(segment["track"] or "unknown"))
            table.add_row(elapsed(first, segment["at"]), speaker, confidence, Text(visible_line(segment["text"])))
        self.console.print(table)

    def fields(self, pairs: Iterable[tuple[str, object]], *, width: int = 18) -> None:
        """Names and values, below one another. width: of the names, in columns."""
        for name, value in pairs:
            self.field(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), width=width)

    def field(self, name: str, value: str, *, width: int = 18) -> None:
        """A name and its value; a long value is wrapped under itself."""
        table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
        table.add_column(style="dim", no_wrap=True, width=width)
        table.add_column(overflow="fold")
        table.add_row(Text(visible_line(f"  {name}")), Text(visible(value)))
        self.console.print(table)

    def recording(self, recording: Mapping[str, Any]) -> None:
        """The location and properties of a recording and its transcript; or why it is missing."""
        text = recording.get("transcript")
        failure = describe_all(Finding.from_dict(finding) for finding in recording.get("failure") or ())
        missing = recording.get("external_uri") or failure
        if "key" in recording:
            self._archived(recording)
        elif missing or not text:
            self.field("recording", str(missing or recording["name"]))
        if text:
            self.unwrapped(("  text    ", "dim"), text["key"])

    def _archived(self, recording: Mapping[str, Any]) -> None:
        seconds = f", {recording['duration_seconds']:.1f} s" if recording.get("duration_seconds") is not None else ""
        kind = " ".join(str(recording[key]) for key in ("channels", "format") if recording.get(key))
        details = f" ({kind}{seconds})" if kind else ""
        self.unwrapped(("  key     ", "dim"), recording["key"])
        self.fields(
            (
                ("size", f"{recording['size']:,} bytes{details}"),
                ("sha256", recording["sha256"]),
            ),
            width=8,
        )

    def checks(self, results: Iterable[tuple[bool, str, str]]) -> None:
        """(whether it holds, the sentence, what was seen), below one another."""
        table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
        table.add_column(no_wrap=True, width=6)
        table.add_column(overflow="fold")
        for good, sentence, seen in results:
            mark = Text("  ok  ", style="green") if good else Text("  NOT ", style="bold red")
            body = _one_line((sentence, (f" {seen}" if seen else "", "dim" if good else "red")))
            table.add_row(mark, body)
        self.console.print(table)

    def rows(self, header: Sequence[str], lines: Iterable[Sequence[str]], *, cut: Container[str] = ()) -> None:
        """A plain table, a line per row. cut: the columns that give way on a narrow terminal; all others are whole."""
        table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
        for name in header:
            table.add_column(name, no_wrap=name not in cut)
        for line in lines:
            table.add_row(*(Text(visible_line(cell), no_wrap=True, overflow="ellipsis") for cell in line))
        self.console.print(table)


class _Console(SafeConsole):
    """Standard output, which its reader may close."""

    def __init__(self, screen: Screen, **options: Any) -> None:
        super().__init__(**options)
        self._screen = screen

    def on_broken_pipe(self) -> None:
        """Rich's own ends the process, also in the middle of a request that is being served."""
        if self._screen.on_closed is None:
            super().on_broken_pipe()
        else:
            self.quiet = self._screen.closed = True
            self._screen.on_closed()


def _one_line(parts: Iterable[tuple[str, str] | str]) -> Text:
    """The parts behind one another, each with its style; made visible before anything is measured."""
    return Text.assemble(*((visible_line(text), style) for text, style in map(_styled, parts)))


def _styled(part: tuple[str, str] | str) -> tuple[str, str]:
    return (part, "") if isinstance(part, str) else part


def _column(label: str) -> str:
    return f"{label} " if label else ""


def print_error(text: str, advice: str = "") -> None:
    """Write to standard error: what is wrong, and what to do next."""
    console = SafeConsole(stderr=True, highlight=False, markup=False, emoji=False)
    console.print(Text.assemble(("hookline: ", "bold red"), visible(text)))
    if advice:
        console.print(Text(visible(f"  {advice}")))
    sys.stderr.flush()


def outcome(answer: object) -> str:
    """A function's answer in short: `sent: answer`, or why it sent nothing."""
    if not isinstance(answer, dict):
        return ""
    for key in ("error", "message"):  # a function's own error; API Gateway's
        if key in answer:
            return str(answer[key])
    if "quarantined" in answer:
        return f"quarantined: {answer['quarantined']}"
    if answer.get("duplicate"):
        return "duplicate webhook"
    if "deferred" in answer:
        return f"deferred: {answer['deferred']}"
    commands = [_short_result(str(command)) for command in answer.get("commands", [])]
    return f"sent: {', '.join(commands)}" if commands else ""


def _short_result(command: str) -> str:
    """`speak: accepted` is the normal case and becomes `speak`; `speak: queued` becomes `speak (queued)`."""
    action, _, result = command.partition(": ")
    return action if result in ("accepted", "") else f"{action} ({result})"


def command_text(command: Mapping[str, Any]) -> str:
    """A command with its result: `record_start (refused 90015)`, `speak (queued, then accepted)`.

    `speak` alone was accepted; `hangup (queued for 20 s)` waits for a time of its own.
    """
    result = str(command.get("result", "accepted"))
    text = result if result != "accepted" else ""
    if text and (delay := command.get("delay_seconds")):
        text = f"{text} for {delay:g} s"
    if command.get("code"):
        text = f"{text} {command['code']}".strip()
    if final := command.get("final"):
        text = f"{text}, then {final['result']}".strip(", ")
    return f"{command['action']} ({text})" if text else str(command["action"])


def event_detail(event: Mapping[str, Any], prefix: str = "") -> str:
    """The most important value of an event's payload for a reader of the timeline; empty when there is none."""
    payload = event.get("payload") or {}
    for key in ("digit", "digits", "failure_reason", "hangup_cause", "status", "result", "reason"):
        if isinstance(payload.get(key), str) and payload[key]:
            return f"{prefix}{payload[key]}"
    return ""


def elapsed(first: str | None, timestamp: str) -> str:
    """`12.3 s` between two timestamps of Telnyx."""
    from datetime import datetime

    if first is None:
        return ""
    try:
        seconds = (datetime.fromisoformat(timestamp) - datetime.fromisoformat(first)).total_seconds()
    except ValueError:
        return ""
    return f"{seconds:.1f} s"
