"""Measure the peaks of a WAV while it passes by: how loud each twentieth of a second is, to draw it.

Values only. An MP3 would have to be decoded, which takes a library as large as all others together: it has no peaks.

Sources: ITU-T G.711 for A-law and u-law; docs.python.org/3.12/library/audioop (standard library until Python 3.12,
the package audioop-lts since).
"""

import json
import warnings
from collections.abc import Callable

with warnings.catch_warnings():
    warnings.simplefilter(
        "ignore", DeprecationWarning
    )  # 3.11 and 3.12 announce that it will leave the standard library
    import audioop

PER_SECOND = 20
FULL_SCALE = 127
"""A peak is a whole number from 0 to this: the upper seven bits of the largest sample, whatever its sign."""

LONGEST_SECONDS = 8 * 3600
"""A longer recording has no peaks: twice Telnyx's longest call, and what one answer of the API can hold."""

SUFFIX = ".peaks.json"
"""Behind the key of its recording."""

_PCM, _ALAW, _ULAW = 1, 6, 7
_LINEAR: dict[tuple[int, int], Callable[[bytes], bytes]] = {
    (_PCM, 16): bytes,
    (_PCM, 8): lambda data: audioop.lin2lin(audioop.bias(data, 1, 128), 1, 2),
    (_ALAW, 8): lambda data: audioop.alaw2lin(data, 2),
    (_ULAW, 8): lambda data: audioop.ulaw2lin(data, 2),
}
"""By format tag and bits a sample: makes 16-bit samples of the audio bytes."""


class PeakMeter:
    """Takes the audio of a file in pieces of any size. Memory: a byte a peak, and a piece."""

    def __init__(self, tag: int, bits: int, channels: int, sample_rate: int) -> None:
        """tag, bits: as the format chunk of a WAV has them. sample_rate: a second. Nothing has been fed yet."""
        self._to_linear = _LINEAR.get((tag, bits)) if channels in (1, 2) else None
        self._samples = max(1, round(sample_rate / PER_SECOND))
        self._sample_rate = sample_rate
        self._step = self._samples * channels * bits // 8
        self._peaks = [bytearray() for _ in range(channels if self._to_linear else 0)]
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._to_linear is None:
            return
        data = self._rest + data if self._rest else data
        whole = len(data) - len(data) % self._step
        self._rest = data[whole:]
        self._measure(self._to_linear(data[:whole]))
        if len(self._peaks[0]) > LONGEST_SECONDS * PER_SECOND:
            self._to_linear, self._rest = None, b""

    def finish(self) -> bytes | None:
        """The peaks as JSON, ASCII; None when there are none: another codec, more channels, too long, or no audio."""
        if self._to_linear is None:
            return None
        block = self._step // self._samples
        if rest := self._rest[: len(self._rest) - len(self._rest) % block]:
            self._measure(self._to_linear(rest))
        if not self._peaks[0]:
            return None
        document = {
            "sample_rate": self._sample_rate,
            "samples_per_peak": self._samples,
            "full_scale": FULL_SCALE,
            "channels": [[min(peak, FULL_SCALE) for peak in channel] for channel in self._peaks],
        }
        return json.dumps(document, separators=(",", ":")).encode()

    def _measure(self, linear: bytes) -> None:
        if len(self._peaks) == 1:
            step = 2 * self._samples
            self._peaks[0].extend([audioop.max(linear[at : at + step], 2) >> 8 for at in range(0, len(linear), step)])
            return
        # Two samples beside each other are read as one of 32 bits, whose upper half is the second. It takes a third of
        # the time of copying the channels apart.
        step = 4 * self._samples
        for channel, pairs in zip(self._peaks, (b"\0\0" + linear[:-2], linear), strict=True):
            extremes = (audioop.minmax(pairs[at : at + step], 4) for at in range(0, len(linear), step))
            channel.extend([max(high >> 16, -(low >> 16)) >> 8 for low, high in extremes])
