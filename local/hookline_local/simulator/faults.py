"""What goes wrong on purpose, how often, and with which dice.

A fault is given as a number: a float is a fraction of all occasions (0.3, 1.0 for every one), an integer is the next
so many. Either may be kept to one kind of occasion by a table: `{"call.answered": 1}` for webhooks, by event type;
`{"speak": 0.5}` for the API, by action. The dice depend on the seed, the fault, and which occasion of its kind it is
(the third `call.dtmf.received` of the second call), never on the clock: a bad run can be run again.
"""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

Dose = int | float | Mapping[str, int | float]
LARGEST = 1e9
"""A number beyond it is a mistake, and time cannot be reckoned with it: seconds of thirty years."""


@dataclass(frozen=True, kw_only=True)
class Misbehaviour:
    """Every fault that can be asked for; all off."""

    # Webhooks, by event type
    duplicate: Dose = 0
    """Deliver it twice, at the same time."""
    reorder: Dose = 0
    """Keep it back until another one of its call has been delivered."""
    delay: Dose = 0
    """Deliver it `delay_seconds` late."""
    drop: Dose = 0
    """The first attempt never arrives; it counts as failed and is retried."""
    lose: Dose = 0
    """No attempt ever arrives."""
    forge: Dose = 0
    """A stranger sends a look-alike first, signed with another key."""
    wrong_signature: Dose = 0
    """The genuine one is signed with another key, at every attempt."""
    corrupt: Dose = 0
    """One bit of the body is flipped after signing, at the first attempt."""
    expire_links: Dose = 0
    """The links in it are dead on arrival; those that the API gives out later are fresh."""
    fail_recording: Dose = 0
    """call.recording.error comes in place of call.recording.saved."""

    # Downloads, under the key "download"
    cut_downloads: Dose = 0
    """The connection breaks in the middle of the file."""

    # API, by action ("dial", "recordings", "calls" and so on for what is no action)
    api_429: Dose = 0
    api_500: Dose = 0
    api_503: Dose = 0
    api_slow: Dose = 0
    """The answer comes `slow_seconds` late."""
    api_hang: Dose = 0
    """The request is swallowed: not obeyed, never answered."""
    api_lose_answer: Dose = 0
    """The command is obeyed, and never answered."""

    # How much
    delay_seconds: float = 1.0
    """Call seconds."""
    slow_seconds: float = 1.0
    """On the wall's clock."""
    clock_skew_seconds: float = 0.0
    """Added to `telnyx-timestamp` of every webhook."""
    rate_limit_reset_seconds: int = 1
    """`x-ratelimit-reset` of an `api_429`."""
    refuse_webhook_urls: bool = False
    """`webhook_urls` is a parameter that the API does not know."""
    refuse_webhook_retries_policies: bool = False

    def changed(self, wishes: Mapping[str, object]) -> "Misbehaviour":
        """With these faults in place of what was set before.

        Raises ValueError naming a fault that there is not, or whose value is of the wrong kind.
        """
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in wishes.items():
            if name not in known:
                raise ValueError(f"{name}: there is no such misbehaviour; there are {', '.join(sorted(known))}")
            if isinstance(known[name], bool) != isinstance(value, bool):
                raise ValueError(f"{name}: {'true or false' if isinstance(known[name], bool) else 'a number'}, please")
            doses = list(value.values()) if isinstance(value, Mapping) and not name.endswith("_seconds") else [value]
            if not all(isinstance(dose, int | float) and abs(dose) <= LARGEST for dose in doses):
                raise ValueError(f"{name}: a number, {LARGEST:.0f} at most, or a table of numbers, please")
        return replace(self, **dict(wishes))  # type: ignore[arg-type]  # checked just above


class Dice:
    """Says whether a fault happens this time, and remembers how many are still owed."""

    def __init__(self, seed: int, misbehaviour: Misbehaviour) -> None:
        self.seed = seed
        self.misbehaviour = misbehaviour
        self._spent: Counter[tuple[str, str]] = Counter()
        self._occasions: Counter[tuple[str, str, str]] = Counter()

    def change(self, wishes: Mapping[str, object]) -> Misbehaviour:
        """Set faults from now on: a count starts anew. Raises ValueError naming a wrong one."""
        self.misbehaviour = self.misbehaviour.changed(wishes)
        for fault in wishes:
            for spent in [key for key in self._spent if key[0] == fault]:
                del self._spent[spent]
        return self.misbehaviour

    def falls(self, fault: str, *, kind: str, of: str = "") -> bool:
        """Does `fault` happen to this occasion? kind: event type or action; of: what it belongs to, such as a call."""
        dose: Dose = getattr(self.misbehaviour, fault)
        which = ""
        if isinstance(dose, Mapping):
            which, dose = kind, dose.get(kind, 0)
        occasion = (fault, kind, of)
        self._occasions[occasion] += 1
        if isinstance(dose, float):
            return random.Random(f"{self.seed}/{'/'.join(occasion)}/{self._occasions[occasion]}").random() < dose
        if self._spent[fault, which] >= dose:
            return False
        self._spent[fault, which] += 1
        return True
