"""A request's body and what its sender says of it: length, signed hash, Content-MD5 and S3's checksums.

Nothing is computed here: whoever reads the body computes the digests that `digests` names and raises their Faults.
What can be refused before the first byte is: a digest that is none, two checksums at once, an unknown algorithm.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import AsyncIterator, Mapping, Sequence

from sampan.dialects.aws.wire.chunked import ChunkDecoder
from sampan.dialects.aws.wire.sign import ChunkSeal
from sampan.dialects.aws.wire.sigv4 import UNSIGNED
from sampan.gateway.http import Request
from sampan.kernel.body import Digest, Inflow
from sampan.kernel.fault import Fault, Kind

CHECKSUM_BYTES = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32}
CHECKSUMS_NOT_DONE = frozenset({"md5", "sha512", "xxhash3", "xxhash64", "xxhash128"})
PREFIX = "x-amz-checksum-"

_SEALED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_SEALED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
_OPEN_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_SHA256 = re.compile(r"[0-9a-fA-F]{64}").fullmatch


class PlainBody:
    """A body as it is on the wire."""

    __slots__ = ("_digests", "_request", "length")

    def __init__(self, request: Request, length: int | None, digests: Sequence[Digest]) -> None:
        self._request = request
        self.length = length
        self._digests = digests

    @property
    def algorithms(self) -> frozenset[str]:
        return frozenset([digest.algorithm for digest in self._digests])

    async def chunks(self) -> AsyncIterator[bytes]:
        came = 0
        async for piece in self._request.stream():
            came += len(piece)
            yield piece
        if self.length is not None and came != self.length:
            raise Fault(Kind.TRUNCATED, "body", f"{came} bytes came of {self.length}")

    def digests(self) -> Sequence[Digest]:
        return self._digests


class ChunkedBody:
    """A body in aws-chunked encoding, decoded and verified as it flows."""

    __slots__ = ("_decoder", "_digests", "_request", "_trailer", "length")

    def __init__(
        self, request: Request, length: int, digests: Sequence[Digest], seal: ChunkSeal | None, trailer: str
    ) -> None:
        """`trailer` is the name of the checksum's header that comes after the last chunk, or ""."""
        self._request = request
        self.length: int | None = length
        self._digests = list(digests)
        self._trailer = trailer
        self._decoder = ChunkDecoder(length, seal, trailer)

    @property
    def algorithms(self) -> frozenset[str]:
        known = {digest.algorithm for digest in self._digests}
        return frozenset(known | {self._trailer.removeprefix(PREFIX)} if self._trailer else known)

    async def chunks(self) -> AsyncIterator[bytes]:
        decoder = self._decoder
        async for piece in self._request.stream():
            for data in decoder.feed(piece):
                yield data
        decoder.finish()
        if self._trailer:
            self._digests.append(_checksum(self._trailer, decoder.trailer))

    def digests(self) -> Sequence[Digest]:
        return self._digests


def open_body(request: Request, headers: Mapping[str, str], seal: ChunkSeal | None, *, checksums: bool) -> Inflow:
    """The body of a request whose signature is verified; `headers` and `seal` are the signature's (see `sign.Signed`).

    `checksums` is false where the x-amz-checksum-* headers speak of something else than this body. Raises Fault for
    what the headers say of it and cannot be so.
    """
    payload = headers.get("x-amz-content-sha256", UNSIGNED)
    digests = _declared(headers, checksums)
    if payload.startswith("STREAMING-"):
        return _open_chunked(request, headers, seal, payload, digests)
    if payload != UNSIGNED:
        if not _SHA256(payload):
            raise _unknown_payload(payload)
        # First, since it is what was signed.
        digests.insert(0, Digest("sha256", bytes.fromhex(payload), Fault(Kind.MISMATCH, "payload", algorithm="sha256")))
    if checksums:
        _check_choice(headers, digests, "")
    return PlainBody(request, length_of(headers, "content-length"), digests)


