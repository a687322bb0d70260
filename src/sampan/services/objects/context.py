"""What the functions of this service work with, and the few steps that nearly all of them begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sampan.kernel import limits
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import Place
from sampan.kernel.policy import Reader
from sampan.kernel.ports import Blobs, Chance, Clock, Digests, Store, View
from sampan.kernel.remembered import Remembered
from sampan.services.identity.model import Language
from sampan.services.objects import rows
from sampan.services.objects.model import Acl, BucketCommand, Meta, Ownership, StorageClass

BUCKETS_REMEMBERED_MAX = 1024  # about 1 MB
OBJECTS_REMEMBERED_MAX = 4096  # about 6 MB; rows, not bytes


@dataclass(frozen=True, slots=True)
class Context:
    """The ports, each cloud's default region, and the languages that bucket policies are written in."""

    store: Store
    blobs: Blobs
    clock: Clock
    chance: Chance
    digests: Digests
    homes: Mapping[str, str]
    readers: Mapping[Language, Reader] = field(default_factory=dict)
    buckets: Remembered[rows.BucketRow] = field(init=False)
    """Buckets by the key of their row, as of now: for a look outside of a view. Inside, read the view's own."""
    objects: Remembered[rows.ObjectRow] = field(init=False)
    """Current objects, likewise."""

    def __post_init__(self) -> None:
        buckets = Remembered(self.store, lambda _, raw: rows.decode_bucket(raw), BUCKETS_REMEMBERED_MAX)
        objects = Remembered(self.store, lambda _, raw: rows.decode_object(raw), OBJECTS_REMEMBERED_MAX)
        object.__setattr__(self, "buckets", buckets)
        object.__setattr__(self, "objects", objects)

    def fresh_id(self, now_ms: int) -> str:
        return rows.time_id(now_ms, self.chance.token(10))


def find_bucket(view: View, command: BucketCommand) -> rows.BucketRow:
    """The command's bucket, in the region that the request names. Raises MISSING "bucket", INVALID "region"."""
    row = bucket_named(view, command.bucket)
    check_place(row, command.place)
    return row


def bucket_named(view: View, name: str) -> rows.BucketRow:
    """The bucket of that name, whatever its region. Raises MISSING "bucket"."""
    raw = view.get(rows.bucket(name)) if name.isascii() else None
    if raw is None:
        raise Fault(Kind.MISSING, "bucket", bucket=name)
    return rows.decode_bucket(raw)


def check_place(row: rows.BucketRow, place: Place | None) -> None:
    """Raises INVALID "region" if the request was meant for another region than the bucket's."""
    if place is None:
        return
    expected = row.places.get(place.cloud)
    if expected is not None and expected != place.region:
        raise Fault(Kind.INVALID, "region", bucket=row.name, expected=expected, given=place.region)


def check_acl(row: rows.BucketRow, acl: Acl | None) -> None:
    """Whether the bucket lets itself or one of its objects be given this ACL; None asks for nothing.

    Raises CONFLICT "acl" where ACLs do not count, DENIED "public access" where they may not be public.
    """
    if acl is None:
        return
    if row.ownership is Ownership.ENFORCED:
        raise Fault(Kind.CONFLICT, "acl", bucket=row.name)
    if acl is not Acl.PRIVATE and row.block is not None and row.block.refuse_acls:
        raise Fault(Kind.DENIED, "public access", bucket=row.name)


def class_of(row: rows.BucketRow, meta: Meta) -> StorageClass:
    """The storage class that an object of this bucket is written with."""
    return row.storage_class if meta.class_of_bucket else meta.storage_class


def check_key(key: str) -> None:
    """Raises INVALID "key" (empty, or not UTF-8) or TOO_LARGE "key"."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise Fault(Kind.INVALID, "key", "the key is not UTF-8") from None
    if size == 0:
        raise Fault(Kind.INVALID, "key", "the key is empty")
    if size > limits.KEY_BYTES_MAX:
        raise Fault(Kind.TOO_LARGE, "key", size=size, size_max=limits.KEY_BYTES_MAX)


def check_meta(meta: Meta) -> None:
    """Raises TOO_LARGE "metadata"."""
    if meta.user:
        size = sum(len(name.encode("utf-8", "surrogateescape")) + len(value.encode("utf-8", "surrogateescape"))
                   for name, value in meta.user.items())  # fmt: skip
        if size > limits.META_BYTES_MAX:
            raise Fault(Kind.TOO_LARGE, "metadata", size=size, size_max=limits.META_BYTES_MAX)


def check_tags(tags: Mapping[str, str], count_max: int = limits.TAGS_MAX) -> None:
    """Raises TOO_MANY "tags" or INVALID "tags"."""
    if len(tags) > count_max:
        raise Fault(Kind.TOO_MANY, "tags", count=len(tags), count_max=count_max)
    for name, value in tags.items():
        if not name or len(name) > limits.TAG_KEY_CHARS_MAX:
            raise Fault(Kind.INVALID, "tags", "a tag's key must have 1 to 128 characters", tag=name[:128])
        if len(value) > limits.TAG_VALUE_CHARS_MAX:
            raise Fault(Kind.INVALID, "tags", "a tag's value must have at most 256 characters", tag=name)
        if not (_encodable(name) and _encodable(value)):
            raise Fault(Kind.INVALID, "tags", "tags must be UTF-8")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
