"""The query `filter[a][b]=1` of a list, applied to rows.

A list declares the filters that the simulator has the data for. Any other is refused: silently ignored it would return
everything.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hookline_local.simulator.api_errors import NOT_SIMULATED, ApiError

Row = Mapping[str, Any]
Filter = Callable[[Row, str], bool]
"""Whether a row passes the filter with this value."""

_COMPARISONS: Mapping[str, Callable[[datetime, datetime], bool]] = {
    "eq": lambda value, limit: value == limit,
    "gt": lambda value, limit: value > limit,
    "gte": lambda value, limit: value >= limit,
    "lt": lambda value, limit: value < limit,
    "lte": lambda value, limit: value <= limit,
}


def equals(*keys: str) -> dict[str, Filter]:
    """Filters by these fields of a row, as text."""
    return {key: field_equals(key) for key in keys}


def field_equals(field: str) -> Filter:
    """The field of a row, where the filter has another name."""
    return lambda row, value: _text(row.get(field)) == value


def contains(field: str) -> Filter:
    """Whether the field, written as JSON unless it is a text, contains the value."""

    def test(row: Row, value: str) -> bool:
        content = row.get(field)
        return value in (content if isinstance(content, str) else json.dumps(content))

    return test


def at(*path: str) -> Filter:
    """The field of a row inside others, as text."""

    def test(row: Row, value: str) -> bool:
        found: Any = row
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        return _text(found) == value

    return test


def one_of_list(pick: Callable[[Row], str]) -> Filter:
    """Whether what is picked from the row is among the values, which commas divide."""
    return lambda row, value: pick(row) in value.split(",")


def within(key: str, field: str | None = None, *, by: Sequence[str] = ("gte", "lte")) -> dict[str, Filter]:
    """Filters by a time: `key[gte]` and so on. field: of the row, when it has another name."""
    return {f"{key}[{name}]": _compared(name, field or key, f"filter[{key}][{name}]") for name in by}


def _compared(name: str, field: str, parameter: str) -> Filter:
    test = _COMPARISONS[name]

    def compare(row: Row, value: str) -> bool:
        limit = _time(value)
        if limit is None:
            raise ApiError("10015", f"{parameter} must be an ISO 8601 time.")
        own = _time(str(row.get(field) or ""))
        return own is not None and test(own, limit)

    return compare


def _time(value: str) -> datetime | None:
    """With any offset; without one it is UTC. A `+` that a query has turned into a blank is one all the same."""
    try:
        parsed = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", value))
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _text(value: object) -> str:
    """As a query writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def apply(query: Iterable[tuple[str, str]], rows: Iterable[Row], filters: Mapping[str, Filter]) -> list[Row]:
    """The rows that pass every filter of the query. Raises ApiError for a filter that is not among them."""
    matches = [(re.fullmatch(r"filter\[([^\]]+)\](.*)", key), value) for key, value in query]
    given = [(match[1] + match[2], value) for match, value in matches if match]
    for name, value in given:
        if name not in filters:
            raise ApiError(NOT_SIMULATED, f"The simulator does not simulate a filter {name} of this list.")
        filters[name]({}, value)  # raises for a value that cannot be read, without rows as well
    return [row for row in rows if all(filters[name](row, value) for name, value in given)]
