"""The port `Engine` over any server that speaks OpenAI's API: vLLM, SGLang, llama.cpp, another Sampan, a hosted one.

An answer is always streamed, and handed on as it comes. What fails before its first piece is a Fault that says so, so
that somebody else can be asked; what fails after it ends the answer, and nothing is ever said twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from sampan.engines import llm_openai
from sampan.engines.llm_http import RETRY_S, Http, words
from sampan.kernel.asking import (
    Abilities,
    Ask,
    Condition,
    Embedding,
    Finish,
    ModelRef,
    Piece,
    Ranking,
    Standing,
    Task,
    Tokens,
    Usage,
)
from sampan.kernel.fault import Fault, Kind

LENGTH_MAX = 32_768  # of a model whose server does not say
KNOWN_S = 30.0  # for how long what a server said of itself is believed
USAGE_S = 2.0  # after the last answer's end, for what was used
HEALTH_S = 5.0  # a server that does not list its models within this time is not well

T = TypeVar("T")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be set for an upstream, all optional: times to wait, and what its server does not tell of the model."""

    first_s: float = 600.0  # for the first piece, or a whole reply: a long prompt takes its time, and a queue too
    stall_s: float = 60.0  # between two pieces
    task: Task = Task.GENERATE
    length_max: int | None = None
    dimensions: int = 0
    tools: bool = True
    thinking: bool = False


class _Known(Struct, frozen=True):
    """What a server said of a model; `trouble` if it could not."""

    length_max: int
    trouble: str = ""


