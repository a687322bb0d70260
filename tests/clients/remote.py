"""Calls to a client that runs in a process of its own: one line of JSON there, one line back.

Bytes travel as `{"$bytes": base64}`.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any


class RemoteError(Exception):
    """What the client raised: the name of its exception or code, its words, and the HTTP status if there was one."""

    def __init__(self, kind: str, words: str, status: int | None) -> None:
        super().__init__(f"{kind}: {words}")
        self.kind = kind
        self.words = words
        self.status = status


class Remote:
    """`remote("method", *args, **kwargs)` calls the method there. Close it, or use it as a context."""

    def __init__(self, command: Sequence[str | Path], env: Mapping[str, str], setup: object) -> None:
        self._process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(env), text=True
        )
        self._ask(setup)

    def __call__(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return self._ask({"method": method, "args": args, "kwargs": kwargs})

    def _ask(self, asked: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked, default=_pack) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the client ended with {self._process.poll()}"
        reply = json.loads(line, object_hook=_unpack)
        if "error" in reply:
            raise RemoteError(*reply["error"])
        return reply["result"]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _pack(value: object) -> object:
    if isinstance(value, bytes | bytearray):
        return {"$bytes": base64.b64encode(value).decode()}
    raise TypeError(f"cannot send {type(value)}")


def _unpack(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["$bytes"]) if "$bytes" in value else value
