"""The body of an action as a command: the same checks as for a flow, each mistake with a pointer to its parameter."""

import inspect
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from hookline import commands
from hookline.api.problem import Fault, Problem
from hookline.commands import Command
from hookline.flows import Flows

_NAMED = re.compile(r"\w+: (\w+)((?:\.\w+|\[\d+\])*) ?(.*)", re.DOTALL)
_STEP = re.compile(r"\w+")

OF_A_FLOW = frozenset({"on"})
"""Parameters that only a flow may give: an action is for the call in its path."""


def action_names() -> list[str]:
    """The commands that are actions of a call: all but dial."""
    return [name for name in commands.__all__ if name not in ("Command", "command_id", "dial")]


def command_of(action: str, body: Mapping[str, Any], flows: Flows) -> Command:
    """The command. Raises Problem with every parameter that is unknown or absent, or the first that is invalid."""
    function: Callable[..., Command] = getattr(commands, action)
    known = parameters(action)
    arguments = {("from_" if name == "from" else name): value for name, value in body.items()}
    faults = [
        Fault(_pointer(name, of_body=True), f"is not a parameter of {action}")
        for name in body
        if name == "from_" or ("from_" if name == "from" else name) not in known
    ]
    faults += [Fault(_pointer(name), "is required") for name, one in known.items() if _lacks(one, arguments.get(name))]
    if faults:
        raise Problem("invalid_parameter", errors=faults)
    try:
        command = function(**arguments)
        flows.check(command)
    except ValueError as error:
        raise Problem("invalid_parameter", errors=[_fault(str(error), known)]) from error
    except LookupError as error:
        name = "target_flow" if action == "transfer" else "flow"
        raise Problem("invalid_parameter", errors=[Fault(f"/{name}", "must be the name of a flow")]) from error
    return command


@cache
def parameters(action: str) -> Mapping[str, inspect.Parameter]:
    """The parameters of an action, by the names of its function."""
    found = inspect.signature(getattr(commands, action)).parameters
    return {name: one for name, one in found.items() if name not in OF_A_FLOW}


def _lacks(parameter: inspect.Parameter, value: object) -> bool:
    return parameter.default is inspect.Parameter.empty and value is None


def _fault(message: str, known: Mapping[str, inspect.Parameter]) -> Fault:
    """A message of a command as a fault: `action: name[0].part must be ...`."""
    found = _NAMED.fullmatch(message)
    if found is None or found[1] not in known:
        return Fault("", message.partition(": ")[2] or message)
    steps = "".join(f"/{step}" for step in _STEP.findall(found[2]))
    return Fault(f"{_pointer(found[1])}{steps}", found[3] or message)


def _pointer(name: str, *, of_body: bool = False) -> str:
    """The JSON pointer (RFC 6901) of a parameter. of_body: the name is that in the body, not that of the function."""
    name = "from" if name == "from_" and not of_body else name
    return "/" + name[:64].replace("~", "~0").replace("/", "~1")
