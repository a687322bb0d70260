"""Digests by the fastest well-kept library for each: docs/adr/0005-checksums.md.

CRC-32 is ISO-HDLC's (the one of zlib), CRC-32C Castagnoli's (RFC 3720), CRC-64/XZ the one that OSS calls crc64ecma, and
CRC-64/NVME the one that S3 made its default for large objects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from awscrt.checksums import crc64nvme
from fastcrc import crc32, crc64

CRC_BYTES = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "crc64xz": 8}
_CRCS: dict[str, Callable[[bytes, int], int]] = {
    "crc32": crc32.iso_hdlc,
    "crc32c": crc32.iscsi,
    "crc64nvme": crc64nvme,
    "crc64xz": crc64.xz,
}
_HASHES = {"md5": hashlib.md5, "sha1": hashlib.sha1, "sha256": hashlib.sha256}
ALGORITHMS = frozenset({*_HASHES, *_CRCS})


class LibraryDigester:
    """Implements `kernel.ports.Digester`."""

    __slots__ = ("_crcs", "_hashes")

    def __init__(self, algorithms: Iterable[str]) -> None:
        self._hashes = {}
        self._crcs: dict[str, int] = {}
        for algorithm in algorithms:
            if algorithm in _CRCS:
                self._crcs[algorithm] = 0
            elif algorithm in ALGORITHMS:
                # MD5 and SHA-1 detect accidents here; no security rests on them.
                self._hashes[algorithm] = _HASHES[algorithm](usedforsecurity=False)
            else:
                raise KeyError(algorithm)

    def update(self, data: bytes) -> None:
        for digest in self._hashes.values():
            digest.update(data)
        for algorithm, value in self._crcs.items():
            self._crcs[algorithm] = _CRCS[algorithm](data, value)

    def values(self) -> dict[str, bytes]:
        found = {algorithm: digest.digest() for algorithm, digest in self._hashes.items()}
        for algorithm, value in self._crcs.items():
            found[algorithm] = value.to_bytes(CRC_BYTES[algorithm], "big")
        return found


class LibraryDigests:
    """Implements `kernel.ports.Digests`."""

    def start(self, algorithms: Iterable[str]) -> LibraryDigester:
        return LibraryDigester(algorithms)
