"""hookline.recordings.audio: what a file is and how long it lasts, from bytes that come in pieces of any size."""

import random
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.recordings.audio import Audio, AudioProbe, NotARecording
from tests.support.sound import FRAMES, ape, chunk, frames, id3, id3v1, mp3, rf64, wav


def measured(data: bytes, step: int = 65_536) -> Audio:
    """The probe's result, its duration to the microsecond."""
    probe = AudioProbe()
    for start in range(0, len(data), step):
        probe.feed(data[start : start + step])
    audio = probe.finish()
    return replace(audio, duration_seconds=round(audio.duration_seconds, 6))


@pytest.mark.parametrize("step", [1, 7, 1000, 1 << 20])
@pytest.mark.parametrize(
    "data, seconds, channels",
    [
        (wav(1.5), 1.5, 1),
        (wav(1.5, channels=2), 1.5, 2),
        (wav(1.0, extra=chunk(b"LIST", b"abcde") + b"\x00"), 1.0, 1),
        (wav(1.0, extra=chunk(b"LIST", b"abcde") + b"x"), 1.0, 1),
        (wav(1.0, extra=chunk(b"LIST", b"abcde")), 1.0, 1),
        (wav(1.0, extra=chunk(b"junk", b"abcde") + chunk(b"LIST", b"abc")), 1.0, 1),
        (wav(1.5, channels=2, byte_rate=0), 1.5, 2),
        (mp3(1.44), 1.44, 1),
        (mp3(1.44, stereo=True), 1.44, 2),
        (mp3(1.44, rates=(2, 5, 9)), 1.44, 1),
        (mp3(1.44, tag=id3(3000)), 1.44, 1),
        (mp3(1.44, tag=id3(200_000)), 1.44, 1),
        (mp3(1.44, tag=id3(3000, footer=True)), 1.44, 1),
        (mp3(1.44, tag=bytes(9000) + id3(300) + bytes(9000)), 1.44, 1),
        (mp3(1.44) + bytes(1001), 1.44, 1),
        (mp3(1.44) + id3v1(), 1.44, 1),
        (mp3(1.44) + ape(300), 1.44, 1),
        (mp3(1.44) + ape(0, header=False) + id3v1(), 1.44, 1),
        (mp3(1.44) + bytes(50) + ape(300) + bytes(50) + id3v1() + bytes(2), 1.44, 1),
        (mp3(0.72) + id3v1() + mp3(0.72, tag=id3(3000)), 1.44, 1),
        (mp3(0.072), 0.072, 1),
        (mp3(0.072) + id3v1(), 0.072, 1),
        (mp3(0.072) + bytes(20) + ape(300), 0.072, 1),
        (mp3(0.144) + bytes(2000), 0.144, 1),
    ],
)
def test_duration_and_channels_are_read_whatever_the_size_of_the_pieces(
    data: bytes, seconds: float, channels: int, step: int
) -> None:
    audio = measured(data, step)
    assert audio.duration_seconds == pytest.approx(seconds, abs=1e-6)
    assert audio.channels == channels
    assert audio.sample_rate == 8000
    assert audio.missing_bytes == audio.truncated_bytes == audio.unreadable_bytes == 0


@pytest.mark.parametrize("rate", FRAMES)
@pytest.mark.parametrize("crc", [False, True])
def test_frames_of_every_sample_rate_are_counted(rate: int, crc: bool) -> None:
    audio = measured(frames(rate, 20, crc=crc))
    assert audio == Audio("mp3", round(20 * FRAMES[rate][2] / rate, 6), 1, rate)


@pytest.mark.parametrize(
    "announced",
    [0, 0x7FFFF000, 0x7FFFF024, 0x7FFFFFDB, 0x7FFFFFFF, 0x80000000, 0x80000024, 0xFFFFFFDB, 0xFFFFFFFE, 0xFFFFFFFF],
)
@pytest.mark.parametrize("rate, channels", [(8000, 1), (48_000, 2)])
def test_a_wav_written_to_a_pipe_lasts_as_long_as_its_bytes(announced: int, rate: int, channels: int) -> None:
    data = wav(0.5, announced=announced, rate=rate, channels=channels)
    assert measured(data) == Audio("wav", 0.5, channels, rate)


DAY_BYTES = 86_400 * 16_000


