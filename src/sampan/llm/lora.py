"""Reading LoRA adapters in PEFT's format, by the fused linears that they change.

A linear of the model is named by its layer and its place there: "3.qkv", "3.down", "3.shared.down", "3.experts.5.down".
Experts are adapted one by one, as linears, or all at once, as PEFT does where transformers keeps them in one tensor.
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor

from sampan.llm.config import read_json
from sampan.llm.errors import ModelError, UnsupportedError
from sampan.llm.models.decoder import Decoder
from sampan.llm.models.layers import Linear
from sampan.llm.models.mlp import Gated, Mixture

RANK_MAX = 256
_CONFIG_BYTES_MAX = 1 << 20
_UNIT_ROWS = 256  # rows of the unit matrix that go through a linear at once, to see its weight
_FUSED = {
    "qkv": ("q_proj", "k_proj", "v_proj"),
    "output": ("o_proj",),
    "gate_up": ("gate_proj", "up_proj"),
    "down": ("down_proj",),
}
_HOME = {part: fused for fused, parts in _FUSED.items() for part in parts}
_LINEAR = re.compile(
    r"base_model\.model\.(?:model\.)?layers\.(\d+)\.(?:self_attn|mlp)\.(?:(experts\.\d+|shared_expert)\.)?(\w+_proj)"
    r"\.(lora_A\.weight|lora_B\.weight|lora_magnitude_vector(?:\.weight)?)"
)
# PEFT wraps one tensor of experts inside the other: the inner one is the first by name.
_EXPERTS = re.compile(r"base_model\.model\.(?:model\.)?layers\.(\d+)\.mlp\.experts\.(base_layer\.)?(lora_[AB])\.weight")


@dataclass(slots=True)
class Pair:
    """One fused linear's part of an adapter: y += (x down^T) up^T + gain * (what the weight gives)."""

    down: Tensor  # [rank, in]
    up: Tensor  # [out, rank], scaled
    gain: Tensor | None = None  # [out], for DoRA


@dataclass(slots=True)
class _Part:
    """One linear's tensors as they are stored."""

    down: Tensor | None = None
    up: Tensor | None = None
    magnitude: Tensor | None = None


def read_config(folder: Path) -> dict[str, Any]:
    """An adapter's configuration, refused if it asks for what is not done here. Raises ModelError."""
    config = read_json(folder / "adapter_config.json", _CONFIG_BYTES_MAX)
    if config.get("peft_type") != "LORA":
        raise UnsupportedError(f"adapters of type {config.get('peft_type')!r} are not supported")
    for field in ("modules_to_save", "trainable_token_indices", "fan_in_fan_out", "lora_bias"):
        if config.get(field):
            raise UnsupportedError(f"adapters with {field} are not supported")
    if config.get("bias", "none") != "none":
        raise UnsupportedError("adapters with biases are not supported")
    return config


def read(folder: Path, model: Decoder) -> dict[str, Pair]:
    """The adapter in `folder`, by fused linear. Raises ModelError."""
    config = read_config(folder)
    path = folder / "adapter_model.safetensors"
    found: dict[tuple[str, str], _Part] = {}
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 (not a mapping)
                _sort(key, file.get_tensor(key), found, config, model)
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    targets = dict.fromkeys(f"{place}.{_HOME[part]}" for place, part in found)
    return {target: _fuse(target, found, config, model) for target in targets}


def linear_of(model: Decoder, target: str) -> Linear:
    """The fused linear of a name. Raises ModelError for one that the model does not have."""
    layer, *inside, fused = target.split(".")
    if int(layer) >= len(model.layers):
        raise ModelError(f"the adapter has a layer {layer}; the model has {len(model.layers)}")
    block = model.layers[int(layer)]
    owner: Any = block if fused in ("qkv", "output") else block.mlp
    if inside and isinstance(owner, Mixture):
        at = int(inside[1]) if len(inside) > 1 else 0
        owner = owner.shared if inside[0] == "shared" else owner.experts[at] if at < len(owner.experts) else None
    elif inside or (owner is block.mlp and not isinstance(owner, Gated)):
        owner = None
    found: Linear | None = getattr(owner, fused, None)
    if found is None:
        raise ModelError(f"the adapter changes {target}, which the model does not have")
    return found


def _sort(
    key: str, tensor: Tensor, found: dict[tuple[str, str], _Part], config: dict[str, Any], model: Decoder
) -> None:
    """Put one stored tensor where it belongs."""
    match, all_experts = _LINEAR.fullmatch(key), _EXPERTS.fullmatch(key)
    if match is not None and match[3] in _HOME:
        place = match[1] if match[2] is None else f"{match[1]}.{match[2].replace('shared_expert', 'shared')}"
        part = found.setdefault((place, match[3]), _Part())
        kind = match[4].split(".")[0]
        setattr(part, {"lora_A": "down", "lora_B": "up"}.get(kind, "magnitude"), tensor)
    elif all_experts is not None and model.config.experts is not None:
        _spread(all_experts, tensor, found, config, model.config.experts.count)
    else:
        raise UnsupportedError(f"the adapter changes {key}, which is not supported")


