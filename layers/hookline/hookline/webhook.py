"""The pipeline of a webhook: verify, parse, decide, send, append, answer.

The HTTP status answers one question, whether Telnyx should deliver this again: 200 no, 5xx yes, 401 it was never
theirs. A 4xx is never used for a fault of ours, because Telnyx may not retry it (developers.telnyx.com, Voice API
webhooks). What is verified to come from Telnyx is never lost: it is handled, or journalled, or in a queue that will be
journalled without Telnyx's help.
"""

import contextlib
import hashlib
import json
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from hookline.call import Call
from hookline.commands import Command, hangup, speak
from hookline.deadline import Deadline
from hookline.dispatch import QUEUED, SUPERSEDED, CommandResult, Plan, enqueue, plan, send_commands
from hookline.environment import Environment, environment
from hookline.errors import (
    JournalUnavailable,
    QueueUnavailable,
    SignatureRejected,
    StorageUnavailable,
    Unavailable,
    Unreadable,
    WrongRoute,
)
from hookline.events import TRANSCRIPTION_EVENT, UNKNOWN_TIME, Event, event_of_envelope, ids_of
from hookline.flows import DECISION_SECONDS, Decision
from hookline.journal import LARGEST_BODY_BYTES, History, timestamp
from hookline.keyed_digits import without_spoken
from hookline.limits import REFUSALS
from hookline.lookups import SENDING_SECONDS, facts_for
from hookline.precedence import CLIENT_STATE, LEG, SUBJECTS, actions_of
from hookline.queues import LARGEST_MESSAGE_BYTES, LARGEST_QUARANTINED_BYTES, DeferredEvent
from hookline.redaction import Parsed, event_type_of, keyed_in, parse, redact, without_digits
from hookline.routing import ARCHIVED_EVENTS, helps_to_deliver_again, with_routing
from hookline.signed_request import Request, SignedRequest, verify_request
from hookline.telnyx import KEY_UNREADABLE, Outcome

DEADLINE_SECONDS = 2.0
"""Telnyx expects the answer to a webhook within this time (developers.telnyx.com, webhook fundamentals)."""

WAY_BACK_SECONDS = 0.1
"""Of the deadline: set aside for the answer's way to Telnyx."""

RESERVE_SECONDS = 0.4
"""Of the deadline: set aside for one message to the queue and one write to the journal, more on a slow day."""

LEAST_DECISION_SECONDS = 0.5
"""A decision is not cut off before this time, however little is left: a busy machine is not a bug of the flow."""

DEFER_SECONDS = 0.25
"""Of the deadline: set aside for deferring an event that cannot be journalled."""

LARGEST_COMMANDS_BYTES = 100_000
"""Of command results in an item; a DynamoDB item holds 400 KB, and the body takes its own share."""

FEW_COMMANDS = 8
"""So many results always fit into an item: a text of more than 6,000 characters is not journalled."""

METRIC_BY_RESULT = {QUEUED: "CommandQueued", Outcome.REFUSED.value: "CommandRefused"}
"""Metrics that an operator may be woken by, by the result of a command."""

LARGEST_DEFERRED_BYTES = LARGEST_MESSAGE_BYTES // 2
"""Of a body in a message of the deferred queue: as JSON text it may take twice its size."""

FAILURE_VOICE = "AWS.Polly.Joanna-Neural"

_UNDECIDED = Decision()
_compact = json.JSONEncoder(separators=(",", ":")).encode


class Context(Protocol):
    """The part of Lambda's context object that is used here."""

    def get_remaining_time_in_millis(self) -> int:
        """Until Lambda stops this invocation."""


