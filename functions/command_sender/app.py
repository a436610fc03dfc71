"""What could not be said inside a webhook's deadline is said here, in order, one call at a time.

Trigger: the command queue (FIFO, one message group a call). A command that Telnyx cannot take now keeps its call's
place in the queue and is said again under the same id; one that has become too old is dropped, noted and counted.
"""

from time import time
from typing import Any

from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response

from hookline import Context
from hookline.environment import environment
from hookline.errors import Unavailable
from hookline.queues import Postponed
from hookline.telling import Told, say
from hookline.telnyx import Verdict

PATIENCE_SECONDS = 3.0
"""For one command; ten of them, a whole batch, fit into the function's timeout."""

LONGEST_PAUSE_SECONDS = 20


class NotNow(Unavailable):
    """Telnyx cannot take the command now; its message stays in the queue."""


def deliver(record: dict[str, Any]) -> None:
    """Say the command of one message, or drop it when it is too old.

    Raises NotNow, or another Unavailable, when it has to be said again.
    """
    env = environment()
    postponed = Postponed.of(record["body"])
    if time() > postponed.expires_at:
        told = Told(postponed.command, postponed.command_id, "expired")
        env.count("CommandExpired")
    else:
        address = postponed.command.call_control_id or ""
        answer = say(env.telnyx, postponed.command, address, postponed.command_id, seconds=PATIENCE_SECONDS)
        if answer.verdict in (Verdict.WAIT, Verdict.RETRY):
            raise NotNow(f"Telnyx answered {answer.code or answer.status or 'nothing'}")
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
    env.journal.note(postponed.identity, "LATER", postponed.command_id, fact, at=time(), once=False)
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

    They become visible again after a pause that grows with each try, not after the queue's whole visibility timeout: a
    caller is waiting. All of a call's messages pause alike, because one that is in flight holds back its group.
    """
    processor = SqsFifoPartialProcessor(skip_group_on_error=True)
    processor.raise_on_entire_batch_failure = False
    answer = process_partial_response(event=request, record_handler=deliver, processor=processor)
    stay = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
    pauses = {
        record["receiptHandle"]: min(int(record["attributes"]["ApproximateReceiveCount"]), LONGEST_PAUSE_SECONDS)
        for record in request["Records"]
        if record["messageId"] in stay
    }
    if pauses:
        environment().queues.pause(pauses)
    return answer
