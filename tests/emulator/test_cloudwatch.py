"""hookline_local/emulator/cloudwatch: filter patterns, datapoints, alarms, metric math, queries of Logs Insights."""

import json
from typing import Any

import pytest

from hookline_local.emulator.cloudwatch.alarms import is_on
from hookline_local.emulator.cloudwatch.filter_pattern import matches
from hookline_local.emulator.cloudwatch.insights import LogEvent, query
from hookline_local.emulator.cloudwatch.metric_math import Expression
from hookline_local.emulator.cloudwatch.metrics import Datapoint, MetricFilter, embedded

MONDAY_AT_8 = 1_795_420_800.0
"""2026-11-23 08:00 UTC."""


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        ("", "anything", True),
        ("?ERROR ?WARNING", "[WARNING] slow", True),
        ("?ERROR ?WARNING", "all is well", False),
        ("disk full", "the disk is full", True),
        ("disk full", "the disk is there", False),
        ('-"START RequestId"', "START RequestId: 1", False),
        ('-"START RequestId"', "Task timed out", True),
        ('{ $.status = "401" }', '{"status": "401"}', True),
        ('{ $.status = "401" }', '{"status": 401}', False),
        ("{ $.a.b >= 10 }", '{"a": {"b": 10}}', True),
        ("{ $.a.b >= 10 }", '{"a": {"b": 9}}', False),
        ("{ $.a.b >= 10 }", '{"a": 1}', False),
        ('{ $.a = "x" && $.b < 2 || $.c = 1 }', '{"a": "x", "b": 3, "c": 1}', True),
        ('{ $.a = "x" && $.b < 2 || $.c = 1 }', '{"a": "x", "b": 3, "c": 2}', False),
        ('{ $.a = "x" }', "Traceback", False),
        ('{ $.a = "x" }', '{"a": ', False),
    ],
)
def test_a_filter_pattern_matches_as_documented(pattern: str, event: str, expected: bool) -> None:
    assert matches(pattern, event) is expected


@pytest.mark.parametrize("pattern", ['{ $.a = "x"', "{ $.a IS TRUE }", '{ $.a = "x*y" && $.b }', "?A B"])
def test_a_filter_pattern_that_is_not_read_here_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"read here|expected|CloudWatch|brace"):
        matches(pattern, '{"a": "x"}')


def test_a_line_in_the_embedded_metric_format_is_a_datapoint_for_each_value() -> None:
    directive = {"Namespace": "N", "Dimensions": [["service"]], "Metrics": [{"Name": "Lag"}]}
    line = {"_aws": {"Timestamp": 1500, "CloudWatchMetrics": [directive]}, "service": "s", "Lag": [1, 2.5]}
    dimensions = frozenset({("service", "s")})
    expected = [Datapoint("N", "Lag", dimensions, 1.5, value) for value in (1.0, 2.5)]
    assert list(embedded(json.dumps(line))) == expected
    assert list(embedded('{"message": "x"}')) == list(embedded("Traceback")) == []


def test_a_metric_filter_counts_or_takes_the_value_from_the_event() -> None:
    counting = MetricFilter("Logs", '{ $.message = "x" }', "N", "Lines", "1")
    reading = counting._replace(value="$.seconds")
    event = '{"message": "x", "seconds": 2.5}'
    assert counting.datapoint(event, 7.0) == Datapoint("N", "Lines", frozenset(), 7.0, 1.0)
    assert reading.datapoint(event, 7.0) == Datapoint("N", "Lines", frozenset(), 7.0, 2.5)
    assert counting.datapoint('{"message": "y"}', 7.0) is None
    assert reading.datapoint('{"message": "x"}', 7.0) is None


def alarm(**changes: Any) -> dict[str, Any]:
    """Three in five minutes."""
    return {
        "Namespace": "N",
        "MetricName": "M",
        "Dimensions": [{"Name": "d", "Value": "v"}],
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 3,
        "TreatMissingData": "notBreaching",
        **changes,
    }


def points(*at_values: tuple[float, float]) -> list[Datapoint]:
    return [Datapoint("N", "M", frozenset({("d", "v")}), at, value) for at, value in at_values]


