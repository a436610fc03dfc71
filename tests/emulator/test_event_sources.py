"""Queues feed functions on a laptop as they do on AWS: batches, partial failures, order in a group, dead letters."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from hookline_local.emulator.event_sources import (
    ScheduleSource,
    failures_in,
    rate_seconds,
    run_schedule,
    schedule_event,
)
from hookline_local.emulator.runtime import InvokeResult
from hookline_local.stacks.local import LocalStackInThread

FIXTURE = Path(__file__).parent / "fixture"


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStackInThread]:
    with LocalStackInThread(FIXTURE / "template.yaml") as running:
        yield running


class Queues:
    """The queues of the fixture, from outside, and what its consumer has written."""

    def __init__(self, stack: LocalStackInThread) -> None:
        self.stack = stack
        self.sqs = boto3.client(
            "sqs",
            endpoint_url=stack.aws_endpoint,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    def url(self, queue: str) -> str:
        return self.stack.template.physical_id(queue)

    def send(self, queue: str, *bodies: str, **more: Any) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url(queue), MessageBody=body, **more)

    def waiting(self, queue: str) -> list[str]:
        """Takes what is visible in a queue, out of it."""
        found = self.sqs.receive_message(QueueUrl=self.url(queue), MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=self.url(queue), ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in found]

    def count(self, queue: str) -> int:
        """Messages in a queue, visible or not."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=names)["Attributes"]
        return sum(map(int, found.values()))

    def written(self, word: str) -> list[dict[str, Any]]:
        """The lines that the consumers wrote, oldest first, of the batches in which `word` stands."""
        lines = [json.loads(line.text) for line in list(self.stack.logs) if line.text.startswith('{"')]
        return [line for line in lines if any(word in body for body in line.get("batch", line.get("end")))]

    def batches(self, word: str) -> list[list[str]]:
        return [line["batch"] for line in self.written(word) if "batch" in line]


@pytest.fixture
def queues(stack: LocalStackInThread) -> Iterator[Queues]:
    found = Queues(stack)
    yield found
    found.sqs.close()


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_message_arrives_as_lambda_shows_it(queues: Queues) -> None:
    queues.send("OrdersQueue", "warm up", MessageGroupId="g", MessageDeduplicationId="warm")
    until(lambda: queues.written("warm up"))
    attributes = {"colour": {"DataType": "String", "StringValue": "red"}}
    queues.send(
        "OrdersQueue",
        "shape",
        MessageGroupId="g",
        MessageDeduplicationId="shape",
        MessageAttributes=attributes,
    )
    until(lambda: queues.written("shape"))
    (output,) = [line for line in queues.written("shape") if "batch" in line]
    record = output["first"]
    assert set(record) == {
        "messageId",
        "receiptHandle",
        "body",
        "attributes",
        "messageAttributes",
        "md5OfBody",
        "md5OfMessageAttributes",
        "eventSource",
        "eventSourceARN",
        "awsRegion",
    }
    assert record["body"] == "shape"
    assert record["md5OfBody"] == "8c73a98a300905900337f535531dfca6"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == "arn:aws:sqs:us-east-1:123456789012:hookline-OrdersQueue.fifo"
    assert record["awsRegion"] == "us-east-1"
    assert record["messageAttributes"] == {
        "colour": {"stringValue": "red", "stringListValues": [], "binaryListValues": [], "dataType": "String"}
    }
    assert {
        "ApproximateReceiveCount": "1",
        "MessageGroupId": "g",
        "MessageDeduplicationId": "shape",
    }.items() <= record["attributes"].items()
    assert {"SentTimestamp", "ApproximateFirstReceiveTimestamp", "SequenceNumber"} <= set(record["attributes"])
    until(lambda: queues.count("OrdersQueue") == 0)


def test_a_message_is_fetched_when_it_is_sent_and_not_only_when_the_queue_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hookline_local.stacks.local._OWN_INTERVAL_SECONDS", 3600.0)
    with LocalStackInThread(FIXTURE / "template.yaml") as running:
        queues = Queues(running)
        queues.send("InboxQueue", "prompt")
        until(lambda: queues.written("prompt"))
        queues.send("InboxQueue", "again")
        until(lambda: queues.written("again"))
        queues.sqs.close()


def test_a_batch_waits_for_its_window_and_is_no_larger_than_asked_for(queues: Queues) -> None:
    queues.send("BulkQueue", *(f"batch {n}" for n in range(7)))
    until(lambda: sum(map(len, queues.batches("batch"))) == 7)
    sizes = [len(batch) for batch in queues.batches("batch")]
    assert max(sizes) <= 5
    assert len(sizes) <= 3
    until(lambda: queues.count("BulkQueue") == 0)


def test_only_the_messages_that_failed_come_back_and_then_become_dead_letters(queues: Queues) -> None:
    queues.send("InboxQueue", "good 1 partly", "fail 2 partly", "good 3 partly")
    until(lambda: queues.count("InboxDeadLetters") == 1)
    delivered = [body for batch in queues.batches("partly") for body in batch]
    assert sorted(delivered) == ["fail 2 partly", "fail 2 partly", "good 1 partly", "good 3 partly"]
    assert queues.waiting("InboxDeadLetters") == ["fail 2 partly"]
    assert queues.count("InboxQueue") == 0


