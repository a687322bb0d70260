"""Versions of a key: finding them, putting a new one in front, taking one away.

The current version lies under `o` unless it is a delete marker; everything else lies under `v`, newest first. So a
listing of current objects never meets old versions, and a bucket without versioning never touches `v`.
"""

from __future__ import annotations

from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction, View
from sampan.services.objects import rows
from sampan.services.objects.content import release
from sampan.services.objects.context import Context
from sampan.services.objects.model import (
    NULL_VERSION,
    Form,
    Meta,
    ObjectInfo,
    Versioning,
)


def object_info(bucket: rows.BucketRow, key: str, row: rows.ObjectRow, latest: bool = True) -> ObjectInfo:
    """The row as others see it."""
    return ObjectInfo(  # by position: half the time of names, and a listing does this a thousand times
        key,
        row.size,
        row.etag,
        row.modified_ms,
        row.owner,
        None if bucket.versioning is Versioning.NEVER else row.version,
        latest,
        row.delete_marker,
        row.form,
        Meta(row.content_type, row.headers, row.user, row.storage_class, row.note, row.acl),
        row.crc64,
        row.checksums,
        row.checksum_type,
        row.parts if row.form is Form.MULTIPART else 0,
        len(row.tags),
        row.target,
    )


def current(view: View, bucket: rows.BucketRow, key: str) -> rows.ObjectRow | None:
    """The object that a reader without a version id sees."""
    raw = view.get(rows.current(bucket.id, key))
    return None if raw is None else rows.decode_object(raw)


def find(view: View, bucket: rows.BucketRow, key: str, version: str | None) -> tuple[rows.ObjectRow, bool]:
    """The version asked for (None: the current object), and whether it is the latest. It may be a delete marker only
    if it was asked for by its id.

    Raises MISSING "object" (with the fact `delete_marker` if that is why), INVALID "version", MISSING "version".
    """
    row = current(view, bucket, key)
    if version is None:
        if row is not None:
            return row, True
        latest = newest_other(view, bucket, key) if bucket.versioning != Versioning.NEVER else None
        raise Fault(Kind.MISSING, "object", key=key, delete_marker=latest.version if latest else None)
    if row is not None and row.version == version:
        return row, True
    order = _order_of(view, bucket, key, version)
    raw = view.get(rows.version(bucket.id, key, order)) if order is not None else None
    found = rows.decode_object(raw) if raw is not None else None
    if found is None or found.version != version:
        raise Fault(Kind.MISSING, "version", key=key, version=version)
    latest = newest_other(view, bucket, key) if row is None else None
    return found, latest is not None and latest.order == found.order


def newest_other(view: View, bucket: rows.BucketRow, key: str) -> rows.ObjectRow | None:
    """The newest of the versions that are not the current object."""
    start = rows.versions(bucket.id, key)
    for _, raw in view.scan(start, rows.successor(start)):
        return rows.decode_object(raw)
    return None


def install(tx: Transaction, context: Context, bucket: rows.BucketRow, key: str, row: rows.ObjectRow) -> str | None:
    """Make `row` (an object or a delete marker) the latest version of `key`. Sets its `version` and `order`.

    -> the version id that clients see, or None while the bucket was never versioned.
    """
    old = current(tx, bucket, key)
    stat = _stat(tx, bucket)
    never = bucket.versioning == Versioning.NEVER
    newest = old or (None if never else newest_other(tx, bucket, key))
    row.order = rows.order_after(row.modified_ms, newest.order if newest else 0)
    if bucket.versioning == Versioning.ENABLED:
        row.version = rows.version_id(row.order, context.chance.token(8))
    else:
        row.version = NULL_VERSION
        if not never:
            _drop_null_other(tx, bucket, key, row.modified_ms, stat)
    if old is not None:
        if old.version == row.version:  # both are the null version: it is replaced
            release(tx, old.content, row.modified_ms)
            _count(stat, old, -1)
        else:
            _put_other(tx, bucket, key, old)
    if row.delete_marker:
        if old is not None:
            tx.delete(rows.current(bucket.id, key))
        _put_other(tx, bucket, key, row)
    else:
        tx.put(rows.current(bucket.id, key), rows.encode(row))
    _count(stat, row, 1)
    tx.put(rows.stat(bucket.id), rows.encode(stat))
    return None if never else row.version


