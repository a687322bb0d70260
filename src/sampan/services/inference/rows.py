"""How inference lies in the Store: keys and rows.

Every key begins with `M`, for this service; the second letter says what it is.

| key | row | what |
|---|---|---|
| `d` name | Deployment | a deployment that a command made |
| `a` name | Alias | an alias that a command made |

Rows are msgpack, by the names of their fields.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sampan.services.inference.values import Alias, Deployment

_encode = msgspec.msgpack.Encoder().encode
decode_deployment = msgspec.msgpack.Decoder(Deployment).decode
decode_alias = msgspec.msgpack.Decoder(Alias).decode


def encode(row: Any) -> bytes:
    """The bytes of any row of this file."""
    return _encode(row)


def deployment(name: str) -> bytes:
    return b"Md" + name.encode()


def all_deployments() -> bytes:
    return b"Md"


def alias(name: str) -> bytes:
    return b"Ma" + name.encode()


def all_aliases() -> bytes:
    return b"Ma"


def successor(prefix: bytes) -> bytes:
    """The smallest key greater than every key that begins with `prefix`."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes((stripped[-1] + 1,))


def time_id(now_ms: int, salt: bytes) -> str:
    """An id that sorts by time: 32 hexadecimal digits. `salt`: 10 bytes."""
    return f"{now_ms:012x}" + salt.hex()
