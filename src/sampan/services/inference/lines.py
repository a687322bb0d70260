"""Lines of a file, bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sampan.kernel.fault import Fault, Kind
from sampan.kernel.limits import DOCUMENT_BYTES_MAX

LINE_BYTES_MAX = DOCUMENT_BYTES_MAX  # a line is a request's document


async def lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Each line without its end; empty ones are left out. Raises Fault(INVALID, "file") for one that is too long."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield _checked(line)
        _checked(rest)
    if rest.strip():
        yield _checked(rest)


def _checked(line: bytes) -> bytes:
    if len(line) > LINE_BYTES_MAX:
        raise Fault(Kind.INVALID, "file", f"a line has more than {LINE_BYTES_MAX} bytes")
    return line.removesuffix(b"\r")
