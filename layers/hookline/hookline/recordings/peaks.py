"""Measure the peaks of a WAV while it passes by: how loud each twentieth of a second is, to draw it.

Every third sample of a telephone's 8,000 a second is looked at, by its upper byte, in one slice for each peak: half the
time of looking at all of them, and a peak may be lower than the loudest sample. Measured on vowels of several pitches:
4 % lower on average, 16 % in one of twenty. Three has no factor in common with the periods of the tones that are usual
on a telephone; a steady tone within 5 Hz of 1,333 or 2,667 Hz may be drawn far too low.

Values only. An MP3 would have to be decoded, which takes a library as large as all others together: it has no peaks.

Sources: ITU-T G.711 for A-law and u-law; docs.python.org/3.12/library/audioop (standard library until Python 3.12,
the package audioop-lts since).
"""

import json
import warnings

with warnings.catch_warnings():
    warnings.simplefilter(
        "ignore", DeprecationWarning
    )  # 3.11 and 3.12 announce that it will leave the standard library
    import audioop

PER_SECOND = 20
FULL_SCALE = 127
"""A peak is a whole number from 0 to this: the upper seven bits of the loudest sample looked at, whatever its sign. A
negative sample may count as one more."""

LOOKED_AT_PER_SECOND = 2_667
"""About as many samples of a channel are looked at in a second, at equal distances in each twentieth of one."""

LONGEST_SECONDS = 8 * 3600
"""A longer recording has no peaks: twice Telnyx's longest call, and what one answer of the API can hold."""

HIGHEST_SAMPLE_RATE = 384_000
"""Samples a second. Where a header claims more it is wrong, and a twentieth of a second would not fit into memory."""

SUFFIX = ".peaks.json"
"""Behind the key of its recording."""

_PCM, _ALAW, _ULAW = 1, 6, 7
_CODES = bytes(range(256))


def _levels(linear: bytes) -> bytes:
    """The peaks that single samples make. linear: 16-bit samples."""
    return bytes(min(audioop.max(linear[at : at + 2], 2) >> 8, FULL_SCALE) for at in range(0, len(linear), 2))


_LEVELS: dict[tuple[int, int], bytes | None] = {
    (_PCM, 16): None,
    (_PCM, 8): _levels(audioop.lin2lin(audioop.bias(_CODES, 1, 128), 1, 2)),
    (_ALAW, 8): _levels(audioop.alaw2lin(_CODES, 2)),
    (_ULAW, 8): _levels(audioop.ulaw2lin(_CODES, 2)),
}
"""By format tag and bits a sample: the peak of each byte; None where the upper byte of a sample is its level."""


class PeakMeter:
    """Takes the audio of a file in pieces of any size. Memory: a byte a peak, and a twentieth of a second of audio."""

    def __init__(self, tag: int, bits: int, channels: int, sample_rate: int) -> None:
        """tag, bits: as the format chunk of a WAV has them. sample_rate: a second. Nothing has been fed yet."""
        self._is_measured = (tag, bits) in _LEVELS and channels in (1, 2) and sample_rate <= HIGHEST_SAMPLE_RATE
        self._levels = _LEVELS.get((tag, bits))
        self._samples = max(1, round(sample_rate / PER_SECOND))
        self._sample_rate = sample_rate
        self._frame = channels * bits // 8
        self._step = self._samples * self._frame
        # An odd number: it has no factor in common with a period of 4, 8, 16, ... samples.
        self._stride = self._frame * max(1, (round(sample_rate / LOOKED_AT_PER_SECOND) - 1) // 2 * 2 + 1)
        self._peaks = [bytearray() for _ in range(channels if self._is_measured else 0)]
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        if not self._is_measured:
            return
        start = 0
        if self._rest:
            start = self._step - len(self._rest)
            self._rest += data[:start]
            if len(self._rest) < self._step:
                return
            self._measure(self._rest, 0, self._step)
        end = len(data) - (len(data) - start) % self._step
        self._measure(data, start, end)
        self._rest = data[end:]
        if len(self._peaks[0]) > LONGEST_SECONDS * PER_SECOND:
            self._is_measured, self._rest = False, b""

    def finish(self) -> bytes | None:
        """The peaks as JSON, ASCII; None when there are none.

        That is so for another codec, more channels, a higher rate, a longer recording, and without audio.
        """
        if not self._is_measured:
            return None
        if rest := self._rest[: len(self._rest) - len(self._rest) % self._frame]:
            self._measure(rest, 0, len(rest))
        if not self._peaks[0]:
            return None
        document = {
            "sample_rate": self._sample_rate,
            "samples_per_peak": self._samples,
            "full_scale": FULL_SCALE,
            "channels": [[min(peak, FULL_SCALE) for peak in channel] for channel in self._peaks],
        }
        return json.dumps(document, separators=(",", ":")).encode()

    def _measure(self, data: bytes, start: int, end: int) -> None:
        """Add the peaks of the steps that begin between start and end."""
        step, stride, levels, width = self._step, self._stride, self._levels, self._frame // len(self._peaks)
        for number, channel in enumerate(self._peaks):
            upper = (number + 1) * width - 1  # byte of the little-endian sample of this channel
            slices = [data[at + upper : at + step : stride] for at in range(start, end, step)]
            if levels:
                slices = [looked_at.translate(levels) for looked_at in slices]
            channel.extend([audioop.max(looked_at, 1) for looked_at in slices])
