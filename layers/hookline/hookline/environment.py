"""The settings, clients and log of a function. The only module that reads the environment.

Each module gets its client from here and none of them asks for a setting. Everything is built once per cold start, and
what a function never uses is never built.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import boto3
import httpx
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config
from botocore.exceptions import ClientError

from hookline.aws_errors import translate_aws_errors
from hookline.errors import ApiKeyUnreadable, HooklineError, TelnyxUnavailable, Unavailable
from hookline.flows import IMPORT_SECONDS, Flows
from hookline.journal import Journal
from hookline.limits import TELNYX_CALL_SECONDS, Limits
from hookline.oversize import OversizeStore
from hookline.queues import Queues
from hookline.signature import public_keys
from hookline.telnyx import BASE_URL, PATIENCE_SECONDS, Telnyx

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from nacl.signing import VerifyKey

    from hookline.event_posts import EventPosts
    from hookline.journal_pages import JournalPages

_API_KEY_SECONDS = 300
"""A replaced key is read again after this long, or at once when Telnyx refuses the old one."""

_FAST = Config(
    connect_timeout=0.3,
    read_timeout=0.4,
    retries={"mode": "standard", "total_max_attempts": 2},
    parameter_validation=False,  # AWS checks them itself; botocore takes a tenth of a request for it
)
"""For everything that a webhook waits for. Two tries take 1.4 s at most, unless its deadline ends them before (see
hookline.deadline). When the second fails too, the webhook is answered 503 and delivered again, or deferred."""

_PATIENT = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 4},
    signature_version="s3v4",  # of links too: an object under a KMS key takes no other
)
"""For S3, which only background work and the calls API wait for."""


_MOST_PATIENCE = 1000.0


_encode_line = json.JSONEncoder(separators=(",", ":"), default=str).encode


class _Lines(LambdaPowertoolsFormatter):
    """Powertools' lines with Powertools' keys, at half the cost: a webhook writes one, and is measured by it."""

    _NOT_OURS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def __init__(self, service: str) -> None:
        super().__init__(utc=True, use_rfc3339=True, service=service)
        self._service = service
        self._encode = json.JSONEncoder(separators=(",", ":"), default=str).encode

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info:
            return super().format(record)
        line = {
            "level": record.levelname,
            "location": f"{record.funcName}:{record.lineno}",
            "message": record.getMessage(),
            "timestamp": self.formatTime(record),
            "service": self._service,
        }
        ours = {key: value for key, value in vars(record).items() if value is not None and key not in self._NOT_OURS}
        return self._encode(line | ours)


class Environment:
    """The settings and clients of one function; see `.env.example` for what each variable means."""

    def __init__(self, settings: Mapping[str, str], transport: httpx.BaseTransport | None = None) -> None:
        """settings: the environment variables. transport: instead of the network, for a test of the real client."""
        self.settings = settings
        self.transport = transport
        self._log_stream: TextIO = sys.stdout
        self._api_key: str | None = None
        self._api_key_read_at = 0.0

    @cached_property
    def logger(self) -> Logger:
        """JSON lines in Powertools' shape. Never given a request, a payload, a number, a digit or a transcript."""
        self._log_stream = sys.stdout
        return Logger(service=self._service, stream=self._log_stream, logger_formatter=_Lines(self._service))

    @cached_property
    def _service(self) -> str:
        return self.settings.get("POWERTOOLS_SERVICE_NAME", "hookline")

    def log_info(self, message: str, **fields: Any) -> None:
        """Write an INFO line in Powertools' shape; a field that is None is left out.

        Not by way of logging, which costs a webhook a third of what verifying its signature does: it writes one line.
        """
        if self.logger.log_level > logging.INFO:
            return
        line = {
            "level": "INFO",
            "message": message,
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "service": self._service,
            **{name: value for name, value in fields.items() if value is not None},
        }
        stream = self._log_stream
        stream.write(_encode_line(line) + "\n")
        stream.flush()

    def crash_line(self, message: str, ids: Callable[[], Mapping[str, Any]]) -> "CrashLine":
        """A block whose crash leaves a line with these ids; the error itself passes through."""
        return CrashLine(self, message, ids)

    @cached_property
    def metrics(self) -> Metrics:
        """CloudWatch metrics in the embedded format. Used only for what an operator may be woken by."""
        return Metrics(
            namespace=self.settings.get("POWERTOOLS_METRICS_NAMESPACE", "Hookline"),
            service=self._service,
        )

    def count(self, name: str) -> None:
        """Add one to a counter, and write it at once: these are rare, and a function may be frozen after its answer."""
        self.measure(name, 1, MetricUnit.Count)

    def measure(self, name: str, value: float, unit: MetricUnit) -> None:
        """Add a value to a metric, and write it at once."""
        self.metrics.add_metric(name=name, unit=unit, value=value)
        self.metrics.flush_metrics()

    @cached_property
    def local(self) -> bool:
        """On a laptop: under `sam local` or our own local stack. Only there is the development key a key."""
        return self.settings.get("AWS_SAM_LOCAL") == "true"

    @cached_property
    def patience(self) -> float:
        """How many times as long as on AWS everything may take: 1, but on a laptop the value of HOOKLINE_PATIENCE.

        Raises ValueError outside 1 to 1,000.
        """
        value = self.settings.get("HOOKLINE_PATIENCE") if self.local else None
        patience = float(value or 1)
        if not 1 <= patience <= _MOST_PATIENCE:
            raise ValueError(f"HOOKLINE_PATIENCE must be between 1 and {_MOST_PATIENCE:.0f}")
        return patience

    @cached_property
    def _fast(self) -> Config:
        longer = Config(connect_timeout=0.3 * self.patience, read_timeout=0.4 * self.patience)
        return _FAST if self.patience == 1 else _FAST.merge(longer)

    @property
    def event_type(self) -> str:
        """The one event type that this function handles; empty for the router, which handles all of them."""
        return self.settings.get("EVENT_TYPE", "")

    @cached_property
    def flows(self) -> Flows:
        """The call flows. What they log by the standard library is written from the stack's log level on."""
        package = self.settings.get("FLOWS_PACKAGE") or "flows"
        logging.getLogger(package).setLevel(self.logger.log_level)
        return Flows(package)

    @cached_property
    def flow_failure_text(self) -> str:
        """Spoken when a flow has failed, before the call is ended."""
        return self.settings.get("FLOW_FAILURE_TEXT", "")

    @cached_property
    def limits(self) -> Limits:
        """Who may be called from here, and how; no one without DIAL_ALLOW."""
        allowed = self.settings.get("DIAL_ALLOW", "").lower().split(",")
        return Limits(
            allowed=tuple(each for each in allowed if each),
            live_calls=self._whole("MAX_LIVE_CALLS", 0),
            call_seconds=self._whole("MAX_CALL_SECONDS", TELNYX_CALL_SECONDS),
        )

    @cached_property
    def public_keys(self) -> "list[VerifyKey]":
        """The keys that verify a webhook; empty means closed. An invalid key is logged, once."""
        keys, wrong = public_keys(self.settings.get("TELNYX_PUBLIC_KEY", ""), development=self.local)
        for sentence in wrong:
            self.logger.error("invalid public key", extra={"reason": sentence})
        return keys

    @cached_property
    def journal(self) -> Journal:
        """The journal in this stack's table."""
        client = boto3.client("dynamodb", config=self._fast)
        return Journal(client, self.settings["TABLE_NAME"], retention_days=self._whole("RETENTION_DAYS", 0))

    @cached_property
    def journal_pages(self) -> "JournalPages":
        """The same table, read a page at a time: for the calls API, and no webhook loads it."""
        from hookline.journal_pages import JournalPages

        return JournalPages(boto3.client("dynamodb", config=self._fast), self.settings["TABLE_NAME"])

    @cached_property
    def queues(self) -> Queues:
        """This stack's queues, those that this function may send to."""
        return Queues(
            boto3.client("sqs", config=self._fast),
            commands=self.settings.get("COMMAND_QUEUE_URL", ""),
            recordings=self.settings.get("RECORDING_QUEUE_URL", ""),
            quarantine=self.settings.get("QUARANTINE_QUEUE_URL", ""),
            deferred=self.settings.get("DEFERRED_QUEUE_URL", ""),
            events=self.settings.get("EVENT_WEBHOOK_QUEUE_URL", ""),
        )

    @cached_property
    def event_posts(self) -> "EventPosts":
        """The posts of published events to the operator's URL; no webhook loads it."""
        from hookline.event_posts import EventPosts

        client = boto3.client("secretsmanager")

        def read_secret() -> str:
            with translate_aws_errors(Unavailable, "Secrets Manager"):
                answer = client.get_secret_value(SecretId=self.settings["EVENT_WEBHOOK_SECRET_ARN"])
            return str(answer["SecretString"])

        return EventPosts(self.settings["EVENT_WEBHOOK_URL"], read_secret, transport=self.transport)

    @cached_property
    def telnyx(self) -> Telnyx:
        """Telnyx's API."""
        base_url = self.settings.get("TELNYX_API_BASE_URL") or BASE_URL
        patience = PATIENCE_SECONDS * self.patience
        return Telnyx(self._read_api_key, base_url=base_url, transport=self.transport, patience_seconds=patience)

    @cached_property
    def s3(self) -> "S3Client":
        """S3, for recordings and transcripts."""
        return boto3.client("s3", config=_PATIENT)

    @cached_property
    def oversize(self) -> OversizeStore:
        """Where an event or a quarantined request goes that is too large for an item or a message."""
        return OversizeStore(boto3.client("s3", config=self._fast), self.bucket)

    @cached_property
    def bucket(self) -> str:
        """The bucket of this stack."""
        return self.settings["RECORDINGS_BUCKET"]

    @cached_property
    def per_event_routing(self) -> bool:
        """Whether `answer` and `dial` make Telnyx post each event to its own function."""
        return self.on("PER_EVENT_ROUTING")

    @cached_property
    def webhook_base_url(self) -> str | None:
        """Where Telnyx reaches us, when that is not the domain name that the request came in on."""
        return self.settings.get("WEBHOOK_BASE_URL", "").rstrip("/") or None

    @cached_property
    def keep_digits(self) -> bool:
        """Whether keyed digits that the flow does not act on are stored."""
        return self.on("KEEP_DIGITS")

    @cached_property
    def keep_interim_transcripts(self) -> bool:
        """Whether transcript segments that are not final are stored."""
        return self.on("KEEP_INTERIM_TRANSCRIPTS")

    @cached_property
    def scope_prefix(self) -> str:
        """Before the names of the calls API's scopes in a token."""
        return self.settings.get("CALLS_API_SCOPE_PREFIX", "")

    def build(self) -> None:
        """Build now what the first webhook will need, as far as this function has the settings for it."""
        _ = self.logger, self.public_keys
        if "TABLE_NAME" in self.settings:
            _ = self.journal, self.telnyx
            sees_calls_begin = self.settings.get("EVENT_TYPE", "") in ("", "call.initiated")
            self.flows.load(with_numbers=sees_calls_begin, seconds=IMPORT_SECONDS * self.patience)

    def on(self, name: str) -> bool:
        """A setting that is `on` or `off` (or absent, which is off). Raises ValueError for anything else."""
        value = self.settings.get(name, "off")
        if value not in ("on", "off"):
            raise ValueError(f"{name} must be on or off")
        return value == "on"

    def _whole(self, name: str, default: int) -> int:
        value = self.settings.get(name) or str(default)
        if not (value.isascii() and value.isdigit()):
            raise ValueError(f"{name} must be a whole number")
        return int(value)

    def _read_api_key(self, new: bool) -> str:
        """The API key, read at most every five minutes; new: read it now, the one in use was refused.

        A refresh that fails leaves the old key in use. Raises TelnyxUnavailable when there is none and Secrets Manager
        is unavailable, ApiKeyUnreadable when the secret is missing, may not be read, or does not hold a key.
        """
        if key := self.settings.get("TELNYX_API_KEY"):
            return key
        if new or self._api_key is None or time.monotonic() - self._api_key_read_at > _API_KEY_SECONDS:
            try:
                self._api_key = self._secret()
            except TelnyxUnavailable as error:
                if self._api_key is None:
                    raise
                self.logger.warning("API key not refreshed, using the old one", extra={"reason": str(error)})
            self._api_key_read_at = time.monotonic()
        return self._api_key

    def _secret(self) -> str:
        client: Any = boto3.client("secretsmanager", config=self._fast)
        try:
            with translate_aws_errors(TelnyxUnavailable, "Secrets Manager"):
                answer = client.get_secret_value(SecretId=self.settings["TELNYX_API_KEY_SECRET_ARN"])
            key: str = answer["SecretString"].strip().encode("ascii").decode()
        except (ClientError, KeyError, UnicodeEncodeError) as error:
            raise ApiKeyUnreadable(f"the API key cannot be read: {type(error).__name__}") from error
        if not key or " " in key or not key.isprintable():
            raise ApiKeyUnreadable("the secret holds something else than an API key")
        return key


class CrashLine(NamedTuple):
    """A block of the work on one event. What Lambda writes about an error that leaves it names no call."""

    env: Environment
    message: str
    ids: Callable[[], Mapping[str, Any]]

    def __enter__(self) -> None:
        """Nothing is written until something happens."""

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        """Write the line for an error that is none by design."""
        if kind is not None and not issubclass(kind, HooklineError):
            self.env.logger.critical(self.message, extra={"error": kind.__name__, **self.ids()})


@cache
def environment() -> Environment:
    """This process's environment."""
    return Environment(os.environ)