def rewrite(tx: Transaction, bucket: rows.BucketRow, key: str, row: rows.ObjectRow, size_before: int) -> None:
    """Write a version back that was changed in place (its tags, or its bytes by an append)."""
    place = rows.current(bucket.id, key)
    raw = tx.get(place)
    if raw is None or rows.decode_object(raw).order != row.order:
        place = rows.version(bucket.id, key, row.order)
    tx.put(place, rows.encode(row))
    if row.size != size_before:
        stat = _stat(tx, bucket)
        stat.size_bytes += row.size - size_before
        tx.put(rows.stat(bucket.id), rows.encode(stat))


def remove_current(tx: Transaction, bucket: rows.BucketRow, key: str, now_ms: int) -> None:
    """Take the current object of a bucket that was never versioned away. Nothing there is fine."""
    row = current(tx, bucket, key)
    if row is not None:
        tx.delete(rows.current(bucket.id, key))
        _forget(tx, bucket, row, now_ms)


def remove(tx: Transaction, bucket: rows.BucketRow, key: str, version: str, now_ms: int) -> rows.ObjectRow | None:
    """Take one version away for good; the next one, if it is an object, becomes current. -> what was removed."""
    try:
        row, latest = find(tx, bucket, key, version)
    except Fault as fault:
        if fault.kind is Kind.MISSING:
            return None
        raise
    kept = current(tx, bucket, key)
    if kept is not None and kept.order == row.order:
        tx.delete(rows.current(bucket.id, key))
    else:
        tx.delete(rows.version(bucket.id, key, row.order))
        if row.version == NULL_VERSION:
            tx.delete(rows.null_version(bucket.id, key))
    _forget(tx, bucket, row, now_ms)
    heir = newest_other(tx, bucket, key) if latest else None
    if heir is not None and not heir.delete_marker:
        tx.delete(rows.version(bucket.id, key, heir.order))
        if heir.version == NULL_VERSION:
            tx.delete(rows.null_version(bucket.id, key))
        tx.put(rows.current(bucket.id, key), rows.encode(heir))
    return row


def _order_of(view: View, bucket: rows.BucketRow, key: str, version: str) -> int | None:
    if version == NULL_VERSION:
        raw = view.get(rows.null_version(bucket.id, key))
        return None if raw is None else rows.decode_number(raw)
    order = rows.order_of(version)
    if order is None:
        raise Fault(Kind.INVALID, "version", version=version[:128])
    return order


def _put_other(tx: Transaction, bucket: rows.BucketRow, key: str, row: rows.ObjectRow) -> None:
    tx.put(rows.version(bucket.id, key, row.order), rows.encode(row))
    if row.version == NULL_VERSION:
        tx.put(rows.null_version(bucket.id, key), rows.encode(row.order))


def _drop_null_other(tx: Transaction, bucket: rows.BucketRow, key: str, now_ms: int, stat: rows.StatRow) -> None:
    """Remove the null version if it is not the current object: a new null version replaces it."""
    pointer = rows.null_version(bucket.id, key)
    raw = tx.get(pointer)
    if raw is None:
        return
    place = rows.version(bucket.id, key, rows.decode_number(raw))
    found = tx.get(place)
    if found is not None:
        row = rows.decode_object(found)
        release(tx, row.content, now_ms)
        _count(stat, row, -1)
        tx.delete(place)
    tx.delete(pointer)


def _forget(tx: Transaction, bucket: rows.BucketRow, row: rows.ObjectRow, now_ms: int) -> None:
    release(tx, row.content, now_ms)
    stat = _stat(tx, bucket)
    _count(stat, row, -1)
    tx.put(rows.stat(bucket.id), rows.encode(stat))


def _stat(view: View, bucket: rows.BucketRow) -> rows.StatRow:
    raw = view.get(rows.stat(bucket.id))
    return rows.StatRow() if raw is None else rows.decode_stat(raw)


def _count(stat: rows.StatRow, row: rows.ObjectRow, sign: int) -> None:
    if row.delete_marker:
        stat.delete_markers += sign
    else:
        stat.objects += sign
        stat.size_bytes += sign * row.size
