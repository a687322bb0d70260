"""The vocabulary of objects: commands in, values out. One noun for every dialect, in words of no vendor.

The values are in `values`, the commands about access in `access_commands`, and all can be had from here: this is what
dialects import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from sampan.kernel.body import Inflow
from sampan.kernel.command import Command
from sampan.kernel.fault import Kind
from sampan.kernel.names import Place
from sampan.services.identity.model import Document as Document
from sampan.services.identity.model import Language as Language
from sampan.services.identity.model import asked_tags
from sampan.services.objects.access_commands import DeleteBucketPolicy as DeleteBucketPolicy
from sampan.services.objects.access_commands import GetBucketAcl as GetBucketAcl
from sampan.services.objects.access_commands import GetBucketPolicy as GetBucketPolicy
from sampan.services.objects.access_commands import GetBucketPolicyStatus as GetBucketPolicyStatus
from sampan.services.objects.access_commands import PutBucketAcl as PutBucketAcl
from sampan.services.objects.access_commands import PutBucketBlock as PutBucketBlock
from sampan.services.objects.access_commands import PutBucketOwnership as PutBucketOwnership
from sampan.services.objects.access_commands import PutBucketPolicy as PutBucketPolicy
from sampan.services.objects.access_commands import PutObjectAcl as PutObjectAcl
from sampan.services.objects.asking import asked_acl, asked_class, asked_listing, asked_version, versioned, written
from sampan.services.objects.bases import BucketCommand as BucketCommand
from sampan.services.objects.bases import ObjectCommand as ObjectCommand
from sampan.services.objects.values import NO_CONDITION as NO_CONDITION
from sampan.services.objects.values import NULL_VERSION as NULL_VERSION
from sampan.services.objects.values import Acl as Acl
from sampan.services.objects.values import Block as Block
from sampan.services.objects.values import BucketInfo as BucketInfo
from sampan.services.objects.values import BucketPage as BucketPage
from sampan.services.objects.values import BucketStat as BucketStat
from sampan.services.objects.values import ChecksumType as ChecksumType
from sampan.services.objects.values import Condition as Condition
from sampan.services.objects.values import Deleted as Deleted
from sampan.services.objects.values import Form as Form
from sampan.services.objects.values import Found as Found
from sampan.services.objects.values import Meta as Meta
from sampan.services.objects.values import ObjectInfo as ObjectInfo
from sampan.services.objects.values import ObjectPage as ObjectPage
from sampan.services.objects.values import Outcome as Outcome
from sampan.services.objects.values import Ownership as Ownership
from sampan.services.objects.values import PartInfo as PartInfo
from sampan.services.objects.values import PartPage as PartPage
from sampan.services.objects.values import Range as Range
from sampan.services.objects.values import Source as Source
from sampan.services.objects.values import StorageClass as StorageClass
from sampan.services.objects.values import Tagged as Tagged
from sampan.services.objects.values import UploadInfo as UploadInfo
from sampan.services.objects.values import UploadPage as UploadPage
from sampan.services.objects.values import Versioning as Versioning
from sampan.services.objects.values import VersionPage as VersionPage
from sampan.services.objects.values import Written as Written

FAULTS: frozenset[tuple[Kind, str]] = frozenset(
    {
        (Kind.MISSING, "bucket"),
        (Kind.EXISTS, "bucket"),  # facts: mine (bool), bucket
        (Kind.INVALID, "bucket name"),
        (Kind.CONFLICT, "bucket"),  # not empty
        (Kind.TOO_MANY, "bucket"),
        (Kind.INVALID, "region"),  # facts: expected, given, bucket
        (Kind.MISSING, "bucket tags"),
        (Kind.MISSING, "bucket policy"),
        (Kind.MISSING, "public access block"),
        (Kind.MISSING, "ownership controls"),
        (Kind.DENIED, "public access"),  # an ACL or a policy that would open the bucket, which its block refuses
        (Kind.CONFLICT, "acl"),  # ACLs do not count in this bucket
        (Kind.INVALID, "policy document"),  # facts: where (a JSON pointer)
        (Kind.TOO_LARGE, "policy document"),
        (Kind.INVALID, "tags"),
        (Kind.TOO_MANY, "tags"),
        (Kind.MISSING, "object"),  # facts: key
        (Kind.MISSING, "version"),  # facts: key, version
        (Kind.INVALID, "version"),  # not a version id at all
        (Kind.CONFLICT, "delete marker"),  # the version asked for is a delete marker; facts: version, modified_ms
        (Kind.EXISTS, "object"),  # forbid_overwrite
        (Kind.INVALID, "key"),
        (Kind.TOO_LARGE, "key"),
        (Kind.TOO_LARGE, "metadata"),
        (Kind.TOO_LARGE, "object"),
        (Kind.UNMET, "condition"),  # facts: name of the condition
        (Kind.UNCHANGED, "object"),  # facts: etag, modified_ms
        (Kind.UNSATISFIABLE, "range"),  # facts: size
        (Kind.INVALID, "part number"),
        (Kind.MISSING, "upload"),
        (Kind.INVALID, "part"),  # completing names a part that is not there, or another ETag; facts: number, etag
        (Kind.CONFLICT, "part order"),
        (Kind.TOO_SMALL, "part"),  # facts: number, size, size_min
        (Kind.INVALID, "part source"),  # copying a range that the source does not have
        (Kind.MISMATCH, "checksum type"),  # facts: given, expected
        (Kind.CONFLICT, "append"),  # the object exists and is not appendable
        (Kind.MISMATCH, "position"),  # facts: expected
        (Kind.INVALID, "symlink"),  # points to itself, or to another symlink
        (Kind.MISSING, "symlink target"),
        (Kind.CONFLICT, "symlink"),  # the object is not a symlink
        (Kind.INVALID, "copy"),  # onto itself without changing anything
        (Kind.MISMATCH, "digest"),
        (Kind.TRUNCATED, "body"),
    }
)


# --- buckets ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateBucket(BucketCommand):
    """`place` is where; the other clouds' regions are their defaults. -> BucketInfo."""

    action: ClassVar[str] = "objects:CreateBucket"
    note: Mapping[str, str] = field(default_factory=dict)
    acl: Acl = Acl.PRIVATE
    objects: bool = False  # the ACL is for the bucket's objects, too
    ownership: Ownership | None = None
    storage_class: StorageClass = StorageClass.STANDARD  # of objects whose writer leaves it to the bucket

    def touches(self) -> tuple[tuple[str, str], ...]:
        made = (self.action, self.bucket)
        return (made,) if self.acl is Acl.PRIVATE else (made, ("objects:PutBucketAcl", self.bucket))

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_acl(None if self.acl is Acl.PRIVATE else self.acl)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadBucket(BucketCommand):
    """`needs` names the permission if the caller looks at something of the bucket that has one of its own, by the
    operation that the clouds share ("GetBucketLocation"). -> BucketInfo."""

    action: ClassVar[str] = "objects:HeadBucket"
    needs: str = ""

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((f"objects:{self.needs}" if self.needs else self.action, self.bucket),)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteBucket(BucketCommand):
    """Must be empty: no object, version, delete marker; unfinished uploads are aborted. -> None."""

    action: ClassVar[str] = "objects:DeleteBucket"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBuckets(Command):
    """The caller's buckets, by name. `place` keeps those of one region. -> BucketPage."""

    action: ClassVar[str] = "objects:ListBuckets"
    prefix: str = ""
    after: str = ""
    limit: int = 1000
    place: Place | None = None

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, ""),)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureBucket(BucketCommand):
    """-> BucketStat."""

    action: ClassVar[str] = "objects:MeasureBucket"


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBucketVersioning(BucketCommand):
    """ENABLED or SUSPENDED. -> None."""

    action: ClassVar[str] = "objects:PutBucketVersioning"
    versioning: Versioning


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBucketTags(BucketCommand):
    """Replaces all; empty removes all. -> None."""

    action: ClassVar[str] = "objects:PutBucketTags"
    tags: Mapping[str, str]

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_tags(self.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBucketTags(BucketCommand):
    """-> Mapping[str, str]; MISSING "bucket tags" when there are none."""

    action: ClassVar[str] = "objects:GetBucketTags"


# --- objects ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PutObject(ObjectCommand):
    """Write an object whole. Digests that the body claims are checked, CRC-64/XZ and MD5 always computed.
    -> Written."""

    action: ClassVar[str] = "objects:PutObject"
    body: Inflow
    meta: Meta = Meta()
    tags: Mapping[str, str] = field(default_factory=dict)
    condition: Condition = NO_CONDITION
    forbid_overwrite: bool = False  # EXISTS "object" instead of UNMET

    def touches(self) -> tuple[tuple[str, str], ...]:
        return written(f"{self.bucket}/{self.key}", self.tags, self.meta.acl)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return {**asked_class(self.meta), **asked_tags(self.tags), **asked_acl(self.meta.acl)}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadObject(ObjectCommand):
    """Everything but the bytes. Follows a symlink, unless `follow` is false. -> Found, its `body` None."""

    action: ClassVar[str] = "objects:GetObject"
    version: str | None = None
    range: Range | None = None
    part: int | None = None  # as if `range` were this part's
    condition: Condition = NO_CONDITION
    follow: bool = True
    needs: str = ""  # as HeadBucket's: "GetObjectAcl"

    def touches(self) -> tuple[tuple[str, str], ...]:
        action = f"objects:{self.needs}" if self.needs else self.action
        return ((versioned(action, self.version), f"{self.bucket}/{self.key}"),)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_version(self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetObject(HeadObject):
    """-> Found. The caller must close its `body`. A range beyond the object is UNSATISFIABLE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteObject(ObjectCommand):
    """Deleting what is not there is fine. Without `version`, a versioned bucket gets a delete marker. -> Deleted."""

    action: ClassVar[str] = "objects:DeleteObject"
    version: str | None = None
    condition: Condition = NO_CONDITION

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((versioned(self.action, self.version), f"{self.bucket}/{self.key}"),)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_version(self.version)


@dataclass(frozen=True, slots=True)
class Target:
    """One row of a batch delete. `match`: delete only if the ETag is this one."""

    key: str
    version: str | None = None
    match: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteObjects(BucketCommand):
    """At most limits.DELETE_BATCH_MAX targets, in one transaction, each on its own. -> tuple[Deleted | Fault, ...]."""

    action: ClassVar[str] = "objects:DeleteObject"
    targets: tuple[Target, ...]

    def touches(self) -> tuple[tuple[str, str], ...]:
        return tuple((versioned(self.action, target.version), f"{self.bucket}/{target.key}") for target in self.targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyObject(ObjectCommand):
    """Without moving bytes. `meta` and `tags` None keep the source's (`storage_class` alone may still change); copying
    onto itself without any change is INVALID "copy". `checksum` asks for one of the stored checksum algorithms.
    -> Written, with `modified_ms`."""

    action: ClassVar[str] = "objects:PutObject"
    source: Source
    meta: Meta | None = None
    tags: Mapping[str, str] | None = None
    storage_class: StorageClass | None = None
    condition: Condition = NO_CONDITION
    source_condition: Condition = NO_CONDITION
    checksum: str | None = None
    forbid_overwrite: bool = False
    acl: Acl | None = None  # the copy's own; the source's is not copied
    class_of_bucket: bool = False  # without `storage_class`, the bucket's is taken

    def touches(self) -> tuple[tuple[str, str], ...]:
        write, *more = written(f"{self.bucket}/{self.key}", self.tags, self.acl)
        source = f"{self.source.bucket}/{self.source.key}"
        return (write, (versioned(HeadObject.action, self.source.version), source), *more)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return {
            "objects:copy-source": (f"{self.source.bucket}/{self.source.key}",),
            **asked_class(Meta(storage_class=self.storage_class or StorageClass.STANDARD)),
            **asked_tags(self.tags or {}),
            **asked_acl(self.acl),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ListObjects(BucketCommand):
    """Current objects in the order of their keys' UTF-8 bytes, those sharing a prefix up to `delimiter` rolled up.

    Keys and rolled-up prefixes greater than `after` only. `limit` counts both, and is cut to limits.LIST_MAX.
    -> ObjectPage.
    """

    action: ClassVar[str] = "objects:ListObjects"
    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    limit: int = 1000

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_listing(self.prefix, self.delimiter, self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVersions(BucketCommand):
    """All versions and delete markers: by key, newest first. Begins after version `version_after` of `after`; with
    `version_after` None after all of `after`'s. -> VersionPage."""

    action: ClassVar[str] = "objects:ListVersions"
    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    version_after: str | None = None
    limit: int = 1000

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_listing(self.prefix, self.delimiter, self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutObjectTags(ObjectCommand):
    """Replaces all; empty removes all. -> version id or None."""

    action: ClassVar[str] = "objects:PutObjectTags"
    tags: Mapping[str, str]
    version: str | None = None

    def touches(self) -> tuple[tuple[str, str], ...]:
        action = self.action if self.tags else "objects:DeleteObjectTags"
        return ((versioned(action, self.version), f"{self.bucket}/{self.key}"),)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return {**asked_version(self.version), **asked_tags(self.tags)}


@dataclass(frozen=True, slots=True, kw_only=True)
class GetObjectTags(ObjectCommand):
    """-> Tagged; no tags is an empty mapping."""

    action: ClassVar[str] = "objects:GetObjectTags"
    version: str | None = None

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((versioned(self.action, self.version), f"{self.bucket}/{self.key}"),)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_version(self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendObject(ObjectCommand):
    """Append at `position`, which must be the present length (0 makes the object, with `meta`). -> Written, its
    `size` being the next position."""

    action: ClassVar[str] = "objects:PutObject"
    position: int
    body: Inflow
    meta: Meta = Meta()
    tags: Mapping[str, str] = field(default_factory=dict)

    def touches(self) -> tuple[tuple[str, str], ...]:
        return written(f"{self.bucket}/{self.key}", self.tags, self.meta.acl)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return {**asked_class(self.meta), **asked_tags(self.tags), **asked_acl(self.meta.acl)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PutSymlink(ObjectCommand):
    """`target` is a key of the same bucket; it need not exist. -> Written."""

    action: ClassVar[str] = "objects:PutObject"
    target: str
    meta: Meta = Meta()
    tags: Mapping[str, str] = field(default_factory=dict)
    forbid_overwrite: bool = False

    def touches(self) -> tuple[tuple[str, str], ...]:
        return written(f"{self.bucket}/{self.key}", self.tags, self.meta.acl)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return {**asked_class(self.meta), **asked_tags(self.tags), **asked_acl(self.meta.acl)}


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSymlink(ObjectCommand):
    """-> ObjectInfo of the symlink itself, `target` set."""

    action: ClassVar[str] = "objects:GetObject"
    version: str | None = None

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((versioned(self.action, self.version), f"{self.bucket}/{self.key}"),)


# --- multipart uploads -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUpload(ObjectCommand):
    """`checksum` is the algorithm to keep for the parts and the whole, or None. `forbid_overwrite` asks at
    once, too, and not only when the upload is completed. -> UploadInfo."""

    action: ClassVar[str] = "objects:PutObject"
    meta: Meta = Meta()
    tags: Mapping[str, str] = field(default_factory=dict)
    checksum: str | None = None
    checksum_type: ChecksumType | None = None
    forbid_overwrite: bool = False

    def touches(self) -> tuple[tuple[str, str], ...]:
        return written(f"{self.bucket}/{self.key}", self.tags, self.meta.acl)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return {**asked_class(self.meta), **asked_tags(self.tags), **asked_acl(self.meta.acl)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PutPart(ObjectCommand):
    """Part numbers are 1 to limits.PARTS_MAX; the same number again replaces. -> PartInfo."""

    action: ClassVar[str] = "objects:PutObject"
    upload: str
    number: int
    body: Inflow


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyPart(ObjectCommand):
    """-> PartInfo."""

    action: ClassVar[str] = "objects:PutObject"
    upload: str
    number: int
    source: Source
    range: Range | None = None
    source_condition: Condition = NO_CONDITION

    def touches(self) -> tuple[tuple[str, str], ...]:
        return (
            (self.action, f"{self.bucket}/{self.key}"),
            (versioned(HeadObject.action, self.source.version), f"{self.source.bucket}/{self.source.key}"),
        )


@dataclass(frozen=True, slots=True)
class NamedPart:
    """A part as the completing request names it. `etag` None accepts any; `checksums` are checked if given."""

    number: int
    etag: str | None = None
    checksums: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteUpload(ObjectCommand):
    """Make the object of these parts, in ascending order; `parts` None takes all. All but the last must have
    `part_bytes_min`. `checksums` and `size` are checked against the whole if given. Completing again what was completed
    with the same parts gives the same answer. -> Written."""

    action: ClassVar[str] = "objects:PutObject"
    upload: str
    parts: tuple[NamedPart, ...] | None
    part_bytes_min: int
    checksums: Mapping[str, bytes] = field(default_factory=dict)
    checksum_type: ChecksumType | None = None
    size: int | None = None
    condition: Condition = NO_CONDITION
    forbid_overwrite: bool = False
    acl: Acl | None = None  # None: what the upload was created with

    def touches(self) -> tuple[tuple[str, str], ...]:
        return written(f"{self.bucket}/{self.key}", None, self.acl)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_acl(self.acl)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortUpload(ObjectCommand):
    """-> None."""

    action: ClassVar[str] = "objects:AbortUpload"
    upload: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListParts(ObjectCommand):
    """Parts of an unfinished upload with a number greater than `after`. -> PartPage."""

    action: ClassVar[str] = "objects:ListParts"
    upload: str
    after: int = 0
    limit: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ListObjectParts(ObjectCommand):
    """Parts of a finished multipart object. -> PartPage, its `upload` None."""

    action: ClassVar[str] = "objects:GetObject"
    version: str | None = None
    after: int = 0
    limit: int = 1000

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((versioned(self.action, self.version), f"{self.bucket}/{self.key}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUploads(BucketCommand):
    """Unfinished uploads by key and then by age, after upload `upload_after` of `after` (None: after all of it).
    -> UploadPage."""

    action: ClassVar[str] = "objects:ListUploads"
    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    upload_after: str | None = None
    limit: int = 1000

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_listing(self.prefix, self.delimiter, self.limit)
