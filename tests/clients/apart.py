"""Clients that cannot live in our own virtual environment: installed once, kept in the user's cache.

s3fs and ossfs pin an older botocore and an older oss2; ali-oss is a package of npm.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

INSTALL_S_MAX = 600
NO_NETWORK = ("No matching distribution found", "ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH")
"""What pip and npm say when they cannot reach their registries."""


def python_with(name: str, requirements: Sequence[str]) -> Path:
    """The interpreter of a virtual environment that holds `requirements`."""

    def install(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=INSTALL_S_MAX)
        _run(name, [folder / "bin" / "python", "-m", "pip", "install", "-q", *requirements])

    return _once(name, [sys.version, *requirements], install) / "bin" / "python"


def node_modules_with(name: str, packages: Sequence[str]) -> Path:
    """A `node_modules` folder that holds `packages`."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip(f"{name}: no Node.js on this machine")

    def install(folder: Path) -> None:
        folder.mkdir()
        _run(name, [npm, "install", "--no-audit", "--no-fund", "--prefix", folder, *packages])

    return _once(name, packages, install) / "node_modules"


def _once(name: str, contents: Sequence[str], install: Callable[[Path], None]) -> Path:
    """The folder of exactly these contents, installed by whoever comes first; a half-made one is made again."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sampan" / "test-clients"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"{name}-{hashlib.sha256(repr(list(contents)).encode()).hexdigest()[:12]}"
    done = folder / ".done"
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            install(folder)
            done.touch()
    return folder


def _run(name: str, command: Sequence[str | Path]) -> None:
    made = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S_MAX, check=False)
    if made.returncode == 0:
        return
    said = made.stdout + made.stderr
    if any(words in said for words in NO_NETWORK):
        pytest.skip(f"{name}: not in the cache, and no package registry can be reached")
    raise AssertionError(f"{name} cannot be installed: {said[-2000:]}")
