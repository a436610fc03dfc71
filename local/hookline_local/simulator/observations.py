"""Observations: every webhook as it is sent and answered, every command as it is received."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Sending:
    """An attempt to deliver a webhook begins. `--> call.answered`"""

    event_type: str
    event_id: str
    call_control_id: str
    call_leg_id: str
    call_session_id: str
    attempt: int
    url: str
    fault: str | None = None
    """The injected fault: "duplicate", "forge", ..."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """That attempt has ended. `<-- 200 12 ms`"""

    event_type: str
    event_id: str
    call_control_id: str
    call_leg_id: str
    call_session_id: str
    attempt: int
    url: str
    fault: str | None
    status: int | None
    """HTTP status; None when there was no answer."""
    milliseconds: float
    answer: object
    """The JSON that was answered, or None."""
    problem: str | None
    """Why there was no answer, in a few words."""


@dataclass(frozen=True, kw_only=True)
class CommandReceived:
    """A request of the application has been handled."""

    action: str
    """`speak`, `dial`, ...; `GET /v2/recordings/{id}` and the like for what is not a command."""
    call_control_id: str | None
    command_id: str | None
    params: Mapping[str, object]
    status: int | None
    """None: it was left without an answer on purpose."""
    code: str | None
    """Telnyx's error code."""
    milliseconds: float
    repeated: bool = False
    """The command_id was used within the last 60 s: nothing was done."""
    fault: str | None = None


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something else worth a line: a call placed, a key pressed, a stream's error, a scenario step that timed out."""

    text: str
    call_session_id: str | None = None
    call_leg_id: str | None = None


Observation = Sending | Answered | CommandReceived | Remark
KINDS: Mapping[type[Observation], str] = {
    Sending: "sending",
    Answered: "answered",
    CommandReceived: "command",
    Remark: "remark",
}
Observer = Callable[[Observation], None]


def as_json(observation: Observation) -> dict[str, object]:
    """An observation as a JSON object, its kind in `kind`: sending, answered, command or remark."""
    return {"kind": KINDS[type(observation)], **asdict(observation)}


class Observers:
    """The functions that get every observation."""

    def __init__(self) -> None:
        self._observers: list[Observer] = []

    def add(self, observer: Observer) -> Callable[[], None]:
        """Call `observer` from now on, in the simulator's thread; the returned function ends that."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def __call__(self, observation: Observation) -> None:
        """Pass it to every observer."""
        for observer in list(self._observers):
            observer(observation)
