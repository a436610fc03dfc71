"""Datapoints: from a line in the embedded metric format, and from the metric filters of a template.

Sources: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html;
.../AmazonCloudWatch/latest/logs/MonitoringLogData.html (a value of $.name is taken from the event).
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from hookline_local.emulator.cloudwatch.filter_pattern import field, fields_of, matches
from hookline_local.emulator.template import Template

Dimensions = frozenset[tuple[str, str]]


class Datapoint(NamedTuple):
    """One value of one metric. at: seconds since 1970 UTC."""

    namespace: str
    name: str
    dimensions: Dimensions
    at: float
    value: float


class MetricFilter(NamedTuple):
    """A metric filter of a template. log_group: logical id. value: a number, or $.path."""

    log_group: str
    pattern: str
    namespace: str
    name: str
    value: str

    def datapoint(self, event: str, at: float) -> Datapoint | None:
        """The datapoint of a log event of the group; None for one that does not match."""
        if not matches(self.pattern, event):
            return None
        value = field(fields_of(event), self.value[2:]) if self.value.startswith("$.") else float(self.value)
        return None if value is None else Datapoint(self.namespace, self.name, frozenset(), at, float(value))


def metric_filters(template: Template) -> list[MetricFilter]:
    """Every metric filter of a template."""
    found = []
    for name in template.resources("AWS::Logs::MetricFilter"):
        properties = template.properties(name)
        (transformation,) = properties["MetricTransformations"]
        log_group = template.properties_as_written(name)["LogGroupName"]["Ref"]
        found.append(
            MetricFilter(
                log_group,
                properties["FilterPattern"],
                transformation["MetricNamespace"],
                transformation["MetricName"],
                str(transformation["MetricValue"]),
            )
        )
    return found


def embedded(event: str) -> Iterator[Datapoint]:
    """The datapoints of a log event in the embedded metric format; none of any other."""
    fields = fields_of(event)
    meta = fields.get("_aws")
    if not isinstance(meta, dict):
        return
    for directive in meta.get("CloudWatchMetrics", []):
        for names in directive["Dimensions"]:
            dimensions = frozenset((name, str(fields[name])) for name in names)
            for metric in directive["Metrics"]:
                for value in _values(fields[metric["Name"]]):
                    at = meta["Timestamp"] / 1000
                    yield Datapoint(directive["Namespace"], metric["Name"], dimensions, at, value)


def _values(value: Any) -> Iterable[float]:
    return [float(each) for each in (value if isinstance(value, list) else [value])]
