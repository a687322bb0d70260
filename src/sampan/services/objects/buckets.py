"""Buckets: one function per command."""

from __future__ import annotations

import re

from sampan.kernel import limits
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction
from sampan.services.objects import rows
from sampan.services.objects.content import release
from sampan.services.objects.context import Context, bucket_named, check_acl, check_tags, find_bucket
from sampan.services.objects.model import (
    Acl,
    BucketInfo,
    BucketPage,
    BucketStat,
    CreateBucket,
    DeleteBucket,
    GetBucketTags,
    HeadBucket,
    ListBuckets,
    MeasureBucket,
    PutBucketTags,
    PutBucketVersioning,
    Versioning,
)

# S3's rules for names (3 to 63 of lower-case letters, digits, dots and hyphens); OSS's are narrower: without dots.
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_IP = re.compile(r"\d+\.\d+\.\d+\.\d+")
_RESERVED_START = ("xn--", "sthree-")
_RESERVED_END = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def check_name(name: str) -> None:
    """Raises INVALID "bucket name". Source: S3 User Guide, general purpose bucket naming rules."""
    if (
        not _NAME.fullmatch(name)
        or ".." in name
        or ".-" in name
        or "-." in name
        or _IP.fullmatch(name)
        or name.startswith(_RESERVED_START)
        or name.endswith(_RESERVED_END)
    ):
        raise Fault(Kind.INVALID, "bucket name", bucket=name)


def bucket_info(row: rows.BucketRow) -> BucketInfo:
    """A bucket's row as callers see it."""
    return BucketInfo(
        row.name, row.owner, row.created_ms, row.places, row.versioning, row.note, row.acl, row.block, row.ownership,
        row.storage_class,
    )  # fmt: skip


async def create_bucket(context: Context, caller: Caller, command: CreateBucket) -> BucketInfo:
    check_name(command.bucket)
    now_ms = context.clock.now_ms()
    places = dict(context.homes)
    if command.place is not None:
        places[command.place.cloud] = command.place.region
    row = rows.BucketRow(
        context.chance.token(8),
        command.bucket,
        caller.account,
        now_ms,
        places,
        Versioning.NEVER,
        dict(command.note),
        {},
        acl=command.acl,
        acl_of_objects=command.objects,
        ownership=command.ownership,
        storage_class=command.storage_class,
    )
    if command.acl is not Acl.PRIVATE:
        check_acl(row, command.acl)

    def change(tx: Transaction) -> BucketInfo:
        found = tx.get(rows.bucket(row.name))
        if found is not None:
            existing = rows.decode_bucket(found)
            mine = existing.owner == caller.account
            raise Fault(Kind.EXISTS, "bucket", bucket=row.name, mine=mine, info=bucket_info(existing) if mine else None)
        mine_start = rows.account(caller.account)
        owned = sum(1 for _ in tx.scan(mine_start, rows.successor(mine_start)))
        if owned >= limits.BUCKETS_MAX:
            raise Fault(Kind.TOO_MANY, "bucket", count_max=limits.BUCKETS_MAX)
        tx.put(rows.bucket(row.name), rows.encode(row))
        tx.put(rows.account(row.owner, row.name), b"")
        tx.put(rows.stat(row.id), rows.encode(rows.StatRow()))
        return bucket_info(row)

    return await context.store.write(change)


async def head_bucket(context: Context, caller: Caller, command: HeadBucket) -> BucketInfo:
    with context.store.view() as view:
        return bucket_info(find_bucket(view, command))


async def delete_bucket(context: Context, caller: Caller, command: DeleteBucket) -> None:
    now_ms = context.clock.now_ms()

    def change(tx: Transaction) -> None:
        row = find_bucket(tx, command)
        for start in (rows.all_current(row.id), rows.all_versions(row.id)):
            if next(iter(tx.scan(start, rows.successor(start))), None) is not None:
                raise Fault(Kind.CONFLICT, "bucket", bucket=row.name)
        # Unfinished uploads go with their bucket, as in S3.
        start = rows.all_uploads(row.id)
        for key, raw in list(tx.scan(start, rows.successor(start))):
            upload = rows.decode_upload(raw).upload
            parts = rows.parts(upload)
            for part_key, part_raw in list(tx.scan(parts, rows.successor(parts))):
                release(tx, rows.decode_part(part_raw).content, now_ms)
                tx.delete(part_key)
            tx.delete(key)
        tx.delete(rows.stat(row.id))
        tx.delete(rows.account(row.owner, row.name))
        tx.delete(rows.bucket(row.name))

    await context.store.write(change)


async def list_buckets(context: Context, caller: Caller, command: ListBuckets) -> BucketPage:
    limit = max(0, min(command.limit, limits.BUCKETS_MAX))
    own = rows.account(caller.account)
    start = rows.account(caller.account, command.prefix)
    end = rows.successor(start)
    if command.after:
        start = max(start, rows.account(caller.account, command.after) + b"\0")
    found: list[BucketInfo] = []
    with context.store.view() as view:
        for key, _ in view.scan(start, end):
            info = bucket_info(bucket_named(view, key[len(own) :].decode()))
            if command.place is not None and info.places.get(command.place.cloud) != command.place.region:
                continue
            if len(found) == limit:
                return BucketPage(tuple(found), found[-1].name if found else command.after)
            found.append(info)
    return BucketPage(tuple(found), None)


async def measure_bucket(context: Context, caller: Caller, command: MeasureBucket) -> BucketStat:
    with context.store.view() as view:
        row = find_bucket(view, command)
        stat = rows.decode_stat(view.get(rows.stat(row.id)) or rows.encode(rows.StatRow()))
    return BucketStat(stat.objects, stat.size_bytes, stat.uploads, stat.delete_markers)


async def put_bucket_versioning(context: Context, caller: Caller, command: PutBucketVersioning) -> None:
    if command.versioning is Versioning.NEVER:
        raise AssertionError("versioning cannot be taken back: a dialect must not ask for it")

    def change(tx: Transaction) -> None:
        row = find_bucket(tx, command)
        row.versioning = command.versioning
        tx.put(rows.bucket(row.name), rows.encode(row))

    await context.store.write(change)


async def put_bucket_tags(context: Context, caller: Caller, command: PutBucketTags) -> None:
    check_tags(command.tags, limits.BUCKET_TAGS_MAX)

    def change(tx: Transaction) -> None:
        row = find_bucket(tx, command)
        row.tags = dict(command.tags)
        tx.put(rows.bucket(row.name), rows.encode(row))

    await context.store.write(change)


async def get_bucket_tags(context: Context, caller: Caller, command: GetBucketTags) -> dict[str, str]:
    with context.store.view() as view:
        tags = find_bucket(view, command).tags
    if not tags:
        raise Fault(Kind.MISSING, "bucket tags", bucket=command.bucket)
    return tags
