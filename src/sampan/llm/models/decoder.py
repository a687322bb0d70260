"""The decoder: a stack of attention and feed-forward blocks over a flat batch of tokens from many sequences."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as functional
from torch import Tensor

from sampan.llm.config import ModelConfig
from sampan.llm.models.attention import Plan, attend
from sampan.llm.models.layers import Linear, norm
from sampan.llm.models.mlp import Gated, Mixture, Tweak
from sampan.llm.models.rope import Rotary, rotate


@dataclass(slots=True)
class Batch:
    """A step's tokens, flat: row r is the token `tokens[r]` at `positions[r]`, stored in slot `slots[r]`."""

    tokens: Tensor
    positions: Tensor
    slots: Tensor
    plan: Plan
    lengths: Tensor | None = None  # what each token's rotation is stretched for (dynamic scaling only)
    tweak: Tweak = field(default_factory=Tweak)


@dataclass(slots=True)
class Layer:
    """One block's weights."""

    qkv: Linear
    output: Linear
    query_norm: Tensor | None
    key_norm: Tensor | None
    before_attention: Tensor
    before_mlp: Tensor
    mlp: Gated | Mixture
    window: int


class Cache:
    """Keys and values of all sequences: a pool of slots per layer."""

    def __init__(self, config: ModelConfig, slots: int, dtype: torch.dtype, device: torch.device) -> None:
        shape = (config.layers, slots, config.kv_heads, config.head)
        # Zeros, not empty: rows read as padding must be finite, because 0 * NaN is NaN.
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)

    def copy(self, source: slice, target: slice) -> None:
        """Copy slots in all layers."""
        self.keys[:, target] = self.keys[:, source]
        self.values[:, target] = self.values[:, source]

    def wipe(self, slots: Tensor) -> None:
        """Make slots blank."""
        self.keys[:, slots] = 0
        self.values[:, slots] = 0


class Decoder:
    """A loaded model. Holds weights alone; what a step needs comes in its Batch and the Cache."""

    def __init__(
        self, config: ModelConfig, embedding: Tensor, layers: list[Layer], last: Tensor, head: Linear | None
    ) -> None:
        self.config, self.embedding, self.layers, self.last, self.head = config, embedding, layers, last, head
        self.dtype, self.device = embedding.dtype, embedding.device
        self.windows = frozenset(config.windows)
        self.rotary = Rotary(config, self.device)

    def hidden(self, batch: Batch, cache: Cache) -> Tensor:
        """The last layer's normed states, [tokens, hidden]; the batch's keys and values are now in the cache."""
        cosine, sine = self.rotary(batch.positions, batch.lengths, self.dtype)
        x = functional.embedding(batch.tokens, self.embedding)
        eps = self.config.norm_eps
        for i, layer in enumerate(self.layers):
            normed = norm(x, layer.before_attention, eps)
            x = x + self._attention(i, layer, normed, cosine, sine, batch, cache)
            x = x + layer.mlp(norm(x, layer.before_mlp, eps), batch.tweak)
        return norm(x, self.last, eps)

    def logits(self, hidden: Tensor) -> Tensor:
        """[rows, vocabulary] in float32 (float64 for a float64 model)."""
        if self.head is None:
            raise ValueError("this model has no output head")
        out = self.head(hidden)
        return out if out.dtype == torch.float64 else out.float()

    def _attention(
        self, i: int, layer: Layer, x: Tensor, cosine: Tensor, sine: Tensor, batch: Batch, cache: Cache
    ) -> Tensor:
        config = self.config
        heads, kv_heads = config.heads, config.kv_heads
        qkv = batch.tweak(f"{i}.qkv", x, layer.qkv(x)).view(x.shape[0], heads + 2 * kv_heads, config.head)
        q, k, v = qkv[:, :heads], qkv[:, heads:-kv_heads], qkv[:, -kv_heads:]
        if layer.query_norm is not None and layer.key_norm is not None:
            q, k = norm(q, layer.query_norm, config.norm_eps), norm(k, layer.key_norm, config.norm_eps)
        q, k = rotate(q, cosine, sine), rotate(k, cosine, sine)
        keys, values = cache.keys[i], cache.values[i]
        keys.index_copy_(0, batch.slots, k)
        values.index_copy_(0, batch.slots, v)
        answer = attend(q, keys, values, batch.plan, layer.window)
        return batch.tweak(f"{i}.output", answer, layer.output(answer))
