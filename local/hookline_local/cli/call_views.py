"""Views of a stack's journal: the calls of a day, one call, one transcript."""

from collections.abc import Iterable, Mapping
from typing import Any

from hookline.call_report import call_attributes, call_document, transcript_events
from hookline.journal import FACTS, CallRecord
from hookline.recordings.storage import Bucket
from hookline.transcripts import document as transcript_text
from hookline.transcripts import segments
from hookline_local.cli.call_ids import read_call
from hookline_local.cli.screen import Screen, print_error
from hookline_local.stacks.deployed import explain_aws_errors
from hookline_local.stacks.resources import StackResources

WIDTH_FOR_BOTH_NUMBERS = 95
"""Columns. An id matters more than a number: the next command needs it."""


def list_calls(resources: StackResources, day: str, limit: int, screen: Screen) -> None:
    """The newest calls of a day, oldest first."""
    with explain_aws_errors(resources):
        identities = resources.journal.calls(day)
        newest = identities[-limit:]
        records = [resources.journal.read(identity.any_id) for identity in newest]
    calls = [call_attributes(record.call, record) for record in records if record]
    screen.document({"day": day, "calls": calls, "left_out": len(identities) - len(newest)})
    if not calls:
        screen.paragraph(f"No calls on {day} (UTC).")
        return
    call_table(calls, screen)
    if len(identities) > len(newest):
        screen.paragraph(f"{len(identities) - len(newest)} earlier ones are left out: --limit.", "dim")


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


def show_call(resources: StackResources, any_id: str, screen: Screen) -> None:
    """Everything about one call."""
    record = read_call(resources, any_id)
    with explain_aws_errors(resources):
        document = call_document(record, Bucket(resources.s3, resources.bucket))
        document["legs"] = _legs(resources, record, document["call"])
    screen.document(document)
    screen.call_report(document)
    for note in record.notes.get(FACTS, []):
        if note["missed"]:
            screen.paragraph(f"The look-up has found nothing: {note['missed']}", "yellow")
    if len(document["legs"]) > 1:
        screen.heading("Legs of its session")
        call_table(document["legs"], screen)


def _legs(resources: StackResources, record: CallRecord, call: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All legs of a call's session, its own among them, in the order of their first events."""
    session = record.identity.call_session_id
    ids = resources.journal.legs(session) if session else []
    others = {id_: resources.journal.read(id_) for id_ in ids if id_ != record.identity.call_leg_id}
    known = [call if id_ not in others else _attributes(others[id_]) for id_ in ids]
    return [leg for leg in known if leg] or [call]


def _attributes(record: CallRecord | None) -> Mapping[str, Any] | None:
    return call_attributes(record.call, record) if record else None


def call_table(calls: Iterable[Mapping[str, Any]], screen: Screen) -> None:
    """A row for each call."""
    wide = screen.console.width >= WIDTH_FOR_BOTH_NUMBERS
    header = ["began", "lasted", "status", "from", *(["to"] if wide else []), "call leg id"]
    screen.rows(header, (_row(call, wide=wide) for call in calls), cut=("from", "to"))


def show_transcript(resources: StackResources, any_id: str, screen: Screen) -> bool:
    """The transcript of one call, as one readable document; whether it is complete."""
    record = read_call(resources, any_id)
    with explain_aws_errors(resources):
        events, missing = transcript_events(record, Bucket(resources.s3, resources.bucket))
    spoken = [segment.to_dict() for segment in segments(events)]
    screen.document({"call_leg_id": record.identity.call_leg_id, "transcript": spoken, "gone": missing})
    for line in transcript_text(events).splitlines():
        screen.unwrapped(line)
    for at in missing:
        print_error(f"a part of the transcript is missing: {at}")
    return not missing
