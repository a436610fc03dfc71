"""Say it later. Owns SQS: what is put on the stack's three queues, and how it reads when it is taken off again."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hookline.aws_errors import translate_aws_errors
from hookline.commands import Command
from hookline.errors import QueueUnavailable, Unreadable
from hookline.events import Event, Identity

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import (
        ChangeMessageVisibilityBatchRequestEntryTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

LARGEST_QUARANTINED_BYTES = 600_000
"""A message holds 1 MiB (docs.aws.amazon.com, Amazon SQS quotas) and base64 adds a third."""

LARGEST_COMMAND_BYTES = 900_000
"""Of one queued command; SQS takes 1 MiB in one request, however many messages it holds."""

_MESSAGES_A_REQUEST = 10


@dataclass(frozen=True, slots=True)
class QueuedCommand:
    """A command that could not be said inside the deadline of its webhook.

    expires_at: seconds since 1970 UTC; later than that it is dropped. event_id, event_type, identity: of the webhook
    that it answers, so that what becomes of it is noted beside it.
    """

    command: Command
    command_id: str
    expires_at: float
    event_id: str
    event_type: str
    identity: Identity

    def to_message(self) -> str:
        """The text of its message."""
        return json.dumps(
            {
                "command": {
                    "action": self.command.action,
                    "params": self.command.params,
                    "call_control_id": self.command.call_control_id,
                },
                "command_id": self.command_id,
                "expires_at": self.expires_at,
                "event_id": self.event_id,
                "event_type": self.event_type,
                "identity": self.identity._asdict(),
            },
            separators=(",", ":"),
        )

    @classmethod
    def of(cls, message: str) -> "QueuedCommand":
        """What as_message wrote, in this release or another. Raises Unreadable for any other text."""
        try:
            read = json.loads(message)
            command, identity = read["command"], read["identity"]
            return cls(
                command=Command(command["action"], command["params"], command["call_control_id"]),
                command_id=read["command_id"],
                expires_at=float(read["expires_at"]),
                event_id=read["event_id"],
                event_type=read["event_type"],
                identity=Identity(*(identity[name] for name in Identity._fields)),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise Unreadable("a message of the command queue holds no command") from error


class Queues:
    """The queues of one stack. Every method raises QueueUnavailable when SQS is out of reach, throttles or fails."""

    def __init__(self, client: "SQSClient", *, commands: str, recordings: str, quarantine: str) -> None:
        """client: a boto3 SQS client; the others: queue URLs, empty where this function may not send."""
        self._client = client
        self._commands = commands
        self._recordings = recordings
        self._quarantine = quarantine

    def enqueue(self, commands: Sequence[QueuedCommand]) -> None:
        """Put commands on the command queue, in order: one group a call, the command id as deduplication id."""
        entries: list[SendMessageBatchRequestEntryTypeDef] = []
        size = 0
        for number, queued in enumerate(commands):
            message = queued.to_message()
            if len(entries) == _MESSAGES_A_REQUEST or size + len(message) > LARGEST_COMMAND_BYTES:
                self._put_in_order(entries)
                entries, size = [], 0
            size += len(message)
            entries.append(
                {
                    "Id": str(number),
                    "MessageBody": message,
                    "MessageGroupId": _group(queued),
                    "MessageDeduplicationId": queued.command_id,
                }
            )
        self._put_in_order(entries)

    def _put_in_order(self, entries: "list[SendMessageBatchRequestEntryTypeDef]") -> None:
        with translate_aws_errors(QueueUnavailable, "SQS"):
            answer = self._client.send_message_batch(QueueUrl=self._commands, Entries=entries)
        if answer.get("Failed"):
            raise QueueUnavailable("SQS did not take every command")

    def pause(self, messages: Mapping[str, int]) -> None:
        """Let messages of the command queue, given by receipt handle, become visible again after so many seconds.

        At most ten. One whose handle has lapsed is visible already; that is no error.
        """
        entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
            {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
            for number, (handle, seconds) in enumerate(messages.items())
        ]
        with translate_aws_errors(QueueUnavailable, "SQS"):
            self._client.change_message_visibility_batch(QueueUrl=self._commands, Entries=entries)

    def archive(self, event: Event, recording: Mapping[str, Any]) -> None:
        """Ask for a recording to be copied; recording: what commands.archive keeps of the event."""
        self._send(
            self._recordings,
            {
                "event_id": event.id,
                "event_type": event.type,
                "occurred_at": event.occurred_at,
                "identity": event.identity._asdict(),
                "recording": recording,
            },
        )

    def quarantine(
        self, body: bytes | None, *, body_uri: str | None, reason: str, headers: Mapping[str, str], received_at: float
    ) -> None:
        """Keep a proven request that cannot be read: its bytes, or where a body too large for a message is kept."""
        message: dict[str, Any] = {"reason": reason, "received_at": received_at, "headers": headers}
        if body is not None:
            message["body"] = base64.b64encode(body).decode()
        if body_uri is not None:
            message["body_uri"] = body_uri
        self._send(self._quarantine, message)

    def _send(self, url: str, message: Mapping[str, Any]) -> None:
        with translate_aws_errors(QueueUnavailable, "SQS"):
            self._client.send_message(QueueUrl=url, MessageBody=json.dumps(message, separators=(",", ":")))


def _group(queued: QueuedCommand) -> str:
    # A group id is at most 128 characters without blanks (SQS). The tail of a longer control id tells calls apart.
    return (queued.command.call_control_id or queued.identity.partition)[-128:].replace(" ", "-")
