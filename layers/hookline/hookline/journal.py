"""The journal: one item per webhook, never changed afterwards. Owns DynamoDB: the one place that spells a key of it.

    pk  LEG#<call_leg_id>, else CONTROL#<call_control_id>, else SESSION#<call_session_id>, else EVENT#<event id>
    sk  CALL#<occurred_at>#<event id>            call.initiated, call.answered, call.hangup: few, and read first
        EVENT#<newest first>#<event id>          every other webhook, and the commands that answered it
        KEY#<newest first>#<event id>            call.dtmf.received, apart: a caller may press thousands of keys
        <any of these>#RESULT#<command id>       the result of a queued command, right behind its event
        STALE#<occurred_at>#<event id>           signed by Telnyx, but refused because it came too late
        TRANSCRIPT#<occurred_at>#<event id>      a `call.transcription` without commands, apart from the call's events
        <KIND>#<name>                            any other note: the result of archiving a recording or transcription

    COMPLETED#<session id, else leg id>  SUMMARY the event `call.completed`, ours, apart from the events of the call

         CALL_FACTS#<event id>                   what the look-up of a flow found for that event

    LIVE  <occurred_at>#<command id>             a leg that was placed by that command and has not ended, see limits

<newest first> is a timestamp whose digits are subtracted from 9, so that text order is the reverse of time. One limited
query from CALL# to KEY# gives a decision all that it may read, however many keys a caller has pressed.

Every event carries some id of its call, not always the same one, so what belongs to one leg may lie in up to three
partitions. Writing stays one conditional put whatever the order of arrival; reading a whole call gathers them.

Sparse indexes, all ordered by occurred_at: `by_day`, `by_from`, `by_to` (the events of DAY_INDEXED_EVENTS, for lists of
calls), `by_trouble` (events with a refused command or a failed flow), `by_session` and `by_control` (to find a call by
another of its ids), `by_legs` (when each leg of a conversation began, was answered, bridged and ended). `by_arrival`
alone is ordered by journalled_at: every event in the order of its coming, whenever it happened. docs/journal.md
describes the layout for readers of the table.
"""

import hashlib
import json
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from hookline.aws_errors import translate_aws_errors
from hookline.call import Call, sort_key
from hookline.deadline import Deadline
from hookline.errors import JournalUnavailable
from hookline.events import DTMF_EVENT, TRANSCRIPTION_EVENT, UNKNOWN_TIME, Event, Identity, parse_event
from hookline.precedence import ENDING, LEG, SUBJECTS, TURNS_ON

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DAY_INDEXED_EVENTS = frozenset({"call.initiated", "call.answered", "call.hangup", "call.recording.saved"})
"""The events that put a call on the list of its day. Any one of them is enough; the last so that no announced recording
is out of sight of `hookline recordings verify`."""

FEEDS = 4
"""Parts of the index by_arrival for each hour: DynamoDB takes 1,000 writes a second in each."""

LIVE_PARTITION = "LIVE"
"""The live calls that were placed here. The one partition whose items are deleted again."""

_LIFECYCLE = frozenset({"call.initiated", "call.answered", "call.hangup"})

_LEG_EVENTS = _LIFECYCLE | {"call.bridged"}

LEG_EVENTS = 100
"""Of a conversation's other legs a decision reads at most this many events; a leg has four."""

FACTS = "CALL_FACTS"
"""The kind of a look-up's result. It sorts among what a decision reads of its call, behind `CALL#`."""

HISTORY_ITEMS = 250
"""A decision reads at most this many items of its call, and at most the 1 MB of one page of a query."""

_CONTROL_ITEMS = 25
"""Enough to come upon an event with the id of the leg: those without are few."""

LARGEST_BODY_BYTES = 64_000
"""A DynamoDB item holds 400 KB and a page of a query 1 MB (docs.aws.amazon.com, DynamoDB quotas). Ordinary events are
1 to 2 KB; a larger one must not push the history of its call to a second page."""

