"""Live transcription of a leg."""

from typing import Literal

from hookline_local.simulator.calls.activity import Activity, Utterance
from hookline_local.simulator.calls.legs import Leg


class Transcribing(Activity):
    """One transcription, from its command to its end."""

    def __init__(self, leg: Leg, *, tracks: Literal["inbound", "outbound", "both"], interim: bool) -> None:
        """interim: also send what is recognized before the speaker has finished."""
        self._leg = leg
        self._tracks = tracks
        self._interim = interim
        leg.start(self)

    def on_utterance(self, utterance: Utterance) -> None:
        """call.transcription."""
        if not self._includes(utterance.track) or not (utterance.final or self._interim):
            return
        self._leg.emit(
            "call.transcription",
            {
                "transcription_data": {
                    "confidence": 0.97 if utterance.final else 0.0,
                    "is_final": utterance.final,
                    "transcript": utterance.text,
                    "transcription_track": utterance.track,
                }
            },
        )

    def stop(self) -> None:
        """No event reports it. Idempotent."""
        self._leg.finish(self)

    def _includes(self, track: str) -> bool:
        return self._tracks in (track, "both")
