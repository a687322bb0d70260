"""A client that leaves: what was being done for it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

from sampan.kernel.fault import Fault, Kind


class Leaving:
    """`async with Leaving(left):` cancels what runs inside when `left()` returns, and raises
    Fault(TRUNCATED, "reply") in its place.

    It costs one task however long the reply is: nothing is looked at between its pieces. The cancellation always comes
    out of an await inside the block, since the watching task runs only while the block waits.
    """

    def __init__(self, left: Callable[[], Awaitable[None]]) -> None:
        self._left = left
        self._has_left = False
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Leaving:
        task = asyncio.current_task()
        assert task is not None
        self._watch = asyncio.create_task(self._wait(task))
        return self

    async def _wait(self, task: asyncio.Task[object]) -> None:
        await self._left()
        self._has_left = True
        task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._watch is not None
        self._watch.cancel()
        if self._has_left and kind is asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.uncancel() == 0:
                raise Fault(Kind.TRUNCATED, "reply", "the client left") from None