_compact = json.JSONEncoder(separators=(",", ":")).encode
_LONGEST_NAME = 900
_ABSENT = "attribute_not_exists(pk)"


class Entry(NamedTuple):
    """One webhook as the journal holds it.

    event: None when its body was too large for an item; then body_uri is where it lies.
    commands: those that answered it, each as CommandResult.to_dict gives it; empty when they lie at commands_uri.
    received_at: UTC, when API Gateway took the first delivery that was journalled.
    """

    event: Event | None
    event_id: str
    event_type: str
    occurred_at: str
    received_at: str
    commands: Sequence[Mapping[str, Any]] = ()
    body_uri: str | None = None
    commands_uri: str | None = None
    flow: str | None = None
    error: str | None = None
    stale: bool = False


class Newer(NamedTuple):
    """The commands of newer events to one leg. unordered: of events of which it is not known whether they are newer."""

    actions: frozenset[str] = frozenset()
    unordered: frozenset[str] = frozenset()


_NOTHING_NEWER = Newer()


class History(NamedTuple):
    """The call of an event, as the journal has it when the event arrives.

    is_duplicate: this very event has been journalled before. events: all others of its call, in no promised order.
    newer: what newer events have commanded, by the leg that they commanded; "" is the leg of the event.
    results: of this event's own commands that were queued by an earlier delivery, by command id.
    commands_pending_until: UTC, when the last of the call's queued commands is dropped, "" if none is queued.
    has_failed: a flow has failed on the call before. facts: what the newest look-up of the call has found.
    """

    is_duplicate: bool
    events: list[Event]
    newer: Mapping[str, Newer] = MappingProxyType({})
    results: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    commands_pending_until: str = ""
    has_failed: bool = False
    facts: Any = None

    def newer_of(self, leg: str | None, *, is_own: bool) -> Newer:
        """The commands of newer events to a leg. leg: its call_control_id. is_own: it is the leg of the event."""
        if not self.newer:
            return _NOTHING_NEWER
        found = [self.newer[name] for name in ("" if is_own else None, leg) if name is not None and name in self.newer]
        if len(found) < 2:
            return found[0] if found else _NOTHING_NEWER
        return Newer(found[0].actions | found[1].actions, found[0].unordered | found[1].unordered)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """Everything the journal holds of one leg: its webhooks in order, its transcript, its notes by kind, and the
    results of its queued commands by command id."""

    identity: Identity
    entries: list[Entry] = field(default_factory=list)
    transcript: list[Entry] = field(default_factory=list)
    notes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    command_results: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def call(self) -> Call:
        """The fold of the journalled events; of stale ones, too: they did happen."""
        return Call.of(entry.event for entry in self.entries if entry.event is not None)


