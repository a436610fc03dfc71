"""Sends the commands that did not fit into a webhook's deadline, in order, one call at a time.

Trigger: the command queue (FIFO, one message group a leg; a message holds the commands of one webhook). A command that
Telnyx cannot take now keeps its call's place in the queue and is sent again under the same id. One that has become too
old is dropped and counted, and so is one that a newer command contradicts.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    ExceptionInfo,
    FailureResponse,
    SqsFifoPartialProcessor,
    process_partial_response,
)

from hookline.dispatch import (
    EXPIRED,
    SUPERSEDED,
    CommandResult,
    Plan,
    fallback_of,
    report_unauthorized,
    result_of,
    send_once,
)
from hookline.environment import Environment, environment
from hookline.errors import HooklineError, JournalUnavailable, Unavailable, Unreadable
from hookline.events import Event
from hookline.journal import History, event_key
from hookline.limits import REFUSALS
from hookline.precedence import is_contradicted
from hookline.queues import CommandMessage, QueuedCommand
from hookline.telnyx import Outcome
from hookline.webhook import Context

PATIENCE_SECONDS = 3.0
"""For one command; ten messages, a whole batch, fit into the function's timeout with one command each."""

RESERVE_SECONDS = 8.0
"""Of the function's timeout: with less left the rest of a batch stays in the queue."""

LONGEST_DELAY_SECONDS = 43_000
"""A message is invisible for at most 12 hours (docs.aws.amazon.com, Amazon SQS quotas)."""

LONGEST_PAUSE_SECONDS = 20
"""Much less than the time in which a command expires, so that it is tried often until then."""


class RetryLater(Unavailable):
    """Telnyx cannot take a command now, or it is not due yet: its message stays. wait_seconds: 0 when unknown.

    longest: seconds that it may be invisible at most.
    """

    def __init__(self, reason: str, wait_seconds: float, *, longest: int = LONGEST_PAUSE_SECONDS) -> None:
        super().__init__(reason)
        self.wait_seconds = min(ceil(wait_seconds), longest)


class PerCallFifoProcessor(SqsFifoPartialProcessor):
    """A call whose command stays waits as a whole; other calls go on. pauses: seconds to wait, by message id."""

    def __init__(self) -> None:
        super().__init__(skip_group_on_error=True)
        self.raise_on_entire_batch_failure = False
        self.pauses: dict[str, int] = {}

    def failure_handler(self, record: Any, exception: ExceptionInfo) -> FailureResponse:
        error = exception[1]
        if isinstance(error, RetryLater):
            self.pauses[record.message_id] = error.wait_seconds
        elif isinstance(error, HooklineError) or exception[2] is not None:  # not one that only waits behind another
            fields = {"message_id": record.message_id, **_ids_of_message(record.body)}
            is_bug = not isinstance(error, HooklineError)
            environment().logger.error("command requeued", exc_info=error if is_bug else None, extra=fields)
        return super().failure_handler(record, exception)


