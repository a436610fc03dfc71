"""Sound without a codec library: WAV and MP3 files with a tone in them, G.711 samples, and how long a file lasts.

The MP3 frames are written bit by bit: a Layer III frame whose side information names one Huffman-coded spectral line
per granule and no scale factors. Any decoder turns it into a steady buzz near the line's frequency. Each frame stands
alone (no bit reservoir), has the same bytes, and lasts 36 ms; so a file of any length is one frame repeated, and both
formats can be read from any offset without ever being in memory at once.
"""

import math
import struct
from dataclasses import dataclass
from functools import cache
from typing import Literal

SAMPLES_PER_SECOND = 8000
TONES = (440, 660)
"""Hertz, by channel: whole cycles per second, so that a second of it repeats without a click."""
MP3_FRAME_SECONDS = 1152 / 32_000


@dataclass(frozen=True)
class SoundFile:
    """A file that need not exist: a head, and a pattern repeated up to the size."""

    head: bytes
    pattern: bytes
    size: int
    seconds: float
    content_type: str

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from start to before stop."""
        stop = min(stop, self.size)
        taken = self.head[start:stop]
        start, stop = max(start - len(self.head), 0), max(stop - len(self.head), 0)
        if stop <= start:
            return taken
        offset = start % len(self.pattern)
        times = -(-(offset + stop - start) // len(self.pattern))
        return taken + (self.pattern * times)[offset : offset + stop - start]


def sound_file(file_format: Literal["wav", "mp3"], *, channels: int, seconds: float) -> SoundFile:
    """A recording of that length (MP3: to the nearest frame) with a tone on each channel."""
    if file_format == "wav":
        frames = round(seconds * SAMPLES_PER_SECOND)
        length = frames * channels * 2
        head = struct.pack("<4sI4s", b"RIFF", min(36 + length, 0xFFFFFFFF), b"WAVE")
        rate = SAMPLES_PER_SECOND
        head += struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16)
        head += struct.pack("<4sI", b"data", min(length, 0xFFFFFFFF))
        return SoundFile(head, _second(channels), len(head) + length, frames / rate, "audio/x-wav")
    frame = mp3_frame(channels)
    count = round(seconds / MP3_FRAME_SECONDS)
    return SoundFile(b"", frame, count * len(frame), count * MP3_FRAME_SECONDS, "audio/mpeg")


@cache
def _second(channels: int) -> bytes:
    """One second of PCM16 at 8 kHz, a tone per channel."""
    samples = []
    for index in range(SAMPLES_PER_SECOND):
        samples += [
            round(8000 * math.sin(2 * math.pi * tone * index / SAMPLES_PER_SECOND)) for tone in TONES[:channels]
        ]
    return struct.pack(f"<{len(samples)}h", *samples)


class _Bits:
    def __init__(self) -> None:
        self.value = 0
        self.length = 0

    def put(self, value: int, bits: int) -> None:
        self.value = self.value << bits | value
        self.length += bits

    def padded(self, size: int) -> bytes:
        return (self.value << (size * 8 - self.length)).to_bytes(size, "big")


@cache
def mp3_frame(channels: int) -> bytes:
    """One MPEG-1 Layer III frame at 32 kHz: 144 bytes mono (32 kbit/s), 288 bytes stereo (64 kbit/s).

    ISO 11172-3: header 32 bits, side information 17 or 32 bytes, then per granule and channel the Huffman bits.
    In code table 1 a pair of lines (0,0) is `1`, and (0,1) is `001` followed by the sign of the 1.
    """
    bitrate_index, mode, size = (1, 3, 144) if channels == 1 else (5, 0, 288)
    bits = _Bits()
    bits.put(0xFFFB, 16)  # sync, MPEG-1, Layer III, no CRC
    bits.put(bitrate_index << 4 | 2 << 2, 8)  # sampling frequency 2: 32 kHz; no padding
    bits.put(mode << 6 | 0b0100, 8)  # mono or stereo; original
    bits.put(0, 9)  # main_data_begin: this frame needs no other
    bits.put(0, 5 if channels == 1 else 3)  # private bits
    bits.put(0, 4 * channels)  # scfsi
    lines = [round(tone / (32_000 / 2 / 576) - 0.5) // 2 for tone in TONES[:channels]]  # which pair holds the tone
    for _granule in range(2):
        for pair in lines:
            bits.put(pair + 4, 12)  # part2_3_length: no scale factors, `1` per empty pair, four bits for the last
            bits.put(pair + 1, 9)  # big_values, in pairs
            bits.put(198, 8)  # global_gain: 2 ** ((198 - 210) / 4) of full scale
            bits.put(0, 4 + 1)  # scalefac_compress 0, no window switching
            bits.put(0b00001_00001_00001, 15)  # code table 1 in all three regions
            bits.put(0, 4 + 3 + 3)  # region boundaries, preflag, scalefac_scale, count1table_select
    for _granule in range(2):
        for pair in lines:
            bits.put(2**pair - 1, pair)
            bits.put(0b0010, 4)
    return bits.padded(size)


def seconds_of(content: bytes) -> float | None:
    """How long a WAV or MP3 file lasts; None when it is neither."""
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return _seconds_of_wave(content)
    return _seconds_of_mp3(content)


def _seconds_of_wave(content: bytes) -> float | None:
    bytes_per_second, offset = 0, 12
    while offset + 8 <= len(content):
        kind, size = content[offset : offset + 4], struct.unpack_from("<I", content, offset + 4)[0]
        if kind == b"fmt " and offset + 20 <= len(content):
            bytes_per_second = struct.unpack_from("<I", content, offset + 16)[0]
        if kind == b"data":
            return min(size, len(content) - offset - 8) / bytes_per_second if bytes_per_second else None
        offset += 8 + size + size % 2
    return None


_BITRATES = {
    "1": (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    "2": (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def _seconds_of_mp3(content: bytes) -> float | None:
    """Walk the Layer III frames, over an ID3v2 tag if there is one."""
    offset, seconds = 0, 0.0
    if content[:3] == b"ID3" and len(content) >= 10:
        a, b, c, d = content[6:10]
        offset = 10 + (a << 21 | b << 14 | c << 7 | d)
    while offset + 4 <= len(content):
        first, second, third = content[offset : offset + 3]
        version, layer = second >> 3 & 3, second >> 1 & 3
        index, rate_index, padding = third >> 4, third >> 2 & 3, third >> 1 & 1
        if first != 0xFF or second < 0xE0 or version == 1 or layer != 1 or rate_index == 3 or index in (0, 15):
            break
        rate, samples = _RATES[version][rate_index], 1152 if version == 3 else 576
        offset += samples // 8 * _BITRATES["1" if version == 3 else "2"][index] * 1000 // rate + padding
        seconds += samples / rate
    return seconds or None


def u_law(sample: int) -> bytes:
    """One 16-bit sample as G.711 u-law."""
    sign, magnitude = (0x80, -sample) if sample < 0 else (0, sample)
    magnitude = min(magnitude, 32_635) + 132
    exponent = max(magnitude.bit_length() - 8, 0)
    return bytes([~(sign | exponent << 4 | magnitude >> (exponent + 3) & 0x0F) & 0xFF])


def a_law(sample: int) -> bytes:
    """One 16-bit sample as G.711 A-law."""
    mask, magnitude = (0x55, ~sample >> 3) if sample < 0 else (0xD5, sample >> 3)
    exponent = max(magnitude.bit_length() - 5, 0)
    return bytes([(exponent << 4 | magnitude >> max(exponent, 1) & 0x0F) ^ mask])


def tone_samples(rate: int, tone: int = TONES[0]) -> list[int]:
    """One second of a tone in 16-bit samples. rate: samples per second."""
    return [round(8000 * math.sin(2 * math.pi * tone * index / rate)) for index in range(rate)]
