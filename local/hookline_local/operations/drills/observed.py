"""The log, the access log and the metrics that CloudWatch would have of a stack on this machine.

The lines and answers come from the emulator's callbacks, the figures of the queues from the queues themselves. Owns
nothing that lasts: a drill forgets what was before it.
"""

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hookline_local.emulator.cloudwatch.alarms import is_on
from hookline_local.emulator.cloudwatch.insights import LogEvent, query
from hookline_local.emulator.cloudwatch.metrics import Datapoint, embedded, metric_filters
from hookline_local.emulator.gateway import Exchange
from hookline_local.emulator.runtime import LogLine
from hookline_local.emulator.template import Template
from hookline_local.stacks.resources import StackResources

FUNCTION_LOG, ACCESS_LOG = "FunctionLogGroup", "AccessLogGroup"
PERIOD_SECONDS = 300


@dataclass
class Observed:
    """Everything since `forget`. Its on_... methods may be called in any thread."""

    template: Template
    resources: StackResources
    _lines: list[LogLine] = field(default_factory=list)
    _exchanges: list[tuple[float, Exchange]] = field(default_factory=list)
    _counts: list[tuple[float, str, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def forget(self) -> None:
        """Begin again."""
        with self._lock:
            self._lines, self._exchanges, self._counts = [], [], []

    def on_log(self, line: LogLine) -> None:
        with self._lock:
            self._lines.append(line)

    def on_exchange(self, exchange: Exchange) -> None:
        with self._lock:
            self._exchanges.append((time.time(), exchange))

    def on_count(self, function_id: str, metric: str) -> None:
        with self._lock:
            self._counts.append((time.time(), function_id, metric))

    def counted(self, function_id: str, metric: str) -> int:
        """How often a metric of a function was counted."""
        with self._lock:
            return sum(count[1:] == (function_id, metric) for count in self._counts)

    def log(self) -> list[LogEvent]:
        """The log group of the functions."""
        with self._lock:
            lines = list(self._lines)
        return [LogEvent(line.at, line.text, line.function_id) for line in lines]

    def access_log(self) -> list[LogEvent]:
        """The access log of the webhooks' API, in the template's own format."""
        written = self.template.properties_as_written("WebhookApi")["AccessLogSettings"]["Format"]
        api = self._api_id("WebhookApi")
        return [LogEvent(at, _rendered(written, each)) for at, each in self._answered() if self._api_of(each) == api]

    def search(self, text: str, *, access_log: bool = False) -> list[dict[str, Any]]:
        """The rows that a query of Logs Insights finds."""
        return query(text, self.access_log() if access_log else self.log())

    def has_alarm(self, name: str, *, after_seconds: float = 0.0, at: float | None = None) -> bool:
        """Whether an alarm of the template is on.

        after_seconds: from now, if nothing changes until then: what waits in a queue is that much older. at: a time at
        which nothing that is known here has happened, instead of now.
        """
        alarm = self.template.properties(f"{name}Alarm")
        points = list(self.datapoints(after_seconds))
        if at is not None:
            return is_on(alarm, points, at=at)
        # A drill is one period, wherever the clock was when it began; and if it stays as it is, so are those after it.
        now, period = time.time(), alarm.get("Period", PERIOD_SECONDS)
        periods = range(alarm["EvaluationPeriods"])
        return is_on(
            alarm, [point._replace(at=now - number * period) for point in points for number in periods], at=now
        )

    def shown(self, title: str) -> list[str]:
        """The metrics that a widget of the dashboard shows more than nothing of."""
        body = json.loads(self.template.properties_as_written("Dashboard")["DashboardBody"]["Fn::Sub"])
        (widget,) = [each for each in body["widgets"] if each["properties"].get("title") == title]
        metrics = [self._resolved(metric) for metric in widget["properties"]["metrics"]]
        points = [point for point in self.datapoints(0.0) if point.value]
        return sorted({point.name for point in points if any(_shows(metric, point) for metric in metrics)})

    def _resolved(self, metric: Any) -> Any:
        if isinstance(metric, list):
            return [self._resolved(each) for each in metric]
        return self.template.resolve({"Fn::Sub": metric}) if isinstance(metric, str) else metric

    def datapoints(self, after_seconds: float) -> Iterator[Datapoint]:
        """Of every metric that an alarm may watch."""
        filters = metric_filters(self.template)
        for group, events in ((FUNCTION_LOG, self.log()), (ACCESS_LOG, self.access_log())):
            for event in events:
                yield from embedded(event.message)
                counted = (each.datapoint(event.message, event.at) for each in filters if each.log_group == group)
                yield from (point for point in counted if point is not None)
        yield from self._of_api_gateway()
        yield from self._of_lambda()
        yield from self._of_queues(after_seconds)

    def _answered(self) -> list[tuple[float, Exchange]]:
        with self._lock:
            return list(self._exchanges)

    def _of_api_gateway(self) -> Iterator[Datapoint]:
        for at, exchange in self._answered():
            dimensions = frozenset({("ApiId", self._api_of(exchange))})
            values = {
                "Count": 1.0,
                "4xx": float(400 <= exchange.status < 500),
                "5xx": float(exchange.status >= 500),
                "Latency": exchange.milliseconds,
            }
            for name, value in values.items():
                yield Datapoint("AWS/ApiGateway", name, dimensions, at, value)

    def _of_lambda(self) -> Iterator[Datapoint]:
        with self._lock:
            counts = list(self._counts)
        for at, function_id, metric in counts:
            name = frozenset({("FunctionName", self.template.physical_id(function_id))})
            yield Datapoint("AWS/Lambda", metric, name, at, 1.0)

    def _of_queues(self, after_seconds: float) -> Iterator[Datapoint]:
        now = time.time()
        for queue, url in self.resources.queues.items():
            found = self.resources.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            visible = float(found["ApproximateNumberOfMessages"])
            hidden = float(found["ApproximateNumberOfMessagesNotVisible"])
            hidden += float(found["ApproximateNumberOfMessagesDelayed"])
            name = frozenset({("QueueName", self.template.resolve({"Fn::GetAtt": [queue, "QueueName"]}))})
            yield Datapoint("AWS/SQS", "ApproximateNumberOfMessagesVisible", name, now, visible)
            if visible or hidden:
                yield Datapoint("AWS/SQS", "ApproximateAgeOfOldestMessage", name, now, after_seconds)

    def _api_of(self, exchange: Exchange) -> str:
        private = {route.function for route in self.template.private_routes()}
        return self._api_id("CallsHttpApi" if exchange.function_id in private else "WebhookApi")

    def _api_id(self, logical_id: str) -> str:
        return self.template.physical_id(logical_id)


def _rendered(written: str, exchange: Exchange) -> str:
    """A line of the access log."""
    values: Mapping[str, str] = {
        "$context.status": str(exchange.status),
        "$context.routeKey": exchange.route or "-",
        "$context.identity.sourceIp": "127.0.0.1",
        "$context.responseLength": str(len(exchange.response)),
        "$context.responseLatency": f"{exchange.milliseconds:.0f}",
    }
    return re.sub(r"\$context(?:\.\w+)+", lambda found: values.get(found[0], "-"), written).replace("\n", " ")


def _shows(metric: list[Any], point: Datapoint) -> bool:
    """Whether a metric of a widget, or the expression in its place, is that of a datapoint."""
    if isinstance(metric[0], dict):
        return f'MetricName="{point.name}"' in metric[0]["expression"]
    names = [each for each in metric if isinstance(each, str)]
    dimensions = frozenset(zip(names[2::2], names[3::2], strict=True))
    return (names[0], names[1], dimensions) == point[:3]
