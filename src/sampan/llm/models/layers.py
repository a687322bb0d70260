"""Matrix products in the form that the processor likes best, and the norm."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as functional
from torch import Tensor

from sampan.llm import products


class Linear(Protocol):
    """y = x W^T + b over the last axis of a [rows, in] tensor."""

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in)"""
        ...

    @property
    def bytes(self) -> int:
        """Memory that one product has to read."""
        ...

    def __call__(self, x: Tensor) -> Tensor: ...


class Dense:
    """The weight as published."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self.weight, self.bias = weight, bias
        self.shape = (weight.shape[0], weight.shape[1])
        self.bytes = weight.numel() * weight.element_size()

    def __call__(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight, self.bias)


class Packed:
    """A bfloat16 weight in oneDNN's blocked layout: measured 1.5 to 2 times the plain one at 1 to 8 rows."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self.shape = (weight.shape[0], weight.shape[1])
        self.bytes = weight.numel() * weight.element_size()
        self._weight, self._bias = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous()), bias

    def __call__(self, x: Tensor) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")  # type: ignore[no-any-return,unused-ignore]


def linear(weight: Tensor, bias: Tensor | None = None) -> Linear:
    """The best form for the weight's device and type."""
    if weight.device.type != "cpu" or weight.dtype != torch.bfloat16:
        return Dense(weight, bias)
    if products.available() and not torch.cpu._is_amx_tile_supported():
        return products.wide(weight, bias)
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return Packed(weight, bias)
    return Dense(weight, bias)


def norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Root-mean-square norm over the last axis; normed in float32, scaled in the tensor's own type."""
    return functional.rms_norm(x, x.shape[-1:], None, eps) * weight
