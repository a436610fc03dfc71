"""What was said, as one readable document: a fold of `call.transcription` events. The standard library is all it needs.

Source: developers.telnyx.com, transcription callback: the text is nested in `transcription_data`, `confidence` may be
null, `transcription_track` is not always there.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from hookline.events import UNKNOWN_TIME, Event, seconds_between

_SPOKEN = "call.transcription"


@dataclass(frozen=True, slots=True)
class Segment:
    """Something that was said.

    at: UTC, fixed width, when Telnyx had heard it. track: "inbound" (who called, or was called) or "outbound" (our
    side), None when Telnyx does not say. confidence: 0 to 1, None when Telnyx does not say. final: False for a guess
    that a later segment replaces.
    """

    at: str
    track: str | None
    text: str
    confidence: float | None
    final: bool
    event_id: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)


def segments(events: Iterable[Event], *, interim: bool = False) -> list[Segment]:
    """What was said, in order of time, each once, whatever the order and number of deliveries.

    interim: the guesses too. Events of other types, and such without a text, say nothing here.
    """
    found = {event.id: segment for event in events if (segment := _segment(event)) and (segment.final or interim)}
    return sorted(found.values(), key=lambda segment: (segment.at, segment.event_id))


def document(events: Iterable[Event], *, interim: bool = False) -> str:
    """The transcript of a call as a person reads it: a line a segment, or the sentence that there is none.

    A line holds the time since the first segment, the track, the confidence in per cent, and the text.
    """
    said = segments(events, interim=interim)
    if not said:
        return "Nothing was transcribed.\n"
    first = said[0].at
    head = "Transcript" if first == UNKNOWN_TIME else f"Transcript from {first[:10]} {first[11:19]} UTC"
    width = max(len(segment.track or "") for segment in said)
    lines = [_line(segment, first, width) for segment in said]
    return "\n".join([head, "", *lines]) + "\n"


def _segment(event: Event) -> Segment | None:
    data = event.payload.get("transcription_data")
    if event.type != _SPOKEN or not isinstance(data, dict):
        return None
    text, track, confidence = data.get("transcript"), data.get("transcription_track"), data.get("confidence")
    if not isinstance(text, str) or not text.strip():
        return None
    known = isinstance(confidence, (int, float)) and not isinstance(confidence, bool) and 0 <= confidence <= 1
    return Segment(
        at=event.occurred_at,
        # One line a segment: neither a track nor a text can pretend to be another speaker's line.
        track=(" ".join(track.split()) or None) if isinstance(track, str) else None,
        text=" ".join(text.split()),
        confidence=float(confidence) if known and confidence is not None else None,
        final=data.get("is_final") is not False,
        event_id=event.id,
    )


def _line(segment: Segment, first: str, width: int) -> str:
    seconds = int(seconds_between(first, segment.at))
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    sure = "    " if segment.confidence is None else f"{round(segment.confidence * 100):3}%"
    guess = "" if segment.final else "(not final) "
    return f"{clock}  {segment.track or '':{width}}  {sure}  {guess}{segment.text}".rstrip()
