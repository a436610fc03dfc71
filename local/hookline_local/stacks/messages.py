"""The messages of a stack's queues: what waits, what is dead and why, and how it is fed again.

A queue with a consumer is only counted: receiving from it would take the messages away from its consumer. Dead letters
and quarantine have no consumer, and are read.
"""

import base64
import binascii
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hookline.errors import Unreadable
from hookline.events import identifier, parse_event
from hookline.journal import CallRecord
from hookline.oversize import OversizeStore
from hookline.queues import CommandMessage, DeferredEvent
from hookline.recordings.findings import failure_of
from hookline.recordings.job import ArchiveJob
from hookline_local.base.errors import CHECK_FAILED, USAGE, CliError
from hookline_local.stacks.resources import StackResources

SOURCES: Mapping[str, str] = {
    "CommandDeadLetterQueue": "CommandQueue",
    "DeferredDeadLetterQueue": "DeferredQueue",
    "RecordingDeadLetterQueue": "RecordingQueue",
    "SummaryDeadLetterQueue": "SummaryQueue",
    "EventWebhookDeadLetterQueue": "EventWebhookQueue",
}
"""Where the messages of each dead-letter queue come from, and go back to."""

QUARANTINE = "QuarantineQueue"
EVENT_DEAD_LETTERS = "EventDeadLetterQueue"
READABLE = (*SOURCES, QUARANTINE, EVENT_DEAD_LETTERS)
REASON_FED_AGAIN = "FedAgain"

_HIDDEN_SECONDS = 60
_COUNTS = {
    "waiting": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


@dataclass(frozen=True)
class DeadMessage:
    """A message that no function will receive any more.

    receives: how often it was received. sent_at: milliseconds since 1970 UTC. content: a code of what it holds. facts:
    ids, actions, codes; never a body.
    """

    message_id: str
    receipt_handle: str = field(repr=False)
    body: str = field(repr=False)
    receives: int
    sent_at: int
    group: str
    content: str
    facts: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """For a program, without its body, which may hold what a caller has spoken."""
        return {
            "message_id": self.message_id,
            "receives": self.receives,
            "sent_at_milliseconds": self.sent_at,
            "content": self.content,
            **self.facts,
        }


def counts(resources: StackResources) -> dict[str, dict[str, int]]:
    """The messages of each queue: waiting, in flight, delayed. Raises boto3's own errors."""
    found = {}
    for name, url in sorted(resources.queues.items()):
        answer = resources.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_COUNTS.values()))  # type: ignore[arg-type]
        found[name] = {kind: int(answer["Attributes"][attribute]) for kind, attribute in _COUNTS.items()}  # type: ignore[index]
    return found


def dead_messages(resources: StackResources, queue: str) -> list[DeadMessage]:
    """The messages of a queue without a consumer, as far as SQS shows them: of one call ten at most.

    They are hidden from others while they are read, and visible again afterwards. Raises boto3's own errors.
    """
    found = list(_received(resources, queue))
    url = resources.queues[queue]
    for message in found:
        resources.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message.receipt_handle, VisibilityTimeout=0)
    return found


def redrive(resources: StackResources, queue: str, message_id: str | None) -> list[DeadMessage]:
    """Send messages to the queue that works on them, then delete them; message_id None: all. Returns those sent.

    A message that is sent and not deleted is sent again: the consumers handle a message as often as it comes. Raises
    CliError when the queue has no such message, or when a quarantined one still cannot be read: that one stays.
    """
    if queue == EVENT_DEAD_LETTERS:
        advice = "Replay them from the archive of the bus: docs/runbooks/EventDeadLetter.md."
        raise CliError(f"{queue}: no queue takes its events back", advice, code=USAGE)
    if queue not in READABLE:
        raise CliError(f"{queue} has a consumer: nothing in it is dead", f"One of {', '.join(READABLE)}.", code=USAGE)
    sent = []
    left = []
    for message in _received(resources, queue):
        is_asked_for = message_id in (None, message.message_id)
        target = _target(resources, queue, message) if is_asked_for else None
        if target is None:
            left.append(message)
            continue
        _send(resources, *target, group=message.group)
        resources.sqs.delete_message(QueueUrl=resources.queues[queue], ReceiptHandle=message.receipt_handle)
        sent.append(message)
    _release(resources, queue, left)
    unreadable = [message for message in left if message_id in (None, message.message_id)]
    if unreadable:
        reasons = ", ".join(sorted({str(message.facts.get("reason")) for message in unreadable}))
        raise CliError(
            f"{len(unreadable)} of {queue} still cannot be read: {reasons}; sent: {len(sent)}",
            "Mend the cause first. hookline queues show QuarantineQueue shows each.",
            code=CHECK_FAILED,
        )
    if message_id is not None and not sent:
        raise CliError(f"{queue} has no message {message_id}", f"List them with: hookline queues show {queue}")
    return sent


