"""An object's tags."""

from __future__ import annotations

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction, View
from sampan.services.objects import rows, versions
from sampan.services.objects.context import Context, check_tags, find_bucket
from sampan.services.objects.model import GetObjectTags, ObjectCommand, PutObjectTags, Tagged, Versioning


def _find(view: View, command: ObjectCommand, version: str | None) -> tuple[rows.BucketRow, rows.ObjectRow, str | None]:
    bucket = find_bucket(view, command)
    row, _ = versions.find(view, bucket, command.key, version)
    if row.delete_marker:
        raise Fault(Kind.CONFLICT, "delete marker", key=command.key, version=row.version, modified_ms=row.modified_ms)
    return bucket, row, None if bucket.versioning == Versioning.NEVER else row.version


async def put_object_tags(context: Context, caller: Caller, command: PutObjectTags) -> str | None:
    check_tags(command.tags)

    def change(tx: Transaction) -> str | None:
        bucket, row, shown = _find(tx, command, command.version)
        row.tags = dict(command.tags)
        versions.rewrite(tx, bucket, command.key, row, row.size)
        return shown

    return await context.store.write(change)


async def get_object_tags(context: Context, caller: Caller, command: GetObjectTags) -> Tagged:
    with context.store.view() as view:
        _, row, shown = _find(view, command, command.version)
    return Tagged(row.tags, shown)
