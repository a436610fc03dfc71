"""Recordings made here: real headers, and noise for audio."""

import random
import struct

FRAMES = {
    44_100: ("fffb90", 417, 1152),
    48_000: ("fffb94", 384, 1152),
    32_000: ("fffb98", 576, 1152),
    22_050: ("fff380", 208, 576),
    24_000: ("fff384", 192, 576),
    16_000: ("fff388", 288, 576),
    11_025: ("ffe380", 417, 576),
    12_000: ("ffe384", 384, 576),
    8_000: ("ffe388", 576, 576),
}
"""A frame of MPEG 1, 2 and 2.5 layer III at each sample rate: how its header begins, its bytes, its samples.

128 kbit/s in MPEG 1, 64 in the others; without padding, so that the length is the whole part of what the rates give.
"""


def wav(
    seconds: float = 2.0,
    *,
    channels: int = 1,
    rate: int = 8000,
    announced: int | None = None,
    extra: bytes = b"",
    byte_rate: int | None = None,
) -> bytes:
    """A WAV of 16 bits a sample. announced: the size its data chunk claims. extra: chunks before the sound.

    byte_rate: the bytes a second that its format chunk claims.
    """
    sound = random.Random(7).randbytes(int(seconds * rate) * channels * 2)
    size = len(sound) if announced is None else announced
    byte_rate = rate * channels * 2 if byte_rate is None else byte_rate
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, byte_rate, channels * 2, 16)
    body = b"WAVE" + form + extra + struct.pack("<4sI", b"data", size) + sound
    return struct.pack("<4sI", b"RIFF", min(len(body), 0xFFFFFFFF)) + body


def rf64(seconds: float, size: int, *, announced: int = 0xFFFFFFFF) -> bytes:
    """A WAV whose ds64 chunk claims audio of `size` bytes, and whose data chunk claims what is announced."""
    data = wav(seconds, announced=announced)
    return b"RF64" + data[4:12] + struct.pack("<4sIQQQI", b"ds64", 28, 0, size, 0, 0) + data[12:]


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a WAV, without the byte that should follow an odd one."""
    return struct.pack("<4sI", kind, len(content)) + content


def mp3(seconds: float = 2.0, *, stereo: bool = False, tag: bytes = b"", rates: tuple[int, ...] = (2,)) -> bytes:
    """An MP3 of MPEG 2.5 layer III at 8 kHz: 72 ms a frame. rates: bit rate indexes, used in turn (2: 16 kbit/s)."""
    kilobits = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    frames = []
    for number in range(round(seconds / 0.072)):
        index = rates[number % len(rates)]
        header = bytes([0xFF, 0xE3, index << 4 | 0x08, 0x00 if stereo else 0xC0])
        frames.append(header.ljust(72 * kilobits[index] * 1000 // 8000, b"\x55"))
    return tag + b"".join(frames)


def frames(
    rate: int, count: int, *, stereo: bool = False, crc: bool = False, inside: bytes = b"", at: int = 4
) -> bytes:
    """`count` equal MP3 frames of a sample rate in FRAMES.

    crc: whether the header announces that two bytes of CRC follow it. inside: the content `at` bytes from the start.
    """
    begin, length, _ = FRAMES[rate]
    header = bytearray.fromhex(begin + ("00" if stereo else "c0"))
    header[1] &= 0xFE if crc else 0xFF
    return (bytes(header).ljust(at, b"\x00") + inside).ljust(length, b"\x55") * count


def id3(size: int, *, footer: bool = False) -> bytes:
    """An ID3v2 tag with `size` bytes in it, none of them zero and many of them 0xFF."""
    rest = (b"\x04\x00\x10" if footer else b"\x04\x00\x00") + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3" + rest + _picture(size) + (b"3DI" + rest if footer else b"")


def id3v1() -> bytes:
    """The 128 bytes with which an older tag ends a file."""
    return b"TAG" + _picture(125)


def ape(size: int, *, header: bool = True) -> bytes:
    """An APEv2 tag with `size` bytes of items; without a header it is only a footer, and must have no items."""
    head, foot = (struct.pack("<8sIIIIQ", b"APETAGEX", 2000, size + 32, 1, 1 << 31 | bit, 0) for bit in (1 << 29, 0))
    return (head if header else b"") + _picture(size) + foot


def _picture(size: int) -> bytes:
    return (b"\xff\xfbpicture" * (size // 9 + 1))[:size]
