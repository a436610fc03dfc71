"""Scenarios: what the person on the phone does, as a value and as a file (TOML, JSON or YAML).

    from = "+12025550123"
    to = "+12025550199"

    [[steps]]
    when = "call.speak.ended"      # an event of the call, or a command it was told: "record_pause"
    where = { status = "completed" }  # optional: only if the event's payload (the command's body) says so
    after = 0.5                    # call seconds later
    press = "1"                    # or say = "...", hangup = true, misbehave = { drop = 1 }

    [far_ends."+12025550177"]      # who answers when the application dials that number
    answers = "machine"
    after = 2.0

Steps are taken in order. Each waits for the next matching event after the one that the step before it waited for; a
step without `when` follows the step before it.
"""

import json
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hookline_local.simulator.faults import Misbehaviour

Answer = Literal["human", "machine", "not_sure", "no_answer", "busy", "rejected", "not_found"]
ANSWERS = ("human", "machine", "not_sure", "no_answer", "busy", "rejected", "not_found")


class ScenarioUnreadable(ValueError):
    """A scenario that cannot be played: says where and why."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that the person on the phone does, and when."""

    when: str | None = None
    where: Mapping[str, object] = field(default_factory=dict)
    after: float = 0.0
    """Call seconds."""
    press: str | None = None
    say: str | None = None
    hangup: bool = False
    misbehave: Mapping[str, object] | None = None


@dataclass(frozen=True, kw_only=True)
class FarEnd:
    """Who is at a number that the application dials."""

    answers: Answer = "human"
    after: float = 1.0
    """Call seconds of ringing."""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """An inbound call: who calls whom, and what the caller does."""

    name: str = ""
    from_number: str = "+12025550123"
    to_number: str = "+12025550199"
    caller_id_name: str | None = None
    steps: tuple[Step, ...] = ()
    far_ends: Mapping[str, FarEnd] = field(default_factory=dict)
    patience_seconds: float = 30.0
    """On the wall's clock: how long a step waits for its event before the caller gives up and hangs up."""

    @property
    def faults(self) -> set[str]:
        """What it makes go wrong on purpose, by name."""
        everybody = (self.steps, *(end.steps for end in self.far_ends.values()))
        return {fault for steps in everybody for step in steps for fault in step.misbehave or ()}


def read(path: Path) -> Scenario:
    """The scenario in a file. Raises ScenarioUnreadable, and OSError when there is no such file."""
    return scenario(checked(path), name=path.stem)


def checked(path: Path) -> dict[str, Any]:
    """What stands in a scenario's file, which can be sent as JSON. Raises as `read` does."""
    parse = _PARSERS.get(path.suffix)
    if parse is None:
        raise ScenarioUnreadable(f"{path}: a scenario ends in .toml, .json or .yaml")
    content = path.read_bytes()
    try:
        found = parse(content.decode())
        scenario(found)
    except (ValueError, RecursionError) as error:
        raise ScenarioUnreadable(f"{path}: {error}") from error
    return dict(found)


def _yaml(text: str) -> Any:
    import yaml  # only those who write YAML need it

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScenarioUnreadable(str(error)) from error


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    ".toml": tomllib.loads,
    ".json": json.loads,
    ".yaml": _yaml,
    ".yml": _yaml,
}


def scenario(content: object, *, name: str = "") -> Scenario:
    """A scenario from what the file says. Raises ScenarioUnreadable."""
    known = {"name", "from", "to", "caller_id_name", "steps", "far_ends", "patience_seconds", "description"}
    table = _table("the scenario", content, known)
    far_ends = table.get("far_ends", {})
    if not isinstance(far_ends, Mapping):
        raise ScenarioUnreadable("far_ends: a table by number, please")
    usual = Scenario()
    caller = table.get("caller_id_name")
    found = Scenario(
        name=_text("name", table.get("name", name)),
        from_number=_text("from", table.get("from", usual.from_number)),
        to_number=_text("to", table.get("to", usual.to_number)),
        caller_id_name=None if caller is None else _text("caller_id_name", caller),
        steps=_steps("steps", table.get("steps", [])),
        far_ends={str(number): far_end(f"far_ends.{number}", given) for number, given in far_ends.items()},
        patience_seconds=_seconds("patience_seconds", table.get("patience_seconds", usual.patience_seconds)),
    )
    _check_json(table)
    return found


def far_end(where: str, content: object) -> FarEnd:
    """A far end from what a file says. Raises ScenarioUnreadable."""
    table = _table(where, content, {"answers", "after", "steps"})
    answers = table.get("answers", "human")
    if answers not in ANSWERS:
        raise ScenarioUnreadable(f"{where}.answers: one of {', '.join(ANSWERS)}, please")
    return FarEnd(
        answers=answers,  # type: ignore[arg-type]  # checked just above
        after=_seconds(f"{where}.after", table.get("after", 1.0)),
        steps=_steps(f"{where}.steps", table.get("steps", [])),
    )


def _steps(where: str, content: object) -> tuple[Step, ...]:
    if not isinstance(content, list):
        raise ScenarioUnreadable(f"{where}: a list, please")
    return tuple(_step(f"{where}[{place}]", step) for place, step in enumerate(content))


def _step(where: str, content: object) -> Step:
    table = _table(where, content, {"when", "where", "after", "press", "say", "hangup", "misbehave"})
    for key in ("when", "press", "say"):
        if key in table:
            _text(f"{where}.{key}", table[key])
    if not isinstance(table.get("hangup", False), bool):
        raise ScenarioUnreadable(f"{where}.hangup: true or false, please")
    for key in ("where", "misbehave"):
        if not isinstance(table.get(key, {}), Mapping):
            raise ScenarioUnreadable(f"{where}.{key}: a table, please")
    if "misbehave" in table:
        try:
            Misbehaviour().changed(dict(table["misbehave"]))  # type: ignore[call-overload]  # a Mapping, as just seen
        except ValueError as error:
            raise ScenarioUnreadable(f"{where}.misbehave: {error}") from error
    if any(digit not in "0123456789ABCD*#" for digit in str(table.get("press", ""))):
        raise ScenarioUnreadable(f"{where}.press: digits 0-9, A-D, * and #, please")
    _seconds(f"{where}.after", table.get("after", 0.0))
    return Step(**table)  # type: ignore[arg-type]  # every key was looked at above


def _table(where: str, content: object, known: set[str]) -> Mapping[str, object]:
    if not isinstance(content, Mapping):
        raise ScenarioUnreadable(f"{where}: a table, please")
    for key in content:
        if key not in known:
            raise ScenarioUnreadable(f"{where}: {key} is not known; known are {', '.join(sorted(known))}")
    return content


def _check_json(content: Mapping[str, object]) -> None:
    """TOML and YAML have dates, and all three have infinity: none of it can be compared with a webhook."""
    try:
        json.dumps(content, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise ScenarioUnreadable(f"a value that no webhook has: {error}") from error


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise ScenarioUnreadable(f"{where}: a text, please")
    return value


def _seconds(where: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise ScenarioUnreadable(f"{where}: seconds, please")
    return float(value)
