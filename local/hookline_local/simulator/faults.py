"""Injected faults: their rates and their random numbers.

The rate of a fault is a number: a float is a fraction of all occasions (0.3, 1.0 for every one), an integer is a count
of next occasions. Either may be limited to one kind of occasion by a table: `{"call.answered": 1}` for webhooks, by
event type; `{"speak": 0.5}` for the API, by action. Randomness depends on the seed, the fault, and the number of the
occasion of its kind (the third `call.dtmf.received` of the second call), never on the clock: a bad run can be repeated.
"""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

Rate = int | float | Mapping[str, int | float]
LARGEST = 1e9
"""A larger number is a mistake, and overflows the clock: the seconds of thirty years."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Every fault that can be asked for; all off."""

    # Webhooks, by event type
    duplicate: Rate = 0
    """Deliver it twice, at the same time."""
    reorder: Rate = 0
    """Hold it back until another one of its call has been delivered."""
    delay: Rate = 0
    """Deliver it `delay_seconds` late."""
    drop: Rate = 0
    """The first attempt never arrives; it counts as failed and is retried."""
    lose: Rate = 0
    """No attempt ever arrives."""
    forge: Rate = 0
    """A stranger sends a look-alike first, signed with another key."""
    wrong_signature: Rate = 0
    """The genuine one is signed with another key, at every attempt."""
    corrupt: Rate = 0
    """One bit of the body is flipped after signing, at the first attempt."""
    expire_links: Rate = 0
    """The links in it are dead on arrival; those that the API gives out later are fresh."""
    fail_recording: Rate = 0
    """call.recording.error comes in place of call.recording.saved."""

    # Downloads, under the key "download"
    cut_downloads: Rate = 0
    """The connection breaks in the middle of the file."""

    # API, by action ("dial", "recordings", "calls" and so on for other requests)
    api_429: Rate = 0
    api_500: Rate = 0
    api_503: Rate = 0
    api_slow: Rate = 0
    """The answer comes `slow_seconds` late."""
    api_hang: Rate = 0
    """The request is swallowed: not executed, never answered."""
    api_lose_answer: Rate = 0
    """The command is executed, and never answered."""

    # How much
    delay_seconds: float = 1.0
    """Call seconds."""
    slow_seconds: float = 1.0
    """Wall-clock time."""
    clock_skew_seconds: float = 0.0
    """Added to `telnyx-timestamp` of every webhook."""
    rate_limit_reset_seconds: int = 1
    """`x-ratelimit-reset` of an `api_429`."""
    refuse_webhook_urls: bool = False
    """The API refuses the parameter `webhook_urls`."""
    refuse_webhook_retries_policies: bool = False

    def changed(self, changes: Mapping[str, object]) -> "Faults":
        """With these faults replaced.

        Raises ValueError naming an unknown fault, or one whose value is of the wrong kind.
        """
        current = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in changes.items():
            if name not in current:
                raise ValueError(f"{name}: unknown fault; there are {', '.join(sorted(current))}")
            _check(name, value, current[name])
        return replace(self, **dict(changes))  # type: ignore[arg-type]  # checked just above


def _check(name: str, value: object, current: object) -> None:
    """Raise ValueError unless the value is of the kind of the current one."""
    if isinstance(current, bool) != isinstance(value, bool):
        raise ValueError(f"{name}: expected {'true or false' if isinstance(current, bool) else 'a number'}")
    rates = list(value.values()) if isinstance(value, Mapping) and not name.endswith("_seconds") else [value]
    if not all(isinstance(rate, int | float) and abs(rate) <= LARGEST for rate in rates):
        raise ValueError(f"{name}: expected a number, {LARGEST:.0f} at most, or a table of numbers")


class FaultInjector:
    """Decides whether a fault happens this time, and counts those that have happened."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self.seed = seed
        self.faults = faults
        self._used: Counter[tuple[str, str]] = Counter()
        self._occasions: Counter[tuple[str, str, str]] = Counter()

    def change(self, changes: Mapping[str, object]) -> Faults:
        """Set faults from now on: a count restarts. Raises ValueError naming a wrong one."""
        self.faults = self.faults.changed(changes)
        for used in [key for key in self._used if key[0] in changes]:
            del self._used[used]
        return self.faults

    def should_inject(self, fault: str, *, kind: str, of: str = "") -> bool:
        """Whether `fault` happens on this occasion. kind: event type or action; of: for example the call."""
        rate: Rate = getattr(self.faults, fault)
        key = ""
        if isinstance(rate, Mapping):
            key, rate = kind, rate.get(kind, 0)
        occasion = (fault, kind, of)
        self._occasions[occasion] += 1
        if isinstance(rate, float):
            return random.Random(f"{self.seed}/{'/'.join(occasion)}/{self._occasions[occasion]}").random() < rate
        if self._used[fault, key] >= rate:
            return False
        self._used[fault, key] += 1
        return True
