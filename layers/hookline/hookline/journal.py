"""Remember it. Owns DynamoDB: the one place that spells a key of the journal.

One table, one item per webhook, never changed afterwards:

    pk  LEG#<call_leg_id>, else CONTROL#<call_control_id>, else SESSION#<call_session_id>, else EVENT#<event id>
    sk  EVENT#<occurred_at>#<event id>       a webhook and what was told because of it
        EVENT_RESULT#<command id>            what became of a command that waited in the queue
        TRANSCRIPT#<occurred_at>#<event id>  a `call.transcription` that commands nothing: beside the call, so that it
                                             does not weigh on it
        <KIND>#<name>                        any other note: what became of a recording, of its text

Every event carries some id of its call, not always the same one, so what belongs to one leg may lie in up to three
partitions. Writing stays one conditional put whatever the order of arrival; reading a whole call gathers them.

Indexes, all sparse: `by_day` (only the few events in LISTED, so that "today's calls" is one query),
`by_session` and `by_control` (to find a call by another of its ids).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from hookline.aws_errors import translate_aws_errors
from hookline.call import Call
from hookline.errors import JournalUnavailable
from hookline.events import Event, Identity, parse_event

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DAY_INDEXED_EVENTS = frozenset({"call.initiated", "call.answered", "call.hangup", "call.recording.saved"})
"""The events that put a call on the list of its day. Any one of them is enough; the last so that no promised recording
is out of sight of `hookline recordings verify`."""

LARGEST_BODY_BYTES = 64_000
"""A DynamoDB item holds 400 KB and a page of a query 1 MB (docs.aws.amazon.com, DynamoDB quotas). Ordinary events are
1 to 2 KB; a larger one must not push the history of its call to a second page."""

_compact = json.JSONEncoder(separators=(",", ":")).encode
_TRANSCRIPT = "call.transcription"
_LONGEST_NAME = 900
_ABSENT = "attribute_not_exists(pk)"


@dataclass(frozen=True, slots=True)
class Entry:
    """One webhook as the journal holds it.

    event: what Telnyx told; None when its body was too large for an item (`body_uri` says where it is).
    told: what we told Telnyx because of it, each as Told.to_dict gives it.
    received_at: UTC, when API Gateway took the first delivery that was journalled.
    """

    event: Event | None
    event_id: str
    event_type: str
    occurred_at: str
    received_at: str
    commands: Sequence[Mapping[str, Any]] = ()
    body_uri: str | None = None


class History(NamedTuple):
    """What the journal knows of an event's call when the event arrives.

    seen: this very event has been journalled before; events: all others of its call, in no promised order.
    waits_until: UTC, when the last of this call's commands that still wait in the queue is dropped, "" if none waits.
    """

    seen: bool
    events: list[Event]
    waits_until: str = ""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """Everything the journal holds of one leg: its webhooks in order, its transcript, its notes by kind."""

    identity: Identity
    entries: list[Entry] = field(default_factory=list)
    transcript: list[Entry] = field(default_factory=list)
    notes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def call(self) -> Call:
        """The fold of what was told."""
        return Call.of(entry.event for entry in self.entries if entry.event is not None)


class Journal:
    """The journal of one stack.

    client: a boto3 DynamoDB client; table: its name; retention_days: after so many days DynamoDB deletes an item by
    its TTL, 0 keeps it for ever.

    Every method raises JournalUnavailable when DynamoDB is out of reach, throttles or fails; a wrong name or a missing
    permission raises as boto3's own ClientError.
    """

    def __init__(self, client: "DynamoDBClient", table: str, *, retention_days: int = 0) -> None:
        """Keep the client; nothing is sent yet."""
        self._client = client
        self._table = table
        self._retention_seconds = retention_days * 86_400

    def history(self, event: Event) -> History:
        """What is known of the event's call, in one consistent query of its own partition."""
        seen = False
        events = []
        waiting: dict[str, str] = {}
        for item in self._pages(
            KeyConditionExpression="pk = :p AND sk BETWEEN :a AND :z",
            values={":p": event.identity.partition, ":a": "EVENT#", ":z": "EVENT_RESULT#~"},
            ConsistentRead=True,
        ):
            kind, _, name = item["sk"]["S"].partition("#")
            if kind == "EVENT_RESULT":
                waiting.pop(name, None)  # behind every event
            elif kind == "EVENT":
                if item["event_id"]["S"] == event.id:
                    seen = True
                elif "body" in item:
                    events.append(parse_event(item["body"]["S"].encode()))
                if "waiting" in item:
                    waiting |= json.loads(item["waiting"]["S"])
        return History(seen, events, max(waiting.values(), default=""))

    def append_event(
        self,
        event: Event,
        *,
        body: str | None,
        body_uri: str | None = None,
        received_at: float,
        commands: Sequence[Mapping[str, Any]] = (),
        waiting: Mapping[str, float] | None = None,
        commanding: bool = False,
    ) -> bool:
        """Write the event down once, with what was told; False when it was there already.

        body: the envelope as received (digits blanked by the caller); None when it is kept elsewhere, at body_uri.
        received_at: seconds since 1970 UTC. waiting: the same by command id, when each command of this event that went
        to the queue will be dropped. commanding: its decision has something to say, so that it belongs to the history
        that decisions are given.
        """
        identity = event.identity
        spoken = event.type == _TRANSCRIPT and not commanding
        item: dict[str, Any] = {
            "pk": {"S": identity.partition},
            "sk": {"S": f"{'TRANSCRIPT' if spoken else 'EVENT'}#{event.occurred_at}#{event.id}"},
            "event_id": {"S": event.id},
            "event_type": {"S": event.type},
            "occurred_at": {"S": event.occurred_at},
            "received_at": {"S": timestamp(received_at)},
        }
        if body is not None:
            item["body"] = {"S": body}
        if body_uri is not None:
            item["body_uri"] = {"S": body_uri}
        if waiting:
            item["waiting"] = {"S": _compact({name: timestamp(expires_at) for name, expires_at in waiting.items()})}
        if commands:
            item["commands"] = {"S": _compact(commands)}
        if identity.call_leg_id:
            item["call_leg_id"] = {"S": identity.call_leg_id}
        if not spoken:
            if identity.call_session_id:
                item["call_session_id"] = {"S": identity.call_session_id}
            if identity.call_control_id:
                item["call_control_id"] = {"S": identity.call_control_id}
            if event.type in DAY_INDEXED_EVENTS:
                item["day"] = {"S": event.occurred_at[:10]}
        self._expire(item, received_at)
        return self._put(item, once=True)

    def put_note(
        self,
        identity: Identity,
        kind: str,
        name: str,
        facts: Mapping[str, Any],
        *,
        at: float,
        once: bool = True,
    ) -> bool:
        """Write down something that we found out or did ourselves, beside the events of its call.

        kind: capitals, for example RECORDING; name: unique within the kind and the call, its end hashed where it is
        longer than a key may be. at: seconds since 1970 UTC.
        once: keep what was noted first and return False when there was something; otherwise replace it.
        """
        item: dict[str, Any] = {
            "pk": {"S": identity.partition},
            "sk": {"S": f"{kind}#{_fitting(name)}"},
            "facts": {"S": _compact(facts)},
            "occurred_at": {"S": timestamp(at)},
        }
        for key in ("call_leg_id", "call_session_id", "call_control_id"):
            if value := getattr(identity, key):
                item[key] = {"S": value}
        self._expire(item, at)
        return self._put(item, once=once)

    def notes(self, identity: Identity, kind: str) -> list[dict[str, Any]]:
        """The facts noted under this kind for this call, in order of name; each carries its `name`."""
        return [_note(item) for item in self._query(identity.partition, f"{kind}#")]

    def read(self, any_id: str) -> CallRecord | None:
        """Everything about one leg; None if unknown.

        any_id: its leg, control or session id (of a session the first leg is read), or the id of an event that names no
        call.
        """
        partitions = {f"{kind}#{any_id}" for kind in ("LEG", "CONTROL", "SESSION", "EVENT")}
        items = [item for partition in partitions for item in self._query(partition, "")]
        if not any("call_leg_id" in item for item in items):
            for index, key in (("by_control", "call_control_id"), ("by_session", "call_session_id")):
                if leg := next(self._legs(index, key, any_id), None):
                    partitions.add(leg)
                    items += self._query(leg, "")
                    break
        for other in _partitions_beside(items) - partitions:
            items += self._query(other, "")
        return _record(items) if items else None

    def legs(self, session_id: str) -> list[str]:
        """The leg ids of one conversation, in the order they were first heard of."""
        found = self._legs("by_session", "call_session_id", session_id)
        return list(dict.fromkeys(partition.removeprefix("LEG#") for partition in found))

    def calls(self, day: str) -> list[Identity]:
        """The calls that something in LISTED was told of on this day (`YYYY-MM-DD`, UTC), each once, oldest first."""
        found: dict[str, Identity] = {}
        for item in self._pages(
            IndexName="by_day", KeyConditionExpression="#d = :d", names={"#d": "day"}, values={":d": day}
        ):
            found.setdefault(item["pk"]["S"], _identity(item))
        return list(found.values())

    def _legs(self, index: str, key: str, value: str) -> Iterator[str]:
        for item in self._pages(
            IndexName=index, KeyConditionExpression="#k = :k", names={"#k": key}, values={":k": value}
        ):
            if item["pk"]["S"].startswith("LEG#"):
                yield item["pk"]["S"]

    def _query(self, partition: str, prefix: str) -> Iterator[dict[str, Any]]:
        condition, values = "pk = :p", {":p": partition}
        if prefix:
            condition, values = "pk = :p AND begins_with(sk, :s)", {":p": partition, ":s": prefix}
        return self._pages(KeyConditionExpression=condition, values=values, ConsistentRead=True)

    def _pages(
        self, *, values: Mapping[str, str], names: Mapping[str, str] | None = None, **request: Any
    ) -> Iterator[dict[str, Any]]:
        request |= {"TableName": self._table, "ExpressionAttributeValues": {k: {"S": v} for k, v in values.items()}}
        if names:
            request["ExpressionAttributeNames"] = dict(names)
        while True:
            with translate_aws_errors(JournalUnavailable, "DynamoDB"):
                page = self._client.query(**request)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _put(self, item: dict[str, Any], *, once: bool) -> bool:
        condition: dict[str, Any] = {"ConditionExpression": _ABSENT} if once else {}
        try:
            with translate_aws_errors(JournalUnavailable, "DynamoDB"):
                self._client.put_item(TableName=self._table, Item=item, **condition)
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _expire(self, item: dict[str, Any], since: float) -> None:
        if self._retention_seconds:
            item["expires_at"] = {"N": str(int(since) + self._retention_seconds)}


