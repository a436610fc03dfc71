"""Tell what was decided, in order, in time: at once what fits into the deadline, by the command queue what does not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic, time
from typing import Any

from hookline.call import Call
from hookline.commands import Command, command_id
from hookline.environment import Environment
from hookline.events import Event
from hookline.queues import LARGEST_COMMAND_BYTES, QueuedCommand
from hookline.telnyx import BAD_ROUTING, OPTIONAL_ROUTING, Answer, Outcome, Telnyx

_NOT_SAID = Answer(Outcome.RETRY_LATER)

QUEUED = "queued"
EXPIRED = "expired"

_ENDINGS = frozenset({"fork_stop", "hangup", "record_stop", "streaming_stop", "transcription_stop"})
STOP_COMMAND_AGE_FACTOR = 10
"""A greeting a minute late is worse than none; an end is still wanted ten minutes late, and costs money until then."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """A command and what became of it.

    result: a Verdict's value, QUEUED or EXPIRED. milliseconds: what it took, over all tries. expires_at: seconds since
    1970 UTC, while it waits in the command queue.
    """

    command: Command
    command_id: str
    result: str
    status: int | None = None
    code: str | None = None
    milliseconds: int = 0
    expires_at: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As the journal keeps it: secret parameters are masked, and routing, which is not the decision's, left out."""
        return {
            "action": self.command.action,
            "command_id": self.command_id,
            "params": self.command.redacted_params(leave_out=OPTIONAL_ROUTING),
            "result": self.result,
            "status": self.status,
            "code": self.code,
            "milliseconds": self.milliseconds,
        }


def send_commands(
    environment: Environment, event: Event, call: Call, commands: Sequence[Command], *, seconds: float
) -> list[CommandResult]:
    """Tell Telnyx every command, in order, within so many seconds; queue from the first that does not fit on.

    Raises QueueUnavailable when what does not fit cannot be queued either; then the webhook is worth another delivery,
    and what has been said already will be said again under the same ids.
    """
    began = time()
    ends = monotonic() + seconds
    told: list[CommandResult] = []
    queued: list[QueuedCommand] = []
    over: set[str | None] = set()
    for command, own_id in with_ids(event, commands):
        placing = command.action == "dial"
        address = None if placing else command.call_control_id or event.call_control_id or call.call_control_id
        if command.action == "archive":
            environment.queues.archive(event, command.params)
            told.append(CommandResult(command, own_id, QUEUED))
        elif address is None and not placing:
            told.append(CommandResult(command, own_id, Outcome.REFUSED.value))
        elif address in over:
            told.append(CommandResult(command, own_id, Outcome.CALL_ENDED.value))
        else:
            answer = _NOT_SAID
            if not queued:
                answer = send_once(environment.telnyx, command, address or "", own_id, seconds=ends - monotonic())
            result, expires_at = answer.outcome.value, None
            if answer.outcome in (Outcome.TOO_EARLY, Outcome.RETRY_LATER):
                later = _later(environment, event, command, address, own_id, began)
                result, expires_at = Outcome.REFUSED.value, None
                if len(later.to_message()) <= LARGEST_COMMAND_BYTES:
                    result, expires_at = QUEUED, later.expires_at
                    queued.append(later)
            elif answer.code == "90018" and not placing:
                over.add(address)
            told.append(
                CommandResult(command, own_id, result, answer.status, answer.code, answer.milliseconds, expires_at)
            )
    if queued:
        environment.queues.enqueue(queued)
    return told


def with_ids(event: Event, commands: Sequence[Command]) -> list[tuple[Command, str]]:
    """Each command with the id it always has for this event: by its action and its place among those of that action."""
    counted: dict[str, int] = {}
    pairs = []
    for command in commands:
        ordinal = counted.get(command.action, 0)
        counted[command.action] = ordinal + 1
        pairs.append((command, command_id(event.id, command.action, ordinal)))
    return pairs


def send_once(telnyx: Telnyx, command: Command, call_control_id: str, own_id: str, *, seconds: float) -> Answer:
    """Say one command; once more without the routing that it carries when that is what Telnyx refuses.

    The second form has an id of its own, derived from the first: nobody documents whether Telnyx remembers the id of a
    command that it refused.
    """
    ends = monotonic() + seconds
    answer = telnyx.send(command, call_control_id=call_control_id, command_id=own_id, seconds=seconds)
    if answer.outcome is not Outcome.REFUSED or not _may_be_the_routing(command, answer):
        return answer
    plain = replace(command, params={k: v for k, v in command.params.items() if k not in OPTIONAL_ROUTING})
    plain_id = command_id(own_id, command.action, 0)
    return telnyx.send(plain, call_control_id=call_control_id, command_id=plain_id, seconds=ends - monotonic())


def _may_be_the_routing(command: Command, answer: Answer) -> bool:
    """Whether a refusal blames the routing, or blames nothing by name while there is routing to blame."""
    if answer.status not in (400, 422) or not command.params.keys() & set(OPTIONAL_ROUTING):
        return False
    if answer.code == BAD_ROUTING or not answer.pointers:
        return True
    return any(name in pointer for pointer in answer.pointers for name in OPTIONAL_ROUTING)


def _later(
    environment: Environment, event: Event, command: Command, address: str | None, own_id: str, began: float
) -> QueuedCommand:
    age = environment.command_max_age_seconds * (STOP_COMMAND_AGE_FACTOR if command.action in _ENDINGS else 1)
    return QueuedCommand(
        command=replace(command, call_control_id=address),
        command_id=own_id,
        expires_at=began + age,
        event_id=event.id,
        event_type=event.type,
        identity=event.identity,
    )
