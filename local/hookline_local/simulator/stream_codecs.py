"""The codecs of a media stream: 20 ms frames of what the simulator sends, and the length of what it is sent.

Frames are payloads of RTP without its header. PCMU and PCMA: G.711, 8 kHz. L16: 16-bit samples in network byte order
(RFC 3551, 4.5.11), 16 kHz; Telnyx documents no byte order, and public code is divided. The other codecs have no encoder
here: a stream in them is refused by name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from hookline_local.simulator.sound import a_law, tone_samples, u_law

FRAMES_PER_SECOND = 50
NOT_STREAMED = frozenset({"G722", "OPUS", "AMR-WB"})
"""Values of stream_codec that are not simulated."""
NOT_PLAYED = frozenset({"AMR-WB"})
"""Values of stream_bidirectional_codec that are not simulated."""


@dataclass(frozen=True)
class StreamCodec:
    """One codec of the frames that the simulator sends. silence: one frame; tone: the frames of one second."""

    encoding: str
    sample_rate: int
    silence: bytes
    tone: tuple[bytes, ...]

    @property
    def media_format(self) -> dict[str, object]:
        """As in the message `start`."""
        return {"encoding": self.encoding, "sample_rate": self.sample_rate, "channels": 1}


@cache
def stream_codec(name: str) -> StreamCodec:
    """The codec of that name; `default` is the call's own, PCMU. name: none of NOT_STREAMED."""
    encoding, sample_rate, encode = _ENCODERS[name]
    second = b"".join(map(encode, tone_samples(sample_rate)))
    size = len(second) // FRAMES_PER_SECOND
    frames = tuple(second[offset : offset + size] for offset in range(0, len(second), size))
    return StreamCodec(encoding, sample_rate, encode(0) * (sample_rate // FRAMES_PER_SECOND), frames)


def _big_endian(sample: int) -> bytes:
    return sample.to_bytes(2, "big", signed=True)


_Encoder = tuple[str, int, Callable[[int], bytes]]
_ENCODERS: dict[str, _Encoder] = {
    "default": ("PCMU", 8000, u_law),
    "PCMU": ("PCMU", 8000, u_law),
    "PCMA": ("PCMA", 8000, a_law),
    "L16": ("L16", 16_000, _big_endian),
}


def seconds_of_reply(codec: str, sampling_rate: int, payload: bytes) -> float:
    """How long the sound lasts that an application has sent; 0 when it is none.

    codec: a stream_bidirectional_codec, none of NOT_PLAYED. sampling_rate: of L16; the other codecs have one of their
    own.
    """
    if codec == "OPUS":
        return _seconds_of_opus(payload)
    if codec == "L16":
        return len(payload) / (2 * sampling_rate) if len(payload) % 2 == 0 else 0.0
    return len(payload) / 8000  # PCMU, PCMA and G722 have 64 kbit/s


def _seconds_of_opus(packet: bytes) -> float:
    """From the first byte of one packet: RFC 6716, 3.1 and 3.2."""
    if not packet:
        return 0.0
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        milliseconds: float = (10, 20, 40, 60)[config % 4]
    elif config < 16:
        milliseconds = (10, 20)[config % 2]
    else:
        milliseconds = (2.5, 5, 10, 20)[config % 4]
    frames = (packet[1] & 0x3F if len(packet) > 1 else 0) if code == 3 else (1, 2, 2)[code]
    return frames * milliseconds / 1000