class Journal:
    """The journal of one stack.

    client: a boto3 DynamoDB client; table: its name; retention_days: DynamoDB deletes an item this many days
    later by its TTL, 0 never.

    Every method raises JournalUnavailable when DynamoDB is unavailable, throttles or fails; a wrong name or a missing
    permission raises as boto3's own ClientError.
    """

    def __init__(self, client: "DynamoDBClient", table: str, *, retention_days: int = 0) -> None:
        """Hold the client; nothing is sent yet."""
        self._client = client
        self._table = table
        self._retention_seconds = retention_days * 86_400

    def history(self, event: Event, deadline: Deadline | None = None) -> History:
        """The known state of the event's call, in one limited and consistent query of its own partition.

        Only a call with more than HISTORY_ITEMS events, or more than 1 MB of them, costs more: one query for the newest
        keys when none of them was reached, and one read for the event itself when it is older than all that was read.
        An event without a leg id costs two more: one for its leg, and one for the events there.
        """
        own_key = event_key(event.type, event.occurred_at, event.id, has_commands=True)
        items, horizon = self._newest(event.identity.partition, own_key, deadline)
        if beside := self._leg_beside(event, deadline):
            more, horizon_beside = self._newest(beside, "", deadline)
            items, horizon = items + more, max(horizon, horizon_beside)
        return _history(event, items, horizon=horizon)

    def _newest(self, partition: str, own_key: str, deadline: Deadline | None) -> tuple[list[dict[str, Any]], str]:
        """The items of a partition that a decision may read, and how far back: what is older was perhaps not read.

        own_key: of the event itself, which is read in any case; "" when it lies elsewhere.
        """
        items, is_cut = self._page(partition, "CALL#", "KEY#~", HISTORY_ITEMS, deadline)
        is_beyond = is_cut and own_key > items[-1]["sk"]["S"]
        horizon = items[-1]["occurred_at"]["S"] if is_cut else ""
        if is_cut and items[-1]["sk"]["S"] < "KEY#":
            keys, is_cut = self._page(partition, "KEY#", "KEY#~", HISTORY_ITEMS // 5, deadline)
            if own_key > "KEY#":
                is_beyond = is_cut and own_key > keys[-1]["sk"]["S"]
            items += keys
            horizon = max(horizon, keys[-1]["occurred_at"]["S"] if is_cut else "")
        if is_beyond:
            items += self._item(partition, own_key, deadline)
        return items, horizon

    def _leg_beside(self, event: Event, deadline: Deadline | None) -> str | None:
        """The partition of the leg of an event that names it by its call_control_id alone, from an index.

        None without one. An index lags the table a little.
        """
        identity = event.identity
        if identity.call_leg_id or not identity.call_control_id:
            return None
        with translate_aws_errors(JournalUnavailable, "DynamoDB", deadline):
            page = self._client.query(
                TableName=self._table,
                IndexName="by_control",
                KeyConditionExpression="call_control_id = :c",
                ExpressionAttributeValues={":c": {"S": identity.call_control_id}},
                Limit=_CONTROL_ITEMS,
            )
        return next((item["pk"]["S"] for item in page["Items"] if item["pk"]["S"].startswith("LEG#")), None)

    def _page(
        self, partition: str, first: str, last: str, limit: int, deadline: Deadline | None
    ) -> tuple[list[dict[str, Any]], bool]:
        """At most limit items of a range of sort keys, and whether there are more."""
        with translate_aws_errors(JournalUnavailable, "DynamoDB", deadline):
            page = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :p AND sk BETWEEN :a AND :z",
                ExpressionAttributeValues={":p": {"S": partition}, ":a": {"S": first}, ":z": {"S": last}},
                ConsistentRead=True,
                Limit=limit,
            )
        return page["Items"], "LastEvaluatedKey" in page

    def _item(self, partition: str, key: str, deadline: Deadline | None) -> list[dict[str, Any]]:
        with translate_aws_errors(JournalUnavailable, "DynamoDB", deadline):
            found = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": partition}, "sk": {"S": key}}, ConsistentRead=True
            )
        return [found["Item"]] if "Item" in found else []

    def append_event(
        self,
        event: Event,
        *,
        body: str | None,
        body_uri: str | None = None,
        received_at: float,
        commands: Sequence[Mapping[str, Any]] = (),
        commands_uri: str | None = None,
        actions: Sequence[str] = (),
        actions_elsewhere: Mapping[str, Sequence[str]] = MappingProxyType({}),
        pending: Mapping[str, float] | None = None,
        has_commands: bool = False,
        flow: str | None = None,
        error: str | None = None,
        trouble: str | None = None,
        stale: bool = False,
        deadline: Deadline | None = None,
    ) -> bool:
        """Append the event once, with the commands that answered it; False when it was there already.

        body: the envelope, keyed digits blanked; None when it is stored elsewhere, at body_uri. commands, commands_uri:
        likewise. received_at: seconds since 1970 UTC.
        actions: what the leg was commanded, for `History.newer`; actions_elsewhere: what other legs were, by their
        call_control_id. pending: by command id, when each command that
        was queued is dropped, seconds since 1970 UTC. has_commands: its flow has decided something, so that it belongs
        to the history that decisions are given. trouble: a code, when something went wrong. stale: refused.
        """
        identity = event.identity
        item: dict[str, Any] = {
            "pk": {"S": identity.partition},
            "sk": {"S": event_key(event.type, event.occurred_at, event.id, has_commands=has_commands, stale=stale)},
            "event_id": {"S": event.id},
            "event_type": {"S": event.type},
            "occurred_at": {"S": event.occurred_at},
            "received_at": {"S": timestamp(received_at)},
            **_arrival(event.id),
        }
        optional = {
            "body": body,
            "body_uri": body_uri,
            "commands": _compact(commands) if commands else None,
            "commands_uri": commands_uri,
            "actions": ",".join(actions),
            "actions_elsewhere": _compact(actions_elsewhere) if actions_elsewhere else None,
            "pending": _compact({name: timestamp(until) for name, until in pending.items()}) if pending else None,
            "flow": flow,
            "error": error,
            "call_leg_id": identity.call_leg_id,
        }
        if trouble:
            optional |= {"trouble": trouble, "trouble_day": event.occurred_at[:10]}
        if event.type != TRANSCRIPTION_EVENT or has_commands:
            optional |= {"call_session_id": identity.call_session_id, "call_control_id": identity.call_control_id}
        if event.type in _LEG_EVENTS and identity.call_leg_id:
            optional["legs_session"] = identity.call_session_id
        if event.type in DAY_INDEXED_EVENTS:
            optional |= {"day": event.occurred_at[:10], **_call_list_attributes(event)}
        item |= {name: {"S": value} for name, value in optional.items() if value}
        self._expire(item, received_at)
        return self._put(item, once=True, deadline=deadline)

    def append_summary(self, key: str, body: Mapping[str, Any], *, at: float) -> bool:
        """Append the summary of a call once, in a partition of its own; False when it was there already.

        key: of the call, its session or leg id. body: as call_summary makes it. at: seconds since 1970 UTC.
        """
        event = body["data"]
        item: dict[str, Any] = {
            "pk": {"S": f"COMPLETED#{key}"},
            "sk": {"S": "SUMMARY"},
            "event_id": {"S": event["id"]},
            "event_type": {"S": event["event_type"]},
            "occurred_at": {"S": event["occurred_at"]},
            "received_at": {"S": timestamp(at)},
            **_arrival(event["id"]),
            "body": {"S": _compact(body)},
        }
        if flow := event["payload"]["flow"]:
            item["flow"] = {"S": flow}
        self._expire(item, at)
        return self._put(item, once=True)

    def put_command_result(
        self, identity: Identity, event_key: str, command_id: str, result: Mapping[str, Any], *, at: float
    ) -> None:
        """Record the result of a queued command right behind its event. at: seconds since 1970 UTC.

        event_key: as `event_key` gives it. Recording it again replaces it: the last result is the one that holds.
        """
        item: dict[str, Any] = {
            "pk": {"S": identity.partition},
            "sk": {"S": f"{event_key}#RESULT#{command_id}"},
            "command_id": {"S": command_id},
            "attributes": {"S": _compact(result)},
            "occurred_at": {"S": timestamp(at)},
        }
        self._expire(item, at)
        self._put(item, once=False)

    def count_placed(
        self, key: str, *, at: float, longest_seconds: int, most: int, deadline: Deadline | None = None
    ) -> int:
        """Record a leg that is about to be placed as a live call, and count those there are, this one included.

        key: begins with the time of the event that places it; the same key counts once. at: seconds since 1970 UTC.
        longest_seconds: after so long a leg has ended, also when its hang-up was never reported. most: no more are
        counted than one above it: one write and one limited query, whatever has happened before.
        """
        item = {
            "pk": {"S": LIVE_PARTITION},
            "sk": {"S": key},
            "occurred_at": {"S": timestamp(at)},
            "expires_at": {"N": str(int(at) + longest_seconds + 86_400)},
        }
        self._put(item, once=False, deadline=deadline)
        with translate_aws_errors(JournalUnavailable, "DynamoDB", deadline):
            page = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :p AND sk BETWEEN :a AND :z",
                ExpressionAttributeValues={
                    ":p": {"S": LIVE_PARTITION},
                    ":a": {"S": timestamp(at - longest_seconds)},
                    ":z": {"S": "~"},
                },
                ConsistentRead=True,
                Limit=most + 1,
                Select="COUNT",
            )
        return max(1, page["Count"])  # one of an event from long ago, a sample or a replay, counts as well

    def end_placed(self, key: str, deadline: Deadline | None = None) -> None:
        """The leg of this key is not live any more. Idempotent."""
        with translate_aws_errors(JournalUnavailable, "DynamoDB", deadline):
            self._client.delete_item(TableName=self._table, Key={"pk": {"S": LIVE_PARTITION}, "sk": {"S": key}})

    def put_facts(
        self, event: Event, facts: Any, missed: str | None, *, at: float, deadline: Deadline | None = None
    ) -> bool:
        """Record what a look-up found for an event, once; False when it was there already.

        missed: the error, as `Type: text`, when it found nothing because of one. at: seconds since 1970 UTC.
        """
        attributes = {"facts": facts, "missed": missed, "event_id": event.id, "occurred_at": event.occurred_at}
        item = self._note_item(event.identity, FACTS, event.id, attributes, at=at)
        return self._put(item, once=True, deadline=deadline)

    def facts(self, event: Event, deadline: Deadline | None = None) -> Mapping[str, Any] | None:
        """The result of the look-up for this event, as {"facts", "missed"}; None before there was one."""
        found = self._item(event.identity.partition, f"{FACTS}#{_fitting(event.id)}", deadline)
        attributes: dict[str, Any] | None = json.loads(found[0]["attributes"]["S"]) if found else None
        return attributes

    def other_legs(self, event: Event, deadline: Deadline | None = None) -> list[Call]:
        """The other legs of the event's conversation, in the order they began, from one limited query of an index.

        An index lags the table a little. Each is the fold of when it began, was answered, bridged and ended.
        """
        if event.call_session_id is None:
            return []
        with translate_aws_errors(JournalUnavailable, "DynamoDB", deadline):
            page = self._client.query(
                TableName=self._table,
                IndexName="by_legs",
                KeyConditionExpression="legs_session = :s",
                ExpressionAttributeValues={":s": {"S": event.call_session_id}},
                ScanIndexForward=False,
                Limit=LEG_EVENTS,
            )
        return _legs_beside(event, page["Items"])

    def put_note(
        self,
        identity: Identity,
        kind: str,
        name: str,
        attributes: Mapping[str, Any],
        *,
        at: float,
        once: bool = True,
    ) -> bool:
        """Record something that Hookline found out or did itself, beside the events of its call.

        kind: capitals, for example RECORDING; name: unique within the kind and the call, its end hashed where it is
        longer than a key may be. at: seconds since 1970 UTC.
        once: the first note stands, and False is returned when there is one; otherwise it is replaced.
        """
        return self._put(self._note_item(identity, kind, name, attributes, at=at), once=once)

    def _note_item(
        self, identity: Identity, kind: str, name: str, attributes: Mapping[str, Any], *, at: float
    ) -> dict[str, Any]:
        item: dict[str, Any] = {
            "pk": {"S": identity.partition},
            "sk": {"S": f"{kind}#{_fitting(name)}"},
            "attributes": {"S": _compact(attributes)},
            "occurred_at": {"S": timestamp(at)},
        }
        for key in ("call_leg_id", "call_session_id", "call_control_id"):
            if value := getattr(identity, key):
                item[key] = {"S": value}
        self._expire(item, at)
        return item

    def notes(self, identity: Identity, kind: str) -> list[dict[str, Any]]:
        """The notes of this kind for this call, in order of name; each carries its `name` and `created_at`."""
        return [note_of(item) for item in self._query(identity.partition, f"{kind}#")]

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
        """The leg ids of one conversation, in the order of their first events."""
        found = self._legs("by_session", "call_session_id", session_id)
        return list(dict.fromkeys(partition.removeprefix("LEG#") for partition in found))

    def calls(self, day: str) -> list[Identity]:
        """The calls with an event of DAY_INDEXED_EVENTS on this day (`YYYY-MM-DD`, UTC), each once, oldest first."""
        found: dict[str, Identity] = {}
        for item in self._pages(
            IndexName="by_day", KeyConditionExpression="#d = :d", names={"#d": "day"}, values={":d": day}
        ):
            found.setdefault(item["pk"]["S"], identity_of(item))
        return list(found.values())

    def calls_in_trouble(self, day: str) -> list[Identity]:
        """The calls with an event in trouble on this day (`YYYY-MM-DD`, UTC), each once, oldest first.

        Those that the journal knows of itself: a refused command or call, a refused API key, a failed flow.
        """
        found: dict[str, Identity] = {}
        for item in self._pages(IndexName="by_trouble", KeyConditionExpression="trouble_day = :d", values={":d": day}):
            found.setdefault(item["pk"]["S"], identity_of(item))
        return list(found.values())

    def failed(self, day: str) -> list[Identity]:
        """The events of this day (`YYYY-MM-DD`, UTC) on which a flow has failed, oldest first, each by its ids."""
        items = self._pages(IndexName="by_trouble", KeyConditionExpression="trouble_day = :d", values={":d": day})
        return [identity_of(item) for item in items if _text(item, "trouble") == "flow_failed"]

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

    def _put(self, item: dict[str, Any], *, once: bool, deadline: Deadline | None = None) -> bool:
        condition: dict[str, Any] = {"ConditionExpression": _ABSENT} if once else {}
        try:
            with translate_aws_errors(JournalUnavailable, "DynamoDB", deadline):
                self._client.put_item(TableName=self._table, Item=item, **condition)
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _expire(self, item: dict[str, Any], since: float) -> None:
        if self._retention_seconds:
            item["expires_at"] = {"N": str(int(since) + self._retention_seconds)}


