"""A transcript as plain text and as WebVTT (W3C). Values only."""

from collections.abc import Sequence
from html import escape

from hookline.events import seconds_between
from hookline.transcripts import Segment
from hookline.visible import visible_line

_READING_SECONDS = 1.5
_CHARACTERS_A_SECOND = 14
"""How long a segment is shown: Telnyx reports when it had transcribed it, not how long it was spoken."""


def as_text(segments: Sequence[Segment], started_at: str) -> str:
    """A line a segment: the time since started_at, who spoke, and the text."""
    return "".join(
        f"{_clock(_offset(started_at, one))}  {_speaker(one)}  {visible_line(one.text)}\n" for one in segments
    )


def as_vtt(segments: Sequence[Segment], started_at: str) -> str:
    """WebVTT with a cue a segment, its speaker as the voice; times since started_at."""
    cues = ["WEBVTT\n"]
    for one in segments:
        end = _offset(started_at, one)
        begin = max(0.0, end - _READING_SECONDS - len(one.text) / _CHARACTERS_A_SECOND)
        cues.append(f"{_clock(begin, 3)} --> {_clock(max(end, begin + 0.1), 3)}\n<v {_speaker(one)}>{_cue(one.text)}\n")
    return "\n".join(cues)


def _offset(started_at: str, segment: Segment) -> float:
    return max(0.0, seconds_between(started_at, segment.at)) if started_at else 0.0


def _speaker(segment: Segment) -> str:
    return {"inbound": "caller", "outbound": "line"}.get(segment.track or "", "unknown")


def _cue(text: str) -> str:
    """Text in which nothing is a tag, an entity, the arrow of a cue, or a control character."""
    return escape(visible_line(text), quote=False)


def _clock(seconds: float, digits: int = 0) -> str:
    milliseconds = round(seconds * 1000)
    text = f"{milliseconds // 3_600_000:02}:{milliseconds // 60_000 % 60:02}:{milliseconds // 1000 % 60:02}"
    return f"{text}.{milliseconds % 1000:03}" if digits else text
