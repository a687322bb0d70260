"""LoRA adapters (arXiv:2106.09685) in PEFT's format, many over one base, mixed within a batch.

Adapters are stacked, linear by linear, into tensors with one slot per adapter, so that a step over many adapters is
two batched products per linear and not two per adapter. Fused linears (query, key and value; gate and up) get one
adapter each: the parts' downward matrices stacked, the upward ones block by block.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor

from sampan.llm.config import read_json
from sampan.llm.errors import BusyError, ModelError, RequestError, UnsupportedError
from sampan.llm.models.decoder import Decoder
from sampan.llm.models.mlp import Tweak

RANK_MAX = 256
TOGETHER_MAX = 8  # tokens per adapter up to which all adapters go through one batched product
_CONFIG_BYTES_MAX = 1 << 20
_PARTS = {
    "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "output": ("self_attn.o_proj",),
    "gate_up": ("mlp.gate_proj", "mlp.up_proj"),
    "down": ("mlp.down_proj",),
}
_KEY = re.compile(r"base_model\.model\.(?:model\.)?layers\.(\d+)\.((?:self_attn|mlp)\.\w+_proj)\.lora_([AB])\.weight")


@dataclass(slots=True)
class _Pair:
    """One fused linear's part of an adapter: y += (x down^T) up^T."""

    down: Tensor  # [rank, in]
    up: Tensor  # [out, rank], scaled


class _Stack:
    """All loaded adapters' parts for one fused linear."""

    def __init__(self, width: int, out: int, dtype: torch.dtype, device: torch.device) -> None:
        self.down = torch.zeros(0, 0, width, dtype=dtype, device=device)
        self.up = torch.zeros(0, out, 0, dtype=dtype, device=device)

    def put(self, slot: int, pair: _Pair | None) -> None:
        rank = 0 if pair is None else pair.down.shape[0]
        slots, ranks = self.down.shape[:2]
        if slot >= slots or rank > ranks:
            slots, ranks = max(slots, 2 * slot + 2 if slot >= slots else 0), max(ranks, rank)
            down = self.down.new_zeros(slots, ranks, self.down.shape[2])
            up = self.up.new_zeros(slots, self.up.shape[1], ranks)
            down[: self.down.shape[0], : self.down.shape[1]] = self.down
            up[: self.up.shape[0], :, : self.up.shape[2]] = self.up
            self.down, self.up = down, up
        self.down[slot] = 0
        self.up[slot] = 0
        if pair is not None:
            self.down[slot, :rank] = pair.down
            self.up[slot, :, :rank] = pair.up


