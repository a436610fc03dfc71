"""Estimates what calls cost on AWS, from a dated table of prices and from figures of a call that was measured.

An estimate: free tiers, taxes and what Telnyx bills are left out. docs/cost.md shows it for three sizes of a line.
"""

from collections.abc import Mapping
from dataclasses import dataclass

REGION = "us-east-1"
PRICES_OF = "2026-11-25"

PRICES: Mapping[str, float] = {
    "http_api_request": 1.00 / 1e6,  # amnic.com, "AWS API Gateway pricing"
    "lambda_request": 0.20 / 1e6,  # aws.amazon.com/lambda/pricing
    "lambda_gb_second": 0.0000133334,  # arm64, the same page
    "dynamodb_write": 0.625 / 1e6,  # on demand, airbyte.com on DynamoDB's prices since 2024-11
    "dynamodb_read": 0.125 / 1e6,  # likewise
    "sqs_request": 0.50 / 1e6,  # FIFO; not looked up again
    "s3_put": 0.005 / 1e3,  # not looked up again
    "s3_gb_month": 0.023,  # not looked up again
    "logs_gb": 0.50,  # not looked up again
    "alarm_month": 0.10,  # not looked up again
    "metric_month": 0.30,  # not looked up again
    "secret_month": 0.40,  # not looked up again
}
"""US dollars, in REGION, on PRICES_OF."""

WEBHOOKS, WEBHOOKS_WITH_COMMANDS = 9, 4
WRITES_BASE, WRITES_INDEX = 23, 30
"""Of a call of `reception`, recorded and transcribed, without its segments: `hookline call hello`, 2026-11-25."""

RECORDED_BYTES_PER_SECOND = 8_000
"""MP3, dual: the same call."""

SEGMENTS_PER_MINUTE = 6
SECONDS_WITHOUT_COMMANDS, SECONDS_WITH_COMMANDS, ARCHIVE_SECONDS = 0.03, 0.3, 5.0
MEMORY_GB = 0.5
LOG_BYTES_PER_WEBHOOK = 1_000
READS_PER_QUERY = 4
"""Assumed: nothing of it has been measured on AWS. READS_PER_QUERY: of a history of 16 KB, consistent."""

QUEUE_REQUESTS_PER_CALL = 3
POLLS_PER_MONTH = 3 * 5 * 3 * 60 * 24 * 30
"""Three queues with a consumer, five pollers each, three long polls a minute; they poll without any call as well."""

ALARMS, METRICS = 24, 25
DAYS_PER_MONTH = 30


@dataclass(frozen=True)
class Line:
    """One service. per_call, per_month: US dollars; per_month holds what is due without calls as well."""

    service: str
    basis: str
    per_call: float
    per_month: float


def estimate(calls_per_day: float, minutes: float) -> list[Line]:
    """The cost by service; recordings are stored for one month. minutes: of one call."""
    calls = calls_per_day * DAYS_PER_MONTH
    segments = SEGMENTS_PER_MINUTE * minutes
    webhooks = WEBHOOKS + segments
    seconds = (webhooks - WEBHOOKS_WITH_COMMANDS) * SECONDS_WITHOUT_COMMANDS
    seconds += WEBHOOKS_WITH_COMMANDS * SECONDS_WITH_COMMANDS + ARCHIVE_SECONDS
    writes = WRITES_BASE + WRITES_INDEX + segments
    reads = WEBHOOKS_WITH_COMMANDS * READS_PER_QUERY
    stored_gb = RECORDED_BYTES_PER_SECOND * minutes * 60 / 1e9
    logged_gb = webhooks * LOG_BYTES_PER_WEBHOOK / 1e9
    price = PRICES

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
            f"{writes:.0f} write units, {reads} read units",
            writes * price["dynamodb_write"] + reads * price["dynamodb_read"],
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
            f"{logged_gb * 1e6:.0f} KB of log; {ALARMS} alarms, {METRICS} metrics",
            logged_gb * price["logs_gb"],
            ALARMS * price["alarm_month"] + METRICS * price["metric_month"],
        ),
        line("Secrets Manager", "1 secret", 0.0, price["secret_month"]),
    ]
