"""The port `Engine` over models on this machine: each in a process of its own, shared by all workers.

A host (`llm_host`) says where the process of a model listens; all else goes between this worker and that process. What
the library says is wrong becomes a Fault.
"""

from __future__ import annotations

import asyncio
import contextlib
from array import array
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from sampan.engines.llm_host import Report, Wanted, host_socket
from sampan.kernel.asking import (
    Abilities,
    Ask,
    Condition,
    Embedding,
    ModelRef,
    Piece,
    Ranking,
    Standing,
    Tokens,
    Usage,
)
from sampan.kernel.fault import Fault, Kind
from sampan.llm import facts, settings
from sampan.llm.client import Client
from sampan.llm.errors import (
    AbsentError,
    AnswerError,
    BusyError,
    GoneError,
    LlmError,
    ModelError,
    PromptError,
    RequestError,
)
from sampan.llm.values import EmbedWish, RankWish, Vectors

RETRY_S = 1.0  # when to come back after a process died
TRIES = 3  # a process may retire just when it is asked

PART_TEXTS_MAX = 512
PART_SIZE_MAX = 8 << 20  # characters, or tokens

_Key = tuple[str, str]  # source and settings
T = TypeVar("T")
U = TypeVar("U", str, str | tuple[int, ...])


class LocalEngine:
    """Implements `kernel.ports.Engine` for one worker process: to be used on one event loop."""

    def __init__(self, run: Path) -> None:
        """`run` is the folder that the host was given."""
        self._run = run
        self._host: Client[Piece] | None = None
        self._clients: dict[_Key, Client[Piece]] = {}
        self._abilities: dict[_Key, tuple[float, Abilities]] = {}
        self._connecting = asyncio.Lock()

    async def generate(self, model: ModelRef, ask: Ask) -> AsyncIterator[Piece]:
        """See the port."""
        with _faults():
            for turn in range(TRIES):
                client = await self._client(model)
                try:
                    pieces = client.pieces(ask, adapter=model.adapter)
                    async with contextlib.aclosing(pieces):  # type: ignore[type-var]
                        async for piece in pieces:
                            yield piece
                    return
                except GoneError as gone:
                    if gone.died or turn == TRIES - 1:
                        raise

    async def embed(
        self,
        model: ModelRef,
        texts: Sequence[str | tuple[int, ...]],
        *,
        instruction: str = "",
        dimensions: int | None = None,
        shorten: bool = True,
    ) -> Embedding:
        """See the port."""
        vectors: list[list[float]] = []
        tokens = 0
        for part in _parts(texts):
            found = await self._call(model, "embed", EmbedWish(part, instruction, dimensions, shorten), Vectors)
            numbers = array("f", found.data).tolist()
            size = found.dimensions
            vectors += [numbers[start : start + size] for start in range(0, len(numbers), size)]
            tokens += found.usage.prompt_tokens
        return Embedding(tuple(vectors), Usage(prompt_tokens=tokens))

    async def rank(self, model: ModelRef, query: str, documents: Sequence[str], *, instruction: str = "") -> Ranking:
        """See the port."""
        scores: list[float] = []
        tokens = 0
        for part in _parts(documents):
            found = await self._call(model, "rank", RankWish(query, part, instruction), Ranking)
            scores += found.scores
            tokens += found.usage.prompt_tokens
        return Ranking(tuple(scores), Usage(prompt_tokens=tokens))

    async def tokenize(self, model: ModelRef, ask: Ask) -> Tokens:
        """See the port."""
        return await self._call(model, "tokenize", ask, Tokens)

    async def detokenize(self, model: ModelRef, tokens: Sequence[int]) -> str:
        """See the port."""
        return await self._call(model, "detokenize", list(tokens), str)

    async def abilities(self, model: ModelRef) -> Abilities:
        """See the port."""
        key = _key(model)
        with _faults():
            chosen = settings.read(model.settings)
            changed = _changed(Path(model.source))
            known = self._abilities.get(key)
            if known is not None and known[0] == changed:
                return known[1]
            found = await asyncio.to_thread(facts.abilities, Path(model.source), chosen)
        told = msgspec.convert(msgspec.to_builtins(found), Abilities)
        self._abilities[key] = changed, told
        return told

    async def condition(self, model: ModelRef) -> Condition:
        """See the port."""
        with _faults():
            report = await self._ask_host("report", model, Report)
        state = report.state
        return Condition(
            Standing(report.standing),
            why=report.why,
            progress=report.progress,
            memory_bytes=state.memory_bytes,
            running=state.running,
            waiting=state.waiting,
            cache_share=state.cache_share,
            tokens_per_s=state.tokens_per_s,
        )

    async def load(self, model: ModelRef) -> None:
        """See the port."""
        with _faults():
            await self._ask_host("where", model, str)

    async def unload(self, model: ModelRef) -> None:
        """See the port."""
        with _faults():
            await self._ask_host("unload", model, type(None))

    def close(self) -> None:
        """Let go of all connections; what is under way is given up."""
        for client in (self._host, *self._clients.values()):
            if client is not None:
                client.close()

    async def _call(self, model: ModelRef, verb: str, body: object, into: type[T]) -> T:
        with _faults():
            for turn in range(TRIES):
                client = await self._client(model)
                try:
                    return await client.call(verb, body, into, adapter=model.adapter)
                except GoneError as gone:
                    if gone.died or turn == TRIES - 1:
                        raise
        raise AssertionError

    async def _client(self, model: ModelRef) -> Client[Piece]:
        """A connection to the model's process, which is started if it is not there."""
        key = _key(model)
        client = self._clients.get(key)
        if client is None or not client.open:
            path = await self._ask_host("where", model, str)
            client = self._clients.get(key)
            if client is None or not client.open:  # nobody else has connected meanwhile
                client = self._clients[key] = await Client.connect(Path(path), Piece)
        return client

    async def _ask_host(self, verb: str, model: ModelRef, into: type[T]) -> T:
        async with self._connecting:
            if self._host is None or not self._host.open:
                self._host = await Client.connect(host_socket(self._run), Piece)
            host = self._host
        return await host.call(verb, Wanted(model.source, dict(model.settings)), into)


