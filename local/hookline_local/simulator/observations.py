"""What can be watched from outside: every webhook as it goes out and is answered, every command as it comes in."""

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
    """The misbehaviour that has a hand in it: "duplicate", "forge", ..."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """That attempt is over. `<-- 200 12 ms`"""

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
class Told:
    """A request of the application has been dealt with."""

    action: str
    """`speak`, `dial`, ...; `GET /v2/recordings/{id}` and the like for what is no command."""
    call_control_id: str | None
    command_id: str | None
    params: Mapping[str, object]
    status: int | None
    """None: it was left without an answer on purpose."""
    code: str | None
    """Telnyx's error code."""
    milliseconds: float
    repeated: bool = False
    """The command_id had been seen within the last 60 s: nothing was done."""
    fault: str | None = None


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something else worth a line: a call placed, a key pressed, a scenario that waited in vain."""

    text: str
    call_session_id: str | None = None


Observation = Sending | Answered | Told | Remark
Observer = Callable[[Observation], None]


def as_json(observation: Observation) -> dict[str, object]:
    """An observation as a JSON object, its kind in `kind`."""
    return {"kind": type(observation).__name__.lower(), **asdict(observation)}


class Observers:
    """Those who watch."""

    def __init__(self) -> None:
        self._observers: list[Observer] = []

    def add(self, observer: Observer) -> Callable[[], None]:
        """From now on `observer` is called, in the stand-in's thread; the answer ends that."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def __call__(self, observation: Observation) -> None:
        """Tell everybody."""
        for observer in list(self._observers):
            observer(observation)
