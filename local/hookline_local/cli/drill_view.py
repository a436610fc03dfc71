"""Runs drills and shows them."""

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hookline_local.base.errors import USAGE, CliError
from hookline_local.cli.options import PROJECT
from hookline_local.cli.screen import Screen
from hookline_local.cli.stack_start import explain_start_errors
from hookline_local.operations.drills.drill import Check, play
from hookline_local.operations.drills.faults import FAULTS
from hookline_local.operations.drills.line import Line, line
from hookline_local.operations.drills.page import read

RUNBOOKS = PROJECT / "docs" / "runbooks"
COLUMNS = "200"

Command = Callable[[list[str]], Any]


def list_faults(screen: Screen) -> None:
    """Every drill with its fault."""
    drills = [{"name": name, "fault": fault.story} for name, fault in sorted(FAULTS.items())]
    screen.document({"drills": drills})
    for name, fault in sorted(FAULTS.items()):
        screen.field(name, fault.story, width=28)


def run_drills(template: Path, name: str | None, screen: Screen, command: Command) -> bool:
    """Play one drill, or all for None, in one stack; whether every check is as it should be.

    command: `hookline` itself, which types the commands of the pages.
    """
    chosen = sorted(FAULTS) if name is None else [_known(name)]
    results: dict[str, list[Check]] = {}
    screen.paragraph("Starting a stack for it ...", "dim")
    with contextlib.ExitStack() as closing:
        with explain_start_errors(template):
            stack = closing.enter_context(line(template))
        for each in chosen:
            results[each] = _played(stack, each, screen, command)
    failed = [each for each, checks in results.items() if any(check.problem for check in checks)]
    drills = [
        {"name": each, "ok": each not in failed, "checks": [check.to_dict() for check in checks]}
        for each, checks in results.items()
    ]
    screen.document({"ok": not failed, "drills": drills})
    ending = (
        f"{len(failed)} of {len(chosen)} drills failed: {', '.join(failed)}" if failed else "Nothing is left running."
    )
    screen.paragraph(ending, "bold red" if failed else "bold green")
    return not failed


def _played(stack: Line, name: str, screen: Screen, command: Command) -> list[Check]:
    screen.heading(f"{name}: {FAULTS[name].story}")
    checks = []
    for check in play(stack, read(RUNBOOKS / f"{name}.md"), lambda words: _type(command, words)):
        checks.append(check)
        _show(check, screen)
    return checks


def _show(check: Check, screen: Screen) -> None:
    label = {"alarm": "alarm", "look": "finds it", "over": "over", "text": "by hand"}[check.part]
    screen.field(f"{'FAILED: ' if check.problem else ''}{label}", f"{check.what} {check.problem}".strip(), width=18)


def _known(name: str) -> str:
    if name not in FAULTS:
        near = get_close_matches(name, FAULTS, n=2, cutoff=0.4)
        advice = f"Did you mean {' or '.join(near)}?" if near else "hookline drill --list names the drills."
        raise CliError(f"{name}: not a drill", advice, code=USAGE)
    return name


def _type(command: Command, words: list[str]) -> tuple[int, str]:
    """Run a command of ours in this process; its exit code, and what it has written, its errors included."""
    output, code = io.StringIO(), 0
    with _wide_terminal(), contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            command(words)
        except CliError as error:
            output.write(f"{error.text}\n{error.advice}")
            code = error.code
        except SystemExit as ending:
            code = int(ending.code or 0)
    return code, output.getvalue()


@contextlib.contextmanager
def _wide_terminal() -> Iterator[None]:
    """So that no line is wrapped in the middle of what one sees."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = COLUMNS
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
