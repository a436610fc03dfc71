"""`hookline queues`: what waits, what is dead and why, and how it is fed again."""

import base64
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hookline.events import Identity
from hookline.queues import DeferredEvent
from hookline_local.cli.queue_views import HOLDS
from tests.support.deployed import announce, bury, empty_dead_letters, fail_to_archive, hookline, hookline_json
from tests.support.world import ROUTER, Clock, World, deliver, handler, refused, request_of, sample_data

PARAMETERS = {"PublishEvents": "on", "EventWebhookUrl": "https://crm.example.com/hooks"}


@pytest.fixture(scope="module")
def announced(deployed: World) -> None:
    announce(deployed)


@pytest.fixture
def line(announced: None, world: World) -> Iterator[World]:
    """The stack, with empty queues."""
    yield world
    empty_dead_letters(world)


def quarantine(body: bytes, **more: Any) -> None:
    """Let the function quarantine a signed body."""
    answer = handler(ROUTER)(request_of(body, age=10, **more), Clock())
    assert "quarantined" in json.loads(answer["body"])


def test_every_queue_of_the_stack_is_counted(line: World) -> None:
    line.replies = lambda request: refused(401)
    deliver("call.answered")
    document = hookline_json("queues")
    assert document["queues"].keys() == set(line.template.resources("AWS::SQS::Queue")) == HOLDS.keys()
    assert document["queues"]["CommandQueue"] == {"waiting": 1, "in_flight": 0, "delayed": 0}
    assert document["dead"] == []
    shown = hookline("queues").stdout  # as wide as a terminal of 80 columns, where what a queue holds gives way
    assert re.search(r"^EventWebhookDeadLetterQueue +0 +0 +0 ", shown, re.MULTILINE), shown


def test_dead_commands_are_shown_and_sent_again_under_the_same_ids(line: World) -> None:
    line.replies = lambda request: refused(401)
    deliver("call.answered")
    ids = [queued["command_id"] for queued in line.queued_commands]
    bury(line, "CommandDeadLetterQueue", "COMMAND")
    assert "Why: hookline queues show CommandDeadLetterQueue" in hookline("queues").stdout
    (shown,) = hookline_json("queues", "show", "CommandDeadLetterQueue")["messages"]
    assert (shown["event_type"], shown["unsent_actions"]) == ("call.answered", shown["actions"])
    hookline_json("queues", "redrive", "CommandDeadLetterQueue", shown["message_id"])
    assert [queued["command_id"] for queued in line.queued_commands] == ids
    assert hookline_json("queues", "show", "CommandDeadLetterQueue")["messages"] == []


def test_a_dead_recording_is_shown_with_what_the_archiver_noted(line: World) -> None:
    deliver("call.recording.saved", recording_urls={"mp3": "http://127.0.0.1:9/x.mp3"})
    fail_to_archive(line)
    bury(line, "RecordingDeadLetterQueue", "RECORDING")
    (shown,) = hookline_json("queues", "show", "RecordingDeadLetterQueue")["messages"]
    assert [finding["code"] for finding in shown["findings"]] == ["out_of_time"]
    assert "the function's time is nearly over" in hookline("queues", "show", "RecordingDeadLetterQueue").stdout
    assert hookline_json("queues", "redrive", "RecordingDeadLetterQueue", "--all")["sent"] == [shown["message_id"]]
    assert [message["event_type"] for message in line.messages("RECORDING")] == ["call.recording.saved"]


def send_event(line: World, queue: str, **attributes: str) -> None:
    """An event as the bus has it, into a queue."""
    detail = {"event_id": "event-1", "call_leg_id": "leg-1", "call_session_id": "session-1", "body": '{"data": {}}'}
    event = {"detail-type": "call.hangup", "source": "hookline", "detail": detail}
    named: Any = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    url = line.template.physical_id(queue)
    line.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event), MessageAttributes=named)


@pytest.mark.parametrize("queue", ["SummaryQueue", "EventWebhookQueue"])
def test_a_dead_event_is_shown_without_its_body_and_sent_again(queue: str, line: World) -> None:
    dead = queue.replace("Queue", "DeadLetterQueue")
    send_event(line, dead)
    assert "call.hangup event-1, call leg-1" in hookline("queues", "show", dead).stdout
    (shown,) = hookline_json("queues", "show", dead)["messages"]
    assert (shown["event_id"], shown["call_session_id"], "body" in shown) == ("event-1", "session-1", False)
    hookline_json("queues", "redrive", dead, "--all")
    # The summary queue delays what it gets.
    assert sum(hookline_json("queues")["queues"][queue].values()) == 1
    assert hookline_json("queues", "show", dead)["messages"] == []


