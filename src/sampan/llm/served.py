"""What a model's process does with the calls that come in, by the model's task."""

from __future__ import annotations

import asyncio
import threading
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sampan.llm.errors import BusyError, LlmError, RequestError
from sampan.llm.hearing import Hearing
from sampan.llm.pace import Pace
from sampan.llm.pool import Pool
from sampan.llm.pooling import Embedder, Reranker
from sampan.llm.request import Update
from sampan.llm.talk import Talk
from sampan.llm.text import Text
from sampan.llm.values import (
    Ask,
    EmbedWish,
    Piece,
    Ranking,
    RankWish,
    State,
    Tokens,
    Usage,
    Vectors,
)

T = TypeVar("T")

READERS = 2  # threads that make tokens of texts while the model steps
TEXTS_MAX = 100_000


class Asker(Protocol):
    """Who asked, and where the answer goes."""

    def piece(self, piece: Piece) -> None: ...

    def done(self) -> None: ...

    def refuse(self, error: LlmError) -> None: ...


class Generating:
    """A model that answers: the engine steps in a thread of its own, texts become tokens in others, and what a step
    brought is handed out on the event loop."""

    def __init__(self, talk: Talk, flush: Callable[[], None], broken: Callable[[BaseException], None]) -> None:
        """`flush` is called after the pieces of a step, `broken` when a step failed: then nothing more can be done."""
        self._talk, self._engine = talk, talk.engine
        self._flush, self._broken = flush, broken
        self._loop = asyncio.get_running_loop()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sampan-text")
        self._asked: dict[int, tuple[Hearing, Asker]] = {}
        self._reading = 0
        self._pace = Pace(self._loop.time)
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._steps, name="sampan-steps", daemon=True)
        self._thread.start()

    async def generate(self, ask: Ask, adapter: str, asker: Asker) -> int:
        """Begin to answer; returns the number to cancel it by. Raises RequestError, PromptError, BusyError."""
        self._reading += 1
        try:
            name = await self._off(lambda: self._adapter(adapter)) if adapter else None
            prepared = await self._off(lambda: self._talk.prepare(ask, adapter=name))
        finally:
            self._reading -= 1
        try:
            number = self._engine.add(prepared.request)
        except BusyError as busy:
            raise BusyError(str(busy), retry_after_s=self._pace.refused()) from busy
        self._asked[number] = prepared.hearing, asker
        self._wake.set()
        return number

    def cancel(self, number: int) -> None:
        """Give up an answer; its place is free at once, or after the step that is running."""
        if self._asked.pop(number, None) is not None:
            self._engine.cancel(number)
            self._wake.set()

    async def tokenize(self, ask: Ask) -> Tokens:
        return await self._off(lambda: self._talk.tokens(ask))

    async def detokenize(self, tokens: list[int]) -> str:
        return await self._off(lambda: self._talk.text(tokens))

    def state(self) -> State:
        metrics = self._engine.metrics
        return State(
            running=metrics.running if self._asked else 0,
            waiting=self._reading + (metrics.waiting if self._asked else 0),
            cache_share=metrics.blocks_held / max(metrics.blocks, 1),
            tokens_per_s=round(self._pace.tokens_per_s, 2),
        )

    @property
    def idle(self) -> bool:
        return not self._asked and not self._reading

    def close(self) -> None:
        self._closed = True
        self._wake.set()
        self._thread.join()
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def _off(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._readers, work)

    def _adapter(self, folder: str) -> str:
        """The engine's name for an adapter: its folder, and when it was written, so that one trained anew is new."""
        try:
            written = max((path.stat().st_mtime_ns for path in Path(folder).glob("adapter_*")), default=0)
        except OSError as error:
            raise RequestError(f"the adapter cannot be read: {error.strerror}", field="adapter") from error
        name = f"{folder}@{written}"
        try:
            self._engine.adapters.check(name)
        except RequestError:
            self._engine.adapters.register(name, folder)
        return name

    # --- steps ---------------------------------------------------------------------------------------------------

    def _steps(self) -> None:
        """The life of the stepping thread."""
        while not self._closed:
            self._wake.wait()
            self._wake.clear()
            while self._engine.busy and not self._closed:
                try:
                    updates = self._engine.step()
                except BaseException as error:
                    self._loop.call_soon_threadsafe(self._broken, error)
                    return
                if updates:
                    self._loop.call_soon_threadsafe(self._deliver, updates)

    def _deliver(self, updates: list[Update]) -> None:
        self._pace.step(sum(len(update.tokens) for update in updates))
        for update in updates:
            asked = self._asked.get(update.request_id)
            if asked is not None:
                self._hear(update, *asked)
        self._flush()

    def _hear(self, update: Update, hearing: Hearing, asker: Asker) -> None:
        try:
            for piece in hearing.take(update):
                asker.piece(piece)
        except LlmError as error:
            asker.refuse(error)
            self.cancel(update.request_id)
            return
        if hearing.done:
            asker.done()
            self._pace.finished()
            self.cancel(update.request_id)  # a second call that was not wanted may still be going on


