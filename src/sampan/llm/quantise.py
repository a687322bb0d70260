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
from sampan.llm.levels import Levels
from sampan.llm.models.layers import Dense, Linear, linear

GROUP = 32  # weights that share a scale in int4
GROUPS = (32, 64, 128, 256)  # that PyTorch's int4 kernel takes
WIDE_ROWS = 128  # rows from which widening pays
HEAD_ROWS = 65_536  # a weight this tall is the output head: it stays at int8, where errors show most
_INT4_ROWS = 64  # PyTorch's int4 kernel takes multiples of this


class TorchInt8:
    """y = x (scale * W8)^T + b"""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._set(*int8(weight), bias)

    @classmethod
    def of(cls, levels: Tensor, scale: Tensor, bias: Tensor | None) -> TorchInt8:
        """From int8 [out, in] and a scale per row."""
        made = cls.__new__(cls)
        made._set(levels, scale, bias)
        return made

    def _set(self, levels: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        self.shape = (levels.shape[0], levels.shape[1])
        self.weight, self._scale = levels, scale.to(torch.bfloat16)
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
        levels, scale = int4(weight)
        self._set(levels.int() + 8, scale, torch.zeros_like(scale), bias)

    @classmethod
    def of(cls, levels: Levels, bias: Tensor | None) -> TorchInt4:
        """From 0..15 and scales for groups of one of GROUPS."""
        made = cls.__new__(cls)
        made._set(levels.levels.to(torch.int32), levels.scale, (8 - levels.zero) * levels.scale, bias)
        return made

    def _set(self, levels: Tensor, scale: Tensor, added: Tensor, bias: Tensor | None) -> None:
        """w = (level - 8) * scale + added"""
        self.shape = (levels.shape[0], levels.shape[1])
        self._group = levels.shape[1] // scale.shape[1]
        self._packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(levels, 1)
        self._scales = torch.stack((scale.T, added.T), -1).to(torch.bfloat16).contiguous()
        self._bias = None if bias is None else bias.to(torch.bfloat16)
        self.bytes = levels.numel() // 2 + 2 * self._scales.numel()

    def __call__(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(x.contiguous(), self._packed, self._group, self._scales)
        return y if self._bias is None else y + self._bias


def int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers in -127..127 and a scale per row."""
    wide = weight.float()
    scale = (wide.abs().amax(1) / 127).clamp(min=1e-12).to(torch.bfloat16).float()  # as it will be stored
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


def kept(given: Levels, bias: Tensor | None, dtype: torch.dtype, device: torch.device) -> Linear:
    """Published levels as they are, where the kernels take them; else widened."""
    fits = device.type == "cpu" and dtype == torch.bfloat16 and given.order is None and given.group % GROUP == 0
    if fits and given.bits == 8 and given.scale.shape[1] == 1 and bool((given.zero == 128).all()):
        levels, scale = (given.levels.to(torch.int16) - 128).to(torch.int8), given.scale.view(-1)
        return products.int8(levels, scale, bias) if products.available() else TorchInt8.of(levels, scale, bias)
    if fits and given.bits == 4:
        if products.available():
            return _kept4(given, bias)
        size = next((one for one in reversed(GROUPS) if given.group % one == 0), 0)
        if size and given.shape[0] % _INT4_ROWS == 0:
            return TorchInt4.of(_regrouped(given, size), bias)
    return linear(given.wide().to(device, dtype), bias)


def _kept4(given: Levels, bias: Tensor | None) -> Linear:
    spans = _regrouped(given, products.SPAN)
    shift = None if bool((given.zero == 8).all()) else (8 - spans.zero) * spans.scale
    return products.int4((given.levels.to(torch.int16) - 8).to(torch.int8), spans.scale, shift, bias)


def _regrouped(given: Levels, size: int) -> Levels:
    """The same with groups of `size`, which divides the present ones."""
    times = given.group // size
    scale, zero = (part.repeat_interleave(times, 1) for part in (given.scale, given.zero))
    return Levels(given.levels, scale, zero, given.bits)


def _fits(weight: Tensor) -> bool:
    return bool(weight.device.type == "cpu" and weight.dtype == torch.bfloat16 and weight.shape[1] % GROUP == 0)


FORMS: dict[str, Callable[[Tensor, Tensor | None], Linear]] = {
    "plain": Dense,
    "auto": linear,
    "int8": narrow8,
    "int4": narrow4,
}
