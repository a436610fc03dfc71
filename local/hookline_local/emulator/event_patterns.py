"""Event patterns, as rules and pipes filter with them. Owns which events match.

Source: docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators. What is not understood here is
refused when the stack starts, not when an event comes.
"""

from collections.abc import Mapping
from typing import Any

from hookline_local.emulator.template import UnsupportedTemplate

_OPERATORS = {"anything-but", "exists", "prefix", "suffix"}
_PIPE_OPERATORS = {"anything-but", "exists", "prefix"}


def check_pattern(pattern: Any, *, of_pipe: bool = False) -> None:
    """Raise UnsupportedTemplate unless `matches` understands all of a pattern. of_pipe: pipes take less than rules."""
    if not isinstance(pattern, Mapping):
        raise UnsupportedTemplate(f"an event pattern is an object, not {pattern!r}")
    for name, rest in pattern.items():
        if name == "$or":
            raise UnsupportedTemplate("$or in an event pattern is not understood here")
        if isinstance(rest, Mapping):
            check_pattern(rest, of_pipe=of_pipe)
        elif isinstance(rest, list):
            for alternative in rest:
                _check_alternative(alternative, of_pipe=of_pipe)
        else:
            raise UnsupportedTemplate(f"{name} in an event pattern is neither an object nor a list")


def _check_alternative(alternative: Any, *, of_pipe: bool) -> None:
    if not isinstance(alternative, Mapping):
        return
    if len(alternative) != 1 or not alternative.keys() <= (_PIPE_OPERATORS if of_pipe else _OPERATORS):
        raise UnsupportedTemplate(f"{alternative} in an event pattern is not understood here")
    operand = alternative.get("anything-but")
    if of_pipe and isinstance(operand, Mapping):
        raise UnsupportedTemplate(f"a pipe does not take {alternative}, which a rule does")
    if isinstance(operand, Mapping) and operand.keys() not in ({"prefix"}, {"suffix"}):
        raise UnsupportedTemplate(f"{alternative} in an event pattern is not understood here")


def matches(pattern: Mapping[str, Any], event: Any) -> bool:
    """Whether an event matches a pattern that `check_pattern` has passed."""
    if not isinstance(event, Mapping):
        return False
    return all(_matches_field(rest, event.get(name, _ABSENT)) for name, rest in pattern.items())


_ABSENT = object()


def _matches_field(rest: Any, value: Any) -> bool:
    if isinstance(rest, Mapping):
        return matches(rest, {} if value is _ABSENT else value)
    values = value if isinstance(value, list) else [value]
    return any(_matches_value(alternative, one) for alternative in rest for one in values)


def _matches_value(alternative: Any, value: Any) -> bool:
    if not isinstance(alternative, Mapping):
        return value is not _ABSENT and type(alternative) is type(value) and alternative == value
    ((operator, operand),) = alternative.items()
    if operator == "exists":
        return (value is not _ABSENT) is operand
    if value is _ABSENT:
        return False
    if operator == "anything-but":
        refused = operand if isinstance(operand, list) else [operand]
        return not any(_matches_value(one, value) for one in refused)
    starts = str.startswith if operator == "prefix" else str.endswith
    return isinstance(value, str) and starts(value, operand)
