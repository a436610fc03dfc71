"""Recognise WAV and MP3 and measure their length, from their own bytes while they pass by.

Values only, and a few hundred bytes of memory whatever the length of the file, beside the peaks of a WAV.

Sources: RIFF/WAVE as Microsoft's "Multimedia Programming Interface and Data Specifications 1.0" has it, RF64 as EBU
Tech 3306 has it, BW64 as ITU-R BS.2088 has it; MPEG audio frames as ISO/IEC 11172-3 and 13818-3 have them, ID3 as
id3.org has it, APE tags as wiki.hydrogenaud.io ("APEv2 specification") has them, the Xing and Info frame as LAME
writes it, the VBRI frame as Fraunhofer's encoder does. Free format MP3, whose headers do not give the length of a
frame, is not recognised.
"""

import re
import struct
from dataclasses import dataclass, field

from hookline.recordings.findings import Code, RecordingError
from hookline.recordings.peaks import PeakMeter

LARGEST_WAV_HEADER_BYTES = 16 << 20
LARGEST_MP3_SEARCH_BYTES = 8_192
LARGEST_MP3_PADDING_BYTES = 1 << 20
"""Zeros that may stand before the first frame; they are passed over, not stored."""

FRAMES_IN_A_ROW = 3
"""This number of frame headers that follow one another are an MP3 and no accident."""

LONGEST_ANNOUNCED_SECONDS = 86_400.0
"""A header that announces more than this beyond the end of its file does not know the length: no call lasts so long."""

PLACEHOLDER_MARGIN_BYTES = 1 << 16
"""Who writes a WAV to a pipe announces the largest number there is, more or less a header or a page: 0xFFFFFFFF
(ffmpeg), 0x7FFFF000 (SoX), 0x80000000 (arecord), 0x7FFFFFDB, ... This near to such a number it is a placeholder."""

_LIMITS = (1 << 31, 1 << 32, 1 << 63, 1 << 64)

_EXTENSIBLE = 0xFFFE
"""The format tag that leaves the codec to two bytes at the beginning of its subformat."""

_CONSTANT_BLOCKS = frozenset({0x0000, 0x0001, 0x0003, 0x0006, 0x0007})
"""None named, PCM, IEEE float, A-law and u-law: a block is one sample of every channel."""

_CHUNKS = frozenset({b"fmt ", b"data", b"fact", b"LIST"})
"""A byte that its size does not count follows a chunk of odd size. It should be zero; in whatever file it is not, one
of these comes behind it. Where some forget the byte, the next chunk's name comes at once."""


class NotARecording(RecordingError):
    """The bytes are neither WAV nor MP3. reason: what was expected where; nothing of the content."""

    code = Code.NOT_A_RECORDING


@dataclass(frozen=True, slots=True)
class Audio:
    """The measurements of a whole file.

    format: "wav" or "mp3", None for a file of no bytes. An MP3 of nothing but a tag has no channels and no sample rate.
    missing_bytes: what a WAV header, or the frames of an MP3's Info frame, announce beyond the end of the file.
    truncated_bytes: the rest of an MP3's last frame or tag. unreadable_bytes: what lies between or after MP3 frames
    and is neither frame nor tag; zeros before the first frame and after the last are padding and do not count.
    """

    format: str | None
    duration_seconds: float
    channels: int
    sample_rate: int
    missing_bytes: int = 0
    truncated_bytes: int = 0
    unreadable_bytes: int = 0
    peaks: bytes | None = field(default=None, compare=False, repr=False)
    """As hookline.recordings.peaks writes them."""


class AudioProbe:
    """Take a file in pieces of any size, in order, and measure it.

    format: "wav" or "mp3" as soon as it is certain, None before. `feed` raises NotARecording as soon as that is.
    """

    def __init__(self) -> None:
        """Nothing has been fed yet."""
        self._start = bytearray()
        self._reader: _Wav | _Mp3 | None = None

    @property
    def format(self) -> str | None:
        """The format that the bytes so far prove."""
        return self._reader.format if self._reader and self._reader.certain else None

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._reader is None:
            self._start += data
            if len(self._start) < 12:
                return
            data, self._start = bytes(self._start), bytearray()
            self._reader = _reader_of(data)
        self._reader.feed(data)

    def finish(self) -> Audio:
        """Return the measurements; raise NotARecording when the file ended before its format was certain.

        A file of no bytes is a recording of nothing.
        """
        if self._reader is not None:
            return self._reader.finish()
        if self._start:
            raise NotARecording(reason="too_few_bytes")
        return Audio(None, 0.0, 0, 0)


