"""The transcript of a call: a fold of `call.transcription` events. The standard library is all it needs.

Source: developers.telnyx.com, transcription callback: the text is nested in `transcription_data`, `confidence` may be
null, `transcription_track` is not always there.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from hookline.events import UNKNOWN_TIME, Event, seconds_between

_TRANSCRIPTION_EVENT = "call.transcription"


@dataclass(frozen=True, slots=True)
class Segment:
    """One transcribed utterance.

    at: UTC, fixed width, when Telnyx had transcribed it. track: "inbound" (the other party) or "outbound" (our side),
    None when Telnyx does not report it. confidence: 0 to 1, None when Telnyx does not report it. final: False for an
    interim result that a later segment replaces.
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
    """Return the segments in order of time, each once, whatever the order and number of deliveries.

    interim: the interim results too. Events of other types, and such without a text, give no segment.
    """
    found = {event.id: segment for event in events if (segment := _segment(event)) and (segment.final or interim)}
    return sorted(found.values(), key=lambda segment: (segment.at, segment.event_id))


def document(events: Iterable[Event], *, interim: bool = False) -> str:
    """Render the transcript of a call: a line a segment, or the sentence that there is none.

    A line holds the time since the first segment, the track, the confidence in per cent, and the text.
    """
    found = segments(events, interim=interim)
    if not found:
        return "Nothing was transcribed.\n"
    first = found[0].at
    head = "Transcript" if first == UNKNOWN_TIME else f"Transcript from {first[:10]} {first[11:19]} UTC"
    width = max(len(segment.track or "") for segment in found)
    lines = [_line(segment, first, width) for segment in found]
    return "\n".join([head, "", *lines]) + "\n"


def _segment(event: Event) -> Segment | None:
    data = event.payload.get("transcription_data")
    if event.type != _TRANSCRIPTION_EVENT or not isinstance(data, dict):
        return None
    text, track = data.get("transcript"), data.get("transcription_track")
    if not isinstance(text, str) or not text.strip():
        return None
    return Segment(
        at=event.occurred_at,
        # One line a segment: neither a track nor a text can pretend to be another speaker's line.
        track=(" ".join(track.split()) or None) if isinstance(track, str) else None,
        text=" ".join(text.split()),
        confidence=_confidence(data.get("confidence")),
        final=data.get("is_final") is not False,
        event_id=event.id,
    )


def _confidence(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= 1 else None


def _line(segment: Segment, first: str, width: int) -> str:
    seconds = int(seconds_between(first, segment.at))
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    confidence = "    " if segment.confidence is None else f"{round(segment.confidence * 100):3}%"
    interim = "" if segment.final else "(not final) "
    return f"{clock}  {segment.track or '':{width}}  {confidence}  {interim}{segment.text}".rstrip()
