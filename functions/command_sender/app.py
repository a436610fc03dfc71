"""What could not be said inside a webhook's deadline is said here, in order, one call at a time.

Trigger: the command queue (FIFO, one message group a call). A command that Telnyx cannot take now keeps its call's
place in the queue and is said again under the same id; one that has become too old is dropped, noted and counted.
"""

from math import ceil
from time import time
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    ExceptionInfo,
    FailureResponse,
    SqsFifoPartialProcessor,
    process_partial_response,
)

from hookline import Context
from hookline.environment import environment
from hookline.errors import HooklineError, Unavailable, Unreadable
from hookline.queues import Postponed
from hookline.telling import EXPIRED, Told, say
from hookline.telnyx import Verdict

PATIENCE_SECONDS = 3.0
"""For one command; ten of them, a whole batch, fit into the function's timeout."""

LONGEST_PAUSE_SECONDS = 20
"""Much less than the time in which a command expires, so that it is tried often until then."""


class NotNow(Unavailable):
    """Telnyx cannot take the command now; its message stays. wait_seconds: what Telnyx asked for, 0 if nothing."""

    def __init__(self, reason: str, wait_seconds: float) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


class OneCallAtATime(SqsFifoPartialProcessor):
    """A call whose command stays waits as a whole; other calls go on. The log says why one stays."""

    def __init__(self) -> None:
        super().__init__(skip_group_on_error=True)
        self.raise_on_entire_batch_failure = False
        self.wait_seconds = 0.0

    def failure_handler(self, record: Any, exception: ExceptionInfo) -> FailureResponse:
        error = exception[1]
        if isinstance(error, HooklineError):
            environment().logger.warning("stays", extra={"message_id": record.message_id, "reason": str(error)})
        elif exception[2] is not None:  # not one that only waits behind another
            environment().logger.error("stays", exc_info=error, extra={"message_id": record.message_id})
        if isinstance(error, NotNow):
            self.wait_seconds = max(self.wait_seconds, error.wait_seconds)
        return super().failure_handler(record, exception)


def deliver(record: dict[str, Any]) -> None:
    """Say the command of one message, or drop it when it is too old; what is no command goes to quarantine.

    Raises NotNow, or another Unavailable, when it has to be said again.
    """
    env = environment()
    try:
        postponed = Postponed.of(record["body"])
    except Unreadable as reason:
        env.queues.quarantine(record["body"].encode(), kept_at=None, reason=str(reason), headers={}, received_at=time())
        env.logger.error("quarantined", extra={"message_id": record["messageId"], "reason": str(reason)})
        env.count("Quarantined")
        return
    if time() > postponed.expires_at:
        told = Told(postponed.command, postponed.command_id, EXPIRED)
        env.count("CommandExpired")
    else:
        address = postponed.command.call_control_id or ""
        seconds = PATIENCE_SECONDS * env.patience
        answer = say(env.telnyx, postponed.command, address, postponed.command_id, seconds=seconds)
        if answer.verdict in (Verdict.WAIT, Verdict.RETRY):
            raise NotNow(f"Telnyx answered {answer.code or answer.status or 'nothing'}", answer.wait_seconds)
        told = Told(
            postponed.command,
            postponed.command_id,
            answer.verdict.value,
            answer.status,
            answer.code,
            answer.milliseconds,
        )
        if answer.verdict is Verdict.REFUSED:
            env.count("CommandRefused")
    fact = {"event_id": postponed.event_id, **told.as_fact()}
    # What was noted first stands when a message comes twice and has become too old by then.
    env.journal.note(postponed.identity, "LATER", postponed.command_id, fact, at=time(), once=told.result == EXPIRED)
    env.logger.info(
        told.result,
        extra={
            "event_id": postponed.event_id,
            "event_type": postponed.event_type,
            "call_leg_id": postponed.identity.call_leg_id,
            "call_session_id": postponed.identity.call_session_id,
            "action": postponed.command.action,
            "code": told.code,
        },
    )


def lambda_handler(request: dict[str, Any], context: Context) -> Any:
    """Deliver a batch. The answer names the messages that stay: the first that failed of a call and all behind it.

    They become visible again after a pause that grows with each try, or as long as Telnyx asks for (20 s at most), not
    after the queue's whole visibility timeout: a caller is waiting. Those behind the first pause as well, because one
    that is in flight holds back its group.
    """
    processor = OneCallAtATime()
    answer = process_partial_response(event=request, record_handler=deliver, processor=processor)
    stay = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
    asked = ceil(processor.wait_seconds)
    pauses = {
        record["receiptHandle"]: min(
            max(asked, int(record["attributes"]["ApproximateReceiveCount"])), LONGEST_PAUSE_SECONDS
        )
        for record in request["Records"]
        if record["messageId"] in stay
    }
    try:
        if pauses:
            environment().queues.pause(pauses)
    except Unavailable as reason:  # they stay as long as the queue has it; what was told must not be told again
        environment().logger.warning("not paused", extra={"reason": str(reason)})
    return answer
