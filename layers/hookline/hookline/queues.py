"""The stack's queues. Owns SQS: what is sent to each of them, and how a message reads when it is received again."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from hookline.aws_errors import translate_aws_errors
from hookline.commands import Command
from hookline.deadline import Deadline
from hookline.errors import MessageTooLarge, QueueUnavailable, Unreadable
from hookline.events import Event, Identity

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import ChangeMessageVisibilityBatchRequestEntryTypeDef

LARGEST_QUARANTINED_BYTES = 600_000
"""A message holds 1 MiB (docs.aws.amazon.com, Amazon SQS quotas) and base64 adds a third."""

LARGEST_MESSAGE_BYTES = 900_000
"""Of a message of the command or the deferred queue; SQS takes 1 MiB."""

_RECORDING_FIELDS = (
    "recording_id",
    "recording_transcription_id",
    "channels",
    "recording_started_at",
    "recording_ended_at",
    "connection_id",
)
_compact = json.JSONEncoder(separators=(",", ":")).encode


class QueuedCommand(NamedTuple):
    """A command that waits in the queue. expires_at, not_before: seconds since 1970 UTC.

    result: what became of it when it has been sent and only the journal does not know it yet; None otherwise.
    """

    command: Command
    command_id: str
    expires_at: float
    not_before: float = 0.0
    result: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a message."""
        return {
            "command": _command_to_dict(self.command),
            "command_id": self.command_id,
            "expires_at": self.expires_at,
            "not_before": self.not_before,
            "result": self.result,
        }


