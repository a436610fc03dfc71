"""Actions from outside: an operator steers a live call, a program places one.

An action becomes an event of its call, `hookline.action`, and takes the way of one. It is recorded before it is sent,
so that a webhook which is handled meanwhile yields to it; it queues behind what waits; its result is recorded as well.
An Idempotency-Key makes the id of the event, and so of the command: the same request again has one effect.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from typing import Any

from hookline.api.arguments import action_names, command_of
from hookline.api.exchange import ApiRequest, ApiResponse, json_response
from hookline.api.problem import Fault, Problem
from hookline.api.query import LAST, Query
from hookline.api.reading import found_call
from hookline.call import Call
from hookline.commands import Command
from hookline.dispatch import (
    EXPIRED,
    QUEUED,
    SUPERSEDED,
    CommandResult,
    Plan,
    enqueue,
    plan,
    report_unauthorized,
    result_of,
    send_once,
    with_ids,
)
from hookline.environment import Environment
from hookline.events import Event, Identity, ids_of, parse_event, seconds_between
from hookline.journal import History, event_key, timestamp
from hookline.limits import NOT_ALLOWED, TOO_MANY
from hookline.precedence import CLIENT_STATE, actions_of
from hookline.routing import with_routing
from hookline.telnyx import Answer, Outcome

ACTION_EVENT = "hookline.action"

SECONDS = 4.0
"""For Telnyx's answer; what it does not take in that time is queued, but for a dial."""

FUNCTION_SECONDS = 15.0
"""The Timeout of the function in template.yaml: after that a request is not under way any more."""

LONGEST_AHEAD_SECONDS = 600.0

_KEYS = uuid.UUID("5b0f3d0e-3f0c-4f4e-9a9b-7d1c5e3a2b10")
_LONGEST_KEY = 200
_IDS = ("call_leg_id", "call_control_id", "call_session_id")


@dataclass(frozen=True, slots=True)
class Action:
    """One action. key: the client's, or a new one. digest: of all that the client asked for, but secrets.

    received_at: when API Gateway had the request, seconds since 1970 UTC.
    """

    command: Command
    identity: Identity
    key: str
    digest: str
    event_id: str
    caller: str
    received_at: float


def steer_call(env: Environment, request: ApiRequest) -> ApiResponse:
    """`POST /calls/{id}/actions/{action}`: one command to a live call."""
    Query(request.query, ()).finish()
    name = request.path_parameters.get("action", "")
    if request.path_parameters.get("id") == LAST:
        raise Problem("last_refused")
    if name not in action_names():
        raise Problem("action_unknown")
    command = command_of(name, request.json(), env.flows)
    identity = found_call(env, request)
    return _perform(env, _action(request, command, identity))


def place_call(env: Environment, request: ApiRequest) -> ApiResponse:
    """`POST /calls`: place a call. It is sent once: without an answer of Telnyx's its outcome stays unknown."""
    Query(request.query, ()).finish()
    command = command_of("dial", request.json(), env.flows)
    return _perform(env, _action(request, command, Identity(None, None, None, "")))


def _action(request: ApiRequest, command: Command, identity: Identity) -> Action:
    key = request.headers.get("idempotency-key", str(uuid.uuid4()))
    if not 1 <= len(key) <= _LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise Problem("key_invalid")
    event_id = str(uuid.uuid5(_KEYS, json.dumps([request.caller, identity[:3], key])))
    asked = [command.action, command.redacted_params(), command.flow]
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return Action(
        command, identity._replace(event_id=event_id), key, digest, event_id, request.caller, request.received_at
    )


