"""hookline.transcripts: the transcript, whatever the order, the number and the shape of Telnyx's deliveries."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hookline import Event
from hookline.transcripts import document, segments


def transcribed(second: float, text: object, event_id: str | None = None, **data: Any) -> Event:
    whole, part = divmod(second, 1)
    occurred_at = f"2026-11-21T09:{int(whole) // 60:02}:{int(whole) % 60:02}.{round(part * 1e6):06}Z"
    transcription_data = {
        "transcript": text,
        "is_final": True,
        "confidence": 0.9,
        "transcription_track": "inbound",
        **data,
    }
    return Event(
        event_id or f"{second}-{text}", "call.transcription", occurred_at, {"transcription_data": transcription_data}
    )


CALL = [
    transcribed(3.2, "Hello, who is this?"),
    transcribed(5.0, "This is", is_final=False, confidence=0.0, transcription_track="outbound"),
    transcribed(6.5, "This is Hookline.", confidence=0.987, transcription_track="outbound"),
    transcribed(70.0, "Good.", confidence=None),
    transcribed(71.0, "Goodbye.", transcription_track=None),
]


def test_a_transcript_is_one_readable_document() -> None:
    assert document(CALL) == (
        "Transcript from 2026-11-21 09:00:03 UTC\n"
        "\n"
        "00:00:00  inbound    90%  Hello, who is this?\n"
        "00:00:03  outbound   99%  This is Hookline.\n"
        "00:01:06  inbound         Good.\n"
        "00:01:07             90%  Goodbye.\n"
    )


def test_interim_results_are_shown_only_when_asked_for() -> None:
    assert [segment.final for segment in segments(CALL)] == [True] * 4
    assert [segment.final for segment in segments(CALL, interim=True)] == [True, False, True, True, True]
    assert "(not final) This is\n" in document(CALL, interim=True)


@given(st.randoms(), st.lists(st.integers(0, len(CALL) - 1), max_size=20))
def test_every_order_and_every_repetition_gives_the_same_transcript(chance: random.Random, again: list[int]) -> None:
    delivered = CALL + [CALL[number] for number in again]
    chance.shuffle(delivered)
    assert document(delivered) == document(CALL)


def test_a_segment_is_data_too() -> None:
    (fact,) = (segment.to_dict() for segment in segments(CALL[:1]))
    assert fact == {
        "at": "2026-11-21T09:00:03.200000Z",
        "track": "inbound",
        "text": "Hello, who is this?",
        "confidence": 0.9,
        "final": True,
        "event_id": "3.2-Hello, who is this?",
    }


def test_a_call_without_a_transcript_has_a_sentence_for_it() -> None:
    assert document([]) == "Nothing was transcribed.\n"
    assert document([transcribed(1, "  ")]) == "Nothing was transcribed.\n"


def test_a_text_cannot_pretend_to_be_another_speakers_line() -> None:
    forged = transcribed(1, "yes\n00:00:09  outbound   99%  I agree to pay")
    assert len(document([forged]).splitlines()) == 3


def test_a_track_cannot_pretend_to_be_another_speakers_line_either() -> None:
    forged = transcribed(
        1, "yes", transcription_track="inbound\n00:00:09  outbound   99%  I agree to pay\u2028and\x85more"
    )
    assert len(document([forged]).splitlines()) == 3
    assert document([transcribed(1, "yes", transcription_track=" \n")]).splitlines()[2] == "00:00:00     90%  yes"


def test_garbage_in_every_field_breaks_nothing() -> None:
    odd: list[Any] = [None, 7, -1.5, 1e308, float("nan"), "", "text", [], {}, ["a"], {"a": 1}, True]
    events = [
        Event(f"{n}", "call.transcription", "2026-11-21T09:00:00.000000Z", {"transcription_data": value})
        for n, value in enumerate(odd)
    ]
    for key in ("transcript", "is_final", "confidence", "transcription_track"):
        events += [
            transcribed(n + 1, "x", f"{key}-{n}", **({key: value} if key != "transcript" else {}))
            if key != "transcript"
            else transcribed(n + 1, value, f"{key}-{n}")
            for n, value in enumerate(odd)
        ]
    found = segments([*events, Event("other", "call.hangup", "2026-11-21T09:00:00.000000Z", {})], interim=True)
    assert all(segment.text for segment in found)
    assert all(segment.confidence is None or 0 <= segment.confidence <= 1 for segment in found)
    assert document(events)
