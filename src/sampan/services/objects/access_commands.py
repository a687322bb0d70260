"""The commands that say who else may use a bucket or an object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sampan.services.identity.model import Document
from sampan.services.objects.asking import asked_acl, asked_version, versioned
from sampan.services.objects.bases import BucketCommand, ObjectCommand
from sampan.services.objects.values import Acl, Block, Ownership


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBucketPolicy(BucketCommand):
    """Who may do what with the bucket and its objects, besides what the callers' own policies say. -> None."""

    action: ClassVar[str] = "objects:PutBucketPolicy"
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBucketPolicy(BucketCommand):
    """-> Document; MISSING "bucket policy" when there is none."""

    action: ClassVar[str] = "objects:GetBucketPolicy"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteBucketPolicy(BucketCommand):
    """Deleting what is not there is fine. -> None."""

    action: ClassVar[str] = "objects:DeleteBucketPolicy"


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBucketAcl(BucketCommand):
    """One of the canned ACLs. `objects`: it is for the bucket's objects, too (OSS); else for the bucket itself alone,
    its listing (S3, where each object has an ACL of its own). -> None."""

    action: ClassVar[str] = "objects:PutBucketAcl"
    acl: Acl
    objects: bool

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_acl(self.acl)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBucketAcl(BucketCommand):
    """-> BucketInfo, which has the ACL."""

    action: ClassVar[str] = "objects:GetBucketAcl"


@dataclass(frozen=True, slots=True, kw_only=True)
class PutObjectAcl(ObjectCommand):
    """`acl` None takes the object's own away: the bucket's counts again. -> version id or None."""

    action: ClassVar[str] = "objects:PutObjectAcl"
    acl: Acl | None
    version: str | None = None

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((versioned(self.action, self.version), f"{self.bucket}/{self.key}"),)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return {**asked_version(self.version), **asked_acl(self.acl)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBucketBlock(BucketCommand):
    """What keeps the bucket from being public; None takes it away. -> None."""

    action: ClassVar[str] = "objects:PutBucketBlock"
    block: Block | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBucketOwnership(BucketCommand):
    """Whether ACLs count in it; None takes the setting away: they do. -> None."""

    action: ClassVar[str] = "objects:PutBucketOwnership"
    ownership: Ownership | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBucketPolicyStatus(BucketCommand):
    """Whether the bucket's policy opens it to the public. -> bool; MISSING "bucket policy" when there is none."""

    action: ClassVar[str] = "objects:GetBucketPolicyStatus"