class CommandMessage(NamedTuple):
    """The commands of one webhook that could not be sent inside its deadline, in order: one message of the queue.

    One message and not one for each command, so that SQS takes all of them or none and their order cannot change.
    event_id, event_type, occurred_at, identity: of the webhook that they answer. keyed: what the caller had keyed in
    and a command repeats, so that no result shows it.
    """

    commands: Sequence[QueuedCommand]
    event_id: str
    event_type: str
    occurred_at: str
    identity: Identity
    has_delay: bool = False
    keyed: Sequence[str] = ()

    def to_message(self) -> str:
        """The text of the message."""
        return _compact(
            {
                "commands": [queued.to_dict() for queued in self.commands],
                "event_id": self.event_id,
                "event_type": self.event_type,
                "occurred_at": self.occurred_at,
                "identity": self.identity._asdict(),
                "has_delay": self.has_delay,
                "keyed": list(self.keyed),
            }
        )

    @classmethod
    def of(cls, message: str) -> "CommandMessage":
        """A message that `to_message` made, in this release or another. Raises Unreadable for any other text."""
        try:
            content = json.loads(message)
            return cls(
                commands=[_queued_command(queued) for queued in content["commands"]],
                event_id=content["event_id"],
                event_type=content["event_type"],
                occurred_at=content["occurred_at"],
                identity=_identity(content["identity"]),
                has_delay=bool(content.get("has_delay")),
                keyed=content.get("keyed") or (),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unreadable("a message of the command queue does not hold commands") from error

    @property
    def group(self) -> str:
        """The message group: the leg. A delayed command has a group of its own, so that it holds nothing back."""
        leg = self.identity.partition
        return f"{leg[-60:].replace(' ', '-')}#{self.commands[0].command_id[-40:]}" if self.has_delay else _group(leg)


class DeferredEvent(NamedTuple):
    """A verified webhook that could not be journalled, or came to a route that is not its own.

    body: the envelope, keyed digits blanked; None when it lies at body_uri. received_at: seconds since 1970 UTC, of
    this delivery. is_redacted: digits were blanked, so that no decision can be made from it any more.
    base_url: for routing. reason: a code. results: what became of the commands that were attempted, each as
    CommandResult.to_dict gives it.
    pending: when each of those that were queued is dropped, by command id.
    """

    event_id: str
    identity: Identity
    body: str | None
    body_uri: str | None
    received_at: float
    reason: str
    is_redacted: bool = False
    is_stale: bool = False
    base_url: str | None = None
    results: Sequence[Mapping[str, Any]] = ()
    pending: Mapping[str, float] = MappingProxyType({})

    def to_message(self) -> str:
        """The text of the message."""
        return _compact(
            {
                "event_id": self.event_id,
                "identity": self.identity._asdict(),
                "body": self.body,
                "body_uri": self.body_uri,
                "received_at": self.received_at,
                "reason": self.reason,
                "is_redacted": self.is_redacted,
                "is_stale": self.is_stale,
                "base_url": self.base_url,
                "results": list(self.results),
                "pending": dict(self.pending),
            }
        )

    @classmethod
    def of(cls, message: str) -> "DeferredEvent":
        """A message that `to_message` made, in this release or another. Raises Unreadable for any other text."""
        try:
            content = json.loads(message)
            return cls(
                event_id=content["event_id"],
                identity=_identity(content["identity"]),
                body=content["body"],
                body_uri=content["body_uri"],
                received_at=float(content["received_at"]),
                reason=content["reason"],
                is_redacted=content["is_redacted"],
                is_stale=content["is_stale"],
                base_url=content["base_url"],
                results=content["results"],
                pending=content["pending"],
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unreadable("a message of the deferred queue does not hold an event") from error


class Queues:
    """The queues of one stack. Every method raises QueueUnavailable when SQS is unavailable, throttles or fails."""

    def __init__(
        self,
        client: "SQSClient",
        *,
        commands: str,
        recordings: str,
        quarantine: str,
        deferred: str,
        events: str = "",
    ) -> None:
        """client: a boto3 SQS client; the others: queue URLs, empty where this function may not send."""
        self._client = client
        self._commands = commands
        self._recordings = recordings
        self._quarantine = quarantine
        self._deferred = deferred
        self._events = events

    def enqueue(self, message: CommandMessage, deadline: Deadline | None = None, *, again: bool = False) -> None:
        """Send commands to the command queue: a group for each leg, the first command's id as deduplication id.

        again: they have been received from the queue, and what is left of them is sent once more.
        Raises MessageTooLarge for what no message can hold.
        """
        text = message.to_message()
        if len(text) > LARGEST_MESSAGE_BYTES and not again:  # what has been received has fitted
            raise MessageTooLarge("the commands are too large for a message of the command queue")
        deduplication_id = message.commands[0].command_id + ("-again" if again else "")
        self._send(self._commands, text, deadline, group=message.group, unique=deduplication_id)

    def defer(self, event: DeferredEvent, deadline: Deadline | None = None) -> None:
        """Send a webhook to the deferred queue: a group for each call."""
        unique = _group(event.event_id + ("-stale" if event.is_stale else ""))
        self._send(self._deferred, event.to_message(), deadline, group=_group(event.identity.partition), unique=unique)

    def delay_commands(self, messages: Mapping[str, int]) -> None:
        """Let messages of the command queue, by receipt handle, become visible again after these seconds; at most ten.

        One whose handle has lapsed is visible already; that is not an error.
        """
        self._change_visibility(self._commands, messages)

    def delay_deferred(self, messages: Mapping[str, int]) -> None:
        """The same for the deferred queue."""
        self._change_visibility(self._deferred, messages)

    def delay_events(self, messages: Mapping[str, int]) -> None:
        """The same for the event webhook queue."""
        self._change_visibility(self._events, messages)

    def archive(self, event: Event, deadline: Deadline | None = None) -> None:
        """Ask for a recording, or its transcription, to be archived. Asking twice is archiving once."""
        message = {
            "event_id": event.id,
            "event_type": event.type,
            "occurred_at": event.occurred_at,
            "identity": event.identity._asdict(),
            "recording": recording_fields(event.payload),
        }
        self._send(self._recordings, _compact(message), deadline)

    def quarantine(
        self,
        body: bytes | None,
        *,
        body_uri: str | None,
        reason: str,
        received_at: float,
        deadline: Deadline | None = None,
    ) -> None:
        """Store a verified request that cannot be read: its bytes, or where a body too large for a message lies."""
        message: dict[str, Any] = {"reason": reason, "received_at": received_at}
        if body is not None:
            message["body"] = b64encode(body).decode()
        if body_uri is not None:
            message["body_uri"] = body_uri
        self._send(self._quarantine, _compact(message), deadline)

    def _change_visibility(self, url: str, messages: Mapping[str, int]) -> None:
        entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
            {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
            for number, (handle, seconds) in enumerate(messages.items())
        ]
        with translate_aws_errors(QueueUnavailable, "SQS"):
            self._client.change_message_visibility_batch(QueueUrl=url, Entries=entries)

    def _send(self, url: str, message: str, deadline: Deadline | None, *, group: str = "", unique: str = "") -> None:
        fifo: dict[str, Any] = {"MessageGroupId": group, "MessageDeduplicationId": unique} if group else {}
        with translate_aws_errors(QueueUnavailable, "SQS", deadline):
            self._client.send_message(QueueUrl=url, MessageBody=message, **fifo)


def recording_fields(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a recording's event that archiving it takes. Values of another type than text are left out.

    Public links do not expire, so they are not queued: the archiver reads them from the journalled event.
    """
    fields: dict[str, Any] = {name: payload[name] for name in _RECORDING_FIELDS if _is_text(payload.get(name), 512)}
    fields["recording_urls"] = _links(payload.get("recording_urls"))
    if public := _links(payload.get("public_recording_urls")):
        fields["public_formats"] = sorted(public)
    return fields


def _links(urls: object) -> dict[str, str]:
    if not isinstance(urls, Mapping):
        return {}
    return {name: urls[name] for name in ("mp3", "wav") if _is_text(urls.get(name), 8192)}


def _is_text(value: object, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest


def _group(name: str) -> str:
    # A group or deduplication id is at most 128 characters without blanks (SQS). The tail distinguishes longer ones.
    return name[-100:].replace(" ", "-")


def _identity(content: Mapping[str, Any]) -> Identity:
    return Identity(*(content[name] for name in Identity._fields))


def _command_to_dict(command: Command) -> dict[str, Any]:
    fallback = _command_to_dict(command.fallback) if command.fallback else None
    return {
        "action": command.action,
        "params": command.params,
        "call_control_id": command.call_control_id,
        "fallback": fallback,
        "only_if_idle": command.only_if_idle,
    }


def _command(content: Mapping[str, Any]) -> Command:
    fallback = content.get("fallback")
    return Command(
        content["action"],
        content["params"],
        content["call_control_id"],
        fallback=_command(fallback) if fallback else None,
        only_if_idle=bool(content.get("only_if_idle")),
    )


def _queued_command(content: Mapping[str, Any]) -> QueuedCommand:
    return QueuedCommand(
        command=_command(content["command"]),
        command_id=content["command_id"],
        expires_at=float(content["expires_at"]),
        not_before=float(content.get("not_before") or 0.0),
        result=content.get("result"),
    )
