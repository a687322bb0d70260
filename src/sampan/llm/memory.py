"""How much memory there is for the cache."""

from __future__ import annotations

import torch

from sampan.llm.config import ModelConfig

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


def block_bytes(config: ModelConfig, block_tokens: int, element_bytes: int) -> int:
    """Keys and values of one block in all layers."""
    return 2 * config.layers * block_tokens * config.kv_heads * config.head * element_bytes
