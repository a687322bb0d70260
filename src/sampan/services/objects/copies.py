"""Copying objects without moving bytes: the copy refers to the same content."""

from __future__ import annotations

from sampan.kernel import limits
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction, View
from sampan.services.objects import rows, versions
from sampan.services.objects.conditions import check_source, check_write
from sampan.services.objects.content import Flow, pieces, retain
from sampan.services.objects.context import (
    Context,
    bucket_named,
    check_acl,
    check_key,
    check_meta,
    check_tags,
    find_bucket,
)
from sampan.services.objects.model import ChecksumType, CopyObject, Form, Source, StorageClass, Versioning, Written
from sampan.services.objects.objects import follow, written

_STANDARD = StorageClass.STANDARD


def find_source(view: View, source: Source) -> tuple[rows.ObjectRow, str | None]:
    """The object to copy from, and its version id if its bucket has versions. Symlinks are followed.

    Raises MISSING "bucket" | "object" | "version", CONFLICT "delete marker".
    """
    bucket = bucket_named(view, source.bucket)
    row, _ = versions.find(view, bucket, source.key, source.version)
    if row.delete_marker:
        raise Fault(Kind.CONFLICT, "delete marker", key=source.key, version=row.version, modified_ms=row.modified_ms)
    if row.form == Form.SYMLINK:
        row = follow(view, bucket, source.key, row)
    return row, None if bucket.versioning == Versioning.NEVER else row.version


async def copy_object(context: Context, caller: Caller, command: CopyObject) -> Written:
    check_key(command.key)
    if command.meta is not None:
        check_meta(command.meta)
    if command.tags is not None:
        check_tags(command.tags)
    onto_itself = (command.source.bucket, command.source.key, command.source.version) == (
        command.bucket, command.key, None,
    )  # fmt: skip
    if onto_itself and command.meta is None and command.storage_class is None and command.tags is None:
        raise Fault(Kind.INVALID, "copy", "the copy would change nothing")
    computed = await _checksum(context, command) if command.checksum else None
    now_ms = context.clock.now_ms()

    def change(tx: Transaction) -> Written:
        bucket = find_bucket(tx, command)
        source, source_version = find_source(tx, command.source)
        check_source(command.source_condition, source)
        if source.size > limits.PUT_BYTES_MAX:
            raise Fault(Kind.TOO_LARGE, "object", size=source.size, size_max=limits.PUT_BYTES_MAX)
        check_write(command.condition, versions.current(tx, bucket, command.key), command.key, command.forbid_overwrite)
        check_acl(bucket, command.acl)
        row = _copy(bucket, source, command, caller.account, now_ms)
        if computed is not None and command.checksum is not None and computed[0] == source.order:
            row.checksums = {command.checksum: computed[1]}
            row.checksum_type = ChecksumType.FULL
        retain(tx, row.content)
        return written(row, versions.install(tx, context, bucket, command.key, row), source_version)

    return await context.store.write(change)


def _copy(
    bucket: rows.BucketRow, source: rows.ObjectRow, command: CopyObject, account: str, now_ms: int
) -> rows.ObjectRow:
    row = rows.ObjectRow(
        version="",
        order=0,
        modified_ms=now_ms,
        owner=account,
        size=source.size,
        etag=source.etag,
        content=source.content,
        # An appendable object's copy is an ordinary one: appending to it would append to both.
        form=Form.NORMAL if source.form == Form.APPENDABLE else source.form,
        content_type=source.content_type,
        headers=source.headers,
        user=source.user,
        storage_class=command.storage_class or (bucket.storage_class if command.class_of_bucket else _STANDARD),
        note=source.note,
        crc64=source.crc64,
        checksums=source.checksums,
        checksum_type=source.checksum_type,
        parts=source.parts,
        tags=source.tags if command.tags is None else dict(command.tags),
        acl=command.acl,  # the source's is never copied: S3 and OSS both
    )
    if command.meta is not None:
        row.content_type = command.meta.content_type
        row.headers = dict(command.meta.headers)
        row.user = dict(command.meta.user)
        row.note = dict(command.meta.note)
    return row


async def _checksum(context: Context, command: CopyObject) -> tuple[int, bytes] | None:
    """The source's order and the checksum asked for, if the source has not got it already."""
    algorithm = command.checksum or ""
    with context.store.view() as view:
        row, _ = find_source(view, command.source)
        if algorithm in row.checksums and row.checksum_type == ChecksumType.FULL:
            return row.order, row.checksums[algorithm]
        flow = Flow(context, pieces(view, row.content, row.size, 0, row.size))
    digester = context.digests.start([algorithm])
    try:
        async for chunk in flow.chunks():
            digester.update(chunk)
    finally:
        flow.close()
    return row.order, digester.values()[algorithm]
