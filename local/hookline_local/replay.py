"""`hookline replay`: a journalled call through today's decisions. What was told then, and what would be told now?

A decision is pure, so it can be asked again: with the event, and with what the journal knew when the event came. The
call may be from anywhere; nothing is told to anybody. `--save` makes a test case of it, which tests/test_saved_calls.py
runs: numbers and names in it are replaced, what was said is left out.

What stands in doubt: of two webhooks that were handled at the same moment the journal does not say which saw the other;
here the later one saw the earlier.
"""

import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from hookline.call import Call
from hookline.commands import Command
from hookline.errors import HooklineError
from hookline.events import Event, parse_event
from hookline.journal import CallRecord
from hookline.telnyx import OPTIONAL_ROUTING
from hookline.webhook import DIGIT_FIELDS
from hookline_local.cli.screen import Screen, elapsed, remark
from hookline_local.emulator.template import ParameterRefused, load_template
from hookline_local.errors import TYPED_WRONG, Problem
from hookline_local.signing import DEVELOPMENT_PUBLIC_KEY
from hookline_local.stacks.deployed import PROJECT
from hookline_local.stacks.resources import Place
from hookline_local.stacks.running import HIDDEN

Decide = Callable[[Event, Call], Sequence[Command]]
Commands = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One event of a call as it came, and what was told because of it ({"action", "params"} each)."""

    event: Event
    received_at: str
    told: Commands


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """then, now: what was told, and what today's code would tell. doubt: why the answer may not count."""

    event: Event
    then: Commands
    now: Commands
    doubt: str = ""
    fault: str = ""

    @property
    def same(self) -> bool:
        """Whether today's code says the same."""
        return not self.fault and self.then == self.now


@dataclass(frozen=True, kw_only=True)
class Case:
    """A call to replay. line: the LINE_* settings that it was handled under."""

    line: Mapping[str, str] = field(default_factory=dict)
    moments: Sequence[Moment] = ()
    about: str = ""


def decisions(line: Mapping[str, str], functions: Path = PROJECT / "functions") -> dict[str, Decide]:
    """Today's decisions by event type, under these settings: those that take a `line` are given it."""
    if str(functions) not in sys.path:
        sys.path.insert(0, str(functions))
    settings = importlib.import_module("line").Line.of(line)
    found = importlib.import_module("webhook_router.app").DECISIONS
    return {
        event_type: partial(decide, line=settings) if "line" in inspect.signature(decide).parameters else decide
        for event_type, decide in found.items()
    }


def replay(case: Case, decide_by_type: Mapping[str, Decide]) -> list[Replayed]:
    """Ask today's decisions about every event, in the order they came, each with what had come before it."""
    came = sorted(case.moments, key=lambda moment: (moment.received_at, moment.event.occurred_at, moment.event.id))
    # The decision is what is being tested: whatever it raises is its answer, which a future holds as it does a result.
    with ThreadPoolExecutor(max_workers=1) as deciding:
        return [
            _replayed(moment, deciding.submit(_decided, decide_by_type.get(moment.event.type), moment.event, before))
            for moment, before in ((moment, _before(moment, came[:place])) for place, moment in enumerate(came))
        ]


def _before(moment: Moment, came: Sequence[Moment]) -> list[Event]:
    """What a function reads is its event's own partition."""
    return [one.event for one in came if one.event.identity.partition == moment.event.identity.partition]


def _replayed(moment: Moment, decided: Future[Commands]) -> Replayed:
    error = decided.exception()
    return Replayed(
        event=moment.event,
        then=moment.told,
        now=[] if error else decided.result(),
        doubt="blanked in the journal" if _blanked(moment.event) else "",
        fault=f"{type(error).__name__}: {error}" if error else "",
    )


def _decided(decide: Decide | None, event: Event, before: Sequence[Event]) -> Commands:
    """As the shell asks: first with the event alone, then, when it wants to say something, with what went before."""
    if decide is None or not decide(event, Call.of([event])):
        return []
    commands = decide(event, Call.of([*before, event]))
    return [_plain(command.action, command.redacted_params(leave_out=OPTIONAL_ROUTING)) for command in commands]


def _plain(action: str, params: Mapping[str, Any]) -> dict[str, Any]:
    # Through JSON, as the journal's have been: a tuple is a list there.
    return {"action": action, "params": json.loads(json.dumps(params))}


def _blanked(event: Event) -> bool:
    value = event.payload.get(DIGIT_FIELDS.get(event.type, ""))
    return isinstance(value, str) and bool(value) and not value.strip("x")


# Where a case comes from


def case_of(record: CallRecord, place: Place) -> Case:
    """The case of a journalled call, under the settings of the stack that it is from.

    Raises Problem when the journal's events lie elsewhere, or the stack's parameters do not fit today's template.
    """
    entries = [*record.entries, *record.transcript]
    moments = [
        Moment(
            event=entry.event,
            received_at=entry.received_at,
            told=[_plain(one["action"], one.get("params", {})) for one in entry.commands],
        )
        for entry in entries
        if entry.event is not None
    ]
    return Case(line=line_settings(place.parameters), moments=moments)


def line_settings(parameters: Mapping[str, str]) -> dict[str, str]:
    """The LINE_* variables that a stack with these parameters gives its functions. Raises Problem."""
    path = PROJECT / "template.yaml"
    declared = load_template(path, {"TelnyxPublicKeys": DEVELOPMENT_PUBLIC_KEY, "TelnyxApiKey": HIDDEN}).source[
        "Parameters"
    ]
    given = {"TelnyxPublicKeys": DEVELOPMENT_PUBLIC_KEY, "TelnyxApiKey": HIDDEN}
    given |= {name: value for name, value in parameters.items() if name in declared and name.startswith("Line")}
    try:
        template = load_template(path, given)
    except ParameterRefused as error:
        raise Problem(f"the stack's parameters do not fit today's template: {error}") from error
    return {name: value for name, value in sorted(template.environment().items()) if name.startswith("LINE_")}


