"""Sends the commands that were decided: in order and in time, and by the command queue what does not fit into that."""

import contextlib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from hookline.client_state import decode, decode_for_flow, encode_for_flow
from hookline.commands import Command, command_id
from hookline.deadline import Deadline
from hookline.environment import Environment
from hookline.errors import JournalUnavailable, MessageTooLarge
from hookline.events import Event, ids_of
from hookline.journal import History, Newer, timestamp
from hookline.limits import DESTINATIONS, NOT_ALLOWED, PLACED_STATE, TOO_MANY
from hookline.precedence import CLIENT_STATE, LONG_LIVED, lifetimes, without_superseded, yields_to
from hookline.queues import LARGEST_MESSAGE_BYTES, CommandMessage, QueuedCommand
from hookline.redaction import keyed_in
from hookline.telnyx import BAD_ROUTING, OPTIONAL_ROUTING, Answer, Outcome, Telnyx

QUEUED = "queued"
EXPIRED = "expired"
SUPERSEDED = "superseded"

_NAMING = frozenset({"answer", "reject"})
"""The first commands to an incoming call: they always leave the name of the flow on the leg."""

_NOT_SENT = Answer(Outcome.RETRY_LATER)


@dataclass(slots=True)
class CommandResult:
    """A command and its result.

    result: an Outcome's value, QUEUED, EXPIRED or SUPERSEDED. milliseconds: over all tries. queued: what is in the
    command queue, when it is QUEUED. is_repeat: known from an earlier delivery, and not sent again.
    """

    command: Command
    command_id: str
    result: str
    status: int | None = None
    code: str | None = None
    milliseconds: int = 0
    queued: QueuedCommand | None = None
    is_repeat: bool = False

    def to_dict(self, keyed: Collection[str] = ()) -> dict[str, Any]:
        """As the journal stores it: secret parameters are masked; routing, which no flow has decided, is left out.

        keyed: what the caller had keyed in, which no parameter shows either.
        """
        command = self.command
        document: dict[str, Any] = {
            "action": command.action,
            "command_id": self.command_id,
            "params": command.redacted_params(leave_out=OPTIONAL_ROUTING, keyed=keyed),
            "result": self.result,
            "status": self.status,
            "code": self.code,
            "milliseconds": self.milliseconds,
        }
        if command.delay_seconds:
            document["delay_seconds"] = command.delay_seconds
        if command.only_if_idle:
            document["only_if_idle"] = True
        return document


@dataclass(slots=True)
class Plan:
    """A decided command, ready to be sent. leg: its call_control_id, None when it is not known.

    expires_at: seconds since 1970 UTC. known: its result, when it need not be sent.
    """

    command: Command
    command_id: str
    leg: str | None
    expires_at: float
    known: CommandResult | None = None


def plan(
    event: Event, commands: Sequence[Command], history: History, *, flow: str, first_received_at: float
) -> list[Plan]:
    """Decide for each command whether it is to be sent, before anything is.

    Dropped are: what yields to a newer event of the leg; what is too old to be sent without being obeyed twice. Known
    are the results of an earlier delivery. first_received_at: seconds since 1970 UTC; lifetimes count from then.
    """
    plans = []
    own_leg = event.call_control_id or next((e.call_control_id for e in history.events if e.call_control_id), None)
    addressed = _Addressed(flow, event.occurred_at, event.placed)
    for (command, own_id), lifetime in zip(with_ids(event, commands), lifetimes(commands), strict=True):
        leg = None if command.action == "dial" else command.call_control_id or own_leg
        is_own_leg = command.call_control_id is None or command.call_control_id == own_leg
        newer = history.newer_of(leg, is_own=is_own_leg)
        is_stale = CLIENT_STATE in newer.actions
        for_flow = addressed.command(command, own_id, is_own_leg=is_own_leg, is_stale=is_stale)
        if command.action == "dial" and for_flow.fallback:  # it commands no leg; what is sent in its place does
            for_flow = for_flow._replace(fallback=_on_leg(for_flow.fallback, own_leg))
        planned = Plan(for_flow, own_id, leg, first_received_at + lifetime)
        recorded = history.results.get(own_id)
        if recorded is None:
            plans.append(_judged(planned, newer))
            continue
        known = _recorded(for_flow, own_id, recorded)
        plans.append(replace(planned, known=known))
        if instead := fallback_of(planned, known.result):
            recorded = history.results.get(instead.command_id)
            result = _recorded(instead.command, instead.command_id, recorded) if recorded else None
            plans.append(replace(instead, known=result))
    return plans