@dataclass(slots=True)
class Delivery:
    """One delivery of one event on its way through the pipeline.

    body: as it is stored, keyed digits blanked. base_url: of the per-event routes, None when they are switched off.
    pending: of commands that an earlier delivery has queued, when each is dropped, by command id. is_deferred: it comes
    from the deferred queue. facts: what its flow's look-up found.
    """

    event: Event
    body: bytes
    is_redacted: bool
    signed: SignedRequest
    deadline: Deadline
    flow: str | None
    base_url: str | None
    decision: Decision = _UNDECIDED
    results: list[CommandResult] = field(default_factory=list)
    journal_seconds: float = 0.0
    pending: dict[str, float] = field(default_factory=dict)
    is_deferred: bool = False
    facts: Any = None

    @property
    def has_commands(self) -> bool:
        """Whether its flow has anything to command, or has failed: then the history of the call is read."""
        return bool(self.decision.commands or self.decision.error)

    @property
    def keyed(self) -> list[str]:
        """The keyed digits that are not stored: neither in the results nor in the text of an error."""
        return keyed_in(self.event.payload, self.event.type) if self.is_redacted else []


def receive(request: Request, context: Context) -> dict[str, Any]:
    """Answer one webhook: the whole way from an API Gateway request (payload format 2.0) to its response."""
    env = environment()
    if not env.public_keys:
        env.logger.error("no public key configured, rejecting all webhooks", extra={"parameter": "TelnyxPublicKeys"})
        return _response(500, {"error": "no public key is configured"})
    try:
        signed = verify_request(request, env.public_keys)
    except SignatureRejected as rejection:
        env.logger.warning("webhook rejected", extra={"reason": str(rejection)})
        return _response(401, {"error": "not verified to come from Telnyx"})
    deadline = Deadline(_seconds(signed, context, env.patience))
    event: Event | None = None
    try:
        try:
            parsed = parse(signed.body)
            event = event_of_envelope(parsed.value)
        except Unreadable as reason:
            return _quarantine(env, signed, str(reason), deadline)
        if signed.is_stale:
            return _stale(env, signed, event, parsed, deadline)
        if _is_interim(event) and not env.keep_interim_transcripts:
            env.log_info("interim transcript not stored", **ids_of(event))
            return _response(200, {"event": event.id, "commands": []})
        with env.crash_line("webhook crashed", partial(ids_of, event)):
            return _handle(env, signed, event, parsed, deadline)
    except Unavailable as reason:
        fields = ids_of(event) if event else {}
        is_wrong_route = isinstance(reason, WrongRoute)
        message = "wrong route, answering 503" if is_wrong_route else "dependency unavailable, answering 503"
        env.logger.error(message, extra={"reason": str(reason), **fields})
        env.count("WrongRoute" if is_wrong_route else "DependencyUnavailable")
        return _response(503, {"error": "dependency unavailable, deliver again"})


def _handle(
    env: Environment, signed: SignedRequest, event: Event, parsed: Parsed, deadline: Deadline
) -> dict[str, Any]:
    """Decide, send and append an event that is verified and recent."""
    delivery = _delivery(env, signed, event, parsed, deadline)
    own_type = env.event_type
    if own_type and event.type != own_type:
        return _defer(env, delivery, WrongRoute(f"{event.type} came to the route of {own_type}"))
    archive_error = _archive(env, delivery)
    is_duplicate = False
    try:
        is_first = (event.attempt or 1) == 1
        delivery.facts = facts_for(env, delivery.flow, event, deadline, is_first=is_first)
        delivery.decision = decide(env, delivery)
        if delivery.has_commands:
            began = time.perf_counter()
            history = env.journal.history(event, deadline.less(_reserve(env, delivery)))
            delivery.journal_seconds = time.perf_counter() - began
            is_duplicate = history.is_duplicate
            if not is_duplicate:
                _command(env, delivery, history)
        is_duplicate = is_duplicate or not append(env, delivery)
    except (JournalUnavailable, StorageUnavailable) as reason:
        return _defer(env, delivery, reason)
    if archive_error:
        raise archive_error
    return _respond(env, delivery, is_duplicate=is_duplicate)


def _delivery(env: Environment, signed: SignedRequest, event: Event, parsed: Parsed, deadline: Deadline) -> Delivery:
    """The event with its flow, and the body as it may be stored."""
    flow = env.flows.name_for(event)
    redacted = None
    if not env.keep_digits:
        acting_digits = env.flows.acting_digits(flow, event)
        redacted = redact(parsed, event_type=event.type, acting_digits=acting_digits)
    return Delivery(
        event=event,
        body=signed.body if redacted is None else redacted,
        is_redacted=redacted is not None,
        signed=signed,
        deadline=deadline,
        flow=flow,
        base_url=_base_url(env, signed),
    )


