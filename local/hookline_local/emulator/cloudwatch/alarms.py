"""Whether an alarm of a template would be on, with these datapoints, at this time.

Source: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html, "Evaluating an alarm" and
"missing data". Periods begin at whole multiples of their length. Only TreatMissingData: notBreaching is read, which is
what every alarm of the template has.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hookline_local.emulator.cloudwatch.metric_math import Expression, Series
from hookline_local.emulator.cloudwatch.metrics import Datapoint

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def is_on(alarm: Mapping[str, Any], datapoints: Iterable[Datapoint], *, at: float) -> bool:
    """Whether the alarm is in ALARM once the period that contains a time is over.

    alarm: its properties, resolved. at: seconds since 1970 UTC. Raises ValueError for what is not read here.
    """
    if alarm["TreatMissingData"] != "notBreaching":
        raise ValueError(f"TreatMissingData: {alarm['TreatMissingData']} is not read here")
    values = _values(alarm, list(datapoints), at)
    breaches = _OPERATORS[alarm["ComparisonOperator"]]
    breaching = [value for value in values if value is not None and breaches(value, alarm["Threshold"])]
    enough: int = alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
    return len(breaching) >= enough


def _values(alarm: Mapping[str, Any], datapoints: list[Datapoint], at: float) -> Series:
    """The value of each period that is evaluated, the newest last."""
    number = alarm["EvaluationPeriods"]
    if "Metrics" not in alarm:
        stat = alarm.get("Statistic") or alarm["ExtendedStatistic"]
        return _series(alarm, stat, datapoints, _starts(alarm["Period"], number, at), alarm["Period"])
    (period,) = {entry["MetricStat"]["Period"] for entry in alarm["Metrics"] if "MetricStat" in entry}
    starts = _starts(period, number, at)
    found: dict[str, Series] = {}
    for entry in alarm["Metrics"]:
        if stat := entry.get("MetricStat"):
            found[entry["Id"]] = _series(stat["Metric"], stat["Stat"], datapoints, starts, period)
        else:
            found[entry["Id"]] = Expression(entry["Expression"]).evaluate(found, starts)
    (watched,) = [entry["Id"] for entry in alarm["Metrics"] if entry.get("ReturnData", True)]
    return found[watched]


def _starts(period: int, number: int, at: float) -> list[float]:
    newest = at // period * period
    return [newest - period * index for index in reversed(range(number))]


def _series(
    metric: Mapping[str, Any], stat: str, datapoints: list[Datapoint], starts: list[float], period: int
) -> Series:
    dimensions = frozenset((entry["Name"], entry["Value"]) for entry in metric.get("Dimensions", []))
    key = metric["Namespace"], metric["MetricName"], dimensions
    own = [point for point in datapoints if point[:3] == key]
    return [_statistic(stat, [point.value for point in own if 0 <= point.at - start < period]) for start in starts]


def _statistic(stat: str, values: list[float]) -> float | None:
    if not values:
        return None
    if stat.startswith("p"):
        rank = math.ceil(float(stat[1:]) / 100 * len(values))
        return sorted(values)[max(rank, 1) - 1]
    return {"Sum": sum(values), "Maximum": max(values), "Minimum": min(values)}[stat]
