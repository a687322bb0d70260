"""The library's own kernels for the CPU (kernels/), built once per machine by its C++ compiler and called by ctypes.

Where there is no compiler, nothing is lost but time: `kernels` returns None, and PyTorch's operations do the work.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

HEAD_MAX = 256  # as in attention.h
LANES = 16
_FLAGS = (
    *("-O3", "-std=c++17", "-fPIC", "-pthread", "-w"),
    # Sums may be reordered and traps ignored; NaN and infinity keep their meaning.
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-signed-zeros",
    "-fassociative-math",
)
_BUILD_SECONDS_MAX = 120
_NAMES = {torch.bfloat16: "bf16", torch.float32: "f32"}
_POINTER, _INT, _FLOAT = ctypes.c_void_p, ctypes.c_int, ctypes.c_float
_SIGNATURES: dict[str, list[Any]] = {
    "attend": [_POINTER] * 6 + [_INT] * 5 + [_FLOAT, _POINTER],
    "attend_many": [_POINTER] * 4 + [_INT] * 6 + [_FLOAT, _POINTER],
    "add_norm": [_POINTER] * 4 + [_INT] * 2 + [_FLOAT],
    "enter": [_POINTER] * 9 + [_INT] * 4 + [_FLOAT],
    "gate": [_POINTER] * 2 + [_INT] * 2,
}
_log = logging.getLogger(__name__)


class Kernels:
    """The kernels for one element type. Tensors must be contiguous; nothing is checked below this class."""

    def __init__(self, library: ctypes.CDLL, dtype: torch.dtype) -> None:
        def function(name: str) -> ctypes._NamedFuncPointer:
            found = library[f"{name}_{_NAMES[dtype]}"]
            found.argtypes, found.restype = _SIGNATURES[name], None
            return found

        self._attend, self._attend_many = function("attend"), function("attend_many")
        self._add_norm = function("add_norm")
        self._enter, self._gate = function("enter"), function("gate")

    def attend(
        self, query: Tensor, keys: Tensor, values: Tensor, slots: Tensor, starts: Tensor, lengths: Tensor, window: int
    ) -> Tensor:
        """[rows, heads * head]: row r sees the slots [starts[r], starts[r] + lengths[r]), the last `window` of them."""
        rows, heads, head = query.shape
        query = query.contiguous()
        out = torch.empty(rows, heads * head, dtype=query.dtype)
        self._attend(
            query.data_ptr(),
            keys.data_ptr(),
            values.data_ptr(),
            slots.data_ptr(),
            starts.data_ptr(),
            lengths.data_ptr(),
            rows,
            heads,
            keys.shape[1],
            head,
            window,
            head**-0.5,
            out.data_ptr(),
        )
        return out

    def attend_many(self, query: Tensor, keys: Tensor, values: Tensor, slots: Tensor, window: int, out: Tensor) -> None:
        """Into `out`, [rows, heads * head]: the queries are the last tokens of those in `slots`."""
        rows, heads, head = query.shape
        self._attend_many(
            query.data_ptr(),
            keys.data_ptr(),
            values.data_ptr(),
            slots.data_ptr(),
            rows,
            slots.shape[0],
            heads,
            keys.shape[1],
            head,
            window,
            head**-0.5,
            out.data_ptr(),
        )

    def add_norm(self, x: Tensor, added: Tensor | None, weight: Tensor, eps: float) -> Tensor:
        """Add to `x` in place, and return its norm."""
        out = torch.empty_like(x)
        more = None if added is None else added.data_ptr()
        self._add_norm(x.data_ptr(), more, weight.data_ptr(), out.data_ptr(), x.shape[0], x.shape[1], eps)
        return out

    def enter(
        self,
        qkv: Tensor,
        norms: tuple[Tensor, Tensor] | None,
        rotation: tuple[Tensor, Tensor],
        slots: Tensor,
        keys: Tensor,
        values: Tensor,
        eps: float,
    ) -> Tensor:
        """Norm and rotate queries and keys; store keys and values; return the queries [rows, heads, head]."""
        rows, kv_heads, head = qkv.shape[0], keys.shape[1], keys.shape[2]
        heads = qkv.shape[1] // head - 2 * kv_heads
        queries = torch.empty(rows, heads, head, dtype=qkv.dtype)
        query_norm, key_norm = (None, None) if norms is None else (norms[0].data_ptr(), norms[1].data_ptr())
        self._enter(
            qkv.data_ptr(),
            query_norm,
            key_norm,
            rotation[0].data_ptr(),
            rotation[1].data_ptr(),
            slots.data_ptr(),
            keys.data_ptr(),
            values.data_ptr(),
            queries.data_ptr(),
            rows,
            heads,
            kv_heads,
            head,
            eps,
        )
        return queries

    def gate(self, both: Tensor) -> Tensor:
        """silu(gate) * up of [rows, gate and up]."""
        out = torch.empty(both.shape[0], both.shape[1] // 2, dtype=both.dtype)
        self._gate(both.data_ptr(), out.data_ptr(), both.shape[0], out.shape[1])
        return out


def kernels(dtype: torch.dtype, device: torch.device, head: int) -> Kernels | None:
    """The kernels for a model, or None where they do not apply."""
    if device.type != "cpu" or dtype not in _NAMES or head % LANES or head > HEAD_MAX:
        return None
    found = library()
    return None if found is None else Kernels(found, dtype)


def threads(count: int) -> None:
    """How many threads the kernels use from now on, in the whole process."""
    found = library()
    if found is not None:
        found.threads(count)


def likeliest(logits: Tensor) -> tuple[list[int], list[bool]]:
    """The likeliest token of each row, the first of equals; and whether all of the row are numbers."""
    found = library() if logits.device.type == "cpu" and logits.dtype == torch.float32 else None
    if found is None:
        values, tokens = logits.max(-1)
        return tokens.tolist(), values.isfinite().tolist()
    logits = logits.contiguous()
    picks, sound = torch.empty(logits.shape[0], dtype=torch.long), torch.empty(logits.shape[0], dtype=torch.bool)
    pick = function("likeliest_of", [_POINTER, _INT, _INT, _POINTER, _POINTER])
    pick(logits.data_ptr(), *logits.shape, picks.data_ptr(), sound.data_ptr())
    return picks.tolist(), sound.tolist()


def function(name: str, arguments: list[Any]) -> Callable[..., None]:
    """A kernel by name. The library must be there."""
    found = library()
    assert found is not None
    kernel = found[name]
    kernel.argtypes, kernel.restype = arguments, None
    return kernel


@functools.cache
def library(*, portable: bool = False) -> ctypes.CDLL | None:
    """The built library, from an earlier run if possible; None where it cannot be built. `portable` leaves out what
    only some processors have: the form that others get, so that it can be tested here."""
    source = Path(__file__).with_name("kernels") / "native.cpp"
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None or not source.is_file():
        _log.info("no C++ compiler: PyTorch's operations are used alone")
        return None
    mark = hashlib.sha256()
    for part in sorted(source.parent.iterdir()):
        mark.update(part.read_bytes())
    flags = (*_FLAGS, "-DSAMPAN_PORTABLE") if portable else (*_FLAGS, "-march=native")
    for word in (compiler, *flags, _processor()):
        mark.update(word.encode())
    folder = Path.home() / ".cache" / "sampan" / "llm"
    path = folder / f"native-{mark.hexdigest()[:16]}.so"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists() or path.stat().st_uid != os.getuid():
            _build([compiler, *flags, "-shared", str(source)], path)
        return ctypes.CDLL(str(path))
    except (OSError, subprocess.SubprocessError) as error:
        _log.warning("the native kernels cannot be built (%s): PyTorch's operations are used alone", error)
        return None


def _build(command: list[str], path: Path) -> None:
    """Compile, and put in place whole."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / "native.so"
        whole = [*command, "-o", str(made)]
        subprocess.run(whole, check=True, capture_output=True, timeout=_BUILD_SECONDS_MAX)  # noqa: S603
        made.replace(path)


def _processor() -> str:
    """What -march=native looks at: another machine on the same home folder must build its own."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        return platform.processor()
