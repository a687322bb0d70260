"""The feed-forward block, and the mixture of experts of Qwen2-MoE and Qwen3-MoE: a router picks a few small
feed-forward blocks for each token."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sampan.llm.models.layers import Linear
from sampan.llm.models.steps import Steps


class Tweak:
    """What adapters add to a linear's result. The base adds nothing."""

    def __call__(self, name: str, x: Tensor, y: Tensor) -> Tensor:
        """`y` with the adapters' part for `x` added; `name` is the fused linear's, such as "3.qkv"."""
        return y

    def rows(self, layer: str, picked: Tensor) -> Tweak:
        """The same for some of the step's rows, in another order; `layer` begins the names that will be asked for."""
        return self


@dataclass(slots=True)
class Gated:
    """The feed-forward block: down(silu(gate(x)) * up(x)), gate and up as one product."""

    gate_up: Linear
    down: Linear
    name: str = ""

    def __call__(self, x: Tensor, tweak: Tweak, steps: Steps) -> Tensor:
        inner = steps.gate(tweak(f"{self.name}.gate_up", x, self.gate_up(x)))
        return tweak(f"{self.name}.down", inner, self.down(inner))


@dataclass(slots=True)
class Mixture:
    """Routes each token to `chosen` of `experts`; `shared` sees every token, weighed by `shared_gate`."""

    router: Linear
    experts: list[Gated]
    chosen: int
    normalise: bool
    shared: Gated | None = None
    shared_gate: Linear | None = None

    def __call__(self, x: Tensor, tweak: Tweak, steps: Steps) -> Tensor:
        logits = self.router(x)
        wide = logits.dtype if logits.dtype == torch.float64 else torch.float32
        weights, picks = logits.softmax(-1, dtype=wide).topk(self.chosen, -1)
        if self.normalise:
            weights = weights / weights.sum(-1, keepdim=True)
        out = self._routed(x, weights.to(x.dtype), picks, tweak, steps)
        if self.shared is not None and self.shared_gate is not None:
            out = out + self.shared_gate(x).sigmoid() * self.shared(x, tweak, steps)
        return out

    def _routed(self, x: Tensor, weights: Tensor, picks: Tensor, tweak: Tweak, steps: Steps) -> Tensor:
        """Tokens sorted by expert, so that each expert's weights are read once."""
        out = torch.zeros_like(x)
        flat = picks.view(-1)
        order = flat.argsort(stable=True)
        rows = order // self.chosen
        counts = torch.bincount(flat, minlength=len(self.experts)).tolist()
        start = 0
        for expert, count in zip(self.experts, counts, strict=True):
            if count:
                at = order[start : start + count]
                mine = rows[start : start + count]
                answer = expert(x.index_select(0, mine), tweak.rows(expert.name, mine), steps) * weights.view(-1)[
                    at
                ].unsqueeze(-1)
                out.index_add_(0, mine, answer)
                start += count
        return out