def event_key(
    event_type: str, occurred_at: str, event_id: str, *, has_commands: bool = False, stale: bool = False
) -> str:
    """The sort key of an event's item."""
    if stale:
        return f"STALE#{occurred_at}#{event_id}"
    if event_type in _LIFECYCLE:
        return f"CALL#{occurred_at}#{event_id}"
    if event_type == DTMF_EVENT:
        return f"KEY#{newest_first(occurred_at)}#{event_id}"
    if event_type == TRANSCRIPTION_EVENT and not has_commands:
        return f"TRANSCRIPT#{occurred_at}#{event_id}"
    return f"EVENT#{newest_first(occurred_at)}#{event_id}"


_COMPLEMENT = str.maketrans("0123456789", "9876543210")


def newest_first(occurred_at: str) -> str:
    """A timestamp with each digit subtracted from 9, so that text order is the reverse of time. Its own inverse."""
    return occurred_at.translate(_COMPLEMENT)


def _call_list_attributes(event: Event) -> dict[str, str]:
    """The attributes that a list of calls shows and selects by, as far as this event has them."""
    found = {"direction": "direction", "from": "from_number", "to": "to_number"}
    values = {column: event.payload.get(name) for name, column in found.items()}
    return {
        column: value
        for column, value in values.items()
        if isinstance(value, str) and 0 < len(value) <= 256 and value.isprintable()
    }


