"""Several questions as one: their answers side by side, numbered on, and their use added up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import replace

from sampan.kernel.asking import Ask, Piece, Usage
from sampan.services.inference import backends
from sampan.services.inference.context import Context
from sampan.services.inference.values import Deployment

AHEAD_MAX = 64  # pieces that are made and not yet read: then the models wait


async def whole(context: Context, deployment: Deployment, questions: Sequence[Ask]) -> list[Piece]:
    """All pieces of all answers. Raises the first fault of any, and asks no more then."""
    if len(questions) == 1:
        return await backends.whole(context, deployment, questions[0])
    tasks = [asyncio.create_task(backends.whole(context, deployment, question)) for question in questions]
    try:
        found = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    numbering = _Numbering(questions)
    return [numbering.take(place, piece) for place, pieces in enumerate(found) for piece in pieces]


async def begin(
    context: Context, deployment: Deployment, questions: Sequence[Ask]
) -> tuple[Piece, AsyncIterator[Piece]]:
    """The first piece of all, and the rest as they come."""
    if len(questions) == 1:
        return await backends.begin(context, deployment, questions[0])
    pieces = _mixed(context, deployment, questions)
    return await anext(pieces), pieces


async def _mixed(context: Context, deployment: Deployment, questions: Sequence[Ask]) -> AsyncGenerator[Piece, None]:
    """Pieces in the order in which they come. Whatever ends it, a fault or its reader, ends all answers."""
    ready: asyncio.Queue[tuple[int, Piece | Exception | None]] = asyncio.Queue(AHEAD_MAX)

    async def tell(place: int, question: Ask) -> None:
        try:
            piece, rest = await backends.begin(context, deployment, question)
            try:
                await ready.put((place, piece))
                async for piece in rest:
                    await ready.put((place, piece))
            finally:
                await backends.end(rest)
        except Exception as error:
            await ready.put((place, error))
        else:
            await ready.put((place, None))

    numbering, open_ = _Numbering(questions), len(questions)
    tasks = [asyncio.create_task(tell(place, question)) for place, question in enumerate(questions)]
    try:
        while open_:
            place, piece = await ready.get()
            if isinstance(piece, Exception):
                raise piece
            if piece is None:
                open_ -= 1
            else:
                yield numbering.take(place, piece)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Numbering:
    """Gives each question's answers their numbers, and each piece the use of all so far."""

    def __init__(self, questions: Sequence[Ask]) -> None:
        counts = [question.sampling.n for question in questions]
        self._firsts = [sum(counts[:place]) for place in range(len(counts))]
        self._usages = [Usage()] * len(counts)

    def take(self, place: int, piece: Piece) -> Piece:
        self._usages[place] = piece.usage
        usage = Usage(
            sum(usage.prompt_tokens for usage in self._usages),
            sum(usage.shared_tokens for usage in self._usages),
            sum(usage.answer_tokens for usage in self._usages),
            sum(usage.reasoning_tokens for usage in self._usages),
        )
        return replace(piece, index=piece.index + self._firsts[place], usage=usage)
