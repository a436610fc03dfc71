"""Finds the flow that decides on an event. Owns how modules of the package `flows` are loaded and called.

A flow is a module with one function per event, named after it: `call_answered(event, call)` decides on `call.answered`.
`numbers.toml` beside them maps numbers to flows. The flow of a leg is the one named when the leg was answered or
placed (`dial(flow=...)`, `transfer(target_flow=...)`): its name travels in client_state. A leg without one is
journalled and nothing is decided.
"""

import contextlib
import importlib
import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from hookline.call import Call
from hookline.commands import Command
from hookline.deadline import Deadline, DeadlineExceeded
from hookline.events import DTMF_EVENT, Event

Decide = Callable[[Event, Call], Sequence[Command]]

DEFAULT = "default"
NUMBERS_FILE = "numbers.toml"


class Decision(NamedTuple):
    """The decision of a flow on an event. error: what it raised, as `Type: text`, None when it raised nothing.

    The text of an error is journalled and never logged: it may hold a caller's words or digits.
    """

    commands: Sequence[Command] = ()
    error: str | None = None
    error_type: str | None = None


DECISION_SECONDS = 1.0
"""A decision takes microseconds. One that takes this long has a loop without an end, or waits for something."""

IMPORT_SECONDS = 3.0
"""Of one flow, at a cold start. Lambda gives the whole of one 10 seconds."""

LARGEST_FACTS_BYTES = 16_000
"""Of the JSON of a look-up's result: it is read with the history of its call."""

_LONGEST_ERROR = 1000
_compact = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_PLAIN = frozenset({str, int, bool, type(None)})


class LookUp(NamedTuple):
    """The result of a look-up: a JSON value. missed: the type of the error when it has none, TooLarge included.

    error: the same as `Type: text`, which is journalled and never logged.
    """

    facts: Any
    missed: str | None = None
    error: str | None = None


