"""Is it a recording, and how long does it last? WAV and MP3, told from their own bytes while they pass by.

Values only; the standard library is all it needs, and a few hundred bytes of memory whatever the length of the file.

Sources: RIFF/WAVE as Microsoft's "Multimedia Programming Interface and Data Specifications 1.0" has it, RF64 as EBU
Tech 3306 has it; MPEG audio frames as ISO/IEC 11172-3 and 13818-3 have them, ID3 as id3.org has it, APE tags as
wiki.hydrogenaud.io ("APEv2 specification") has them, the Xing and Info frame as LAME writes it, the VBRI frame as
Fraunhofer's encoder does. Free format MP3, whose headers do not say how long a frame is, is not recognised.
"""

import re
import struct
from dataclasses import dataclass

from hookline.errors import HooklineError

LARGEST_WAV_HEADER_BYTES = 16 << 20
LARGEST_MP3_SEARCH_BYTES = 8_192
LARGEST_MP3_PADDING_BYTES = 1 << 20
"""So many zeros may stand before the first frame; they are passed over, not kept."""

FRAMES_IN_A_ROW = 3
"""So many frame headers that follow one another are an MP3 and no accident."""

_UNKNOWN_SIZES = {0, 0x7FFF_F000, 0x7FFF_F024, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF}
"""Who writes a WAV to a pipe cannot know its length, and announces: 0 (GStreamer); 0x7FFFF000 (SoX's MS_UNSPEC, and
0x7FFFF024 for the whole file); 0x7FFFFFFF (Oboe); 0x80000000 (arecord); 0xFFFFFFFF (ffmpeg); 0 or all ones in ds64."""

_PADDED_OR_NOT = (b"fmt ", b"data", b"fact", b"LIST")
"""A byte that its size does not count follows a chunk of odd size; where some forget it, one of these comes at once."""


class NotARecording(HooklineError):
    """The bytes are neither WAV nor MP3. The text says what was expected where, and nothing of what came in."""


@dataclass(frozen=True, slots=True)
class Audio:
    """What a whole file says of itself.

    format: "wav" or "mp3". missing_bytes: what a WAV header, or the frames of an MP3's Info frame, announce beyond the
    end of the file, and the rest of an MP3's last frame or tag. unreadable_bytes: what lies between or after MP3 frames
    and is neither frame nor tag; zeros before the first frame and after the last are padding and do not count.
    """

    format: str
    duration_seconds: float
    channels: int
    sample_rate: int
    missing_bytes: int = 0
    unreadable_bytes: int = 0


class Meter:
    """Takes a file in pieces of any size, in order, and knows at the end what it was.

    format: "wav" or "mp3" as soon as it is certain, None before. `feed` raises NotARecording as soon as that is.
    """

    def __init__(self) -> None:
        """Nothing has been seen yet."""
        self._start = bytearray()
        self._reader: _Wav | _Mp3 | None = None

    @property
    def format(self) -> str | None:
        """What the bytes so far prove it to be."""
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
        """What the file was; raises NotARecording when it ended before that was certain."""
        if self._reader is None:
            raise NotARecording(f"{len(self._start)} bytes are too few for a recording")
        return self._reader.finish()


def _reader_of(start: bytes) -> "_Wav | _Mp3":
    if start[:4] in (b"RIFF", b"RF64") and start[8:12] == b"WAVE":
        return _Wav()
    return _Mp3()


