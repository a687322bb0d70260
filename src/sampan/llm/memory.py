"""How much memory there is for the cache."""

from __future__ import annotations

import torch

from sampan.llm.config import ModelConfig
from sampan.llm.models.cache import SCALE_BYTES

CACHE_SHARE = 0.5  # of what is available once the weights are loaded: the rest is for activations and neighbours
_UNKNOWN_BYTES = 2 << 30


def available_bytes(device: torch.device) -> int:
    """Memory that can be taken without pushing anybody out, as the system or the driver says."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
        return found[0]
    except (OSError, IndexError, ValueError):
        return _UNKNOWN_BYTES


def token_bytes(config: ModelConfig, dtype: torch.dtype | None) -> int:
    """Keys and values of one token in all layers; without a type, rounded to int8 with a scale per head."""
    each = config.head + SCALE_BYTES if dtype is None else config.head * dtype.itemsize
    return 2 * config.layers * config.kv_heads * each


def plan(budget: int, *, token_bytes: int, sequence_bytes: int, sequences_max: int, longest: int) -> tuple[int, int]:
    """(sequences, tokens) that fit into the budget: at most `sequences_max`, of at most `longest` tokens each. What
    sequences take whatever their length gets half of it at most; at least one sequence and one token always fit."""
    sequences = sequences_max
    if sequence_bytes:
        sequences = max(min(sequences_max, budget // (2 if token_bytes else 1) // sequence_bytes), 1)
    tokens = sequences * longest
    if token_bytes:
        tokens = max(min(tokens, (budget - sequences * sequence_bytes) // token_bytes), 1)
    return sequences, tokens
