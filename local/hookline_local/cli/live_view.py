"""Shows what the Telnyx simulator sees: a line as a webhook goes out, a line as it is answered."""

from collections.abc import Callable, Mapping
from typing import Any

from hookline_local.cli.screen import Screen
from hookline_local.simulator.observations import Answered, CommandReceived, Observation, Remark, Sending

NOTES = {
    "forge": "forged: signed with a stranger's key",
    "duplicate": "the same again",
    "drop": "lost on the way",
    "wrong_signature": "signed with a wrong key",
    "corrupt": "one bit flipped on the way",
}


class Watch:
    """when: says the time that stands before a webhook."""

    def __init__(self, screen: Screen, *, when: Callable[[], str] = lambda: "") -> None:
        self.screen = screen
        self.when = when

    def see(self, what: Observation) -> None:
        """One observation of the simulator's."""
        match what:
            case Sending():
                self.screen.comes(what.event_type, key=_key(what), when=self.when(), note=self.note(what))
            case Answered():
                self.screen.goes(
                    what.event_type,
                    key=_key(what),
                    status=what.status,
                    milliseconds=what.milliseconds,
                    answer=what.answer,
                    problem=what.problem,
                )
            case CommandReceived():
                refused = what.status is None or what.status >= 300
                if refused or what.fault:
                    why = f" {what.code}" if what.code else ""
                    fault = f" ({what.fault})" if what.fault else ""
                    self.screen.aside(f"{what.action} {what.status or 'no answer'}{why}{fault}")
            case Remark():
                self.screen.aside(what.text)

    def note(self, sending: Sending) -> str:
        """What is special about this delivery; empty when nothing is."""
        if sending.fault in NOTES:
            return NOTES[sending.fault]
        return f"attempt {sending.attempt}" if sending.attempt > 1 else ""


def _key(what: Sending | Answered) -> str:
    return f"{what.event_id} {what.attempt} {what.fault}"


def observation_of(content: Mapping[str, Any]) -> Observation | None:
    """An observation from the JSON object that the simulator made of it; None for a kind that is not known here."""
    kinds: dict[str, type[Observation]] = {
        "sending": Sending,
        "answered": Answered,
        "told": CommandReceived,
        "remark": Remark,
    }
    facts = dict(content)
    kind = kinds.get(facts.pop("kind", ""))
    return kind(**facts) if kind else None
