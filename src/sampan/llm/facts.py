"""What a model's files say about it, found without loading it and without PyTorch."""

from __future__ import annotations

import json
import math
from pathlib import Path

from sampan.llm import config
from sampan.llm.config import ModelConfig, read_json
from sampan.llm.errors import AbsentError, ModelError
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


def abilities(source: Path, settings: Settings) -> Abilities:
    """What the model in a folder can do. Raises AbsentError if there is none, ModelError if it cannot be used."""
    home = _home(source)
    found = config.read(home)
    template = _template(home)
    tensors = _tensors(home)
    task = settings.task or _task(home)
    return Abilities(
        task=task,
        length_max=min(settings.length_max or found.room, found.room),
        template=bool(template) and task == "generate",
        tools="tools" in template and task == "generate",
        thinking="<think>" in template and task == "generate",
        parameters=sum(tensors.values()),
        size_bytes=sum(path.stat().st_size for path in home.glob("*.safetensors")),
        architecture=found.family,
        dimensions=found.hidden if task == "embed" else 0,
        vocabulary=found.vocabulary,
    )


def memory_bytes(source: Path, settings: Settings, cache_bytes: int) -> int:
    """About how much memory the model takes, with a cache of at most `cache_bytes`. Raises as `abilities`."""
    home = _home(source)
    found = config.read(home)
    width = _WIDTHS.get(settings.weights) or _WIDTHS.get(settings.dtype) or _WIDTHS.get(found.dtype, 4.0)
    weights = int(sum(_tensors(home).values()) * width)
    if settings.task == "embed" or (settings.task is None and _task(home) != "generate"):
        return weights + RUNTIME_BYTES
    most = token_bytes(found, settings) * found.room * (settings.sequences_max or SEQUENCES_MAX)
    return weights + min(cache_bytes, most) + RUNTIME_BYTES


def token_bytes(found: ModelConfig, settings: Settings) -> int:
    """What one token takes in the cache."""
    width = _WIDTHS.get(settings.dtype) or _WIDTHS.get(found.dtype, 4.0)
    return int(2 * found.layers * found.kv_heads * found.head * width)


def pooling(home: Path) -> str:
    """Which state of a text is its embedding, as sentence-transformers writes it: last or mean."""
    path = home / "1_Pooling" / "config.json"
    raw = read_json(path, _CONFIG_BYTES_MAX) if path.is_file() else {}
    return "mean" if raw.get("pooling_mode_mean_tokens") and not raw.get("pooling_mode_lasttoken") else "last"


def _home(source: Path) -> Path:
    if not source.exists():
        raise AbsentError(f"there is no model at {source}")
    if not source.is_dir():
        raise ModelError(f"{source} is not a folder")
    return source


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
