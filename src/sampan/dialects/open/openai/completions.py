"""Plain completions: a text, or tokens, and how it goes on. Asked, answered at once, and streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from sampan.dialects.open.openai import logprobs, words
from sampan.dialects.open.openai.chat_form import FormatForm
from sampan.dialects.open.openai.exchange import OpenAiExchange
from sampan.dialects.open.openai.limits import Alternatives, Natural, Text, Token, invalid, refuse
from sampan.dialects.open.openai.replies import FINISHES, remembering, reply, usage
from sampan.dialects.open.openai.sampling import Sampled
from sampan.dialects.open.wire import documents, sse
from sampan.gateway.contract import Operation
from sampan.gateway.http import Reply
from sampan.kernel import limits
from sampan.services.inference.model import Answer, Ask, Choice, Finish, Generate, Piece, Say, Stream

PREFIX = "cmpl-"
PROMPTS_MAX = 128  # that are answered at the same time
TOKENS_MAX = 16  # OpenAI's default, and vLLM's

_UNDONE = {"suffix": "its models do not fill in the middle by themselves"}
_NO_TOKENS = "At least one token must be asked for, unless the prompt is to be echoed."

Prompt = Text | Annotated[list[Text | Token | Annotated[list[Token], Meta(min_length=1)]], Meta(min_length=1)]


class CompletionForm(Sampled, kw_only=True):
    """The fields."""

    prompt: Prompt
    max_tokens: Natural | None = None
    logprobs: Alternatives | None = None
    echo: bool | None = None
    suffix: str | None = None
    response_format: FormatForm | None = None

    def prompts(self) -> tuple[str | tuple[int, ...], ...]:
        """The prompts, one or many. Raises Fault(INVALID, "argument")."""
        return inputs(self.prompt, "prompt", PROMPTS_MAX)

    def ask(self, prompt: str | tuple[int, ...]) -> Ask:
        """What the model is asked of a prompt. Raises Fault(INVALID, "argument")."""
        self.check()
        refuse(self, _UNDONE)
        tokens_max = TOKENS_MAX if self.max_tokens is None else self.max_tokens
        if tokens_max == 0 and not self.echo:
            raise invalid("max_tokens", _NO_TOKENS)
        sampling = self.sampling(tokens_max, self.logprobs)
        if self.echo and self.logprobs is not None and self.prompt_logprobs is None:
            sampling = replace(sampling, prompt_logprobs=self.logprobs)
        return Ask(
            prompt=prompt,
            shape=self.shape(None if self.response_format is None else self.response_format.shape()),
            sampling=sampling,
            echo=bool(self.echo),
            priority=-(self.priority or 0),  # vLLM's lower numbers go first
        )


_FORM = msgspec.json.Decoder(CompletionForm)


def inputs(sent: object, name: str, count_max: int) -> tuple[str | tuple[int, ...], ...]:
    """One text, several, one list of tokens, or several. Raises Fault(INVALID, "argument")."""
    if isinstance(sent, str):
        return (sent,)
    assert isinstance(sent, list)
    kinds = {type(one) for one in sent}
    if len(kinds) != 1:
        raise invalid(name, f"'{name}' must be a text, texts, tokens, or lists of tokens.")
    if kinds == {int}:
        return (tuple(sent),)
    if len(sent) > count_max:
        raise invalid(name, f"'{name}' has at most {count_max} items.")
    return tuple(tuple(one) if isinstance(one, list) else one for one in sent)


def command(document: bytes, *, stream: bool | None = None) -> Generate:
    """What a document asks for. Raises Fault."""
    return _command(documents.read(document, _FORM), stream)


def _command(form: CompletionForm, stream: bool | None = None) -> Generate:
    first, *others = (form.ask(prompt) for prompt in form.prompts())
    return Generate(
        model=form.model,
        ask=first,
        others=tuple(others),
        stream=bool(form.stream) if stream is None else stream,
        prefix=PREFIX,
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


CREATE = Operation("createCompletion", remembering(bind), render, True, limits.ASK_BYTES_MAX)


# --- at once ----------------------------------------------------------------------------------------------------------


def result(asked: Generate, answer: Answer) -> dict[str, Any]:
    """A completion."""
    return {
        "id": answer.id,
        "object": "text_completion",
        "created": answer.created_ms // 1000,
        "model": answer.model,
        "choices": [_choice(asked, choice) for choice in answer.choices],
        "usage": usage(answer.usage),
    }


def _choice(asked: Generate, choice: Choice) -> dict[str, Any]:
    shown: dict[str, Any] = {"index": choice.index, "text": choice.text, "logprobs": None}
    if asked.ask.sampling.logprobs is not None:
        prompt = choice.prompt_logprobs if asked.ask.echo else ()
        shown["logprobs"] = logprobs.Plain().shown(choice.text, prompt, choice.logprobs)
    shown["finish_reason"] = FINISHES[choice.finish]
    if choice.stopped_by:
        shown["stop_reason"] = choice.stopped_by
    if asked.ask.sampling.prompt_logprobs is not None and not asked.ask.echo:
        shown["prompt_logprobs"] = logprobs.prompt(choice.prompt_logprobs)
    return shown


# --- streamed ---------------------------------------------------------------------------------------------------------


async def _events(x: OpenAiExchange, asked: Generate, stream: Stream) -> AsyncGenerator[bytes, None]:
    """Chunks as they come; then what was used, if that was asked."""
    head: dict[str, Any] = {
        "id": stream.id, "object": "text_completion", "created": stream.created_ms // 1000, "model": stream.model,
    }  # fmt: skip
    told: dict[str, Any] = {"usage": None} if x.usage_last else {}
    used: dict[str, Any] = {}
    plains: dict[int, logprobs.Plain] = {}
    async with sse.ending(stream.pieces) as pieces:
        async for piece in pieces:
            if x.usage_last or x.usage_always:
                used = usage(piece.usage)
                told = {"usage": used if x.usage_always else None}
            plain = plains.setdefault(piece.index, logprobs.Plain())
            yield sse.event(documents.write(head | {"choices": [_said(asked, piece, plain)]} | told))
    if x.usage_last:
        yield sse.event(documents.write(head | {"choices": [], "usage": used}))
    yield sse.event(b"[DONE]")


def _said(asked: Generate, piece: Piece, plain: logprobs.Plain) -> dict[str, Any]:
    chunk: dict[str, Any] = {"index": piece.index, "text": piece.text, "logprobs": None, "finish_reason": None}
    prompt = piece.prompt_logprobs if asked.ask.echo else ()
    if asked.ask.sampling.logprobs is not None and (prompt or piece.logprobs):
        chunk["logprobs"] = plain.shown(piece.text, prompt, piece.logprobs)
    if piece.prompt_logprobs and not asked.ask.echo:
        chunk["prompt_logprobs"] = logprobs.prompt(piece.prompt_logprobs)
    if piece.say is Say.END:
        chunk["finish_reason"] = FINISHES[piece.finish or Finish.STOP]
        if piece.stopped_by:
            chunk["stop_reason"] = piece.stopped_by
    return chunk