class Adapters:
    """The adapters known by name. They are read when first needed, and dropped, the longest unused first, when more
    than `loaded_max` are in memory."""

    def __init__(self, model: Decoder | None, *, loaded_max: int = 256) -> None:
        """Without a model there can be none: models that transformers runs take no adapters."""
        self._model, self._loaded_max = model, loaded_max
        self._folders: dict[str, Path] = {}
        self._versions: dict[str, int] = {}
        self._serial = itertools.count(1)
        self._slots: OrderedDict[str, int] = OrderedDict()
        self._holders: dict[str, int] = {}
        self._stacks: dict[str, _Stack] = {}

    def register(self, name: str, folder: str | Path) -> None:
        """Make an adapter known under a name; a name given anew is a new adapter. Raises ModelError, RequestError
        while the old one is in use."""
        if self._model is None:
            raise UnsupportedError("adapters need a model that the library runs itself")
        if self._holders.get(name):
            raise RequestError(f"adapter {name!r} is in use")
        read_config(Path(folder))
        self._drop(name)
        self._folders[name] = Path(folder)
        self._versions[name] = next(self._serial)

    def check(self, name: str) -> None:
        """Raises RequestError if there is no such adapter, ModelError if it cannot be read."""
        if name not in self._folders:
            raise RequestError(f"there is no adapter {name!r}")

    def version(self, name: str | None) -> int:
        """A number that no other adapter ever had; 0 for the base."""
        return 0 if name is None else self._versions[name]

    def hold(self, name: str) -> None:
        """Load the adapter and keep it until `release`. Raises ModelError, BusyError when all places are held."""
        if name not in self._slots:
            self._load(name)
        self._slots.move_to_end(name)
        self._holders[name] = self._holders.get(name, 0) + 1

    def release(self, name: str) -> None:
        self._holders[name] -= 1

    @property
    def loaded(self) -> list[str]:
        """Names in memory, the longest unused first."""
        return list(self._slots)

    def tweak(self, parts: Sequence[tuple[str | None, int]]) -> Tweak:
        """For a batch of (adapter, tokens) runs, in order."""
        if all(name is None for name, _ in parts):
            return Tweak()
        rows: dict[int, list[int]] = {}
        start = 0
        for name, count in parts:
            if name is not None:
                rows.setdefault(self._slots[name], []).extend(range(start, start + count))
            start += count
        return _Mixed(self._stacks, rows)

    def _load(self, name: str) -> None:
        model = self._model
        assert model is not None
        pairs = read(self._folders[name], model)
        if len(self._slots) >= self._loaded_max:
            idle = next((one for one in self._slots if not self._holders.get(one)), None)
            if idle is None:
                raise BusyError(f"all {self._loaded_max} places for adapters are in use")
            self._drop(idle)
        used = set(self._slots.values())
        slot = next(i for i in itertools.count() if i not in used)
        for target in {*pairs, *self._stacks}:
            if target not in self._stacks:
                out, width = shape_of(model, target)
                self._stacks[target] = _Stack(width, out, model.dtype, model.device)
            self._stacks[target].put(slot, pairs.get(target))
        self._slots[name] = slot

    def _drop(self, name: str) -> None:
        self._slots.pop(name, None)
        self._holders.pop(name, None)


class _Mixed(Tweak):
    """Adds each row's adapter."""

    def __init__(self, stacks: dict[str, _Stack], rows: dict[int, list[int]]) -> None:
        self._stacks = stacks
        self._rows = {slot: torch.tensor(mine) for slot, mine in sorted(rows.items())}
        self._together: tuple[Tensor | slice, Tensor, Tensor] | None = None
        most = max(len(mine) for mine in rows.values())
        if len(rows) > 1 and most <= TOGETHER_MAX:
            self._together = self._table(most)

    def __call__(self, name: str, x: Tensor, y: Tensor) -> Tensor:
        stack = self._stacks.get(name)
        if stack is None:
            return y
        if self._together is None:
            for slot, rows in self._rows.items():
                if slot < stack.down.shape[0]:
                    inner = x.index_select(0, rows) @ stack.down[slot].T
                    y.index_add_(0, rows, inner @ stack.up[slot].T)
            return y
        slots, table, kept = self._together
        inner = torch.bmm(x[table], stack.down[slots].transpose(1, 2))
        added = torch.bmm(inner, stack.up[slots].transpose(1, 2))
        return y.index_add_(0, table.view(-1)[kept], added.view(-1, y.shape[1])[kept])

    def _table(self, most: int) -> tuple[Tensor | slice, Tensor, Tensor]:
        """The slots, a row number for each of their `most` places, and which places are real. A range of slots is
        taken without a copy, even if some of it has nothing to do."""
        used = list(self._rows)
        low, high = used[0], used[-1] + 1
        dense = high - low <= 2 * len(used)
        slots = list(range(low, high)) if dense else used
        table = torch.zeros(len(slots), most, dtype=torch.long)
        real = torch.zeros(len(slots), most, dtype=torch.bool)
        for i, slot in enumerate(slots):
            mine = self._rows.get(slot)
            if mine is not None:
                table[i, : len(mine)] = mine
                real[i, : len(mine)] = True
        return (slice(low, high) if dense else torch.tensor(slots)), table, real.view(-1).nonzero().view(-1)


