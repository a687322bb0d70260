"""How objects lie in the Store: keys and rows.

Every key begins with `O`, for this service; the second letter says what it is.

| key | row | what |
|---|---|---|
| `b` name | BucketRow | a bucket |
| `a` account 00 name | empty | an account's buckets, by name |
| `s` bucket | StatRow | its counts |
| `o` bucket key | ObjectRow | the current version, if it is not a delete marker |
| `v` bucket key' 00 order | ObjectRow | the other versions and delete markers, newest first |
| `n` bucket key' | order | where the "null" version is, if it is among those |
| `u` bucket key' 00 upload | UploadRow | an unfinished upload |
| `p` upload number | PartRow | a part of an unfinished upload |
| `c` upload | CompletedRow | an upload that was finished lately, for a client that asks again |
| `x` extents offset | PartRow | where the bytes of a multipart or appended object are, by offset |
| `d` data | bytes | the bytes of something small |
| `f` blob | empty | a blob that is referred to: what has no such row is left over from a crash |
| `r` kind id | count | how often content is referred to, when more than once |
| `t` kind id | time | content that nothing refers to any more, to be removed from disk |

`bucket` is 8 random bytes, so that a bucket made again under an old name sees nothing of it. key' is the key with 00
written as 00 FF, so that 00 ends it and the order of keys is kept. Numbers are big-endian.

Rows hold texts and numbers, and never one another in a circle: the garbage collector need not know them (`gc=False`).
"""

from __future__ import annotations

import struct
from typing import Any, TypeVar

import msgspec

from sampan.services.identity.model import Language
from sampan.services.objects.values import Acl, Block, ChecksumType, Form, Ownership, StorageClass, Versioning

MAX_ORDER = (1 << 64) - 1
_ORDER_BITS_OF_A_MS = 20


class BucketRow(msgspec.Struct, array_like=True, gc=False):
    id: bytes
    name: str
    owner: str
    created_ms: int
    places: dict[str, str]
    versioning: Versioning
    note: dict[str, str]
    tags: dict[str, str]
    policy: tuple[Language, str] | None = None
    acl: Acl = Acl.PRIVATE
    acl_of_objects: bool = False
    block: Block | None = None
    ownership: Ownership | None = None
    storage_class: StorageClass = StorageClass.STANDARD


class StatRow(msgspec.Struct, array_like=True, gc=False):
    objects: int = 0
    size_bytes: int = 0
    delete_markers: int = 0
    uploads: int = 0


