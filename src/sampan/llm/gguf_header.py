"""What the head of a GGUF file says (ggml's docs/gguf.md), read without loading anything and without PyTorch.

Long lists, such as the vocabulary, are passed over: their length is what is kept.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sampan.llm.errors import ModelError

_SCALARS = {0: "B", 1: "b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_TEXT_BYTES_MAX = 4 << 20
_ENTRIES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Header:
    """Values by name (of lists, their length), and how many numbers the tensors have."""

    values: dict[str, str | int | float | bool]
    tensors: frozenset[str]
    parameters: int


def read(path: Path) -> Header:
    """Raises ModelError for what is not a whole GGUF file."""
    try:
        with path.open("rb") as file:
            return _header(file)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, struct.error, KeyError, UnicodeDecodeError) as error:
        raise ModelError(f"{path.name} is not a whole GGUF file: {error}") from error


def _header(file: BinaryIO) -> Header:
    if file.read(4) != b"GGUF" or _number(file, "<I") not in (2, 3):
        raise ValueError("it does not begin as one of version 2 or 3")
    tensors, entries = int(_number(file, "<Q")), int(_number(file, "<Q"))
    if max(tensors, entries) > _ENTRIES_MAX:
        raise ValueError("too many entries")
    values = {}
    for _ in range(entries):
        name = _text(file)
        values[name] = _value(file, int(_number(file, "<I")))
    names, parameters = [], 0
    for _ in range(tensors):
        names.append(_text(file))
        shape = [int(_number(file, "<Q")) for _ in range(int(_number(file, "<I")))]
        parameters += math.prod(shape)
        _number(file, "<I"), _number(file, "<Q")
    return Header(values, frozenset(names), parameters)


def _value(file: BinaryIO, kind: int) -> str | int | float | bool:
    if kind == _STRING:
        return _text(file)
    if kind != _ARRAY:
        return _number(file, _SCALARS[kind])
    inner, count = int(_number(file, "<I")), int(_number(file, "<Q"))
    if inner in _SCALARS:
        file.seek(count * struct.calcsize(_SCALARS[inner]), 1)
    else:
        for _ in range(count):
            if inner == _STRING:
                file.seek(int(_number(file, "<Q")), 1)
            else:
                _value(file, inner)
    return count


def _text(file: BinaryIO) -> str:
    size = int(_number(file, "<Q"))
    if size > _TEXT_BYTES_MAX:
        raise ValueError("a text is too long")
    return file.read(size).decode("utf-8", "replace")


def _number(file: BinaryIO, form: str) -> int | float | bool:
    found: int | float | bool = struct.unpack(form, file.read(struct.calcsize(form)))[0]
    return found
