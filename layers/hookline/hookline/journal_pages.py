"""Bounded reads of the journal, for the calls API: a few pages for a request, however many calls there are.

`hookline.journal` describes the keys. A page is cut at a number of items; what lies beyond it is read from its cursor.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from hookline.aws_errors import translate_aws_errors
from hookline.errors import JournalUnavailable
from hookline.events import Identity
from hookline.journal import Entry, entry_of, identity_of, newest_first, note_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STATE_ITEMS = 250
"""The state of a call is the fold of its call events and of this many of its newest other events."""

BESIDE_ITEMS = 100
"""Of the partitions beside a leg's, which hold the few events that do not name it."""

CALL_ITEMS = 10
"""Of the events of its life that a row of the list is made of: a leg has three."""

LEGS = 20
"""Of a session, the most that are listed."""

_INDEX_KEYS = {
    "by_day": "day",
    "by_from": "from_number",
    "by_to": "to_number",
    "by_trouble": "trouble_day",
    "by_session": "call_session_id",
    "by_control": "call_control_id",
}

Item = Mapping[str, Any]


class Position(NamedTuple):
    """The key of an item of an index, from which a list is continued."""

    occurred_at: str
    pk: str
    sk: str


class Listed(NamedTuple):
    """A page of an index, newest first. is_cut: there are more items."""

    items: list[Item]
    is_cut: bool


@dataclass(slots=True)
class Page:
    """Entries and notes of a call, in order of time. more: there are entries behind the last one."""

    entries: list[Entry] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    more: bool = False


