"""Appending, as OSS does. To every reader an appended object is an ordinary one."""

from __future__ import annotations

import hashlib

from sampan.kernel import crc, limits
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction, View
from sampan.services.objects import rows, versions
from sampan.services.objects.content import Staged, take_in, write_staged
from sampan.services.objects.context import Context, check_key, check_meta, check_tags, find_bucket
from sampan.services.objects.model import AppendObject, Form, Versioning, Written
from sampan.services.objects.objects import object_row, written

PIECES_MAX = 100_000  # OSS names no limit; each piece costs a row, and a reader of the whole steps through them


async def append_object(context: Context, caller: Caller, command: AppendObject) -> Written:
    check_key(command.key)
    check_meta(command.meta)
    check_tags(command.tags)
    with context.store.view() as view:
        _appendable(view, find_bucket(view, command), command)
    staged = await take_in(context, command.body, limits.APPEND_BYTES_MAX)
    now_ms = context.clock.now_ms()

    def change(tx: Transaction) -> Written:
        bucket = find_bucket(tx, command)
        row = _appendable(tx, bucket, command)
        staged.commit(tx)
        if row is None:
            row = object_row(bucket, caller.account, now_ms, command.meta, dict(command.tags), Form.APPENDABLE)
            _add(tx, context, row, staged, now_ms)
            return written(row, versions.install(tx, context, bucket, command.key, row))
        size_before = row.size
        _add(tx, context, row, staged, now_ms)
        versions.rewrite(tx, bucket, command.key, row, size_before)
        return written(row, None if bucket.versioning == Versioning.NEVER else row.version)

    return await write_staged(context, staged, change)


def _appendable(view: View, bucket: rows.BucketRow, command: AppendObject) -> rows.ObjectRow | None:
    """The object to append to, or None if it is to be made. Raises CONFLICT "append", MISMATCH "position"."""
    row = versions.current(view, bucket, command.key)
    if row is not None and row.form != Form.APPENDABLE:
        raise Fault(Kind.CONFLICT, "append", key=command.key)
    length = row.size if row is not None else 0
    if command.position != length:
        raise Fault(Kind.MISMATCH, "position", key=command.key, given=command.position, expected=length)
    return row


def _add(tx: Transaction, context: Context, row: rows.ObjectRow, staged: Staged, now_ms: int) -> None:
    """Put the new piece behind what is there."""
    if row.size + staged.size > limits.APPEND_BYTES_MAX or row.parts >= PIECES_MAX:
        raise Fault(Kind.TOO_LARGE, "object", size=row.size + staged.size, size_max=limits.APPEND_BYTES_MAX)
    if row.content.kind != "x":
        row.content = rows.Content("x", context.fresh_id(now_ms))
    piece = rows.PartRow(0, staged.size, staged.content, staged.md5.hex(), now_ms, staged.crc64, {})
    if staged.size:
        tx.put(rows.extent(row.content.id, row.size), rows.encode(piece))
    row.crc64 = crc.combine("crc64xz", row.crc64, staged.crc64, staged.size) if row.parts else staged.crc64
    row.parts += 1
    # Not the MD5 of the bytes, which would have to be read again; the "-" keeps clients from taking it for one.
    chained = hashlib.md5(bytes.fromhex(row.etag.partition("-")[0]) + staged.md5, usedforsecurity=False)
    row.etag = f"{chained.hexdigest()}-{row.parts}"
    row.checksums = {}
    row.size += staged.size
    row.modified_ms = now_ms