def read_config(folder: Path) -> dict[str, Any]:
    """An adapter's configuration, refused if it asks for what is not done here. Raises ModelError."""
    config = read_json(folder / "adapter_config.json", _CONFIG_BYTES_MAX)
    if config.get("peft_type") != "LORA":
        raise UnsupportedError(f"adapters of type {config.get('peft_type')!r} are not supported")
    for field in ("use_dora", "modules_to_save", "trainable_token_indices", "target_parameters", "fan_in_fan_out"):
        if config.get(field):
            raise UnsupportedError(f"adapters with {field} are not supported")
    if config.get("bias", "none") != "none":
        raise UnsupportedError("adapters with biases are not supported")
    return config


def read(folder: Path, model: Decoder) -> dict[str, _Pair]:
    """The adapter in `folder`, by fused linear. Raises ModelError."""
    config = read_config(folder)
    path = folder / "adapter_model.safetensors"
    found: dict[tuple[int, str], dict[str, Tensor]] = {}
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 (not a mapping)
                match = _KEY.fullmatch(key)
                if match is None:
                    raise UnsupportedError(f"{path.name} adapts {key}, which is not supported")
                found.setdefault((int(match[1]), match[2]), {})[match[3]] = file.get_tensor(key)
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    out: dict[str, _Pair] = {}
    layers = {layer for layer, _ in found}
    if layers and max(layers) >= model.config.layers:
        raise ModelError(f"the adapter has a layer {max(layers)}; the model has {model.config.layers}")
    for layer, (fused, parts) in itertools.product(sorted(layers), _PARTS.items()):
        given = [(part, found.get((layer, part))) for part in parts]
        if any(pair is not None for _, pair in given):
            out[f"{layer}.{fused}"] = _fuse(f"{layer}.{fused}", given, config, model)
    return out


def shape_of(model: Decoder, target: str) -> tuple[int, int]:
    """(out, in) of a fused linear. Raises UnsupportedError for what has no single one."""
    layer, fused = target.split(".")
    block = model.layers[int(layer)]
    owner = block if fused in ("qkv", "output") else block.mlp
    linear = getattr(owner, fused, None)
    if linear is None:
        raise UnsupportedError("adapters on mixtures of experts are not supported")
    shape: tuple[int, int] = linear.shape
    return shape


def _fuse(
    target: str, given: list[tuple[str, dict[str, Tensor] | None]], config: dict[str, Any], model: Decoder
) -> _Pair:
    out, width = shape_of(model, target)
    sizes = _part_sizes(target.split(".")[1], out, model)
    downs: list[Tensor] = []
    ups: list[Tensor] = []
    for (part, pair), size in zip(given, sizes, strict=True):
        if pair is None:
            ups.append(torch.zeros(size, 0))
            continue
        if set(pair) != {"A", "B"}:
            raise ModelError(f"the adapter for {target} lacks half of {part}")
        rank = pair["A"].shape[0]
        if pair["A"].shape != (rank, width) or pair["B"].shape != (size, rank) or not 0 < rank <= RANK_MAX:
            raise ModelError(
                f"the adapter's {part} has shapes {tuple(pair['A'].shape)} and {tuple(pair['B'].shape)}; "
                f"the model needs (rank, {width}) and ({size}, rank), the rank at most {RANK_MAX}"
            )
        if not bool((pair["A"].sum() + pair["B"].sum()).isfinite()):
            raise ModelError(f"the adapter's {part} holds values that are not finite")
        downs.append(pair["A"].float())
        ups.append(pair["B"].float() * _scale(config, f"layers.{target.split('.')[0]}.{part}", rank))
    return _Pair(torch.cat(downs).to(model.dtype), _blocks(ups).to(model.dtype))


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


def _scale(config: dict[str, Any], module: str, rank: int) -> float:
    alpha = config.get("lora_alpha", rank)
    for pattern, value in (config.get("alpha_pattern") or {}).items():
        if module == pattern or module.endswith("." + pattern):
            alpha = value
    if not isinstance(alpha, int | float):
        raise ModelError(f"adapter_config.json: lora_alpha must be a number, not {alpha!r}")
    return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)
