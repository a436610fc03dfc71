"""hookline.recordings.crc32: of parts it is the CRC-32 of the whole, by zlib's own measure."""

import zlib

from hypothesis import given
from hypothesis import strategies as st

from hookline.recordings.crc32 import Crc32


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_the_sum_of_parts_is_that_of_the_whole(parts: list[bytes]) -> None:
    total = Crc32()
    for part in parts:
        total.append(zlib.crc32(part), len(part))
    assert total.value == zlib.crc32(b"".join(parts))


def test_parts_of_megabytes_are_added_as_small_ones_are() -> None:
    part, rest = bytes(range(256)) * (5 << 12), b"the rest"
    total = Crc32()
    for data in (part, part, rest):
        total.append(zlib.crc32(data), len(data))
    assert total.value == zlib.crc32(part + part + rest)
