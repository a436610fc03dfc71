"""Follows a stack's journal: every event as it arrives."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hookline.call_report import call_document
from hookline.journal import CallRecord
from hookline.recordings.storage import Bucket
from hookline_local.cli.screen import Screen, command_text, event_detail
from hookline_local.stacks.deployed import explain_aws_errors
from hookline_local.stacks.resources import StackResources

FOLLOWED_AFTER_END = timedelta(minutes=5)
"""Events after a hang-up, such as that of the recording, arrive within this time."""

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
"""Of the journal's timestamps."""


def follow(resources: StackResources, screen: Screen, *, every_seconds: float, since: datetime | None = None) -> None:
    """Every event as it arrives, until interrupted. JSON: a line each."""
    screen.paragraph(f"Waiting for events at {resources.name}. Ctrl-C ends this.", "dim")
    follower = Follower(resources, since or datetime.now(UTC))
    while True:
        with explain_aws_errors(resources):
            for record, event in follower.new_events():
                screen.row({"call_leg_id": record.identity.call_leg_id, **event})
                _line(screen, record, event)
        time.sleep(every_seconds)


def _line(screen: Screen, record: CallRecord, event: Mapping[str, Any]) -> None:
    commands = ", ".join(command_text(command) for command in event["commands"])
    leg = record.identity.any_id[:8]
    text = event.get("text") or event_detail(event)
    screen.line(
        (f"{event['occurred_at'][11:23]} ", "dim"),
        (f"{leg} ", "dim"),
        event["event_type"],
        (f"  {text}" if text else "", "dim"),
        (f"  sent: {commands}" if commands else "", "green"),
    )


class Follower:
    """Finds new events in a journal by polling: the calls of a day, of those the ones that may still change.

    Works on any stack without changing it. A poll costs a query for the list and about five small ones for each call
    that is live or has ended within FOLLOWED_AFTER_END; the first poll reads every call of today and yesterday, because
    one that began yesterday may still be live.
    """

    def __init__(self, resources: StackResources, since: datetime) -> None:
        self._journal = resources.journal
        self._bucket = Bucket(resources.s3, resources.bucket)
        self._since = since.strftime(TIME_FORMAT)
        self._seen: set[str] = set()
        self._finished: set[str] = set()
        self._live: dict[str, None] = {}
        self._polled_until = since - timedelta(days=1)

    def new_events(self) -> Iterator[tuple[CallRecord, dict[str, Any]]]:
        """The events since the last poll, those of a call in order."""
        now = datetime.now(UTC)
        self._find_calls({self._polled_until.strftime("%Y-%m-%d"), now.strftime("%Y-%m-%d")})
        self._polled_until = now - FOLLOWED_AFTER_END
        for any_id in list(self._live):
            record = self._journal.read(any_id)
            if record is None:
                continue
            for event in self._new(record):
                yield record, event
            if self._is_finished(record):
                del self._live[any_id]
                self._finished.add(any_id)

    def _find_calls(self, days: set[str]) -> None:
        for day in sorted(days):
            for identity in self._journal.calls(day):
                if identity.any_id not in self._finished:
                    self._live[identity.any_id] = None

    def _is_finished(self, record: CallRecord) -> bool:
        newest = max((entry.received_at for entry in record.entries), default="")
        return record.call.ended and newest < self._polled_until.strftime(TIME_FORMAT)

    def _new(self, record: CallRecord) -> list[dict[str, Any]]:
        # What is too large for the journal is not read from the bucket again with every poll.
        transcript = [entry for entry in record.transcript if self._is_new(entry.event_id, entry.received_at)]
        document = call_document(replace(record, transcript=transcript), self._bucket)
        events = [event for event in document["events"] if self._is_new(event["id"], event["received_at"])]
        received = {entry.event_id: entry.received_at for entry in transcript}
        events += [_segment_event(segment, received[segment["event_id"]]) for segment in document["transcript"]]
        self._seen.update(event["id"] for event in events)
        return sorted(events, key=lambda event: (event["occurred_at"], event["id"]))

    def _is_new(self, event_id: str, received_at: str) -> bool:
        return received_at >= self._since and event_id not in self._seen


def _segment_event(segment: Mapping[str, Any], received_at: str) -> dict[str, Any]:
    return {
        "id": segment["event_id"],
        "event_type": "call.transcription",
        "occurred_at": segment["at"],
        "received_at": received_at,
        "commands": [],
        "text": f"{segment['track'] or ''}: {segment['text']}".lstrip(": "),
    }
