"""The service `objects`: which function runs which command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any

from sampan.kernel.command import Command, Handlers
from sampan.kernel.ports import Blobs, Chance, Clock, Digests, Store
from sampan.services.objects import (
    appends,
    buckets,
    copies,
    listing,
    model,
    objects,
    rows,
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
    """Buckets and objects over a Store and Blobs. `homes` is each cloud's default region.

    `handlers` runs commands; `owner` tells the guard whose a bucket is; `maintain` gives space back and is to run in
    one process at a time.
    """

    def __init__(
        self, store: Store, blobs: Blobs, clock: Clock, chance: Chance, digests: Digests, homes: Mapping[str, str]
    ) -> None:
        self._context = Context(store, blobs, clock, chance, digests, homes)
        self.handlers: Handlers = {command: partial(function, self._context) for command, function in COMMANDS.items()}

    def owner(self, path: str) -> str | None:
        """The account that owns the bucket of a path ("bucket" or "bucket/key"), or None if there is none."""
        name = path.partition("/")[0]
        if not name or not name.isascii():
            return None
        row = self._context.buckets.find(rows.bucket(name))
        return None if row is None else row.owner

    def referred_blobs(self) -> Iterator[tuple[str, bool]]:
        """Each blob that objects refer to, and whether it is there: all are, unless somebody else removed files."""
        return workers.referred_blobs(self._context)

    async def maintain(self) -> None:
        """Give space back, until cancelled."""
        await workers.maintain(self._context)