def _history(event: Event, items: Sequence[Mapping[str, Any]], *, horizon: str = "") -> History:
    """The items of a call as the history of one of its events. horizon: what is older was perhaps not read."""
    is_duplicate = False
    events = []
    results: dict[str, Mapping[str, Any]] = {}
    pending: dict[str, str] = {}
    found: list[dict[str, Any]] = []
    for item in items:
        if "command_id" in item:
            results[item["command_id"]["S"]] = json.loads(item["attributes"]["S"])
            continue
        if "event_id" not in item:
            found.append(json.loads(item["attributes"]["S"]))
            continue
        if "pending" in item:
            pending |= json.loads(item["pending"]["S"])
        if item["event_id"]["S"] == event.id:
            is_duplicate = True
        elif "body" in item:
            events.append(parse_event(item["body"]["S"].encode()))
    waiting = [until for name, until in pending.items() if name not in results]
    has_failed = any("error" in item for item in items)
    newest = max(found, key=lambda facts: (facts["occurred_at"], facts["event_id"]), default={"facts": None})
    return History(
        is_duplicate,
        events,
        _newer(event, items, is_beyond=event.occurred_at < horizon),
        results,
        max(waiting, default=""),
        has_failed,
        newest["facts"],
    )


def _newer(event: Event, items: Sequence[Mapping[str, Any]], *, is_beyond: bool) -> Mapping[str, Newer]:
    """The commands of newer events, by leg. is_beyond: some of them were perhaps not read.

    An event without a readable time is as old as its delivery, or older. At the same time the id decides. Whatever is
    not certain takes nothing away from what turns something off.
    """
    actions: dict[str, set[str]] = {}
    unordered: dict[str, set[str]] = {"": set(SUBJECTS) - ENDING} if is_beyond else {}
    is_undated = event.occurred_at == UNKNOWN_TIME
    failed = _failed_in_the_queue(items)
    for item in items:
        if item.get("event_id", {"S": event.id})["S"] == event.id:
            continue
        dated = item["occurred_at"]["S"]
        at = item["received_at"]["S"] if dated == UNKNOWN_TIME else dated
        is_newer = not is_undated and (at, item["event_id"]["S"]) > sort_key(event)
        is_doubtful = is_undated or at == event.occurred_at or (dated == UNKNOWN_TIME and is_newer)
        for leg, commanded in _commanded(item, failed) if is_newer or is_doubtful else ():
            if is_newer:
                actions.setdefault(leg, set()).update(set(commanded) - TURNS_ON if is_doubtful else commanded)
            if is_doubtful:
                unordered.setdefault(leg, set()).update(commanded)
    none: set[str] = set()
    legs = actions.keys() | unordered.keys()
    return {leg: Newer(frozenset(actions.get(leg, none)), frozenset(unordered.get(leg, none))) for leg in legs}