def _spread(
    match: re.Match[str], tensor: Tensor, found: dict[tuple[str, str], _Part], config: dict[str, Any], count: int
) -> None:
    """All experts' matrices: downward ones follow each other, upward ones have the experts as their last axis."""
    wrapped = sorted(str(name).rpartition(".")[2] for name in config.get("target_parameters") or ())
    if not set(wrapped) <= {"gate_up_proj", "down_proj"} or not wrapped:
        raise UnsupportedError(f"adapters of {', '.join(wrapped) or 'unnamed parameters'} are not supported")
    inner = match[2] is not None or len(wrapped) == 1
    parts = ("gate_proj", "up_proj") if (wrapped[-1] if inner else wrapped[0]) == "gate_up_proj" else ("down_proj",)
    if tensor.shape[0 if match[3] == "lora_A" else 1] % count:
        raise ModelError(f"the adapter's experts have shape {tuple(tensor.shape)}; the model has {count} of them")
    for j in range(count):
        for i, name in enumerate(parts):
            part = found.setdefault((f"{match[1]}.experts.{j}", name), _Part())
            if match[3] == "lora_A":
                part.down = tensor.view(count, -1, tensor.shape[1])[j]
            else:
                rows = tensor.shape[0] // len(parts)
                part.up = tensor.view(tensor.shape[0], -1, count)[i * rows : (i + 1) * rows, :, j]


def _fuse(target: str, found: dict[tuple[str, str], _Part], config: dict[str, Any], model: Decoder) -> Pair:
    linear = linear_of(model, target)
    place, _, fused = target.rpartition(".")
    out, width = linear.shape
    sizes = _part_sizes(fused, out, model)
    downs: list[Tensor] = []
    ups: list[Tensor] = []
    gains: list[Tensor] = []
    weight = _weight(linear, model.dtype, model.device) if config.get("use_dora") else None
    for name, size, end in zip(_FUSED[fused], sizes, itertools.accumulate(sizes), strict=True):
        part = found.get((place, name))
        if part is None:
            ups.append(torch.zeros(size, 0))
            gains.append(torch.zeros(size))
            continue
        down, up = _checked(part, name, target, size, width)
        up = up * _scale(config, f"{_module(place, fused)}.{name}", down.shape[0])
        gain = torch.zeros(size) if weight is None else _gain(part, name, weight[end - size : end], up @ down)
        downs.append(down)
        ups.append(up * (1 + gain).unsqueeze(1))
        gains.append(gain)
    kept = None if weight is None else torch.cat(gains).to(model.dtype)
    return Pair(torch.cat(downs).to(model.dtype), _blocks(ups).to(model.dtype), kept)


def _checked(part: _Part, name: str, target: str, size: int, width: int) -> tuple[Tensor, Tensor]:
    if part.down is None or part.up is None:
        raise ModelError(f"the adapter for {target} lacks half of {name}")
    rank = part.down.shape[0]
    if part.down.shape != (rank, width) or part.up.shape != (size, rank) or not 0 < rank <= RANK_MAX:
        raise ModelError(
            f"the adapter's {name} has shapes {tuple(part.down.shape)} and {tuple(part.up.shape)}; "
            f"the model needs (rank, {width}) and ({size}, rank), the rank at most {RANK_MAX}"
        )
    if not bool((part.down.sum() + part.up.sum()).isfinite()):
        raise ModelError(f"the adapter's {name} holds values that are not finite")
    return part.down.float(), part.up.float()


def _gain(part: _Part, name: str, weight: Tensor, added: Tensor) -> Tensor:
    """By how much DoRA scales each row beyond one: its length is to be the adapter's magnitude."""
    if part.magnitude is None or part.magnitude.numel() != weight.shape[0]:
        raise ModelError(f"the adapter's {name} lacks its magnitudes")
    gain: Tensor = part.magnitude.float().view(-1) / (weight + added).norm(dim=1) - 1
    if not bool(gain.sum().isfinite()):
        raise ModelError(f"the adapter's {name} holds values that are not finite")
    return gain


def _weight(linear: Linear, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A linear's weight [out, in] in float32, in whatever form it is kept: what it makes of the unit matrix."""
    width = linear.shape[1]
    nothing = linear(torch.zeros(1, width, dtype=dtype, device=device))  # its bias
    found: list[Tensor] = []
    for start in range(0, width, _UNIT_ROWS):
        rows = torch.eye(min(_UNIT_ROWS, width - start), width, dtype=dtype, device=device).roll(start, 1)
        found.append((linear(rows).float() - nothing.float()).cpu())
    return torch.cat(found).T.contiguous()


def _blocks(parts: list[Tensor]) -> Tensor:
    """The matrices along the diagonal of one that is zero elsewhere."""
    out = torch.zeros(sum(part.shape[0] for part in parts), sum(part.shape[1] for part in parts))
    row = column = 0
    for part in parts:
        out[row : row + part.shape[0], column : column + part.shape[1]] = part
        row, column = row + part.shape[0], column + part.shape[1]
    return out


def _part_sizes(fused: str, out: int, model: Decoder) -> list[int]:
    config = model.config
    if fused == "qkv":
        return [config.heads * config.head, config.kv_heads * config.head, config.kv_heads * config.head]
    return [out // 2, out // 2] if fused == "gate_up" else [out]


def _module(place: str, fused: str) -> str:
    """Where a linear is by its published name, which alpha_pattern speaks of."""
    layer, _, inside = place.partition(".")
    home = "self_attn" if fused in ("qkv", "output") else "mlp"
    return ".".join(["layers", layer, home, *([inside.replace("shared", "shared_expert")] if inside else [])])


def _scale(config: dict[str, Any], module: str, rank: int) -> float:
    alpha = config.get("lora_alpha", rank)
    for pattern, value in (config.get("alpha_pattern") or {}).items():
        if module == pattern or module.endswith("." + pattern):
            alpha = value
    if not isinstance(alpha, int | float):
        raise ModelError(f"adapter_config.json: lora_alpha must be a number, not {alpha!r}")
    return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)
