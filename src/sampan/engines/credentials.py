"""The root's credentials, in a file that only the owner can read."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

_HEAD = """\
# The root's access key, which signs for both clouds, and its API key, which is sent to the doors of models. Whoever has
# them owns everything here. Remove this file and start Sampan again to get new ones; SAMPAN_ROOT_ACCESS_KEY_ID with
# SAMPAN_ROOT_ACCESS_KEY_SECRET, and SAMPAN_ROOT_API_KEY, replace them at the next start.
"""


@dataclass(frozen=True, slots=True)
class Credentials:
    """`repr` never shows the secrets. `api_key` is "" in a file that was written before there were any."""

    account: str
    access_key_id: str
    access_key_secret: str = field(repr=False)
    api_key: str = field(default="", repr=False)


def read(path: Path) -> Credentials | None:
    """What the file holds, or None if there is no file. Raises OSError, or ValueError if it cannot be understood."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    try:
        found = Credentials(
            table["account"], table["access_key_id"], table["access_key_secret"], table.get("api_key", "")
        )
    except KeyError as missing:
        raise ValueError(f"{path} lacks {missing.args[0]}") from None
    needed = (found.account, found.access_key_id, found.access_key_secret)
    if not all(isinstance(text, str) and text for text in needed) or not isinstance(found.api_key, str):
        raise ValueError(f"{path}: all values are texts")
    return found


def write(path: Path, credentials: Credentials) -> None:
    """Put them into the file, whole or not at all, readable by the owner only."""
    # A JSON string without escapes beyond ASCII's is a TOML basic string as well.
    lines = [
        f"{name} = {json.dumps(value)}\n"
        for name, value in (
            ("account", credentials.account),
            ("access_key_id", credentials.access_key_id),
            ("access_key_secret", credentials.access_key_secret),
            ("api_key", credentials.api_key),
        )
    ]
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(_HEAD + "".join(lines))
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
