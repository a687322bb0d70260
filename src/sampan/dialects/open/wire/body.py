"""A request's body, as it is on the wire: nothing of it is signed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from sampan.gateway.http import Request
from sampan.kernel.body import Digest
from sampan.kernel.fault import Fault, Kind


class PlainBody:
    """Implements `kernel.body.Inflow`."""

    algorithms: frozenset[str] = frozenset()

    def __init__(self, request: Request) -> None:
        """Raises Fault(INVALID, "argument") for a length that is none."""
        self._request = request
        given = request.headers.get("content-length")
        if given is not None and not (given.isascii() and given.isdigit() and len(given) < 20):
            raise Fault(Kind.INVALID, "argument", "Content-Length must be a number.", name="content-length")
        self.length = int(given) if given is not None else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Raises Fault(TRUNCATED, "body") when the sender stops early."""
        came = 0
        async for piece in self._request.stream():
            came += len(piece)
            yield piece
        if self.length is not None and came != self.length:
            raise Fault(Kind.TRUNCATED, "body", f"{came} bytes came of {self.length}")

    def digests(self) -> Sequence[Digest]:
        """Nobody claims any."""
        return ()
