"""One model's process, as whoever started it sees it: how far it is, how it does, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sampan.llm.client import Client
from sampan.llm.errors import AbsentError, GoneError, LlmError, ModelError
from sampan.llm.settings import Settings
from sampan.llm.values import Piece, State

STOP_S = 10.0  # what it gets to finish its last step
CALL_S = 5.0  # it answers between two steps; longer means that it is stuck
LINE_BYTES_MAX = 8192
TAIL_LINES = 20  # of what it said on standard error, for the log

T = TypeVar("T")
_log = logging.getLogger(__name__)


class ModelProcess:
    """Runs `python -m sampan.llm serve`. To be made and used on one event loop."""

    def __init__(self, source: Path, settings: Settings, socket: Path) -> None:
        self.source, self.settings, self.socket = source, settings, socket
        self.progress = 0.0  # of loading, 0 to 1
        self.status: int | None = None  # how it ended
        self.ended = asyncio.Event()
        self.leaving = False  # it has been told to end, and takes no more
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._client: Client[Piece] | None = None
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._opened.add_done_callback(lambda future: future.exception())  # told to whoever asks, else to nobody

    @property
    def ready(self) -> bool:
        """Whether it answers, and will."""
        return self._opened.done() and self._opened.exception() is None and not self.over

    @property
    def over(self) -> bool:
        """Whether it has ended, or is about to."""
        return self.leaving or self.ended.is_set()

    async def start(self) -> None:
        """Start it. `wait` tells when it answers."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "sampan.llm", "serve", str(self.source), "--socket", str(self.socket)),
            *("--settings", json.dumps(msgspec.to_builtins(self.settings))),
            stdin=asyncio.subprocess.PIPE,  # it ends when we do, however we end
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C on a terminal is for us
            env=os.environ | ({"OMP_NUM_THREADS": str(self.settings.threads)} if self.settings.threads else {}),
        )
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._complaints())]

    async def wait(self) -> None:
        """Return when the model answers. Raises ModelError if it cannot be loaded, GoneError if the process died."""
        await asyncio.shield(self._opened)

    async def state(self) -> State:
        """How it does. Raises GoneError, TimeoutError."""
        return await self._call("state", State)

    async def retire(self) -> bool:
        """End it unless it is wanted; whether it has ended."""
        try:
            asked = self._call("retire", bool)
            self.leaving = True
            self.leaving = await asked
        except (GoneError, TimeoutError):
            self.leaving = False
            return self.ended.is_set()
        if self.leaving:
            await self._end()
        return self.leaving

    async def drain(self) -> None:
        """End it when it has answered what it is answering."""
        try:
            asked = self._call("drain", type(None))
            self.leaving = True
            await asked
        except (GoneError, TimeoutError):
            await self.stop()
        await self.ended.wait()

    async def stop(self) -> None:
        """End it now."""
        self.leaving = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._end()

    async def _end(self) -> None:
        try:
            await asyncio.wait_for(self.ended.wait(), STOP_S)
        except TimeoutError:
            assert self._process is not None
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self.ended.wait()

    def _call(self, verb: str, into: type[T]) -> Coroutine[Any, Any, T]:
        if not self.ready:
            raise GoneError("the model's process is not there")
        return asyncio.wait_for(self._called(verb, into), CALL_S)

    async def _called(self, verb: str, into: type[T]) -> T:
        if self._client is None or not self._client.open:
            self._client = await Client.connect(self.socket, Piece)
        return await self._client.call(verb, None, into)

    async def _listen(self) -> None:
        """Standard output: see `sampan.llm.server`."""
        assert self._process is not None and self._process.stdout is not None
        async for line in _lines(self._process.stdout):
            try:
                told: dict[str, Any] = json.loads(line)
            except ValueError:
                _log.info("model at %s: %s", self.source, line)
                continue
            if "loading" in told:
                self.progress = float(told["loading"])
            elif "failed" in told:
                self._settle((AbsentError if told.get("absent") else ModelError)(str(told["failed"])))
            elif "ready" in told:
                self._settle(None)
        self.status = await self._process.wait()
        self.ended.set()
        last = f": {self._tail[-1]}" if self._tail else ""
        self._settle(GoneError(f"the model's process ended with status {self.status}{last}", died=True))
        if self._client is not None:
            self._client.close()

    def _settle(self, error: LlmError | None) -> None:
        if self._opened.done():
            return
        if error is None:
            self._opened.set_result(None)
        else:
            self._opened.set_exception(error)

    async def _complaints(self) -> None:
        """Standard error goes to the log; its end says why a process died."""
        assert self._process is not None and self._process.stderr is not None
        async for line in _lines(self._process.stderr):
            self._tail.append(line)
            _log.warning("model at %s: %s", self.source, line)


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[str]:
    """What is written, line by line; a line that is too long comes in pieces, so that nobody's pipe is ever full."""
    kept = b""
    while data := await reader.read(LINE_BYTES_MAX):
        *whole, kept = (kept + data).split(b"\n")
        if len(kept) > LINE_BYTES_MAX:
            whole, kept = [*whole, kept], b""
        for line in whole:
            yield line.decode(errors="replace").rstrip()
    if kept:
        yield kept.decode(errors="replace")