def test_what_was_not_published_or_not_delivered_is_shown_with_the_reason(line: World) -> None:
    target = "arn:aws:sqs:us-east-1:123456789012:crm"
    send_event(line, "EventDeadLetterQueue", ERROR_CODE="NO_RESOURCE", TARGET_ARN=target)
    batch = {"shardId": "shard-1", "batchSize": 3, "approximateArrivalOfFirstRecord": "2026-11-25T12:00:00Z"}
    url = line.template.physical_id("EventDeadLetterQueue")
    line.sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"DDBStreamBatchInfo": batch}))
    shown = " ".join(hookline("queues", "show", "EventDeadLetterQueue").stdout.split())
    assert f"call.hangup event-1, call leg-1; NO_RESOURCE from {target}" in shown
    assert "3 records of the table's stream since 2026-11-25T12:00:00Z, not published" in shown
    assert "redrive" not in shown
    done = hookline("queues", "redrive", "EventDeadLetterQueue", "--all")
    assert (done.returncode, "the archive of the bus" in done.stderr) == (2, True)


def test_only_the_message_that_is_named_is_sent_again(line: World) -> None:
    url = line.template.physical_id("DeferredDeadLetterQueue")
    for number in range(3):
        deferred = DeferredEvent(
            f"event-{number}", Identity(f"leg-{number}", None, None, ""), "{}", None, 1.0, "JournalUnavailable"
        )
        line.sqs.send_message(
            QueueUrl=url,
            MessageBody=deferred.to_message(),
            MessageGroupId=f"g{number}",
            MessageDeduplicationId=str(number),
        )
    shown = hookline_json("queues", "show", "DeferredDeadLetterQueue")["messages"]
    chosen = next(message for message in shown if message["event_id"] == "event-1")
    assert chosen["reason"] == "JournalUnavailable"
    hookline_json("queues", "redrive", "DeferredDeadLetterQueue", chosen["message_id"])
    assert [message["event_id"] for message in line.messages("DEFERRED")] == ["event-1"]
    left = hookline_json("queues", "show", "DeferredDeadLetterQueue")["messages"]
    assert sorted(message["event_id"] for message in left) == ["event-0", "event-2"]


def test_what_still_cannot_be_read_stays_in_quarantine_with_its_reason(line: World) -> None:
    quarantine(b"CallSid=1&From=x")
    (shown,) = hookline_json("queues", "show", "QuarantineQueue")["messages"]
    assert "TeXML" in shown["reason"]
    assert "CallSid" not in json.dumps(shown)
    done = hookline("queues", "redrive", "QuarantineQueue", "--all")
    assert done.returncode == 1
    assert "still cannot be read" in done.stderr
    assert len(line.messages("QUARANTINE")) == 1
    assert line.messages("DEFERRED") == []


def test_a_quarantined_webhook_that_can_be_read_by_now_is_journalled_and_commands_nothing(line: World) -> None:
    """As after a fix: it was quarantined by a release that could not read it."""
    data = sample_data("call.answered")
    body = base64.b64encode(json.dumps({"data": data}).encode()).decode()
    message = {"reason": "the envelope has no data", "received_at": time.time(), "body": body}
    line.sqs.send_message(QueueUrl=line.settings["QUARANTINE_QUEUE_URL"], MessageBody=json.dumps(message))
    assert len(hookline_json("queues", "redrive", "QuarantineQueue", "--all")["sent"]) == 1
    assert line.messages("QUARANTINE") == []
    assert line.consume("DEFERRED", "deferred", line.records("DEFERRED")) == []
    (item,) = line.items
    assert item["event_id"] == data["id"]
    assert line.sent == line.queued_commands == []


def test_commands_that_were_quarantined_go_back_to_their_queue(line: World) -> None:
    line.replies = lambda request: refused(401)
    deliver("call.answered")
    record = line.records("COMMAND")["Records"][0]
    line.sqs.delete_message(QueueUrl=line.settings["COMMAND_QUEUE_URL"], ReceiptHandle=record["receiptHandle"])
    body = base64.b64encode(record["body"].encode()).decode()
    message = {"reason": "a message of the command queue does not hold commands", "received_at": 1.0, "body": body}
    line.sqs.send_message(QueueUrl=line.settings["QUARANTINE_QUEUE_URL"], MessageBody=json.dumps(message))
    hookline_json("queues", "redrive", "QuarantineQueue", "--all")
    assert [queued["command"] for queued in line.queued_commands] == [
        queued["command"] for queued in json.loads(record["body"])["commands"]
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "output"),
    [
        (["redrive", "QuarantineQueue"], 2, "expected a message id or --all"),
        (["redrive", "QuarantineQueue", "an-id", "--all"], 2, "expected a message id or --all"),
        (["redrive", "QuarantineQueue", "an-id"], 3, "has no message an-id"),
        (["redrive", "CommandQueue", "--all"], 2, "not a queue of dead messages"),
        (["show", "RecordingQueue"], 2, "not a queue of dead messages"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_answered_with_what_to_do_next(
    arguments: list[str], status: int, output: str, line: World
) -> None:
    done = hookline("queues", *arguments)
    assert (done.returncode, output in " ".join(done.stderr.split())) == (status, True), done.stderr
    assert line.nothing_has_changed()
