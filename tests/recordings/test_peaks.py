"""hookline.recordings.peaks: how loud each twentieth of a second of a WAV is, by every third of its samples."""

import json
import math
import struct
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.recordings import peaks
from hookline.recordings.audio import AudioProbe
from tests.support.sound import chunk, mp3, wav

PCM, ALAW, ULAW = 1, 6, 7


def wav_of(audio: bytes, *, tag: int = PCM, bits: int = 16, channels: int = 1, rate: int = 8000) -> bytes:
    """A WAV with this audio."""
    block = channels * bits // 8
    fields = struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)
    return b"RIFF\x00\x00\x00\x00WAVE" + chunk(b"fmt ", fields) + chunk(b"data", audio)


def measured(data: bytes, step: int = 65_536) -> Any:
    """The document of the peaks of a file that comes in pieces of a size; None without peaks."""
    probe = AudioProbe()
    for start in range(0, len(data), step):
        probe.feed(data[start : start + step])
    found = probe.finish().peaks
    return json.loads(found) if found else None


def samples(values: Iterable[int]) -> bytes:
    return b"".join(struct.pack("<h", value) for value in values)


def test_each_twentieth_of_a_second_has_the_loudest_sample_looked_at_whatever_its_sign() -> None:
    windows = [[0] * 400, [0] * 399 + [32_767], [-32_768] + [0] * 399, [300] * 400, [5, -1024] * 200]
    document = measured(wav_of(samples(value for window in windows for value in window)))
    assert document == {
        "sample_rate": 8000,
        "samples_per_peak": 400,
        "full_scale": 127,
        "channels": [[0, 127, 127, 1, 4]],
    }


def test_every_third_sample_is_looked_at_from_the_first_of_each_twentieth_on() -> None:
    looked_at = [[20_000 if number % 400 % 3 == rest else 0 for number in range(800)] for rest in range(3)]
    assert [measured(wav_of(samples(audio)))["channels"] for audio in looked_at] == [[[78, 78]], [[0, 0]], [[0, 0]]]


@pytest.mark.parametrize("rate, every", [(8000, 3), (11_025, 3), (16_000, 5), (44_100, 17), (48_000, 17)])
def test_about_as_many_samples_a_second_are_looked_at_whatever_the_rate(rate: int, every: int) -> None:
    assert 0.9 < rate / every / peaks.LOOKED_AT_PER_SECOND < 1.4
    audio = samples([20_000 if number % every else 0 for number in range(rate // 20)])
    assert measured(wav_of(audio, rate=rate))["channels"] == [[0]]


@pytest.mark.parametrize("hertz", [425, 440, 480, 697, 800, 941, 1000, 1209, 1477, 1633, 2000, 2400])
def test_the_tones_of_a_telephone_are_as_high_as_they_are(hertz: int) -> None:
    tone = samples(round(20_000 * math.sin(math.tau * hertz * number / 8000)) for number in range(8000))
    assert {peak // 4 for peak in measured(wav_of(tone))["channels"][0]} <= {18, 19}  # 78, to a twentieth


def test_two_channels_are_measured_apart() -> None:
    document = measured(wav_of(samples([25_600, -2560] * 400 + [0, 5120] * 400), channels=2))
    assert document["channels"] == [[100, 0], [10, 20]]


@pytest.mark.parametrize(
    "tag, bits, silent, loud, peak",
    [
        (PCM, 8, 0x80, 0xFF, 127),
        (PCM, 8, 0x80, 0x00, 127),
        (PCM, 8, 0x80, 0x90, 16),
        (ALAW, 8, 0xD5, 0xAA, 126),
        (ALAW, 8, 0xD5, 0x2A, 126),
        (ULAW, 8, 0xFF, 0x80, 125),
        (ULAW, 8, 0x7F, 0x00, 125),
    ],
)
def test_each_codec_of_a_telephone_is_measured(tag: int, bits: int, silent: int, loud: int, peak: int) -> None:
    audio = bytes([silent] * 400 + [silent] * 201 + [loud] + [silent] * 198)
    assert measured(wav_of(audio, tag=tag, bits=bits))["channels"] == [[0, peak]]


def test_the_extensible_form_of_a_codec_is_that_codec() -> None:
    """Microsoft's WAVEFORMATEXTENSIBLE: the codec's tag begins the subformat, 24 bytes behind the beginning."""
    fields = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 8000, 8000, 1, 8, 22, 8, 4) + struct.pack("<H14x", ULAW)
    document = measured(b"RIFF\x00\x00\x00\x00WAVE" + chunk(b"fmt ", fields) + chunk(b"data", b"\x80" * 400))
    assert document["channels"] == [[125]]


@given(st.integers(1, 5000), st.integers(1, 2), st.sampled_from([8000, 11_025, 16_000, 48_000]), st.integers(0, 3000))
def test_peaks_do_not_depend_on_the_size_of_the_pieces(step: int, channels: int, rate: int, frames: int) -> None:
    data = wav(frames / rate, channels=channels, rate=rate)
    assert measured(data, step) == measured(data)
    if whole := measured(data):
        count = -(-(len(data) - 44) // (2 * channels) // whole["samples_per_peak"])
        assert [len(channel) for channel in whole["channels"]] == [count] * channels


def test_what_comes_behind_the_audio_is_not_measured() -> None:
    quiet = wav_of(bytes(800))
    assert measured(quiet + chunk(b"LIST", b"\x7f" * 3000))["channels"] == [[0]]


@pytest.mark.parametrize(
    "data",
    [
        mp3(),
        wav(0.0),
        wav_of(bytes(4800), channels=6),
        wav_of(bytes(2400), bits=24),
        wav_of(bytes(4055), tag=0x11),
        wav_of(bytes(4000), rate=384_001),
    ],
)
def test_what_cannot_be_measured_has_no_peaks(data: bytes) -> None:
    assert measured(data) is None


def test_a_recording_that_is_longer_than_any_call_has_no_peaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "LONGEST_SECONDS", 2)
    assert len(measured(wav(2.0), 1000)["channels"][0]) == 40
    assert measured(wav(2.5), 1000) is None