def _archive(env: Environment, delivery: Delivery) -> Unavailable | None:
    """Have a recording archived, or its transcription; the error when the queue cannot be reached.

    The journal is not asked: a link dies after 10 minutes, and archiving twice is archiving once.
    """
    if delivery.event.type in ARCHIVED_EVENTS:
        try:
            env.queues.archive(delivery.event, delivery.deadline.less(_reserve(env, delivery)))
        except QueueUnavailable as error:
            return error
    return None


def decide(env: Environment, delivery: Delivery, history: History | None = None) -> Decision:
    """Ask the event's flow; without a flow nothing is decided. A flow that fails is reported here.

    history: what the journal holds of the call; None for the first question.
    """
    flow, event = delivery.flow, delivery.event
    if flow is None:
        return Decision()
    seconds = _decision_seconds(env, delivery.deadline)
    if history is None:
        decision = env.flows.decide(flow, event, facts=delivery.facts, seconds=seconds)
    else:
        deadline = delivery.deadline.less(_reserve(env, delivery))
        legs = env.journal.other_legs(event, deadline) if env.flows.reads_other_legs(flow) else ()
        facts = history.facts if delivery.facts is None else delivery.facts
        decision = env.flows.decide(flow, event, history.events, facts=facts, legs=legs, seconds=seconds)
    if decision.error and not delivery.decision.error:
        fields = {"flow": flow, "error": decision.error_type, **ids_of(event)}
        env.logger.error("flow failed", extra=fields)
        env.count("FlowFailed")
    return decision


def _decision_seconds(env: Environment, deadline: Deadline) -> float:
    """Seconds that a decision may take: what is left, but for what comes after it; some, when nothing is left."""
    left = deadline.left(reserve=SENDING_SECONDS * env.patience)
    return min(DECISION_SECONDS * env.patience, max(left, LEAST_DECISION_SECONDS * env.patience))


def command(env: Environment, delivery: Delivery, history: History) -> list[Plan]:
    """Decide with the history of the call: what is to become of each command.

    A decision is asked twice. First with the event alone: most events command nothing, and then one conditional write
    is all that a webhook costs. Only when it commands something is the history read, and the second answer counts. So
    history may take commands away, never add any.
    """
    event = delivery.event
    reads_legs = delivery.flow is not None and env.flows.reads_other_legs(delivery.flow)
    if (history.events or reads_legs) and not delivery.decision.error:
        delivery.decision = decide(env, delivery, history)
    commands = delivery.decision.commands
    if delivery.decision.error:
        has_ended = Call.of([*history.events, event]).ended
        commands = [] if has_ended or history.has_failed else _failure_commands(env)
    commands = [with_routing(each, delivery.base_url) for each in commands]
    return plan(event, commands, history, flow=delivery.flow or "", first_received_at=_first_received_at(delivery))


def _command(env: Environment, delivery: Delivery, history: History) -> None:
    """Decide with the history of the call, and send or queue the commands; delivery.results holds the results."""
    plans = command(env, delivery, history)
    seconds = delivery.deadline.left(reserve=max(RESERVE_SECONDS * env.patience, 3 * delivery.journal_seconds))
    pending_until = history.commands_pending_until
    if pending_until and pending_until > timestamp(time.time()):
        seconds = 0.0  # commands of this call are queued: stay behind them
    results = send_commands(env, plans, seconds=seconds, event=delivery.event)
    delivery.results = enqueue(env, delivery.event, results, delivery.deadline.less(_reserve(env, delivery) / 2))


def _reserve(env: Environment, delivery: Delivery) -> float:
    """Seconds to leave for the queue and the journal: half of what is left, when a cold start has taken the rest."""
    return min(RESERVE_SECONDS * env.patience, delivery.deadline.left() / 2)


