"""An answer as events: a message begins, its blocks come one after the other, and it ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from sampan.dialects.open.anthropic import replies
from sampan.dialects.open.anthropic.exchange import AnthropicExchange
from sampan.dialects.open.wire import documents, sse
from sampan.services.inference.model import Finish, Piece, Say, Stream


async def events(x: AnthropicExchange, stream: Stream) -> AsyncGenerator[bytes, None]:
    """The events of a stream, each as soon as it can be told."""
    blocks = _Blocks(x.hides_thinking)
    begun = False
    async with sse.ending(stream.pieces) as pieces:
        async for piece in pieces:
            out = b""
            if not begun:
                begun = True
                out = _begin(x, stream, piece)
            out += blocks.add(piece)
            if piece.say is Say.END:
                out += _end(piece)
            if out:
                yield out


class _Blocks:
    """Which block is open: another one begins when something else is said."""

    def __init__(self, hides_thinking: bool) -> None:
        self._hides = hides_thinking
        self._index = -1
        self._open: tuple[Say, int] | None = None

    def add(self, piece: Piece) -> bytes:
        """What a piece is, in events."""
        match piece.say:
            case Say.TEXT:
                begun = self._begin((Say.TEXT, -1), {"type": "text", "text": ""})
                return begun + self._delta({"type": "text_delta", "text": piece.text})
            case Say.REASONING:
                begun = self._begin((Say.REASONING, -1), {"type": "thinking", "thinking": "", "signature": ""})
                if self._hides:
                    return begun
                return begun + self._delta({"type": "thinking_delta", "thinking": piece.text})
            case Say.CALL:
                return self._begin(
                    (Say.CALL, piece.call), {"type": "tool_use", "id": piece.id, "name": piece.name, "input": {}}
                )
            case Say.ARGUMENTS:
                return self._delta({"type": "input_json_delta", "partial_json": piece.text})
            case Say.END:
                return self._end()

    def _begin(self, what: tuple[Say, int], block: dict[str, Any]) -> bytes:
        if self._open == what:
            return b""
        ended = self._end()
        self._open = what
        self._index += 1
        return ended + _event("content_block_start", index=self._index, content_block=block)

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return _event("content_block_delta", index=self._index, delta=delta)

    def _end(self) -> bytes:
        if self._open is None:
            return b""
        signed = b""
        if self._open[0] is Say.REASONING:
            signed = self._delta({"type": "signature_delta", "signature": replies.SIGNATURE})
        self._open = None
        return signed + _event("content_block_stop", index=self._index)


def _begin(x: AnthropicExchange, stream: Stream, first: Piece) -> bytes:
    used = replies.usage(first.usage) | {"output_tokens": 0}
    message = replies.head(stream.id, x.model) | {
        "content": [], "stop_reason": None, "stop_sequence": None, "usage": used,
    }  # fmt: skip
    return _event("message_start", message=message) + _event("ping")


def _end(last: Piece) -> bytes:
    reason = replies.stop_reason(last.finish or Finish.STOP, last.stopped_by)
    delta = {"stop_reason": reason, "stop_sequence": last.stopped_by or None}
    return _event("message_delta", delta=delta, usage=replies.usage(last.usage)) + _event("message_stop")


def _event(kind: str, **fields: Any) -> bytes:
    return sse.event(documents.write({"type": kind, **fields}), kind)
