"""The small steps between a decoder's matrix products, by PyTorch's operations: the form that runs everywhere, and that
`sampan.llm.native` is compared with. A decoder uses one or the other through the same four methods."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as functional
from torch import Tensor

from sampan.llm.models.layers import norm

Norms = tuple[Tensor, Tensor]
Rotation = tuple[Tensor, Tensor]


class Steps(Protocol):
    """What lies between two products."""

    def add_norm(self, x: Tensor, added: Tensor | None, weight: Tensor, eps: float) -> Tensor:
        """Add to `x` in place, and return its norm."""
        ...

    def enter(
        self,
        qkv: Tensor,
        norms: Norms | None,
        rotation: Rotation,
        slots: Tensor,
        keys: Tensor,
        values: Tensor,
        eps: float,
    ) -> Tensor:
        """Norm and rotate queries and keys; store keys and values; return the queries [rows, heads, head]."""
        ...

    def gate(self, both: Tensor) -> Tensor:
        """silu(gate) * up of [rows, gate and up]."""
        ...


class TorchSteps:
    """By PyTorch, in the model's own type, rounding where transformers does."""

    def add_norm(self, x: Tensor, added: Tensor | None, weight: Tensor, eps: float) -> Tensor:
        if added is not None:
            x.add_(added)
        return norm(x, weight, eps)

    def enter(
        self,
        qkv: Tensor,
        norms: Norms | None,
        rotation: Rotation,
        slots: Tensor,
        keys: Tensor,
        values: Tensor,
        eps: float,
    ) -> Tensor:
        kv_heads, head = keys.shape[1], keys.shape[2]
        apart = qkv.view(qkv.shape[0], -1, head)
        heads = apart.shape[1] - 2 * kv_heads
        q, k, v = apart[:, :heads], apart[:, heads:-kv_heads], apart[:, -kv_heads:]
        if norms is not None:
            q, k = norm(q, norms[0], eps), norm(k, norms[1], eps)
        cosine, sine = (part.to(qkv.dtype).unsqueeze(1) for part in rotation)
        cosine, sine = torch.cat((cosine, cosine), -1), torch.cat((-sine, sine), -1)
        keys.index_copy_(0, slots, rotate(k, cosine, sine))
        values.index_copy_(0, slots, v)
        return rotate(q, cosine, sine)

    def gate(self, both: Tensor) -> Tensor:
        gate, up = both.chunk(2, -1)
        return functional.silu(gate) * up


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate pairs (i, i + head/2) of the last axis; `sine` has its first half negated."""
    return torch.addcmul(x * cosine, x.roll(x.shape[-1] // 2, -1), sine)
