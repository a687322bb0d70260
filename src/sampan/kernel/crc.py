"""Combining CRCs: the CRC of two pieces together, from the CRCs of each and the length of the second.

A reflected CRC with all ones in and out is linear over GF(2): appending n zero bytes multiplies the register by x^(8n)
modulo the polynomial. So crc(a + b) = crc(a) * x^(8 |b|) + crc(b). (Mark Adler's crc32_combine in zlib shows the same.)
"""

from __future__ import annotations

from functools import lru_cache

# algorithm: (reflected polynomial, width in bits)
POLYNOMIALS = {
    "crc32": (0xEDB88320, 32),
    "crc32c": (0x82F63B78, 32),
    "crc64nvme": (0x9A6C9329AC4BC9B5, 64),
    "crc64xz": (0xC96C5795D7870F42, 64),
}


def combine(algorithm: str, first: int, second: int, second_length: int) -> int:
    """The CRC of a + b, given crc(a), crc(b) and the length of b in bytes. Raises KeyError for an unknown algorithm."""
    polynomial, width = POLYNOMIALS[algorithm]
    return _multiply(_power(polynomial, width, second_length), first, polynomial, width) ^ second


def combine_bytes(algorithm: str, first: bytes, second: bytes, second_length: int) -> bytes:
    """`combine` on big-endian bytes, as digests are kept."""
    value = combine(algorithm, int.from_bytes(first, "big"), int.from_bytes(second, "big"), second_length)
    return value.to_bytes(len(first), "big")


@lru_cache(maxsize=1024)
def _power(polynomial: int, width: int, n_bytes: int) -> int:
    """x^(8 * n_bytes) modulo the polynomial, by squaring. Cached: parts of an upload mostly have one length."""
    result = 1 << (width - 1)  # x^0: the highest bit is the lowest power in reflected form
    square = _multiply(1 << (width - 2), 1 << (width - 2), polynomial, width)  # x^2
    square = _multiply(square, square, polynomial, width)  # x^4
    square = _multiply(square, square, polynomial, width)  # x^8
    while n_bytes:
        if n_bytes & 1:
            result = _multiply(result, square, polynomial, width)
        square = _multiply(square, square, polynomial, width)
        n_bytes >>= 1
    return result


def _multiply(a: int, b: int, polynomial: int, width: int) -> int:
    """a * b modulo the polynomial, both reflected."""
    product = 0
    bit = 1 << (width - 1)
    while bit:
        if a & bit:
            product ^= b
        b = (b >> 1) ^ polynomial if b & 1 else b >> 1
        bit >>= 1
    return product