@given(st.integers(1, 64_000), st.integers(0, 0xFFFFFFFF))
def test_an_announced_size_is_believed_unless_no_call_could_last_so_long(length: int, announced: int) -> None:
    data = wav(0.0, announced=announced) + bytes(length)
    near_a_limit = min(abs(announced - limit) for limit in (1 << 31, 1 << 32)) <= 1 << 16
    unknown = announced == 0 or announced - length > DAY_BYTES or near_a_limit
    audio = measured(data)
    assert audio.missing_bytes == (0 if unknown else max(0, announced - length))
    assert audio.duration_seconds == pytest.approx((length if unknown else min(length, announced)) / 16_000, abs=1e-6)


@given(
    st.sampled_from([(1, 8), (1, 16), (1, 24), (3, 32), (6, 8), (7, 8), (0xFFFE, 16)]),
    st.integers(1, 2),
    st.sampled_from([8000, 16_000, 44_100, 48_000]),
    st.integers(0, 0xFFFFFFFF),
    st.booleans(),
)
def test_the_byte_rate_of_a_wav_without_compression_does_not_matter(
    codec: tuple[int, int], channels: int, rate: int, byte_rate: int, has_block_align: bool
) -> None:
    tag, bits = codec
    block = channels * bits // 8
    data = wav_of(tag, channels, rate, byte_rate, block if has_block_align else 0, bits, bytes(block * rate))
    assert measured(data) == Audio("wav", 1.0, channels, rate)


def test_the_byte_rate_of_a_compressed_wav_gives_its_length() -> None:
    """A block of IMA ADPCM is 256 bytes of many samples."""
    assert measured(wav_of(0x11, 1, 8000, 4055, 256, 4, bytes(4055 * 2))) == Audio("wav", 2.0, 1, 8000)


@pytest.mark.parametrize("codec", [0x0002, 0x0011, 0x0055])
def test_the_extensible_form_of_a_compressed_codec_lasts_as_its_byte_rate_says(codec: int) -> None:
    """Microsoft's WAVEFORMATEXTENSIBLE: the codec's tag begins the subformat, 24 bytes behind the beginning."""
    extension = struct.pack("<HHIH14x", 22, 4, 4, codec)
    data = wav_of(0xFFFE, 1, 8000, 4055, 256, 4, bytes(4055 * 2), extension)
    assert measured(data) == Audio("wav", 2.0, 1, 8000)


@pytest.mark.parametrize("extension", [b"", b"\x00\x00"])
def test_an_extensible_form_that_names_no_codec_is_one_of_constant_blocks(extension: bytes) -> None:
    assert measured(wav_of(0xFFFE, 1, 8000, 1, 2, 16, bytes(16_000), extension)) == Audio("wav", 1.0, 1, 8000)


def test_the_oldest_format_chunk_ends_before_the_bits_of_a_sample() -> None:
    fields = struct.pack("<HHIIH", 1, 2, 8000, 1, 4)
    data = b"RIFF\x00\x00\x00\x00WAVE" + chunk(b"fmt ", fields) + chunk(b"data", bytes(32_000))
    assert measured(data) == Audio("wav", 1.0, 2, 8000)


@pytest.mark.parametrize("step", [1, 1 << 20])
@pytest.mark.parametrize("padding", [b"", b"\x00"])
@pytest.mark.parametrize("name", [b"bext", b"JUNK", b"cue ", b"id3 ", b"PEAK"])
def test_any_chunk_may_follow_an_odd_one_with_or_without_its_padding(name: bytes, padding: bytes, step: int) -> None:
    extra = chunk(b"LIST", b"abcde") + padding + chunk(name, b"abcd")
    assert measured(wav(1.0, extra=extra), step) == Audio("wav", 1.0, 1, 8000)


def wav_of(
    tag: int, channels: int, rate: int, byte_rate: int, block: int, bits: int, audio: bytes, extension: bytes = b""
) -> bytes:
    """A WAV of any codec. extension: the end of its format chunk."""
    fields = struct.pack("<HHIIHH", tag, channels, rate, byte_rate, block, bits) + extension
    return b"RIFF\x00\x00\x00\x00WAVE" + chunk(b"fmt ", fields) + chunk(b"data", audio)


def test_a_file_of_no_bytes_is_a_recording_of_nothing() -> None:
    assert AudioProbe().finish() == Audio(None, 0.0, 0, 0)


@pytest.mark.parametrize("announced", [32_001, 32_044, 40_000, DAY_BYTES + 32_000])
def test_a_wav_that_announces_more_than_it_has_is_short(announced: int) -> None:
    assert measured(wav(2.0, announced=announced)) == Audio("wav", 2.0, 1, 8000, missing_bytes=announced - 32_000)


def test_chunks_after_the_audio_of_a_wav_do_not_lengthen_it() -> None:
    assert measured(wav(2.0) + b"LIST" + struct.pack("<I", 4000) + b"x" * 4000).duration_seconds == 2.0


