"""transformers' caches, put together for a batch and taken apart again.

A batch pads its texts on the left, so that all end at the same place. Keys and values get zeros there, which the
attention mask hides; recurrent states have no length and are simply stacked.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import cache_utils
from transformers.cache_utils import Cache

# Layers whose whole content is known here. A model with any other is run text by text.
_KNOWN = frozenset(
    {
        cache_utils.DynamicLayer,
        cache_utils.DynamicSlidingWindowLayer,
        cache_utils.LinearAttentionLayer,
        cache_utils.LinearAttentionAndFullAttentionLayer,
        cache_utils.LinearAttentionAndSlidingWindowAttentionLayer,
        cache_utils.DummyLayer,
    }
)
_TIMED = ("keys", "values")  # [texts, heads, tokens, head]
_FLAT = ("conv_states", "recurrent_states")  # dictionaries of [texts, ...]


def known(cache: Cache) -> bool:
    """Whether such caches can be put together."""
    return all(type(layer) in _KNOWN for layer in cache.layers)


def timed(cache: Cache) -> bool:
    """Whether any of it grows with the text."""
    return any(_timed(layer) for layer in cache.layers)


def size(cache: Cache) -> int:
    """Bytes that the cache holds."""
    found: list[Tensor] = []
    for layer in cache.layers:
        for value in vars(layer).values():
            found += value.values() if isinstance(value, dict) else [value]
    return sum(one.numel() * one.element_size() for one in found if isinstance(one, Tensor) and one.dim() > 0)


def join(parts: Sequence[Cache]) -> Cache:
    """The parts' texts as the rows of one; copies."""
    out = _shell(parts[0])
    targets: list[Any] = out.layers
    for index, target in enumerate(targets):
        sources: list[Any] = [part.layers[index] for part in parts]
        if _timed(target):
            longest = max(source.keys.shape[2] for source in sources)
            for name in _TIMED:
                setattr(target, name, torch.cat([_padded(getattr(source, name), longest) for source in sources]))
        if hasattr(target, "cumulative_length"):
            target.cumulative_length = max(source.cumulative_length for source in sources)
        for name in _FLAT:
            for state, tensor in getattr(target, name, {}).items():
                if tensor is not None:
                    getattr(target, name)[state] = torch.cat([getattr(source, name)[state] for source in sources])
    return out


def row(whole: Cache, index: int, length: int) -> Cache:
    """One row, a text of `length` tokens; views."""
    out, at = _shell(whole), slice(index, index + 1)
    targets: list[Any] = out.layers
    for target in targets:
        if _timed(target):
            start = max(target.keys.shape[2] - length, 0)
            for name in _TIMED:
                setattr(target, name, getattr(target, name)[at, :, start:])
        if hasattr(target, "cumulative_length"):
            target.cumulative_length = length
        for name in _FLAT:
            for state, tensor in getattr(target, name, {}).items():
                if tensor is not None:
                    getattr(target, name)[state] = tensor[at]
    return out


def _shell(source: Cache) -> Cache:
    """Another cache with the same tensors, whose layers can be changed apart."""
    out = copy.copy(source)
    out.layers = []
    for layer in source.layers:
        one = copy.copy(layer)
        for name, value in vars(one).items():
            if isinstance(value, dict):
                setattr(one, name, dict(value))
        out.layers.append(one)
    return out


def _timed(layer: Any) -> bool:
    return bool(getattr(layer, "is_initialized", False)) and isinstance(getattr(layer, "keys", None), Tensor)


def _padded(tensor: Tensor, length: int) -> Tensor:
    """With zeros before its tokens."""
    missing = length - tensor.shape[2]
    return torch.nn.functional.pad(tensor, (0, 0, missing, 0)) if missing else tensor