def _reader_of(start: bytes) -> "_Wav | _Mp3":
    if start[:4] in (b"RIFF", b"RF64", b"BW64") and start[8:12] == b"WAVE":
        return _Wav()
    return _Mp3()


class _Wav:
    """A walk over chunks: `fmt ` gives the bytes of a second, `data` is the audio, all others are passed over."""

    format = "wav"

    def __init__(self) -> None:
        self.certain = False
        self._header = bytearray()
        self._skip = 12
        self._skipped = 0
        self._bytes_per_second = 0
        self._channels = 0
        self._sample_rate = 0
        self._announced = 0
        self._long_announced = 0
        self._odd = False
        self._audio_bytes = 0
        self._codec = 0
        self._bits = 0
        self._peaks: PeakMeter | None = None

    def feed(self, data: bytes) -> None:
        if self._peaks is not None:
            self._take_audio(data)
            return
        self._header += data
        while self._take_chunk():
            pass

    def finish(self) -> Audio:
        if not self.certain:
            raise NotARecording(reason="header_incomplete")
        length = self._audio_bytes
        announced = length if self._is_placeholder(self._announced) else self._announced
        return Audio(
            "wav",
            min(announced, length) / self._bytes_per_second,
            self._channels,
            self._sample_rate,
            missing_bytes=max(0, announced - length),
            peaks=self._peaks.finish() if self._peaks else None,
        )

    def _take_audio(self, data: bytes) -> None:
        """Count and measure audio. What comes behind the announced size is another chunk, where that size is one."""
        if self._peaks is not None:
            left = self._announced - self._audio_bytes if self._announced else len(data)
            self._peaks.feed(data[: max(0, left)] if left < len(data) else data)
        self._audio_bytes += len(data)

    def _is_placeholder(self, announced: int) -> bool:
        """Whether the announced size cannot be one, because the writer did not know it. 0 is the commonest."""
        if announced <= self._audio_bytes:
            return announced == 0
        if any(abs(limit - announced) <= PLACEHOLDER_MARGIN_BYTES for limit in _LIMITS):
            return True
        return announced - self._audio_bytes > LONGEST_ANNOUNCED_SECONDS * self._bytes_per_second

    def _take_chunk(self) -> bool:
        """Take one chunk off the header; False when more bytes are needed."""
        header = self._header
        if not self._skip_ahead() or len(header) < 8:
            return False
        if self._odd:
            padded = header[0] == 0 or bytes(header[1:5]) in _CHUNKS
            self._odd, self._skip = False, 1 if padded else 0
            return True
        kind, size = bytes(header[:4]), int.from_bytes(header[4:8], "little")
        if kind == b"data":
            self._audio_begins(size)
            return False
        if kind in (b"fmt ", b"ds64") and not self._take_fields(kind, size):
            return False
        self._skip, self._odd = 8 + size, size % 2 == 1
        return True

    def _skip_ahead(self) -> bool:
        """Pass over what is not read; False when more bytes are needed."""
        if self._skipped + self._skip > LARGEST_WAV_HEADER_BYTES:
            raise NotARecording(reason="no_audio_in_the_first_16_MiB")
        skipped = min(self._skip, len(self._header))
        del self._header[:skipped]
        self._skip -= skipped
        self._skipped += skipped
        return self._skip == 0

    def _take_fields(self, kind: bytes, size: int) -> bool:
        """Read the first 26 bytes of a chunk, or all it has; False when they have not all come yet."""
        if size < (14 if kind == b"fmt " else 16):
            raise NotARecording(reason="format_chunk_too_short")
        fields = bytes(self._header[8 : 8 + min(size, 26)])
        if len(fields) < min(size, 26):
            return False
        if kind == b"fmt ":
            self._read_format(fields)
        else:
            self._long_announced = int.from_bytes(fields[8:16], "little")
        return True

    def _read_format(self, fields: bytes) -> None:
        """Where a block is one sample of every channel, the byte rate is redundant, and wrong in files of some.

        The oldest form ends before the bits of a sample.
        """
        tag, self._channels, self._sample_rate, byte_rate, block = struct.unpack("<HHIIH", fields[:14])
        bits = int.from_bytes(fields[14:16], "little")
        self._codec, self._bits = int.from_bytes(fields[24:26], "little") if tag == _EXTENSIBLE else tag, bits
        if self._codec in _CONSTANT_BLOCKS:
            block = block or self._channels * ((bits + 7) // 8)
            self._bytes_per_second = block * self._sample_rate or byte_rate
        else:
            self._bytes_per_second = byte_rate

    def _audio_begins(self, announced: int) -> None:
        if not (self._bytes_per_second and self._channels and self._sample_rate):
            raise NotARecording(reason="audio_without_a_format")
        self.certain = True
        self._announced = self._long_announced if announced == 0xFFFF_FFFF else announced
        self._peaks = PeakMeter(self._codec, self._bits, self._channels, self._sample_rate)
        audio, self._header = bytes(self._header[8:]), bytearray()
        self._take_audio(audio)


_BITRATES_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_BITRATES_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = (44_100, 48_000, 32_000)
_FRAME_MASK = 0xFFFEFE00
"""Sync, version, layer, bit rate, sample rate and padding; without the bits that do not change a frame's length."""


def _frames() -> dict[int, tuple[int, int, int]]:
    """Return every layer III header there is, masked: (length in bytes, samples, samples per second)."""
    frames = {}
    for version, divisor in ((3, 1), (2, 2), (0, 4)):
        bitrates = _BITRATES_1 if version == 3 else _BITRATES_2
        samples = 1152 if version == 3 else 576
        for bitrate_index, kilobits in enumerate(bitrates, 1):
            for rate_index, full_rate in enumerate(_RATES):
                rate = full_rate // divisor
                for padding in (0, 1):
                    header = 0x7FF << 21 | version << 19 | 1 << 17
                    header |= bitrate_index << 12 | rate_index << 10 | padding << 9
                    frames[header] = (samples // 8 * kilobits * 1000 // rate + padding, samples, rate)
    return frames


_FRAMES = _frames()
_WORD = struct.Struct(">I")
_ZEROS = re.compile(rb"\x00+")


class _Mp3:
    """A walk over frames: each header gives the length and the samples of its frame."""

    format = "mp3"

    def __init__(self) -> None:
        self.certain = False
        self._head = bytearray()
        self._rest = b""
        self._skip = 0
        self._is_tagged = False
        self._frames = 0
        self._seconds = 0.0
        self._padding = 0
        self._lost = False
        self._unreadable = 0
        self._channels = 0
        self._sample_rate = 0
        self._frame_bytes = 0
        self._announced_frames = 0

    def feed(self, data: bytes) -> None:
        if self.certain:
            self._walk(data)
            return
        self._head += data
        self._begin(ended=False)

    def finish(self) -> Audio:
        if not self.certain:
            self._begin(ended=True)
        if not self.certain and self._only_tags():
            return Audio("mp3", 0.0, 0, 0)
        if not self.certain:
            raise NotARecording(reason="no_audio_frames")
        missing_frames = self._announced_frames - self._frames
        mean = self._frame_bytes // max(1, self._frames)
        return Audio(
            "mp3",
            self._seconds,
            self._channels,
            self._sample_rate,
            # Writers of Info frames differ by one frame in what they count.
            missing_bytes=missing_frames * mean if missing_frames > 1 else 0,
            truncated_bytes=self._skip,
            unreadable_bytes=self._unreadable + len(self._rest if self._lost else self._rest.lstrip(b"\x00")),
        )

    def _only_tags(self) -> bool:
        """Whether the file was one or more complete tags and nothing else: how a recording of nothing may end."""
        return self._is_tagged and not (self._head or self._skip or self._padding)

    def _begin(self, *, ended: bool) -> None:
        """Find the first of several frames in a row. Raises NotARecording when there is none where one should be."""
        if not self._skip_tags():
            return
        head = self._head
        start = head.find(b"\xff")
        while 0 <= start < LARGEST_MP3_SEARCH_BYTES:
            is_row = _row(head, start, ended=ended)
            if is_row is None:
                return
            if is_row:
                self._found(start)
                return
            start = head.find(b"\xff", start + 1)
        if ended or len(head) >= LARGEST_MP3_SEARCH_BYTES:
            raise NotARecording(reason="neither_a_WAV_header_nor_MP3_frames")

    def _skip_tags(self) -> bool:
        """Pass over tags and zeros before the first frame; False when more bytes are needed."""
        head = self._head
        while True:
            skipped = min(self._skip, len(head))
            del head[:skipped]
            self._skip -= skipped
            if self._skip:
                return False
            silent = _tag_or_zeros(head, 0)
            if not silent:
                return silent is not None
            self._skip = silent
            self._is_tagged = self._is_tagged or head[:3] == b"ID3"
            self._padding += 0 if head[0] else silent
            if self._padding > LARGEST_MP3_PADDING_BYTES:
                raise NotARecording(reason="zeros_instead_of_audio")

    def _found(self, start: int) -> None:
        head, self._head = bytes(self._head), bytearray()
        self.certain = True
        self._padding, self._unreadable = 0, start
        word = _WORD.unpack_from(head, start)[0]
        length, _, self._sample_rate = _FRAMES[word & _FRAME_MASK]
        self._channels = 1 if word >> 6 & 3 == 3 else 2
        self._announced_frames, informs = _info(head[start : start + length], word)
        self._walk(head[start + length if informs else start :])

    def _walk(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        position, size = self._skip, len(data)
        frames, seconds, frame_bytes = self._frames, self._seconds, self._frame_bytes
        find, unpack, mask = _FRAMES.get, _WORD.unpack_from, _FRAME_MASK
        between = self._lost or self._padding > 0
        while position + 4 <= size:
            frame = find(unpack(data, position)[0] & mask)
            if frame is None:
                start = self._between(data, position)
                if start is None:
                    break
                position, between = start, True
                continue
            if between:
                self._unreadable += self._padding
                self._padding, self._lost, between = 0, False, False
            length, samples, rate = frame
            frames += 1
            seconds += samples / rate
            frame_bytes += length
            position += length
        self._frames, self._seconds, self._frame_bytes = frames, seconds, frame_bytes
        if position >= size:
            self._skip, self._rest = position - size, b""
        else:
            self._skip, self._rest = 0, data[position:]

    def _between(self, data: bytes, position: int) -> int | None:
        """Find where to look on, position being no frame; None when that needs bytes that have not come yet."""
        if not self._lost:
            silent = _tag_or_zeros(data, position)
            if silent is None:
                return None
            if silent:
                self._padding += 0 if data[position] else silent
                return position + silent
            self._lost = True
        # In the midst of whatever this is, a tag would be an accident: only a frame ends it.
        found = data.find(b"\xff", position + 1, len(data) - 3)
        start = len(data) - 3 if found < 0 else found
        self._unreadable += start - position
        return start


def _row(head: bytearray, start: int, *, ended: bool) -> bool | None:
    """Return whether a row of like frames begins at start; None when that needs bytes that have not come yet."""
    first: int | None = None
    for number in range(FRAMES_IN_A_ROW):
        if start + 4 > len(head):
            # A file may be shorter than a row; only its last frame may then be cut, and not if it is the only one.
            return number > 1 or (number == 1 and start <= len(head)) if ended else None
        word = _WORD.unpack_from(head, start)[0]
        frame = _FRAMES.get(word & _FRAME_MASK)
        if frame is None:
            return ended and number > 0 and _tag_or_zeros(head[start:].lstrip(b"\x00"), 0) != 0
        kind = word & 0xFFFE0C00
        if first is None:
            first = kind
        elif kind != first:
            return False
        start += frame[0]
    return True


def _tag_or_zeros(data: bytes | bytearray, position: int) -> int | None:
    """Measure the tag, or the zeros, that begin at position; None when that needs bytes that have not come yet."""
    if zeros := _ZEROS.match(data, position):
        return zeros.end() - position
    start = bytes(data[position : position + 24])
    if start[:3] == b"TAG":
        return 128  # id3.org, "ID3v1"
    if start[:3] == b"ID3" and len(start) >= 10:
        # Four times seven bits (id3.org, "ID3v2 header"); a footer repeats the ten bytes of the header.
        return 10 + (start[6] << 21 | start[7] << 14 | start[8] << 7 | start[9]) + (10 if start[5] & 0x10 else 0)
    if start[:8] == b"APETAGEX" and len(start) == 24:
        # Bit 29: this is the header, and the size is that of all after it. Else it is a footer without a header.
        size, _, flags = struct.unpack_from("<III", start, 12)
        return 32 + (size if flags & 1 << 29 else 0)
    return None if any(mark.startswith(start[: len(mark)]) for mark in (b"TAG", b"ID3", b"APETAGEX")) else 0


def _info(frame: bytes, word: int) -> tuple[int, bool]:
    """Return the number of frames that an Xing, Info or VBRI frame announces (0: none), and whether it is one."""
    mono, version_1, protected = word >> 6 & 3 == 3, word >> 19 & 3 == 3, not word >> 16 & 1
    side = (17 if mono else 32) if version_1 else (9 if mono else 17)
    # LAME does not move its tag for the two bytes of a CRC; others do.
    for offset in (4 + side, 6 + side) if protected else (4 + side,):
        tag = frame[offset : offset + 12]
        if tag[:4] in (b"Xing", b"Info") and len(tag) == 12:
            return (int.from_bytes(tag[8:12], "big") if tag[7] & 1 else 0), True
    tag = frame[36:54]
    announces = tag[:4] == b"VBRI" and len(tag) == 18
    return (int.from_bytes(tag[14:]) if announces else 0), announces