def _judged(planned: Plan, newer: Newer) -> Plan:
    """The plan of a command that has no result yet, with one when it need not be sent.

    newer: what newer events have commanded its leg.
    """
    command = planned.command
    is_superseded = False
    if newer.actions or newer.unordered:
        command = without_superseded(command, *newer)
        planned = replace(planned, command=command)
        is_old_state = command.action == "client_state_update" and CLIENT_STATE in newer.actions
        is_superseded = is_old_state or yields_to(command, *newer)
    if is_superseded:
        result = SUPERSEDED
    elif time.time() > planned.expires_at:
        result = EXPIRED
        if newer.actions:  # the call has gone on since: perhaps it was sent, and nothing has to be put in its place
            planned = replace(planned, command=command._replace(fallback=None))
    elif planned.leg is None and command.action != "dial":
        result = Outcome.REFUSED.value
    else:
        return planned
    return replace(planned, known=CommandResult(planned.command, planned.command_id, result))


def send_commands(
    environment: Environment, plans: Sequence[Plan], *, seconds: float, event: Event
) -> list[CommandResult]:
    """Send what fits into this many seconds, in order; the first that does not fit and all behind it are for the queue.

    Nothing is queued here: see `enqueue`. A delayed command is for the queue in any case.
    """
    ends = time.monotonic() + seconds
    results: list[CommandResult] = []
    ended: set[str | None] = set()
    is_queueing = False
    pending = list(reversed(plans))
    ids = ids_of(event)
    while pending:
        planned = pending.pop()
        is_delayed = planned.command.delay_seconds > 0
        if planned.known:
            result = planned.known
        elif planned.leg in ended and planned.command.action != "dial":
            result = CommandResult(planned.command, planned.command_id, Outcome.CALL_ENDED.value)
        elif is_queueing or is_delayed:
            result = result_of(planned, _NOT_SENT)
        else:
            answer = send_once(environment, planned, seconds=ends - time.monotonic(), ids=ids)
            if answer.outcome is Outcome.UNAUTHORIZED:
                report_unauthorized(environment, answer, **ids)
            result = result_of(planned, answer)
        results.append(result)
        if result.result == Outcome.CALL_ENDED and planned.command.action != "bridge":
            ended.add(planned.leg)
        is_queueing = is_queueing or (result.queued is not None and not is_delayed)
        if not result.is_repeat and (instead := fallback_of(planned, result.result)):
            pending.append(instead)
    return results


def enqueue(
    environment: Environment, event: Event, results: Sequence[CommandResult], deadline: Deadline | None = None
) -> list[CommandResult]:
    """Send to the command queue what `send_commands` left for it; the results as they are then.

    Raises QueueUnavailable; then the webhook is worth another delivery, and what has been sent already will be sent
    again under the same ids. What no message can hold is refused.
    """
    queued = [result.queued for result in results if result.queued]
    at_once = [each for each in queued if not each.not_before]
    delayed = [(each,) for each in queued if each.not_before]
    too_large: set[str] = set()
    keyed = keyed_in(event.payload, event.type) if queued and not environment.keep_digits else []
    for together in [at_once, *delayed] if at_once else delayed:
        too_large |= _enqueue(environment, event, together, keyed, deadline)
    if not too_large:
        return list(results)
    refused = Outcome.REFUSED.value
    return [
        replace(result, result=refused, queued=None) if result.command_id in too_large else result for result in results
    ]


def _enqueue(
    environment: Environment,
    event: Event,
    queued: Sequence[QueuedCommand],
    keyed: Sequence[str],
    deadline: Deadline | None,
) -> set[str]:
    """Send commands as one message, or in as few as hold them; the ids of those that no message can hold."""
    shown = [each for each in keyed if any(_shows(one.command, each) for one in queued)]
    try:
        environment.queues.enqueue(command_message(event, queued)._replace(keyed=shown), deadline)
    except MessageTooLarge:
        if len(queued) == 1:
            return {queued[0].command_id}
        portions = _portions(event, queued)
        return set().union(*(_enqueue(environment, event, portion, keyed, deadline) for portion in portions))
    return set()


def _shows(command: Command, keyed: str) -> bool:
    """Whether what was keyed in stands in a command or its fallbacks: only then does their message name it."""
    if command.redacted_params(keyed=[keyed]) != command.redacted_params():
        return True
    return command.fallback is not None and _shows(command.fallback, keyed)


def command_message(event: Event, queued: Sequence[QueuedCommand]) -> CommandMessage:
    """The message of the command queue with these commands of an event."""
    return CommandMessage(
        commands=queued,
        event_id=event.id,
        event_type=event.type,
        occurred_at=event.occurred_at,
        identity=event.identity,
        has_delay=any(one.not_before for one in queued),
    )


