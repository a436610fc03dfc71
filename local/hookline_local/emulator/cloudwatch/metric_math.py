"""Metric math, the part that the template's alarms use: FILL, IF, HOUR, DAY, comparisons, AND and OR, arithmetic.

Source: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html. A series is a list with one value
for each period, None where there is no datapoint; whatever is computed from a missing value is missing.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

Series = list[float | None]

_WORD = re.compile(r"\s*(\d+(?:\.\d+)?|[A-Za-z]\w*|>=|<=|==|!=|[-+*/<>(),])")
_OPERATORS: Sequence[Mapping[str, Callable[[float, float], float]]] = (
    {"OR": lambda a, b: float(bool(a) or bool(b)), "AND": lambda a, b: float(bool(a) and bool(b))},
    {
        ">=": operator.ge,
        "<=": operator.le,
        "==": operator.eq,
        "!=": operator.ne,
        ">": operator.gt,
        "<": operator.lt,
    },
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": operator.truediv},
)
"""From the loosest binding. AND and OR have one rank: the template never mixes them."""


class Expression:
    """An expression, read once. Raises ValueError for one that is not read here."""

    def __init__(self, text: str) -> None:
        self._words = _WORD.findall(text)
        if "".join(self._words) != re.sub(r"\s+", "", text):
            raise ValueError(f"{text}: not read here")

    def evaluate(self, series: Mapping[str, Series], starts: Sequence[float]) -> Series:
        """Its value for each period. series: by metric id. starts: of each period, seconds since 1970 UTC."""
        reading = _Reading(list(self._words), series, starts)
        found = reading.operation(0)
        if reading.words:
            raise ValueError(f"{' '.join(reading.words)}: not expected here")
        return found


class _Reading:
    def __init__(self, words: list[str], series: Mapping[str, Series], starts: Sequence[float]) -> None:
        self.words, self._series, self._starts = words, series, starts

    def operation(self, rank: int) -> Series:
        if rank == len(_OPERATORS):
            return self._operand()
        left = self.operation(rank + 1)
        while self.words and self.words[0] in _OPERATORS[rank]:
            apply = _OPERATORS[rank][self.words.pop(0)]
            left = _pointwise(apply, left, self.operation(rank + 1))
        return left

    def _operand(self) -> Series:
        word = self.words.pop(0)
        if word == "(":
            found = self.operation(0)
            self._expect(")")
            return found
        if word[0].isdigit():
            return [float(word)] * len(self._starts)
        if self.words[:1] != ["("]:
            return self._series[word]
        self.words.pop(0)
        arguments = [self.operation(0)]
        while self.words[:1] == [","]:
            self.words.pop(0)
            arguments.append(self.operation(0))
        self._expect(")")
        return self._call(word, arguments)

    def _expect(self, word: str) -> None:
        if self.words[:1] != [word]:
            raise ValueError(f"expected {word}")
        self.words.pop(0)

    def _call(self, name: str, arguments: list[Series]) -> Series:
        match name, arguments:
            case "FILL", [series, filler]:
                return [other if value is None else value for value, other in zip(series, filler, strict=True)]
            case "IF", [condition, then, otherwise]:
                chosen = zip(condition, then, otherwise, strict=True)
                return [None if test is None else (a if test else b) for test, a, b in chosen]
            case (("HOUR" | "DAY"), [series]):
                times = [datetime.fromtimestamp(start, UTC) for start in self._starts]
                parts = [float(time.hour if name == "HOUR" else time.isoweekday()) for time in times]
                return [None if value is None else part for value, part in zip(series, parts, strict=True)]
        raise ValueError(f"{name}: not read here")


def _pointwise(apply: Callable[[float, float], float], left: Series, right: Series) -> Series:
    pairs = zip(left, right, strict=True)
    return [None if a is None or b is None else float(apply(a, b)) for a, b in pairs]