class JournalPages:
    """The journal of one stack, read a page at a time.

    client: a boto3 DynamoDB client; table: its name. Every method raises JournalUnavailable.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """Hold the client; nothing is sent yet."""
        self._client = client
        self._table = table

    def find(self, any_id: str) -> Identity | None:
        """The ids of a call by its leg, control or session id (of a session, its first leg); None if unknown.

        At most four requests.
        """
        if items := self._range(f"LEG#{any_id}", "", "~", 5):
            return _identity(items, leg=any_id)
        for index in ("by_control", "by_session"):
            found = self._index(index, any_id, limit=5)
            leg = next((item["pk"]["S"] for item in found if item["pk"]["S"].startswith("LEG#")), None)
            if leg:
                return _identity(self._range(leg, "", "~", 5), leg=leg.removeprefix("LEG#"))
            if found:
                return _identity(self._range(found[0]["pk"]["S"], "", "~", 5))
        return None

    def newest(self, days: Sequence[str]) -> Identity | None:
        """The newest call of the first of these days that has one. days: newest first; one request each."""
        for day in days:
            for item in self._index("by_day", day, limit=5, backwards=True):
                return identity_of(item)
        return None

    def listed(
        self, index: str, value: str, *, limit: int, after: Position | None = None, day: str | None = None
    ) -> Listed:
        """A page of an index, newest first. day: only of this day; after: continue behind this item."""
        items = self._index(index, value, limit=limit + 1, backwards=True, after=after, day=day)
        return Listed(items[:limit], len(items) > limit)

    def life(self, partition: str) -> list[Item]:
        """The items of call.initiated, call.answered and call.hangup of a partition, oldest first."""
        return [item for item in self._range(partition, "CALL#", "CALL#~", CALL_ITEMS) if "command_id" not in item]

    def legs(self, session_id: str) -> list[str]:
        """The leg ids of a session, at most LEGS, in the order of their first events."""
        found = [item["pk"]["S"] for item in self._index("by_session", session_id, limit=LEGS * 5)]
        legs = dict.fromkeys(pk.removeprefix("LEG#") for pk in found if pk.startswith("LEG#"))
        return list(legs)[:LEGS]

    def state(self, identity: Identity) -> Page:
        """The events that make the state of a call: those of its life, and the newest others; oldest first."""
        items = self._range(identity.partition, "CALL#", "KEY#~", STATE_ITEMS)
        for partition in _beside(identity):
            items += self._range(partition, "", "~", BESIDE_ITEMS)
        return _page(items)

    def timeline(self, identity: Identity, *, after: tuple[str, str], limit: int) -> Page:
        """The entries behind a time and event id, oldest first, with the results of their commands, and the notes."""
        read = limit * 2
        partition, since = identity.partition, after[0]
        streams = [
            _Stream(self._range(partition, f"CALL#{since}", "CALL#~", read), read),
            _Stream(self._range(partition, f"STALE#{since}", "STALE#~", read), read),
        ]
        for kind in ("EVENT", "KEY"):
            last = f"{kind}#{newest_first(since)}~" if since else f"{kind}#~"
            streams.append(_Stream(self._range(partition, f"{kind}#", last, read, backwards=True), read))
        streams += [_Stream(self._range(one, "", "~", BESIDE_ITEMS), read) for one in _beside(identity)]
        page = _page([item for stream in streams for item in stream.items])
        until = min((stream.horizon for stream in streams if stream.horizon), default=None)
        entries = [entry for entry in page.entries if _key(entry) > after and (until is None or _key(entry) <= until)]
        page.more = until is not None or len(entries) > limit
        page.entries = entries[:limit]
        page.notes = self.notes(identity)
        return page

    def notes(self, identity: Identity) -> list[dict[str, Any]]:
        """The notes on what was archived, or could not be: at most BESIDE_ITEMS of each kind. Each has a `kind`."""
        items = self._range(identity.partition, "RECORDING", "RECORDING~", BESIDE_ITEMS)
        items += self._range(identity.partition, "TRANSCRIPTION#", "TRANSCRIPTION#~", BESIDE_ITEMS)
        return [{"kind": item["sk"]["S"].partition("#")[0], **note_of(item)} for item in items]

    def note(self, partition: str, kind: str, name: str) -> dict[str, Any] | None:
        """One note; None without it."""
        item = self._item(partition, f"{kind}#{name}")
        return note_of(item) if item else None

    def segments(self, identity: Identity, *, after: tuple[str, str], limit: int) -> Page:
        """The entries of `call.transcription` that commanded nothing, behind a time and event id, oldest first."""
        items = self._range(identity.partition, f"TRANSCRIPT#{after[0]}", "TRANSCRIPT#~", limit + 1)
        page = _page(items[:limit])
        page.entries = [entry for entry in page.entries if _key(entry) > after]
        page.more = len(items) > limit
        return page

    def _range(self, partition: str, first: str, last: str, limit: int, *, backwards: bool = False) -> list[Item]:
        """At most limit items of a range of sort keys."""
        with translate_aws_errors(JournalUnavailable, "DynamoDB"):
            page = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :p AND sk BETWEEN :a AND :z",
                ExpressionAttributeValues={":p": {"S": partition}, ":a": {"S": first or "!"}, ":z": {"S": last}},
                ConsistentRead=True,
                ScanIndexForward=not backwards,
                Limit=limit,
            )
        return list(page["Items"])

    def _index(
        self,
        index: str,
        value: str,
        *,
        limit: int,
        backwards: bool = False,
        after: Position | None = None,
        day: str | None = None,
    ) -> list[Item]:
        """At most limit items of an index."""
        key = _INDEX_KEYS[index]
        request: dict[str, Any] = {
            "KeyConditionExpression": "#k = :k",
            "ExpressionAttributeNames": {"#k": key},
            "ExpressionAttributeValues": {":k": {"S": value}},
        }
        if day:
            request["KeyConditionExpression"] += " AND occurred_at BETWEEN :a AND :z"
            request["ExpressionAttributeValues"] |= {":a": {"S": f"{day}T"}, ":z": {"S": f"{day}U"}}
        if after:
            request["ExclusiveStartKey"] = {key: {"S": value}, **{k: {"S": v} for k, v in after._asdict().items()}}
        with translate_aws_errors(JournalUnavailable, "DynamoDB"):
            page = self._client.query(
                TableName=self._table, IndexName=index, ScanIndexForward=not backwards, Limit=limit, **request
            )
        return list(page["Items"])

    def _item(self, partition: str, key: str) -> Item | None:
        with translate_aws_errors(JournalUnavailable, "DynamoDB"):
            found = self._client.get_item(TableName=self._table, Key={"pk": {"S": partition}, "sk": {"S": key}})
        return found.get("Item")


class _Stream:
    """The items of one range, oldest first or newest last read.

    horizon: when there are more, the time and id of the last event that is whole, None when all were read.
    """

    def __init__(self, items: list[Item], limit: int) -> None:
        self.items = items
        self.horizon: tuple[str, str] | None = None
        if len(items) >= limit:
            events = [(item["occurred_at"]["S"], item["event_id"]["S"]) for item in items if "event_type" in item]
            # The results of the last one may not have been read.
            self.horizon = events[-2] if len(events) > 1 else (events or [("", "")])[-1]


def position_of(item: Item) -> Position:
    """The position of an item of an index."""
    return Position(item["occurred_at"]["S"], item["pk"]["S"], item["sk"]["S"])


def _key(entry: Entry) -> tuple[str, str]:
    return (entry.occurred_at, entry.event_id)


def _beside(identity: Identity) -> Iterator[str]:
    """The partitions, besides its own, that may hold events of a call."""
    if identity.call_leg_id and identity.call_control_id:
        yield f"CONTROL#{identity.call_control_id}"
    if identity.call_leg_id and identity.call_session_id:
        yield f"SESSION#{identity.call_session_id}"


def _identity(items: Sequence[Item], leg: str | None = None) -> Identity:
    """The ids that the first items of a partition name."""
    known = [identity_of(item) for item in items]
    return Identity(
        leg or next((one.call_leg_id for one in known if one.call_leg_id), None),
        next((one.call_control_id for one in known if one.call_control_id), None),
        next((one.call_session_id for one in known if one.call_session_id), None),
        next((one.event_id for one in known if one.event_id), ""),
    )


def _page(items: Sequence[Item]) -> Page:
    """Items as entries, each event once and in order of time, and results by command id."""
    page = Page()
    entries: dict[str, Entry] = {}
    for item in items:
        if "command_id" in item:
            page.results[item["command_id"]["S"]] = _result_of(item)
        elif "event_type" in item:
            entry = entry_of(item)
            if entry.event_id not in entries or entries[entry.event_id].stale:
                entries[entry.event_id] = entry
    page.entries = sorted(entries.values(), key=_key)
    return page


def _result_of(item: Item) -> dict[str, Any]:
    """The result of a queued command, with the time when it was recorded."""
    return {"created_at": item["occurred_at"]["S"], **json.loads(item["attributes"]["S"])}
