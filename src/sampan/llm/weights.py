"""Where weights come from: safetensors files, read by memory map. Pickles are refused, because loading one runs code.

The format is described at https://huggingface.co/docs/safetensors; a folder holds `model.safetensors`, or shards that
`model.safetensors.index.json` lists.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import safetensors
from torch import Tensor

from sampan.llm.config import read_json
from sampan.llm.errors import ModelError
from sampan.llm.levels import Levels

INDEX_BYTES_MAX = 64 << 20  # the largest published indices are about 10 MiB
_SINGLE, _INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")


class Source(Protocol):
    """Named tensors."""

    def names(self) -> frozenset[str]: ...

    def read(self, name: str) -> Tensor:
        """The tensor, possibly a view of mapped memory. Raises ModelError."""
        ...

    def levels(self, name: str) -> Levels | None:
        """The tensor as whole numbers, if it is stored so."""
        ...


class Safetensors:
    """The tensors of a model folder. Nothing is read before it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[Path, Any] = {}
        self._where = self._locate(folder)

    def names(self) -> frozenset[str]:
        return frozenset(self._where)

    def read(self, name: str) -> Tensor:
        path = self._where[name]
        try:
            tensor = self._open(path).get_tensor(name)
        except safetensors.SafetensorError as error:
            raise ModelError(f"{path.name}: cannot read {name}: {error}") from error
        assert isinstance(tensor, Tensor)
        return tensor

    def levels(self, name: str) -> Levels | None:
        return None

    def _locate(self, folder: Path) -> dict[str, Path]:
        if (folder / _INDEX).is_file():
            return self._sharded(folder)
        single = folder / _SINGLE
        if single.is_file():
            return dict.fromkeys(self._open(single).keys(), single)
        found = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
        if found:
            raise ModelError(f"{folder} holds only pickled weights ({found[0]}), which can run code; use safetensors")
        raise ModelError(f"{folder} holds no {_SINGLE} and no {_INDEX}")

    def _sharded(self, folder: Path) -> dict[str, Path]:
        listed = read_json(folder / _INDEX, INDEX_BYTES_MAX).get("weight_map")
        if not isinstance(listed, dict):
            raise ModelError(f"{_INDEX} has no weight_map")
        where: dict[str, Path] = {}
        for name, file in listed.items():
            if not isinstance(file, str) or Path(file).name != file or not file.endswith(".safetensors"):
                raise ModelError(f"{_INDEX} names {file!r}, which is not a safetensors file of this folder")
            where[name] = folder / file
        for path in set(where.values()):
            inside = set(self._open(path).keys())
            absent = [name for name, at in where.items() if at == path and name not in inside]
            if absent:
                raise ModelError(f"{path.name} lacks {absent[0]}, which {_INDEX} places in it")
        return where

    def _open(self, path: Path) -> Any:
        if path not in self._files:
            try:
                self._files[path] = safetensors.safe_open(path, framework="pt")
            except FileNotFoundError as error:
                raise ModelError(f"{path.name} is missing") from error
            except (safetensors.SafetensorError, OSError) as error:
                raise ModelError(f"{path.name} is not a whole safetensors file: {error}") from error
        return self._files[path]
