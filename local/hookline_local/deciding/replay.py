"""Decides a journalled call again with today's code: which commands were sent then, and which would be sent now?

A decision is pure, so it can be repeated: with the event, and with the journal as it was when the event came. The call
may be from any stack; nothing is sent. A replayed call can be saved as a test case, which
tests/flows/test_saved_calls.py runs: what is private in it is replaced.

One doubt remains: of two webhooks that were handled at the same time the journal does not record which one saw the
other; here the later one saw the earlier.
"""

import importlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hookline.dispatch import plan
from hookline.errors import HooklineError
from hookline.events import Event, parse_event
from hookline.flows import DEFAULT, Decision, Flows
from hookline.journal import FACTS, CallRecord, History
from hookline.keyed_digits import is_digit_name
from hookline.telnyx import OPTIONAL_ROUTING
from hookline_local.base.errors import USAGE, CliError
from hookline_local.base.signing import DEVELOPMENT_PUBLIC_KEY
from hookline_local.deciding.anonymous import Anonymous, source_of
from hookline_local.emulator.template import InvalidParameter, load_template
from hookline_local.stacks.deployed import PROJECT
from hookline_local.stacks.resources import StackResources
from hookline_local.stacks.running import MASKED

DIGIT_FIELDS: Mapping[str, str] = {"call.dtmf.received": "digit", "call.gather.ended": "digits"}
"""Payload fields whose value the journal may hold blanked."""

Decide = Callable[[Event, Sequence[Event]], Decision]
Commands = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class ReplayEvent:
    """One event of a call as received, and the commands sent because of it ({"action", "params"} each)."""

    event: Event
    received_at: str
    commands: Commands


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """then, now: the commands sent, and those of today's code. doubt: why the comparison is not decidable."""

    event: Event
    then: Commands
    now: Commands
    doubt: str = ""
    fault: str = ""

    @property
    def same(self) -> bool:
        """Whether today's code sends the same commands."""
        return not self.fault and self.then == self.now

    @property
    def is_undecidable(self) -> bool:
        """Whether the commands may differ only because the journal does not hold what was decided on."""
        return not self.same and bool(self.doubt)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A call to replay. line: the LINE_* settings of its stack. facts: what its look-ups found, by event id.

    flow: that began the call. Its number is not in a saved case, so `numbers.toml` cannot name it.
    """

    line: Mapping[str, str] = field(default_factory=dict)
    flow: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[ReplayEvent] = ()
    about: str = ""


def flows_folder() -> Path:
    """The folder in HOOKLINE_FLOWS, else that of this checkout."""
    return Path(os.environ.get("HOOKLINE_FLOWS") or PROJECT / "flows").resolve()


def decisions(
    line: Mapping[str, str], facts: Mapping[str, Any] = MappingProxyType({}), *, flow: str | None = None
) -> Decide:
    """Today's decisions under these settings: those of the flow that client_state names, or numbers.toml.

    facts: what the look-ups found then, by event id. flow: of every number, in place of numbers.toml.

    The flows are those that `hookline serve` would run: of the folder in HOOKLINE_FLOWS, or of this checkout.

    The commands are as they would be sent: client_state carries the name of the flow.
    """
    folder = flows_folder()
    if str(folder.parent) not in sys.path:
        sys.path.insert(0, str(folder.parent))
    flows = Flows(folder.name)
    if flow is not None:
        vars(flows)["numbers"] = {DEFAULT: flow}

    def decide(event: Event, others: Sequence[Event]) -> Decision:
        name = flows.name_for(event)
        if name is None:
            return Decision()
        with _settings_of(f"{folder.name}.{name}", line):
            found = [facts[each.id] for each in (*others, event) if each.id in facts]
            decision = flows.decide(name, event, others, facts=found[-1] if found else None)
        unread = History(is_duplicate=False, events=[])
        plans = plan(event, decision.commands, unread, flow=name, first_received_at=time.time())
        return decision._replace(commands=[planned.command for planned in plans])

    return decide


@contextmanager
def _settings_of(name: str, line: Mapping[str, str]) -> Iterator[None]:
    """Within the block the flow in the module of this name has the settings in these LINE_* variables, if any."""
    Flows.call(importlib.import_module, name)  # a flow that cannot be imported is reported when it is asked
    module = sys.modules.get(name)
    if not hasattr(module, "CallFlow"):
        yield
        return
    before = vars(module)["SETTINGS"]
    vars(module)["SETTINGS"] = vars(module)["CallFlow"].of(line)
    try:
        yield
    finally:
        vars(module)["SETTINGS"] = before


def replay(case: Case, decide: Decide) -> list[Replayed]:
    """Ask today's decisions about every event, in the order they came, each with what had come before it."""
    received = sorted(case.events, key=lambda event: (event.received_at, event.event.occurred_at, event.event.id))
    return [_replayed(event, decide, _before(event, received[:number])) for number, event in enumerate(received)]


def _before(event: ReplayEvent, received: Sequence[ReplayEvent]) -> list[Event]:
    """A function reads its event's own partition."""
    partition = event.event.identity.partition
    return [earlier.event for earlier in received if earlier.event.identity.partition == partition]


def _replayed(event: ReplayEvent, decide: Decide, before: Sequence[Event]) -> Replayed:
    """As a webhook asks: first with the event alone, then, when it commands something, with what went before."""
    decision = decide(event.event, [])
    if decision.commands:
        decision = decide(event.event, before)
    return Replayed(
        event=event.event,
        then=event.commands,
        now=[_plain(each.action, each.redacted_params(leave_out=OPTIONAL_ROUTING)) for each in decision.commands],
        doubt="blanked in the journal" if is_blanked(event.event) else "",
        fault=decision.error or "",
    )


