"""Views of failed events: those of a day, and those of one call decided again."""

from typing import Any

from hookline.events import Identity
from hookline.queues import Queues
from hookline_local.cli.call_ids import read_call
from hookline_local.cli.screen import Screen
from hookline_local.deciding.decide_again import Again, decide_again
from hookline_local.deciding.decide_again import send as send_again
from hookline_local.deciding.replay import decisions, facts_of, line_settings
from hookline_local.stacks.deployed import explain_aws_errors
from hookline_local.stacks.resources import StackResources

DESCRIPTIONS = {
    "sensible": "would be sent",
    "call_ended": "not sent: the call has ended",
    "superseded": "not sent: a newer event has commanded the same",
    "sent_before": "not sent: this id has been sent before",
}


def list_failed(resources: StackResources, day: str, limit: int, screen: Screen) -> None:
    """The newest events of a day on which a flow has failed, oldest first."""
    with explain_aws_errors(resources):
        identities = resources.journal.failed(day)
        failed = [_failed(resources, identity) for identity in identities[-limit:]]
    left_out = len(identities) - len(failed)
    screen.document({"day": day, "failed": failed, "left_out": left_out})
    if not failed:
        screen.paragraph(f"No flow has failed on {day} (UTC).")
        return
    for each in failed:
        screen.heading(f"{each['occurred_at'][11:19]} {each['event_type']}")
        screen.fields([("call", each["id"]), ("flow", each["flow"] or ""), ("error", each["error"] or "")])
    if left_out:
        screen.paragraph(f"{left_out} earlier ones are left out: --limit.", "dim")
    screen.paragraph("\nWhen the flow is fixed: hookline decide ID", "dim")


def _failed(resources: StackResources, identity: Identity) -> dict[str, Any]:
    record = resources.journal.read(identity.any_id)
    entry = next((each for each in record.entries if each.event_id == identity.event_id), None) if record else None
    return {
        "id": identity.any_id,
        "event_id": identity.event_id,
        "event_type": entry.event_type if entry else "",
        "occurred_at": entry.occurred_at if entry else "",
        "flow": entry.flow if entry else None,
        "error": entry.error if entry else None,
    }


def decide_call(resources: StackResources, any_id: str, screen: Screen, *, sends: bool) -> bool:
    """The failed events of a call, decided again; whether each could be. sends: send what is still sensible."""
    record = read_call(resources, any_id)
    line = line_settings(resources.parameters)
    found = decide_again(record, decisions(line, facts_of(record)))
    sent = 0
    if sends:
        queues = Queues(
            resources.sqs, commands=resources.queues["CommandQueue"], recordings="", quarantine="", deferred=""
        )
        with explain_aws_errors(resources):
            sent = sum(send_again(again, queues) for again in found)
    screen.document({"id": record.identity.any_id, "events": [again.to_dict() for again in found], "sent": sent})
    if not found:
        screen.paragraph("No flow has failed on this call.")
    for again in found:
        _show(again, screen, sent=sends)
    if found and not sends and any(state == "sensible" for again in found for _, _, state in again.commands):
        screen.paragraph("\nTo send them: hookline decide ID --send", "dim")
    return not any(again.fault for again in found)


def _show(again: Again, screen: Screen, *, sent: bool) -> None:
    screen.heading(f"{again.event.occurred_at[11:19]} {again.event.type}")
    screen.fields([("then", again.error)])
    if again.fault:
        screen.fields([("now", again.fault)])
    elif not again.commands:
        screen.fields([("now", "no commands")])
    for command, _, state in again.commands:
        meaning = "sent to the command queue" if sent and state == "sensible" else DESCRIPTIONS[state]
        screen.fields([("now", f"{command.action}: {meaning}")])
