"""Decides the events on which a flow has failed again with today's code, and sends what is still sensible.

Nothing is sent to Telnyx from here: the commands go to the stack's command queue under the ids that they always have,
so that nothing is sent twice, what is newer wins, and the results are journalled behind their event.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hookline.commands import Command
from hookline.dispatch import command_message, with_ids
from hookline.events import Event
from hookline.journal import CallRecord, Entry
from hookline.precedence import lifetimes, yields_to
from hookline.queues import QueuedCommand, Queues
from hookline_local.deciding.replay import Decide, is_blanked

State = Literal["sensible", "call_ended", "superseded", "sent_before"]


@dataclass(frozen=True, kw_only=True)
class Again:
    """One event, decided again. error: what the flow raised then; fault: what today's code raises, or why the event
    cannot be decided. commands: each with its id and whether it is still sensible.
    """

    event: Event
    error: str
    fault: str = ""
    commands: Sequence[tuple[Command, str, State]] = ()

    def to_dict(self) -> dict[str, Any]:
        """For a program."""
        return {
            "event_id": self.event.id,
            "event_type": self.event.type,
            "error": self.error,
            "fault": self.fault,
            "commands": [
                {"action": command.action, "params": command.redacted_params(), "command_id": id_, "state": state}
                for command, id_, state in self.commands
            ],
        }


def decide_again(record: CallRecord, decide: Decide) -> list[Again]:
    """Every event of a call on which its flow has failed, in order."""
    return [_again(record, entry, entry.event, decide) for entry in record.entries if entry.error and entry.event]


def _again(record: CallRecord, entry: Entry, event: Event, decide: Decide) -> Again:
    error = entry.error or ""
    if is_blanked(event):
        return Again(event=event, error=error, fault="keyed digits were blanked, so that it cannot be decided again")
    partition = event.identity.partition
    others = [each.event for each in record.entries if each.event and each.event.id != event.id]
    decision = decide(event, [])
    if decision.commands:
        decision = decide(event, [other for other in others if other.identity.partition == partition])
    known = {command["command_id"] for command in entry.commands} | record.command_results.keys()
    newer = _newer_actions(record, event)
    commands = [
        (command, id_, _state(record, event, command, is_known=id_ in known, newer=newer))
        for command, id_ in with_ids(event, decision.commands)
    ]
    return Again(event=event, error=error, fault=decision.error or "", commands=commands)


def _newer_actions(record: CallRecord, event: Event) -> frozenset[str]:
    """The commands of newer events of the leg, by action; what a failed flow's caller heard is none."""
    newer = [entry for entry in record.entries if entry.occurred_at > event.occurred_at and not entry.error]
    return frozenset(command["action"] for entry in newer for command in entry.commands)


def _state(record: CallRecord, event: Event, command: Command, *, is_known: bool, newer: frozenset[str]) -> State:
    if is_known:
        return "sent_before"
    if command.action == "dial":
        return "sensible"
    is_own_leg = command.call_control_id in (None, event.call_control_id)
    if is_own_leg and record.call.ended:
        return "call_ended"
    return "superseded" if is_own_leg and yields_to(command, newer) else "sensible"


def send(again: Again, queues: Queues) -> int:
    """Send the sensible commands of an event to the command queue; how many. Raises QueueUnavailable."""
    chosen = [(command, id_) for command, id_, state in again.commands if state == "sensible"]
    now = time.time()
    queued = [
        QueuedCommand(
            command=_addressed(command, again.event),
            command_id=id_,
            expires_at=now + lifetime,
            not_before=now + command.delay_seconds if command.delay_seconds else 0.0,
        )
        for (command, id_), lifetime in zip(chosen, lifetimes([command for command, _ in chosen]), strict=True)
    ]
    at_once = [each for each in queued if not each.not_before]
    for together in ([at_once] if at_once else []) + [[each] for each in queued if each.not_before]:
        queues.enqueue(command_message(again.event, together))
    return len(queued)


def _addressed(command: Command, event: Event) -> Command:
    leg = None if command.action == "dial" else command.call_control_id or event.call_control_id
    return Command(command.action, command.params, leg, fallback=command.fallback)


def counts(found: Sequence[Again]) -> Mapping[str, int]:
    """How many commands there are of each state."""
    states = [state for again in found for _, _, state in again.commands]
    return {state: states.count(state) for state in dict.fromkeys(states)}