def _plain(action: str, params: Mapping[str, Any]) -> dict[str, Any]:
    # Through JSON, like the journal's: a tuple is a list there.
    return {"action": action, "params": json.loads(json.dumps(params))}


def is_blanked(event: Event) -> bool:
    """Whether keyed digits of the event were blanked, so that it cannot be decided again."""
    values = [value for name, value in event.payload.items() if is_digit_name(name)]
    return any(isinstance(value, str) and value and not value.strip("x") for value in values)


# Cases of journalled calls


def case_of(record: CallRecord, resources: StackResources) -> Case:
    """The case of a journalled call, with the settings of its stack.

    Raises CliError when the stack's parameters do not fit today's template.
    """
    events = [
        ReplayEvent(
            event=entry.event,
            received_at=entry.received_at,
            commands=[_plain(command["action"], command.get("params", {})) for command in entry.commands],
        )
        for entry in [*record.entries, *record.transcript]
        if entry.event is not None
    ]
    flow = next((entry.flow for entry in record.entries if entry.flow), None)
    return Case(line=line_settings(resources.parameters), flow=flow, facts=facts_of(record), events=events)


def facts_of(record: CallRecord) -> dict[str, Any]:
    """The results of a call's look-ups, by event id."""
    return {note["event_id"]: note["facts"] for note in record.notes.get(FACTS, [])}


def line_settings(parameters: Mapping[str, str]) -> dict[str, str]:
    """The LINE_* variables that a stack with these parameters gives its functions. Raises CliError."""
    path = PROJECT / "template.yaml"
    declared = load_template(path, {"TelnyxPublicKeys": DEVELOPMENT_PUBLIC_KEY, "TelnyxApiKey": MASKED}).source[
        "Parameters"
    ]
    given = {"TelnyxPublicKeys": DEVELOPMENT_PUBLIC_KEY, "TelnyxApiKey": MASKED}
    given |= {name: value for name, value in parameters.items() if name in declared and name.startswith("Line")}
    try:
        template = load_template(path, given)
    except InvalidParameter as error:
        raise CliError(f"the stack's parameters do not fit today's template: {error}") from error
    return {name: value for name, value in sorted(template.environment().items()) if name.startswith("LINE_")}


# Saved as a test case


def save(case: Case, folder: Path) -> Path:
    """Write it as a test case; returns the path. Its name is the call's day and the first part of its id.

    Raises CliError when it cannot be written.
    """
    first = min((event.event.occurred_at for event in case.events), default="")[:10]
    identities = [event.event.identity for event in case.events]
    any_id = next((one.call_leg_id or one.call_control_id for one in identities if any(one[:3])), None)
    name = re.sub(r"[^A-Za-z0-9]+", "-", any_id or "call")[:12].strip("-")
    path = folder / f"{first}-{name}.json"
    _write(as_json(case, f"a call of {first}"), path)
    return path


def saved(path: Path) -> Case:
    """The case in a file that `save` wrote. Raises CliError when it does not hold one."""
    try:
        return of_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise CliError(f"{path} cannot be read: {error.strerror}", code=USAGE) from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, HooklineError) as error:
        raise CliError(f"{path} is not a saved call", "hookline replay ID --save writes one.", code=USAGE) from error


def accept(case: Case, results: Sequence[Replayed], path: Path) -> None:
    """Write the case again with today's commands: the call flow was changed on purpose. Raises CliError."""
    now = {result.event.id: result.then if result.is_undecidable else result.now for result in results}
    events = [replace(event, commands=now[event.event.id]) for event in case.events]
    _write(as_json(replace(case, events=events), case.about), path)


def _write(content: Mapping[str, Any], path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8", errors="replace")  # half a character cannot be written
    except OSError as error:
        raise CliError(
            f"{path} cannot be written: {error.strerror}", "Name another folder with --into.", code=USAGE
        ) from error


def as_json(case: Case, about: str) -> dict[str, Any]:
    """The case without private data: see hookline_local.deciding.anonymous."""
    anonymous = Anonymous("\n".join((source_of(flows_folder()), *case.line.values())))
    facts = anonymous.facts(dict(case.facts))
    return {
        "about": about,
        **({"flow": case.flow} if case.flow else {}),
        "line": dict(case.line),
        **({"facts": facts} if facts else {}),
        "events": [
            {
                "received_at": event.received_at,
                "data": {
                    "id": event.event.id,
                    "event_type": event.event.type,
                    "occurred_at": event.event.occurred_at,
                    "payload": anonymous.payload(dict(event.event.payload)),
                },
                "commands": anonymous.sent(event.commands),
            }
            for event in sorted(case.events, key=lambda event: (event.received_at, event.event.id))
        ],
    }


def of_json(content: Mapping[str, Any]) -> Case:
    """A case as `as_json` wrote it."""
    return Case(
        about=content.get("about", ""),
        flow=content.get("flow"),
        line=content["line"],
        facts=content.get("facts", {}),
        events=[
            ReplayEvent(
                event=parse_event(json.dumps({"data": event["data"]}).encode()),
                received_at=event["received_at"],
                commands=[_plain(command["action"], command["params"]) for command in event["commands"]],
            )
            for event in content["events"]
        ],
    )
