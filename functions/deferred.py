"""Journals the webhooks that could not be journalled when they came, or that came to a route that is not their own.

Trigger: the deferred queue (FIFO, one message group a call), which only functions that have verified a signature send
to. Their flow is asked with the history of the call. Commands are never sent from here: those that no delivery has
attempted, and that are still worth sending, are queued. With the journal away a message stays, with a back-off of up to
15 minutes, so that an outage of days is survived; nothing is ever sent back to this queue.
"""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from hookline.commands import Command
from hookline.deadline import Deadline
from hookline.dispatch import CommandResult, Plan, enqueue, fallback_of, result_of
from hookline.environment import Environment, environment
from hookline.errors import Unavailable, Unreadable
from hookline.events import Event, ids_of, parse_event
from hookline.journal import LARGEST_BODY_BYTES
from hookline.lookups import facts_for
from hookline.queues import DeferredEvent
from hookline.routing import ARCHIVED_EVENTS
from hookline.signed_request import SignedRequest
from hookline.telnyx import Answer, Outcome
from hookline.webhook import Context, Delivery, append, command, decide, object_name

LONGEST_PAUSE_SECONDS = 900
RESERVE_SECONDS = 5.0

_FOR_THE_QUEUE = Answer(Outcome.RETRY_LATER)


def lambda_handler(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Journal each message of a batch. Those that stay are named: of a call the first that failed and all behind."""
    env = environment()
    deadline = Deadline(context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS)
    failures = []
    pauses = {}
    waiting: set[str] = set()
    for record in request["Records"]:
        group = record["attributes"].get("MessageGroupId", record["messageId"])
        if group not in waiting:
            try:
                journal(env, record, deadline)
                continue
            except Unavailable as reason:
                fields = {"message_id": record["messageId"], "reason": str(reason), **_ids_of_message(record["body"])}
                env.logger.warning("deferred webhook not journalled yet", extra=fields)
        waiting.add(group)
        failures.append({"itemIdentifier": record["messageId"]})
        tries = int(record["attributes"]["ApproximateReceiveCount"])
        pauses[record["receiptHandle"]] = min(2 ** min(tries, 12), LONGEST_PAUSE_SECONDS)
    if pauses:
        try:
            env.queues.delay_deferred(pauses)
        except Unavailable as reason:  # they stay as long as the queue has it
            stay = [failure["itemIdentifier"] for failure in failures]
            env.logger.warning("visibility not changed", extra={"reason": str(reason), "message_ids": stay})
    return {"batchItemFailures": failures}


def journal(env: Environment, record: Mapping[str, Any], deadline: Deadline) -> None:
    """Journal the webhook of one message, and queue its commands. Raises Unavailable when it has to be tried again."""
    text = record["body"]
    try:
        deferred = DeferredEvent.of(text)
        body = deferred.body.encode() if deferred.body is not None else env.oversize.load(deferred.body_uri or "")
        event = parse_event(body)
    except Unreadable as reason:
        env.queues.quarantine(text.encode(), body_uri=None, reason=str(reason), received_at=time.time())
        fields = {"message_id": record["messageId"], "reason": str(reason), **_ids_of_message(text)}
        env.logger.error("message quarantined", extra=fields)
        env.count("Quarantined")
        return
    with env.crash_line("deferred webhook crashed", partial(ids_of, event)):
        is_new = _journal(env, deferred, event, body, deadline)
    fields = {
        "flow": env.flows.name_for(event),
        "reason": deferred.reason,
        "stale": deferred.is_stale or None,
        **ids_of(event),
    }
    env.logger.info("deferred webhook journalled" if is_new else "duplicate webhook", extra=fields)


def _journal(env: Environment, deferred: DeferredEvent, event: Event, body: bytes, deadline: Deadline) -> bool:
    """Journal a webhook that could be read; False when it was there already."""
    if deferred.is_stale:
        return _append_stale(env, deferred, event, body)
    delivery = Delivery(
        event=event,
        body=body,
        is_redacted=deferred.is_redacted,
        signed=SignedRequest(body, deferred.received_at, time.perf_counter(), None),
        deadline=deadline,
        flow=env.flows.name_for(event),
        base_url=deferred.base_url,
        is_deferred=True,
        pending=dict(deferred.pending),
    )
    if event.type in ARCHIVED_EVENTS:
        env.queues.archive(event)
    if deferred.is_redacted:  # nothing is decided from digits that are not there
        delivery.results = [_sent(result) for result in deferred.results]
    else:
        delivery.facts = facts_for(env, delivery.flow, event, deadline, is_first=False)
        delivery.decision = decide(env, delivery)
    if delivery.has_commands:
        history = env.journal.history(event)
        if history.is_duplicate:
            return False
        known = {result["command_id"]: result for result in deferred.results}
        plans = command(env, delivery, history._replace(results={**known, **history.results}))
        delivery.results = enqueue(env, event, _results(plans))
    return append(env, delivery)


def _append_stale(env: Environment, deferred: DeferredEvent, event: Event, body: bytes) -> bool:
    """Append a stale event, its body in S3 where it is too large; False when it was there already."""
    body_uri = None
    if len(body) > LARGEST_BODY_BYTES:
        body_uri = deferred.body_uri or env.oversize.store("oversize", f"{object_name(event)}-stale", body)
    stored = None if body_uri else body.decode()
    return env.journal.append_event(event, body=stored, body_uri=body_uri, received_at=deferred.received_at, stale=True)


def _ids_of_message(message: str) -> dict[str, Any]:
    """The ids of a webhook that stays in the queue; none of a message that cannot be read."""
    try:
        deferred = DeferredEvent.of(message)
        event_type = parse_event((deferred.body or "").encode()).type if deferred.body else None
    except Unreadable:
        return {}
    identity = deferred.identity
    legs = {"call_leg_id": identity.call_leg_id, "call_session_id": identity.call_session_id}
    return {"event_id": deferred.event_id, "event_type": event_type, **legs}


def _results(plans: list[Plan]) -> list[CommandResult]:
    """The known result of each command, or QUEUED; a fallback follows the command that it replaces."""
    results = []
    pending = list(plans)
    while pending:
        planned = pending.pop(0)
        result = planned.known or result_of(planned, _FOR_THE_QUEUE)
        results.append(result)
        if not result.is_repeat and (instead := fallback_of(planned, result.result)):
            pending.insert(0, instead)
    return results


def _sent(result: Mapping[str, Any]) -> CommandResult:
    """A command of an earlier delivery, as the message describes it."""
    command = Command(result["action"], result.get("params") or {}, result.get("on"))
    return CommandResult(
        command,
        result["command_id"],
        result["result"],
        result.get("status"),
        result.get("code"),
        int(result.get("milliseconds") or 0),
        is_repeat=True,
    )
