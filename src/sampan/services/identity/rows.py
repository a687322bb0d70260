"""How identity lies in the Store: keys and rows.

| key | row | what |
|---|---|---|
| `ia` number | AccountRow | an account |
| `in` name | number | the account of that name |
| `ik` key id | KeyRow | an access key, its secret sealed |
| `ir` | key id | the root's own key, which the data folder's credentials file names |
"""

from __future__ import annotations

from typing import Any

import msgspec


class AccountRow(msgspec.Struct, array_like=True):
    number: str
    name: str
    created_ms: int


class KeyRow(msgspec.Struct, array_like=True):
    """`secret` and `token` are sealed; `token` is empty for a key that lasts."""

    account: str
    secret: bytes
    created_ms: int
    active: bool = True
    token: bytes = b""
    expires_ms: int | None = None


ROOT_KEY = b"ir"
ACCOUNTS = (b"ia", b"ib")
"""Start and end of the rows of all accounts."""

_encode = msgspec.msgpack.Encoder().encode
decode_account = msgspec.msgpack.Decoder(AccountRow).decode
decode_key = msgspec.msgpack.Decoder(KeyRow).decode


def encode(row: Any) -> bytes:
    """The bytes of any row of this file."""
    return _encode(row)


def account(number: str) -> bytes:
    return b"ia" + number.encode()


def name(of: str) -> bytes:
    return b"in" + of.encode()


def key(key_id: str) -> bytes:
    return b"ik" + key_id.encode()


def key_id(where: bytes) -> str:
    """The inverse of `key`."""
    return where[2:].decode()