def _portions(event: Event, queued: Sequence[QueuedCommand]) -> list[tuple[QueuedCommand, ...]]:
    """The commands in order, in as few messages as hold them; nearly always one."""
    portions: list[tuple[QueuedCommand, ...]] = []
    for one in queued:
        together = (*portions[-1], one) if portions else (one,)
        if portions and len(command_message(event, together).to_message()) <= LARGEST_MESSAGE_BYTES:
            portions[-1] = together
        else:
            portions.append((one,))
    return portions


def with_ids(event: Event, commands: Sequence[Command]) -> list[tuple[Command, str]]:
    """Each command with the id it always has for this event: by its action and its number among those of it."""
    counted: dict[str, int] = {}
    pairs = []
    for command in commands:
        action = command.action
        ordinal = counted.get(action, 0)
        counted[action] = ordinal + 1
        pairs.append((command, command_id(event.id, action, ordinal)))
    return pairs


def send_once(environment: Environment, planned: Plan, *, seconds: float, ids: Mapping[str, Any]) -> Answer:
    """Send one command, unless the limits of the stack refuse it: everything that places a call passes here.

    A call that cannot be counted, because the journal is unavailable, is not placed now. ids: for the log.
    """
    if planned.command.action not in DESTINATIONS:
        return _send(environment.telnyx, planned, seconds=seconds)
    limits = environment.limits
    if not limits.allow(planned.command):
        return _refuse(environment, planned, NOT_ALLOWED, ids)
    if planned.command.action not in PLACED_STATE:
        return _send(environment.telnyx, planned, seconds=seconds)
    deadline = Deadline(seconds)
    key = decode_for_flow(planned.command.params.get(PLACED_STATE[planned.command.action])).placed
    key = key or f"{timestamp(time.time())}#{planned.command_id}"
    try:
        live = environment.journal.count_placed(
            key, at=time.time(), longest_seconds=limits.longest_seconds, most=limits.live_calls, deadline=deadline
        )
    except JournalUnavailable:
        return _NOT_SENT
    if live > limits.live_calls:
        answer = _refuse(environment, planned, TOO_MANY, ids)
    else:
        bounded = replace(planned, command=limits.bounded(planned.command))
        answer = _send(environment.telnyx, bounded, seconds=deadline.left())
    if answer.outcome in (Outcome.REFUSED, Outcome.CALL_ENDED):
        with contextlib.suppress(JournalUnavailable):  # it then counts until it would have ended for certain
            environment.journal.end_placed(key, deadline)
    return answer


def _refuse(environment: Environment, planned: Plan, code: str, ids: Mapping[str, Any]) -> Answer:
    """Refuse to place a call; logged without the number."""
    fields = {"action": planned.command.action, "code": code, "command_id": planned.command_id}
    environment.logger.error("call not placed", extra={**fields, **ids})
    environment.count("DialRefused")
    return Answer(Outcome.REFUSED, code=code)


def _send(telnyx: Telnyx, planned: Plan, *, seconds: float) -> Answer:
    """Send one command; once more without the routing that Telnyx blames for a refusal.

    The second form has an id of its own, derived from the first: it is not documented whether Telnyx remembers the id
    of a command that it refused.
    """
    began, command = time.monotonic(), planned.command
    answer = telnyx.send(command, call_control_id=planned.leg or "", command_id=planned.command_id, seconds=seconds)
    if answer.outcome is not Outcome.REFUSED or not (blamed := _blamed_routing(command, answer)):
        return answer
    plain = command._replace(params={name: value for name, value in command.params.items() if name not in blamed})
    again = replace(planned, command=plain, command_id=command_id(planned.command_id, command.action, 0))
    return _send(telnyx, again, seconds=began + seconds - time.monotonic())


def report_unauthorized(environment: Environment, answer: Answer, **ids: str | None) -> None:
    """Log and count a refused or unreadable API key: nothing works until a person has replaced it."""
    environment.logger.error(
        "API key refused or unreadable, commands are queued: put a valid key into its secret",
        extra={"status": answer.status, "code": answer.code, "secret": "TELNYX_API_KEY_SECRET_ARN", **ids},
    )
    environment.count("ApiKeyRefused")


def _blamed_routing(command: Command, answer: Answer) -> frozenset[str]:
    """The optional routing that a refusal blames: by name, or all of it when it blames nothing by name."""
    routing = command.params.keys() & set(OPTIONAL_ROUTING)
    if answer.status not in (400, 422) or not routing:
        return frozenset()
    if named := {name for name in routing if any(name in pointer for pointer in answer.pointers)}:
        return frozenset(named)
    if answer.code == BAD_ROUTING and "webhook_urls" in routing:
        return frozenset({"webhook_urls"})
    return frozenset() if answer.pointers else frozenset(routing)


