"""The calls of a day on which something went wrong, each with its reasons in words."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from hookline.call_report import call_attributes
from hookline.journal import CallRecord
from hookline.recordings.findings import Finding, describe_all
from hookline.recordings.storage import Bucket
from hookline.trouble import Code, Trouble, trouble_of
from hookline_local.cli.screen import Screen
from hookline_local.operations.telnyx_codes import explain_error, explain_hangup
from hookline_local.stacks.deployed import explain_aws_errors
from hookline_local.stacks.resources import StackResources

SENTENCES: Mapping[Code, str] = {
    Code.FLOW_FAILED: "{event_type}: the flow {flow} failed: {error}",
    Code.COMMAND_REFUSED: "{event_type}: Telnyx refused {action}: {why}",
    Code.DIAL_REFUSED: "{event_type}: {action} was not sent: {why}",
    Code.API_KEY_REFUSED: "{event_type}: {action} waits in the command queue: {why}",
    Code.COMMAND_EXPIRED: "{event_type}: {action} was dropped, it had waited too long for Telnyx's API",
    Code.COMMAND_LATE: "{event_type}: {action} was accepted {late_seconds:.0f} s late, from the command queue",
    Code.WEBHOOK_STALE: "{event_type}: came more than 5 minutes late, was refused, and commanded nothing",
    Code.WEBHOOK_LATE: "{event_type}: came {late_seconds:.0f} s late",
    Code.UNANSWERED: "{direction} call, never answered: {why}",
    Code.HANGUP_MISSING: "no hang-up was reported, and Telnyx ends every call after 4 hours",
    Code.STREAMING_FAILED: "streaming.failed: {reason}",
    Code.RECORDING_ERROR: "call.recording.error: {reason}",
    Code.RECORDING_NOT_ARCHIVED: "recording {name}: {why}",
}


def list_trouble(resources: StackResources, day: str, limit: int, screen: Screen) -> None:
    """The calls of a day in trouble as they are found, the newest first; limit: at most this many."""
    bucket = Bucket(resources.s3, resources.bucket)
    calls: list[dict[str, Any]] = []
    examined = 0
    is_cut = False
    with explain_aws_errors(resources):
        for record in _records(resources, day):
            if is_cut := len(calls) == limit:
                break
            examined += 1
            if found := trouble_of(record, bucket, now=time.time()):
                calls.append({**call_attributes(record.call, record), "trouble": [_document(each) for each in found]})
                _show(calls[-1], screen)
    screen.document({"day": day, "calls": calls, "examined": examined, "is_cut": is_cut})
    if not calls:
        screen.paragraph(f"No trouble on {day} (UTC); calls examined: {examined}.")
    elif is_cut:
        screen.paragraph("There are more: --limit.", "dim")


def _records(resources: StackResources, day: str) -> Iterator[CallRecord]:
    """The calls of a day, each once: first those that the journal itself knows to be in trouble."""
    read: set[str] = set()
    in_trouble = resources.journal.calls_in_trouble(day)
    for identity in (*reversed(in_trouble), *reversed(resources.journal.calls(day))):
        record = None if identity.any_id in read else resources.journal.read(identity.any_id)
        read.add(identity.any_id)
        if record is not None and (record.identity.any_id == identity.any_id or record.identity.any_id not in read):
            read.add(record.identity.any_id)
            yield record


def sentence(trouble: Trouble) -> str:
    """Render one trouble."""
    figures = {name: "no reason was reported" if value is None else value for name, value in trouble.figures.items()}
    return SENTENCES[trouble.code].format(**figures, why=_why(trouble))


def _why(trouble: Trouble) -> str:
    figures = trouble.figures
    if trouble.code is Code.UNANSWERED:
        return explain_hangup(figures["hangup_cause"])
    if trouble.code is Code.RECORDING_NOT_ARCHIVED:
        return describe_all(Finding.from_dict(finding) for finding in figures["findings"])
    return explain_error(figures.get("telnyx_code"), figures.get("http_status"))


def _document(trouble: Trouble) -> dict[str, Any]:
    return {**trouble.to_dict(), "sentence": sentence(trouble)}


def _show(call: Mapping[str, Any], screen: Screen) -> None:
    any_id = call["call_leg_id"] or call["call_control_id"] or call["call_session_id"] or ""
    began = (call["started_at"] or call["answered_at"] or call["ended_at"] or "")[11:19]
    screen.unwrapped((f"{began:8} ", "dim"), (any_id, "bold"), f"  {call['from'] or ''}")
    for trouble in call["trouble"]:
        screen.hanging_indent(" " * 9, trouble["sentence"])
