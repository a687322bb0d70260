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
| `f` account 00 order | FileRow | a file |
| `c` account 00 order | bytes | the bytes of a small file |
| `s` account | count, bytes | an account's files together |
| `k` blob | empty | a blob that is referred to: what has no such row is left over from a crash |
| `z` blob | empty | a blob that nothing refers to any more, to be removed from disk |
| `b` account 00 order | BatchRow | a batch |
| `w` order id | account | a batch that has not ended, oldest first |
| `e` order number | EntryRow | what became of a batch's line |
| `y` order | empty | a batch whose lines are in files now, or nowhere: its entries are to be removed |
| `j` account 00 order | TaskRow | a deferred command |
| `o` order id | account | a task that has not ended |
| `x` time kind account 00 id | empty | when something ends: `t` a turn, `f` a file, `j` a task |
| `u` day 00 account 00 key 00 model 00 currency | UsageRow | what was used |

An order is the last part of an id, by which what was made later sorts later: who lists an account's turns or files has
them by age, whatever the ids begin with. Numbers in keys are big-endian. Rows are msgpack, most of them by the names of
their fields: they grow over time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from sampan.kernel.budget import Budget
from sampan.kernel.caller import Caller
from sampan.kernel.ports import Chance, Sealer, View
from sampan.services.inference.values import (
    Alias,
    Batch,
    Deferred,
    Deployment,
    File,
    Logged,
    Logging,
    Price,
    Quota,
    Turn,
)

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
    """Requests, and tokens; `cost` in 1e-12 of the currency, as a text: it outgrows 64 bits."""

    requests: int = 0
    prompt: int = 0
    shared: int = 0
    answer: int = 0
    reasoning: int = 0
    cost: str = "0"


class FileRow(msgspec.Struct, array_like=True, gc=False):
    """`blob` is where its bytes are, or "" if they are in a row."""

    file: File
    blob: str = ""


class BatchRow(msgspec.Struct, array_like=True):
    """`caller` is who made it: in whose name its lines are asked."""

    batch: Batch
    caller: Caller


class EntryRow(msgspec.Struct, array_like=True, gc=False):
    """A line of the output, or of the errors if it `failed`."""

    failed: bool
    line: bytes


class TaskRow(msgspec.Struct, array_like=True):
    """`alive_ms` is when the worker that runs it last said so."""

    task: Deferred
    door: str
    alive_ms: int


_encode = msgspec.msgpack.Encoder().encode
_decode_deployment = msgspec.msgpack.Decoder(DeploymentRow).decode
decode_alias = msgspec.msgpack.Decoder(Alias).decode
decode_quotas = msgspec.msgpack.Decoder(tuple[Quota, ...]).decode
decode_prices = msgspec.msgpack.Decoder(tuple[Price, ...]).decode
decode_logging = msgspec.msgpack.Decoder(Logging).decode
decode_logged = msgspec.msgpack.Decoder(Logged).decode
decode_usage = msgspec.msgpack.Decoder(UsageRow).decode
decode_turn = msgspec.msgpack.Decoder(Turn).decode
decode_file = msgspec.msgpack.Decoder(FileRow).decode
decode_together = msgspec.msgpack.Decoder(tuple[int, int]).decode
decode_batch = msgspec.msgpack.Decoder(BatchRow).decode
decode_entry = msgspec.msgpack.Decoder(EntryRow).decode
decode_task = msgspec.msgpack.Decoder(TaskRow).decode


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


def files(account: str) -> bytes:
    """The prefix of an account's files."""
    return b"Mf" + account.encode() + b"\0"


def file(account: str, file_id: str) -> bytes:
    return _own(b"Mf", account, file_id)


def content(account: str, file_id: str) -> bytes:
    return _own(b"Mc", account, file_id)


def together(account: str) -> bytes:
    return b"Ms" + account.encode()


def blob(blob_id: str) -> bytes:
    return b"Mk" + blob_id.encode()


def trash(blob_id: str) -> bytes:
    return b"Mz" + blob_id.encode()


def batches(account: str) -> bytes:
    """The prefix of an account's batches."""
    return b"Mb" + account.encode() + b"\0"


def batch(account: str, batch_id: str) -> bytes:
    return _own(b"Mb", account, batch_id)


def active_batches() -> bytes:
    return b"Mw"


def active_batch(batch_id: str) -> bytes:
    return b"Mw" + batch_id[-ORDER_CHARS:].encode() + batch_id.encode()


def id_of_active(key: bytes) -> str:
    """The id of a batch or a task that has not ended."""
    return key[2 + ORDER_CHARS :].decode()


def entries(batch_id: str) -> bytes:
    """The prefix of what became of a batch's lines."""
    return b"Me" + batch_id[-ORDER_CHARS:].encode()


def entry(batch_id: str, number: int) -> bytes:
    return entries(batch_id) + number.to_bytes(4, "big")


def entry_number(key: bytes) -> int:
    """The number of the line in an entry's key."""
    return int.from_bytes(key[-4:], "big")


def all_spent_entries() -> bytes:
    return b"My"


def spent_entries(batch_id: str) -> bytes:
    return b"My" + batch_id[-ORDER_CHARS:].encode()


def tasks(account: str) -> bytes:
    """The prefix of an account's tasks."""
    return b"Mj" + account.encode() + b"\0"


def task(account: str, task_id: str) -> bytes:
    return _own(b"Mj", account, task_id)


def active_tasks() -> bytes:
    return b"Mo"


def active_task(task_id: str) -> bytes:
    return b"Mo" + task_id[-ORDER_CHARS:].encode() + task_id.encode()


def all_expiries() -> bytes:
    return b"Mx"


def of_expiry(key: bytes) -> tuple[int, str, str, str]:
    """Time, kind, account and id of what ends."""
    account, _, thing_id = key[11:].decode().partition("\0")
    return int.from_bytes(key[2:10], "big"), chr(key[10]), account, thing_id


def listed(view: View, prefix: bytes, after: str, newest_first: bool = True) -> Iterator[tuple[bytes, bytes]]:
    """Rows of an account, those after a thing's id ("" for all of them)."""
    end = successor(prefix)
    if not after:
        return view.scan(prefix, end, reverse=newest_first)
    place = prefix + after[-ORDER_CHARS:].encode()
    return view.scan(prefix, place, reverse=True) if newest_first else view.scan(place + b"\0", end)


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
