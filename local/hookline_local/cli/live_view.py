"""Shows the observations of the Telnyx simulator: webhooks sent and answered, words spoken, keys pressed."""

import time
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
HEARD = {
    "speak": "payload",
    "gather_using_speak": "payload",
    "playback_start": "audio_url",
    "gather_using_audio": "audio_url",
    "send_dtmf": "digits",
    "dial": "to",
    "transfer": "to",
}
"""The commands that a person on the phone hears or sees, and the parameter that is shown."""
LABEL_LENGTH = 8
"""Characters of the call leg id: the beginning that `hookline calls show` takes."""
REMEMBERED_CALLS = 1000


class LiveView:
    """when: makes the time in front of a webhook. labels: whether each line begins with a short label of its call."""

    def __init__(self, screen: Screen, *, when: Callable[[], str] = lambda: "", labels: bool = True) -> None:
        self.screen = screen
        self.when = when
        self._labels = labels
        self._legs: dict[str, str] = {}

    def on_observation(self, observation: Observation) -> None:
        """Show one observation of the simulator."""
        match observation:
            case Sending() as sending:
                self._remember(sending)
                self.screen.request_received(
                    sending.event_type,
                    key=_key(sending),
                    when=self.when(),
                    label=self._label(sending.call_leg_id),
                    note=self.note(sending),
                )
            case Answered() as answer:
                self.screen.response_sent(
                    answer.event_type,
                    key=_key(answer),
                    status=answer.status,
                    milliseconds=answer.milliseconds,
                    answer=answer.answer,
                    problem=answer.problem,
                    label=self._label(answer.call_leg_id),
                )
            case CommandReceived() as command:
                self._command(command)
            case Remark() as remark:
                self.screen.detail(remark.text, label=self._label(remark.call_leg_id))

    def _command(self, command: CommandReceived) -> None:
        """Show the words that the person on the phone hears; and an error, when it was refused or has met a fault."""
        label = self._label(self._legs.get(command.call_control_id or ""))
        refused = command.status is None or command.status >= 300
        if refused or command.fault:
            code = f" {command.code}" if command.code else ""
            fault = f" ({command.fault})" if command.fault else ""
            self.screen.detail(f"{command.action} {command.status or 'no answer'}{code}{fault}", label=label)
        heard = command.params.get(HEARD.get(command.action, ""))
        if heard and not refused and not command.repeated:
            shown = "x" * len(str(heard)) if command.action == "send_dtmf" else str(heard)
            self.screen.heard(f"{command.action}: ", shown, label=label)

    def note(self, sending: Sending) -> str:
        """Anything unusual about this delivery."""
        if sending.fault in NOTES:
            return NOTES[sending.fault]
        return f"attempt {sending.attempt}" if sending.attempt > 1 else ""

    def _label(self, leg_id: str | None) -> str:
        return label_of(leg_id) if self._labels else ""

    def _remember(self, sending: Sending) -> None:
        """A command names its leg by the control id alone."""
        self._legs[sending.call_control_id] = sending.call_leg_id
        if len(self._legs) > REMEMBERED_CALLS:
            del self._legs[next(iter(self._legs))]


def label_of(leg_id: str | None) -> str:
    """The short label of a call, of one width."""
    return f"{(leg_id or '')[:LABEL_LENGTH]:{LABEL_LENGTH}}"


def clock() -> str:
    """The time of day."""
    return time.strftime("%H:%M:%S")


def _key(observation: Sending | Answered) -> str:
    return f"{observation.event_id} {observation.attempt} {observation.fault}"


def observation_of(content: Mapping[str, Any]) -> Observation | None:
    """An observation from its JSON object; None for an unknown kind."""
    fields = dict(content)
    name = fields.pop("kind", "")
    kind = next((kind for kind, known in KINDS.items() if known == name), None)
    return kind(**fields) if kind else None