def _release(resources: StackResources, queue: str, messages: Sequence[DeadMessage]) -> None:
    """Make messages visible again."""
    for message in messages:
        resources.sqs.change_message_visibility(
            QueueUrl=resources.queues[queue], ReceiptHandle=message.receipt_handle, VisibilityTimeout=0
        )


def _target(resources: StackResources, queue: str, message: DeadMessage) -> tuple[str, str] | None:
    """The queue that works on a message, and its text there; None when it still cannot be read."""
    return (SOURCES[queue], message.body) if queue in SOURCES else _fed_again(resources, message)


def _received(resources: StackResources, queue: str) -> Iterator[DeadMessage]:
    """Every message, hidden for a minute. Ends when SQS gives no further one, or gives one again."""
    seen: set[str] = set()
    while True:
        answer = resources.sqs.receive_message(
            QueueUrl=resources.queues[queue],
            MaxNumberOfMessages=10,
            VisibilityTimeout=_HIDDEN_SECONDS,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
            WaitTimeSeconds=1,
        )
        messages = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
        if not messages:
            return
        for message in messages:
            seen.add(message["MessageId"])
            yield _dead_message(resources, queue, message)


def _dead_message(resources: StackResources, queue: str, message: Mapping[str, Any]) -> DeadMessage:
    attributes = message.get("Attributes", {})
    content, facts = _content(resources, queue, message["Body"])
    return DeadMessage(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        receives=int(attributes.get("ApproximateReceiveCount", 0)),
        sent_at=int(attributes.get("SentTimestamp", 0)),
        group=attributes.get("MessageGroupId", ""),
        content=content,
        facts={**facts, **_refusal(message)},
    )


def _content(resources: StackResources, queue: str, body: str) -> tuple[str, dict[str, Any]]:
    """A code of what a message holds, and what is known of it."""
    readers = {
        "CommandDeadLetterQueue": _commands,
        "DeferredDeadLetterQueue": _deferred,
        "RecordingDeadLetterQueue": _recording,
        "SummaryDeadLetterQueue": _published,
        "EventWebhookDeadLetterQueue": _published,
        EVENT_DEAD_LETTERS: _unpublished,
        QUARANTINE: _quarantined,
    }
    try:
        return readers[queue](resources, body)
    except Unreadable as reason:
        return "unreadable", {"reason": str(reason)}


def _commands(resources: StackResources, body: str) -> tuple[str, dict[str, Any]]:
    message = CommandMessage.of(body)
    record = resources.journal.read(message.identity.any_id)
    known = record.command_results if record else {}
    unsent = [queued for queued in message.commands if queued.command_id not in known]
    return "commands", {
        "event_id": message.event_id,
        "event_type": message.event_type,
        "call_leg_id": message.identity.call_leg_id,
        "actions": [queued.command.action for queued in message.commands],
        "unsent_actions": [queued.command.action for queued in unsent],
        "expires_at": max(queued.expires_at for queued in message.commands),
    }


def _deferred(_: StackResources, body: str) -> tuple[str, dict[str, Any]]:
    deferred = DeferredEvent.of(body)
    leg = deferred.identity.call_leg_id
    return "deferred_webhook", {"event_id": deferred.event_id, "call_leg_id": leg, "reason": deferred.reason}


def _recording(resources: StackResources, body: str) -> tuple[str, dict[str, Any]]:
    job = ArchiveJob.from_message(body)
    record = resources.journal.read(job.identity.any_id)
    return "recording", {**job.log_fields, "findings": _findings(job, record)}


