"""A model of transformers' as a Runner: each running text has a cache of transformers' kind, held by its Sequence.

Texts that go on by one token are run together, those of similar length in one batch, which stays together as long as
its texts do. Prompts are read one by one. What a model can do beyond that (read a prompt in pieces, run texts of
different lengths together) no configuration says: it is tried once, when the model is opened.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from collections.abc import Sequence as Items
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import Cache

from sampan.llm.contract import Traits
from sampan.llm.errors import UnsupportedError
from sampan.llm.foreign import states
from sampan.llm.models.mlp import Tweak
from sampan.llm.scheduler import Work

LOGIT_ROWS_MAX = 64
ROOM_UNKNOWN = 1 << 17  # tokens, for models whose configuration names no limit
# Two ways to the same logits may differ so much (relative norm): by rounding, not by a state that was lost.
_NEAR = {torch.float64: 1e-6, torch.float32: 1e-3}
_NEAR_NARROW = 0.05


@dataclass(slots=True)
class _Batch:
    """Texts that are run together: a cache with a row for each."""

    cache: Cache
    lengths: list[int]


@dataclass(frozen=True, slots=True)
class _Seat:
    """Where a sequence's state is."""

    batch: _Batch
    row: int

    def alone(self) -> Cache:
        return states.row(self.batch.cache, self.row, self.batch.lengths[self.row])