class Content(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Where bytes are. `kind`: "" nowhere (empty), "d" a row of the Store, "b" a blob, "x" a list of extents."""

    kind: str = ""
    id: str = ""


class ObjectRow(msgspec.Struct, array_like=True, gc=False):
    """A version. `order` grows with each version of a key; `version` is the id that clients know it by."""

    version: str
    order: int
    modified_ms: int
    owner: str
    delete_marker: bool = False
    size: int = 0
    etag: str = ""
    content: Content = Content()
    form: Form = Form.NORMAL
    content_type: str = ""
    headers: dict[str, str] = {}
    user: dict[str, str] = {}
    storage_class: StorageClass = StorageClass.STANDARD
    note: dict[str, str] = {}
    crc64: int = 0
    checksums: dict[str, bytes] = {}
    checksum_type: ChecksumType = ChecksumType.FULL
    parts: int = 0
    tags: dict[str, str] = {}
    target: str | None = None
    acl: Acl | None = None


class UploadRow(msgspec.Struct, array_like=True, gc=False):
    upload: str
    key: str
    owner: str
    created_ms: int
    content_type: str
    headers: dict[str, str]
    user: dict[str, str]
    storage_class: StorageClass
    note: dict[str, str]
    tags: dict[str, str]
    checksum: str | None
    checksum_type: ChecksumType
    acl: Acl | None = None


class PartRow(msgspec.Struct, array_like=True, gc=False):
    """A part, or an appended piece (`number` 0). Its bytes are `content`'s first `size`."""

    number: int
    size: int
    content: Content
    etag: str
    modified_ms: int
    crc64: int
    checksums: dict[str, bytes]


class CompletedRow(msgspec.Struct, array_like=True, gc=False):
    """`parts` identifies the list of parts that was asked for. The rest is the answer that was given."""

    bucket: bytes
    key: str
    parts: str
    etag: str
    size: int
    crc64: int
    modified_ms: int
    version: str | None
    checksums: dict[str, bytes]
    checksum_type: ChecksumType


_encode = msgspec.msgpack.Encoder().encode
decode_bucket = msgspec.msgpack.Decoder(BucketRow).decode
decode_stat = msgspec.msgpack.Decoder(StatRow).decode
decode_object = msgspec.msgpack.Decoder(ObjectRow).decode
decode_upload = msgspec.msgpack.Decoder(UploadRow).decode
decode_part = msgspec.msgpack.Decoder(PartRow).decode
decode_number = msgspec.msgpack.Decoder(int).decode
decode_completed = msgspec.msgpack.Decoder(CompletedRow).decode

T = TypeVar("T")


def encode(row: Any) -> bytes:
    """The bytes of any row of this file."""
    return _encode(row)


def _escaped(key: str) -> bytes:
    raw = key.encode()
    return raw.replace(b"\0", b"\0\xff") if b"\0" in raw else raw


def unescaped(raw: bytes) -> str:
    """The key that was escaped into `raw`."""
    return raw.replace(b"\0\xff", b"\0").decode()


def bucket(name: str) -> bytes:
    return b"Ob" + name.encode()


def account(owner: str, name: str = "") -> bytes:
    return b"Oa" + owner.encode() + b"\0" + name.encode()


def stat(bucket_id: bytes) -> bytes:
    return b"Os" + bucket_id


def current(bucket_id: bytes, key: str) -> bytes:
    return all_current(bucket_id) + key.encode()


def all_current(bucket_id: bytes) -> bytes:
    """The prefix of a bucket's current objects."""
    return b"Oo" + bucket_id


def all_versions(bucket_id: bytes, key_prefix: str = "") -> bytes:
    """The prefix of a bucket's other versions and delete markers, of keys that begin with `key_prefix`."""
    return b"Ov" + bucket_id + _escaped(key_prefix)


def all_uploads(bucket_id: bytes, key_prefix: str = "") -> bytes:
    """The prefix of a bucket's unfinished uploads, of keys that begin with `key_prefix`."""
    return b"Ou" + bucket_id + _escaped(key_prefix)


def versions(bucket_id: bytes, key: str) -> bytes:
    """The prefix of the rows of one key's other versions."""
    return all_versions(bucket_id, key) + b"\0"


def version(bucket_id: bytes, key: str, order: int) -> bytes:
    return versions(bucket_id, key) + (MAX_ORDER - order).to_bytes(8, "big")


def null_version(bucket_id: bytes, key: str) -> bytes:
    return b"On" + bucket_id + _escaped(key)


def uploads(bucket_id: bytes, key: str) -> bytes:
    """The prefix of the rows of one key's uploads."""
    return all_uploads(bucket_id, key) + b"\0"


def upload(bucket_id: bytes, key: str, upload_id: str) -> bytes:
    return uploads(bucket_id, key) + upload_id.encode()


def parts(upload_id: str) -> bytes:
    """The prefix of the rows of one upload's parts."""
    return b"Op" + upload_id.encode() + b"\0"


def part(upload_id: str, number: int) -> bytes:
    return parts(upload_id) + struct.pack(">I", number)


def completed(upload_id: str) -> bytes:
    return b"Oc" + upload_id.encode()


def extents(extents_id: str) -> bytes:
    """The prefix of the rows of one list of extents."""
    return b"Ox" + extents_id.encode() + b"\0"


def extent(extents_id: str, offset: int) -> bytes:
    return extents(extents_id) + struct.pack(">Q", offset)


def data(data_id: str) -> bytes:
    return b"Od" + data_id.encode()


def blob(blob_id: str) -> bytes:
    return b"Of" + blob_id.encode()


def references(content: Content) -> bytes:
    return b"Or" + content.kind.encode() + content.id.encode()


def all_trash() -> bytes:
    """The prefix of all trash."""
    return b"Ot"


def all_completed() -> bytes:
    """The prefix of the uploads finished lately."""
    return b"Oc"


def trash(content: Content) -> bytes:
    return b"Ot" + content.kind.encode() + content.id.encode()


def successor(prefix: bytes) -> bytes:
    """The smallest key greater than every key that begins with `prefix`."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes((stripped[-1] + 1,)) if stripped else b"\xff" * 8


def order_after(now_ms: int, previous: int) -> int:
    """An order for a new version: by time, and always after `previous`."""
    return max(now_ms << _ORDER_BITS_OF_A_MS, previous + 1)


def version_id(order: int, salt: bytes) -> str:
    """The id of a version: its order, by which its row is found, and `salt` (8 bytes), so that it can't be guessed."""
    return (order.to_bytes(8, "big") + salt).hex()


def order_of(version_text: str) -> int | None:
    """The order in a version id, or None if it is not one."""
    if len(version_text) != 32 or not version_text.isascii():
        return None
    try:
        return int(version_text[:16], 16)
    except ValueError:
        return None


def time_id(now_ms: int, salt: bytes) -> str:
    """An id that sorts by time, so that rows made together lie together. `salt`: 10 bytes."""
    return f"{now_ms:012x}" + salt.hex()


def created_ms(text: str) -> int:
    """The time in an id made by `time_id`."""
    return int(text[:12], 16)
