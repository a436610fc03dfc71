"""Follows a stack's journal: every event in the order in which it was journalled, from a cursor on."""

import base64
import binascii
import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hookline.call_report import event_document
from hookline.events import TRANSCRIPTION_EVENT
from hookline.journal import Entry, entry_of, feeds_of, identity_of, timestamp
from hookline.recordings.job import event_of
from hookline.recordings.storage import Bucket
from hookline.transcripts import Segment, segments
from hookline_local.base.errors import USAGE, CliError
from hookline_local.cli.screen import Screen, command_text, event_detail
from hookline_local.stacks.deployed import explain_aws_errors
from hookline_local.stacks.resources import StackResources

OVERLAP_SECONDS = 15.0
"""Of the newest events each poll reads so much again: an item may become visible this long after the time it bears. A
put takes 2 s at most, two clocks of AWS differ by less than one, and an index lags its table by less than ten."""

_BATCH = 100
_HASH_BYTES = 6


@dataclass
class Cursor:
    """The position in a feed. All that was journalled before `since` was printed; of the rest, what is in `seen`.

    since: UTC, as the journal writes it. seen: by the hash of a key, when it was journalled.
    """

    since: str
    seen: dict[str, str] = field(default_factory=dict)

    def advance(self, key: Mapping[str, Any], until: str) -> None:
        """Note that an item was printed, after all before it. until: nothing older can still appear."""
        at = key["journalled_at"]["S"]
        self.seen[_hash_of(key)] = at
        self.since = max(self.since, min(at, until))
        self.seen = {hash_: when for hash_, when in self.seen.items() if when >= self.since}

    def has_seen(self, key: Mapping[str, Any]) -> bool:
        return _hash_of(key) in self.seen

    def as_text(self) -> str:
        """Opaque, and short while few events come at once."""
        newest = max(self.seen.values(), default=self.since)
        content = json.dumps([1, self.since, newest, "".join(self.seen)], separators=(",", ":"))
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")

    @classmethod
    def of(cls, text: str) -> "Cursor":
        """The cursor of a line, or a time with its zone. Raises CliError."""
        try:
            version, since, newest, hashes = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            if version != 1 or not all(isinstance(one, str) for one in (since, newest, hashes)):
                raise ValueError(text)
            datetime.fromisoformat(since)
        except (binascii.Error, ValueError, TypeError):
            return cls(_time_of(text))
        size = _HASH_BYTES * 4 // 3
        return cls(since, {hashes[at : at + size]: newest for at in range(0, len(hashes), size)})


def _time_of(text: str) -> str:
    advice = "Give the `cursor` of a line that tail --json has printed, or a time like 2026-11-25T12:00:00Z."
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise CliError("--since: invalid cursor", advice, code=USAGE) from error
    if at.tzinfo is None or not 2020 <= at.year < 9999:
        raise CliError("--since: invalid time", advice, code=USAGE)
    return timestamp(at.timestamp())


def _hash_of(key: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(f"{key['pk']['S']} {key['sk']['S']}".encode()).digest()
    return base64.urlsafe_b64encode(digest[:_HASH_BYTES]).decode()


def follow(resources: StackResources, screen: Screen, *, every_seconds: float, since: str | None = None) -> None:
    """Every event as it is journalled, until interrupted. JSON: a line each, with a cursor.

    since: a cursor, or a time; None is now. Raises CliError for anything else.
    """
    follower = Follower(resources, Cursor(timestamp(time.time())) if since is None else Cursor.of(since))
    screen.paragraph(f"Waiting for events at {resources.name}. Ctrl-C ends this.", "dim")
    while True:
        with explain_aws_errors(resources):
            for event in follower.new_events():
                screen.row({**event, "cursor": follower.cursor.as_text()})
                _line(screen, event)
        time.sleep(every_seconds)


def _line(screen: Screen, event: Mapping[str, Any]) -> None:
    commands = ", ".join(command_text(command) for command in event["commands"])
    text = event.get("text") or event_detail(event)
    screen.line(
        (f"{event['occurred_at'][11:23]} ", "dim"),
        (f"{(event['call_leg_id'] or event['id'])[:8]} ", "dim"),
        event["event_type"],
        (f"  {text}" if text else "", "dim"),
        (f"  sent: {commands}" if commands else "", "green"),
    )


class Follower:
    """Reads the index by_arrival by polling. A poll costs four small queries, eight at the turn of an hour.

    cursor: behind the event that `new_events` has given last.
    """

    def __init__(self, resources: StackResources, cursor: Cursor) -> None:
        self.cursor = cursor
        self._dynamodb = resources.dynamodb
        self._table = resources.table
        self._bucket = Bucket(resources.s3, resources.bucket)

    def new_events(self) -> Iterator[dict[str, Any]]:
        """The events that were journalled since the last poll, in that order."""
        now = time.time()
        until = timestamp(now - OVERLAP_SECONDS)
        for hour in _hours(self.cursor.since, now):
            keys = [key for feed in feeds_of(hour) for key in self._keys(feed) if not self.cursor.has_seen(key)]
            keys.sort(key=lambda key: (key["journalled_at"]["S"], key["pk"]["S"], key["sk"]["S"]))
            for start in range(0, len(keys), _BATCH):
                batch = keys[start : start + _BATCH]
                items = self._items(batch)
                for key in batch:
                    self.cursor.advance(key, until)
                    if (item := items.get((key["pk"]["S"], key["sk"]["S"]))) is not None:
                        yield self._event(item)

    def _keys(self, feed: str) -> Iterator[Mapping[str, Any]]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="by_arrival",
            KeyConditionExpression="feed = :f AND journalled_at >= :t",
            ExpressionAttributeValues={":f": {"S": feed}, ":t": {"S": self.cursor.since}},
        )
        for page in pages:
            yield from page["Items"]

    def _items(self, keys: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
        """The items of at most _BATCH keys; one that has expired meanwhile is missing."""
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        listed = [{"pk": key["pk"], "sk": key["sk"]} for key in keys]
        missing: Any = {self._table: {"Keys": listed, "ConsistentRead": True}}  # the index may be ahead of a replica
        while missing:
            answer = self._dynamodb.batch_get_item(RequestItems=missing)
            for item in answer["Responses"].get(self._table, []):
                found[item["pk"]["S"], item["sk"]["S"]] = item
            missing = answer.get("UnprocessedKeys")
        return found

    def _event(self, item: Mapping[str, Any]) -> dict[str, Any]:
        entry = entry_of(item)
        event = {"call_leg_id": identity_of(item).call_leg_id, **event_document(entry, {}, self._bucket)}
        event["journalled_at"] = item["journalled_at"]["S"]
        if entry.event_type == TRANSCRIPTION_EVENT and (spoken := self._spoken(entry)):
            event["text"] = f"{spoken[0].track or ''}: {spoken[0].text}".lstrip(": ")
        return event

    def _spoken(self, entry: Entry) -> list[Segment]:
        event = event_of(entry, self._bucket)
        return segments([event]) if event is not None else []


def _hours(since: str, now: float) -> Iterator[str]:
    """The hours from a time of the journal until one hour behind now, as `2026-09-01T14`: a clock may be ahead."""
    hour = datetime.fromisoformat(since).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    last = datetime.fromtimestamp(now + OVERLAP_SECONDS, UTC)
    while hour <= last:
        yield hour.strftime("%Y-%m-%dT%H")
        hour += timedelta(hours=1)