def _failure_commands(env: Environment) -> list[Command]:
    """The text that a caller hears when a flow has failed, and the end of the call."""
    text = env.flow_failure_text
    if not text:
        return [hangup()]
    spoken_seconds = 5 + len(text) / 10
    return [speak(payload=text, voice=FAILURE_VOICE, stop="all").otherwise(hangup()), hangup().after(spoken_seconds)]


def append(env: Environment, delivery: Delivery) -> bool:
    """Append the event to the journal with what became of its commands; False when it was there already."""
    event, results = delivery.event, delivery.results
    body_uri = commands_uri = None
    if len(delivery.body) > LARGEST_BODY_BYTES:
        body_uri = env.oversize.store("oversize", object_name(event), delivery.body, delivery.deadline)
    keyed = delivery.keyed if delivery.has_commands else []
    commands = [result.to_dict(keyed) for result in results]
    if len(results) > FEW_COMMANDS and len(encoded := _compact(commands).encode()) > LARGEST_COMMANDS_BYTES:
        commands_uri = env.oversize.store("oversize", f"{object_name(event)}-commands", encoded, delivery.deadline)
        commands = []
    actions = _actions_by_leg(event, results)
    defer_seconds = (
        0.0 if helps_to_deliver_again(event) else min(DEFER_SECONDS * env.patience, delivery.deadline.left() / 2)
    )
    is_new = env.journal.append_event(
        event,
        body=None if body_uri else delivery.body.decode(),
        body_uri=body_uri,
        received_at=delivery.signed.received_at,
        commands=commands,
        commands_uri=commands_uri,
        actions=actions.pop("", []),
        actions_elsewhere=actions,
        pending={**delivery.pending, **_pending(results)},
        has_commands=delivery.has_commands,
        flow=delivery.flow,
        error=delivery.decision.error and without_spoken(delivery.decision.error, keyed, shortest=1),
        trouble=_trouble(delivery),
        deadline=delivery.deadline.less(defer_seconds),
    )
    if event.type == "call.hangup" and event.placed:
        with contextlib.suppress(JournalUnavailable):  # it then counts until it would have ended for certain
            env.journal.end_placed(event.placed, delivery.deadline)
    return is_new


def object_name(event: Event) -> str:
    """The name of an event's objects in S3; the same for every delivery."""
    return hashlib.sha256(event.id.encode()).hexdigest()


def _pending(results: Sequence[CommandResult]) -> dict[str, float]:
    """When each queued command is dropped; without those that wait for a time of their own."""
    queued = [result.queued for result in results if result.queued and not result.queued.not_before]
    return {each.command_id: each.expires_at for each in queued}


def _trouble(delivery: Delivery) -> str | None:
    """A code when an operator should look at this call."""
    if delivery.decision.error:
        return "flow_failed"
    refusals = [result.code for result in delivery.results if result.result == Outcome.REFUSED]
    if refusals:
        return "command_refused" if REFUSALS.isdisjoint(refusals) else "dial_refused"
    queued = [result for result in delivery.results if result.queued]
    if any(result.status in (401, 403) or result.code == KEY_UNREADABLE for result in queued):
        return "api_key_refused"
    return None


def _counts(result: CommandResult) -> bool:
    """Whether older events yield to this command. A refused pause counts, a refused hang-up or transfer does not.

    What is sent only if nothing follows takes nothing away from what came before.
    """
    if result.command.only_if_idle:
        return False
    is_refused = result.result == Outcome.REFUSED
    return result.result != SUPERSEDED and not (is_refused and SUBJECTS.get(result.command.action) == LEG)


def _actions_by_leg(event: Event, results: Sequence[CommandResult]) -> dict[str, list[str]]:
    """The actions that older events yield to, by the call_control_id of the leg; "" is that of the event."""
    found: dict[str, list[str]] = {}
    own_leg = (None, event.call_control_id)
    for result in results:
        command = result.command
        if command.action == "dial" or not _counts(result):
            continue
        leg = "" if command.call_control_id in own_leg else command.call_control_id
        actions = found.setdefault(leg, [])
        actions += actions_of(command)
        if "client_state" in command.params:
            actions.append(CLIENT_STATE)
    return {leg: list(dict.fromkeys(actions)) for leg, actions in found.items()}


