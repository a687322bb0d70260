"""Objects: one function per command."""

from __future__ import annotations

import msgspec

from sampan.kernel import limits
from sampan.kernel.body import Bytes, Outflow
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Store, Transaction, View
from sampan.services.objects import rows, versions
from sampan.services.objects.conditions import check_read, check_write, span
from sampan.services.objects.content import Flow, Piece, Staged, pieces, take_in, write_staged
from sampan.services.objects.context import (
    Context,
    check_acl,
    check_key,
    check_meta,
    check_place,
    check_tags,
    class_of,
    find_bucket,
)
from sampan.services.objects.model import (
    Deleted,
    DeleteObject,
    DeleteObjects,
    Form,
    Found,
    GetObject,
    HeadObject,
    Meta,
    ObjectInfo,
    Outcome,
    PutObject,
    Target,
    Versioning,
    Written,
)

_TRIES = 3  # a reader may find a row whose blob was replaced and removed a moment later; then the row is new, too


def object_row(
    bucket: rows.BucketRow, caller_account: str, now_ms: int, meta: Meta, tags: dict[str, str], form: Form
) -> rows.ObjectRow:
    """A row with what the writer said; the bytes are filled in by `fill`. Raises as `check_acl`."""
    check_acl(bucket, meta.acl)
    return rows.ObjectRow(
        version="",
        order=0,
        modified_ms=now_ms,
        owner=caller_account,
        form=form,
        content_type=meta.content_type,
        headers=dict(meta.headers),
        user=dict(meta.user),
        storage_class=class_of(bucket, meta),
        note=dict(meta.note),
        tags=tags,
        acl=meta.acl,
    )


def fill(row: rows.ObjectRow, staged: Staged) -> None:
    """Put what was taken in into the row."""
    row.size = staged.size
    row.etag = staged.md5.hex()
    row.crc64 = staged.crc64
    row.checksums = staged.checksums
    row.content = staged.content


def written(row: rows.ObjectRow, version: str | None, source_version: str | None = None) -> Written:
    """What the writer of a row gets back."""
    return Written(
        row.etag, row.size, row.crc64, row.modified_ms, version, row.checksums,
        checksum_type=row.checksum_type, source_version=source_version,
    )  # fmt: skip


async def put_object(context: Context, caller: Caller, command: PutObject) -> Written:
    check_key(command.key)
    check_meta(command.meta)
    check_tags(command.tags)
    _refuse_early(context, command)
    staged = await take_in(context, command.body, limits.PUT_BYTES_MAX)

    def change(tx: Transaction) -> Written:
        bucket = find_bucket(tx, command)
        if _conditional(command):
            existing = versions.current(tx, bucket, command.key)
            check_write(command.condition, existing, command.key, command.forbid_overwrite)
        now_ms = context.clock.now_ms()
        row = object_row(bucket, caller.account, now_ms, command.meta, dict(command.tags), Form.NORMAL)
        fill(row, staged)
        staged.commit(tx)
        return written(row, versions.install(tx, context, bucket, command.key, row))

    return await write_staged(context, staged, change)


def _conditional(command: PutObject) -> bool:
    return command.forbid_overwrite or bool(command.condition.match or command.condition.none_match)


def _refuse_early(context: Context, command: PutObject) -> None:
    """Refuse what is bound to fail, before the bytes come."""
    known = context.buckets.find(rows.bucket(command.bucket)) if command.bucket.isascii() else None
    if known is not None and not _conditional(command):
        check_place(known, command.place)
        check_acl(known, command.meta.acl)
        return
    with context.store.view() as view:
        bucket = find_bucket(view, command)
        check_acl(bucket, command.meta.acl)
        if _conditional(command):
            row = versions.current(view, bucket, command.key)
            check_write(command.condition, row, command.key, command.forbid_overwrite)


async def head_object(context: Context, caller: Caller, command: HeadObject) -> Found:
    at_once = _found_at_once(context, command, with_body=False)
    if at_once is not None:
        return at_once
    with context.store.view() as view:
        return _found(context, view, command, with_body=False)


async def get_object(context: Context, caller: Caller, command: GetObject) -> Found:
    for _ in range(_TRIES - 1):
        try:
            at_once = _found_at_once(context, command, with_body=True)
            if at_once is not None:
                return at_once
            with context.store.view() as view:
                return _found(context, view, command, with_body=True)
        except KeyError:
            continue
    try:
        with context.store.view() as view:
            return _found(context, view, command, with_body=True)
    except KeyError:
        raise Fault(Kind.INTERNAL, "server", "the object's bytes are missing from the data folder") from None


def _found_at_once(context: Context, command: HeadObject, *, with_body: bool) -> Found | None:
    """What nearly every read asks for: the current object, its bytes in one piece. None where it takes a view.

    Without a view, bucket and object could be of different moments; they are not if the bucket is the same after the
    object was read. The bytes are of the row that refers to them, whenever they are read. Raises KeyError if they are
    gone.
    """
    if command.version is not None or command.part is not None or not command.bucket.isascii():
        return None
    place = rows.bucket(command.bucket)
    bucket = context.buckets.find(place)
    if bucket is None:
        return None
    row = context.objects.find(rows.current(bucket.id, command.key))
    if row is None or context.buckets.find(place) is not bucket:
        return None
    if row.form is Form.SYMLINK or row.content.kind == "x":
        return None
    check_place(bucket, command.place)
    check_read(command.condition, row)
    first, length = span(command.range, row.size)
    body: Outflow | None = None
    if with_body and (row.content.kind == "d" or length == 0):
        body = _small(context.store, row.content, first, length)
    elif with_body:
        body = Flow(context, [Piece(row.content, first, length)])
    partial = command.range is not None and not command.range.whole(row.size)
    return Found(versions.object_info(bucket, command.key, row), first, first + length - 1, partial, body)


