"""The values of objects: what commands carry and what they give back.

Times are milliseconds since 1970 in UTC. Digests are raw bytes (CRCs big-endian). An ETag is kept without quotes, in
lower case: the MD5 in hexadecimal, or for a multipart object the MD5 of the parts' MD5s, "-" and their number.

What a listing makes a thousand of is a msgspec.Struct (0.3 µs to make, a frozen dataclass of that width 3 µs), and
`gc=False`: it holds nothing that could hold it, so that the garbage collector need not go through thousands of them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from sampan.kernel.body import Outflow
from sampan.kernel.fault import Fault


class Versioning(enum.StrEnum):
    """Whether a bucket keeps old versions. What was enabled once can be suspended, but is never again `NEVER`."""

    NEVER = "never"
    ENABLED = "enabled"
    SUSPENDED = "suspended"


class Acl(enum.StrEnum):
    """What a bucket or an object allows to everybody, in a word that both clouds have."""

    PRIVATE = "private"
    PUBLIC_READ = "public-read"
    PUBLIC_READ_WRITE = "public-read-write"
    AUTHENTICATED_READ = "authenticated-read"


class Ownership(enum.StrEnum):
    """Whether ACLs count in a bucket: under `ENFORCED` none does, and none can be set. What is in a bucket belongs to
    its owner in any case, whoever wrote it; the other two are kept and shown."""

    ENFORCED = "enforced"
    PREFERRED = "preferred"
    WRITER = "writer"


class StorageClass(enum.StrEnum):
    """Kept and shown; every class is stored alike and readable at once. Both clouds' classes, side by side."""

    STANDARD = "standard"
    REDUCED = "reduced"
    INFREQUENT = "infrequent"
    INFREQUENT_ONE_ZONE = "infrequent-one-zone"
    INTELLIGENT = "intelligent"
    ARCHIVE_INSTANT = "archive-instant"
    ARCHIVE = "archive"
    ARCHIVE_COLD = "archive-cold"
    ARCHIVE_DEEP = "archive-deep"


class Form(enum.StrEnum):
    """How an object came to be; what it is to readers is the same."""

    NORMAL = "normal"
    MULTIPART = "multipart"
    APPENDABLE = "appendable"
    SYMLINK = "symlink"


class ChecksumType(enum.StrEnum):
    """Of a multipart object: over the whole bytes, or over the parts' checksums."""

    FULL = "full"
    COMPOSITE = "composite"


NULL_VERSION = "null"
"""The version id of objects written while versioning was not enabled, in both clouds."""


class Meta(msgspec.Struct, frozen=True, gc=False):
    """What the writer says of an object and the reader gets back.

    `headers` are the system headers by lower-case name: cache-control, content-disposition, content-encoding,
    content-language, expires. `user` is user metadata, names in lower case without a vendor's prefix. `website` and
    the like, which one cloud alone reads back, go into `note`. `acl` None is no ACL of the object's own: the bucket's
    counts, as far as it speaks of objects. `class_of_bucket`: the storage class is the bucket's, whatever that is.
    """

    content_type: str = ""
    headers: Mapping[str, str] = {}
    user: Mapping[str, str] = {}
    storage_class: StorageClass = StorageClass.STANDARD
    note: Mapping[str, str] = {}
    acl: Acl | None = None
    class_of_bucket: bool = False