class Flows:
    """The flows of one package. package: its dotted name; its folder holds `numbers.toml`."""

    def __init__(self, package: str) -> None:
        """Nothing is imported yet."""
        self._package = package
        self._modules: dict[str, ModuleType] = {}
        self._endless: set[str] = set()

    @cached_property
    def numbers(self) -> Mapping[str, str]:
        """The flow of each number in E.164, and of all others as `default`. Raises ValueError for a wrong file."""
        import tomllib  # a hundredth of a cold start, which only the functions that see calls begin need

        try:
            content = tomllib.loads((self._folder() / NUMBERS_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"flows/{NUMBERS_FILE} cannot be read: {error}") from error
        numbers, default = content.get("numbers", {}), content.get(DEFAULT, "")
        if not isinstance(numbers, dict) or not all(isinstance(flow, str) for flow in (*numbers.values(), default)):
            raise ValueError(f"flows/{NUMBERS_FILE}: the flow of a number must be the name of a module, in quotes")
        return {**numbers, DEFAULT: default}

    def load(self, *, with_numbers: bool, seconds: float = IMPORT_SECONDS) -> None:
        """Import every flow, so that the first webhook need not. A broken one is left for later.

        with_numbers: read `numbers.toml` as well, which only the first event of an incoming call needs. seconds: for
        each import. One that takes longer is not tried again: it would use up the time of each of its events.
        """
        self.call(self._load, seconds)
        if with_numbers:
            self.call(lambda: [self.numbers])

    def _load(self, seconds: float) -> None:
        for path in sorted(self._folder().glob("[!_]*.py")):
            if self.call(Deadline(seconds).run, self._module, path.stem).error_type == DeadlineExceeded.__name__:
                self._endless.add(path.stem)

    def name_for(self, event: Event) -> str | None:
        """The flow that decides on this event; None when nothing names one.

        An event of a leg that a flow has commanded carries its name. The first event of an incoming call does not:
        there the number that was called decides which flow it runs.
        """
        if name := event.flow:
            return name
        payload = event.payload
        is_new = event.type == "call.initiated" and payload.get("direction") == "incoming"
        if not is_new or payload.get("state") == "bridging":
            return None
        if self.call(lambda: [self.numbers]).error:
            return NUMBERS_FILE  # not a flow: asked to decide it fails with what is wrong in the file
        numbers, number = self.numbers, payload.get("to")
        return numbers.get(number if isinstance(number, str) else "") or numbers[DEFAULT] or None

    def decide(
        self,
        name: str,
        event: Event,
        others: Sequence[Event] = (),
        *,
        facts: Any = None,
        legs: Sequence[Call] = (),
        seconds: float = DECISION_SECONDS,
    ) -> Decision:
        """Ask a flow about an event. Whatever it raises, its import included, becomes the error of the Decision.

        others: the known events of its call besides; they are folded only for a flow that decides on this event type.
        facts: what its look-up found. legs: the other legs of the conversation. seconds: it is cut off then, which is
        a bug as well: an event whose decision never ends would never be journalled.
        """
        return self.call(Deadline(seconds).run, self._decide, name, event, others, facts, legs)

    def acting_digits(self, name: str | None, event: Event) -> str:
        """The keys that a flow acts on, as its module declares them in ACTING_DIGITS; they are stored as pressed."""
        if name is None or event.type != DTMF_EVENT:
            return ""
        digits = self._declared(name, "ACTING_DIGITS")
        return digits if isinstance(digits, str) else ""

    def looks_up(self, name: str | None, event: Event) -> bool:
        """Whether a flow has a look-up for this event type, as its module declares in LOOKUP_EVENTS."""
        declared = self._declared(name, "LOOKUP_EVENTS") if name else None
        return isinstance(declared, (tuple, list, set, frozenset)) and event.type in declared

    def look_up(self, name: str, event: Event, *, deadline: Deadline) -> LookUp:
        """Run the look-up of a flow, which may do I/O, and cut it off at the deadline."""

        found: list[str] = []

        def limited() -> None:
            with deadline.enforced():
                found.append(_compact(self._module(name).lookup(event, Call.of([event]))))

        failed = self.call(limited)
        if failed.error:
            return LookUp(None, failed.error_type, failed.error)
        if (size := len(found[0])) > LARGEST_FACTS_BYTES:
            return LookUp(None, "TooLarge", f"TooLarge: {size:,} bytes of JSON, and {LARGEST_FACTS_BYTES:,} at most")
        return LookUp(json.loads(found[0]))

    def reads_other_legs(self, name: str) -> bool:
        """Whether a flow asks for the other legs of the conversation: its module declares OTHER_LEGS = True."""
        return self._declared(name, "OTHER_LEGS") is True

    def _declared(self, name: str, constant: str) -> object:
        module = self._modules.get(name)
        if module is None:
            self.call(self._module, name)
            module = self._modules.get(name)
        return getattr(module, constant, None)

    @staticmethod
    def call(function: Callable[..., Any], *arguments: Any) -> Decision:
        """Call into a flow. The one place that catches everything: a bug there must not lose the event.

        sys.exit() in a flow is a bug like any other. Only Ctrl-C passes, which Lambda does not send.
        """
        try:
            decided = function(*arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - what a flow may raise is not ours to list
            return Decision(error=_text_of(error), error_type=type(error).__name__)
        return Decision(commands=decided if isinstance(decided, (list, tuple)) else ())

    def _folder(self) -> Path:
        return Path(importlib.import_module(self._package).__path__[0])

    def _module(self, name: str) -> ModuleType:
        if name not in self._modules:
            if name in self._endless:
                raise ImportError(f"the import of {name} does not end")
            if name == NUMBERS_FILE:
                _ = self.numbers
            if not name.isidentifier():
                raise LookupError(f"invalid flow name {name[:40]!r}")
            self._modules[name] = importlib.import_module(f"{self._package}.{name}")
        return self._modules[name]

    def _decide(
        self, name: str, event: Event, others: Sequence[Event], facts: Any, legs: Sequence[Call]
    ) -> list[Command]:
        function = getattr(self._module(name), event.type.replace(".", "_"), None)
        if function is None:
            return []
        decided = function(event, Call.of([*others, event], facts=facts, legs=legs))
        commands = decided if isinstance(decided, list) else _list_of(decided, event)
        for command in commands:
            self.check(command)
        return commands

    def check(self, command: object) -> None:
        """Raise TypeError for what cannot be sent, and LookupError when a leg would be placed for an unknown flow.

        The functions of hookline.commands make nothing that cannot be sent; this is for what is made by hand.
        """
        if not isinstance(command, Command):
            raise TypeError(f"a flow returns a list of commands; this one holds {_kind_of(command)}")
        values = (command.action, command.call_control_id, *command.params.values())
        if not _PLAIN.issuperset(map(type, values)):
            json.dumps(values, allow_nan=False)
        if (name := command.flow) and not self._exists(name):
            raise LookupError(f"{command.action} places a leg for the flow {name!r}, which does not exist")
        if command.fallback is not None:
            self.check(command.fallback)

    def _exists(self, name: str) -> bool:
        return name in self._modules or importlib.util.find_spec(f"{self._package}.{name}") is not None


def _list_of(decided: object, event: Event) -> list[Any]:
    """A tuple or a generator as a list. Raises TypeError for what a decision may not return."""
    if isinstance(decided, (tuple, Iterator)) and not isinstance(decided, Command):
        return list(decided)
    advice = "return [] where nothing is to be commanded" if decided is None else "return a list of commands"
    raise TypeError(f"{event.type.replace('.', '_')} returned {_kind_of(decided)}: {advice}")


def _kind_of(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _text_of(error: BaseException) -> str:
    """`Type: text` of an error, also of one that cannot be shown: its __str__ is the flow's own code."""
    text = "(its text cannot be shown)"
    with contextlib.suppress(Exception):
        text = str(error)
    return f"{type(error).__name__}: {text}"[:_LONGEST_ERROR].encode(errors="backslashreplace").decode()