def _findings(job: ArchiveJob, record: CallRecord | None) -> list[dict[str, Any]]:
    """Why the archiver could not archive it, from its own note."""
    for note in record.notes.get("RECORDING_FAILURE", []) if record else ():
        if note.get("event_id") == job.event_id or note["name"].partition(".")[0] == job.name:
            return [finding.to_dict() for finding in failure_of(note)]
    return []


def _published(_: StackResources, body: str) -> tuple[str, dict[str, Any]]:
    """An event as the bus has it."""
    event = _json_object(body)
    detail = event.get("detail")
    if not isinstance(detail, dict):
        raise Unreadable("not an event of the bus")
    ids = {name: identifier(detail.get(name)) for name in ("event_id", "call_leg_id", "call_session_id")}
    return "event", {"event_type": identifier(event.get("detail-type")), **ids}


def _unpublished(resources: StackResources, body: str) -> tuple[str, dict[str, Any]]:
    """An event that a rule could not deliver; or records of the table's stream that the pipe has given up."""
    batch = _json_object(body).get("DDBStreamBatchInfo")
    if not isinstance(batch, dict):
        return _published(resources, body)
    names = {"records": "batchSize", "since": "approximateArrivalOfFirstRecord", "shard": "shardId"}
    return "stream_records", {name: identifier(str(batch.get(field, ""))) for name, field in names.items()}


def _refusal(message: Mapping[str, Any]) -> dict[str, str]:
    """The notes of EventBridge about an event that a rule could not deliver: docs.aws.amazon.com/.../rule-dlq."""
    attributes = message.get("MessageAttributes", {})
    names = {"error_code": "ERROR_CODE", "target": "TARGET_ARN"}
    values = {name: attributes[key].get("StringValue", "") for name, key in names.items() if key in attributes}
    return {name: identifier(value) or "" for name, value in values.items()}


def _quarantined(_: StackResources, body: str) -> tuple[str, dict[str, Any]]:
    content = _json_object(body)
    where = {"body_uri": content["body_uri"]} if "body_uri" in content else {}
    received_at = content.get("received_at")
    return "quarantined", {"reason": identifier(content.get("reason")), "received_at": received_at, **where}


def _json_object(body: str) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError as error:
        raise Unreadable("not a message of this queue") from error
    if not isinstance(content, dict):
        raise Unreadable("not a message of this queue")
    return content


def _fed_again(resources: StackResources, message: DeadMessage) -> tuple[str, str] | None:
    """The queue and the text of a quarantined message that can be read by now; None for another.

    A webhook is journalled through the deferred queue, as one with blanked digits: it commands nothing so late.
    """
    try:
        content = _json_object(message.body)
        body = _quarantined_body(resources, content)
        for kind, queue in ((CommandMessage, "CommandQueue"), (DeferredEvent, "DeferredQueue")):
            try:
                kind.of(body.decode("utf-8", "replace"))
            except Unreadable:
                continue
            return queue, body.decode()
        event = parse_event(body)
        received_at = float(content["received_at"])
    except (Unreadable, binascii.Error, KeyError, TypeError, ValueError):
        return None
    is_stored = "body_uri" in content
    deferred = DeferredEvent(
        event_id=event.id,
        identity=event.identity,
        body=None if is_stored else body.decode(),
        body_uri=content["body_uri"] if is_stored else None,
        received_at=received_at,
        reason=REASON_FED_AGAIN,
        is_redacted=True,
    )
    return "DeferredQueue", deferred.to_message()


def _quarantined_body(resources: StackResources, content: Mapping[str, Any]) -> bytes:
    if "body_uri" in content:
        return OversizeStore(resources.s3, resources.bucket).load(content["body_uri"])
    return base64.b64decode(content["body"], validate=True)


def _send(resources: StackResources, queue: str, body: str, *, group: str) -> None:
    url = resources.queues[queue]
    fifo: dict[str, Any] = {}
    if url.endswith(".fifo"):
        # An id of its own: the first one may still be known to SQS, which would then drop the message without a word.
        fifo = {"MessageGroupId": group or _group_of(body), "MessageDeduplicationId": str(uuid.uuid4())}
    resources.sqs.send_message(QueueUrl=url, MessageBody=body, **fifo)


def _group_of(body: str) -> str:
    try:
        return CommandMessage.of(body).group
    except Unreadable:
        partition = DeferredEvent.of(body).identity.partition
        return partition[-100:].replace(" ", "-")
