"""Shows the observations of the Telnyx simulator: a line per webhook sent, a line per answer."""

from collections.abc import Callable, Mapping
from typing import Any

from hookline_local.cli.screen import Screen
from hookline_local.simulator.observations import KINDS, Answered, CommandReceived, Observation, Remark, Sending

NOTES = {
    "forge": "forged: signed with a foreign key",
    "duplicate": "the same again",
    "drop": "lost on the way",
    "wrong_signature": "signed with a wrong key",
    "corrupt": "one bit flipped on the way",
}


class LiveView:
    """when: makes the time in front of a webhook."""

    def __init__(self, screen: Screen, *, when: Callable[[], str] = lambda: "") -> None:
        self.screen = screen
        self.when = when

    def on_observation(self, observation: Observation) -> None:
        """Show one observation of the simulator."""
        match observation:
            case Sending() as sending:
                self.screen.request_received(
                    sending.event_type, key=_key(sending), when=self.when(), note=self.note(sending)
                )
            case Answered() as answer:
                self.screen.response_sent(
                    answer.event_type,
                    key=_key(answer),
                    status=answer.status,
                    milliseconds=answer.milliseconds,
                    answer=answer.answer,
                    problem=answer.problem,
                )
            case CommandReceived() as command:
                self._command(command)
            case Remark(text=text):
                self.screen.detail(text)

    def _command(self, command: CommandReceived) -> None:
        """Only one that was refused, or has met a fault."""
        refused = command.status is None or command.status >= 300
        if refused or command.fault:
            code = f" {command.code}" if command.code else ""
            fault = f" ({command.fault})" if command.fault else ""
            self.screen.detail(f"{command.action} {command.status or 'no answer'}{code}{fault}")

    def note(self, sending: Sending) -> str:
        """Anything unusual about this delivery."""
        if sending.fault in NOTES:
            return NOTES[sending.fault]
        return f"attempt {sending.attempt}" if sending.attempt > 1 else ""


def _key(observation: Sending | Answered) -> str:
    return f"{observation.event_id} {observation.attempt} {observation.fault}"


def observation_of(content: Mapping[str, Any]) -> Observation | None:
    """An observation from its JSON object; None for an unknown kind."""
    fields = dict(content)
    name = fields.pop("kind", "")
    kind = next((kind for kind, known in KINDS.items() if known == name), None)
    return kind(**fields) if kind else None