class _Wav:
    """A walk over chunks: `fmt ` says how many bytes a second, `data` is the sound, all others are passed over."""

    format = "wav"

    def __init__(self) -> None:
        self.certain = False
        self._header = bytearray()
        self._skip = 12
        self._seen = 0
        self._bytes_per_second = 0
        self._channels = 0
        self._sample_rate = 0
        self._announced = 0
        self._long_announced = 0
        self._odd = False
        self._sound = 0

    def feed(self, data: bytes) -> None:
        if self.certain:
            self._sound += len(data)
            return
        self._header += data
        while self._chunk():
            pass

    def finish(self) -> Audio:
        if not self.certain:
            raise NotARecording("a WAV header that ends before its data chunk")
        sound = self._sound
        announced = sound if self._announced in _UNKNOWN_SIZES else self._announced
        return Audio(
            "wav",
            min(announced, sound) / self._bytes_per_second,
            self._channels,
            self._sample_rate,
            missing_bytes=max(0, announced - sound),
        )

    def _chunk(self) -> bool:
        """Take one chunk off the header; False when more bytes are needed."""
        header = self._header
        if self._skip:
            if self._seen + self._skip > LARGEST_WAV_HEADER_BYTES:
                raise NotARecording("a WAV without sound in its first 16 MiB")
            taken = min(self._skip, len(header))
            del header[:taken]
            self._skip -= taken
            self._seen += taken
            if self._skip:
                return False
        if len(header) < 8:
            return False
        if self._odd:
            self._odd, self._skip = False, 0 if header[:4] in _PADDED_OR_NOT else 1
            return True
        kind, size = bytes(header[:4]), int.from_bytes(header[4:8], "little")
        if kind == b"data":
            self._sound_begins(size)
            return False
        if kind in (b"fmt ", b"ds64"):
            wanted = 16
            if size < wanted:
                raise NotARecording("a WAV whose format chunk is too short")
            if len(header) < 8 + wanted:
                return False
            if kind == b"fmt ":
                self._format(bytes(header[8:24]))
            else:
                self._long_announced = int.from_bytes(header[16:24], "little")
        self._skip, self._odd = 8 + size, size % 2 == 1
        return True

    def _format(self, chunk: bytes) -> None:
        _, self._channels, self._sample_rate, rate, block, _ = struct.unpack("<HHIIHH", chunk)
        self._bytes_per_second = rate or block * self._sample_rate

    def _sound_begins(self, announced: int) -> None:
        if not (self._bytes_per_second and self._channels and self._sample_rate):
            raise NotARecording("a WAV whose sound comes without its format")
        self.certain = True
        self._announced = self._long_announced if announced == 0xFFFF_FFFF else announced
        self._sound = len(self._header) - 8
        self._header = bytearray()


_BITRATES_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_BITRATES_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = (44_100, 48_000, 32_000)
_FRAME_MASK = 0xFFFEFE00
"""Sync, version, layer, bit rate, sample rate and padding; without the bits that do not change a frame's length."""


def _frames() -> dict[int, tuple[int, int, int]]:
    """Every layer III header there is, masked: (length in bytes, samples, samples per second)."""
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
    """A walk over frames: each header says how long its frame is and how many samples it holds."""

    format = "mp3"

    def __init__(self) -> None:
        self.certain = False
        self._head = bytearray()
        self._rest = b""
        self._skip = 0
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
        if not self.certain:
            raise NotARecording("tags or zeros, and no sound")
        missing_frames = self._announced_frames - self._frames
        mean = self._frame_bytes // max(1, self._frames)
        return Audio(
            "mp3",
            self._seconds,
            self._channels,
            self._sample_rate,
            # What is still to be passed over is missing. One frame more or less is a matter of taste among those who
            # write Info frames.
            missing_bytes=self._skip + (missing_frames * mean if missing_frames > 1 else 0),
            unreadable_bytes=self._unreadable + len(self._rest if self._lost else self._rest.lstrip(b"\x00")),
        )

    def _begin(self, *, ended: bool) -> None:
        """Find the first of several frames in a row. Raises NotARecording when there is none where one should be."""
        head = self._head
        while True:
            passed = min(self._skip, len(head))
            del head[:passed]
            self._skip -= passed
            if self._skip:
                return
            silent = _tag_or_zeros(head, 0)
            if silent is None:
                return
            if not silent:
                break
            self._skip = silent
            self._padding += 0 if head[0] else silent
            if self._padding > LARGEST_MP3_PADDING_BYTES:
                raise NotARecording("zeros where a recording begins")
        start = head.find(b"\xff")
        while 0 <= start < LARGEST_MP3_SEARCH_BYTES:
            verdict = _row(head, start, ended=ended)
            if verdict is None:
                return
            if verdict:
                self._found(start)
                return
            start = head.find(b"\xff", start + 1)
        if ended or len(head) >= LARGEST_MP3_SEARCH_BYTES:
            raise NotARecording("neither a WAV header nor MP3 frames where a recording begins")

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
        """Where to look on, position being no frame; None when that needs bytes that have not come yet."""
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
    """Whether a row of like frames begins at start; None when that needs bytes that have not come yet."""
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
    """How many bytes of a tag, or zeros, begin at position; None when that needs bytes that have not come yet."""
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
    """How many frames an Xing, Info or VBRI frame announces (0: it does not say), and whether this is such a frame."""
    mono, version_1, protected = word >> 6 & 3 == 3, word >> 19 & 3 == 3, not word >> 16 & 1
    side = (17 if mono else 32) if version_1 else (9 if mono else 17)
    # LAME does not move its tag for the two bytes of a CRC; others do.
    for place in (4 + side, 6 + side) if protected else (4 + side,):
        tag = frame[place : place + 12]
        if tag[:4] in (b"Xing", b"Info") and len(tag) == 12:
            return (int.from_bytes(tag[8:12], "big") if tag[7] & 1 else 0), True
    tag = frame[36:54]
    announces = tag[:4] == b"VBRI" and len(tag) == 18
    return (int.from_bytes(tag[14:]) if announces else 0), announces