@pytest.mark.parametrize(
    "data, seconds, missing",
    [
        (rf64(2.0, 16_000), 1.0, 0),
        (rf64(2.0, 1_000_000_000), 2.0, 999_968_000),
        (rf64(2.0, 5_000_000_000), 2.0, 0),
        (rf64(2.0, 0x7FFFFFFF_FFFFFFDB), 2.0, 0),
        (rf64(2.0, 0), 2.0, 0),
        (rf64(2.0, 0xFFFFFFFF_FFFFFFFF), 2.0, 0),
        (rf64(2.0, 5_000_000_000, announced=16_000), 1.0, 0),
        (rf64(2.0, 16_000, announced=0), 2.0, 0),
    ],
)
def test_a_wav_of_more_than_four_gigabytes_has_its_length_in_another_chunk(
    data: bytes, seconds: float, missing: int
) -> None:
    assert measured(data) == Audio("wav", seconds, 1, 8000, missing_bytes=missing)


def test_the_later_name_of_a_wav_of_more_than_four_gigabytes_is_known() -> None:
    """ITU-R BS.2088."""
    assert measured(b"BW64" + rf64(2.0, 32_000)[4:]) == Audio("wav", 2.0, 1, 8000)


@pytest.mark.parametrize("step", [1, 1 << 20])
@pytest.mark.parametrize("data", [id3(300), id3(45, footer=True), id3(300) + id3(10), id3(300) + id3v1()])
def test_an_mp3_of_nothing_but_a_tag_is_a_recording_of_nothing(data: bytes, step: int) -> None:
    assert measured(data, step) == Audio("mp3", 0.0, 0, 0)


@pytest.mark.parametrize("data", [id3(300)[:-1], id3(300) + bytes(500), id3(300) + b"\x01"])
def test_a_tag_that_is_cut_or_followed_by_no_audio_is_refused(data: bytes) -> None:
    with pytest.raises(NotARecording):
        measured(data)


def test_the_missing_rest_of_the_last_frame_of_an_mp3_is_counted() -> None:
    assert measured(mp3(1.44)[:-100]).truncated_bytes == 100


def test_the_missing_rest_of_the_last_tag_of_an_mp3_is_counted() -> None:
    assert measured((mp3(1.44) + id3v1())[:-100]) == Audio("mp3", 1.44, 1, 8000, truncated_bytes=100)


@pytest.mark.parametrize(
    "rate, stereo, at",
    [(44_100, True, 36), (44_100, False, 21)]
    + [(rate, stereo, at) for rate in (22_050, 8000) for stereo, at in ((True, 21), (False, 13))],
)
@pytest.mark.parametrize(
    "crc, name, after",
    [(False, b"Info", 0), (False, b"Xing", 0), (True, b"Info", 0), (True, b"Xing", 2), (False, b"VBRI", 0)],
)
def test_an_info_frame_is_not_audio_and_its_count_shows_a_cut(
    rate: int, stereo: bool, at: int, crc: bool, name: bytes, after: int
) -> None:
    _, length, samples = FRAMES[rate]
    at, counts = (36, ">4s3HII") if name == b"VBRI" else (at + after, ">4sII")
    for announced, missing in ((0, 0), (20, 0), (21, 0), (22, 2), (60, 40), (1 << 24, (1 << 24) - 20)):
        numbers = (1, 0, 75, 77, announced) if name == b"VBRI" else (1, announced)
        first = frames(rate, 1, stereo=stereo, crc=crc, inside=struct.pack(counts, name, *numbers), at=at)
        audio = measured(first + frames(rate, 20, stereo=stereo, crc=crc))
        assert audio.duration_seconds == round(20 * samples / rate, 6)
        assert (audio.missing_bytes, audio.unreadable_bytes) == (missing * length, 0)


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize(
    "begin, rate, samples, kilobits",
    [
        (0xFFFB, 44_100, 1152, (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)),
        (0xFFF3, 22_050, 576, (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)),
        (0xFFE3, 11_025, 576, (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)),
    ],
)
def test_a_frame_is_as_long_as_its_bit_rate_says(
    begin: int, rate: int, samples: int, kilobits: tuple[int, ...], padding: int
) -> None:
    for index, kilobit in enumerate(kilobits, 1):
        header = struct.pack(">HBB", begin, index << 4 | padding << 1, 0xC0)
        frame = header.ljust(samples * kilobit * 125 // rate + padding, b"\x55")
        assert measured(frame * 20) == Audio("mp3", round(20 * samples / rate, 6), 1, rate), kilobit


def test_an_info_frame_that_does_not_count_announces_nothing() -> None:
    inside = struct.pack(">4sII", b"Info", 0xE, 1_000_000)
    data = frames(8000, 1, inside=inside, at=13) + frames(8000, 20)
    assert measured(data) == Audio("mp3", 1.44, 1, 8000)


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    "noise",
    [
        b"\x01" * 333,
        b"\x00" * 333,
        b"\x00" * 30 + b"\x01" * 303,
        b"\x01" * 30 + b"TAG" + b"\x01" * 300,
        b"\x01" * 3 + b"ID3\x04\x00\x00\x00\x00\x10\x00" + b"\x01" * 320,
    ],
)
def test_noise_and_holes_between_frames_are_passed_over_and_counted(noise: bytes, step: int) -> None:
    audio = measured(mp3(0.72) + noise + mp3(0.72), step)
    assert audio.duration_seconds == pytest.approx(1.44)
    assert audio.unreadable_bytes == 333