def _key(model: ModelRef) -> _Key:
    return model.source, repr(sorted(model.settings.items()))


def _changed(source: Path) -> float:
    """When a model's files were changed; 0 if there are none."""
    found = 0.0
    for path in (source, source / "config.json"):
        with contextlib.suppress(OSError):
            found = max(found, path.stat().st_mtime)
    return found


def _parts(texts: Sequence[U]) -> Iterator[tuple[U, ...]]:
    """Texts in lists that a frame has room for, so that neither what is sent nor what comes back is without bounds."""
    part: list[U] = []
    size = 0
    for text in texts:
        if part and (len(part) >= PART_TEXTS_MAX or size + len(text) > PART_SIZE_MAX):
            yield tuple(part)
            part, size = [], 0
        part.append(text)
        size += len(text)
    if part:
        yield tuple(part)


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """The library's errors in the waist's words."""
    try:
        yield
    except LlmError as error:
        raise _fault(error) from error


def _fault(error: LlmError) -> Fault:
    why = str(error)
    if isinstance(error, PromptError):
        return Fault(Kind.TOO_LARGE, "prompt", why, tokens=error.tokens, tokens_max=error.tokens_max)
    if isinstance(error, RequestError):
        return Fault(Kind.INVALID, "request", why, field=error.field)
    if isinstance(error, AbsentError):
        return Fault(Kind.MISSING, "model", why)
    if isinstance(error, ModelError):
        return Fault(Kind.INVALID, "model", why)
    if isinstance(error, BusyError):
        return Fault(Kind.UNAVAILABLE, "model", why, retry_after_s=error.retry_after_s or RETRY_S)
    if isinstance(error, AnswerError):
        return Fault(Kind.UNAVAILABLE, "answer", why)
    return Fault(Kind.UNAVAILABLE, "model", why, retry_after_s=RETRY_S)