class Foreign:
    """Satisfies `sampan.llm.contract.Runner`."""

    def __init__(self, module: Any) -> None:
        """Raises UnsupportedError for a model whose state cannot be gone on from."""
        self.module = module.eval()
        self._config = module.config.get_text_config(decoder=True)
        self.dtype, self.device = module.dtype, module.device
        taken = inspect.signature(module.forward).parameters
        self._takes = frozenset(taken)
        self._cache_name = "cache_params" if "cache_params" in taken else "past_key_values"
        if self._cache_name not in taken:
            raise UnsupportedError(f"{type(module).__name__} keeps its state in a way that is not known here")
        with torch.inference_mode():
            pieces, self.together, fixed, each = self._tried()
        self.traits = Traits(
            vocabulary=int(self._config.vocab_size),
            room=int(getattr(self._config, "max_position_embeddings", None) or ROOM_UNKNOWN),
            end_tokens=_end_tokens(module),
            generates=True,
            token_bytes=2 * each,  # padding, and the copy that a longer text is made in
            sequence_bytes=2 * fixed,
            paged=False,
            whole=not pieces,
        )

    def reserve(self, blocks: int, block_tokens: int) -> None:
        """Nothing: each sequence brings its own state, and the engine counts it in blocks."""

    def hidden(self, work: Items[Work], tweak: Tweak) -> dict[int, Tensor]:
        """Logits by row, of those rows that can be asked for."""
        found: dict[int, Tensor] = {}
        together: dict[int, list[tuple[int, Work]]] = {}
        start = 0
        with torch.inference_mode():
            for item in work:
                if item.count == 1 and item.sequence.computed and self.together:
                    together.setdefault(item.sequence.computed.bit_length(), []).append((start, item))
                else:
                    self._alone(start, item, found)
                start += item.count
            for items in together.values():
                self._decode(items, found)
        return found

    def sound(self, hidden: dict[int, Tensor], work: Items[Work]) -> list[bool]:
        """Nothing is shared: it is enough that logits are looked at."""
        return [True] * len(work)

    def logits(self, hidden: dict[int, Tensor], rows: Items[int]) -> Iterator[Tensor]:
        for start in range(0, len(rows), LOGIT_ROWS_MAX):
            out = torch.stack([hidden[row] for row in rows[start : start + LOGIT_ROWS_MAX]])
            yield out if out.dtype == torch.float64 else out.float()

    def copy_block(self, source: int, target: int) -> None:
        raise AssertionError("nothing is shared")

    def _alone(self, start: int, item: Work, found: dict[int, Tensor]) -> None:
        """One text's tokens: a prompt or a piece of one, or the next token."""
        sequence, first, end = item.sequence, item.sequence.computed, item.sequence.computed + item.count
        seat = sequence.state if first else None
        if seat is None:
            batch = _Batch(self._new(), [0])
        else:
            batch = seat.batch if len(seat.batch.lengths) == 1 else _Batch(seat.alone(), [first])
        assert batch.lengths == [first]
        every = sequence.request.sampling.prompt_logprobs is not None and len(sequence.tokens) == sequence.prompt_length
        kept = item.count if every else 1
        out = self._forward([sequence.tokens[first:end]], batch, kept)
        for row in range(kept):
            found[start + item.count - kept + row] = out[0, row]
        sequence.state = _Seat(batch, 0)

    def _decode(self, items: list[tuple[int, Work]], found: dict[int, Tensor]) -> None:
        """One more token for each of some texts."""
        sequences = [item.sequence for _, item in items]
        seats: list[_Seat] = [sequence.state for sequence in sequences]
        batch = seats[0].batch
        same = all(seat.batch is batch and seat.row == row for row, seat in enumerate(seats))
        if not same or len(batch.lengths) != len(seats):
            lengths = [seat.batch.lengths[seat.row] for seat in seats]
            batch = _Batch(states.join([seat.alone() for seat in seats]), lengths)
            for row, sequence in enumerate(sequences):
                sequence.state = _Seat(batch, row)
        assert batch.lengths == [sequence.computed for sequence in sequences]
        out = self._forward([[sequence.tokens[sequence.computed]] for sequence in sequences], batch, 1)
        for row, (start, _) in enumerate(items):
            found[start] = out[row, 0]

    def _new(self) -> Cache:
        return DynamicCache(config=self._config)

    def _forward(self, tokens: list[list[int]], batch: _Batch, kept: int) -> Tensor:
        """Logits [texts, kept, vocabulary] of the last tokens; the batch's texts are now longer by those given."""
        count, longest = len(tokens[0]), max(batch.lengths)
        given: dict[str, Any] = {"input_ids": torch.tensor(tokens, device=self.device), "use_cache": True}
        given[self._cache_name] = batch.cache
        if min(batch.lengths) < longest and states.timed(batch.cache):
            at = torch.arange(longest + count, device=self.device)
            first = torch.tensor([longest - length for length in batch.lengths], device=self.device)
            given["attention_mask"] = (at >= first.unsqueeze(1)).long()
        if "position_ids" in self._takes:
            starts = torch.tensor(batch.lengths, device=self.device).unsqueeze(1)
            given["position_ids"] = starts + torch.arange(count, device=self.device)
        if "logits_to_keep" in self._takes:
            given["logits_to_keep"] = kept
        out: Tensor = self.module(**given).logits
        batch.lengths = [length + count for length in batch.lengths]
        return out[:, -kept:]

    # --- what the model can do -----------------------------------------------------------------------------------

    def _tried(self) -> tuple[bool, bool, int, int]:
        """Whether texts can be read in pieces; whether they can be run together; bytes of a state, and per token.

        Raises UnsupportedError if the model cannot even go on from one of two states, a token at a time.
        """
        tokens = [(7 * i + 3) % int(self._config.vocab_size) for i in range(8)]
        whole = self._forward([tokens], _Batch(self._new(), [0]), len(tokens))[0]
        long, short = _Batch(self._new(), [0]), _Batch(self._new(), [0])
        self._forward([tokens[:6]], long, 1)
        fixed = states.size(long.cache)
        again = self._forward([[tokens[6]]], long, 1)[0, 0]
        each = max(states.size(long.cache) - fixed, 0)
        self._forward([tokens[:3]], short, 1)
        together = states.known(long.cache) and self._try_together(long, short, whole)
        pieces = self._try_pieces(tokens, whole)
        last = self._forward([[tokens[7]]], long, 1)[0, 0]
        if not self._near(again, whole[6]) or not self._near(last, whole[7]):
            raise UnsupportedError(f"{type(self.module).__name__} cannot go on from where it was: it hides its state")
        return pieces, together, max(fixed - 6 * each, 0), each

    def _try_pieces(self, tokens: list[int], whole: Tensor) -> bool:
        batch = _Batch(self._new(), [0])
        self._forward([tokens[:3]], batch, 1)
        try:
            return self._near(self._forward([tokens[3:]], batch, 1)[0, 0], whole[7])
        except RuntimeError:  # shapes do not fit
            return False

    def _try_together(self, long: _Batch, short: _Batch, whole: Tensor) -> bool:
        """Texts of seven and of three tokens, in one batch."""
        both = _Batch(states.join([states.row(long.cache, 0, 7), states.row(short.cache, 0, 3)]), [7, 3])
        tokens = [(7 * i + 3) % int(self._config.vocab_size) for i in (7, 3)]
        try:
            out = self._forward([[token] for token in tokens], both, 1)[:, 0]
        except RuntimeError:
            return False
        return self._near(out[0], whole[7]) and self._near(out[1], whole[3])

    def _near(self, one: Tensor, other: Tensor) -> bool:
        limit = _NEAR.get(self.dtype, _NEAR_NARROW)
        return bool((one.double() - other.double()).norm() <= limit * other.double().norm())


def _end_tokens(module: Any) -> tuple[int, ...]:
    found: list[int] = []
    for holder in (getattr(module, "generation_config", None), module.config):
        value = getattr(holder, "eos_token_id", None)
        found += value if isinstance(value, list) else [] if value is None else [value]
    return tuple(dict.fromkeys(found))
