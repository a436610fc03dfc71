"""Plays one drill: quiet line, fault, the page's commands, the alarm, the mend, and how to know that it is over."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hookline_local.operations.drills.fault import Fault
from hookline_local.operations.drills.faults import FAULTS
from hookline_local.operations.drills.line import CONSUMED, NUMBER, Line
from hookline_local.operations.drills.page import STACK, Page, Step, is_seen

OBSERVING_TRIES, OBSERVING_SECONDS = 20, 0.1

Run = Callable[[list[str]], tuple[int, str]]
"""Types a command, the words behind `hookline`; its exit code and output."""

UNUSABLE = "(unusable)"
MISTYPED = (2, 3)
"""Exit codes: usage error; dependency unavailable."""


@dataclass(frozen=True)
class Check:
    """One finding. part: alarm, look, over, or text (for a person). problem: empty when it is as it should be.
    what: the command, query or name.
    """

    part: str
    what: str
    problem: str = ""

    def to_dict(self) -> dict[str, str]:
        """As JSON takes it."""
        return {"part": self.part, "what": self.what, "problem": self.problem}


def play(line: Line, page: Page, run: Run) -> Iterator[Check]:
    """Play the drill of a page; each check as it is made. Leaves the line as it was."""
    fault = FAULTS[page.name]
    line.begin()
    yield _alarm(line, page, fault, expected=False, before=True)
    early = {step: _output(line, step, run) for step in page.look if step.sees}
    try:
        fault.make(line)
        yield _alarm(line, page, fault, expected=True)
        for step in page.look:
            yield _look(line, step, run, early.get(step, ""))
        if not early:
            yield Check("look", page.name, "the page does not say what one sees")
        line.mend()
        for queue in CONSUMED:
            line.receives(queue, 1000)
        for typed in page.do:
            if "redrive" in typed:
                run(_words(line, typed))
        fault.mend(line)
        line.observed.forget()
        fault.traffic(line)
        for step in page.over:
            yield _checked("over", line, step, run)
        yield _alarm(line, page, fault, expected=False)
    finally:
        line.mend()
        fault.restore(line)


def _alarm(line: Line, page: Page, fault: Fault, *, expected: bool, before: bool = False) -> Check:
    """Whether the alarm is on or off. Before an absence of webhooks nothing can be known of its alarm."""
    name = f"{page.name}Alarm is {'on' if expected else 'off'}"
    at = fault.at() if fault.at and expected else None
    if before and fault.at:
        return Check("alarm", name)
    is_on = not expected
    for _ in range(OBSERVING_TRIES):  # an answer is observed just after it was sent
        is_on = line.observed.has_alarm(page.name, after_seconds=fault.after_seconds, at=at)
        if is_on == expected:
            break
        time.sleep(OBSERVING_SECONDS)
    return Check("alarm", name, "" if is_on == expected else "it is not")


def _look(line: Line, step: Step, run: Run, early: str) -> Check:
    check = _checked("look", line, step, run)
    if not check.problem and any(is_seen(text, early) for text in step.sees):
        return Check("look", step.typed, "shows the same without the fault")
    return check


def _checked(part: str, line: Line, step: Step, run: Run) -> Check:
    if step.kind == "text":
        return Check("text", step.typed)
    output = _output(line, step, run)
    missing = [text for text in step.sees if not is_seen(text, output)]
    present = [text for text in step.no_longer if is_seen(text, output)]
    if output.startswith(UNUSABLE):
        return Check(part, step.typed, f"cannot be run: {_shortened(output)}")
    if missing or present:
        problem = f"does not show {missing[0]}" if missing else f"still shows {present[0]}"
        return Check(part, step.typed, f"{problem}: {_shortened(output)}")
    return Check(part, step.typed)


def _output(line: Line, step: Step, run: Run) -> str:
    match step.kind:
        case "command":
            code, output = run(_words(line, step.typed))
            return f"{UNUSABLE} {output}" if code in MISTYPED else output
        case "query" | "access log":
            return json.dumps(line.observed.search(step.typed, access_log=step.kind == "access log"))
        case "saved query":
            return json.dumps(line.observed.search(line.saved_query(step.typed)))
        case "dashboard":
            return " ".join(line.observed.shown(step.typed))
    return ""


def _words(line: Line, typed: str) -> list[str]:
    """The words of a command of a page, for this line: its stack is one of this machine."""
    typed = typed.replace(STACK, f"--url {line.stack.url}").replace("+12025550123", NUMBER)
    return [line.leg if word == "ID" else word for word in typed.split()]


def _shortened(output: str) -> str:
    return " ".join(output.split())[:400]