class _Addressed(NamedTuple):
    """Of the client_state of an event's commands, all but the flow's own value.

    flow: of the event's leg. occurred_at: of the event. placed: the key of the event's leg, when it was placed here.
    """

    flow: str
    occurred_at: str
    placed: str | None

    def command(self, command: Command, own_id: str, *, is_own_leg: bool, is_stale: bool) -> Command:
        """The command, and its fallback, with the flow's name beside its client_state.

        The leg that it places carries the name of its own flow, or of none. is_stale: a newer event has set the
        client_state of the leg that is commanded; then the command leaves it alone.
        """
        action, state_of_placed = command.action, PLACED_STATE.get(command.action)
        if not (state_of_placed or command.fallback or action in _NAMING or "client_state" in command.params):
            return command
        params = dict(command.params)
        if state_of_placed:
            key = f"{self.occurred_at}#{own_id}"
            params[state_of_placed] = _state_for_flow(command.flow or "", params.get(state_of_placed), key)
        if is_stale and action != "dial":
            params.pop("client_state", None)
        elif action in _NAMING or (action != "dial" and "client_state" in params):
            placed = self.placed if is_own_leg else None
            params["client_state"] = _state_for_flow(self.flow, params.get("client_state"), placed)
        fallback = command.fallback
        if fallback:
            fallback_id = command_id(own_id, fallback.action, 0) if _places_leg(fallback) else ""
            fallback = self.command(fallback, fallback_id, is_own_leg=is_own_leg, is_stale=is_stale)
        delay, only_if_idle = command.delay_seconds, command.only_if_idle
        return Command(action, params, command.call_control_id, delay, fallback, only_if_idle=only_if_idle)


def _places_leg(command: Command) -> bool:
    """Whether a command places a leg, or one that is sent in its place does."""
    return command.action in PLACED_STATE or (command.fallback is not None and _places_leg(command.fallback))


@lru_cache(maxsize=256)
def _state_for_flow(flow: str, state: object, placed: str | None) -> str:
    """The client_state on the wire. state: as the command functions have encoded it, None without one."""
    return encode_for_flow(flow, decode(state), placed)


def _recorded(command: Command, own_id: str, recorded: Mapping[str, Any]) -> CommandResult:
    return CommandResult(
        command,
        own_id,
        str(recorded.get("result")),
        recorded.get("status"),
        recorded.get("code"),
        int(recorded.get("milliseconds") or 0),
        is_repeat=True,
    )


def fallback_of(planned: Plan, result: str) -> Plan | None:
    """The command to send in the place of one that was refused or has become too old, with an id of its own.

    In the place of an old one only what stops or ends something is still worth sending. A bridge that fails because a
    call has ended counts as refused: the other leg may be the one that ended.
    """
    fallback = planned.command.fallback
    is_unbridged = planned.command.action == "bridge" and result == Outcome.CALL_ENDED
    if fallback is None or (result not in (Outcome.REFUSED, EXPIRED) and not is_unbridged):
        return None
    while fallback and result == EXPIRED and fallback.action not in LONG_LIVED:
        fallback = fallback.fallback
    if fallback is None:
        return None
    return Plan(
        command=fallback,
        command_id=command_id(planned.command_id, fallback.action, 0),
        leg=fallback.call_control_id or planned.leg,
        expires_at=time.time() + lifetimes([fallback])[0],
    )


def _on_leg(command: Command, leg: str | None) -> Command:
    """The same command and its fallbacks, each for this leg unless it names one."""
    fallback = command.fallback and _on_leg(command.fallback, leg)
    return command._replace(call_control_id=command.call_control_id or leg, fallback=fallback)


def result_of(planned: Plan, answer: Answer) -> CommandResult:
    """The result of a command; one that is not final is for the queue."""
    if answer.outcome.is_final:
        return CommandResult(
            planned.command, planned.command_id, answer.outcome, answer.status, answer.code, answer.milliseconds
        )
    delay = planned.command.delay_seconds
    queued = QueuedCommand(
        command=planned.command._replace(call_control_id=planned.leg),
        command_id=planned.command_id,
        expires_at=planned.expires_at,
        not_before=time.time() + delay if delay else 0.0,
    )
    return CommandResult(
        planned.command, planned.command_id, QUEUED, answer.status, answer.code, answer.milliseconds, queued
    )
