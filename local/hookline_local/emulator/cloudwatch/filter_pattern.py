"""Filter patterns of CloudWatch Logs: which log events a metric filter, or `aws logs tail --filter-pattern`, matches.

Source: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html. Terms (`?A ?B`, `A B`, `-A`) and
JSON patterns of comparisons with `&&` and `||` are read; anything else is a ValueError. A term matches wherever it is
contained.
"""

import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')
_COMPARISON = re.compile(r'\s*\$\.([\w.]+)\s*(!=|>=|<=|=|>|<)\s*(?:"([^"]*)"|(-?\d+(?:\.\d+)?))\s*')
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


def matches(pattern: str, event: str) -> bool:
    """Whether a log event matches. Raises ValueError for a pattern that is not read here."""
    if not pattern.strip():
        return True
    if pattern.startswith("{"):
        return _matches_json(pattern, fields_of(event))
    return _matches_terms(pattern, event)


def fields_of(event: str) -> dict[str, Any]:
    """The fields of a log event that is a JSON object; empty for any other."""
    try:
        found = json.loads(event) if event.startswith("{") else None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def field(event: Mapping[str, Any], path: str) -> Any:
    """The value at a path like `a.b`; None when there is none."""
    value: Any = event
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _matches_terms(pattern: str, event: str) -> bool:
    terms = [(sign, (quoted or plain).replace('\\"', '"')) for sign, quoted, plain in _TERM.findall(pattern)]
    any_of = [term for sign, term in terms if sign == "?"]
    if any_of and len(any_of) < len(terms):
        raise ValueError(f"{pattern}: CloudWatch ignores terms with ? beside others")
    if any_of:
        return any(term in event for term in any_of)
    return all((term in event) != (sign == "-") for sign, term in terms)


def _matches_json(pattern: str, event: Mapping[str, Any]) -> bool:
    if not pattern.endswith("}"):
        raise ValueError(f"{pattern}: a JSON pattern ends with a brace")
    # && binds tighter than ||.
    parts = [[_compare(each, event) for each in part.split("&&")] for part in pattern[1:-1].split("||")]
    return any(all(part) for part in parts)


def _compare(comparison: str, event: Mapping[str, Any]) -> bool:
    found = _COMPARISON.fullmatch(comparison)
    if found is None:
        raise ValueError(f"{comparison.strip()}: not read here")
    path, sign, text, number = found.groups()
    value = field(event, path)
    expected: Any = text if number is None else float(number)
    if isinstance(value, bool) or not isinstance(value, str if number is None else int | float):
        return False
    return _OPERATORS[sign](value, expected)
