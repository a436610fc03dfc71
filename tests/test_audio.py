"""hookline.audio: what a file is and how long it lasts, told from bytes that come in pieces of any size."""

import random
import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.audio import Audio, Meter, NotARecording
from sound import id3, mp3, wav

MP3_WITH_INFO = bytes([0xFF, 0xFB, 0x90, 0x00]).ljust(36, b"\x00") + b"Info" + struct.pack(">II", 1, 100)


def measured(data: bytes, step: int = 65_536) -> Audio:
    meter = Meter()
    for start in range(0, len(data), step):
        meter.feed(data[start : start + step])
    return meter.finish()


@pytest.mark.parametrize("step", [1, 7, 1000, 1 << 20])
@pytest.mark.parametrize(
    "data, seconds, channels",
    [
        (wav(1.5), 1.5, 1),
        (wav(1.5, channels=2), 1.5, 2),
        (wav(1.0, extra=b"LIST" + struct.pack("<I", 5) + b"abcde\x00"), 1.0, 1),
        (mp3(1.44), 1.44, 1),
        (mp3(1.44, stereo=True), 1.44, 2),
        (mp3(1.44, rates=(2, 5, 9)), 1.44, 1),
        (mp3(1.44, tag=id3(3000)), 1.44, 1),
        (mp3(1.44, tag=id3(200_000)), 1.44, 1),
        (mp3(0.072), 0.072, 1),
    ],
)
def test_duration_and_channels_are_read_whatever_the_size_of_the_pieces(
    data: bytes, seconds: float, channels: int, step: int
) -> None:
    audio = measured(data, step)
    assert audio.duration_seconds == pytest.approx(seconds, abs=1e-6)
    assert audio.channels == channels
    assert audio.sample_rate == 8000
    assert audio.missing_bytes == audio.unreadable_bytes == 0


@pytest.mark.parametrize("announced", [0, 0xFFFFFFFF, 0x7FFFF024])
def test_a_wav_written_to_a_pipe_lasts_as_long_as_its_bytes(announced: int) -> None:
    assert measured(wav(2.0, announced=announced)) == Audio("wav", 2.0, 1, 8000)


def test_a_wav_that_announces_more_than_it_has_is_short_and_says_so() -> None:
    audio = measured(wav(2.0, announced=40_000))
    assert audio.duration_seconds == 2.0
    assert audio.missing_bytes == 8_000


def test_what_follows_the_sound_of_a_wav_does_not_lengthen_it() -> None:
    assert measured(wav(2.0) + b"LIST" + struct.pack("<I", 4000) + b"x" * 4000).duration_seconds == 2.0


def test_a_wav_of_more_than_four_gigabytes_says_its_length_in_another_chunk() -> None:
    long = struct.pack("<4sIQQQI", b"ds64", 28, 0, 16_000, 0, 0)
    data = wav(2.0, announced=0xFFFFFFFF)
    data = b"RF64" + data[4:12] + long + data[12:]
    assert measured(data) == Audio("wav", 1.0, 1, 8000)


def test_an_mp3_cut_inside_a_frame_says_what_is_missing() -> None:
    assert measured(mp3(1.44)[:-100]).missing_bytes == 100


def test_an_info_frame_is_no_sound_and_its_count_tells_a_cut() -> None:
    header = bytes([0xFF, 0xFB, 0x90, 0x00])
    info, frame = MP3_WITH_INFO.ljust(417, b"\x00"), header.ljust(417, b"\x00")
    whole = measured(info + frame * 100)
    assert whole.duration_seconds == pytest.approx(100 * 1152 / 44_100)
    assert whole.missing_bytes == 0
    assert measured(info + frame * 60).missing_bytes == 40 * 417


def test_noise_between_frames_is_passed_over_and_counted() -> None:
    audio = measured(mp3(0.72) + b"\x01" * 333 + mp3(0.72))
    assert audio.duration_seconds == pytest.approx(1.44)
    assert audio.unreadable_bytes == 333


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"<!doctype html><title>Sorry</title>",
        b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>" * 300,
        b"RIFF\x00\x00\x00\x00AVI LIST" + b"\x00" * 100,
        b"RIFF\x00\x00\x00\x00WAVEdata\x10\x00\x00\x00" + b"\x00" * 100,
        wav()[:40],
        b"RIFF\x00\x00\x00\x00WAVEjunk" + struct.pack("<I", 1 << 31) + b"\x00" * (2 << 20),
        b"ID3\x04\x00\x00\x00\x00\x20\x00" + b"\x00" * 100,
        b"ID3\x04\x00\x00\x00\x00\x00\x05abcde" + b"text" * 5000,
        b"\x00" * 100_000,
        bytes([0xFF, 0xFB, 0x90, 0x00]) + b"only a header",
    ],
)
@pytest.mark.parametrize("step", [1, 4096, 1 << 20])
def test_what_is_no_recording_is_called_none(data: bytes, step: int) -> None:
    with pytest.raises(NotARecording):
        measured(data, max(step, len(data) // 5000))


def test_a_page_is_recognised_long_before_its_end() -> None:
    meter = Meter()
    with pytest.raises(NotARecording):
        meter.feed(b"<p>" * 3000)


def test_a_recording_is_recognised_from_its_first_bytes() -> None:
    for data, format_ in ((wav(), "wav"), (mp3(), "mp3")):
        meter = Meter()
        meter.feed(data[:1000])
        assert meter.format == format_


@given(st.binary(max_size=3000), st.integers(1, 500))
def test_any_bytes_are_a_recording_or_not_and_never_an_accident(data: bytes, step: int) -> None:
    for head in (b"", b"RIFF\x00\x00\x00\x00WAVE", b"ID3\x04\x00\x00\x00\x00\x00\x10", mp3(0.3)):
        verdicts: set[Audio | None] = set()
        for pieces in (step, len(data) + 1000):
            try:
                verdicts.add(measured(head + data, pieces))
            except NotARecording:
                verdicts.add(None)
        assert len(verdicts) == 1


def test_noise_is_no_mp3() -> None:
    for seed in range(50):
        with pytest.raises(NotARecording):
            measured(random.Random(seed).randbytes(50_000))


def test_memory_does_not_grow_with_the_file() -> None:
    frames = mp3(7.2)
    meter = Meter()
    meter.feed(mp3(0.72, tag=id3(1000)))
    tracemalloc.start()
    try:
        for _ in range(2000):
            meter.feed(frames)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert meter.finish().duration_seconds == pytest.approx(0.72 + 14_400)
