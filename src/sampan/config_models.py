"""The models of the configuration: the tables `[models.NAME]`, and the words of `--model`.

[models.qwen]
source = "/models/Qwen3-8B"          # a folder, a .gguf file, or an upstream's base URL
aliases = ["gpt-4o-mini"]
weights = "int4"                     # what is not named here is a setting of the engine

[models.qwen-lawyer]
base = "qwen"
adapter = "/models/lawyer-lora"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sampan.services.inference.model import Backend, Deployment, EngineKind, valid_name

MODELS_MAX = 1000  # tables; far beyond what one machine serves
_OF_BACKEND = ("source", "upstream_name", "secret")
_OF_TABLE = (*_OF_BACKEND, "backends", "base", "adapter", "aliases", "shared", "warm", "keep_s", "description")


@dataclass(frozen=True, slots=True)
class ModelTable:
    """A model that is always there, and its other names."""

    deployment: Deployment
    aliases: tuple[str, ...] = ()


def read_tables(raw: Any) -> dict[str, ModelTable]:
    """The tables by the models' names. Raises ValueError."""
    if not isinstance(raw, Mapping) or not all(isinstance(table, Mapping) for table in raw.values()):
        raise ValueError("must be tables, such as [models.qwen]")
    if len(raw) > MODELS_MAX:
        raise ValueError(f"at most {MODELS_MAX} models")
    found = {_name(name): _table(name, table) for name, table in raw.items()}
    for name, table in found.items():
        base = table.deployment.base
        if base and (base not in found or found[base].deployment.base):
            raise ValueError(f"{name}: its base {base} is no table with a source")
    return found


def read_words(raw: Any) -> tuple[str, ...]:
    """The words of `--model`: FOLDER, NAME or NAME=FOLDER, as a list or separated by commas. Raises ValueError."""
    words = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) and word.strip() for word in words):
        raise ValueError("must be a model's folder or name, or NAME=FOLDER")
    return tuple(word.strip() for word in words)


def anchored(tables: Mapping[str, ModelTable], folder: Path) -> dict[str, ModelTable]:
    """The same tables with absolute paths, meant from `folder`."""
    return {name: replace(table, deployment=_anchored(table.deployment, folder)) for name, table in tables.items()}


def added(
    tables: Mapping[str, ModelTable], words: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> dict[str, ModelTable]:
    """The tables with the models that words name. Raises ValueError.

    All of them are loaded at the start. A word is the name of a table, or else a folder (from `folder`), a .gguf file,
    or a repository that Hugging Face's tools have fetched to this machine.
    """
    found = dict(tables)
    for word in words:
        if word in found:
            found[word] = replace(found[word], deployment=replace(found[word].deployment, warm=True))
            continue
        name, _, source = word.rpartition("=")
        called, path = _found(source, folder, environment)
        name = _name(name or called)
        backend = Backend(_kind(path), path)
        found[name] = ModelTable(Deployment(name, "", 0, (backend,), warm=True, fixed=True))
    names = [*found, *(alias for table in found.values() for alias in table.aliases)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{twice[0]} is the name of two models")
    return found


# --- a table ----------------------------------------------------------------------------------------------------------


def _name(name: str) -> str:
    if not valid_name(name):
        raise ValueError(f"{name[:64]!r} is no name for a model")
    return name


def _table(name: str, table: Mapping[str, Any]) -> ModelTable:
    try:
        return _checked(name, table)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _checked(name: str, table: Mapping[str, Any]) -> ModelTable:
    base, adapter = _text(table, "base"), _text(table, "adapter")
    if "backends" in table:
        raws = table["backends"]
        if not isinstance(raws, list) or not raws or not all(isinstance(raw, Mapping) for raw in raws):
            raise ValueError("backends must be tables, such as [[models.qwen.backends]]")
        if any(key in table for key in _OF_BACKEND):
            raise ValueError("with backends, a source belongs to one of them")
        backends = tuple(_backend(raw, ()) for raw in raws)
    else:
        backends = () if base else (_backend(table, _OF_TABLE),)
    if bool(base) != bool(adapter):
        raise ValueError("base and adapter: give both, or neither")
    if base and ("source" in table or "backends" in table):
        raise ValueError("with a base there is no source of its own")
    keep_s = table.get("keep_s")
    if keep_s is not None and (isinstance(keep_s, bool) or not isinstance(keep_s, int) or keep_s < 0):
        raise ValueError("keep_s must be a number of seconds")
    aliases = table.get("aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise ValueError("aliases must be a list of names")
    deployment = Deployment(
        name,
        "",
        0,
        backends,
        base,
        adapter,
        shared=_truth(table, "shared", True),
        warm=_truth(table, "warm", False),
        keep_s=keep_s,
        fixed=True,
        description=_text(table, "description"),
    )
    return ModelTable(deployment, tuple(_name(alias) for alias in aliases))


def _backend(table: Mapping[str, Any], besides: Sequence[str]) -> Backend:
    """A backend of a table: what is neither its own nor named in `besides` is a setting of the engine."""
    source = _text(table, "source")
    if not source:
        raise ValueError("needs a source: a folder, a .gguf file, or an upstream's base URL")
    settings = {key: value for key, value in table.items() if key not in (*_OF_BACKEND, *besides)}
    for key, value in settings.items():
        if not isinstance(value, str | int | float | bool):
            raise ValueError(f"{key} must be a text, a number, true or false")
    return Backend(_kind(source), source, _text(table, "upstream_name"), _text(table, "secret"), settings)


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a text")
    return value


def _truth(table: Mapping[str, Any], key: str, default: bool) -> bool:
    value = table.get(key, default)
    if not isinstance(value, bool):
        raise ValueError(f"{key} must be true or false")
    return value


# --- where it is ------------------------------------------------------------------------------------------------------


def _kind(source: str) -> EngineKind:
    return EngineKind.OPENAI if source.startswith(("http://", "https://")) else EngineKind.LOCAL


def _anchored(deployment: Deployment, folder: Path) -> Deployment:
    backends = tuple(
        backend if backend.engine is not EngineKind.LOCAL else replace(backend, source=_path(backend.source, folder))
        for backend in deployment.backends
    )
    adapter = _path(deployment.adapter, folder) if deployment.adapter else ""
    return replace(deployment, backends=backends, adapter=adapter)


def _path(text: str, folder: Path) -> str:
    return str(folder / Path(text).expanduser())


def _found(source: str, folder: Path, environment: Mapping[str, str]) -> tuple[str, str]:
    """What a word's model is called if nobody says otherwise, and where it is: an absolute path, or the URL."""
    if _kind(source) is not EngineKind.LOCAL:
        return source, source
    path = folder / Path(source).expanduser()
    if path.exists():
        path = path.resolve()
        return path.stem if path.suffix == ".gguf" else path.name, str(path)
    # huggingface_hub, "Manage your cache": a folder for each repository, and in it one for each commit.
    repository = _cache(environment) / f"models--{source.replace('/', '--')}"
    branch = repository / "refs" / "main"
    if branch.is_file():
        return source, str(repository / "snapshots" / branch.read_text().strip())
    raise ValueError(f"{source} is no folder, no table of the configuration, and not in Hugging Face's cache")


def _cache(environment: Mapping[str, str]) -> Path:
    """Where Hugging Face's tools keep what they fetched."""
    if environment.get("HF_HUB_CACHE"):
        return Path(environment["HF_HUB_CACHE"])
    if environment.get("HF_HOME"):
        return Path(environment["HF_HOME"]) / "hub"
    base = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or "~").expanduser() / ".cache"
    return Path(base) / "huggingface" / "hub"
