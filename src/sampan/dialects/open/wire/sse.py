"""Server-sent events (WHATWG HTML, 9.2): a reply that is written while it is made."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from sampan.kernel.fault import Fault, Kind

T = TypeVar("T")

HEADERS = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))


def event(data: bytes, name: str = "") -> bytes:
    """One event. `data` is one line: JSON has no line breaks but escaped ones."""
    head = f"event: {name}\n".encode() if name else b""
    return b"%bdata: %b\n\n" % (head, data)


class Events:
    """An Outflow of events, each sent as soon as there is one.

    A Fault before the first event is raised, so that it becomes a reply with a status of its own. After that the
    status has gone out: `refuse` makes the vendor's error event of it, which is the last one. Anything else that is
    raised is our mistake: it is told as such, and raised again for the log.
    """

    def __init__(self, events: AsyncGenerator[bytes, None], refuse: Callable[[Fault], bytes]) -> None:
        self._events = events
        self._refuse = refuse

    @property
    def length(self) -> None:
        """Nobody knows before the end."""
        return None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The events as bytes."""
        begun = False
        async with ending(self._events) as events:
            try:
                async for one in events:
                    begun = True
                    yield one
            except Fault as fault:
                if not begun:
                    raise
                yield self._refuse(fault)
            except Exception:
                if begun:
                    yield self._refuse(Fault(Kind.INTERNAL, "server"))
                raise

    def close(self) -> None:
        """Nothing: what is read is closed where it is read, and what was never read holds nothing."""


@asynccontextmanager
async def ending(source: AsyncIterator[T]) -> AsyncGenerator[AsyncIterator[T], None]:
    """Close an iterator for good when its reader stops, however it stops: at its end, at a fault, in the middle."""
    try:
        yield source
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()
