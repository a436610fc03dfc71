"""Compute the CRC-32 of a whole from those of its parts, without reading a byte twice. Values only.

A CRC-32 is the rest of a division by a polynomial, of bits in place of numbers: putting `size` bytes behind some others
multiplies their rest by x to the power of 8 * size, and adding is XOR. zlib has this as crc32_combine; Python has it
since 3.15 only.

Source: RFC 1952, section 8 (the polynomial, 0xEDB88320: its lowest power is the highest bit).
"""

from functools import lru_cache

_POLYNOMIAL = 0xEDB8_8320
_ONE = 1 << 31
_X = 1 << 30


class Crc32:
    """The CRC-32 of parts that follow each other. value: what zlib.crc32 gives for all of them so far."""

    def __init__(self) -> None:
        """No part yet."""
        self.value = 0

    def append(self, crc32: int, size: int) -> None:
        """Add the next part. crc32: zlib.crc32 of it alone; size: bytes."""
        self.value = _product(self.value, _power(8 * size)) ^ crc32


def _product(one: int, other: int) -> int:
    """Multiply two polynomials, modulo that of the CRC-32."""
    product = 0
    while one:
        if one & _ONE:
            product ^= other
        one = one << 1 & 0xFFFF_FFFF
        other = other >> 1 ^ (_POLYNOMIAL if other & 1 else 0)  # by x
    return product


@lru_cache(maxsize=4)
def _power(exponent: int) -> int:
    """x to the power of the exponent, modulo the same. Parts have one size, the last but one another."""
    power, square = _ONE, _X
    while exponent:
        if exponent & 1:
            power = _product(power, square)
        square = _product(square, square)
        exponent >>= 1
    return power