def _failed_in_the_queue(items: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Refused commands to the leg itself that were queued first, each with the sort key of its event."""
    results = [
        (item["sk"]["S"].partition("#RESULT#")[0], json.loads(item["attributes"]["S"]))
        for item in items
        if "command_id" in item
    ]
    refused = [(key, str(result.get("action"))) for key, result in results if result.get("result") == "refused"]
    return {(key, action) for key, action in refused if SUBJECTS.get(action) == LEG}


def _commanded(item: Mapping[str, Any], failed: set[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """The commands of the event of an item, by leg; "" is its own. failed: as `_failed_in_the_queue` gives it."""
    if "actions" in item:
        key, actions = item["sk"]["S"], item["actions"]["S"].split(",")
        yield "", [action for action in actions if (key, action) not in failed] if failed else actions
    if "actions_elsewhere" in item:
        yield from json.loads(item["actions_elsewhere"]["S"]).items()


_LEG_PAYLOAD = {
    "call_leg_id": "call_leg_id",
    "call_control_id": "call_control_id",
    "legs_session": "call_session_id",
    "direction": "direction",
    "from_number": "from",
    "to_number": "to",
}
"""The attributes of the index by_legs, and where Telnyx has them in a payload."""


def _legs_beside(event: Event, items: Sequence[Mapping[str, Any]]) -> list[Call]:
    by_leg: dict[str, list[Event]] = {}
    for item in items:
        leg = _text(item, "call_leg_id")
        if leg and leg != event.call_leg_id:
            payload = {theirs: value for ours, theirs in _LEG_PAYLOAD.items() if (value := _text(item, ours))}
            ids = (item["event_id"]["S"], item["event_type"]["S"], item["occurred_at"]["S"])
            by_leg.setdefault(leg, []).append(Event(*ids, payload))
    return sorted(map(Call.of, by_leg.values()), key=lambda leg: sort_key(leg.events[0]))


def feeds_of(hour: str) -> list[str]:
    """The partitions of the index by_arrival for an hour, as `2026-09-01T14`."""
    return [f"{hour}#{part}" for part in range(FEEDS)]


def _arrival(event_id: str) -> dict[str, Any]:
    """The attributes of the index by_arrival: the clock of this function, just before the item is put."""
    now = timestamp(time.time())
    part = zlib.crc32(event_id.encode()) % FEEDS
    return {"journalled_at": {"S": now}, "feed": {"S": f"{now[:13]}#{part}"}}


def timestamp(seconds: float) -> str:
    """Seconds since 1970 UTC as the journal writes them: texts that compare as times do."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _fitting(name: str) -> str:
    """A sort key holds 1,024 bytes (docs.aws.amazon.com, DynamoDB quotas); two ids of 512 characters are too long."""
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 64]}{hashlib.sha256(name.encode()).hexdigest()}"