def timestamp(seconds: float) -> str:
    """Seconds since 1970 UTC as the journal writes them: texts that compare as the moments do."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _fitting(name: str) -> str:
    """A sort key holds 1,024 bytes (docs.aws.amazon.com, DynamoDB quotas); two ids of 512 characters are too much."""
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 64]}{hashlib.sha256(name.encode()).hexdigest()}"


def _text(item: Mapping[str, Any], key: str) -> str | None:
    return item[key]["S"] if key in item else None


def _identity(item: Mapping[str, Any]) -> Identity:
    return Identity(
        _text(item, "call_leg_id"),
        _text(item, "call_control_id"),
        _text(item, "call_session_id"),
        _text(item, "event_id") or "",
    )


def _note(item: Mapping[str, Any]) -> dict[str, Any]:
    name = item["sk"]["S"].partition("#")[2]
    return {"name": name, "created_at": item["occurred_at"]["S"], **json.loads(item["facts"]["S"])}


def _partitions_beside(items: Sequence[Mapping[str, Any]]) -> set[str]:
    beside = {f"CONTROL#{value}" for item in items if (value := _text(item, "call_control_id"))}
    return beside | {f"SESSION#{value}" for item in items if (value := _text(item, "call_session_id"))}


def _entry(item: Mapping[str, Any]) -> Entry:
    return Entry(
        event=parse_event(item["body"]["S"].encode()) if "body" in item else None,
        event_id=item["event_id"]["S"],
        event_type=item["event_type"]["S"],
        occurred_at=item["occurred_at"]["S"],
        received_at=item["received_at"]["S"],
        commands=json.loads(item["commands"]["S"]) if "commands" in item else [],
        body_uri=_text(item, "body_uri"),
    )


def _record(items: Sequence[Mapping[str, Any]]) -> CallRecord:
    """The items of one call, however many partitions they came from, in order of time."""
    known = [_identity(item) for item in items]
    identity = Identity(
        next((i.call_leg_id for i in known if i.call_leg_id), None),
        next((i.call_control_id for i in known if i.call_control_id), None),
        next((i.call_session_id for i in known if i.call_session_id), None),
        next((i.event_id for i in known if i.event_id), ""),
    )
    record = CallRecord(identity)
    for item in sorted(items, key=lambda item: item["sk"]["S"]):
        kind = item["sk"]["S"].partition("#")[0]
        match kind:
            case "EVENT" | "TRANSCRIPT":
                entry = _entry(item)
                if kind == "EVENT":
                    record.entries.append(entry)
                if entry.event_type == _TRANSCRIPT:
                    record.transcript.append(entry)
            case _:
                record.notes.setdefault(kind, []).append(_note(item))
    return record
