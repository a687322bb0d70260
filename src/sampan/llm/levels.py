"""Weights as whole numbers: the form that every way of publishing narrow weights comes down to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Levels:
    """w[i, j] = (levels[i, j] - zero[i, g]) * scale[i, g], where g is the group of column j."""

    levels: Tensor  # uint8 [out, in]
    scale: Tensor  # float32 [out, groups]
    zero: Tensor  # float32 [out, groups]
    bits: int  # 8 or fewer
    order: Tensor | None = None  # the group of each column, where groups are not runs of equal length

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in)"""
        return self.levels.shape[0], self.levels.shape[1]

    @property
    def group(self) -> int:
        """Columns that share a scale."""
        return self.levels.shape[1] // self.scale.shape[1]

    def wide(self) -> Tensor:
        """The weight in float32."""
        if self.order is not None:
            at = self.order.long()
            return (self.levels.float() - self.zero[:, at]) * self.scale[:, at]
        parts = self.levels.float().view(self.shape[0], -1, self.group)
        return ((parts - self.zero.unsqueeze(2)) * self.scale.unsqueeze(2)).view(self.shape)


def stacked(parts: Sequence[Levels]) -> Levels | None:
    """The parts' rows as one, or None if they differ in kind."""
    first = parts[0]
    if any((part.bits, part.group, part.shape[1]) != (first.bits, first.group, first.shape[1]) for part in parts):
        return None
    if any(part.order is not None for part in parts):
        return None
    return Levels(
        torch.cat([part.levels for part in parts]),
        torch.cat([part.scale for part in parts]),
        torch.cat([part.zero for part in parts]),
        first.bits,
    )


def unpacked(words: Tensor, bits: int) -> Tensor:
    """uint8 [rows, columns] from int32 words, each of which holds 32 / bits values, the lowest bits first."""
    shifts = torch.arange(0, 32, bits, dtype=torch.int32, device=words.device)
    values = (words.unsqueeze(-1) >> shifts) & ((1 << bits) - 1)
    return values.view(words.shape[0], -1).to(torch.uint8)


def packed(values: Tensor, bits: int) -> Tensor:
    """The words that `unpacked` reads; what is missing in the last is zero."""
    each = 32 // bits
    short = -values.shape[1] % each
    wide = torch.nn.functional.pad(values.to(torch.int64), (0, short)).view(values.shape[0], -1, each)
    words = (wide << torch.arange(0, 32, bits)).sum(-1)
    return torch.where(words >= 1 << 31, words - (1 << 32), words).to(torch.int32)
