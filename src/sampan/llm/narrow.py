"""Checkpoints that were published with narrow weights, as a source of weights: GPTQ (AutoGPTQ's and GPTQModel's
layout), AWQ (AutoAWQ's GEMM layout), compressed-tensors (packed and plain whole numbers, eight-bit floats), and the
eight-bit floats in blocks of Qwen's and DeepSeek's own. How a tensor is stored is read from its names and shapes; the
configuration says only which family of names to expect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sampan.llm.config import read_json
from sampan.llm.errors import ModelError, UnsupportedError
from sampan.llm.levels import Levels, unpacked
from sampan.llm.weights import Source

_CONFIG_BYTES_MAX = 1 << 20
_PACKED_BITS = (2, 4, 8)  # others straddle words
_AWQ_ORDER = (0, 4, 1, 5, 2, 6, 3, 7)  # where the columns of a word's eight values are

Get = Callable[[str], Tensor | None]  # one of a linear's tensors, by its last name


@dataclass(frozen=True, slots=True)
class _Way:
    """How one family stores a linear: the tensor that tells, those that go with it, and how to read them."""

    mark: str
    others: tuple[str, ...]
    read: Callable[[Get], Levels | Tensor]


class Narrow:
    """A source whose narrow linears read as `….weight`; `levels` gives them as they are stored."""

    def __init__(self, inner: Source, ways: tuple[_Way, ...]) -> None:
        self._inner = inner
        self._stored: dict[str, tuple[str, _Way]] = {}  # name -> stem, way
        plain = set(inner.names())
        for way in ways:
            for name in inner.names():
                stem, _, last = name.rpartition(".")
                if last == way.mark and any(f"{stem}.{other}" in inner.names() for other in way.others):
                    self._stored[f"{stem}.weight"] = (stem, way)
                    plain -= {name, *(f"{stem}.{other}" for other in way.others)}
        self._names = frozenset(plain | set(self._stored))

    def names(self) -> frozenset[str]:
        return self._names

    def read(self, name: str) -> Tensor:
        if name not in self._stored:
            return self._inner.read(name)
        found = self._found(name)
        return found.wide() if isinstance(found, Levels) else found

    def levels(self, name: str) -> Levels | None:
        """The weight as whole numbers, if it is stored so."""
        found = self._found(name) if name in self._stored else None
        return found if isinstance(found, Levels) else None

    def _found(self, name: str) -> Levels | Tensor:
        stem, way = self._stored[name]

        def get(last: str) -> Tensor | None:
            full = f"{stem}.{last}"
            return self._inner.read(full) if full in self._inner.names() else None

        try:
            return way.read(get)
        except (RuntimeError, IndexError, AttributeError, TypeError, ValueError) as error:
            raise ModelError(f"{name} is not stored as its checkpoint's kind is: {error}") from error


def source(folder: Path, inner: Source, raw: Mapping[str, Any]) -> Source:
    """`inner` with its narrow weights readable, as the folder's config.json (`raw`) says. Raises UnsupportedError."""
    told = raw.get("quantization_config") or raw.get("compression_config")
    beside = folder / "quantize_config.json"  # AutoGPTQ's, before configurations held it
    if told is None and beside.is_file():
        told = {"quant_method": "gptq", **read_json(beside, _CONFIG_BYTES_MAX)}
    if told is None:
        return inner
    if not isinstance(told, Mapping):
        raise ModelError("config.json: quantization_config must be an object")
    return Narrow(inner, _ways(told))


def _ways(told: Mapping[str, Any]) -> tuple[_Way, ...]:
    method = str(told.get("quant_method", "compressed-tensors"))
    if method == "gptq":
        later = str(told.get("checkpoint_format", "gptq")) == "gptq_v2"
        return (_Way("qweight", ("scales", "qzeros", "g_idx"), lambda get: _gptq(get, 0 if later else 1)),)
    if method == "awq" and str(told.get("version", "gemm")).lower() == "gemm":
        return (_Way("qweight", ("scales", "qzeros"), _awq),)
    if method == "compressed-tensors":
        more = ("weight_scale", "weight_zero_point", "weight_shape", "weight_g_idx", "input_scale")
        return (_Way("weight_packed", more, _packed), _Way("weight", more, _plain))
    if method == "fp8":
        return (_Way("weight", ("weight_scale_inv", "input_scale"), _blocks),)
    raise UnsupportedError(f"checkpoints quantised with {method!r} are not supported; use the unquantised model")


def _need(get: Get, name: str) -> Tensor:
    found = get(name)
    if found is None:
        raise ValueError(f"{name} is missing")
    return found


