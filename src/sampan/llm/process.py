"""An engine in a process of its own, so that a server's event loop shares no interpreter lock with a model.

The parent holds an EngineProcess; messages are pickled over a pipe between the two (both ends are ours). The child
steps as long as there is work, and listens between steps.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import multiprocessing
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

from sampan.llm.engine import Engine
from sampan.llm.errors import LlmError, ModelError
from sampan.llm.request import Request, Update

Start = Callable[[], Engine]


@dataclass(frozen=True, slots=True)
class _Call:
    """Parent to child: `verb` is add, cancel, metrics, register or stop."""

    verb: str
    ticket: int
    value: Any = None


@dataclass(frozen=True, slots=True)
class _Reply:
    """Child to parent: what a call came to."""

    ticket: int
    value: Any = None
    error: LlmError | None = None


class EngineProcess:
    """Starts a process that makes an engine by calling `start`, which must be picklable (a partial of a function of a
    module). Methods may be called from any event loop or thread."""

    def __init__(self, start: Start, *, start_seconds_max: float = 600.0) -> None:
        """Waits until the engine is ready. Raises ModelError if it cannot be made."""
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(start, theirs), daemon=True, name="sampan-llm")
        self._process.start()
        theirs.close()
        self._sending = threading.Lock()
        self._tickets = itertools.count(1)
        self._replies: dict[int, Future[Any]] = {}
        self._sinks: dict[int, Callable[[Update], None]] = {}
        self._closed = False
        ready: Future[Any] = Future()
        self._replies[0] = ready
        self._reader = threading.Thread(target=self._read, daemon=True, name="sampan-llm-reader")
        self._reader.start()
        try:
            self.length_max: int = ready.result(start_seconds_max)
        except BaseException:
            self.close()
            raise

    async def generate(self, request: Request) -> AsyncIterator[Update]:
        """The updates of one request as they come. Leaving early cancels it. Raises RequestError, BusyError."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Update] = asyncio.Queue()

        def sink(update: Update) -> None:
            with contextlib.suppress(RuntimeError):  # the loop may be closed by now
                loop.call_soon_threadsafe(queue.put_nowait, update)

        ticket = next(self._tickets)
        self._sinks[ticket] = sink
        left = request.sampling.n
        try:
            await asyncio.wrap_future(self._call("add", request, ticket))
            while left:
                update = await queue.get()
                left -= update.finished is not None
                yield update
        finally:
            self._sinks.pop(ticket, None)
            if left:
                self._send(_Call("cancel", ticket))

    async def register(self, adapter: str, folder: str) -> None:
        """Make an adapter known. Raises ModelError, RequestError."""
        await asyncio.wrap_future(self._call("register", (adapter, folder)))

    async def metrics(self) -> dict[str, float]:
        """The engine's figures."""
        found: dict[str, float] = await asyncio.wrap_future(self._call("metrics"))
        return found

    def close(self) -> None:
        """Stop the process; what it was answering ends with an error. Safe to call twice."""
        self._closed = True
        self._send(_Call("stop", 0))
        self._process.join(timeout=10)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()
        self._pipe.close()

    def _call(self, verb: str, value: Any = None, ticket: int | None = None) -> Future[Any]:
        number = next(self._tickets) if ticket is None else ticket
        future: Future[Any] = Future()
        self._replies[number] = future
        if not self._send(_Call(verb, number, value)):
            self._replies.pop(number, None)
            future.set_exception(ModelError("the engine's process is gone"))
        return future

    def _send(self, call: _Call) -> bool:
        try:
            with self._sending:
                self._pipe.send(call)
        except (OSError, ValueError):
            return False
        return True

    def _read(self) -> None:
        """Hands out what the child says, until it says no more."""
        while True:
            try:
                message = self._pipe.recv()
            except (EOFError, OSError):
                break
            if isinstance(message, _Reply):
                future = self._replies.pop(message.ticket, None)
                if future is not None and not future.cancelled():
                    if message.error is None:
                        future.set_result(message.value)
                    else:
                        future.set_exception(message.error)
            else:
                for update in message:
                    sink = self._sinks.get(update.request_id)
                    if sink is not None:
                        sink(update)
        gone = "the engine's process was closed" if self._closed else "the engine's process died"
        for future in list(self._replies.values()):
            if not future.done():
                future.set_exception(ModelError(gone))
        for ticket, sink in list(self._sinks.items()):
            for index in range(128):  # whatever the number of answers, each gets an end
                sink(Update(ticket, index, finished="error", why=gone))


def serve(start: Start, pipe: Connection) -> None:
    """The child's life: make the engine, then listen and step."""
    try:
        engine = start()
    except LlmError as error:
        pipe.send(_Reply(0, error=error))
        return
    except Exception as error:
        pipe.send(_Reply(0, error=ModelError(f"{type(error).__name__}: {error}")))
        return
    pipe.send(_Reply(0, engine.length_max))
    tickets: dict[int, int] = {}  # the engine's ids -> the parent's
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):  # the parent is gone: so are we
        while True:
            while pipe.poll(None if not engine.busy else 0):
                call = pipe.recv()
                if call.verb == "stop":
                    return
                _answer(engine, call, tickets, pipe)
            updates = engine.step()
            told = [
                replace(update, request_id=tickets[update.request_id])
                for update in updates
                if update.request_id in tickets
            ]
            if told:
                pipe.send(told)
            if not engine.busy:
                tickets.clear()
            elif len(tickets) > 2 * engine.open + 64:  # finished ones, of which the engine no longer knows
                tickets = {one: ticket for one, ticket in tickets.items() if engine.knows(one)}


def _answer(engine: Engine, call: _Call, tickets: dict[int, int], pipe: Connection) -> None:
    try:
        if call.verb == "add":
            tickets[engine.add(call.value)] = call.ticket
            pipe.send(_Reply(call.ticket))
        elif call.verb == "cancel":
            for request_id in [one for one, ticket in tickets.items() if ticket == call.ticket]:
                engine.cancel(request_id)
                del tickets[request_id]
        elif call.verb == "register":
            engine.adapters.register(*call.value)
            pipe.send(_Reply(call.ticket))
        elif call.verb == "metrics":
            pipe.send(_Reply(call.ticket, engine.metrics.snapshot()))
    except LlmError as error:
        pipe.send(_Reply(call.ticket, error=error))
