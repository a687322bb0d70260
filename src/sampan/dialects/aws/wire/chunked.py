r"""aws-chunked: a body in signed pieces, so that it can be verified while it flows.

Written after AWS's "Signature calculations for the Authorization header: transferring payload in multiple chunks" and
its pages on trailing checksums. In short:

    400;chunk-signature=<hex>\r\n   1,024 bytes follow; the signature covers them and the signature before
    <bytes>\r\n
    0;chunk-signature=<hex>\r\n     the last one is empty
    x-amz-checksum-crc32c:<base64>\r\n      only in the -TRAILER forms
    x-amz-trailer-signature:<hex>\r\n       only in the signed one
    \r\n

The unsigned form leaves the signatures out. A chunk's bytes are handed on before its signature is seen: a reader must
keep nothing of a body whose reading ends in a Fault.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from collections.abc import Iterator

from sampan.dialects.aws.wire.sign import ChunkSeal, same
from sampan.kernel.fault import Fault, Kind

LINE_BYTES_MAX = 1024  # a size, ";chunk-signature=" and 64 digits, or a trailing checksum: about 100
TRAILER_LINES_MAX = 8
SIZE_DIGITS_MAX = 16

_NOTHING = hashlib.sha256(b"").hexdigest()
_DIGITS = frozenset(b"0123456789abcdefABCDEF")


class _At(enum.Enum):
    SIZE = "the line before a chunk"
    DATA = "inside of a chunk"
    DATA_END = "the line end after a chunk"
    TRAILER = "the lines after the last chunk"
    DONE = "the end"


class ChunkDecoder:
    """Takes in the encoded bytes, however they are cut, and gives out the decoded ones. Holds one line at most."""

    def __init__(self, length: int, seal: ChunkSeal | None, trailer: str) -> None:
        """`length` is what the decoded body must have. With `seal` every chunk must be signed. `trailer` names, in
        lower case, the one header that must come after the last chunk, or is ""."""
        self.trailer = ""  # the value of that header, when all is read
        self._length = length
        self._seal = seal
        self._previous = seal.signature if seal else ""
        self._trailer_name = trailer
        self._trailer_signed = False
        self._trailer_lines = 0
        self._at = _At.SIZE
        self._line = b""
        self._left = 0
        self._came = 0
        self._chunk_signature = ""
        self._hash = hashlib.sha256()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decoded bytes that `data` completes. Raises Fault(INVALID, "chunk") or Fault(MISMATCH, "signature")."""
        at = 0
        while at < len(data):
            if self._at is _At.DATA:
                piece = data[at : at + self._left]
                at += len(piece)
                self._take_data(piece)
                yield piece
                continue
            if self._at is _At.DONE:
                if data[at:].strip(b"\r\n"):
                    raise _malformed("bytes after the end")
                return
            end = data.find(b"\n", at)
            if end < 0:
                self._line += data[at:]
                at = len(data)
            else:
                line, self._line = self._line + data[at:end], b""
                at = end + 1
                self._take_line(line)
            if len(self._line) > LINE_BYTES_MAX:
                raise _malformed("a line is too long")

    def finish(self) -> None:
        """Raises Fault(TRUNCATED, "body") unless all has come."""
        if self._at is not _At.DONE:
            raise Fault(Kind.TRUNCATED, "body", f"the body ended at {self._at.value}")

    def _take_data(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._seal is not None:
            self._hash.update(piece)
        if not self._left:
            self._close_chunk()
            self._at = _At.DATA_END

    def _take_line(self, line: bytes) -> None:
        if len(line) > LINE_BYTES_MAX:
            raise _malformed("a line is too long")
        if self._at is _At.TRAILER:
            self._take_trailer(line.removesuffix(b"\r"))
        elif not line.endswith(b"\r"):
            raise _malformed("a line does not end in CR LF")
        elif self._at is _At.SIZE:
            self._take_size(line[:-1])
        elif line != b"\r":
            raise _malformed("a chunk is longer than it says")
        else:
            self._at = _At.SIZE

    def _take_size(self, line: bytes) -> None:
        digits, _, extension = line.partition(b";")
        if not 0 < len(digits) <= SIZE_DIGITS_MAX or not _DIGITS.issuperset(digits):
            raise _malformed("a chunk's size is not a hexadecimal number")
        size = int(digits, 16)
        self._came += size
        if self._came > self._length:
            raise _malformed("the chunks are longer than x-amz-decoded-content-length")
        if self._seal is not None:
            name, _, signature = extension.partition(b"=")
            if name != b"chunk-signature":
                raise _malformed("a chunk is not signed")
            self._chunk_signature = signature.decode("latin-1")
            self._hash = hashlib.sha256()
        self._left = size
        if size:
            self._at = _At.DATA
            return
        self._close_chunk()
        if self._came != self._length:
            raise Fault(Kind.TRUNCATED, "body", f"{self._came} bytes came of {self._length}")
        self._at = _At.TRAILER

    def _take_trailer(self, line: bytes) -> None:
        self._trailer_lines += 1
        if self._trailer_lines > TRAILER_LINES_MAX:
            raise _malformed("too many lines after the last chunk", "trailer")
        awaited = self._seal is not None and bool(self._trailer_name) and not self._trailer_signed
        if not line:
            if awaited:
                return  # some SDKs end the checksum's line by LF CR LF; the signature is still to come
            if self._trailer_name and not self.trailer:
                raise _malformed(f"{self._trailer_name} was announced and did not come", "trailer")
            self._at = _At.DONE
            return
        name, colon, value = line.decode("latin-1").partition(":")
        name, value = name.strip().lower(), value.strip()
        if colon and awaited and self.trailer and name == "x-amz-trailer-signature":
            self._check(value, "AWS4-HMAC-SHA256-TRAILER", f"{self._trailer_name}:{self.trailer}\n".encode())
            self._trailer_signed = True
        elif colon and value and name and name == self._trailer_name and not self.trailer:
            self.trailer = value
        else:
            raise _malformed("a line after the last chunk that was not announced", "trailer")

    def _close_chunk(self) -> None:
        if self._seal is not None:
            self._check(self._chunk_signature, "AWS4-HMAC-SHA256-PAYLOAD", None)

    def _check(self, given: str, algorithm: str, trailer: bytes | None) -> None:
        """Compare the signature of the chunk just read, or of the trailing headers, and chain it to the next."""
        seal = self._seal
        assert seal is not None
        lines = [algorithm, seal.timestamp, seal.scope, self._previous]
        lines += [_NOTHING, self._hash.hexdigest()] if trailer is None else [hashlib.sha256(trailer).hexdigest()]
        to_sign = "\n".join(lines)
        expected = hmac.digest(seal.signing_key, to_sign.encode("utf-8", "surrogateescape"), "sha256").hex()
        if not same(given, expected):
            raise Fault(Kind.MISMATCH, "signature", string_to_sign=to_sign, signature=given[:128])
        self._previous = expected


def _malformed(why: str, part: str = "chunk") -> Fault:
    return Fault(Kind.INVALID, "chunk", why, part=part)