def _found(context: Context, view: View, command: HeadObject, *, with_body: bool) -> Found:
    bucket = find_bucket(view, command)
    row, latest = versions.find(view, bucket, command.key, command.version)
    if row.delete_marker:
        raise Fault(Kind.CONFLICT, "delete marker", key=command.key, version=row.version, modified_ms=row.modified_ms)
    info_row = row
    if row.form == Form.SYMLINK and command.follow:
        row = follow(view, bucket, command.key, row)
    check_read(command.condition, row)
    if command.part is not None:
        first, length = _part_span(view, row, command.part)
    elif command.range is None:
        first, length = 0, row.size
    else:
        first, length = span(command.range, row.size)
    info = versions.object_info(bucket, command.key, row, latest)
    if info_row is not row:
        info = _through_symlink(info, info_row)
    ranged = command.range is not None and not command.range.whole(row.size)
    partial = ranged or command.part is not None
    body = open_content(context, view, row.content, row.size, first, length) if with_body else None
    return Found(info, first, first + length - 1, partial, body)


def open_content(context: Context, view: View, content: rows.Content, size: int, first: int, length: int) -> Outflow:
    """The bytes as a flow. Small ones are read here and now, from the same snapshot as the row."""
    if content.kind == "d" or length == 0:
        return _small(view, content, first, length)
    return Flow(context, pieces(view, content, size, first, length))


def _small(view: View | Store, content: rows.Content, first: int, length: int) -> Bytes:
    """A part of what lies in the Store. Raises KeyError if it is gone."""
    data = view.get(rows.data(content.id)) if length else b""
    if data is None:
        raise KeyError(content.id)
    return Bytes(data if length == len(data) else data[first : first + length])


def follow(view: View, bucket: rows.BucketRow, key: str, row: rows.ObjectRow) -> rows.ObjectRow:
    """What a symlink points to. Raises MISSING "symlink target", INVALID "symlink" (a symlink again)."""
    target = row.target or ""
    found = versions.current(view, bucket, target)
    if found is None:
        raise Fault(Kind.MISSING, "symlink target", key=key, target=target)
    if found.form == Form.SYMLINK:
        raise Fault(Kind.INVALID, "symlink", "a symlink may not point to a symlink", key=key, target=target)
    return found


def _through_symlink(info: ObjectInfo, link: rows.ObjectRow) -> ObjectInfo:
    """The target's bytes and metadata under the symlink's form and version."""
    return msgspec.structs.replace(info, form=Form.SYMLINK, target=link.target)


def _part_span(view: View, row: rows.ObjectRow, number: int) -> tuple[int, int]:
    """Where a part of a multipart object lies; any other object is one part."""
    if row.form != Form.MULTIPART or row.content.kind != "x":
        if number != 1:
            raise Fault(Kind.INVALID, "part number", number=number, parts=max(row.parts, 1))
        return 0, row.size
    offset = 0
    start = rows.extents(row.content.id)
    for index, (_, raw) in enumerate(view.scan(start, rows.successor(start)), 1):
        part = rows.decode_part(raw)
        if index == number:
            return offset, part.size
        offset += part.size
    raise Fault(Kind.INVALID, "part number", number=number, parts=row.parts)


async def delete_object(context: Context, caller: Caller, command: DeleteObject) -> Deleted:
    target = Target(command.key, command.version)
    now_ms = context.clock.now_ms()

    def change(tx: Transaction) -> Deleted:
        bucket = find_bucket(tx, command)
        if command.condition.match:
            existing = versions.current(tx, bucket, command.key)
            check_write(command.condition, existing, command.key)
        return _delete(tx, context, caller, bucket, target, now_ms)

    return await context.store.write(change)


async def delete_objects(context: Context, caller: Caller, command: DeleteObjects) -> tuple[Outcome, ...]:
    now_ms = context.clock.now_ms()

    def change(tx: Transaction) -> tuple[Outcome, ...]:
        bucket = find_bucket(tx, command)
        outcomes: list[Outcome] = []
        for target in command.targets[: limits.DELETE_BATCH_MAX]:
            try:
                if target.match is not None:
                    existing = versions.current(tx, bucket, target.key)
                    if existing is None or target.match.strip('"').lower() not in ("*", existing.etag):
                        raise Fault(Kind.UNMET, "condition", condition="ETag", key=target.key)
                outcomes.append(_delete(tx, context, caller, bucket, target, now_ms))
            except Fault as fault:
                outcomes.append(fault)
        return tuple(outcomes)

    return await context.store.write(change)


def _delete(
    tx: Transaction, context: Context, caller: Caller, bucket: rows.BucketRow, target: Target, now_ms: int
) -> Deleted:
    check_key(target.key)
    if target.version is not None:
        removed = versions.remove(tx, bucket, target.key, target.version, now_ms)
        return Deleted(target.key, target.version, removed is not None and removed.delete_marker)
    if bucket.versioning == Versioning.NEVER:
        versions.remove_current(tx, bucket, target.key, now_ms)
        return Deleted(target.key)
    marker = rows.ObjectRow(version="", order=0, modified_ms=now_ms, owner=caller.account, delete_marker=True)
    return Deleted(target.key, versions.install(tx, context, bucket, target.key, marker), True)
