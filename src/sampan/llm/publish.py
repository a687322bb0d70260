"""Writes a model folder anew with narrow weights, in the format of compressed-tensors ("pack-quantized"), which this
library, transformers and vLLM read: int8 with a scale per row, or int4 with a scale per 32 weights.

Linears of attention and feed-forward blocks become narrow; embeddings, norms, routers and the output head stay as they
are. The format is described by https://github.com/vllm-project/compressed-tensors.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from sampan.llm import config as configuration
from sampan.llm import quantise
from sampan.llm.errors import ModelError, RequestError
from sampan.llm.levels import packed
from sampan.llm.weights import Safetensors

SHARD_BYTES = 2 << 30
FILE_BYTES_MAX = 256 << 20  # of what is copied beside the weights; a tokenizer has 20 MiB
_LINEAR = re.compile(r"layers\.\d+\.(self_attn|mlp)\.(.+\.)?\w+_proj\.weight")
_BITS = {"int8": 8, "int4": 4}


def write(
    folder: str | Path, out: str | Path, weights: str, *, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write the model of `folder` to the new folder `out` with `weights` int8 or int4, one shard at a time.
    Raises ModelError for a model that the library does not read, RequestError for a place or a width that will not do.
    """
    path, target = Path(folder), Path(out)
    if weights not in _BITS:
        raise RequestError(f"weights must be one of {', '.join(_BITS)}, not {weights!r}")
    if target.exists():
        raise RequestError(f"{target} exists already")
    raw = configuration.read(path)
    configuration.parse(raw)
    if raw.get("quantization_config"):
        raise ModelError(f"{path} has narrow weights already; start from the original")
    source = Safetensors(path)
    unfinished = target.with_name(target.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    wide = _shards(source, unfinished, _BITS[weights], progress)
    raw["quantization_config"] = _description(_BITS[weights], wide)
    (unfinished / "config.json").write_text(json.dumps(raw, indent=2) + "\n", encoding="utf-8")
    for file in sorted(path.iterdir()):
        if file.suffix in (".json", ".txt", ".jinja", ".model", ".md") and not _replaced(file) and file.is_file():
            if file.stat().st_size > FILE_BYTES_MAX:
                raise ModelError(f"{file.name} is larger than {FILE_BYTES_MAX} bytes")
            shutil.copyfile(file, unfinished / file.name)
    unfinished.rename(target)


def _replaced(file: Path) -> bool:
    return file.name == "config.json" or file.name.endswith(".safetensors.index.json")


def _shards(source: Safetensors, out: Path, bits: int, progress: Callable[[int, int], None] | None) -> list[str]:
    """Write all tensors; returns the modules that stayed wide though the description speaks of all linears."""
    wide: list[str] = []
    files: list[dict[str, Tensor]] = [{}]
    names: dict[str, int] = {}
    size = total = 0
    every = sorted(source.names())
    for done, name in enumerate(every, 1):
        for full, tensor in _stored(source, name, bits, wide):
            bytes_ = tensor.numel() * tensor.element_size()
            if size and size + bytes_ > SHARD_BYTES:
                _save(files[-1], out, len(files))
                files[-1] = {}
                files.append({})
                size = 0
            files[-1][full] = tensor
            names[full] = len(files)
            size, total = size + bytes_, total + bytes_
        if progress is not None:
            progress(done, len(every))
    _save(files[-1], out, len(files))
    _name(out, names, len(files), total)
    return wide


def _stored(source: Safetensors, name: str, bits: int, wide: list[str]) -> Iterator[tuple[str, Tensor]]:
    tensor, stem = source.read(name), name.removesuffix(".weight")
    if _LINEAR.search(name) is None or tensor.dim() != 2 or tensor.shape[1] % quantise.GROUP:
        if tensor.dim() == 2 and "embed" not in name:
            wide.append(stem)
        yield name, tensor.clone()
        return
    if not bool(tensor.sum(dtype=torch.float64).isfinite()):
        raise ModelError(f"{name} holds values that are not finite")
    if bits == 8:
        levels, scale = quantise.int8(tensor)
        scale = scale.unsqueeze(1)
    else:
        levels, scale = quantise.int4(tensor)
    yield f"{stem}.weight_packed", packed(levels.to(torch.int16) + (1 << (bits - 1)), bits)
    yield f"{stem}.weight_scale", scale.to(torch.bfloat16)
    yield f"{stem}.weight_shape", torch.tensor(tensor.shape)


def _save(tensors: dict[str, Tensor], out: Path, number: int) -> None:
    save_file(tensors, out / f"shard-{number}.safetensors", {"format": "pt"})


def _name(out: Path, names: dict[str, int], count: int, total: int) -> None:
    """Give the shards their published names, now that their number is known."""
    if count == 1:
        (out / "shard-1.safetensors").rename(out / "model.safetensors")
        return
    files = {number: f"model-{number:05}-of-{count:05}.safetensors" for number in range(1, count + 1)}
    for number, file in files.items():
        (out / f"shard-{number}.safetensors").rename(out / file)
    index = {"metadata": {"total_size": total}, "weight_map": {name: files[at] for name, at in sorted(names.items())}}
    (out / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _description(bits: int, wide: list[str]) -> dict[str, Any]:
    """What config.json says of it."""
    weights: dict[str, Any] = {"num_bits": bits, "type": "int", "symmetric": True, "dynamic": False}
    weights |= {"strategy": "channel"} if bits == 8 else {"strategy": "group", "group_size": quantise.GROUP}
    return {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "quantization_status": "compressed",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
        "ignore": sorted({*wide, "lm_head"}),
    }
