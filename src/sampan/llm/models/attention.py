"""Attention over a paged cache of keys and values.

Keys and values of all sequences live in one pool of slots per layer. A step's `Plan` says, once for all layers, which
slots each sequence reads and which of them each query may see. The native kernels read those where they are; where
there are none, PyTorch's fused attention does the work on gathered rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor

from sampan.llm.models.cache import Pool, read
from sampan.llm.native import Kernels

PAGED_MAX = 4  # queries of one sequence up to which each goes over the pages by itself


@dataclass(frozen=True, slots=True)
class Span:
    """One sequence's part of a step: `count` tokens at rows [start, start + count), the last of which is the
    `length`-th of its text; `slots` are those of all `length` tokens, in order."""

    start: int
    count: int
    length: int
    slots: Tensor


@dataclass(slots=True)
class _Piece:
    """Queries answered by one call: [sequences, count] tokens, over [sequences, length] slots."""

    rows: Tensor | slice
    sequences: int
    count: int
    length: int
    slots: Tensor
    masks: dict[int, Tensor | None]  # by window: what is added to the scores; None when all is seen


@dataclass(slots=True)
class Rows:
    """Queries for the native kernel, each with its own run of slots."""

    rows: Tensor | slice
    slots: Tensor
    starts: Tensor
    lengths: Tensor


class Plan:
    """How a step's queries find their keys. Windows are in tokens, 0 for none. With `paged`, all is left to the native
    kernels, which read the pages where they are."""

    def __init__(
        self, spans: Sequence[Span], windows: frozenset[int], dtype: torch.dtype, *, paged: bool = False
    ) -> None:
        self._windows, self._dtype = windows, dtype
        few = [span for span in spans if span.count <= (PAGED_MAX if paged else 1)]
        many = [span for span in spans if span.count > (PAGED_MAX if paged else 1)]
        self.paged = self._rows(few) if paged and few else None
        self.chunks = many if paged else []
        self.pieces = [] if paged else [self._chunk(span) for span in many]
        if few and not paged:
            self.pieces.append(self._together(few))

    def _rows(self, spans: Sequence[Span]) -> Rows:
        starts: list[int] = []
        lengths: list[int] = []
        at = 0
        for span in spans:
            starts += [at] * span.count
            lengths += range(span.length - span.count + 1, span.length + 1)
            at += span.length
        slots = spans[0].slots if len(spans) == 1 else torch.cat([span.slots for span in spans])
        return Rows(
            _places([row for span in spans for row in range(span.start, span.start + span.count)]),
            slots.contiguous(),
            torch.tensor(starts, dtype=torch.int32),
            torch.tensor(lengths, dtype=torch.int32),
        )

    def _together(self, spans: Sequence[Span]) -> _Piece:
        """Sequences with one query each, padded to the longest."""
        length = max(span.length for span in spans)
        device = spans[0].slots.device
        slots = torch.empty(len(spans), length, dtype=torch.long, device=device)
        for i, span in enumerate(spans):
            slots[i, : span.length] = span.slots
            slots[i, span.length :] = span.slots[0]  # padding is its own: what others left may not be finite
        lengths = torch.tensor([span.length for span in spans], device=device).unsqueeze(1)
        at = torch.arange(length, device=device)
        masks: dict[int, Tensor | None] = {}
        for window in self._windows:
            hidden = at >= lengths
            if window:
                hidden |= at < lengths - window
            masks[window] = self._added(hidden[:, None, None, :])
        rows = _places([span.start for span in spans])
        return _Piece(rows, len(spans), 1, length, slots, masks)

    def _chunk(self, span: Span) -> _Piece:
        """One sequence with several queries, each seeing what lies before it."""
        device = span.slots.device
        at = torch.arange(span.length, device=device)
        query = at[-span.count :].unsqueeze(1)
        masks: dict[int, Tensor | None] = {}
        for window in self._windows:
            hidden = at > query
            if window:
                hidden |= at <= query - window
            masks[window] = self._added(hidden)
        rows = slice(span.start, span.start + span.count)
        return _Piece(rows, 1, span.count, span.length, span.slots.unsqueeze(0), masks)

    def _added(self, hidden: Tensor) -> Tensor | None:
        if not bool(hidden.any()):
            return None
        return torch.zeros(hidden.shape, dtype=self._dtype, device=hidden.device).masked_fill_(hidden, float("-inf"))


def _places(rows: list[int]) -> Tensor | slice:
    """Row numbers, as a slice if they follow each other."""
    if rows == list(range(rows[0], rows[0] + len(rows))):
        return slice(rows[0], rows[0] + len(rows))
    return torch.tensor(rows)


def attend(query: Tensor, keys: Pool, values: Pool, plan: Plan, window: int, kernels: Kernels | None = None) -> Tensor:
    """Answers for [tokens, heads, head] queries from pools of [slots, kv_heads, head]; [tokens, heads * head]."""
    heads, head, kv_heads = query.shape[1], query.shape[2], keys.shape[1]
    own, out = plan.paged, query.new_empty(query.shape[0], heads * head)
    if kernels is not None and isinstance(keys, Tensor) and isinstance(values, Tensor):
        if own is not None and own.rows == slice(0, query.shape[0]):
            return kernels.attend(query, keys, values, own.slots, own.starts, own.lengths, window)
        if own is not None:
            out[own.rows] = kernels.attend(query[own.rows], keys, values, own.slots, own.starts, own.lengths, window)
        for span in plan.chunks:
            rows = slice(span.start, span.start + span.count)
            kernels.attend_many(query[rows], keys, values, span.slots, window, out[rows])
    for piece in plan.pieces:
        flat = piece.slots.view(-1)
        shape = (piece.sequences, piece.length, kv_heads, head)
        k = read(keys, flat).view(shape).transpose(1, 2)
        v = read(values, flat).view(shape).transpose(1, 2)
        # The queries of one key-value head form the rows of one product: [sequences, kv_heads, group * count, head].
        group = heads // kv_heads
        q = query[piece.rows].view(piece.sequences, piece.count, kv_heads, group, head)
        q = q.permute(0, 2, 3, 1, 4).reshape(piece.sequences, kv_heads, group * piece.count, head)
        mask = piece.masks[window]
        if mask is not None and piece.count > 1:
            mask = mask.unsqueeze(0).expand(group, -1, -1).reshape(group * piece.count, piece.length)
        answer = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        answer = answer.view(piece.sequences, kv_heads, group, piece.count, head).permute(0, 3, 1, 2, 4)
        out[piece.rows] = answer.reshape(piece.sequences * piece.count, heads * head)
    return out
