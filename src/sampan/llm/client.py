"""Asking a model's process. Many calls share one connection, from one event loop."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw

from sampan.llm import errors
from sampan.llm.errors import AnswerError, GoneError, LlmError, RequestError
from sampan.llm.frames import ASK_BYTES_MAX, Call, Done, Frames, Refused, Said

P = TypeVar("P")
T = TypeVar("T")


class Client(Generic[P]):
    """A connection to a model's process. `piece` is the class that pieces are read into: `values.Piece`, or one with
    fields of the same names."""

    def __init__(self, frames: Frames, piece: type[P]) -> None:
        self._frames = frames
        self._ids = itertools.count(1)
        self._calls: dict[int, _Call] = {}
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(
            list[Said[piece] | Done | Refused]  # type: ignore[valid-type]
        )
        self._encoder = msgspec.msgpack.Encoder(enc_hook=dict)  # whatever mapping a caller holds

    @classmethod
    async def connect(cls, path: Path, piece: type[P]) -> Client[P]:
        """Raises GoneError if nobody listens there."""
        made: list[Client[P]] = []

        def take(_: Frames, frame: bytes) -> None:
            made[0]._take(frame)

        def lost(_: Frames) -> None:
            if made:
                made[0]._lost()

        loop = asyncio.get_running_loop()
        try:
            _, frames = await loop.create_unix_connection(lambda: Frames(take, lost), str(path))
        except OSError as error:
            raise GoneError(f"the model's process cannot be reached: {error.strerror}") from error
        made.append(cls(frames, piece))
        return made[0]

    @property
    def open(self) -> bool:
        return self._frames.open

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._calls

    def close(self) -> None:
        """What is under way ends with GoneError."""
        self._frames.close()

    async def pieces(self, ask: object, *, adapter: str = "") -> AsyncIterator[P]:
        """The pieces of the answers as they come. Leaving early cancels the question. Raises what the process refuses
        it with, AnswerError when the process dies after it began to answer, GoneError when before."""
        number, call = self._begin("generate", ask, adapter)
        said = False
        try:
            while True:
                reply = await call.next()
                if type(reply) is Said:
                    said = True
                    yield reply.piece
                elif isinstance(reply, Refused):
                    raise _error(reply)
                elif reply is None:
                    why = "the model's process died"
                    raise AnswerError(why) if said else GoneError(why, died=True)
                else:
                    return
        finally:
            self._end(number)

    async def call(self, verb: str, body: object, into: type[T], *, adapter: str = "") -> T:
        """One call with one answer. Raises what the process refuses it with, GoneError when it dies."""
        number, call = self._begin(verb, body, adapter)
        try:
            reply = await call.next()
        finally:
            self._end(number)
        if isinstance(reply, Refused):
            raise _error(reply)
        if not isinstance(reply, Done):
            raise GoneError("the model's process died", died=True)
        return msgspec.msgpack.decode(reply.value, type=into)

    def _begin(self, verb: str, body: object, adapter: str) -> tuple[int, _Call]:
        number, call = next(self._ids), _Call()
        if not self._frames.open:
            raise GoneError("the model's process is gone")
        encoded = self._encoder.encode(body)
        if len(encoded) > ASK_BYTES_MAX:
            raise RequestError(f"the request has {len(encoded)} bytes; at most {ASK_BYTES_MAX} can be sent")
        self._calls[number] = call
        self._frames.send(Call(number, verb, Raw(encoded), adapter))
        return number, call

    def _end(self, number: int) -> None:
        if self._calls.pop(number).over:
            return
        self._frames.send(Call(number, "cancel"))

    def _take(self, frame: bytes) -> None:
        for reply in self._decoder.decode(frame):
            call = self._calls.get(reply.id)
            if call is not None:
                call.put(reply)

    def _lost(self) -> None:
        for call in self._calls.values():
            call.put(None)


class _Call:
    """Replies that came and have not been read."""

    __slots__ = ("_replies", "_waiter", "over")

    def __init__(self) -> None:
        self._replies: deque[Any] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self.over = False  # nothing more will come

    def put(self, reply: Any) -> None:
        self.over = self.over or type(reply) is not Said
        self._replies.append(reply)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def next(self) -> Any:
        while not self._replies:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._replies.popleft()


def _error(refused: Refused) -> LlmError:
    """The error that the process raised: see `frames.Refused`."""
    kind: type[LlmError] = getattr(errors, refused.error)
    error = kind.__new__(kind, refused.why)  # not by its own initialiser: what that made is in the facts
    error.__dict__.update(refused.facts)
    return error