# Saved as a test case


def save(case: Case, any_id: str, folder: Path) -> Path:
    """Write it as a test case, and say where. Its name is the call's day and the first part of its id.

    Raises Problem when it cannot be written.
    """
    first = min((moment.event.occurred_at for moment in case.moments), default="")[:10]
    name = re.sub(r"[^A-Za-z0-9]+", "-", any_id)[:12].strip("-")
    path = folder / f"{first}-{name}.json"
    _write(as_json(case, f"a call of {first}"), path)
    return path


def saved(path: Path) -> Case:
    """The case in a file that `save` wrote. Raises Problem when there is none."""
    try:
        return of_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror}", code=TYPED_WRONG) from error
    except (ValueError, LookupError, TypeError, AttributeError, HooklineError) as error:
        raise Problem(f"{path} is no saved call", "hookline replay ID --save writes one.", code=TYPED_WRONG) from error


def accept(case: Case, results: Sequence[Replayed], path: Path) -> None:
    """Write the case again with what today's code tells: the line was changed on purpose. Raises Problem."""
    now = {one.event.id: one.now for one in results}
    moments = [replace(moment, told=now[moment.event.id]) for moment in case.moments]
    _write(as_json(replace(case, moments=moments), case.about), path)


def _write(content: Mapping[str, Any], path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise Problem(
            f"{path} cannot be written: {error.strerror}", "Name another folder with --into.", code=TYPED_WRONG
        ) from error


def as_json(case: Case, about: str) -> dict[str, Any]:
    """The case without what is nobody's business: numbers, names, what was said, links that have died."""
    names: dict[str, str] = {}
    return {
        "about": about,
        "line": dict(case.line),
        "events": [
            {
                "received_at": moment.received_at,
                "data": {
                    "id": moment.event.id,
                    "event_type": moment.event.type,
                    "occurred_at": moment.event.occurred_at,
                    "payload": _private(dict(moment.event.payload), names),
                },
                "commands": _private(moment.told, names),
            }
            for moment in sorted(case.moments, key=lambda one: (one.received_at, one.event.id))
        ],
    }


def of_json(content: Mapping[str, Any]) -> Case:
    """A case as `as_json` wrote it."""
    return Case(
        about=content.get("about", ""),
        line=content["line"],
        moments=[
            Moment(
                event=parse_event(json.dumps({"data": one["data"]}).encode()),
                received_at=one["received_at"],
                told=[_plain(told["action"], told["params"]) for told in one["commands"]],
            )
            for one in content["events"]
        ],
    )


_NUMBERS = ("from", "to", "caller_id_number")
_NAMES = ("caller_id_name", "from_sip_uri", "to_sip_uri")
_SAID = ("transcript", "transcription_text")
_LINKS = ("recording_urls", "public_recording_urls")


def _private(value: Any, names: dict[str, str], key: str = "") -> Any:
    """The same value with numbers replaced (the same number always by the same), and the rest of it blanked."""
    if isinstance(value, dict):
        return {name: _private(inner, names, key if key in _LINKS else name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_private(inner, names, key) for inner in value]
    if not isinstance(value, str) or not value:
        return value
    if key in _NUMBERS:
        return names.setdefault(value, f"+120255501{len(names) % 100:02}")
    if key in _NAMES:
        return "somebody"
    if key in _SAID:
        return "(what was said)"
    if key in _LINKS:
        return f"https://recordings.example.com/{value.partition('?')[0].rpartition('/')[2]}"
    return value


# Shown


def show(results: Sequence[Replayed], screen: Screen) -> bool:
    """The differences, event by event; whether there are none."""
    different = [one for one in results if not one.same]
    screen.document(
        {
            "same": not different,
            "events": len(results),
            "differences": [
                {
                    "event_id": one.event.id,
                    "event_type": one.event.type,
                    "occurred_at": one.event.occurred_at,
                    "then": one.then,
                    "now": one.now,
                    "doubt": one.doubt,
                    "fault": one.fault,
                }
                for one in different
            ],
            "doubtful": [one.event.id for one in results if one.doubt],
        }
    )
    first = results[0].event.occurred_at if results else None
    for one in results:
        what = f"{one.event.type}{remark({'payload': one.event.payload}, '  ')}"
        if one.doubt:
            what = f"{what} ({one.doubt})"
        mark = ("  =  ", "green") if one.same else ("  !  ", "bold red")
        said = ", ".join(told["action"] for told in one.then) if one.same else ""
        screen.line(
            (f"{elapsed(first, one.event.occurred_at):>9}", "dim"), mark, what, (f"  {said}" if said else "", "dim")
        )
        if not one.same:
            for word, told in (("then", one.then), ("now", one.now)):
                text = "; ".join(f"{each['action']} {json.dumps(each['params'], ensure_ascii=False)}" for each in told)
                screen.fact(
                    f"          {word}", one.fault if word == "now" and one.fault else text or "nothing", width=18
                )
    screen.say()
    if different:
        screen.say(f"Today's code tells something else for {len(different)} of {len(results)} events.", "bold red")
    else:
        screen.say(f"Today's code tells the same for all {len(results)} events.", "bold green")
    return not different