@pytest.mark.parametrize("noise", [b"\x01", b"<p>", b"\x01" * 333, b"\x01" * 5 + bytes(3), ape(300)[:23]])
def test_noise_after_the_last_frame_is_counted(noise: bytes) -> None:
    assert measured(mp3(0.72) + noise).unreadable_bytes == len(noise)


@pytest.mark.parametrize(
    "data",
    [
        b"R",
        b"RIFF",
        b"<!doctype html><title>Sorry</title>",
        b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>" * 300,
        b"RIFF\x00\x00\x00\x00AVI LIST" + b"\x00" * 100,
        b"RIFF\x00\x00\x00\x00WAVEdata\x10\x00\x00\x00" + b"\x00" * 100,
        wav()[:40],
        b"RIFF\x00\x00\x00\x00WAVEjunk" + struct.pack("<I", 1 << 31) + b"\x00" * (2 << 20),
        b"ID3\x04\x00\x00\x00\x00\x20\x00" + b"\x00" * 100,
        id3v1(),
        ape(300),
        mp3(0.072) + b"\x00" * 20 + b"text" * 30,
        b"ID3\x04\x00\x00\x00\x00\x00\x05abcde" + b"text" * 5000,
        b"\x00" * 100_000,
        bytes([0xFF, 0xFB, 0x90, 0x00]) + b"only a header",
    ],
)
@pytest.mark.parametrize("step", [1, 4096, 1 << 20])
def test_invalid_recordings_are_rejected(data: bytes, step: int) -> None:
    with pytest.raises(NotARecording):
        measured(data, max(step, len(data) // 5000))


def test_a_page_is_recognised_long_before_its_end() -> None:
    probe = AudioProbe()
    with pytest.raises(NotARecording):
        probe.feed(b"<p>" * 3000)


def test_content_before_the_audio_is_skipped_up_to_a_bound() -> None:
    quiet = bytes(65_536)
    beginning = wav(1.0)[:36]
    for start, times, end, seconds in (
        (beginning + struct.pack("<4sI", b"LIST", 15 << 20), 15 * 16, wav(1.0)[36:], 1.0),
        (b"", 15, mp3(1.44), 1.44),
    ):
        probe = AudioProbe()
        probe.feed(start)
        for _ in range(times):
            probe.feed(quiet)
        probe.feed(end)
        assert probe.finish().duration_seconds == pytest.approx(seconds)
    with pytest.raises(NotARecording):
        AudioProbe().feed(beginning + struct.pack("<4sI", b"LIST", 17 << 20))
    with pytest.raises(NotARecording):
        AudioProbe().feed(beginning + chunk(b"LIST", bytes(1 << 20)) * 17)
    with pytest.raises(NotARecording):
        AudioProbe().feed(bytes(2 << 20))


def test_a_recording_is_recognised_from_its_first_bytes() -> None:
    for data, format_ in ((wav(), "wav"), (mp3(), "mp3")):
        probe = AudioProbe()
        probe.feed(data[:1000])
        assert probe.format == format_


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


def test_noise_is_not_an_mp3() -> None:
    for seed in range(50):
        with pytest.raises(NotARecording):
            measured(random.Random(seed).randbytes(50_000))


def test_a_file_of_four_hours_is_metered_piece_by_piece() -> None:
    """The memory that it takes is measured in benchmarks/archiver.py."""
    frames = mp3(7.2)
    probe = AudioProbe()
    probe.feed(mp3(0.72, tag=id3(1000)))
    for _ in range(2000):
        probe.feed(frames)
    assert probe.finish().duration_seconds == pytest.approx(0.72 + 14_400)
