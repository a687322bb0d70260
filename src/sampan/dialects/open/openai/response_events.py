"""A response while it is made: the events of OpenAI's Responses API, numbered.

Items come one after the other. An item is added, its parts are added, grow and are done, and it is done; the last event
has the whole response.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from sampan.dialects.open.openai import items, logprobs, words
from sampan.dialects.open.openai.response_parts import ended
from sampan.dialects.open.wire import documents, sse
from sampan.dialects.open.wire.words import said
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference.model import Call, Finish, Logprob, Piece, Say, Stream, Usage


async def events(telling: Telling, stream: Stream) -> AsyncGenerator[bytes, None]:
    """The events of a stream, the first as soon as there is something of the answer."""
    begun = False
    async with sse.ending(stream.pieces) as pieces:
        async for piece in pieces:
            yield (b"" if begun else telling.began()) + telling.take(piece)
            begun = True
    yield telling.completed()


@dataclass
class _Item:
    """The item that grows."""

    kind: Say
    id: str
    index: int
    text: list[str] = field(default_factory=list)
    logprobs: list[Logprob] = field(default_factory=list)
    call: int = -1
    call_id: str = ""
    name: str = ""

    def shown(self, status: str) -> dict[str, Any]:
        text = "".join(self.text)
        if self.kind is Say.REASONING:
            return items.reasoning(self.id, text, status)
        if self.kind is Say.CALL:
            return items.function_call(self.id, Call(self.call_id, self.name, text), status)
        return items.said(self.id, [items.text_part(text, self.logprobs)], status)


class Telling:
    """Tells of one response. `head` is the response as it began."""

    def __init__(self, response_id: str, head: dict[str, Any]) -> None:
        self._ids = items.Ids(response_id)
        self._head = head
        self._number = 0
        self._done: list[dict[str, Any]] = []
        self._item: _Item | None = None
        self._finish = Finish.STOP
        self._usage = Usage()

    def began(self) -> bytes:
        """The first two events."""
        created = self._event("response.created", response=self._head)
        return created + self._event("response.in_progress", response=self._head)

    def take(self, piece: Piece) -> bytes:
        """The events of a piece."""
        out = b""
        self._usage = piece.usage
        match piece.say:
            case Say.TEXT | Say.REASONING:
                if self._item is None or self._item.kind is not piece.say:
                    out = self._close() + self._open(piece)
                out += self._grow(piece)
            case Say.CALL:
                out = self._close() + self._open(piece)
            case Say.ARGUMENTS:
                out = self._grow(piece)
            case Say.END:
                self._finish = piece.finish or Finish.STOP
                if self._item is not None:
                    self._item.logprobs += piece.logprobs
        return out

    def completed(self) -> bytes:
        """The last events."""
        end = ended(self._finish, self._usage)
        out = b""
        if (self._item is None or self._item.kind is Say.REASONING) and not self._spoke():
            out = self._close() + self._open(Piece(0, Say.TEXT))
        out += self._close(end["status"])
        whole = self._head | end | {"output": self._done}
        return out + self._event(f"response.{end['status']}", response=whole)

    def failed(self, fault: Fault) -> bytes:
        """The last event, if a fault has come into the stream."""
        word = said(fault, words.OWN)
        code = "rate_limit_exceeded" if fault.kind is Kind.TOO_MANY else "server_error"
        if self._item is not None:
            self._done.append(self._item.shown("incomplete"))
        end = {"status": "failed", "error": {"code": code, "message": word.text}, "output": self._done}
        return self._event("response.failed", response=self._head | end)

    def _spoke(self) -> bool:
        return any(item["type"] != "reasoning" for item in self._done)

    def _event(self, name: str, **fields: Any) -> bytes:
        number, self._number = self._number, self._number + 1
        return sse.event(documents.write({"type": name, "sequence_number": number} | fields), name)

    # --- items --------------------------------------------------------------------------------------------------------

    def _open(self, piece: Piece) -> bytes:
        index = len(self._done)
        prefix = {Say.REASONING: "rs", Say.CALL: "fc"}.get(piece.say, "msg")
        item = _Item(piece.say, self._ids.of(prefix, index), index)
        item.call, item.call_id, item.name = piece.call, piece.id, piece.name
        self._item = item
        shown = item.shown("in_progress")
        if item.kind is Say.CALL:
            return self._event("response.output_item.added", output_index=index, item=shown)
        part = shown["content"].pop() if shown["content"] else {"type": "reasoning_text", "text": ""}
        out = self._event("response.output_item.added", output_index=index, item=shown)
        return out + self._event("response.content_part.added", **self._place(item), part=part)

    def _grow(self, piece: Piece) -> bytes:
        item = self._item
        assert item is not None, "arguments are of a call that was named before"
        item.text.append(piece.text)
        item.logprobs += piece.logprobs
        if item.kind is Say.CALL:
            name, place = "response.function_call_arguments.delta", self._place(item, part=False)
            return self._event(name, **place, delta=piece.text)
        if item.kind is Say.REASONING:
            return self._event("response.reasoning_text.delta", **self._place(item), delta=piece.text)
        known = logprobs.tokens(piece.logprobs)
        return self._event("response.output_text.delta", **self._place(item), delta=piece.text, logprobs=known)

    def _close(self, status: str = "completed") -> bytes:
        item, self._item = self._item, None
        if item is None:
            return b""
        text, shown = "".join(item.text), item.shown(status)
        if item.kind is Say.CALL:
            place = self._place(item, part=False)
            out = self._event("response.function_call_arguments.done", **place, arguments=text)
        elif item.kind is Say.REASONING:
            out = self._event("response.reasoning_text.done", **self._place(item), text=text)
            part = {"type": "reasoning_text", "text": text}
            out += self._event("response.content_part.done", **self._place(item), part=part)
        else:
            part = shown["content"][0]
            known = part["logprobs"]
            out = self._event("response.output_text.done", **self._place(item), text=text, logprobs=known)
            out += self._event("response.content_part.done", **self._place(item), part=part)
        self._done.append(shown)
        return out + self._event("response.output_item.done", output_index=item.index, item=shown)

    def _place(self, item: _Item, *, part: bool = True) -> dict[str, Any]:
        place = {"item_id": item.id, "output_index": item.index}
        return place | {"content_index": 0} if part else place
