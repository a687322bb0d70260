"""Keys and values of all sequences: a pool of slots per layer, in the model's own type or rounded to int8."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sampan.llm import pages
from sampan.llm.config import ModelConfig

SCALE_BYTES = 2


@dataclass(slots=True)
class Rounded:
    """A pool of int8 with a scale for each slot and head, so that a token is rounded once, by itself, and never again.
    The scale is rounded before the levels are made: its own error does not add to theirs."""

    levels: Tensor  # int8 [slots, heads, head]
    scale: Tensor  # bfloat16 [slots, heads]
    dtype: torch.dtype

    @property
    def shape(self) -> torch.Size:
        return self.levels.shape

    def put(self, slots: Tensor, rows: Tensor) -> None:
        """Store [tokens, heads, head]. What is not finite stays so."""
        scale = (rows.abs().amax(-1).float() / 127).clamp(min=1e-30).to(torch.bfloat16)
        levels = (rows.float() / scale.float().unsqueeze(-1)).round_().clamp_(-127, 127)
        self.levels.index_copy_(0, slots, levels.to(torch.int8))
        self.scale.index_copy_(0, slots, scale)

    def read(self, slots: Tensor) -> Tensor:
        """[slots, heads, head] in the model's type."""
        wide = torch.float32 if self.dtype == torch.float16 else self.dtype  # float16 may not hold the scale
        rows = self.levels.index_select(0, slots).to(wide)
        return rows.mul_(self.scale.index_select(0, slots).to(wide).unsqueeze(-1)).to(self.dtype)


Pool = Tensor | Rounded  # [slots, heads, head]


def read(pool: Pool, slots: Tensor) -> Tensor:
    """The rows of the slots, [slots, heads, head]."""
    return pool.read(slots) if isinstance(pool, Rounded) else pool.index_select(0, slots)


class Cache:
    """One pool of keys and one of values for each layer; `rounded` to int8 they take half the memory of bfloat16."""

    def __init__(
        self, config: ModelConfig, slots: int, dtype: torch.dtype, device: torch.device, *, rounded: bool = False
    ) -> None:
        self.rounded, self.slots = rounded, slots
        shape = (config.layers, slots, config.kv_heads, config.head)
        # Zeros, not empty: rows read as padding must be finite, because 0 * NaN is NaN.
        kept = torch.int8 if rounded else dtype
        self._tensors = [_zeros(shape, kept, device) for _ in range(2)]
        if rounded:
            self._tensors += [torch.zeros(shape[:3], dtype=torch.bfloat16, device=device) for _ in range(2)]
        self.keys, self.values = (self._pools(i, dtype) for i in range(2))

    def _pools(self, which: int, dtype: torch.dtype) -> list[Pool]:
        layers: list[Pool] = list(self._tensors[which])
        if not self.rounded:
            return layers
        return [Rounded(*both, dtype) for both in zip(self._tensors[which], self._tensors[which + 2], strict=True)]

    def copy(self, source: slice, target: slice) -> None:
        """Copy slots in all layers."""
        for tensor in self._tensors:
            tensor[:, target] = tensor[:, source]


def _zeros(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return pages.zeros(shape, dtype) if device.type == "cpu" else torch.zeros(shape, dtype=dtype, device=device)
