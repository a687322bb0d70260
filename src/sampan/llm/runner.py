"""The library's own decoder as a Runner: builds the flat batch, runs the model, and keeps the cache."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Items

import torch
from torch import Tensor

from sampan.llm import memory
from sampan.llm.contract import Traits
from sampan.llm.models.attention import Span
from sampan.llm.models.cache import Cache
from sampan.llm.models.decoder import Batch, Decoder
from sampan.llm.models.mlp import Tweak
from sampan.llm.scheduler import Work

LOGIT_ROWS_MAX = 64  # rows of logits made at once: 64 x 152k x 4 bytes is 39 MB


class Runner:
    """A model with its cache."""

    def __init__(self, model: Decoder, *, rounded: bool = False) -> None:
        """`rounded` keeps keys and values in int8."""
        self._rounded = rounded
        self.model, self.device = model, model.device
        self._last = model.config.vocabulary - 1  # a draft model may have fewer, the rest being padding
        config = model.config
        self.traits = Traits(
            vocabulary=config.vocabulary,
            room=config.room,
            end_tokens=config.end_tokens,
            generates=model.head is not None,
            token_bytes=memory.token_bytes(config, None if rounded else model.dtype),
            stretched_from=config.positions if model.rotary.by_length else None,
        )

    def reserve(self, blocks: int, block_tokens: int) -> None:
        """Take the memory for so many blocks."""
        self.cache = Cache(
            self.model.config, blocks * block_tokens, self.model.dtype, self.device, rounded=self._rounded
        )
        self._block_tokens = block_tokens

    def hidden(self, work: Items[Work], tweak: Tweak) -> Tensor:
        """The states of all tokens of the step, in the order of the work. [tokens, hidden]"""
        with torch.inference_mode():
            return self.model.hidden(self._batch(work, tweak), self.cache)

    def sound(self, hidden: Tensor, work: Items[Work]) -> list[bool]:
        """For each part of the step, whether its states are numbers."""
        with torch.inference_mode():
            rows = hidden.abs().amax(-1).isfinite()
            if bool(rows.all()):
                return [True] * len(work)
            return [bool(part.all()) for part in torch.split(rows, [item.count for item in work])]

    def logits(self, hidden: Tensor, rows: Items[int]) -> Iterator[Tensor]:
        """Logits of the given rows, in chunks of bounded size."""
        for start in range(0, len(rows), LOGIT_ROWS_MAX):
            with torch.inference_mode():
                part = rows[start : start + LOGIT_ROWS_MAX]
                picked = hidden if len(part) == hidden.shape[0] else hidden[torch.tensor(part)]
                yield self.model.logits(picked)

    def copy_block(self, source: int, target: int) -> None:
        """Copy one block's keys and values between slot positions."""
        size = self._block_tokens
        with torch.inference_mode():
            self.cache.copy(slice(source, source + size), slice(target, target + size))

    def _batch(self, work: Items[Work], tweak: Tweak) -> Batch:
        model = self.model
        tokens: list[int] = []
        positions: list[int] = []
        lengths: list[int] = []
        spans: list[Span] = []
        slots: list[Tensor] = []
        for item in work:
            sequence, first = item.sequence, item.sequence.computed + item.ahead
            end = first + item.count
            spans.append(Span(len(tokens), item.count, end, sequence.slots(0, end)))
            slots.append(sequence.slots(first, end))
            tokens += sequence.span(first, end)
            positions += range(first, end)
            lengths += [sequence.prompt_length] * item.count
        at = torch.tensor(positions, dtype=torch.long)
        stretched = torch.maximum(at + 1, torch.tensor(lengths)) if model.rotary.by_length else None
        return Batch(
            tokens=torch.tensor(tokens, dtype=torch.long).clamp_(max=self._last),
            positions=at,
            slots=slots[0] if len(slots) == 1 else torch.cat(slots),
            plan=model.plan(spans, rounded=self._rounded),
            lengths=stretched,
            tweak=tweak,
        )
