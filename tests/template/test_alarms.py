"""The alarms of template.yaml, each evaluated with datapoints: that it is on when it should be, and only then.

What is counted comes from the functions themselves, where that is possible: their lines are read as CloudWatch does.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from hookline_local.emulator.cloudwatch.alarms import is_on
from hookline_local.emulator.cloudwatch.filter_pattern import matches
from hookline_local.emulator.cloudwatch.insights import LogEvent, query
from hookline_local.emulator.cloudwatch.metrics import Datapoint, embedded, metric_filters
from hookline_local.emulator.template import Template, load_template
from tests.support.deployed import Leg
from tests.support.world import PROJECT, World, refused

GIVEN = {"TelnyxPublicKeys": "A" * 43 + "=", "TelnyxApiKey": "KEY0"}
HOURS = {"WebhooksExpectedFrom": "8", "WebhooksExpectedUntil": "17"}
API = "api"


@pytest.fixture(scope="module")
def template() -> Template:
    loaded = load_template(PROJECT / "template.yaml", GIVEN | HOURS)
    loaded.register("WebhookApi", API)
    return loaded


def alarm(template: Template, name: str) -> dict[str, Any]:
    return template.properties(f"{name}Alarm")


def epoch(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def of_api(name: str, *at_values: tuple[float, float]) -> list[Datapoint]:
    """Datapoints of API Gateway. at: seconds since 1970 UTC."""
    dimensions = frozenset({("ApiId", API)})
    return [Datapoint("AWS/ApiGateway", name, dimensions, at, value) for at, value in at_values]


def of_queue(template: Template, queue: str, name: str, value: float, at: float = 0.0) -> list[Datapoint]:
    dimensions = frozenset({("QueueName", template.resolve({"Fn::GetAtt": [queue, "QueueName"]}))})
    return [Datapoint("AWS/SQS", name, dimensions, at, value)]


def counted(lines: str) -> list[Datapoint]:
    return [point for line in lines.splitlines() for point in embedded(line)]


@pytest.mark.parametrize(
    ("hour", "expected"),
    [
        ("2026-11-23 08:00", True),
        ("2026-11-23 16:59", True),
        ("2026-11-27 12:30", True),
        ("2026-11-23 07:59", False),
        ("2026-11-23 17:00", False),
        ("2026-11-28 12:30", False),  # a Saturday
        ("2026-11-29 12:30", False),
    ],
)
def test_an_hour_without_webhooks_is_an_alarm_only_when_some_are_expected(
    hour: str, expected: bool, template: Template
) -> None:
    at = epoch(hour)
    assert is_on(alarm(template, "NoWebhooks"), [], at=at) is expected
    assert is_on(alarm(template, "NoWebhooks"), of_api("Count", (at - 7200, 5)), at=at) is expected
    assert not is_on(alarm(template, "NoWebhooks"), of_api("Count", (at, 1)), at=at)


def test_answers_later_than_one_and_a_half_seconds_are_an_alarm_in_two_periods_of_three(template: Template) -> None:
    slow = alarm(template, "WebhookLatency")

    def answers(*slowest: float) -> list[Datapoint]:
        """Ninety-eight fast ones and two of these, in each period."""
        periods = enumerate(slowest)
        return of_api("Latency", *((300 * period, each) for period, ms in periods for each in [*[40.0] * 98, ms, ms]))

    assert is_on(slow, answers(1500, 40, 1500), at=600)
    assert not is_on(slow, answers(1500, 40, 40), at=600)
    assert not is_on(slow, answers(1499, 1499, 1499), at=600)


@pytest.mark.parametrize(
    ("name", "queue", "seconds"),
    [("RecordingQueueAge", "RecordingQueue", 480), ("DeferredQueueAge", "DeferredQueue", 900)],
)
def test_what_waits_too_long_is_an_alarm(name: str, queue: str, seconds: int, template: Template) -> None:
    age = "ApproximateAgeOfOldestMessage"
    assert is_on(alarm(template, name), of_queue(template, queue, age, seconds), at=0)
    assert not is_on(alarm(template, name), of_queue(template, queue, age, seconds - 1), at=0)


def alarms_on(template: Template, points: Iterable[Datapoint], at: float) -> set[str]:
    """The names of the alarms that these datapoints alone set off, without NoWebhooks."""
    names = set(template.resources("AWS::CloudWatch::Alarm")) - {"NoWebhooksAlarm"}
    found = list(points)
    return {name.removesuffix("Alarm") for name in names if is_on(template.properties(name), found, at=at)}


def test_the_first_refusal_of_the_api_key_is_an_alarm(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.replies = lambda request: refused(401, "10009")
    Leg()("call.answered")
    points = counted(capsys.readouterr().out)
    assert [point.name for point in points if point.name == "ApiKeyRefused"] != []
    assert "ApiKeyRefused" in alarms_on(world.template, points[:1], points[0].at)


CRASHES = {
    "a timeout": [
        "2026-11-25T12:00:00.000Z 8f0a Task timed out after 10.00 seconds",
        "REPORT RequestId: 8f0a Status: timeout",
    ],
    "a timeout of the start": ["INIT_REPORT Init Duration: 9999.72 ms\tPhase: init\tStatus: timeout"],
    "an error of the start": [
        "[ERROR] Runtime.ImportModuleError: Unable to import module 'webhook': No module named 'flows'",
        "INIT_REPORT Init Duration: 812.11 ms\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError",
    ],
    "an exception": [
        "[ERROR] KeyError: 'TABLE_NAME'\nTraceback (most recent call last):\n  File \"/var/task/webhook.py\""
    ],
    "out of memory": [
        "RequestId: 8f0a Error: Runtime exited with error: signal: killed\nRuntime.ExitError",
        "REPORT RequestId: 8f0a\tMax Memory Used: 256 MB\tStatus: error\tError Type: Runtime.OutOfMemory",
    ],
    "an exit": ["RequestId: 8f0a Error: Runtime exited without providing a reason\nRuntime.ExitError"],
    "an exit, as Lambda wrote it once": ["RequestId: 8f0a Process exited before completing request"],
}
"""The lines that Lambda leaves behind (docs.aws.amazon.com/lambda, lambda-runtime-environment and python-logging)."""

UNEVENTFUL = [
    "START RequestId: 8f0a Version: $LATEST",
    "END RequestId: 8f0a",
    "REPORT RequestId: 8f0a\tDuration: 12.11 ms\tBilled Duration: 13 ms\tMemory Size: 512 MB\tMax Memory Used: 90 MB",
]


def documented_patterns() -> dict[str, str]:
    """Every filter pattern of the documentation that hides some of the log, by file."""
    found = {}
    for page in (PROJECT / "docs").rglob("*.md"):
        for pattern in re.findall(r"--filter-pattern '([^']+)'", page.read_text(encoding="utf-8")):
            found[str(page.relative_to(PROJECT))] = pattern
    return found


def test_the_documentation_has_patterns_that_follow_the_log() -> None:
    assert documented_patterns().keys() == {"docs/deploy.md", "docs/runbooks/README.md"}


@pytest.mark.parametrize("page", sorted(documented_patterns()))
@pytest.mark.parametrize("crash", CRASHES)
def test_no_documented_filter_of_the_log_hides_a_crash(crash: str, page: str) -> None:
    pattern = documented_patterns()[page]
    assert any(matches(pattern, line) for line in CRASHES[crash])
    assert not any(matches(pattern, line) for line in UNEVENTFUL)
    for level in ("WARNING", "ERROR", "CRITICAL"):
        assert matches(pattern, f'{{"level":"{level}","message":"x"}}')


@pytest.mark.parametrize("crash", CRASHES)
def test_the_saved_query_for_crashes_finds_every_crash(crash: str, template: Template) -> None:
    text = template.properties("CrashesQuery")["QueryString"]
    events = [LogEvent(1.0, line) for line in (*UNEVENTFUL, *CRASHES[crash])]
    found = [row["@message"] for row in query(text, events)]
    assert found
    assert set(found) <= set(CRASHES[crash])


def test_every_metric_filter_is_read(template: Template) -> None:
    assert len(metric_filters(template)) == len(template.resources("AWS::Logs::MetricFilter"))
