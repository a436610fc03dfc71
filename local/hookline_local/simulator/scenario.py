"""Scenarios: what the person on the phone does, as a value and as a file (TOML, JSON or YAML).

    from = "+12025550147"
    to = "+12025550123"

    [[steps]]
    when = "call.speak.ended"      # an event of the call, or a command that was executed: "record_pause"; or an event
                                   # whose webhook was delivered, or given up: "call.answered delivered"
    where = { status = "completed" }  # optional: only if the event's payload (the command's body) matches
    after = 0.5                    # call seconds later
    press = "1"                    # or speak = "...", hangup = true, faults = { drop = 1 }

    [callees."+12025550177"]      # who answers when the application dials that number
    answers = "machine"
    after = 2.0

    [dial]                         # the application calls `to`, whose person takes the steps
    answering_machine_detection = "detect_beep"
    client_state = { flow = "notice", state = { step = "calling" } }

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

from hookline_local.simulator.faults import Faults

DETECTIONS = (
    "disabled",
    "detect",
    "detect_beep",
    "detect_words",
    "greeting_end",
    "premium",
    "premium_ios_call_screening_detection",
)
"""The values of answering_machine_detection."""
Answer = Literal["human", "machine", "not_sure", "no_answer", "busy", "rejected", "not_found"]
ANSWERS = ("human", "machine", "not_sure", "no_answer", "busy", "rejected", "not_found")


class InvalidScenario(ValueError):
    """A scenario that cannot be played. The text names where and why."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that the person on the phone does, and when."""

    when: str | None = None
    where: Mapping[str, object] = field(default_factory=dict)
    after: float = 0.0
    """Call seconds."""
    press: str | None = None
    speak: str | None = None
    hangup: bool = False
    faults: Mapping[str, object] | None = None


@dataclass(frozen=True, kw_only=True)
class Callee:
    """Who answers a number that the application dials."""

    answers: Answer = "human"
    after: float = 1.0
    """Call seconds of ringing."""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A call: who calls whom, and what the person on the phone does, who is the caller unless `dial` is given."""

    name: str = ""
    from_number: str = "+12025550147"
    to_number: str = "+12025550123"
    caller_id_name: str | None = None
    steps: tuple[Step, ...] = ()
    callees: Mapping[str, Callee] = field(default_factory=dict)
    dial: Mapping[str, Any] | None = None
    """Parameters of Telnyx's dial, for a call that the application places; client_state: any JSON."""
    patience_seconds: float = 30.0
    """Wall-clock time: how long a step waits for its event before the caller gives up and hangs up."""

    @property
    def faults(self) -> set[str]:
        """The names of the faults that it injects."""
        all_steps = (self.steps, *(end.steps for end in self.callees.values()))
        return {fault for steps in all_steps for step in steps for fault in step.faults or ()}


def read(path: Path) -> Scenario:
    """The scenario in a file. Raises InvalidScenario, and OSError when there is no such file."""
    return scenario(checked(path), name=path.stem)


def checked(path: Path) -> dict[str, Any]:
    """The content of a scenario's file, which can be sent as JSON. Raises as `read` does."""
    parse = _PARSERS.get(path.suffix)
    if parse is None:
        raise InvalidScenario(f"{path}: expected a file in .toml, .json or .yaml")
    content = path.read_bytes()
    try:
        found = parse(content.decode())
        scenario(found)
    except (ValueError, RecursionError) as error:
        raise InvalidScenario(f"{path}: {error}") from error
    return dict(found)


def _yaml(text: str) -> Any:
    import yaml  # needed for YAML only

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidScenario(str(error)) from error


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    ".toml": tomllib.loads,
    ".json": json.loads,
    ".yaml": _yaml,
    ".yml": _yaml,
}


