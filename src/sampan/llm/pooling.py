"""Embeddings and reranking: texts in, vectors or scores out, many at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from sampan.llm.errors import ModelError, PromptError, RequestError
from sampan.llm.models.attention import Span
from sampan.llm.models.cache import Cache
from sampan.llm.models.decoder import Batch, Decoder
from sampan.llm.text import Text

STEP_TOKENS_MAX = 2048  # tokens that go through the model at once; a longer text goes alone
TEXTS_MAX = 100_000


class Pooler:
    """Runs whole texts through a decoder and keeps one state of each."""

    def __init__(self, model: Decoder) -> None:
        self.model = model
        self._cache = Cache(model.config, 0, model.dtype, model.device)

    def embed(self, texts: Sequence[Sequence[int]], *, pooling: str = "last", dimensions: int | None = None) -> Tensor:
        """Unit vectors [texts, dimensions] in float32. `pooling` takes the last token's state or the mean of all;
        fewer `dimensions` than the model has keep the first (for models trained so). Raises RequestError."""
        if pooling not in ("last", "mean"):
            raise RequestError(f"pooling must be last or mean, not {pooling!r}")
        hidden = self.model.config.hidden
        if dimensions is not None and not 0 < dimensions <= hidden:
            raise RequestError(f"dimensions must lie between 1 and {hidden}")
        rows: dict[int, Tensor] = {}
        for index, states in self._states(texts):
            rows[index] = (states[-1] if pooling == "last" else states.mean(0)).float()[:dimensions]
        if not rows:
            return torch.zeros(0, dimensions or hidden)
        return torch.nn.functional.normalize(torch.stack([rows[i] for i in range(len(texts))]), dim=-1)

    def chances(self, texts: Sequence[Sequence[int]], yes: int, no: int) -> list[float]:
        """For each text the chance that `yes` follows it and not `no`: how rerankers of Qwen3's kind answer."""
        if self.model.head is None:
            raise ModelError("this model has no output head to rank with")
        out = [0.0] * len(texts)
        for index, states in self._states(texts):
            with torch.inference_mode():
                row = self.model.logits(states[-1:])[0]
            out[index] = float(row[[no, yes]].softmax(-1)[1])
        return out

    def _states(self, texts: Sequence[Sequence[int]]) -> Iterator[tuple[int, Tensor]]:
        """(index, [tokens, hidden]) of each text, in batches of similar length."""
        config = self.model.config
        if len(texts) > TEXTS_MAX:
            raise RequestError(f"at most {TEXTS_MAX} texts at once")
        for text in texts:
            if not 0 < len(text) <= config.room:
                raise RequestError(f"a text of {len(text)} tokens: it must have 1 to {config.room}")
            if min(text) < 0 or max(text) >= config.vocabulary:
                raise RequestError(f"a text holds tokens outside of 0 to {config.vocabulary - 1}")
        batch: list[int] = []
        size = 0
        for index in sorted(range(len(texts)), key=lambda one: len(texts[one])):
            if batch and size + len(texts[index]) > STEP_TOKENS_MAX:
                yield from self._run(texts, batch)
                batch, size = [], 0
            batch.append(index)
            size += len(texts[index])
        if batch:
            yield from self._run(texts, batch)

    def _run(self, texts: Sequence[Sequence[int]], batch: list[int]) -> Iterator[tuple[int, Tensor]]:
        model = self.model
        lengths = [len(texts[index]) for index in batch]
        total = sum(lengths)
        if self._cache.slots < total:
            self._cache = Cache(model.config, total, model.dtype, model.device)
        slots = torch.arange(total)
        spans: list[Span] = []
        start = 0
        for length in lengths:
            spans.append(Span(start, length, length, slots[start : start + length]))
            start += length
        ready = Batch(
            tokens=torch.tensor([token for index in batch for token in texts[index]]),
            positions=torch.cat([torch.arange(length) for length in lengths]),
            slots=slots,
            plan=model.plan(spans),
            lengths=torch.cat([torch.full((length,), length) for length in lengths]),
        )
        with torch.inference_mode():
            states = model.hidden(ready, self._cache)
        for index, span in zip(batch, spans, strict=True):
            yield index, states[span.start : span.start + span.count]


