"""Symbolic links, as OSS has them: an object that stands for another one of its bucket."""

from __future__ import annotations

import hashlib

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction
from sampan.services.objects import versions
from sampan.services.objects.conditions import check_write
from sampan.services.objects.context import Context, check_key, check_meta, check_tags, find_bucket
from sampan.services.objects.model import NO_CONDITION, Form, GetSymlink, ObjectInfo, PutSymlink, Written
from sampan.services.objects.objects import object_row, written


async def put_symlink(context: Context, caller: Caller, command: PutSymlink) -> Written:
    check_key(command.key)
    check_key(command.target)
    check_meta(command.meta)
    check_tags(command.tags)
    if command.target == command.key:
        raise Fault(Kind.INVALID, "symlink", "a symlink may not point to itself", key=command.key)
    now_ms = context.clock.now_ms()

    def change(tx: Transaction) -> Written:
        bucket = find_bucket(tx, command)
        row = object_row(bucket, caller.account, now_ms, command.meta, dict(command.tags), Form.SYMLINK)
        row.target = command.target
        row.etag = hashlib.md5(command.target.encode(), usedforsecurity=False).hexdigest()
        check_write(NO_CONDITION, versions.current(tx, bucket, command.key), command.key, command.forbid_overwrite)
        return written(row, versions.install(tx, context, bucket, command.key, row))

    return await context.store.write(change)


async def get_symlink(context: Context, caller: Caller, command: GetSymlink) -> ObjectInfo:
    with context.store.view() as view:
        bucket = find_bucket(view, command)
        row, latest = versions.find(view, bucket, command.key, command.version)
    if row.delete_marker:
        raise Fault(Kind.CONFLICT, "delete marker", key=command.key, version=row.version, modified_ms=row.modified_ms)
    if row.form != Form.SYMLINK:
        raise Fault(Kind.CONFLICT, "symlink", key=command.key)
    return versions.object_info(bucket, command.key, row, latest)
