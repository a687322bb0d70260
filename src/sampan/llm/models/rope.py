"""Rotary position embeddings (RoFormer, arXiv:2104.09864) and the ways they are stretched: linear, dynamic NTK,
YaRN (arXiv:2309.00071) and Llama 3's. Frequencies are computed in float32, as transformers does."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sampan.llm.config import ModelConfig, Rope


class Rotary:
    """Turns positions into the cosines and sines that rotate queries and keys.

    `dynamic` scaling depends on how long the text is, so each token carries the length that it was encoded for: that
    of its prompt, or its own position once it lies beyond. The same token is thus encoded the same way however the
    work is cut into steps.
    """

    def __init__(self, config: ModelConfig, device: torch.device) -> None:
        self._rope = config.rope
        self._head = config.head
        self._positions = config.positions
        self.by_length = config.rope.kind == "dynamic"
        frequencies, self._scale = _frequencies(config.rope, config.head)
        self._frequencies = frequencies.to(device)

    def __call__(self, positions: Tensor, lengths: Tensor | None, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cosines and sines, [tokens, head / 2], in float32 (float64 for a float64 model)."""
        frequencies = self._frequencies
        if self.by_length and lengths is not None:
            frequencies = self._stretched(lengths)
        wide = torch.float64 if dtype == torch.float64 else torch.float32
        angles = positions.to(wide).unsqueeze(-1) * frequencies.to(wide)
        return angles.cos() * self._scale, angles.sin() * self._scale

    def _stretched(self, lengths: Tensor) -> Tensor:
        """Dynamic NTK: the base grows with the length beyond the trained one. [tokens, head / 2]"""
        factor, limit = self._rope.factor, self._positions
        length = lengths.clamp(min=limit).to(torch.float32)
        growth = ((factor * length / limit) - (factor - 1)) ** (self._head / (self._head - 2))
        exponent = torch.arange(0, self._head, 2, device=lengths.device).float() / self._head
        return 1.0 / ((self._rope.theta * growth).unsqueeze(-1) ** exponent)


def _frequencies(rope: Rope, head: int) -> tuple[Tensor, float]:
    """Inverse frequencies [head / 2] and the factor on cosines and sines."""
    plain = 1.0 / (rope.theta ** (torch.arange(0, head, 2).float() / head))
    if rope.kind == "linear":
        return plain / rope.factor, 1.0
    if rope.kind == "factors":
        return plain / torch.tensor(rope.factors), 1.0
    if rope.kind == "yarn":
        return _yarn(rope, head)
    if rope.kind == "llama3":
        return _llama3(rope, plain), 1.0
    return plain, 1.0


def _yarn(rope: Rope, head: int) -> tuple[Tensor, float]:
    positions = rope.theta ** (torch.arange(0, head, 2).float() / head)

    def dimension(rotations: float) -> float:
        return head * math.log(rope.original_positions / (rotations * 2 * math.pi)) / (2 * math.log(rope.theta))

    low, high = dimension(rope.beta_fast), dimension(rope.beta_slow)
    if rope.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, head - 1)
    high += 0.001 if low == high else 0
    ramp = ((torch.arange(head // 2).float() - low) / (high - low)).clamp(0, 1)
    frequencies = (1.0 / (rope.factor * positions)) * ramp + (1.0 / positions) * (1 - ramp)
    if rope.attention_factor is not None:
        return frequencies, rope.attention_factor
    if rope.mscale and rope.mscale_all_dim:
        return frequencies, _mscale(rope.factor, rope.mscale) / _mscale(rope.factor, rope.mscale_all_dim)
    return frequencies, _mscale(rope.factor, 1.0)


def _mscale(factor: float, weight: float) -> float:
    return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1.0


def _llama3(rope: Rope, plain: Tensor) -> Tensor:
    """Long wavelengths are divided, short ones kept, those between blended."""
    wavelength = 2 * math.pi / plain
    low, high = rope.low_frequency_factor, rope.high_frequency_factor
    blend = ((rope.original_positions / wavelength - low) / (high - low)).clamp(0, 1)
    return (1 - blend) * plain / rope.factor + blend * plain
