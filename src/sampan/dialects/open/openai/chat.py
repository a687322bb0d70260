"""Chat completions: asked, answered at once, and streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from sampan.dialects.open.openai import logprobs, words
from sampan.dialects.open.openai.chat_form import ChatForm
from sampan.dialects.open.openai.exchange import OpenAiExchange
from sampan.dialects.open.openai.messages import call
from sampan.dialects.open.openai.replies import FINISHES, remembering, reply, usage
from sampan.dialects.open.wire import documents, sse
from sampan.gateway.contract import Operation
from sampan.gateway.http import Reply
from sampan.kernel import limits
from sampan.services.inference.model import Answer, Call, Choice, Finish, Generate, Piece, Say, Stream

PREFIX = "chatcmpl-"
_FORM = msgspec.json.Decoder(ChatForm)


def command(document: bytes, *, stream: bool | None = None) -> Generate:
    """What a document asks for. Raises Fault."""
    return _command(documents.read(document, _FORM), stream)


def _command(form: ChatForm, stream: bool | None = None) -> Generate:
    return Generate(
        model=form.model, ask=form.ask(), stream=bool(form.stream) if stream is None else stream, prefix=PREFIX
    )


def bind(x: OpenAiExchange, document: bytes) -> Generate:
    """As `command`, with what the chunks of a stream shall tell."""
    form = documents.read(document, _FORM)
    options = form.stream_options
    x.usage_last = options is not None and bool(options.include_usage)
    x.usage_always = options is not None and bool(options.continuous_usage_stats)
    return _command(form)


def render(x: OpenAiExchange, value: Answer | Stream) -> Reply:
    """The whole answer, or its chunks."""
    assert isinstance(x.command, Generate)
    if isinstance(value, Answer):
        return reply(result(x.command, value))
    return Reply(200, list(sse.HEADERS), sse.Events(_events(x, x.command, value), words.last_event))


CREATE = Operation("createChatCompletion", remembering(bind), render, True, limits.ASK_BYTES_MAX)


# --- at once ----------------------------------------------------------------------------------------------------------


def result(asked: Generate, answer: Answer) -> dict[str, Any]:
    """A chat completion."""
    return {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created_ms // 1000,
        "model": answer.model,
        "choices": [_choice(asked, choice) for choice in answer.choices],
        "usage": usage(answer.usage),
    } | _of_prompt(asked, answer.choices)


def _choice(asked: Generate, choice: Choice) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": choice.text if choice.text or not choice.calls else None,
        "refusal": None,
    }
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    if choice.calls:
        message["tool_calls"] = [call(made) for made in choice.calls]
    return {
        "index": choice.index,
        "message": message,
        "logprobs": None if asked.ask.sampling.logprobs is None else logprobs.chat(choice.logprobs),
        "finish_reason": FINISHES[choice.finish],
    } | _stopped(choice.stopped_by)


def _stopped(by: str) -> dict[str, Any]:
    """vLLM's field: which of several stop strings it was."""
    return {"stop_reason": by} if by else {}


def _of_prompt(asked: Generate, choices: tuple[Choice, ...]) -> dict[str, Any]:
    if asked.ask.sampling.prompt_logprobs is None or not choices:
        return {}
    return {"prompt_logprobs": logprobs.prompt(choices[0].prompt_logprobs)}


# --- streamed ---------------------------------------------------------------------------------------------------------


async def _events(x: OpenAiExchange, asked: Generate, stream: Stream) -> AsyncGenerator[bytes, None]:
    """Chunks as they come: for each answer its role first, and its end last; then what was used, if that was asked."""
    head: dict[str, Any] = {
        "id": stream.id, "object": "chat.completion.chunk", "created": stream.created_ms // 1000, "model": stream.model,
    }  # fmt: skip
    begun: set[int] = set()
    told: dict[str, Any] = {"usage": None} if x.usage_last else {}
    used: dict[str, Any] = {}
    async with sse.ending(stream.pieces) as pieces:
        async for piece in pieces:
            if x.usage_last or x.usage_always:
                used = usage(piece.usage)
                told = {"usage": used if x.usage_always else None}
            out = b""
            if piece.index not in begun:
                begun.add(piece.index)
                first: dict[str, Any] = _chunk(piece.index, {"role": "assistant", "content": ""})
                more: dict[str, Any] = {}
                if piece.prompt_logprobs:
                    more = {"prompt_logprobs": logprobs.prompt(piece.prompt_logprobs)}
                out = sse.event(documents.write(head | {"choices": [first]} | more | told))
            yield out + sse.event(documents.write(head | {"choices": [_said(asked, piece)]} | told))
    if x.usage_last:
        yield sse.event(documents.write(head | {"choices": [], "usage": used}))
    yield sse.event(b"[DONE]")


def _said(asked: Generate, piece: Piece) -> dict[str, Any]:
    match piece.say:
        case Say.TEXT:
            delta: dict[str, Any] = {"content": piece.text}
        case Say.REASONING:
            delta = {"reasoning_content": piece.text}
        case Say.CALL:
            delta = {"tool_calls": [call(Call(piece.id, piece.name, ""), piece.call)]}
        case Say.ARGUMENTS:
            delta = {"tool_calls": [{"index": piece.call, "function": {"arguments": piece.text}}]}
        case Say.END:
            delta = {}
    chunk = _chunk(piece.index, delta)
    if asked.ask.sampling.logprobs is not None and piece.logprobs:
        chunk["logprobs"] = logprobs.chat(piece.logprobs)
    if piece.say is Say.END:
        chunk["finish_reason"] = FINISHES[piece.finish or Finish.STOP]
        chunk |= _stopped(piece.stopped_by)
    return chunk


def _chunk(index: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