def _first_received_at(delivery: Delivery) -> float:
    """Seconds since 1970 UTC, when Telnyx first delivered the event, as far as that is known.

    A redelivery shows only that there was an earlier delivery: then it was when the event occurred, or soon after.
    """
    event = delivery.event
    if (event.attempt or 1) > 1 and event.occurred_at != UNKNOWN_TIME:
        return min(delivery.signed.received_at, datetime.fromisoformat(event.occurred_at).timestamp())
    if delivery.is_deferred:
        return delivery.signed.received_at
    return time.time()  # it has just come; a sample is as old as it likes, and is sent now


def _defer(env: Environment, delivery: Delivery, reason: Unavailable) -> dict[str, Any]:
    """Hand an event to the deferred queue, once Telnyx's own retries no longer help; until then raise the reason."""
    event = delivery.event
    if helps_to_deliver_again(event) and not delivery.signed.is_stale:
        raise reason
    body_uri = None
    if len(delivery.body) > LARGEST_DEFERRED_BYTES:
        body_uri = env.oversize.store("oversize", object_name(event), delivery.body, delivery.deadline)
    keyed = delivery.keyed
    deferred = DeferredEvent(
        event_id=event.id,
        identity=event.identity,
        body=None if body_uri else delivery.body.decode(),
        body_uri=body_uri,
        received_at=delivery.signed.received_at,
        reason=type(reason).__name__,
        is_redacted=delivery.is_redacted,
        is_stale=delivery.signed.is_stale,
        base_url=delivery.base_url,
        results=[{**result.to_dict(keyed), "on": result.command.call_control_id} for result in delivery.results],
        pending=_pending(delivery.results),
    )
    env.queues.defer(_fitting(env, deferred, delivery), delivery.deadline)
    env.logger.warning("webhook deferred", extra={"reason": str(reason), **ids_of(event)})
    env.count("WebhookDeferred")
    return _response(200, {"event": event.id, "commands": _summaries(delivery.results), "deferred": deferred.reason})


def _fitting(env: Environment, deferred: DeferredEvent, delivery: Delivery) -> DeferredEvent:
    """The message of a deferred event as the queue takes it: its body in S3, its results without their parameters."""
    if deferred.results and len(deferred.to_message()) > LARGEST_MESSAGE_BYTES:
        deferred = deferred._replace(results=[{**result, "params": {}} for result in deferred.results])
    if deferred.body is not None and len(deferred.to_message()) > LARGEST_MESSAGE_BYTES:
        body_uri = env.oversize.store("oversize", object_name(delivery.event), delivery.body, delivery.deadline)
        deferred = deferred._replace(body=None, body_uri=body_uri)
    return deferred


def _stale(env: Environment, signed: SignedRequest, event: Event, parsed: Parsed, deadline: Deadline) -> dict[str, Any]:
    """Refuse an event that Telnyx signed too long ago, as its documentation asks, and journal it all the same."""
    delivery = _delivery(env, signed, event, parsed, deadline)
    env.logger.warning("stale webhook rejected", extra=ids_of(event))
    env.count("WebhookStale")
    try:
        body_uri = None
        if len(delivery.body) > LARGEST_BODY_BYTES:
            body_uri = env.oversize.store("oversize", f"{object_name(event)}-stale", delivery.body, deadline)
        env.journal.append_event(
            event,
            body=None if body_uri else delivery.body.decode(),
            body_uri=body_uri,
            received_at=signed.received_at,
            stale=True,
            deadline=deadline.less(DEFER_SECONDS * env.patience),
        )
    except (JournalUnavailable, StorageUnavailable) as reason:
        try:
            _defer(env, delivery, reason)
        except Unavailable:
            env.logger.error("stale webhook not journalled", extra={"reason": str(reason), **ids_of(event)})
    return _response(401, {"error": "signed too long ago"})


