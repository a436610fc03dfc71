"""The differences between a call and its replay, shown."""

import json
from collections.abc import Sequence
from typing import Any

from hookline_local.cli.screen import Screen, elapsed, event_detail
from hookline_local.deciding.anonymous import decoded
from hookline_local.deciding.replay import Commands, Replayed


def show(results: Sequence[Replayed], screen: Screen) -> bool:
    """Show them event by event; whether there are none."""
    undecidable = [result for result in results if result.is_undecidable]
    different = [result for result in results if not result.same and not result.is_undecidable]
    screen.document(_document(results, different))
    first = results[0].event.occurred_at if results else None
    for result in results:
        _show_event(result, first, screen)
    screen.paragraph()
    if different:
        number = f"{len(different)} of {_events(len(results))}"
        screen.paragraph(f"Today's code sends other commands for {number}.", "bold red")
    else:
        number = _events(len(results) - len(undecidable))
        screen.paragraph(f"Today's code sends the same commands for all {number}.", "bold green")
    if undecidable:
        text = f"Not decidable: {_events(len(undecidable))}, of which the journal does not hold the keyed digits."
        screen.paragraph(f"{text} The parameter KeepDigits has them stored.", "yellow")
    return not different


def _document(results: Sequence[Replayed], different: Sequence[Replayed]) -> dict[str, Any]:
    return {
        "same": not different,
        "events": len(results),
        "differences": [
            {
                "event_id": result.event.id,
                "event_type": result.event.type,
                "occurred_at": result.event.occurred_at,
                "then": decoded(result.then),
                "now": decoded(result.now),
                "doubt": result.doubt,
                "fault": result.fault,
            }
            for result in different
        ],
        "doubtful": [result.event.id for result in results if result.doubt],
        "not_decidable": [result.event.id for result in results if result.is_undecidable],
    }


def _show_event(result: Replayed, first: str | None, screen: Screen) -> None:
    text = f"{result.event.type}{event_detail({'payload': result.event.payload}, '  ')}"
    if result.doubt:
        text = f"{text} ({result.doubt})"
    mark = (
        ("  =  ", "green") if result.same else ("  ?  ", "yellow") if result.is_undecidable else ("  !  ", "bold red")
    )
    commands = ", ".join(command["action"] for command in result.then) if result.same else ""
    time = (f"{elapsed(first, result.event.occurred_at):>9}", "dim")
    screen.line(time, mark, text, (f"  {commands}" if commands else "", "dim"))
    if not result.same and not result.is_undecidable:
        screen.field("          then", _text(result.then), width=18)
        screen.field("          now", result.fault or _text(result.now), width=18)


def _mark(result: Replayed) -> tuple[str, str]:
    if result.same:
        return ("  =  ", "green")
    return ("  ?  ", "yellow") if result.is_undecidable else ("  !  ", "bold red")


def _text(commands: Commands) -> str:
    texts = (
        f"{command['action']} {json.dumps(decoded(command['params']), ensure_ascii=False)}" for command in commands
    )
    return "; ".join(texts) or "nothing"


def _events(number: int) -> str:
    return "1 event" if number == 1 else f"{number} events"
