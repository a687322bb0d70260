"""What a model's files say about it, found without loading it and without PyTorch."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sampan.llm import config, gguf_header
from sampan.llm.config import read_json
from sampan.llm.errors import AbsentError, ModelError, UnsupportedError
from sampan.llm.settings import Settings
from sampan.llm.values import Abilities, Task

_HEADER_BYTES_MAX = 100 << 20  # the format's own limit for a safetensors header
_CONFIG_BYTES_MAX = 16 << 20
_README_BYTES_MAX = 64 << 10
_TEMPLATE_BYTES_MAX = 1 << 20
RUNTIME_BYTES = 600 << 20  # PyTorch itself, activations, and what tokenizers take
SEQUENCES_MAX = 64
# Bytes of a number in memory, by the name of a form or a type.
_WIDTHS = {"float64": 8.0, "float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "int8": 1.05, "int4": 0.6}
_TAGS: dict[str, Task] = {
    "text-ranking": "rank",
    "feature-extraction": "embed",
    "sentence-similarity": "embed",
    "text-generation": "generate",
}


@dataclass(frozen=True, slots=True)
class _Files:
    """What was found. `numbers` counts the weights'; `token_numbers` what a token takes in the cache."""

    architecture: str
    task: Task
    room: int
    hidden: int
    vocabulary: int
    dtype: str
    numbers: int
    size_bytes: int
    token_numbers: int
    template: str


def abilities(source: Path, settings: Settings) -> Abilities:
    """What the model in a folder or a .gguf file can do. Raises AbsentError if there is none, ModelError if it cannot
    be used."""
    found = _files(source, settings)
    generates = found.task == "generate"
    return Abilities(
        task=found.task,
        length_max=min(settings.length_max or found.room, found.room),
        template=generates and bool(found.template),
        tools=generates and "tools" in found.template,
        thinking=generates and "<think>" in found.template,
        parameters=found.numbers,
        size_bytes=found.size_bytes,
        architecture=found.architecture,
        dimensions=found.hidden if found.task == "embed" else 0,
        vocabulary=found.vocabulary,
    )


def memory_bytes(source: Path, settings: Settings) -> int:
    """About how much of the machine's memory the model takes, its cache included. Raises as `abilities`."""
    found = _files(source, settings)
    if settings.device != "cpu":
        return 2 * RUNTIME_BYTES  # the rest is on the device
    published = found.size_bytes / max(found.numbers, 1)
    width = _WIDTHS.get(settings.weights) or _WIDTHS.get(settings.dtype) or published
    weights = int(found.numbers * width)
    if found.task != "generate":
        return weights + RUNTIME_BYTES
    each = 1.1 if settings.cache_dtype == "int8" else _WIDTHS.get(settings.dtype) or _WIDTHS.get(found.dtype, 4.0)
    length = min(settings.length_max or found.room, found.room)
    most = int(found.token_numbers * each * length * (settings.sequences_max or SEQUENCES_MAX))
    return weights + min(settings.cache_bytes or most, most) + RUNTIME_BYTES


def pooling(source: Path) -> str:
    """Which state of a text is its embedding, as sentence-transformers writes it: last or mean."""
    path = (source if source.is_dir() else source.parent) / "1_Pooling" / "config.json"
    raw = read_json(path, _CONFIG_BYTES_MAX) if path.is_file() else {}
    return "mean" if raw.get("pooling_mode_mean_tokens") and not raw.get("pooling_mode_lasttoken") else "last"


def _files(source: Path, settings: Settings) -> _Files:
    if not source.exists():
        raise AbsentError(f"there is no model at {source}")
    return _folder(source, settings) if source.is_dir() else _gguf(source, settings)


def _folder(home: Path, settings: Settings) -> _Files:
    raw = config.read(home)
    try:
        room = config.parse(raw).room
    except UnsupportedError:  # perhaps transformers knows it
        room = 0
    inner = raw.get("text_config")
    text: Mapping[str, Any] = inner if isinstance(inner, dict) else raw
    heads = _whole(text, "num_attention_heads") or 1
    hidden = _whole(text, "hidden_size")
    head = _whole(text, "head_dim") or hidden // heads
    return _Files(
        architecture=str(raw.get("model_type") or ""),
        task=settings.task or _task(home),
        room=room or _whole(text, "max_position_embeddings"),
        hidden=hidden,
        vocabulary=_whole(text, "vocab_size"),
        dtype=str(raw.get("dtype") or raw.get("torch_dtype") or "float32"),
        numbers=sum(_tensors(home).values()),
        size_bytes=sum(path.stat().st_size for path in home.glob("*.safetensors")),
        token_numbers=2 * _whole(text, "num_hidden_layers") * (_whole(text, "num_key_value_heads") or heads) * head,
        template=_template(home),
    )


def _gguf(path: Path, settings: Settings) -> _Files:
    header = gguf_header.read(path)
    at = str(header.values.get("general.architecture", ""))
    heads = _whole(header.values, f"{at}.attention.head_count") or 1
    kv_heads = _whole(header.values, f"{at}.attention.head_count_kv") or heads
    hidden = _whole(header.values, f"{at}.embedding_length")
    head = _whole(header.values, f"{at}.attention.key_length") or hidden // heads
    return _Files(
        architecture=at,
        task=settings.task or _task(path.parent),
        room=_whole(header.values, f"{at}.context_length"),
        hidden=hidden,
        vocabulary=_whole(header.values, "tokenizer.ggml.tokens"),
        dtype="bfloat16",
        numbers=header.parameters,
        size_bytes=path.stat().st_size,
        token_numbers=2 * _whole(header.values, f"{at}.block_count") * kv_heads * head,
        template=_template(path.parent) or str(header.values.get("tokenizer.chat_template", "")),
    )


def _whole(raw: Mapping[str, Any], name: str) -> int:
    """A count that a file gives; 0 if it gives none that makes sense."""
    value = raw.get(name)
    return value if isinstance(value, int) and 0 < value < 1 << 40 else 0


def _task(home: Path) -> Task:
    """What the folder looks like: sentence-transformers' files, or the first lines of its README."""
    if (home / "modules.json").is_file():
        return "embed"
    readme = home / "README.md"
    if readme.is_file():
        with readme.open(encoding="utf-8", errors="replace") as lines:
            head = lines.read(_README_BYTES_MAX)
        for line in head.splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "pipeline_tag" and value.strip() in _TAGS:
                return _TAGS[value.strip()]
    return "generate"


def _template(home: Path) -> str:
    file = home / "chat_template.jinja"
    if file.is_file() and file.stat().st_size <= _TEMPLATE_BYTES_MAX:
        return file.read_text(encoding="utf-8", errors="replace")
    path = home / "tokenizer_config.json"
    found = read_json(path, _CONFIG_BYTES_MAX).get("chat_template") if path.is_file() else None
    return found if isinstance(found, str) else json.dumps(found) if found else ""


def _tensors(home: Path) -> dict[str, int]:
    """How many numbers each tensor has, from the files' headers
    (https://github.com/huggingface/safetensors#format)."""
    out: dict[str, int] = {}
    for path in sorted(home.glob("*.safetensors")):
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > _HEADER_BYTES_MAX:
                raise ModelError(f"{path.name} is not a safetensors file")
            try:
                header = json.loads(file.read(size))
                out |= {name: math.prod(one["shape"]) for name, one in header.items() if name != "__metadata__"}
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                raise ModelError(f"{path.name} is not a safetensors file: {error}") from error
    return out