def _gptq(get: Get, off: int) -> Levels:
    """Words run down the input. `off` is what the first version of the format takes away from zeros."""
    words, scales, zeros = _need(get, "qweight"), _need(get, "scales").float().T, _need(get, "qzeros")
    bits = words.shape[0] * 32 // _width(get, words, scales)
    if bits not in _PACKED_BITS:
        raise UnsupportedError(f"GPTQ weights of {bits} bits are not supported")
    levels = unpacked(words.T.contiguous(), bits)
    zero = unpacked(zeros, bits)[:, : scales.shape[0]].T.float() + off
    return Levels(levels, scales.contiguous(), zero.contiguous(), bits, _order(get("g_idx"), levels, scales))


def _width(get: Get, words: Tensor, scales: Tensor) -> int:
    """Inputs of a GPTQ linear: g_idx has one entry for each; without it, zeros tell the bits."""
    index = get("g_idx")
    if index is not None and index.numel():
        return index.numel()
    bits = _need(get, "qzeros").shape[1] * 32 // scales.shape[0]
    return words.shape[0] * 32 // bits


def _awq(get: Get) -> Levels:
    """Words run along the output, their columns shuffled; always four bits."""
    scales = _need(get, "scales").float().T.contiguous()
    levels, zeros = (_unshuffled(unpacked(_need(get, name), 4)).T for name in ("qweight", "qzeros"))
    return Levels(levels.contiguous(), scales, zeros.float().contiguous(), 4)


def _unshuffled(values: Tensor) -> Tensor:
    return values.view(values.shape[0], -1, 8)[:, :, list(_AWQ_ORDER)].reshape(values.shape)


def _packed(get: Get) -> Levels:
    """compressed-tensors, packed: words run along the input; levels are stored without a sign."""
    words, shape = _need(get, "weight_packed"), _need(get, "weight_shape").tolist()
    bits = words.shape[1] * 32 // shape[1]
    if bits not in _PACKED_BITS:
        raise UnsupportedError(f"packed weights of {bits} bits are not supported")
    levels = unpacked(words, bits)[:, : shape[1]].contiguous()
    scale = _per_row(_need(get, "weight_scale"), shape[0])
    zero, stored = torch.full_like(scale, 1 << (bits - 1)), get("weight_zero_point")
    if stored is not None:
        zero = unpacked(stored.T.contiguous(), bits).T[: shape[0]].float().contiguous()
    return Levels(levels, scale, zero, bits, _order(get("weight_g_idx"), levels, scale))


def _plain(get: Get) -> Levels | Tensor:
    """compressed-tensors, not packed: int8, or eight-bit floats."""
    weight, scale = _need(get, "weight"), _need(get, "weight_scale")
    if weight.dtype != torch.int8:
        return weight.float() * _spread(scale.float(), weight.shape)
    rows = _per_row(scale, weight.shape[0])
    zero, stored = torch.full_like(rows, 128), get("weight_zero_point")
    if stored is not None:
        zero = zero + _per_row(stored, weight.shape[0])
    return Levels((weight.to(torch.int16) + 128).to(torch.uint8), rows, zero, 8)


def _blocks(get: Get) -> Tensor:
    """Eight-bit floats with a scale for each block of rows and columns (128 by 128, as published)."""
    weight = _need(get, "weight").float()
    return weight * _spread(_need(get, "weight_scale_inv").float(), weight.shape)


def _per_row(scale: Tensor, rows: int) -> Tensor:
    """[out, groups] of one value, one per row, or several."""
    flat = scale.float().reshape(scale.shape[0], -1) if scale.dim() else scale.float().view(1, 1)
    return flat.expand(rows, -1).contiguous()


def _spread(scale: Tensor, shape: torch.Size) -> Tensor:
    """Scales of blocks, rows or all, one for each weight or broadcast."""
    if scale.dim() < 2 or scale.numel() == 1:
        return scale.reshape(-1, 1) if scale.numel() == shape[0] else scale.reshape(1, 1)
    for axis in (0, 1):
        size = 1 << (-(-shape[axis] // scale.shape[axis]) - 1).bit_length()  # blocks are powers of two; the last is cut
        scale = scale.repeat_interleave(size, axis).narrow(axis, 0, shape[axis]) if size > 1 else scale
    return scale


def _order(index: Tensor | None, levels: Tensor, scale: Tensor) -> Tensor | None:
    """Groups by column, or None where they are runs of equal length. Raises ValueError for one that does not exist."""
    groups, width = scale.shape[1], levels.shape[1]
    if width % groups:
        raise ValueError(f"{width} columns in {groups} groups")
    runs = torch.arange(width) // (width // groups)
    if index is None or not index.numel() or bool((index < 0).all()) or torch.equal(index.long(), runs):
        return None
    if index.numel() != width or int(index.min()) < 0 or int(index.max()) >= groups:
        raise ValueError("a column belongs to a group that does not exist")
    return index