def _perform(env: Environment, action: Action) -> ApiResponse:
    """Record the key, then the action; send it; record the result. The same key again: what is known of the first."""
    now = time.time()
    began_at, received_at = timestamp(now), timestamp(action.received_at)
    history = _history(env, action, received_at)
    occurred_at = _behind(history, action.received_at)
    attributes = {"occurred_at": occurred_at, "digest": action.digest, "action": action.command.action}
    if not env.journal.put_note(action.identity, "ACTION", action.event_id, attributes, at=now):
        first = env.journal_pages.note(action.identity.partition, "ACTION", action.event_id) or {}
        if first.get("digest") != action.digest:
            raise Problem("key_reused")
        occurred_at, began_at = str(first["occurred_at"]), str(first["created_at"])
    if occurred_at != received_at:
        history = _history(env, action, occurred_at)
    event = _event(action, occurred_at, history)
    command = with_routing(action.command, env.webhook_base_url if env.per_event_routing else None)
    ((_, own_id),) = with_ids(event, [command])
    recorded = history.results.get(own_id)
    age = seconds_between(began_at, timestamp(now)) if history.is_duplicate and recorded is None else 0.0
    (planned,) = plan(event, [command], history, flow=event.flow or "", first_received_at=now - age)
    if history.is_duplicate and recorded is None:
        return _settle(env, action, event, planned, history, age)
    if recorded and history.is_duplicate and recorded.get("status") != 429:
        return _answer(action, planned, recorded)
    if Call.of(history.events).ended:
        raise _problem("call_ended", action, planned, telnyx_code="90018")
    if not history.is_duplicate and not _append(env, action, event, planned, at=now):
        raise _problem("outcome_unknown", action, planned)  # the same request is on its way at this very time
    return _send(env, action, event, replace(planned, known=None if recorded else planned.known), history)


def _history(env: Environment, action: Action, occurred_at: str) -> History:
    return env.journal.history(Event(action.event_id, ACTION_EVENT, occurred_at, _ids(action)))


def _behind(history: History, now: float) -> str:
    """The time of an action that was received now, or just behind the newest event of its call: Telnyx's clock may be
    ahead of ours.

    The client may have seen all that is journalled: an event of the past must not count as newer. A clock that is
    further ahead than LONGEST_AHEAD_SECONDS is not believed: all later events would yield to the action.
    """
    newest = max((event.occurred_at for event in history.events), default="")
    own = timestamp(now)
    if not own <= newest <= timestamp(now + LONGEST_AHEAD_SECONDS):
        return own
    return timestamp(datetime.fromisoformat(newest).timestamp() + 2e-6)


def _settle(env: Environment, action: Action, event: Event, planned: Plan, history: History, age: float) -> ApiResponse:
    """Answer the same request again, of which only the beginning is recorded. age: seconds since the first.

    The first is still under way, its command waits in the command queue, or its function has ended too early. Then
    the command is queued: under the same ids, which is idempotent at SQS and at Telnyx. Raises Problem otherwise: a
    dial is never repeated, and what is too old to be is not known any more.
    """
    if age < FUNCTION_SECONDS:
        raise _problem("outcome_unknown", action, planned, retry_after=ceil(FUNCTION_SECONDS - age))
    if planned.known and planned.known.result == SUPERSEDED:
        raise _problem(SUPERSEDED, action, planned)
    if Call.of(history.events).ended:
        raise _problem("call_ended", action, planned, telnyx_code="90018")
    if planned.known or action.command.action == "dial":
        raise _problem("outcome_lost", action, planned)
    (result,) = enqueue(env, event, [result_of(planned, Answer(Outcome.RETRY_LATER))])
    return _answer(action, planned, result.to_dict())


def _send(env: Environment, action: Action, event: Event, planned: Plan, history: History) -> ApiResponse:
    """Send the command, or queue it behind what waits; record what is known of it."""
    is_dial = action.command.action == "dial"
    answer = Answer(Outcome.RETRY_LATER)
    if planned.known:
        result = planned.known
    elif history.commands_pending_until > timestamp(time.time()) and not is_dial:
        result = result_of(planned, answer)
    else:
        ids = ids_of(event)
        answer = send_once(env, planned, seconds=SECONDS * env.patience, ids=ids)
        if answer.outcome is Outcome.UNAUTHORIZED:
            report_unauthorized(env, answer, **ids)
        result = _settled(planned, answer)
        if result.result == QUEUED and is_dial:
            raise _problem("outcome_unknown", action, planned)
    if result.queued:
        (result,) = enqueue(env, event, [result])
    fields: dict[str, Any] = {"event_id": event.id, **result.to_dict()}
    fields["placed"] = {name: answer.data[name] for name in _IDS if isinstance(answer.data.get(name), str)}
    fields["pointers"] = list(answer.pointers)
    fields["wait_seconds"] = answer.wait_seconds
    env.log_info("api action", **ids_of(event), action=action.command.action, result=result.result, code=result.code)
    if result.result != QUEUED:
        key = event_key(event.type, event.occurred_at, event.id, has_commands=True)
        env.journal.put_command_result(action.identity, key, planned.command_id, fields, at=time.time())
    return _answer(action, planned, fields)