class Embedder:
    """Texts to vectors, for embedding models such as Qwen3-Embedding."""

    def __init__(self, model: Decoder, text: Text, *, pooling: str = "last") -> None:
        self._pooler, self._text, self._pooling = Pooler(model), text, pooling

    def __call__(
        self, texts: Sequence[str], *, instruction: str | None = None, dimensions: int | None = None
    ) -> Tensor:
        """Unit vectors [texts, dimensions]. Queries take an `instruction` that says what is sought; what is searched
        takes none (the form is Qwen3-Embedding's)."""
        tokens = [self.tokens(text, instruction=instruction or "") for text in texts]
        return self._pooler.embed(tokens, pooling=self._pooling, dimensions=dimensions)

    @property
    def dimensions(self) -> int:
        return self._pooler.model.config.hidden

    def tokens(self, text: str, *, instruction: str = "") -> list[int]:
        """What the model is to read for a text. Raises nothing for a long one: see `shortened`."""
        return self._text.encode(f"Instruct: {instruction}\nQuery:{text}" if instruction else text, special=True)

    def shortened(self, tokens: Sequence[int], length_max: int) -> list[int]:
        """As many of the tokens as there is room for; the one that ends every text stays the last."""
        if len(tokens) <= length_max:
            return list(tokens)
        ends = self._text.encode("", special=True)
        if ends and tokens[-1] == ends[-1]:
            return [*tokens[: length_max - 1], tokens[-1]]
        return list(tokens[:length_max])

    def vectors(self, texts: Sequence[Sequence[int]]) -> list[list[float]]:
        """Unit vectors of texts that are tokens already. Raises RequestError."""
        found: list[list[float]] = self._pooler.embed(texts, pooling=self._pooling).tolist()
        return found


class Reranker:
    """How well documents answer a query, for models such as Qwen3-Reranker, which says yes or no."""

    _BEFORE = (
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
        'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
    )
    _AFTER = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    _TASK = "Given a web search query, retrieve relevant passages that answer the query"

    def __init__(self, model: Decoder, text: Text) -> None:
        """Raises ModelError if the tokenizer has no single tokens for yes and no."""
        self._pooler, self._text = Pooler(model), text
        yes, no = text.token_id("yes"), text.token_id("no")
        if yes is None or no is None:
            raise ModelError("a reranker's tokenizer must know the tokens yes and no")
        self._yes, self._no = yes, no

    def __call__(self, query: str, documents: Sequence[str], *, instruction: str | None = None) -> list[float]:
        """A score from 0 to 1 for each document."""
        room = self._pooler.model.config.room
        return self.scores(
            [self.tokens(query, one, instruction=instruction or "", length_max=room) for one in documents]
        )

    def tokens(self, query: str, document: str, *, instruction: str = "", length_max: int) -> list[int]:
        """What the model is to read for a document; a long one is cut. Raises PromptError if the query alone is too
        long."""
        task = instruction or self._TASK
        asked = f"<Instruct>: {task}\n<Query>: {query}\n<Document>: "
        before, after = self._text.encode(self._BEFORE), self._text.encode(self._AFTER)
        room = length_max - len(before) - len(after)
        if (least := len(self._text.encode(asked))) >= room:
            raise PromptError(least + len(before) + len(after), length_max - 1)
        return before + self._text.encode(asked + document)[:room] + after

    def scores(self, texts: Sequence[Sequence[int]]) -> list[float]:
        """From 0 to 1 for each of the `tokens`."""
        return self._pooler.chances(texts, self._yes, self._no)
