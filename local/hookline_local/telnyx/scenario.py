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
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hookline_local.telnyx.misbehaviour import Misbehaviour

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


def read(path: Path) -> Scenario:
    """The scenario in a file. Raises ScenarioUnreadable, and OSError when there is no such file."""
    content = path.read_text(encoding="utf-8")
    try:
        if path.suffix == ".toml":
            return scenario(tomllib.loads(content), name=path.stem)
        if path.suffix == ".json":
            return scenario(json.loads(content), name=path.stem)
        if path.suffix in (".yaml", ".yml"):
            import yaml  # only those who write YAML need it

            try:
                return scenario(yaml.safe_load(content), name=path.stem)
            except yaml.YAMLError as error:
                raise ScenarioUnreadable(f"{path}: {error}") from error
    except ScenarioUnreadable as error:
        raise ScenarioUnreadable(f"{path}: {error}") from error
    except ValueError as error:
        raise ScenarioUnreadable(f"{path}: {error}") from error
    raise ScenarioUnreadable(f"{path}: a scenario ends in .toml, .json or .yaml")


def scenario(content: object, *, name: str = "") -> Scenario:
    """A scenario from what the file says. Raises ScenarioUnreadable."""
    known = {"name", "from", "to", "caller_id_name", "steps", "far_ends", "patience_seconds", "description"}
    table = _table("the scenario", content, known)
    far_ends = table.get("far_ends", {})
    if not isinstance(far_ends, Mapping):
        raise ScenarioUnreadable("far_ends: a table by number, please")
    usual = Scenario()
    caller = table.get("caller_id_name")
    return Scenario(
        name=_text("name", table.get("name", name)),
        from_number=_text("from", table.get("from", usual.from_number)),
        to_number=_text("to", table.get("to", usual.to_number)),
        caller_id_name=None if caller is None else _text("caller_id_name", caller),
        steps=_steps("steps", table.get("steps", [])),
        far_ends={str(number): far_end(f"far_ends.{number}", given) for number, given in far_ends.items()},
        patience_seconds=_seconds("patience_seconds", table.get("patience_seconds", usual.patience_seconds)),
    )


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


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise ScenarioUnreadable(f"{where}: a text, please")
    return value


def _seconds(where: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise ScenarioUnreadable(f"{where}: seconds, please")
    return float(value)
