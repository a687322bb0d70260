"""Models from a hub into the data folder: weights, tokenizer and templates, and nothing that is a program.

By Hugging Face's own library, which asks the hub that HF_ENDPOINT names, goes on with what an earlier try has fetched,
and checks what it gets.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

# Weights as safetensors or GGUF, and what describes them. Pickled weights (.bin, .pt) run code when they are read.
WANTED = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.txt", "*.model", "*.gguf", "LICENSE*"]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")


class Unfetched(Exception):  # noqa: N818 - the state of a model
    """It could not be fetched. The text is for a person."""


def fetch(name: str, revision: str | None, folder: Path) -> Path:
    """The folder of a model that is now whole. Raises Unfetched."""
    if not NAME.fullmatch(name):
        raise Unfetched(f"{name[:200]!r} is no name of a model on a hub: it looks like Qwen/Qwen3-0.6B")
    try:
        from huggingface_hub import snapshot_download
    except ModuleNotFoundError:
        raise Unfetched("fetching needs huggingface_hub, which is not installed: pip install 'sampan[llm]'") from None
    target = folder_of(name, folder)
    try:
        snapshot_download(name, revision=revision, local_dir=target, allow_patterns=WANTED)
    except Exception as error:  # whatever the library meets: no such model, no network, no room
        first = str(error).strip().splitlines() or [type(error).__name__]
        raise Unfetched(f"{name} could not be fetched: {first[0]}") from None
    if not (target / "config.json").is_file() and not any(target.glob("*.gguf")):
        raise Unfetched(f"{name} has no config.json and no .gguf file: it is no model that can be served")
    return target


def forget(name: str, folder: Path) -> None:
    """Remove what `fetch` has brought for a model of this name, if it has."""
    if NAME.fullmatch(name):
        shutil.rmtree(folder_of(name, folder), ignore_errors=True)


def folder_of(name: str, folder: Path) -> Path:
    """Where a model of a hub lies: its owner's name, two dashes, its own."""
    return folder / name.replace("/", "--")