class Block(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What keeps a bucket from being public by mistake. `refuse_acls` and `refuse_policy`: none that is public can be
    set any more; `ignore_acls` and `restrict`: those that are there open nothing to other accounts.

    Source: Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage".
    """

    refuse_acls: bool = False
    ignore_acls: bool = False
    refuse_policy: bool = False
    restrict: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """A precondition. ETags without quotes, any case; "*" stands for any existing object. All that are set must hold.

    For reads, RFC 9110's order applies: a failing `none_match` or `modified_since_ms` is UNCHANGED, the others UNMET.
    For writes only `match` and `none_match` count.
    """

    match: tuple[str, ...] = ()
    none_match: tuple[str, ...] = ()
    modified_since_ms: int | None = None
    unmodified_since_ms: int | None = None


NO_CONDITION = Condition()


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes `first` to `last`, both included. `last` None: to the end. `first` None: the last `last` bytes.

    `lenient`: one that is not wholly inside the object counts as no range at all (OSS's default), instead of being cut
    or UNSATISFIABLE.
    """

    first: int | None
    last: int | None
    lenient: bool = False

    def whole(self, size: int) -> bool:
        """Whether this lenient range is not wholly inside an object of `size` bytes."""
        if not self.lenient:
            return False
        first = self.first if self.first is not None else size - (self.last or 0)
        last = self.last if self.first is not None and self.last is not None else size - 1
        return not 0 <= first <= last < size


@dataclass(frozen=True, slots=True)
class Source:
    """What a copy reads from."""

    bucket: str
    key: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class BucketInfo:
    """`places` maps each cloud to the bucket's region there. `note` is what its creator's dialect wants back."""

    name: str
    owner: str
    created_ms: int
    places: Mapping[str, str]
    versioning: Versioning
    note: Mapping[str, str]
    acl: Acl = Acl.PRIVATE
    block: Block | None = None
    ownership: Ownership | None = None
    storage_class: StorageClass = StorageClass.STANDARD


@dataclass(frozen=True, slots=True)
class BucketPage:
    """`next` is the `after` of the next page, or None at the end."""

    buckets: tuple[BucketInfo, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class BucketStat:
    """Versions count as objects, delete markers do not."""

    objects: int
    size_bytes: int
    uploads: int
    delete_markers: int


class ObjectInfo(msgspec.Struct, frozen=True, gc=False):
    """One version of one object, or a delete marker (then only key, version, latest, modified_ms and owner count).

    `version` is None while the bucket's versioning was never enabled. `crc64` is CRC-64/XZ of the bytes. `checksums`
    are those that the writer chose to keep, by algorithm; `checksum_type` says how they were made. `parts` is the
    number of parts of a multipart object, else 0. `tags` is their number.
    """

    key: str
    size: int
    etag: str
    modified_ms: int
    owner: str
    version: str | None = None
    latest: bool = True
    delete_marker: bool = False
    form: Form = Form.NORMAL
    meta: Meta = Meta()
    crc64: int = 0
    checksums: Mapping[str, bytes] = {}
    checksum_type: ChecksumType = ChecksumType.FULL
    parts: int = 0
    tags: int = 0
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """`first` and `last` are the bytes of the answer (both included; 0 and -1 when empty); `partial` says that a range
    or a part was asked for. `body` yields exactly those bytes."""

    info: ObjectInfo
    first: int
    last: int
    partial: bool
    body: Outflow | None


@dataclass(frozen=True, slots=True)
class Written:
    """What a writer gets back."""

    etag: str
    size: int
    crc64: int
    modified_ms: int
    version: str | None = None
    checksums: Mapping[str, bytes] = field(default_factory=dict)
    checksum_type: ChecksumType = ChecksumType.FULL
    source_version: str | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """`version` is the version removed, or the delete marker made; `delete_marker` says that it is one."""

    key: str
    version: str | None = None
    delete_marker: bool = False


@dataclass(frozen=True, slots=True)
class Tagged:
    """The tags of one version of an object."""

    tags: Mapping[str, str]
    version: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """`next` is the `after` of the next page (a key or a rolled-up prefix), or None at the end."""

    objects: tuple[ObjectInfo, ...]
    prefixes: tuple[str, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class VersionPage:
    """`next` and `next_version` are the `after` and `version_after` of the next page; `next` is None at the end."""

    versions: tuple[ObjectInfo, ...]
    prefixes: tuple[str, ...]
    next: str | None
    next_version: str | None


@dataclass(frozen=True, slots=True)
class UploadInfo:
    """An unfinished upload. `checksum` is the algorithm to keep, or None."""

    key: str
    upload: str
    owner: str
    created_ms: int
    storage_class: StorageClass
    checksum: str | None
    checksum_type: ChecksumType


@dataclass(frozen=True, slots=True)
class PartInfo:
    """A part. `etag` is its MD5; `source_version` the version that it was copied from, if that had one."""

    number: int
    size: int
    etag: str
    modified_ms: int
    crc64: int
    checksums: Mapping[str, bytes]
    source_version: str | None = None


@dataclass(frozen=True, slots=True)
class PartPage:
    """`total` is the number of all parts. `next` is the `after` of the next page, or None at the end. `info` is the
    finished object that the parts were made into, where that was asked for."""

    upload: UploadInfo | None
    parts: tuple[PartInfo, ...]
    next: int | None
    total: int
    info: ObjectInfo | None = None


@dataclass(frozen=True, slots=True)
class UploadPage:
    """`next` and `next_upload` are the `after` and `upload_after` of the next page; `next` is None at the end."""

    uploads: tuple[UploadInfo, ...]
    prefixes: tuple[str, ...]
    next: str | None
    next_upload: str | None


Outcome = Deleted | Fault
