"""Matrix products by the library's own kernels (kernels/products.h): weights in bfloat16, int8 or int4, and rows few
or many.

Weights are brought once into panels of 32 outputs, in the order in which a product reads them. A row's answer does not
depend on the other rows, to the last bit.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum

import torch
from torch import Tensor

from sampan.llm import native, pages

PANEL = 32  # outputs side by side; all as in products.h
SPAN = 32  # inputs that share a scale
_ARGUMENTS = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
_LIFT8, _LIFT4 = 128, 8  # added to levels, which the processor takes without a sign


class Kind(IntEnum):
    """What a product's weights are."""

    WIDE = 0
    INT8 = 1
    INT4 = 2
    INT4_SHIFTED = 3


class Described(ctypes.Structure):
    """A product, as the kernels see it."""

    _fields_ = (
        ("kind", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("outputs", ctypes.c_int32),
        ("weights", ctypes.c_void_p),
        ("scales", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
    )


class Panels:
    """y = x W^T + b for bfloat16 rows, which must be contiguous."""

    def __init__(
        self, kind: Kind, shape: tuple[int, int], panels: Tensor, scales: Tensor | None, bias: Tensor | None
    ) -> None:
        self.kind, self.shape = kind, shape
        self.bytes = panels.nbytes + (0 if scales is None else scales.nbytes)
        bias = None if bias is None else bias.to(torch.bfloat16).contiguous()
        self._kept = (panels, scales, bias)
        at = [None if part is None else part.data_ptr() for part in self._kept]
        self.described = Described(kind, shape[1], shape[0], *at)
        self._product = native.function("product", _ARGUMENTS)
        self._reference = ctypes.byref(self.described)

    def __call__(self, x: Tensor) -> Tensor:
        return self._into(x, torch.empty(x.shape[0], self.shape[0], dtype=torch.bfloat16), 0)

    def exact(self, x: Tensor) -> Tensor:
        """The same in float32, not rounded at the end."""
        return self._into(x, torch.empty(x.shape[0], self.shape[0]), 1)

    def _into(self, x: Tensor, y: Tensor, in_float: int) -> Tensor:
        x = x.contiguous()
        self._product(self._reference, x.data_ptr(), x.shape[0], y.data_ptr(), in_float)
        return y


def available() -> bool:
    """Whether the kernels are there."""
    return native.library() is not None


def wide(weight: Tensor, bias: Tensor | None = None) -> Panels:
    """A product of the bfloat16 weight as it is."""
    rows, width = weight.shape
    panels, pairs = -(-rows // PANEL), -(-width // 2)
    whole = _padded(weight, panels * PANEL, pairs * 2)
    packed = pages.zeros((panels, pairs, PANEL, 2), torch.bfloat16)
    packed.copy_(whole.view(panels, PANEL, pairs, 2).transpose(1, 2))
    return Panels(Kind.WIDE, (rows, width), packed, None, bias)


def int8(levels: Tensor, scale: Tensor, bias: Tensor | None = None) -> Panels:
    """A product of weights levels * scale: levels int8 [out, in], one scale per output."""
    rows, width = levels.shape
    panels, spans = -(-rows // PANEL), -(-width // SPAN)
    whole = _padded(levels, panels * PANEL, spans * SPAN)
    packed = pages.zeros((panels, spans * SPAN // 4, PANEL, 4), torch.uint8)
    packed.copy_(whole.view(panels, PANEL, -1, 4).transpose(1, 2).view(torch.uint8))
    packed.bitwise_xor_(_LIFT8)  # the same as adding 128
    scales = torch.zeros(panels * PANEL)
    scales[:rows] = scale
    return Panels(Kind.INT8, (rows, width), packed, scales, bias)


def int4(levels: Tensor, scale: Tensor, shift: Tensor | None = None, bias: Tensor | None = None) -> Panels:
    """A product of weights levels * scale + shift: levels -8 to 7 [out, in], scale and shift [out, spans], which are
    kept in bfloat16."""
    rows, width = levels.shape
    panels, spans = -(-rows // PANEL), -(-width // SPAN)
    whole = _padded(levels.to(torch.int8) + _LIFT4, panels * PANEL, spans * SPAN).view(torch.uint8)
    eights = whole.view(panels, PANEL, spans, SPAN // 8, 2, 4).permute(0, 2, 3, 1, 5, 4)
    nibbles = (eights[..., 0] | eights[..., 1] << 4).reshape(panels, spans, -1)
    heads = [_spread(part, panels, spans) for part in (scale, shift) if part is not None]
    size = nibbles.shape[2] + sum(head.shape[2] for head in heads)
    packed = pages.zeros((panels, spans, size), torch.uint8)
    torch.cat([*heads, nibbles], 2, out=packed)
    kind = Kind.INT4 if shift is None else Kind.INT4_SHIFTED
    return Panels(kind, (rows, width), packed, None, bias)


def _padded(weight: Tensor, rows: int, width: int) -> Tensor:
    """The weight with zeros after its last row and column."""
    if tuple(weight.shape) == (rows, width):
        return weight.contiguous()
    out = weight.new_zeros(rows, width)
    out[: weight.shape[0], : weight.shape[1]] = weight
    return out


def _spread(values: Tensor, panels: int, spans: int) -> Tensor:
    """[out, spans] as bytes of [panels, spans, outputs]."""
    whole = _padded(values.to(torch.bfloat16), panels * PANEL, spans)
    return whole.view(panels, PANEL, spans).transpose(1, 2).contiguous().view(torch.uint8)