class Pooling:
    """A model that embeds or ranks."""

    def __init__(self, model: Embedder | Reranker, text: Text, length_max: int) -> None:
        self._model, self._text, self._length_max = model, text, length_max
        self._loop = asyncio.get_running_loop()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sampan-text")
        self._pace = Pace(self._loop.time)
        self._pool = Pool(model.vectors if isinstance(model, Embedder) else model.scores)
        self._open = 0

    async def embed(self, wish: EmbedWish) -> Vectors:
        """Raises RequestError, PromptError, BusyError."""
        model = self._model
        if not isinstance(model, Embedder):
            raise RequestError("this model ranks; it does not embed", field="model")
        if wish.dimensions is not None and not 0 < wish.dimensions <= model.dimensions:
            raise RequestError(f"dimensions must lie between 1 and {model.dimensions}", field="dimensions")
        if len(wish.texts) > TEXTS_MAX:
            raise RequestError(f"at most {TEXTS_MAX} texts at once", field="texts")

        def read() -> list[list[int]]:
            return [self._tokens(model, one, wish) for one in wish.texts]

        found, count = await self._results(read)
        data = await self._off(lambda: b"".join(_cut(one, wish.dimensions) for one in found))
        return Vectors(wish.dimensions or model.dimensions, data, Usage(prompt_tokens=count))

    async def rank(self, wish: RankWish) -> Ranking:
        """Raises RequestError, PromptError, BusyError."""
        model = self._model
        if not isinstance(model, Reranker):
            raise RequestError("this model embeds; it does not rank", field="model")
        if len(wish.documents) > TEXTS_MAX:
            raise RequestError(f"at most {TEXTS_MAX} documents at once", field="documents")

        def read() -> list[list[int]]:
            return [
                model.tokens(wish.query, one, instruction=wish.instruction, length_max=self._length_max)
                for one in wish.documents
            ]

        found, count = await self._results(read)
        return Ranking(tuple(found), Usage(prompt_tokens=count))

    async def tokenize(self, ask: Ask) -> Tokens:
        if not isinstance(ask.prompt, str):
            raise RequestError("this model takes texts, no messages", field="prompt")
        ids = self._text.encode(ask.prompt, special=True)
        texts = tuple(self._text.token_bytes(one).decode("utf-8", "replace") for one in ids)
        return Tokens(tuple(ids), texts, self._length_max)

    async def detokenize(self, tokens: list[int]) -> str:
        return self._text.decode(tokens, special=True)

    def state(self) -> State:
        waiting = self._pool.waiting
        return State(
            running=min(waiting, 1), waiting=max(waiting - 1, 0), tokens_per_s=round(self._pace.tokens_per_s, 2)
        )

    @property
    def idle(self) -> bool:
        return not self._open

    def close(self) -> None:
        self._pool.close()
        self._readers.shutdown(wait=False, cancel_futures=True)

    def _tokens(self, model: Embedder, text: str | tuple[int, ...], wish: EmbedWish) -> list[int]:
        tokens = list(text) if not isinstance(text, str) else model.tokens(text, instruction=wish.instruction)
        if wish.shorten:
            return model.shortened(tokens, self._length_max)
        if len(tokens) > self._length_max:
            raise RequestError(f"a text has {len(tokens)} tokens; there is room for {self._length_max}", field="texts")
        return tokens

    async def _results(self, read: Callable[[], list[list[int]]]) -> tuple[list[Any], int]:
        self._open += 1
        try:
            texts = await self._off(read)
            try:
                found = await asyncio.wrap_future(self._pool.put(texts))
            except BusyError as busy:
                raise BusyError(str(busy), retry_after_s=self._pace.refused()) from busy
            count = sum(map(len, texts))
            self._pace.step(count)
            self._pace.finished()
            return found, count
        finally:
            self._open -= 1

    async def _off(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._readers, work)


def _cut(vector: list[float], dimensions: int | None) -> bytes:
    """The first numbers of a vector, at unit length again (Matryoshka, arXiv:2205.13147), packed."""
    kept = vector[:dimensions]
    length = 1.0 if len(kept) == len(vector) else sum(one * one for one in kept) ** 0.5 or 1.0
    return array("f", [one / length for one in kept]).tobytes()
