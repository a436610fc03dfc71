"""Invokes functions from queues and schedules. Owns batches and their failures.

Sources: docs.aws.amazon.com/lambda/latest/dg/with-sqs (the event), services-sqs-errorhandling (partial failures),
docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern (rate expressions).

A message that is not deleted returns when its visibility timeout ends, and moves to the dead-letter queue when it has
been received too often. The queue does both, here as on AWS.
"""

import asyncio
import contextlib
import json
import re
import uuid
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from hookline_local.emulator.runtime import InvokeResult, ThrottledError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# Lambda starts with five pollers for a standard queue: .../dg/services-sqs-scaling.
_STANDARD_CONCURRENCY = 5
_FIFO_CONCURRENCY = 10
# One ReceiveMessage brings at most ten: SQS API reference.
_RECEIVE_LIMIT = 10

Invoke = Callable[[str, bytes], Awaitable[InvokeResult]]


@dataclass(frozen=True, kw_only=True)
class QueueSource:
    """A queue that a function consumes. window_seconds: the longest wait for a full batch (0-300)."""

    function_id: str
    queue_url: str
    queue_arn: str
    region: str
    batch_size: int = 10
    window_seconds: float = 0.0
    maximum_concurrency: int | None = None
    reports_batch_item_failures: bool = False

    @property
    def fifo(self) -> bool:
        return self.queue_arn.endswith(".fifo")


class QueuePoller:
    """Invokes one function with the messages of one queue.

    Polls at once when `wake` is called, and every `interval_seconds` besides: a message that was delayed, or that has
    become visible again, gives no signal. It never uses long polling: moto would spin while it waits for a FIFO group
    in flight.
    """

    def __init__(self, source: QueueSource, *, invoke: Invoke, sqs: "SQSClient", interval_seconds: float) -> None:
        self._source = source
        self._invoke = invoke
        self._sqs = sqs
        self._interval_seconds = interval_seconds
        self._woken = asyncio.Event()
        limit = source.maximum_concurrency or (_FIFO_CONCURRENCY if source.fifo else _STANDARD_CONCURRENCY)
        self._slots = asyncio.Semaphore(limit)
        self._batches: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Poll until cancelled. Batches in flight are cancelled too; their messages become visible again."""
        try:
            while True:
                await self._slots.acquire()
                self._woken.clear()
                messages: list[dict[str, Any]] = []
                # The endpoint may be away briefly, or for ever when the stack is stopping: poll again later.
                with contextlib.suppress(BotoCoreError, ClientError):
                    messages = await self._collect()
                if messages:
                    batch = asyncio.create_task(self._work(messages))
                    self._batches.add(batch)
                    batch.add_done_callback(self._batches.discard)
                    continue
                self._slots.release()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._interval_seconds):
                        await self._woken.wait()
        finally:
            for batch in self._batches:
                batch.cancel()
            await asyncio.gather(*self._batches, return_exceptions=True)

    async def _collect(self) -> list[dict[str, Any]]:
        messages = await self._receive(self._source.batch_size)
        if not messages or not self._source.window_seconds:
            return messages
        clock = asyncio.get_running_loop().time
        end = clock() + self._source.window_seconds
        while (missing := self._source.batch_size - len(messages)) > 0 and clock() < end:
            more = await self._receive(missing)
            messages += more
            if not more:
                await asyncio.sleep(min(0.1, max(0.0, end - clock())))
        return messages

    async def _receive(self, limit: int) -> list[dict[str, Any]]:
        answer = await asyncio.to_thread(
            self._sqs.receive_message,
            QueueUrl=self._source.queue_url,
            MaxNumberOfMessages=min(limit, _RECEIVE_LIMIT),
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
            WaitTimeSeconds=0,
        )
        return [dict(message) for message in answer.get("Messages", [])]

    async def _work(self, messages: list[dict[str, Any]]) -> None:
        try:
            event = {"Records": [record_of(message, self._source) for message in messages]}
            try:
                result = await self._invoke(self._source.function_id, json.dumps(event).encode())
            except ThrottledError:
                return
            failed = failures_in(result, messages, reported=self._source.reports_batch_item_failures)
            done = [message for message in messages if message["MessageId"] not in failed]
            with contextlib.suppress(BotoCoreError, ClientError):
                await self._delete(done)
        finally:
            self._slots.release()
            self.wake()

    async def _delete(self, messages: Sequence[Mapping[str, Any]]) -> None:
        for start in range(0, len(messages), _RECEIVE_LIMIT):
            entries: Any = [
                {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                for index, message in enumerate(messages[start : start + _RECEIVE_LIMIT])
            ]
            await asyncio.to_thread(self._sqs.delete_message_batch, QueueUrl=self._source.queue_url, Entries=entries)


def record_of(message: Mapping[str, Any], source: QueueSource) -> dict[str, Any]:
    """A message as an entry of `Records`."""
    record: dict[str, Any] = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: _attribute_of(value) for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": source.queue_arn,
        "awsRegion": source.region,
    }
    if "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def _attribute_of(value: Mapping[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "StringValue" in value:
        attribute["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        attribute["binaryValue"] = b64encode(value["BinaryValue"]).decode("ascii")
    return attribute


def failures_in(result: InvokeResult, messages: Sequence[Mapping[str, Any]], *, reported: bool) -> set[str]:
    """The ids of the messages that stay in the queue.

    An error fails the batch. Where failures are reported individually, a malformed report fails it too: an
    entry without an id, with an empty one, or with one that is not in the batch. No report, or an empty one, fails
    none.
    """
    all_ids = {message["MessageId"] for message in messages}
    if result.error is not None:
        return all_ids
    if not reported:
        return set()
    try:
        payload = result.payload
    except ValueError:
        return all_ids
    if payload is None or payload == "" or (isinstance(payload, dict) and not payload.get("batchItemFailures")):
        return set()
    try:
        failed = {entry["itemIdentifier"] for entry in payload["batchItemFailures"]}
    except (TypeError, KeyError):
        return all_ids
    return failed if failed <= all_ids else all_ids


_RATE = re.compile(r"rate\(\s*(\d+)\s+(second|minute|hour|day)s?\s*\)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def rate_seconds(expression: str) -> int | None:
    """The seconds between two runs of a `rate(5 minutes)`; None for an expression of another kind."""
    found = _RATE.fullmatch(expression.strip())
    return int(found[1]) * _SECONDS[found[2]] or None if found else None


@dataclass(frozen=True, kw_only=True)
class ScheduleSource:
    """A function that is run periodically. payload: the Input of the template, None for the event of EventBridge."""

    function_id: str
    name: str
    every_seconds: float
    region: str
    account: str
    payload: str | None = None
    scheduler: bool = False


async def run_schedule(source: ScheduleSource, *, submit: Callable[[str, bytes], str]) -> None:
    """Run a function once per interval until cancelled."""
    while True:
        await asyncio.sleep(source.every_seconds)
        submit(source.function_id, (source.payload or schedule_event(source)).encode())


def schedule_event(source: ScheduleSource) -> str:
    """The event of a schedule without an Input."""
    kind = f"scheduler:{source.region}:{source.account}:schedule/default" if source.scheduler else None
    resource = f"arn:aws:{kind or f'events:{source.region}:{source.account}:rule'}/{source.name}"
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler" if source.scheduler else "aws.events",
        "account": source.account,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": source.region,
        "resources": [resource],
        "detail": "{}" if source.scheduler else {},
    }
    return json.dumps(event)
