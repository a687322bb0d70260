"""Text and multimodal generation: asked, answered at once, and streamed.

A stream's events hold either what is new (`incremental_output`) or all so far, which is what Model Studio does unless
it is told otherwise.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sampan.dialects.aliyun.dashscope import asking, words
from sampan.dialects.aliyun.dashscope.exchange import DashScopeExchange, Style
from sampan.dialects.aliyun.dashscope.forms import AskForm
from sampan.dialects.aliyun.dashscope.replies import reply, usage
from sampan.dialects.open.wire import documents, sse
from sampan.gateway.http import Reply
from sampan.kernel.fault import Fault
from sampan.services.inference.model import (
    Answer,
    Call,
    Choice,
    Finish,
    Generate,
    Logprob,
    Piece,
    Say,
    Stream,
    Tokenize,
    Tokens,
)

_FORM = msgspec.json.Decoder(AskForm)
_FINISHES = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.CALLS: "tool_calls",
    Finish.DEADLINE: "length",
    Finish.CANCELLED: "length",
}
NOT_YET = "null"
"""The finish_reason of an answer that goes on: a text, and not JSON's null."""


def bind(x: DashScopeExchange, document: bytes) -> Generate:
    """A Generate. Raises Fault."""
    return _bind(x, document, lists=False)


def bind_multimodal(x: DashScopeExchange, document: bytes) -> Generate:
    """The same, for models that see or hear: contents are lists, in and out."""
    return _bind(x, document, lists=True)


def _bind(x: DashScopeExchange, document: bytes, *, lists: bool) -> Generate:
    form = documents.read(document, _FORM)
    wanted = form.parameters
    as_message = lists or wanted.result_format == "message" or (wanted.result_format is None and bool(wanted.tools))
    x.style = Style(texts=not as_message, lists=lists, incremental=wanted.incremental_output)
    return Generate(model=form.model, ask=asking.ask(form), stream=x.streams and not x.deferred)


def render(x: DashScopeExchange, value: Answer | Stream) -> Reply:
    """The whole answer, or its events."""
    if isinstance(value, Answer):
        return reply(x, result(x.style, value))
    return Reply(200, list(sse.HEADERS), sse.Events(_events(x, value), lambda fault: _error(x, fault)))


def result(style: Style, answer: Answer) -> dict[str, Any]:
    """`output` and `usage` of a whole answer."""
    telling = [_Told.of(choice) for choice in answer.choices]
    return {"output": _output(style, telling), "usage": usage(answer.usage, lists=style.lists)}


def bind_count(x: DashScopeExchange, document: bytes) -> Tokenize:
    """The tokens of the prompt that a generation would make."""
    form = documents.read(document, _FORM)
    return Tokenize(model=form.model, ask=asking.ask(form))


def render_count(x: DashScopeExchange, tokens: Tokens) -> Reply:
    """Tokens by number and as text."""
    output = {"token_ids": list(tokens.ids), "tokens": list(tokens.texts)}
    return reply(x, {"output": output, "usage": {"input_tokens": len(tokens.ids)}})


# --- one answer -------------------------------------------------------------------------------------------------------


@dataclass
class _Told:
    """What is told of one answer in one event, or in the reply."""

    index: int
    text: str = ""
    reasoning: str = ""
    calls: dict[int, list[str]] = field(default_factory=dict)  # by number: id, name, arguments
    logprobs: list[Logprob] = field(default_factory=list)
    finish: str = NOT_YET

    @classmethod
    def of(cls, choice: Choice) -> _Told:
        calls = {number: [call.id, call.name, call.arguments] for number, call in enumerate(choice.calls)}
        finish = _FINISHES[choice.finish]
        return cls(choice.index, choice.text, choice.reasoning, calls, list(choice.logprobs), finish)

    def add(self, piece: Piece) -> None:
        """Take in a piece."""
        self.logprobs += piece.logprobs
        match piece.say:
            case Say.TEXT:
                self.text += piece.text
            case Say.REASONING:
                self.reasoning += piece.text
            case Say.CALL:
                self.calls[piece.call] = [piece.id, piece.name, ""]
            case Say.ARGUMENTS:
                self.calls.setdefault(piece.call, ["", "", ""])[2] += piece.text
            case Say.END:
                self.finish = _FINISHES[piece.finish or Finish.STOP]

    def choice(self, style: Style) -> dict[str, Any]:
        """It as one of `choices`."""
        content: Any = self.text
        if style.lists:
            content = [{"text": self.text}] if self.text else []
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        if self.calls:
            message["tool_calls"] = [_call(number, Call(*parts)) for number, parts in self.calls.items()]
        found: dict[str, Any] = {"finish_reason": self.finish, "index": self.index, "message": message}
        if self.logprobs:
            found["logprobs"] = {"content": [_logprob(one) for one in self.logprobs]}
        return found


def _output(style: Style, answers: list[_Told]) -> dict[str, Any]:
    if style.texts and len(answers) == 1 and not answers[0].calls:
        return {"text": answers[0].text, "finish_reason": answers[0].finish}
    return {"choices": [one.choice(style) for one in answers]}


def _call(number: int, call: Call) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"index": number, "id": call.id, "type": "function", "function": function}


def _logprob(one: Logprob) -> dict[str, Any]:
    return _token(one) | {"top_logprobs": [_token(other) for other in one.alternatives]}


def _token(one: Logprob) -> dict[str, Any]:
    return {"token": one.text, "logprob": one.value, "bytes": list(one.data)}


# --- streamed ---------------------------------------------------------------------------------------------------------


async def _events(x: DashScopeExchange, stream: Stream) -> AsyncGenerator[bytes, None]:
    answers: dict[int, _Told] = {}
    number = 0
    async with sse.ending(stream.pieces) as pieces:
        async for piece in pieces:
            number += 1
            known = answers.get(piece.index)
            if known is None or x.style.incremental:
                known = answers[piece.index] = _Told(piece.index)
            known.add(piece)
            document = {"output": _output(x.style, [known]), "usage": usage(piece.usage, lists=x.style.lists)}
            yield _event(number, "result", 200, document | {"request_id": words.name_of(x.request_id)})


def _error(x: DashScopeExchange, fault: Fault) -> bytes:
    status, document = words.told(fault, x.request_id)
    return _event(0, "error", status, document)


def _event(number: int, kind: str, status: int, document: dict[str, Any]) -> bytes:
    """Without spaces behind the colons, and with the status in a comment: the SDKs look for just that."""
    return b"id:%d\nevent:%b\n:HTTP_STATUS/%d\ndata:%b\n\n" % (number, kind.encode(), status, documents.write(document))
