"""A request's body as it is: nothing is signed, chunked or digested in these dialects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from sampan.gateway.http import Request
from sampan.kernel.body import Digest
from sampan.kernel.fault import Fault, Kind


class Body:
    """An Inflow."""

    __slots__ = ("_request", "length")

    def __init__(self, request: Request) -> None:
        """Raises Fault(INVALID, "argument") for a length that is none."""
        self._request = request
        self.length: int | None = None
        sent = request.headers.get("content-length")
        if sent is not None:
            if not (sent.isascii() and sent.isdecimal() and len(sent) <= 16):
                raise Fault(Kind.INVALID, "argument", "Content-Length must be a whole number.", name="Content-Length")
            self.length = int(sent)

    @property
    def algorithms(self) -> frozenset[str]:
        return frozenset()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they come. Raises Fault(TRUNCATED, "body") if fewer come than were promised."""
        received = 0
        async for chunk in self._request.stream():
            received += len(chunk)
            yield chunk
        if self.length is not None and received != self.length:
            raise Fault(Kind.TRUNCATED, "body", f"{received} bytes came of {self.length} that were promised")

    def digests(self) -> Sequence[Digest]:
        return ()