def _text(item: Mapping[str, Any], key: str) -> str | None:
    return item[key]["S"] if key in item else None


def identity_of(item: Mapping[str, Any]) -> Identity:
    return Identity(
        _text(item, "call_leg_id"),
        _text(item, "call_control_id"),
        _text(item, "call_session_id"),
        _text(item, "event_id") or "",
    )


def note_of(item: Mapping[str, Any]) -> dict[str, Any]:
    name = item["sk"]["S"].partition("#")[2]
    return {"name": name, "created_at": item["occurred_at"]["S"], **json.loads(item["attributes"]["S"])}


def _partitions_beside(items: Sequence[Mapping[str, Any]]) -> set[str]:
    beside = {f"CONTROL#{value}" for item in items if (value := _text(item, "call_control_id"))}
    return beside | {f"SESSION#{value}" for item in items if (value := _text(item, "call_session_id"))}


def entry_of(item: Mapping[str, Any]) -> Entry:
    return Entry(
        event=parse_event(item["body"]["S"].encode()) if "body" in item else None,
        event_id=item["event_id"]["S"],
        event_type=item["event_type"]["S"],
        occurred_at=item["occurred_at"]["S"],
        received_at=item["received_at"]["S"],
        commands=json.loads(item["commands"]["S"]) if "commands" in item else [],
        body_uri=_text(item, "body_uri"),
        commands_uri=_text(item, "commands_uri"),
        flow=_text(item, "flow"),
        error=_text(item, "error"),
        stale=item["sk"]["S"].startswith("STALE#"),
    )