def scenario(content: object, *, name: str = "") -> Scenario:
    """A scenario from the content of a file. Raises InvalidScenario."""
    known = {"name", "from", "to", "caller_id_name", "steps", "callees", "dial", "patience_seconds", "description"}
    table = _table("the scenario", content, known)
    callees = table.get("callees", {})
    if not isinstance(callees, Mapping):
        raise InvalidScenario("callees: expected a table by number")
    default = Scenario()
    caller = table.get("caller_id_name")
    found = Scenario(
        name=_text("name", table.get("name", name)),
        from_number=_text("from", table.get("from", default.from_number)),
        to_number=_text("to", table.get("to", default.to_number)),
        caller_id_name=None if caller is None else _text("caller_id_name", caller),
        steps=_steps("steps", table.get("steps", [])),
        callees={str(number): callee(f"callees.{number}", given) for number, given in callees.items()},
        dial=_dial(table["dial"]) if "dial" in table else None,
        patience_seconds=_seconds("patience_seconds", table.get("patience_seconds", default.patience_seconds)),
    )
    _check_json(table)
    return found


def callee(where: str, content: object) -> Callee:
    """A callee from the content of a file. Raises InvalidScenario."""
    table = _table(where, content, {"answers", "after", "steps"})
    answers = table.get("answers", "human")
    if answers not in ANSWERS:
        raise InvalidScenario(f"{where}.answers: expected one of {', '.join(ANSWERS)}")
    return Callee(
        answers=answers,  # type: ignore[arg-type]  # checked just above
        after=_seconds(f"{where}.after", table.get("after", 1.0)),
        steps=_steps(f"{where}.steps", table.get("steps", [])),
    )


def _dial(content: object) -> Mapping[str, Any]:
    table = _table("dial", content, {"answering_machine_detection", "client_state", "timeout_secs"})
    if table.get("answering_machine_detection", "disabled") not in DETECTIONS:
        raise InvalidScenario(f"dial.answering_machine_detection: expected one of {', '.join(DETECTIONS)}")
    _seconds("dial.timeout_secs", table.get("timeout_secs", 30))
    return dict(table)


def _steps(where: str, content: object) -> tuple[Step, ...]:
    if not isinstance(content, list):
        raise InvalidScenario(f"{where}: expected a list")
    return tuple(_step(f"{where}[{index}]", step) for index, step in enumerate(content))


def _step(where: str, content: object) -> Step:
    table = _table(where, content, {"when", "where", "after", "press", "speak", "hangup", "faults"})
    for key in ("when", "press", "speak"):
        if key in table:
            _text(f"{where}.{key}", table[key])
    if not isinstance(table.get("hangup", False), bool):
        raise InvalidScenario(f"{where}.hangup: expected true or false")
    for key in ("where", "faults"):
        if not isinstance(table.get(key, {}), Mapping):
            raise InvalidScenario(f"{where}.{key}: expected a table")
    if "faults" in table:
        try:
            Faults().changed(dict(table["faults"]))  # type: ignore[call-overload]  # a Mapping, as just seen
        except ValueError as error:
            raise InvalidScenario(f"{where}.faults: {error}") from error
    if any(digit not in "0123456789ABCD*#" for digit in str(table.get("press", ""))):
        raise InvalidScenario(f"{where}.press: expected digits 0-9, A-D, * and #")
    _seconds(f"{where}.after", table.get("after", 0.0))
    return Step(**table)  # type: ignore[arg-type]  # every key is checked above


def _table(where: str, content: object, known: set[str]) -> Mapping[str, object]:
    if not isinstance(content, Mapping):
        raise InvalidScenario(f"{where}: expected a table")
    for key in content:
        if key not in known:
            raise InvalidScenario(f"{where}: {key} is not known; known are {', '.join(sorted(known))}")
    return content


def _check_json(content: Mapping[str, object]) -> None:
    """TOML and YAML have dates, and all three have infinity: neither can be compared with a webhook."""
    try:
        json.dumps(content, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise InvalidScenario(f"a value that no webhook has: {error}") from error


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidScenario(f"{where}: expected a text")
    return value


def _seconds(where: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise InvalidScenario(f"{where}: expected seconds")
    return float(value)
