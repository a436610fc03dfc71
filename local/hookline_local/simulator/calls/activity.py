"""Activities of a leg, as the leg sees them: gathering, recording, streaming, forking, transcribing, playing, queueing.

A leg knows its activities by this class alone and reports to them what happens on the line. Each activity has a module
of its own above the legs.
"""

from dataclasses import dataclass
from typing import Literal

Track = Literal["inbound", "outbound"]


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """Words on the line. final: False while the speaker has not finished, with the words up to now."""

    text: str
    track: Track
    final: bool


class Activity:
    """Something that runs on a leg until it finishes by itself, is stopped by a command, or the leg ends."""

    def on_key(self, digit: str) -> None:
        """The person on the leg has pressed a key."""

    def on_audio(self) -> None:
        """Something is audible on the leg, in either direction."""

    def on_utterance(self, utterance: Utterance) -> None:
        """Words were spoken on the leg: by the person (inbound), or by text to speech (outbound)."""

    def on_hangup(self) -> None:
        """The leg has ended; its call.hangup has not been sent yet."""
