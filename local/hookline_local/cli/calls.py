"""`hookline calls`, `calls show`, `calls transcript` and `tail`: what a stack holds, and what arrives in it."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hookline.call_report import call_attributes, call_document, transcript_events
from hookline.journal import CallRecord
from hookline.recordings.storage import Bucket
from hookline.transcripts import document as readable
from hookline.transcripts import segments
from hookline_local.cli.screen import Screen, complain, remark, told_text
from hookline_local.errors import Problem
from hookline_local.stacks.deployed import reached
from hookline_local.stacks.resources import Place

FOLLOWED_AFTER_END = timedelta(minutes=5)
"""What comes after a hang-up, such as the recording, comes within this."""


WIDTH_FOR_BOTH_NUMBERS = 95
"""Columns. An id is worth more than a number: it is what the next command wants."""


def today() -> str:
    """The journal's days are UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def read(place: Place, any_id: str) -> CallRecord:
    """One call by any of its ids. Raises Problem when the journal does not know it."""
    with reached(place):
        record = place.journal.read(any_id)
    if record is None:
        raise Problem(
            f"{place.name} knows no call {any_id}", "List the calls of a day with: hookline calls --day YYYY-MM-DD"
        )
    return record


def list_calls(place: Place, day: str, limit: int, screen: Screen) -> None:
    """The newest calls of a day, oldest first."""
    with reached(place):
        identities = place.journal.calls(day)
        newest = identities[-limit:]
        records = [place.journal.read(one.any_id) for one in newest]
    calls = [call_attributes(record.call, record) for record in records if record]
    screen.document({"day": day, "calls": calls, "left_out": len(identities) - len(newest)})
    if not calls:
        screen.say(f"No calls on {day} (UTC).")
        return
    wide = screen.console.width >= WIDTH_FOR_BOTH_NUMBERS
    header = ["began", "lasted", "status", "from", *(["to"] if wide else []), "call leg id"]
    screen.rows(header, (_row(call, wide=wide) for call in calls))
    if len(identities) > len(newest):
        screen.say(f"{len(identities) - len(newest)} earlier ones are left out: --limit.", "dim")


def _row(call: Mapping[str, Any], *, wide: bool) -> list[str]:
    seconds = call["duration_seconds"]
    return [
        (call["started_at"] or call["answered_at"] or call["ended_at"] or "")[11:19],
        f"{seconds:.0f} s" if seconds is not None else "",
        call["status"],
        call["from"] or "",
        *([call["to"] or ""] if wide else []),
        call["call_leg_id"] or call["call_control_id"] or call["call_session_id"] or "",
    ]


def show_call(place: Place, any_id: str, screen: Screen) -> None:
    """Everything about one call."""
    record = read(place, any_id)
    with reached(place):
        document = call_document(record, Bucket(place.s3, place.bucket))
    screen.document(document)
    screen.story(document)


def show_transcript(place: Place, any_id: str, screen: Screen) -> bool:
    """What was said in one call, as one readable document; whether it is whole."""
    record = read(place, any_id)
    with reached(place):
        events, gone = transcript_events(record, Bucket(place.s3, place.bucket))
    said = [segment.to_dict() for segment in segments(events)]
    screen.document({"call_leg_id": record.identity.call_leg_id, "transcript": said, "gone": gone})
    screen.whole(readable(events).rstrip("\n"))
    for at in gone:
        complain(f"a part of the transcript is gone: {at}")
    return not gone


def tail(place: Place, screen: Screen, *, every_seconds: float, since: datetime | None = None) -> None:
    """Every event as it arrives, until interrupted. JSON: a line each."""
    screen.say(f"Waiting for events at {place.name}. Ctrl-C ends this.", "dim")
    follow = Follow(place, since or datetime.now(UTC))
    while True:
        with reached(place):
            for record, event in follow.news():
                screen.row({"call_leg_id": record.identity.call_leg_id, **event})
                _line(screen, record, event)
        time.sleep(every_seconds)


def _line(screen: Screen, record: CallRecord, event: dict[str, Any]) -> None:
    told = ", ".join(told_text(one) for one in event["commands"])
    leg = record.identity.any_id[:8]
    text = event.get("text") or remark(event)
    screen.line(
        (f"{event['occurred_at'][11:23]} ", "dim"),
        (f"{leg} ", "dim"),
        event["event_type"],
        (f"  {text}" if text else "", "dim"),
        (f"  sent: {told}" if told else "", "green"),
    )


class Follow:
    """Finds what is new in a journal by asking again: the calls of a day, of those the ones that may still change.

    Works on any stack without touching it. A look costs a query for the list and about five small ones for each call
    that is under way or has ended within FOLLOWED_AFTER_END; the first look reads every call of today and yesterday,
    for one that began yesterday may still be talking.
    """

    def __init__(self, place: Place, since: datetime) -> None:
        self._journal = place.journal
        self._bucket = Bucket(place.s3, place.bucket)
        self._since = since.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._seen: set[str] = set()
        self._over: set[str] = set()
        self._live: dict[str, None] = {}
        self._looked_until = since - timedelta(days=1)

    def news(self) -> Iterator[tuple[CallRecord, dict[str, Any]]]:
        """The events that were not there the last time, those of a call in order."""
        now = datetime.now(UTC)
        days = {self._looked_until.strftime("%Y-%m-%d"), now.strftime("%Y-%m-%d")}
        self._looked_until = now - FOLLOWED_AFTER_END
        for identity in [one for day in sorted(days) for one in self._journal.calls(day)]:
            if identity.any_id not in self._over:
                self._live[identity.any_id] = None
        for any_id in list(self._live):
            record = self._journal.read(any_id)
            if record is None:
                continue
            for event in self._new(record):
                yield record, event
            newest = max((entry.received_at for entry in record.entries), default="")
            if record.call.ended and newest < self._looked_until.strftime("%Y-%m-%dT%H:%M:%S.%fZ"):
                del self._live[any_id]
                self._over.add(any_id)

    def _new(self, record: CallRecord) -> list[dict[str, Any]]:
        # What is too large for the journal is not read from the bucket again with every look.
        said = [one for one in record.transcript if one.received_at >= self._since and one.event_id not in self._seen]
        document = call_document(replace(record, transcript=said), self._bucket)
        found = []
        for event in document["events"]:
            if event["received_at"] >= self._since and event["id"] not in self._seen:
                self._seen.add(event["id"])
                found.append(event)
        received = {entry.event_id: entry.received_at for entry in said}
        for segment in document["transcript"]:
            self._seen.add(segment["event_id"])
            found.append(
                {
                    "id": segment["event_id"],
                    "event_type": "call.transcription",
                    "occurred_at": segment["at"],
                    "received_at": received[segment["event_id"]],
                    "commands": [],
                    "text": f"{segment['track'] or ''}: {segment['text']}".lstrip(": "),
                }
            )
        return sorted(found, key=lambda event: (event["occurred_at"], event["id"]))