def test_an_alarm_is_on_by_its_own_statistic_threshold_and_period() -> None:
    three = points((300, 1), (310, 1), (599, 1))
    assert is_on(alarm(), three, at=599)
    assert not is_on(alarm(), three[1:], at=599)
    assert not is_on(alarm(), three, at=600)
    assert not is_on(alarm(Dimensions=[]), three, at=599)
    assert not is_on(alarm(Statistic="Maximum"), three, at=599)
    assert is_on(alarm(Statistic="Minimum", Threshold=1), three, at=599)
    many = points(*((300 + number, number) for number in range(200)))
    percentile = alarm(ExtendedStatistic="p99", Threshold=197)
    del percentile["Statistic"]
    assert is_on(percentile, many, at=300)
    assert not is_on(percentile | {"Threshold": 198}, many, at=300)


def test_an_alarm_waits_for_as_many_datapoints_as_it_asks_for() -> None:
    two_of_three = alarm(EvaluationPeriods=3, DatapointsToAlarm=2)
    assert is_on(two_of_three, points((0, 3), (600, 3)), at=899)
    assert not is_on(two_of_three, points((0, 3), (300, 2)), at=899)
    assert not is_on(alarm(EvaluationPeriods=2), points((0, 3)), at=300)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m", [2.0, None]),
        ("m + 1 * 3", [5.0, None]),
        ("(m + 1) * 3", [9.0, None]),
        ("FILL(m, 0)", [2.0, 0.0]),
        ("HOUR(m)", [8.0, None]),
        ("DAY(FILL(m, 0))", [1.0, 1.0]),
        ("IF(FILL(m, 0) >= 2, m, 7)", [2.0, 7.0]),
        ("IF(m > 1 AND m < 2, 1, 0)", [0.0, None]),
        ("IF(m > 2 OR m == 2, 1, 0)", [1.0, None]),
    ],
)
def test_metric_math_is_evaluated_period_by_period(text: str, expected: list[float | None]) -> None:
    series: dict[str, list[float | None]] = {"m": [2.0, None]}
    assert Expression(text).evaluate(series, [MONDAY_AT_8, MONDAY_AT_8 + 3600]) == expected


@pytest.mark.parametrize("text", ["m;", "RATE(m)", "m m", "(m", "FILL(m)"])
def test_metric_math_that_is_not_read_here_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"read here|expected|CloudWatch|brace"):
        Expression(text).evaluate({"m": [1.0]}, [0.0])


EVENTS = [
    LogEvent(3.0, '{"message": "b", "level": "ERROR", "milliseconds": 20}', "stream-1"),
    LogEvent(1.0, '{"message": "a", "level": "INFO", "milliseconds": 1500}', "stream-2"),
    LogEvent(2.0, "Task timed out after 3.00 seconds"),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('filter message = "b" | sort @timestamp desc', [3.0]),
        ("filter level in ['ERROR', 'INFO'] and milliseconds > 1000", [1.0]),
        ('filter message = "b" or message = "a" | sort @timestamp asc', [1.0, 3.0]),
        ("filter @message like /Task timed out|Runtime\\./", [2.0]),
        ("filter message != 'b' | sort milliseconds desc | limit 1", [1.0]),
        ("fields @timestamp, message | sort @timestamp desc", [3.0, 2.0, 1.0]),
    ],
)
def test_a_query_finds_the_events_that_it_describes(text: str, expected: list[float]) -> None:
    assert [row["@timestamp"] for row in query(text, EVENTS)] == expected


def test_a_query_counts_by_fields() -> None:
    rows = query("filter level = 'ERROR' | stats count(*) as lines, latest(@timestamp) as newest by message", EVENTS)
    assert rows == [{"message": "b", "lines": 1, "newest": 3.0}]


@pytest.mark.parametrize("text", ["parse @message 'x'", "filter a ~ 1", "stats avg(x)", "filter message"])
def test_a_query_that_is_not_read_here_is_refused(text: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        query(text, EVENTS)