class UpstreamEngine:
    """Implements `kernel.ports.Engine`; `ModelRef.source` is a base URL such as http://host:8000/v1. To be used on one
    event loop."""

    def __init__(self) -> None:
        self._http = Http()
        self._known: dict[tuple[str, str], tuple[float, _Known]] = {}

    async def generate(self, model: ModelRef, ask: Ask) -> AsyncIterator[Piece]:
        """See the port."""
        path, document = llm_openai.question(model.upstream_name, ask)
        answers, said = llm_openai.Answers(ask), False
        clock = asyncio.get_running_loop().time
        until = clock() + ask.deadline_s if ask.deadline_s is not None else None
        settings = _settings(model)
        try:
            async with contextlib.aclosing(self._http.events(model, path, document)) as events:
                while True:
                    wait_s = USAGE_S if answers.complete else settings.stall_s if said else settings.first_s
                    left_s = wait_s if until is None else min(wait_s, max(until - clock(), 0.0))
                    try:
                        async with asyncio.timeout(left_s):
                            data = await anext(events, None)
                    except TimeoutError:
                        if answers.complete or (until is not None and clock() >= until):
                            break
                        raise _down(f"the upstream said nothing for {wait_s:g} s") from None
                    if data is None:
                        if not answers.complete:
                            raise _down("the upstream ended its reply before the answer's end")
                        break
                    for piece in answers.take(_chunk(data, model)):
                        said = True
                        yield piece
        except Fault as fault:
            if said:
                raise Fault(Kind.UNAVAILABLE, "answer", fault.why) from fault
            raise
        for piece in answers.end(Finish.DEADLINE):
            yield piece

    async def embed(
        self,
        model: ModelRef,
        texts: Sequence[str | tuple[int, ...]],
        *,
        instruction: str = "",
        dimensions: int | None = None,
        shorten: bool = True,
    ) -> Embedding:
        """See the port. Whether texts that are too long are cut is the upstream's to say."""
        before = f"Instruct: {instruction}\nQuery:" if instruction else ""
        document: dict[str, Any] = {
            "model": model.upstream_name,
            "input": [before + text if isinstance(text, str) else list(text) for text in texts],
            "encoding_format": "float",
        }
        if dimensions is not None:
            document["dimensions"] = dimensions
        found = await self._ask(model, "/embeddings", document, llm_openai.Embeddings)
        rows = {one.index: one.embedding for one in found.data}
        return Embedding(_in_order(rows, len(texts), "/embeddings"), Usage(prompt_tokens=found.usage.tokens))

    async def rank(self, model: ModelRef, query: str, documents: Sequence[str], *, instruction: str = "") -> Ranking:
        """See the port."""
        document: dict[str, Any] = {"model": model.upstream_name, "query": query, "documents": list(documents)}
        if instruction:
            document["instruction"] = instruction
        found = await self._ask(model, "/rerank", document, llm_openai.Ranks)
        scores = {one.index: one.relevance_score for one in found.results}
        return Ranking(_in_order(scores, len(documents), "/rerank"), Usage(prompt_tokens=found.usage.tokens))

    async def tokenize(self, model: ModelRef, ask: Ask) -> Tokens:
        """See the port. Servers other than vLLM and Sampan do not do it."""
        if isinstance(ask.prompt, tuple):
            texts = [await self.detokenize(model, (token,)) for token in ask.prompt]
            return Tokens(ask.prompt, tuple(texts), (await self._look(model)).length_max)
        _, asked = llm_openai.question(model.upstream_name, ask)
        wanted = ("model", "messages", "prompt", "tools", "chat_template_kwargs", "continue_final_message")
        document = {name: asked[name] for name in wanted if name in asked} | {"return_token_strs": True}
        if ask.continues:
            document["add_generation_prompt"] = False
        found = await self._ask(model, "/tokenize", document, llm_openai.Tokenized)
        return Tokens(tuple(found.tokens), tuple(found.token_strs or ()), found.max_model_len)

    async def detokenize(self, model: ModelRef, tokens: Sequence[int]) -> str:
        """See the port. Servers other than vLLM and Sampan do not do it."""
        document = {"model": model.upstream_name, "tokens": list(tokens)}
        return (await self._ask(model, "/detokenize", document, llm_openai.Detokenized)).prompt

    async def abilities(self, model: ModelRef) -> Abilities:
        """See the port. What the server does not say comes from the settings."""
        settings, known = _settings(model), await self._look(model)
        generates = settings.task is Task.GENERATE
        return Abilities(
            settings.task,
            length_max=settings.length_max or known.length_max,
            template=generates,
            tools=generates and settings.tools,
            thinking=generates and settings.thinking,
            dimensions=settings.dimensions,
        )

    async def condition(self, model: ModelRef) -> Condition:
        """See the port."""
        known = await self._look(model)
        return Condition(Standing.FAILED if known.trouble else Standing.READY, why=known.trouble)

    async def load(self, model: ModelRef) -> None:
        """Return if the upstream has the model."""
        self._known.pop((model.source, model.upstream_name), None)
        known = await self._look(model)
        if known.trouble:
            raise _down(known.trouble)

    async def unload(self, model: ModelRef) -> None:
        """See the port. An upstream's memory is its own."""

    async def close(self) -> None:
        """Let go of all connections."""
        await self._http.close()

    async def _ask(self, model: ModelRef, path: str, document: object, into: type[T]) -> T:
        return await self._http.ask(model, path, document, into, wait_s=_settings(model).first_s)

    async def _look(self, model: ModelRef) -> _Known:
        """What the server says of the model, now or a while ago."""
        key, clock = (model.source, model.upstream_name), asyncio.get_running_loop().time
        until, known = self._known.get(key, (0.0, _Known(LENGTH_MAX)))
        if until > clock():
            return known
        try:
            listed = await self._http.ask(model, "/models", None, llm_openai.Models, wait_s=HEALTH_S)
        except Fault as fault:
            known = _Known(known.length_max, fault.why)
        else:
            found = next((one for one in listed.data if one.id == model.upstream_name), None)
            trouble = "" if found else f"the upstream has no model {model.upstream_name!r}"
            known = _Known((found and found.max_model_len) or known.length_max, trouble)
        self._known[key] = clock() + (HEALTH_S if known.trouble else KNOWN_S), known
        return known


def _settings(model: ModelRef) -> Settings:
    try:
        return msgspec.convert({name: value for name, value in model.settings.items() if name != "keep_s"}, Settings)
    except msgspec.ValidationError as error:
        raise Fault(Kind.INVALID, "model", f"settings: {error}") from error


def _chunk(data: bytes, model: ModelRef) -> llm_openai.Chunk:
    """One event. Raises Fault for what is none, or tells of an error."""
    try:
        chunk = llm_openai.CHUNK.decode(data)
    except msgspec.DecodeError as error:
        raise _down(f"what the upstream says cannot be read: {error}") from error
    if chunk.error is not None:
        raise _down(f"the upstream says: {words(chunk.error, model)}")
    return chunk


def _in_order(found: Mapping[int, T], count: int, path: str) -> tuple[T, ...]:
    if set(found) != set(range(count)):
        raise _down(f"the upstream's reply to {path} has {len(found)} results for {count} texts")
    return tuple(found[index] for index in range(count))


def _down(why: str) -> Fault:
    return Fault(Kind.UNAVAILABLE, "model", why, retry_after_s=RETRY_S)
