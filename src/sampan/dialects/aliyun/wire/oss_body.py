"""The body of a request to OSS: never framed, and only as well digested as its sender says."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import AsyncIterator, Sequence

from sampan.gateway.http import Request
from sampan.kernel.body import Digest
from sampan.kernel.fault import Fault, Kind

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MD5_CHARS = 24  # 16 bytes in base64
_CRC64_MAX = (1 << 64) - 1


class Body:
    """An Inflow. Its length is checked here; its digests are declared here and checked by who reads it."""

    __slots__ = ("_digests", "_length", "_request")

    def __init__(self, request: Request) -> None:
        """Raises INVALID "argument" (the length) or INVALID "digest"."""
        self._request = request
        self._length = length_of(request)
        self._digests = _digests(request)

    @property
    def length(self) -> int | None:
        return self._length

    @property
    def algorithms(self) -> frozenset[str]:
        return frozenset([digest.algorithm for digest in self._digests]) if self._digests else frozenset()

    async def chunks(self) -> AsyncIterator[bytes]:
        received = 0
        async for chunk in self._request.stream():
            received += len(chunk)
            yield chunk
        if self._length is not None and received != self._length:
            why = f"{received} bytes came of {self._length} that Content-Length promised"
            raise Fault(Kind.TRUNCATED, "body", why)

    def digests(self) -> Sequence[Digest]:
        return self._digests


def length_of(request: Request) -> int | None:
    """The Content-Length, if there is one. Raises INVALID "argument"."""
    value = request.headers.get("content-length")
    if value is None:
        return None
    if not value.isascii() or not value.isdecimal() or len(value) > 16:
        raise Fault(Kind.INVALID, "argument", name="Content-Length", value=value[:64])
    return int(value)


def _digests(request: Request) -> tuple[Digest, ...]:
    headers = request.headers
    found = []
    md5 = headers.get("content-md5")
    if md5 is not None:
        found.append(declared("md5", md5_of(md5)))
    crc64 = headers.get("x-oss-hash-crc64ecma")
    if crc64 is not None:
        found.append(declared("crc64xz", _crc64(crc64)))
    # Every SDK sends UNSIGNED-PAYLOAD; a real digest is signed by V4 and so must be that of the body.
    sha256 = headers.get("x-oss-content-sha256", "UNSIGNED-PAYLOAD")
    if sha256 != "UNSIGNED-PAYLOAD":
        if _SHA256.fullmatch(sha256) is None:
            raise Fault(Kind.INVALID, "digest", "x-oss-content-sha256 is neither UNSIGNED-PAYLOAD nor a SHA-256.")
        found.append(Digest("sha256", bytes.fromhex(sha256), Fault(Kind.MISMATCH, "payload")))
    return tuple(found)


def declared(algorithm: str, value: bytes) -> Digest:
    """A digest that the sender states, with the fault of a body that is another."""
    return Digest(algorithm, value, Fault(Kind.MISMATCH, "digest", algorithm=algorithm))


def md5_of(text: str) -> bytes:
    """The 16 bytes of a Content-MD5. Raises INVALID "digest"."""
    try:
        value = base64.b64decode(text, validate=True) if len(text) == _MD5_CHARS else b""
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != 16:
        raise Fault(Kind.INVALID, "digest", "The Content-MD5 you specified was invalid.")
    return value


def _crc64(text: str) -> bytes:
    if not text.isascii() or not text.isdecimal() or len(text) > 20 or int(text) > _CRC64_MAX:
        raise Fault(Kind.INVALID, "digest", "The x-oss-hash-crc64ecma you specified was invalid.")
    return int(text).to_bytes(8, "big")
