"""The service `objects`: which function runs which command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from sampan.kernel.caller import Caller
from sampan.kernel.command import Command, Handlers
from sampan.kernel.policy import Owned, Reader
from sampan.kernel.ports import Blobs, Chance, Clock, Digests, Store
from sampan.services.identity.model import Language
from sampan.services.objects import (
    access,
    appends,
    buckets,
    copies,
    listing,
    model,
    objects,
    permissions,
    symlinks,
    tags,
    uploads,
    workers,
)
from sampan.services.objects.context import Context

COMMANDS: dict[type[Command], Callable[..., Awaitable[Any]]] = {
    model.CreateBucket: buckets.create_bucket,
    model.HeadBucket: buckets.head_bucket,
    model.DeleteBucket: buckets.delete_bucket,
    model.ListBuckets: buckets.list_buckets,
    model.MeasureBucket: buckets.measure_bucket,
    model.PutBucketVersioning: buckets.put_bucket_versioning,
    model.PutBucketTags: buckets.put_bucket_tags,
    model.GetBucketTags: buckets.get_bucket_tags,
    model.PutBucketPolicy: access.put_bucket_policy,
    model.GetBucketPolicy: access.get_bucket_policy,
    model.GetBucketPolicyStatus: access.get_bucket_policy_status,
    model.DeleteBucketPolicy: access.delete_bucket_policy,
    model.PutBucketAcl: access.put_bucket_acl,
    model.GetBucketAcl: access.get_bucket_acl,
    model.PutObjectAcl: access.put_object_acl,
    model.PutBucketBlock: access.put_bucket_block,
    model.PutBucketOwnership: access.put_bucket_ownership,
    model.PutObject: objects.put_object,
    model.HeadObject: objects.head_object,
    model.GetObject: objects.get_object,
    model.DeleteObject: objects.delete_object,
    model.DeleteObjects: objects.delete_objects,
    model.CopyObject: copies.copy_object,
    model.ListObjects: listing.list_objects,
    model.ListVersions: listing.list_versions,
    model.PutObjectTags: tags.put_object_tags,
    model.GetObjectTags: tags.get_object_tags,
    model.AppendObject: appends.append_object,
    model.PutSymlink: symlinks.put_symlink,
    model.GetSymlink: symlinks.get_symlink,
    model.CreateUpload: uploads.create_upload,
    model.PutPart: uploads.put_part,
    model.CopyPart: uploads.copy_part,
    model.CompleteUpload: uploads.complete_upload,
    model.AbortUpload: uploads.abort_upload,
    model.ListParts: uploads.list_parts,
    model.ListObjectParts: uploads.list_object_parts,
    model.ListUploads: listing.list_uploads,
}


class Objects:
    """Buckets and objects over a Store and Blobs. `homes` is each cloud's default region; `readers` read the languages
    that bucket policies are written in.

    `handlers` runs commands; `owned` tells the guard whose a bucket is; `maintain` gives space back and is to run in
    one process at a time.
    """

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        clock: Clock,
        chance: Chance,
        digests: Digests,
        homes: Mapping[str, str],
        readers: Mapping[Language, Reader] = MappingProxyType({}),
    ) -> None:
        self._context = Context(store, blobs, clock, chance, digests, homes, readers)
        self._permissions = permissions.Permissions(self._context)
        self.handlers: Handlers = {command: partial(function, self._context) for command, function in COMMANDS.items()}

    def owned(self, caller: Caller, command: Command, path: str) -> Owned | None:
        """The bucket of a path ("bucket" or "bucket/key") as the guard asks for it, or None if there is none."""
        return self._permissions.owned(caller, command, path)

    def referred_blobs(self) -> Iterator[tuple[str, bool]]:
        """Each blob that objects refer to, and whether it is there: all are, unless somebody else removed files."""
        return workers.referred_blobs(self._context)

    async def maintain(self) -> None:
        """Give space back, until cancelled."""
        await workers.maintain(self._context)
