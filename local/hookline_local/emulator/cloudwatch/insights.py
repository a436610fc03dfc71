"""Queries of CloudWatch Logs Insights on log events in memory: fields, filter, sort, limit, stats (count and latest).

Source: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html. Fields of a JSON event are found by name;
@timestamp, @message and @logStream of every event. Raises ValueError for anything that is not read here.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from hookline_local.emulator.cloudwatch.filter_pattern import field, fields_of

Row = dict[str, Any]

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"]*"|'[^']*')|(?P<pattern>/(?:[^/\\]|\\.)*/)|(?P<number>-?\d+(?:\.\d+)?)"""
    r"""|(?P<name>@?[A-Za-z_][\w.]*)|(?P<sign>!=|>=|<=|=|>|<|[\[\](),*]))"""
)


class LogEvent(NamedTuple):
    """at: seconds since 1970 UTC."""

    at: float
    message: str
    stream: str = ""


def query(text: str, events: Iterable[LogEvent]) -> list[Row]:
    """The rows that a query finds."""
    rows = [_row(event) for event in events]
    for part in _parts(text):
        command, _, argument = part.strip().partition(" ")
        rows = _COMMANDS[command](rows, argument) if command in _COMMANDS else _unknown(part)
    return rows


def _row(event: LogEvent) -> Row:
    own = {"@timestamp": event.at, "@message": event.message, "@logStream": event.stream}
    return {**fields_of(event.message), **own}


def _parts(text: str) -> list[str]:
    """The commands, between bars that are not in a regular expression or a text."""
    outside = re.compile(r"""/(?:[^/\\]|\\.)*/|"[^"]*"|'[^']*'|(\|)""")
    parts, begin = [], 0
    for found in outside.finditer(text):
        if found[1]:
            parts.append(text[begin : found.start()])
            begin = found.end()
    return [*parts, text[begin:]]


def _unknown(part: str) -> list[Row]:
    raise ValueError(f"{part.strip()}: not read here")


def _fields(rows: list[Row], argument: str) -> list[Row]:
    names = [name.strip() for name in argument.split(",")]
    # What is not shown can still be filtered and sorted by, as in CloudWatch.
    return [{**row, "shown": {name: field(row, name) for name in names}} for row in rows]


def _filter(rows: list[Row], argument: str) -> list[Row]:
    condition = _Condition(_tokens(argument))
    matching = condition.either()
    condition.end()
    return [row for row in rows if matching(row)]


def _sort(rows: list[Row], argument: str) -> list[Row]:
    name, _, direction = argument.strip().partition(" ")
    known = [row for row in rows if field(row, name) is not None]
    unknown = [row for row in rows if field(row, name) is None]
    return sorted(known, key=lambda row: field(row, name), reverse=direction.strip() != "asc") + unknown


def _limit(rows: list[Row], argument: str) -> list[Row]:
    return rows[: int(argument)]


def _stats(rows: list[Row], argument: str) -> list[Row]:
    functions, _, by = argument.partition(" by ")
    names = [name.strip() for name in by.split(",") if name.strip()]
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(field(row, name) for name in names), []).append(row)
    return [
        dict(zip(names, key, strict=True)) | dict(_aggregate(each, group) for each in functions.split(","))
        for key, group in groups.items()
    ]


def _aggregate(function: str, group: list[Row]) -> tuple[str, Any]:
    found = re.fullmatch(r"\s*((count|latest)\((\*|@?\w+)\))(?:\s+as\s+(\w+))?\s*", function)
    if found is None:
        raise ValueError(f"{function.strip()}: not read here")
    whole, kind, argument, name = found.groups()
    if kind == "count":
        return name or whole, len(group)
    newest = max(group, key=lambda row: row["@timestamp"])
    return name or whole, field(newest, argument)


_COMMANDS: Mapping[str, Callable[[list[Row], str], list[Row]]] = {
    "fields": _fields,
    "filter": _filter,
    "sort": _sort,
    "limit": _limit,
    "stats": _stats,
}

Test = Callable[[Row], bool]


def _tokens(text: str) -> list[tuple[str, str]]:
    found = [(match.lastgroup or "", match[0].strip()) for match in _TOKEN.finditer(text)]
    if re.sub(r"\s+", "", "".join(token for _, token in found)) != re.sub(r"\s+", "", text):
        raise ValueError(f"{text.strip()}: not read here")
    return found


class _Condition:
    """Reads the condition of a filter: `or` of `and` of comparisons."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens

    def either(self) -> Test:
        tests = [self._both()]
        while self._takes("or"):
            tests.append(self._both())
        return lambda row: any(test(row) for test in tests)

    def end(self) -> None:
        if self._tokens:
            raise ValueError(f"{self._tokens[0][1]}: not expected here")

    def _both(self) -> Test:
        tests = [self._comparison()]
        while self._takes("and"):
            tests.append(self._comparison())
        return lambda row: all(test(row) for test in tests)

    def _takes(self, word: str) -> bool:
        if self._tokens and self._tokens[0][1].lower() == word:
            self._tokens.pop(0)
            return True
        return False

    def _comparison(self) -> Test:
        kind, name = self._tokens.pop(0)
        if kind != "name":
            raise ValueError(f"{name}: expected a field")
        if self._takes("in"):
            return self._in(name)
        if self._takes("like"):
            kind, pattern = self._tokens.pop(0)
            compiled = re.compile(pattern[1:-1] if kind == "pattern" else re.escape(pattern[1:-1]))
            return lambda row: bool(compiled.search(str(field(row, name) or "")))
        sign, value = self._tokens.pop(0)[1], self._value()
        return lambda row: _compare(sign, field(row, name), value)

    def _in(self, name: str) -> Test:
        values = []
        self._tokens.pop(0)
        while not self._takes("]"):
            if not self._takes(","):
                values.append(self._value())
        return lambda row: field(row, name) in values

    def _value(self) -> Any:
        kind, token = self._tokens.pop(0)
        return float(token) if kind == "number" else token[1:-1]


def _compare(sign: str, value: Any, expected: Any) -> bool:
    if sign in ("=", "!="):
        return bool((value == expected) == (sign == "="))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return bool({">": value > expected, "<": value < expected, ">=": value >= expected, "<=": value <= expected}[sign])
