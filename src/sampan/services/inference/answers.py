"""Answers: asking a model to go on, whole or piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from sampan.kernel.asking import Piece, Task
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference import backends, names
from sampan.services.inference.context import Context
from sampan.services.inference.model import Answer, Generate, Stream, whole


async def generate(context: Context, caller: Caller, command: Generate) -> Answer | Stream:
    """The first piece is awaited here, also of a stream: until then everything can be refused."""
    deployment = names.find(context, caller, command.model)
    await backends.check_task(context, deployment, Task.GENERATE)
    question = replace(command.ask, tenant=caller.account)
    now_ms = context.clock.now_ms()
    answer_id = context.fresh_id(command.prefix, now_ms)
    if command.stream:
        first, rest = await backends.begin(context, deployment, question)
        return Stream(answer_id, command.model, deployment.name, now_ms, Telling(first, rest))
    choices, usage = whole(await backends.whole(context, deployment, question))
    if not choices:
        raise Fault(Kind.UNAVAILABLE, "answer", "the model stopped in the middle")
    return Answer(answer_id, command.model, deployment.name, now_ms, choices, usage)


class Telling:
    """An answer on its way: an engine's pieces, as they come. Close it, read to its end or not."""

    __slots__ = ("_first", "_rest")

    def __init__(self, first: Piece, rest: AsyncIterator[Piece]) -> None:
        self._first: Piece | None = first
        self._rest = rest

    def __aiter__(self) -> Telling:
        return self

    async def __anext__(self) -> Piece:
        if self._first is not None:
            piece, self._first = self._first, None
            return piece
        return await self._rest.__anext__()

    async def aclose(self) -> None:
        """Free what the engine holds for it. Safe to call twice."""
        self._first = None
        await backends.end(self._rest)