@dataclass(slots=True)
class Sending:
    """The commands of one message on their way. left: those that are still to be sent, in order."""

    env: Environment
    message: CommandMessage
    history: History
    left: list[QueuedCommand]
    unrecorded: list[QueuedCommand] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The sort key of the event that the commands answer."""
        message = self.message
        return event_key(message.event_type, message.occurred_at, message.event_id, has_commands=True)

    def run(self, until: float) -> None:
        """Send the commands one by one. until: by time.monotonic. Raises RetryLater for the first that must wait."""
        while self.left:
            queued = self.left[0]
            if recorded := self.history.results.get(queued.command_id):
                self._add_fallback(queued, str(recorded.get("result")))
            elif queued.result is not None:
                self._record(queued, queued.result)
            elif time.monotonic() > until:
                raise RetryLater("no time left in this invocation", 0.0)
            else:
                self._send(queued)
            self.left.pop(0)

    def _send(self, queued: QueuedCommand) -> None:
        result = self._known(queued) or self._answered(queued)
        fields = {"action": result.command.action, "result": result.result, "code": result.code}
        self.env.logger.info("queued command settled", extra={**fields, **_ids(self.message)})
        if result.result in (Outcome.REFUSED.value, EXPIRED) and result.code not in REFUSALS:
            self.env.count("CommandRefused" if result.result == Outcome.REFUSED.value else "CommandExpired")
        self._record(queued, {"event_id": self.message.event_id, **result.to_dict(self.message.keyed)})
        self._add_fallback(queued, result.result)

    def _add_fallback(self, queued: QueuedCommand, result: str) -> None:
        """Put the fallback of a refused or expired command behind it."""
        if instead := fallback_of(_plan_of(queued), result):
            command = instead.command._replace(call_control_id=instead.leg)
            self.left.insert(1, QueuedCommand(command, instead.command_id, instead.expires_at))

    def _known(self, queued: QueuedCommand) -> CommandResult | None:
        """The result of a command that need not be sent any more."""
        if time.time() < queued.not_before:
            return None
        own_leg, leg = self.message.identity.call_control_id, queued.command.call_control_id
        newer = self.history.newer_of(leg, is_own=own_leg is None or leg in (None, own_leg))
        if is_contradicted(queued.command, *newer, delayed=queued.not_before > 0):
            return CommandResult(queued.command, queued.command_id, SUPERSEDED)
        if time.time() > queued.expires_at:
            return CommandResult(queued.command, queued.command_id, EXPIRED)
        return None

    def _answered(self, queued: QueuedCommand) -> CommandResult:
        planned = _plan_of(queued)
        if (wait_seconds := queued.not_before - time.time()) > 0:
            raise RetryLater("not due yet", wait_seconds, longest=LONGEST_DELAY_SECONDS)
        ids = _ids(self.message)
        answer = send_once(self.env, planned, seconds=PATIENCE_SECONDS * self.env.patience, ids=ids)
        if answer.outcome is Outcome.UNAUTHORIZED:
            report_unauthorized(self.env, answer, **ids)
        if not answer.outcome.is_final:
            reason = answer.code or answer.status or "nothing"
            fields = {"action": queued.command.action, "reason": f"Telnyx answered {reason}"}
            self.env.logger.warning("command requeued", extra={**fields, **ids})
            raise RetryLater(f"Telnyx answered {reason}", answer.wait_seconds)
        return result_of(planned, answer)

    def _record(self, queued: QueuedCommand, result: dict[str, Any] | Any) -> None:
        """Record the result in the journal; what it cannot take goes back to the queue with its result."""
        try:
            self.env.journal.put_command_result(
                self.message.identity, self.key, queued.command_id, result, at=time.time()
            )
        except JournalUnavailable:
            if queued.result is not None:
                raise
            self.unrecorded.append(queued._replace(result=result))


def deliver(record: dict[str, Any], until: float) -> None:
    """Send the commands of one message; what does not hold commands goes to quarantine.

    Raises RetryLater, or another Unavailable, when some of them have to be sent again. Results that the journal could
    not take are sent to the queue, so that nothing that has been sent is ever taken for expired.
    """
    env = environment()
    try:
        message = CommandMessage.of(record["body"])
    except Unreadable as reason:
        env.queues.quarantine(record["body"].encode(), body_uri=None, reason=str(reason), received_at=time.time())
        env.logger.error("message quarantined", extra={"message_id": record["messageId"], "reason": str(reason)})
        env.count("Quarantined")
        return
    event = Event(message.event_id, message.event_type, message.occurred_at, _ids_as_payload(message))
    sending = Sending(env, message, env.journal.history(event), list(message.commands))
    try:
        sending.run(until)
    except RetryLater:
        if sending.unrecorded:
            _send_to_queue_again(env, message, [*sending.unrecorded, *sending.left])
            return
        raise
    if sending.unrecorded:
        _send_to_queue_again(env, message, sending.unrecorded)


def lambda_handler(request: dict[str, Any], context: Context) -> Any:
    """Deliver a batch. The answer names the messages that stay: the first that failed of a call and all behind it.

    They become visible again after a pause that grows with each try, or as long as Telnyx asks for (20 s at most), not
    after the queue's whole visibility timeout: a caller is waiting. Those behind the first pause as well, because one
    that is in flight holds back its group.
    """
    until = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    processor = PerCallFifoProcessor()
    answer = process_partial_response(
        event=request, record_handler=lambda record: deliver(record, until), processor=processor
    )
    stay = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
    pauses = _pauses([record for record in request["Records"] if record["messageId"] in stay], processor.pauses)
    try:
        if pauses:
            environment().queues.delay_commands(pauses)
    except Unavailable as reason:  # they stay as long as the queue has it; what was sent must not be sent again
        fields = {"reason": str(reason), "message_ids": sorted(map(str, stay))}
        environment().logger.warning("visibility not changed", extra=fields)
    return answer


def _pauses(records: Sequence[dict[str, Any]], asked: Mapping[str, int]) -> dict[str, int]:
    """Seconds until each message that stays is tried again, by receipt handle; all of one call wait for its first."""
    by_group: dict[str, int] = {}
    pauses = {}
    for record in records:
        group = record["attributes"].get("MessageGroupId", record["messageId"])
        tries = int(record["attributes"]["ApproximateReceiveCount"])
        if group not in by_group:
            seconds = max(asked.get(record["messageId"], 0), min(tries, LONGEST_PAUSE_SECONDS))
            by_group[group] = seconds
        pauses[record["receiptHandle"]] = by_group[group]
    return pauses


def _send_to_queue_again(env: Environment, message: CommandMessage, left: Sequence[QueuedCommand]) -> None:
    env.queues.enqueue(message._replace(commands=left), again=True)


def _plan_of(queued: QueuedCommand) -> Plan:
    return Plan(queued.command, queued.command_id, queued.command.call_control_id, queued.expires_at)


def _ids_as_payload(message: CommandMessage) -> dict[str, str]:
    ids = message.identity._asdict()
    return {name: value for name, value in ids.items() if value and name != "event_id"}


def _ids_of_message(body: str) -> dict[str, Any]:
    try:
        message = CommandMessage.of(body)
    except Unreadable:
        return {}
    return _ids(message)


def _ids(message: CommandMessage) -> dict[str, str | None]:
    """The ids that stand in every log line about a call."""
    return {
        "event_id": message.event_id,
        "event_type": message.event_type,
        "call_leg_id": message.identity.call_leg_id,
        "call_session_id": message.identity.call_session_id,
    }