@pytest.mark.parametrize("word", ["explode", "nonsense"])
def test_a_batch_that_fails_or_reports_nonsense_comes_back_whole(queues: Queues, word: str) -> None:
    queues.send("InboxQueue", f"{word} 1 whole", f"{word} 2 whole")
    until(lambda: queues.count("InboxDeadLetters") == 2)
    delivered = sorted(body for batch in queues.batches(f"{word} ") for body in batch)
    assert delivered == sorted([f"{word} 1 whole", f"{word} 2 whole"] * 2)
    assert sorted(queues.waiting("InboxDeadLetters")) == [f"{word} 1 whole", f"{word} 2 whole"]


def test_a_group_keeps_its_order_and_has_one_batch_at_a_time(queues: Queues) -> None:
    for number in range(6):
        for group in ("red", "blue"):
            body = f"{group} {number} slowly"
            queues.send("OrdersQueue", body, MessageGroupId=group, MessageDeduplicationId=body)
    until(lambda: sum(map(len, queues.batches("slowly"))) == 12)
    until(lambda: queues.count("OrdersQueue") == 0)
    for group in ("red", "blue"):
        delivered = [body for batch in queues.batches("slowly") for body in batch if body.startswith(group)]
        assert delivered == [f"{group} {number} slowly" for number in range(6)]
        under_way = 0
        for line in queues.written(f"{group} "):
            under_way += 1 if "batch" in line else -1
            assert under_way <= 1


def test_in_a_group_nothing_is_done_before_a_message_that_fails_is_out_of_the_way(queues: Queues) -> None:
    for body in ("first", "fail second", "third"):
        queues.send("OrdersQueue", f"{body} passes", MessageGroupId="blocked", MessageDeduplicationId=body)
        if body == "fail second":
            until(lambda: queues.batches("fail second"))
    until(lambda: queues.count("OrdersDeadLetters") == 1)
    until(lambda: queues.count("OrdersQueue") == 0)
    batches = queues.batches("passes")
    assert sum(batch.count("fail second passes") for batch in batches) == 3
    assert batches[-1] == ["third passes"], batches
    # Before that it came only behind the one that fails, and went back with it.
    assert all(batch[-2:-1] == ["fail second passes"] for batch in batches[:-1] if "third passes" in batch)
    assert queues.waiting("OrdersDeadLetters") == ["fail second passes"]


def test_a_message_with_a_delay_arrives_after_it(queues: Queues) -> None:
    sent = time.time()
    queues.send("InboxQueue", "later", DelaySeconds=1)
    until(lambda: queues.written("later"))
    assert queues.written("later")[0]["at"] - sent >= 0.95


MESSAGES = [{"MessageId": "a"}, {"MessageId": "b"}]


@pytest.mark.parametrize(
    "answer,failed",
    [
        ("null", set()),
        ('""', set()),
        ("{}", set()),
        ('{"batchItemFailures": []}', set()),
        ('{"batchItemFailures": null}', set()),
        ('{"batchItemFailures": [{"itemIdentifier": "a"}]}', {"a"}),
        ('{"batchItemFailures": [{"itemIdentifier": ""}]}', {"a", "b"}),
        ('{"batchItemFailures": [{"itemIdentifier": null}]}', {"a", "b"}),
        ('{"batchItemFailures": [{"itemIdentifier": "z"}]}', {"a", "b"}),
        ('{"batchItemFailures": [{"id": "a"}]}', {"a", "b"}),
        ('{"batchItemFailures": ["a"]}', {"a", "b"}),
        ('"text"', {"a", "b"}),
        ("no json", {"a", "b"}),
    ],
)
def test_a_batch_report_means_the_same_as_on_aws(answer: str, failed: set[str]) -> None:
    result = InvokeResult(raw=answer.encode(), error=None, log_tail="", milliseconds=1.0, cold=False, request_id="r")
    assert failures_in(result, MESSAGES, reported=True) == failed
    assert failures_in(result, MESSAGES, reported=False) == set()


@pytest.mark.parametrize(
    "expression,seconds",
    [
        ("rate(1 minute)", 60),
        ("rate(5 minutes)", 300),
        ("rate(2 hours)", 7200),
        ("rate(1 day)", 86400),
        ("rate(0 minutes)", None),
        ("cron(0 0 * * ? *)", None),
        ("at(2026-11-21T00:00:00)", None),
    ],
)
def test_a_rate_is_so_many_seconds(expression: str, seconds: int | None) -> None:
    assert rate_seconds(expression) == seconds


def test_a_schedule_without_an_input_gives_the_event_of_eventbridge() -> None:
    source = ScheduleSource(
        function_id="F", name="EveryHour", every_seconds=3600, region="us-east-1", account="123456789012"
    )
    event = json.loads(schedule_event(source))
    assert event["detail-type"] == "Scheduled Event"
    assert event["source"] == "aws.events"
    assert event["resources"] == ["arn:aws:events:us-east-1:123456789012:rule/EveryHour"]


def test_a_schedule_runs_its_function_again_and_again() -> None:
    runs: list[tuple[str, bytes]] = []

    def submit(function_id: str, payload: bytes) -> str:
        runs.append((function_id, payload))
        return "request"

    async def watch() -> None:
        source = ScheduleSource(
            function_id="F", name="Often", every_seconds=0.02, region="r", account="a", payload='{"my": "input"}'
        )
        running = asyncio.create_task(run_schedule(source, submit=submit))
        async with asyncio.timeout(60):
            while len(runs) < 3:
                await asyncio.sleep(0.01)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(watch())
    assert len(runs) > 2
    assert set(runs) == {("F", b'{"my": "input"}')}