def _settled(planned: Plan, answer: Answer) -> CommandResult:
    """The result. Not queued is what Telnyx refused for want of a key, or by its limit: the client decides."""
    if answer.outcome is Outcome.UNAUTHORIZED or answer.status == 429:
        refused = Outcome.REFUSED.value
        status = answer.status or 401
        return CommandResult(planned.command, planned.command_id, refused, status, answer.code, answer.milliseconds)
    return result_of(planned, answer)


def _event(action: Action, occurred_at: str, history: History) -> Event:
    """The action as an event of its call. It carries the newest client_state, and so the flow, of its leg."""
    payload: dict[str, Any] = {**_ids(action), "action": action.command.action, "caller": action.caller}
    payload |= {"idempotency_key": action.key, "body_sha256": action.digest}
    ordered = sorted(history.events, key=lambda event: event.occurred_at, reverse=True)
    states = [event.payload["client_state"] for event in ordered if event.payload.get("client_state")]
    if states:
        payload["client_state"] = states[0]
    return parse_event(_envelope(action.event_id, occurred_at, payload).encode())


def _ids(action: Action) -> dict[str, str]:
    return {name: value for name in _IDS if (value := getattr(action.identity, name))}


def _envelope(event_id: str, occurred_at: str, payload: Mapping[str, Any]) -> str:
    data = {"id": event_id, "event_type": ACTION_EVENT, "occurred_at": occurred_at, "payload": payload}
    return json.dumps({"data": {"record_type": "event", **data}, "meta": {}}, separators=(",", ":"))


def _append(env: Environment, action: Action, event: Event, planned: Plan, *, at: float) -> bool:
    """Append the action before it is sent: what is decided from here on yields to it, and queues behind it.

    False when it was there already.
    """
    announced = CommandResult(planned.command, planned.command_id, QUEUED)
    own = [] if action.command.action == "dial" else actions_of(action.command)
    if own and "client_state" in action.command.params:
        own.append(CLIENT_STATE)
    return env.journal.append_event(
        event,
        body=_envelope(event.id, event.occurred_at, event.payload),
        received_at=at,
        commands=[announced.to_dict()],
        actions=own,
        pending={planned.command_id: planned.expires_at} if own else {},
        has_commands=True,
        flow=event.flow,
    )


def _answer(action: Action, planned: Plan, result: Mapping[str, Any]) -> ApiResponse:
    """The response to a result, new or recorded; the same for both. Raises Problem for one that is not a success."""
    name, code, status = result.get("result"), result.get("code"), result.get("status")
    if code in (NOT_ALLOWED, TOO_MANY):
        raise _problem("dial_not_allowed" if code == NOT_ALLOWED else "too_many_live_calls", action, planned)
    if name == Outcome.CALL_ENDED.value:
        raise _problem("call_ended", action, planned, telnyx_code=code)
    if name in (SUPERSEDED, EXPIRED):
        raise _problem(name, action, planned)
    if status == 429:
        raise _problem(
            "too_many_requests",
            action,
            planned,
            telnyx_code=code,
            retry_after=max(1, round(result.get("wait_seconds") or 1)),
        )
    if name == Outcome.REFUSED.value:
        is_key = status in (401, 403)
        errors = [Fault(f"/{name.strip('/')}", "is refused by Telnyx") for name in result.get("pointers") or ()]
        problem = "api_key_refused" if is_key else "refused"
        raise _problem(problem, action, planned, telnyx_code=code, errors=errors)
    document = {"result": name, **_facts(action, planned), **result.get("placed", {})}
    return json_response(document, 202 if name == QUEUED else 200, **{"idempotency-key": action.key})


def _facts(action: Action, planned: Plan) -> dict[str, Any]:
    return {
        "action": action.command.action,
        "command_id": planned.command_id,
        "event_id": action.event_id,
        "idempotency_key": action.key,
    }


def _problem(
    code: str,
    action: Action,
    planned: Plan,
    *,
    telnyx_code: object = None,
    retry_after: int | None = None,
    errors: Sequence[Fault] = (),
) -> Problem:
    extra = _facts(action, planned) | ({"telnyx_code": telnyx_code} if telnyx_code else {})
    return Problem(code, errors=errors, extra=extra, retry_after=retry_after)