def _quarantine(env: Environment, signed: SignedRequest, reason: str, deadline: Deadline) -> dict[str, Any]:
    """Store a verified body that cannot be parsed as an event: keyed digits blanked where it is JSON at all.

    Of JSON that is nested too deeply to look through, every digit is blanked.
    """
    if signed.is_stale:
        env.logger.warning("stale webhook rejected", extra={"reason": reason})
        env.count("WebhookStale")
        return _response(401, {"error": "signed too long ago"})
    body = signed.body
    try:
        parsed = parse(body)
        body = body if env.keep_digits else redact(parsed, event_type=event_type_of(parsed.value)) or body
    except Unreadable as error:  # stored as it came, encrypted, for 14 days
        if isinstance(error.__cause__, RecursionError) and not env.keep_digits:
            body = without_digits(body)
    body_uri = None
    if len(body) > LARGEST_QUARANTINED_BYTES:
        body_uri = env.oversize.store("quarantine", str(uuid.uuid4()), body, deadline)
    stored = None if body_uri else body
    env.queues.quarantine(stored, body_uri=body_uri, reason=reason, received_at=signed.received_at, deadline=deadline)
    env.logger.error("webhook quarantined", extra={"reason": reason})
    env.count("Quarantined")
    return _response(200, {"quarantined": reason})


def _respond(env: Environment, delivery: Delivery, *, is_duplicate: bool) -> dict[str, Any]:
    """The answer 200, and the one log line of a webhook."""
    event, results = delivery.event, delivery.results
    summaries = _summaries(results)
    env.log_info(
        "duplicate webhook" if is_duplicate else "webhook journalled",
        **ids_of(event),
        attempt=event.attempt,
        flow=delivery.flow,
        commands=summaries,
        milliseconds=round((time.perf_counter() - delivery.signed.began) * 1000),
        answer_milliseconds=round((time.time() - delivery.signed.received_at) * 1000),
        lag_milliseconds=_lag_milliseconds(delivery),
    )
    for result in results:
        if result.result not in METRIC_BY_RESULT:
            continue
        is_delayed = result.queued is not None and result.queued.not_before > 0
        is_counted = result.is_repeat or is_delayed or result.code in REFUSALS
        if not is_counted:
            env.count(METRIC_BY_RESULT[result.result])
    answer: dict[str, Any] = {"event": event.id, "commands": summaries}
    if is_duplicate:
        answer["duplicate"] = True
    return _response(200, answer)


def _lag_milliseconds(delivery: Delivery) -> int | None:
    """From the event to API Gateway's receipt, Telnyx's retries included; None for an event without a readable time."""
    occurred_at = delivery.event.occurred_at
    if occurred_at == UNKNOWN_TIME:
        return None
    return round((delivery.signed.received_at - datetime.fromisoformat(occurred_at).timestamp()) * 1000)


def _summaries(results: Sequence[CommandResult]) -> list[str]:
    return [f"{result.command.action}: {result.result}" for result in results]


def _base_url(env: Environment, signed: SignedRequest) -> str | None:
    """Where the per-event routes are; None when they are switched off.

    The domain name is the one that the request came in on. A setting could not hold it: the function would need the
    API's address and the API the function's.
    """
    if not env.per_event_routing:
        return None
    return env.webhook_base_url or (f"https://{signed.domain_name}" if signed.domain_name else None)


def _seconds(signed: SignedRequest, context: Context, patience: float) -> float:
    """Seconds until the answer must be on its way.

    A request that is older than its deadline, a sample or a replay, has no caller waiting for it: then the function's
    own time counts. patience: how many times as long as on AWS everything may take here.
    """
    age = max(0.0, time.time() - signed.received_at)
    seconds = (DEADLINE_SECONDS - WAY_BACK_SECONDS) * patience - age
    return seconds if seconds > 0 else context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS


def _is_interim(event: Event) -> bool:
    if event.type != TRANSCRIPTION_EVENT:
        return False
    data = event.payload.get("transcription_data")
    return isinstance(data, dict) and data.get("is_final") is False


def _response(status: int, answer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": _compact(answer),
    }


if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    environment().build()  # in the init phase, which has a full processor whatever the function's memory
