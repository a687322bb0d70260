"""How inference lies in the Store: keys and rows.

Every key begins with `M`, for this service; the second letter says what it is.

| key | row | what |
|---|---|---|
| `d` name | DeploymentRow | a deployment that a command made |
| `a` name | Alias | an alias that a command made |
| `q` | list of Quota | all quotas |
| `p` | list of Price | all prices |
| `g` | Logging | what goes into the request log |
| `l` time id | Logged | a line of the request log |
| `t` account 00 order | Turn | a turn that was kept |
| `x` time kind account 00 id | empty | when something ends: `t` a turn |
| `u` day 00 account 00 key 00 model 00 currency | UsageRow | what was used |

An order is the last part of an id, by which what was made later sorts later: who lists an account's turns or files has
them by age, whatever the ids begin with. Numbers in keys are big-endian. Rows are msgpack, most of them by the names of
their fields: they grow over time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from sampan.kernel.budget import Budget
from sampan.kernel.ports import Chance, Sealer
from sampan.services.inference.values import Alias, Deployment, Logged, Logging, Price, Quota, Turn

QUOTAS = b"Mq"
PRICES = b"Mp"
LOGGING = b"Mg"
ORDER_CHARS = 32
ID_CHARS_MAX = 128


class DeploymentRow(msgspec.Struct, array_like=True):
    """A deployment without its backends' secrets, and these, each sealed, or empty."""

    deployment: Deployment
    secrets: tuple[bytes, ...] = ()


class UsageRow(msgspec.Struct, array_like=True, gc=False):
    """Requests, and tokens; `cost` in 1e-12 of the currency."""

    requests: int = 0
    prompt: int = 0
    shared: int = 0
    answer: int = 0
    reasoning: int = 0
    cost: int = 0


_encode = msgspec.msgpack.Encoder().encode
_decode_deployment = msgspec.msgpack.Decoder(DeploymentRow).decode
decode_alias = msgspec.msgpack.Decoder(Alias).decode
decode_quotas = msgspec.msgpack.Decoder(tuple[Quota, ...]).decode
decode_prices = msgspec.msgpack.Decoder(tuple[Price, ...]).decode
decode_logging = msgspec.msgpack.Decoder(Logging).decode
decode_logged = msgspec.msgpack.Decoder(Logged).decode
decode_usage = msgspec.msgpack.Decoder(UsageRow).decode
decode_turn = msgspec.msgpack.Decoder(Turn).decode


def encode(row: Any) -> bytes:
    """The bytes of any row of this file."""
    return _encode(row)


def encode_deployment(deployment_: Deployment, sealer: Sealer, chance: Chance) -> bytes:
    """A deployment's row. What is sealed for it opens for no other."""
    key = deployment(deployment_.name)
    secrets = tuple(
        sealer.seal(backend.secret, key, chance.token(12)) if backend.secret else b""
        for backend in deployment_.backends
    )
    bare = tuple(replace(backend, secret="") for backend in deployment_.backends)
    return encode(DeploymentRow(replace(deployment_, backends=bare), secrets))


def decode_deployment(key: bytes, raw: bytes, sealer: Sealer) -> Deployment:
    """The deployment of a row, with its secrets."""
    row = _decode_deployment(raw)
    if not any(row.secrets):
        return row.deployment
    backends = tuple(
        replace(backend, secret=sealer.open(secret, key) if secret else "")
        for backend, secret in zip(row.deployment.backends, row.secrets, strict=True)
    )
    return replace(row.deployment, backends=backends)


def deployment(name: str) -> bytes:
    return b"Md" + name.encode()


def all_deployments() -> bytes:
    return b"Md"


def alias(name: str) -> bytes:
    return b"Ma" + name.encode()


def all_aliases() -> bytes:
    return b"Ma"


def all_logged() -> bytes:
    return b"Ml"


def logged(time_ms: int, request_id: str) -> bytes:
    return b"Ml" + time_ms.to_bytes(8, "big") + request_id.encode()


def usage(day: str, account: str, key_id: str, model: str, currency: str) -> bytes:
    return b"Mu" + "\0".join((day, account, key_id, model, currency)).encode()


def usage_of(day: str, account: str) -> bytes:
    """The prefix of what an account ("" for all) used on a day."""
    return b"Mu" + (f"{day}\0{account}\0" if account else f"{day}\0").encode()


def of_usage(key: bytes) -> tuple[str, str, str, str, str]:
    """Day, account, key, model and currency of a row's key."""
    day, account, key_id, model, currency = key[2:].decode().split("\0")
    return day, account, key_id, model, currency


def whose(quota: Quota) -> tuple[str, str, str]:
    """Account, key and model of a quota: what it is found by."""
    return quota.account, quota.key_id, quota.model


def budgets(raw: bytes) -> Mapping[tuple[str, str, str], Budget]:
    """What the row of all quotas says, by whose they are."""
    found = {}
    for quota in decode_quotas(raw):
        key = hashlib.blake2b("\0".join(whose(quota)).encode(), digest_size=16).digest()
        found[whose(quota)] = Budget(key, quota.requests_per_minute, quota.tokens_per_minute, quota.in_flight)
    return found


def is_id(text: str) -> bool:
    """Whether anything could have this id."""
    return ORDER_CHARS <= len(text) <= ID_CHARS_MAX and text.isascii() and text.isprintable()


def turn(account: str, turn_id: str) -> bytes:
    return _own(b"Mt", account, turn_id)


def expiry(time_ms: int, kind: str, account: str, thing_id: str) -> bytes:
    return b"Mx" + time_ms.to_bytes(8, "big") + f"{kind}{account}\0{thing_id}".encode()


def _own(prefix: bytes, account: str, thing_id: str) -> bytes:
    """The key of what belongs to an account."""
    return prefix + account.encode() + b"\0" + thing_id[-ORDER_CHARS:].encode()


def successor(prefix: bytes) -> bytes:
    """The smallest key greater than every key that begins with `prefix`."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes((stripped[-1] + 1,))


def time_id(now_ms: int, salt: bytes) -> str:
    """An id that sorts by time: 32 hexadecimal digits. `salt`: 10 bytes."""
    return f"{now_ms:012x}" + salt.hex()
