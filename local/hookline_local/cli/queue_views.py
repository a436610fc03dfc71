"""Views of a stack's queues: what waits, what is dead and why; and the redrive."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hookline.recordings.findings import Finding, describe_all
from hookline_local.base.errors import USAGE, CliError
from hookline_local.cli.screen import Screen
from hookline_local.stacks.deployed import explain_aws_errors
from hookline_local.stacks.messages import EVENT_DEAD_LETTERS, READABLE, DeadMessage, counts, dead_messages, redrive
from hookline_local.stacks.resources import StackResources

HOLDS: Mapping[str, str] = {
    "CommandQueue": "commands that wait for Telnyx",
    "CommandDeadLetterQueue": "commands that the sender failed on 80 times",
    "DeferredQueue": "verified webhooks that are not journalled yet",
    "DeferredDeadLetterQueue": "verified webhooks that could not be journalled in 1,000 tries",
    "QuarantineQueue": "signed by Telnyx and not readable",
    "RecordingQueue": "recordings that wait to be archived",
    "RecordingDeadLetterQueue": "recordings that could not be archived in 5 tries",
    "SummaryQueue": "calls that are not summarized yet",
    "SummaryDeadLetterQueue": "calls that could not be summarized in 200 tries",
    "EventWebhookQueue": "events that are not posted yet",
    "EventWebhookDeadLetterQueue": "events that could not be posted in 100 tries",
    "EventDeadLetterQueue": "events that were not published, or not delivered",
}


def show_queues(resources: StackResources, screen: Screen) -> None:
    """Every queue with its messages; of the dead ones, the way to the reasons."""
    with explain_aws_errors(resources):
        found = counts(resources)
    dead = {name: count for name, count in found.items() if name in READABLE and any(count.values())}
    screen.document({"queues": found, "dead": sorted(dead)})
    screen.rows(
        ["queue", "waiting", "in flight", "delayed", "holds"],
        (
            [name, *(str(count[kind]) for kind in ("waiting", "in_flight", "delayed")), HOLDS.get(name, "")]
            for name, count in found.items()
        ),
        cut=("holds",),
    )
    for name in sorted(dead):
        screen.paragraph(f"Why: hookline queues show {name}", "yellow")


def show_dead(resources: StackResources, queue: str, screen: Screen) -> None:
    """Every message of a queue without a consumer, with the reason that it is there."""
    with explain_aws_errors(resources):
        _check(resources, queue)
        found = dead_messages(resources, queue)
    screen.document({"queue": queue, "messages": [message.to_dict() for message in found]})
    for message in found:
        sent_at = datetime.fromtimestamp(message.sent_at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        screen.unwrapped((message.message_id, "bold"), f"  {sent_at}, received {message.receives} times")
        screen.hanging_indent(" " * 4, reason_of(message))
    if found and queue == EVENT_DEAD_LETTERS:
        screen.paragraph("When the cause is mended: docs/runbooks/EventDeadLetter.md", "dim")
    elif found:
        screen.paragraph(f"When the cause is mended: hookline queues redrive {queue} --all", "dim")
    else:
        screen.paragraph(f"{queue} is empty.")


def redrive_messages(resources: StackResources, queue: str, message_id: str | None, screen: Screen) -> None:
    """Feed messages again."""
    with explain_aws_errors(resources):
        _check(resources, queue)
        sent = redrive(resources, queue, message_id)
    screen.document({"queue": queue, "sent": [message.message_id for message in sent]})
    screen.paragraph(f"{len(sent)} messages of {queue} were sent again. Watch them with: hookline queues")


def reason_of(message: DeadMessage) -> str:
    """One sentence about a dead message."""
    facts = message.facts
    call = f", call {facts['call_leg_id']}" if facts.get("call_leg_id") else ""
    match message.content:
        case "commands":
            unsent = ", ".join(facts["unsent_actions"]) or "none"
            return f"commands of {facts['event_type']} {facts['event_id']}{call}; not sent: {unsent}"
        case "deferred_webhook":
            return f"webhook {facts['event_id']}{call}; deferred because of {facts['reason']}"
        case "recording":
            why = _describe(facts["findings"]) or "the archiver has noted no reason: see its log"
            return f"recording {facts['recording_id'] or facts['event_id']}{call}: {why}"
        case "event":
            code = facts.get("error_code")
            why = f"; {code} from {facts.get('target', '')}" if code else ""
            return f"{facts['event_type']} {facts['event_id']}{call}{why}"
        case "stream_records":
            return f"{facts['records']} records of the table's stream since {facts['since']}, not published"
    return str(facts.get("reason") or "no reason was recorded")


def _describe(findings: list[dict[str, Any]]) -> str:
    return describe_all(Finding.from_dict(finding) for finding in findings)


def _check(resources: StackResources, queue: str) -> None:
    if queue not in READABLE:
        advice = f"One of {', '.join(READABLE)}; hookline queues counts the others."
        raise CliError(f"{queue}: not a queue of dead messages", advice, code=USAGE)
    if queue not in resources.queues:
        raise CliError(f"{resources.name} has no output {queue}Url", "Deploy this release first: make deploy.")