def _record(items: Sequence[Mapping[str, Any]]) -> CallRecord:
    """The items of one call, however many partitions they came from, in order of time."""
    known = [identity_of(item) for item in items]
    identity = Identity(
        next((i.call_leg_id for i in known if i.call_leg_id), None),
        next((i.call_control_id for i in known if i.call_control_id), None),
        next((i.call_session_id for i in known if i.call_session_id), None),
        next((i.event_id for i in known if i.event_id), ""),
    )
    record = CallRecord(identity)
    entries: dict[str, Entry] = {}
    for item in sorted(items, key=lambda item: (item["occurred_at"]["S"], item["sk"]["S"])):
        if "command_id" in item:
            result = {"created_at": item["occurred_at"]["S"], **json.loads(item["attributes"]["S"])}
            record.command_results[item["command_id"]["S"]] = result
        elif "event_type" in item:
            entry = entry_of(item)
            if entry.event_id not in entries or entries[entry.event_id].stale:
                entries[entry.event_id] = entry
        else:
            record.notes.setdefault(item["sk"]["S"].partition("#")[0], []).append(note_of(item))
    for entry in entries.values():
        if entry.event_type == TRANSCRIPTION_EVENT:
            record.transcript.append(entry)
        if entry.event_type != TRANSCRIPTION_EVENT or entry.commands:
            record.entries.append(entry)
    return record
