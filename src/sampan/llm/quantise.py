"""Narrow weights: int8 with one scale per row, int4 with one scale per 32 weights.

The products are the library's own (`sampan.llm.products`), which round activations to int8 with a scale per 32 of
them. Where those cannot be built, they are PyTorch's, with activations in bfloat16; there, with many rows, where
arithmetic and not memory is the limit, the weights are widened, which was measured to be faster.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as functional
from torch import Tensor

from sampan.llm import products
from sampan.llm.models.layers import Dense, Linear, linear

GROUP = 32  # weights that share a scale in int4
WIDE_ROWS = 128  # rows from which widening pays
HEAD_ROWS = 65_536  # a weight this tall is the output head: it stays at int8, where errors show most
_INT4_ROWS = 64  # the int4 kernel takes multiples of this


class TorchInt8:
    """y = x (scale * W8)^T + b"""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self.shape = (weight.shape[0], weight.shape[1])
        self.weight, scale = int8(weight)
        self._scale = scale.to(torch.bfloat16)
        self._bias = None if bias is None else bias.to(torch.bfloat16)
        self.bytes = self.weight.numel() + 2 * scale.numel()

    def __call__(self, x: Tensor) -> Tensor:
        if x.shape[0] >= WIDE_ROWS:
            return functional.linear(x, self.weight.to(x.dtype), None) * self._scale + self._added
        y: Tensor = torch.ops.aten._weight_int8pack_mm(x, self.weight, self._scale)
        return y if self._bias is None else y + self._bias

    @property
    def _added(self) -> Tensor | float:
        return 0.0 if self._bias is None else self._bias


class TorchInt4:
    """y = x W4^T + b, the weights in PyTorch's packed form."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self.shape = (weight.shape[0], weight.shape[1])
        levels, scale = int4(weight)
        self._packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(levels.int() + 8, 1)
        # [groups, rows, (scale, zero)]: w = (level - 8) * scale + zero
        self._scales = torch.stack((scale.T, torch.zeros_like(scale.T)), -1).to(torch.bfloat16).contiguous()
        self._bias = None if bias is None else bias.to(torch.bfloat16)
        self.bytes = weight.numel() // 2 + 2 * self._scales.numel()

    def __call__(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(x.contiguous(), self._packed, GROUP, self._scales)
        return y if self._bias is None else y + self._bias


def int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers in -127..127 and a scale per row."""
    wide = weight.float()
    scale = (wide.abs().amax(1) / 127).clamp(min=1e-12)
    return (wide / scale.unsqueeze(1)).round_().clamp_(-127, 127).to(torch.int8), scale


def int4(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers in -8..7 and a scale per row and group. The extreme weight of a group falls on -8, which
    uses all sixteen levels."""
    groups = weight.float().view(weight.shape[0], -1, GROUP)
    extreme = groups.gather(2, groups.abs().argmax(2, keepdim=True)).squeeze(2)
    scale = extreme / -8
    scale = torch.where(scale.abs() < 1e-12, torch.full_like(scale, 1e-12), scale)
    scale = scale.to(torch.bfloat16).float()  # as it will be stored
    levels = (groups / scale.unsqueeze(2)).round_().clamp_(-8, 7).to(torch.int8)
    return levels.view(weight.shape), scale


def narrow8(weight: Tensor, bias: Tensor | None = None) -> Linear:
    """int8 where there is a kernel for it."""
    if not _fits(weight):
        return linear(weight, bias)
    if not products.available():
        return TorchInt8(weight, bias)
    return products.int8(*int8(weight), bias)


def narrow4(weight: Tensor, bias: Tensor | None = None) -> Linear:
    """int4 where there is a kernel for it, int8 for the output head."""
    if not _fits(weight) or weight.shape[0] >= HEAD_ROWS:
        return narrow8(weight, bias)
    if products.available():
        return products.int4(*int4(weight), None, bias)
    return TorchInt4(weight, bias) if weight.shape[0] % _INT4_ROWS == 0 else TorchInt8(weight, bias)


def _fits(weight: Tensor) -> bool:
    return bool(weight.device.type == "cpu" and weight.dtype == torch.bfloat16 and weight.shape[1] % GROUP == 0)


FORMS: dict[str, Callable[[Tensor, Tensor | None], Linear]] = {
    "plain": Dense,
    "auto": linear,
    "int8": narrow8,
    "int4": narrow4,
}