def _open_chunked(
    request: Request, headers: Mapping[str, str], seal: ChunkSeal | None, payload: str, digests: list[Digest]
) -> Inflow:
    if payload.startswith("STREAMING-AWS4-ECDSA"):
        raise Fault(Kind.NOT_DONE, "operation", operation="SigV4A", header="x-amz-content-sha256")
    if payload not in (_SEALED, _SEALED_TRAILER, _OPEN_TRAILER) or (payload != _OPEN_TRAILER and seal is None):
        raise _unknown_payload(payload)
    length = length_of(headers, "x-amz-decoded-content-length")
    if length is None:
        raise Fault(Kind.ABSENT, "length", "x-amz-decoded-content-length is missing")
    trailer = headers.get("x-amz-trailer", "").strip().lower() if payload != _SEALED else ""
    if trailer:
        _algorithm(trailer)
    _check_choice(headers, digests, trailer)
    return ChunkedBody(request, length, digests, None if payload == _OPEN_TRAILER else seal, trailer)


def decode_checksum(name: str, value: str) -> tuple[str, bytes]:
    """Algorithm and raw value of a checksum's header. Raises Fault(INVALID, "digest") or NOT_DONE."""
    algorithm = _algorithm(name)
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != CHECKSUM_BYTES[algorithm]:
        raise Fault(Kind.INVALID, "digest", f"Value for {name} header is invalid.", algorithm=algorithm)
    return algorithm, raw


def _algorithm(name: str) -> str:
    algorithm = name.removeprefix(PREFIX)
    if name.startswith(PREFIX) and algorithm in CHECKSUM_BYTES:
        return algorithm
    if algorithm in CHECKSUMS_NOT_DONE:
        raise Fault(Kind.NOT_DONE, "operation", operation=f"checksum {algorithm}", header=name)
    raise Fault(Kind.INVALID, "digest", f'"{name[:64]}" is not the header of a checksum', algorithm="")


def _checksum(name: str, value: str) -> Digest:
    algorithm, raw = decode_checksum(name, value)
    return Digest(algorithm, raw, Fault(Kind.MISMATCH, "digest", algorithm=algorithm), stored=True)


def _declared(headers: Mapping[str, str], checksums: bool) -> list[Digest]:
    """What the headers say: Content-MD5 and at most one checksum."""
    digests = []
    given = headers.get("content-md5")
    if given is not None:
        try:
            raw = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != 16:
            raise Fault(Kind.INVALID, "digest", algorithm="md5", value=given[:64])
        digests.append(Digest("md5", raw, Fault(Kind.MISMATCH, "digest", algorithm="md5", expected=given)))
    if checksums:
        names = [name for name in headers if name.startswith(PREFIX)]
        if names:
            digests += [
                _checksum(name, headers[name])
                for name in names
                if name not in ("x-amz-checksum-algorithm", "x-amz-checksum-type", "x-amz-checksum-mode")
            ]
    return digests


def _check_choice(headers: Mapping[str, str], digests: Sequence[Digest], trailer: str) -> None:
    """One checksum, and the one that x-amz-sdk-checksum-algorithm announces."""
    chosen = [digest.algorithm for digest in digests if digest.stored]
    if trailer:
        chosen.append(trailer.removeprefix(PREFIX))
    if len(chosen) > 1:
        raise Fault(
            Kind.INVALID,
            "digest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            algorithm="",
        )
    announced = headers.get("x-amz-sdk-checksum-algorithm")
    if announced is None or [announced.lower()] == chosen:
        return
    if chosen or announced.lower() not in CHECKSUM_BYTES:
        why = "Value for x-amz-sdk-checksum-algorithm header is invalid."
    elif "content-md5" in headers:
        return
    else:
        why = (
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers "
            "were found."
        )
    raise Fault(Kind.INVALID, "digest", why, algorithm="")


def length_of(headers: Mapping[str, str], name: str) -> int | None:
    """The length that a header says, or None without it. Raises Fault(INVALID, "argument")."""
    value = headers.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise Fault(Kind.INVALID, "argument", f"{name} is not a length", name=name, value=value[:64])
    return int(value)


def _unknown_payload(payload: str) -> Fault:
    return Fault(
        Kind.INVALID,
        "argument",
        f"x-amz-content-sha256 must be {UNSIGNED}, {_OPEN_TRAILER}, {_SEALED}, {_SEALED_TRAILER} or a valid sha256 "
        "value.",
        name="x-amz-content-sha256",
        value=payload[:128],
    )
