"""A streamed answer as blocks, one after the other: thoughts, text, calls of tools.

Bedrock's Converse and Anthropic's messages both tell an answer so; models say it in pieces.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from sampan.kernel.fault import Fault, Kind
from sampan.services.inference.model import Finish, Say, Stream, Usage


@dataclass(frozen=True, slots=True)
class Begin:
    """The answer begins; of `usage` the prompt's tokens are known."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Open:
    """Block number `index` begins: text, reasoning, or a call of the tool `name`."""

    index: int
    say: Say
    id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class More:
    """More of block number `index`: of a call, of its arguments."""

    index: int
    say: Say
    text: str


@dataclass(frozen=True, slots=True)
class Close:
    """Block number `index` is complete."""

    index: int


@dataclass(frozen=True, slots=True)
class End:
    """The answer is complete."""

    finish: Finish
    stopped_by: str
    usage: Usage


Step = Begin | Open | More | Close | End


async def steps(stream: Stream) -> AsyncGenerator[Step, None]:
    """The steps of the one answer that a stream is. Closes it.

    Raises what it raises, and Fault(UNAVAILABLE, "answer") if it stops without an end.
    """
    index, current = -1, (Say.END, -1)
    first = True
    try:
        async for piece in stream.pieces:
            if first:
                yield Begin(piece.usage)
                first = False
            if piece.say is Say.END:
                if index >= 0:
                    yield Close(index)
                yield End(piece.finish or Finish.STOP, piece.stopped_by, piece.usage)
                return
            kind = (Say.CALL, piece.call) if piece.say in (Say.CALL, Say.ARGUMENTS) else (piece.say, -1)
            if kind != current and (piece.text or piece.say is Say.CALL):
                if index >= 0:
                    yield Close(index)
                index, current = index + 1, kind
                yield Open(index, kind[0], piece.id, piece.name)
            if piece.text:
                yield More(index, kind[0], piece.text)
    finally:
        close = getattr(stream.pieces, "aclose", None)
        if close is not None:
            await close()
    raise Fault(Kind.UNAVAILABLE, "answer", "the model stopped in the middle")
