"""Runs in the environment of s3fs or ossfs: makes a file system and calls its methods, as `remote.py` asks.

Alone in its process: it imports nothing of ours.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
import sys
from typing import Any


def pack(value: object) -> object:
    """What JSON does not know: bytes, and anything else by its text."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    return str(value)


def unpack(value: dict[str, Any]) -> Any:
    """The inverse of `pack`."""
    return base64.b64decode(value["$bytes"]) if "$bytes" in value else value


def open_file(fs: Any, path: str, pieces: list[bytes], **options: Any) -> None:
    """Write `pieces` one by one through an open file."""
    with fs.open(path, "wb", **options) as file:
        for piece in pieces:
            file.write(piece)


def read_file(fs: Any, path: str, at: int, size: int) -> bytes:
    """Seek and read through an open file."""
    with fs.open(path, "rb") as file:
        file.seek(at)
        return file.read(size)


OWN = {"open_file": open_file, "read_file": read_file}


def main() -> None:
    """Answer line by line until the input ends."""
    replies = sys.stdout
    fs: Any = None
    for line in sys.stdin:
        asked = json.loads(line, object_hook=unpack)
        reply: dict[str, Any]
        try:
            with contextlib.redirect_stdout(sys.stderr):
                if fs is None:
                    module, name = asked["class"].rsplit(".", 1)
                    fs = getattr(importlib.import_module(module), name)(**asked["options"])
                    result = None
                elif asked["method"] in OWN:
                    result = OWN[asked["method"]](fs, *asked["args"], **asked["kwargs"])
                else:
                    result = getattr(fs, asked["method"])(*asked["args"], **asked["kwargs"])
            reply = {"result": result}
        except Exception as error:
            status = getattr(error, "errno", None)
            reply = {"error": [type(error).__name__, str(error), status]}
        replies.write(json.dumps(reply, default=pack) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
