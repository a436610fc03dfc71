"""Estimates what calls cost on AWS, from a dated table of prices and from figures of a call that was measured.

An estimate: free tiers, taxes and what Telnyx bills are left out. docs/cost.md shows it for three sizes of a line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

REGION = "us-east-1"
PRICES_OF = "2026-11-25"


class Price(NamedTuple):
    """dollars: US dollars, in REGION. source: where it was read, and as of when; empty when it is from memory."""

    dollars: float
    source: str = ""


PRICES: Mapping[str, Price] = {
    "http_api_request": Price(1.00 / 1e6, "amnic.com, AWS API Gateway pricing"),
    "lambda_request": Price(0.20 / 1e6, "aws.amazon.com/lambda/pricing"),
    "lambda_gb_second": Price(0.0000133334, "aws.amazon.com/lambda/pricing, arm64"),
    "dynamodb_write": Price(0.625 / 1e6, "airbyte.com, DynamoDB on demand since 2024-11"),
    "dynamodb_read": Price(0.125 / 1e6, "airbyte.com, DynamoDB on demand since 2024-11"),
    "dynamodb_gb_month": Price(0.25, "aws.amazon.com/dynamodb/pricing"),
    "dynamodb_backup_gb_month": Price(0.20),
    "sqs_request": Price(0.50 / 1e6, "cloudburn.io, Amazon SQS pricing, FIFO, 2026-03"),
    "s3_put": Price(0.005 / 1e3, "dev.to/sh20raj, AWS S3 pricing for beginners"),
    "s3_gb_month": Price(0.023),
    "logs_gb": Price(0.50, "factualminds.com, Amazon CloudWatch pricing, 2026-06"),
    "alarm_month": Price(0.10, "c3x.dev, aws_cloudwatch_metric_alarm"),
    "metric_month": Price(0.30, "signoz.io, CloudWatch pricing, 2026-02"),
    "dashboard_month": Price(3.00, "factualminds.com, Amazon CloudWatch pricing, 2026-06"),
    "secret_month": Price(0.40, "hivebook.wiki, AWS Secrets Manager"),
    "pipe_request": Price(0.40 / 1e6, "cloudburn.io, Amazon EventBridge pricing, 2026-03"),
    "bus_event": Price(1.00 / 1e6, "cloudburn.io, Amazon EventBridge pricing, 2026-03"),
    "archive_gb": Price(0.10, "cloudburn.io, Amazon EventBridge pricing, 2026-03"),
    "archive_gb_month": Price(0.023, "cloudburn.io, Amazon EventBridge pricing, 2026-03"),
    "stream_read": Price(0.02 / 1e5),
}
"""By what is billed. The standard queue, which costs a fifth less, is counted as if it was FIFO."""

WEBHOOKS, WEBHOOKS_WITH_COMMANDS = 9, 4
WRITES_BASE, WRITES_INDEX = 23, 39
"""Of a call of `reception`, recorded and transcribed, without its segments: `hookline call hello`, 2026-11-25."""

RECORDED_BYTES_PER_SECOND = 8_000
"""MP3, dual: the same call."""

SEGMENTS_PER_MINUTE = 6
WRITES_PER_SEGMENT = 2
"""The item, and its entry in the index by_arrival."""

SECONDS_WITHOUT_COMMANDS, SECONDS_WITH_COMMANDS, ARCHIVE_SECONDS = 0.03, 0.3, 5.0
MEMORY_GB = 0.5
LOG_BYTES_PER_WEBHOOK = 1_000
READS_PER_QUERY = 4
BYTES_PER_WRITE = 1_000
"""Assumed: nothing of it has been measured on AWS. READS_PER_QUERY: of a history of 16 KB, consistent.
BYTES_PER_WRITE: a write unit is begun KB, so this is the most that is stored and backed up."""

QUEUE_REQUESTS_PER_CALL = 3
POLLS_PER_QUEUE_AND_MONTH = 5 * 3 * 60 * 24 * 30
"""Five pollers, three long polls a minute; they poll without any call as well."""

POLLS_PER_MONTH = 3 * POLLS_PER_QUEUE_AND_MONTH
"""Of the three queues with a consumer."""

ALARMS, METRICS = 24, 29
DAYS_PER_MONTH = 30

PUBLISHING_ALARMS, POSTS_ALARMS = 5, 4
STREAM_READS_PER_MONTH = 4 * 3600 * 24 * DAYS_PER_MONTH
"""Assumed: four a second from the one shard of a small table. All reads but Lambda's are billed, the first 2.5 million
of a month excepted (docs.aws.amazon.com, DynamoDB, CostOptimization_StreamsUsage); pipes are not named there.
"""

BYTES_PER_EVENT, ARCHIVE_DAYS = 2_000, 14
"""Assumed; the default of EventArchiveDays."""

SUMMARY_SECONDS, SUMMARY_WRITES, SUMMARY_READS, POST_SECONDS = 0.3, 3, 16, 0.3
"""Assumed: nothing of it has been measured on AWS."""


@dataclass(frozen=True)
class Line:
    """One service. per_call, per_month: US dollars; per_month holds what is due without calls as well."""

    service: str
    basis: str
    per_call: float
    per_month: float


def estimate(
    calls_per_day: float, minutes: float, *, publishes: bool = False, posts_per_call: float = 0.0
) -> list[Line]:
    """The cost by service, and of what PublishEvents and EventWebhookUrl add.

    minutes: of one call. posts_per_call: events that are posted, each at the first try.
    """
    lines = _of_calls(calls_per_day, minutes)
    calls = calls_per_day * DAYS_PER_MONTH
    if publishes:
        lines += _of_publishing(calls, events=WEBHOOKS + SEGMENTS_PER_MINUTE * minutes + 1)
    return lines + ([_of_posts(calls, posts_per_call)] if posts_per_call else [])


def _of_publishing(calls: float, *, events: float) -> list[Line]:
    """EventBridge; and the summary of each call. events: of a call."""
    price = {name: entry.dollars for name, entry in PRICES.items()}
    archived_gb = events * BYTES_PER_EVENT / 1e9
    stored = price["archive_gb"] + price["archive_gb_month"] * ARCHIVE_DAYS / DAYS_PER_MONTH
    by_call = events * (price["pipe_request"] + price["bus_event"]) + archived_gb * stored
    reads = STREAM_READS_PER_MONTH * price["stream_read"]
    summary = price["lambda_request"] + SUMMARY_SECONDS * MEMORY_GB * price["lambda_gb_second"]
    summary += SUMMARY_WRITES * price["dynamodb_write"] + SUMMARY_READS * price["dynamodb_read"]
    summary += QUEUE_REQUESTS_PER_CALL * price["sqs_request"]
    always = POLLS_PER_QUEUE_AND_MONTH * price["sqs_request"] + PUBLISHING_ALARMS * price["alarm_month"]
    archived = f"{archived_gb * 1e6:.0f} KB archived for {ARCHIVE_DAYS} days"
    basis = f"{events:.0f} events by pipe and bus, {archived}; stream reads"
    return [
        Line("EventBridge", basis, by_call, by_call * calls + reads),
        Line("Summary", f"1 invocation; polls, {PUBLISHING_ALARMS} alarms", summary, summary * calls + always),
    ]


def _of_posts(calls: float, posts: float) -> Line:
    """The posts to EventWebhookUrl."""
    price = {name: entry.dollars for name, entry in PRICES.items()}
    post = price["lambda_request"] + POST_SECONDS * MEMORY_GB * price["lambda_gb_second"]
    post += QUEUE_REQUESTS_PER_CALL * price["sqs_request"]
    always = POLLS_PER_QUEUE_AND_MONTH * price["sqs_request"] + POSTS_ALARMS * price["alarm_month"]
    always += price["secret_month"]
    basis = f"posts: {posts:g}; polls, {POSTS_ALARMS} alarms, 1 secret"
    return Line("Posts", basis, posts * post, posts * post * calls + always)


def _of_calls(calls_per_day: float, minutes: float) -> list[Line]:
    """The cost by service of calls alone; journal and recordings are stored for one month."""
    calls = calls_per_day * DAYS_PER_MONTH
    segments = SEGMENTS_PER_MINUTE * minutes
    webhooks = WEBHOOKS + segments
    seconds = (webhooks - WEBHOOKS_WITH_COMMANDS) * SECONDS_WITHOUT_COMMANDS
    seconds += WEBHOOKS_WITH_COMMANDS * SECONDS_WITH_COMMANDS + ARCHIVE_SECONDS
    writes = WRITES_BASE + WRITES_INDEX + WRITES_PER_SEGMENT * segments
    reads = WEBHOOKS_WITH_COMMANDS * READS_PER_QUERY
    stored_gb = RECORDED_BYTES_PER_SECOND * minutes * 60 / 1e9
    logged_gb = webhooks * LOG_BYTES_PER_WEBHOOK / 1e9
    price = {name: entry.dollars for name, entry in PRICES.items()}
    stored = price["dynamodb_gb_month"] + price["dynamodb_backup_gb_month"]

    def line(service: str, basis: str, per_call: float, fixed: float = 0.0) -> Line:
        return Line(service, basis, per_call, per_call * calls + fixed)

    return [
        line("API Gateway", f"{webhooks:.0f} webhooks", webhooks * price["http_api_request"]),
        line(
            "Lambda",
            f"{webhooks + 1:.0f} invocations, {seconds * MEMORY_GB:.1f} GB-s",
            (webhooks + 1) * price["lambda_request"] + seconds * MEMORY_GB * price["lambda_gb_second"],
        ),
        line(
            "DynamoDB",
            f"{writes:.0f} write units, {reads} read units, {writes:.0f} KB a month",
            writes * (price["dynamodb_write"] + BYTES_PER_WRITE / 1e9 * stored) + reads * price["dynamodb_read"],
        ),
        line(
            "SQS",
            f"{QUEUE_REQUESTS_PER_CALL} requests; polls all month",
            QUEUE_REQUESTS_PER_CALL * price["sqs_request"],
            POLLS_PER_MONTH * price["sqs_request"],
        ),
        line(
            "S3",
            f"1 recording of {stored_gb * 1000:.1f} MB, a month",
            price["s3_put"] + stored_gb * price["s3_gb_month"],
        ),
        line(
            "CloudWatch",
            f"{logged_gb * 1e6:.0f} KB of log; {ALARMS} alarms, {METRICS} metrics, a dashboard",
            logged_gb * price["logs_gb"],
            ALARMS * price["alarm_month"] + METRICS * price["metric_month"] + price["dashboard_month"],
        ),
        line("Secrets Manager", "1 secret", 0.0, price["secret_month"]),
    ]
