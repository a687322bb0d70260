"""The decoder: a stack of attention and feed-forward blocks over a flat batch of tokens from many sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as functional
from torch import Tensor

from sampan.llm import native
from sampan.llm.config import ModelConfig
from sampan.llm.models.attention import Plan, Span, attend
from sampan.llm.models.cache import Cache, Rounded
from sampan.llm.models.layers import Linear
from sampan.llm.models.mlp import Gated, Mixture, Tweak
from sampan.llm.models.rope import Rotary
from sampan.llm.models.steps import Steps, TorchSteps
from sampan.llm.models.whole import Whole
from sampan.llm.products import Panels


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
    norms: tuple[Tensor, Tensor] | None  # of queries and keys
    before_attention: Tensor
    before_mlp: Tensor
    mlp: Gated | Mixture
    window: int


class Decoder:
    """A loaded model. Holds weights alone; what a step needs comes in its Batch and the Cache."""

    def __init__(
        self, config: ModelConfig, embedding: Tensor, layers: list[Layer], last: Tensor, head: Linear | None
    ) -> None:
        self.config, self.embedding, self.layers, self.last, self.head = config, embedding, layers, last, head
        self.dtype, self.device = embedding.dtype, embedding.device
        self.windows = frozenset(config.windows)
        self.rotary = Rotary(config, self.device)
        self.kernels = native.kernels(self.dtype, self.device, config.head)
        self.steps: Steps = self.kernels or TorchSteps()
        self.whole = Whole.of(self)

    def hidden(self, batch: Batch, cache: Cache) -> Tensor:
        """The last layer's normed states, [tokens, hidden]; the batch's keys and values are now in the cache."""
        native.threads(torch.get_num_threads())
        rotation = self.rotary(batch.positions, batch.lengths, self.dtype)
        x = functional.embedding(batch.tokens, self.embedding)
        if self.whole is not None and self.whole.takes(batch, cache):
            assert batch.plan.paged is not None
            return self.whole(x, rotation, batch.slots, batch.plan.paged, cache)
        steps, eps = self.steps, self.config.norm_eps
        added: Tensor | None = None
        for i, layer in enumerate(self.layers):
            normed = steps.add_norm(x, added, layer.before_attention, eps)
            added = self._attention(i, layer, normed, rotation, batch, cache)
            normed = steps.add_norm(x, added, layer.before_mlp, eps)
            added = layer.mlp(normed, batch.tweak, steps)
        return steps.add_norm(x, added, self.last, eps)

    def logits(self, hidden: Tensor) -> Tensor:
        """[rows, vocabulary] in float32 (float64 for a float64 model)."""
        if self.head is None:
            raise ValueError("this model has no output head")
        if isinstance(self.head, Panels):
            return self.head.exact(hidden)
        out = self.head(hidden)
        return out if out.dtype == torch.float64 else out.float()

    def plan(self, spans: Sequence[Span], *, rounded: bool = False) -> Plan:
        """How a step's queries will find their keys, in a cache that is `rounded` or not."""
        return Plan(spans, self.windows, self.dtype, paged=self.kernels is not None and not rounded)

    def _attention(
        self, i: int, layer: Layer, x: Tensor, rotation: tuple[Tensor, Tensor], batch: Batch, cache: Cache
    ) -> Tensor:
        keys, values = cache.keys[i], cache.values[i]
        qkv = batch.tweak(f"{i}.qkv", x, layer.qkv(x))
        if isinstance(keys, Rounded) and isinstance(values, Rounded):
            fresh = qkv.new_empty(2, qkv.shape[0], *keys.shape[1:])
            rows = torch.arange(qkv.shape[0], device=qkv.device)
            q = self.steps.enter(qkv, layer.norms, rotation, rows, fresh[0], fresh[1], self.config.norm_eps)
            keys.put(batch.slots, fresh[0])
            values.put(batch.slots, fresh[1])
        else:
            assert isinstance(keys, Tensor) and isinstance(values, Tensor)
            q = self.steps.enter(qkv, layer.norms, rotation, batch.slots, keys, values, self.config.norm_eps)
        answer = attend(q, keys, values, batch.plan, layer.window, self.kernels)
        return batch.tweak(f"{i}.output", answer, layer.output(answer))
