"""Recordings made here: real headers, and noise for sound."""

import random
import struct


def wav(
    seconds: float = 2.0, *, channels: int = 1, rate: int = 8000, announced: int | None = None, extra: bytes = b""
) -> bytes:
    """A WAV of 16 bits a sample. announced: the size its data chunk claims. extra: chunks before the sound."""
    sound = random.Random(7).randbytes(int(seconds * rate) * channels * 2)
    size = len(sound) if announced is None else announced
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16)
    body = b"WAVE" + form + extra + struct.pack("<4sI", b"data", size) + sound
    return struct.pack("<4sI", b"RIFF", min(len(body), 0xFFFFFFFF)) + body


def mp3(seconds: float = 2.0, *, stereo: bool = False, tag: bytes = b"", rates: tuple[int, ...] = (2,)) -> bytes:
    """An MP3 of MPEG 2.5 layer III at 8 kHz: 72 ms a frame. rates: bit rate indexes, used in turn (2: 16 kbit/s)."""
    kilobits = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    frames = []
    for number in range(round(seconds / 0.072)):
        index = rates[number % len(rates)]
        header = bytes([0xFF, 0xE3, index << 4 | 0x08, 0x00 if stereo else 0xC0])
        frames.append(header.ljust(72 * kilobits[index] * 1000 // 8000, b"\x55"))
    return tag + b"".join(frames)


def id3(size: int) -> bytes:
    """An ID3v2 tag with so many bytes in it, none of them zero and many of them 0xFF."""
    length = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\x00\x00" + length + (b"\xff\xfbpicture" * (size // 9 + 1))[:size]
