"""Listing objects, versions and uploads: a walk over ordered rows that rolls up what shares a prefix."""

from __future__ import annotations

from collections.abc import Iterator

from sampan.kernel import limits
from sampan.kernel.caller import Caller
from sampan.kernel.ports import View
from sampan.services.objects import rows, versions
from sampan.services.objects.context import Context, find_bucket
from sampan.services.objects.model import (
    NULL_VERSION,
    ListObjects,
    ListUploads,
    ListVersions,
    ObjectInfo,
    ObjectPage,
    UploadInfo,
    UploadPage,
    VersionPage,
)
from sampan.services.objects.uploads import upload_info


async def list_objects(context: Context, caller: Caller, command: ListObjects) -> ObjectPage:
    limit = _limit(command.limit)
    objects: list[ObjectInfo] = []
    prefixes: list[str] = []
    if limit == 0 or not (_encodable(command.prefix) and _encodable(command.after)):
        with context.store.view() as view:
            find_bucket(view, command)
        return ObjectPage((), (), None)
    last = ""
    with context.store.view() as view:
        bucket = find_bucket(view, command)
        base = rows.all_current(bucket.id)
        end = rows.successor(base + command.prefix.encode())
        start = base + command.prefix.encode()
        if command.after and command.after >= command.prefix:
            start = _start_after(base, command.prefix, command.delimiter, command.after)
        while True:
            jump = None
            for raw_key, raw in view.scan(start, end):
                key = raw_key[len(base) :].decode()
                rolled = _rolled(key, command.prefix, command.delimiter) if command.delimiter else None
                if len(objects) + len(prefixes) == limit:
                    return ObjectPage(tuple(objects), tuple(prefixes), last)
                if rolled is not None:
                    prefixes.append(rolled)
                    last = rolled
                    jump = rows.successor(base + rolled.encode())
                    break
                objects.append(versions.object_info(bucket, key, rows.decode_object(raw)))
                last = key
            if jump is None:
                return ObjectPage(tuple(objects), tuple(prefixes), None)
            start = jump


def _limit(wanted: int) -> int:
    return max(0, min(wanted, limits.LIST_MAX))


def _encodable(text: str) -> bool:
    """Text that is not UTF-8 is the beginning of no key."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _rolled(key: str, prefix: str, delimiter: str) -> str | None:
    """The prefix that the key is rolled up to, if it is."""
    if not delimiter:
        return None
    at = key.find(delimiter, len(prefix))
    return None if at < 0 else key[: at + len(delimiter)]


def _start_after(base: bytes, prefix: str, delimiter: str, after: str) -> bytes:
    """The first row that can be listed after `after`: past all that is rolled up into a prefix at or before it."""
    rolled = _rolled(after, prefix, delimiter) if after.startswith(prefix) else None
    return rows.successor(base + rolled.encode()) if rolled is not None else base + after.encode() + b"\0"


async def list_versions(context: Context, caller: Caller, command: ListVersions) -> VersionPage:
    limit = _limit(command.limit)
    found: list[ObjectInfo] = []
    prefixes: list[str] = []
    last: tuple[str, str | None] = ("", None)
    with context.store.view() as view:
        bucket = find_bucket(view, command)
        if limit == 0 or not (_encodable(command.prefix) and _encodable(command.after)):
            return VersionPage((), (), None, None)
        place = _first_place(bucket, command)
        while (key := _next_key(view, bucket, command.prefix, place)) is not None:
            rolled = _rolled(key, command.prefix, command.delimiter)
            if rolled is not None:
                if len(found) + len(prefixes) == limit:
                    return VersionPage(tuple(found), tuple(prefixes), *last)
                prefixes.append(rolled)
                last = (rolled, None)
                place = _past_prefix(bucket, rolled)
                continue
            after = command.version_after if key == command.after else None
            for info in _versions_of(view, bucket, key, after):
                if len(found) + len(prefixes) == limit:
                    return VersionPage(tuple(found), tuple(prefixes), *last)
                found.append(info)
                last = (key, info.version or NULL_VERSION)
            place = _past(bucket, key)
    return VersionPage(tuple(found), tuple(prefixes), None, None)


# Where a walk over both kinds of rows, current and other, goes on from.
Place = tuple[bytes, bytes]


def _past(bucket: rows.BucketRow, key: str) -> Place:
    """After all versions of a key."""
    return rows.current(bucket.id, key) + b"\0", rows.successor(rows.versions(bucket.id, key))


def _past_prefix(bucket: rows.BucketRow, prefix: str) -> Place:
    """After all keys that begin with `prefix`."""
    return rows.successor(rows.current(bucket.id, prefix)), rows.successor(rows.all_versions(bucket.id, prefix))


def _first_place(bucket: rows.BucketRow, command: ListVersions) -> Place:
    """Where the page begins."""
    after = command.after
    if not after or after < command.prefix:
        return rows.current(bucket.id, command.prefix), rows.all_versions(bucket.id, command.prefix)
    rolled = _rolled(after, command.prefix, command.delimiter) if after.startswith(command.prefix) else None
    if rolled is not None:
        return _past_prefix(bucket, rolled)
    if command.version_after is not None:
        return rows.current(bucket.id, after), rows.versions(bucket.id, after)
    return _past(bucket, after)


def _next_key(view: View, bucket: rows.BucketRow, prefix: str, place: Place) -> str | None:
    """The first key from `place` on that has any version and begins with `prefix`."""
    found = []
    base = rows.all_current(bucket.id)
    for raw_key, _ in view.scan(place[0], rows.successor(rows.current(bucket.id, prefix))):
        found.append(raw_key[len(base) :].decode())
        break
    base = rows.all_versions(bucket.id)
    for raw_key, _ in view.scan(place[1], rows.successor(rows.all_versions(bucket.id, prefix))):
        found.append(rows.unescaped(raw_key[len(base) : -9]))
        break
    return min(found, default=None)


def _versions_of(view: View, bucket: rows.BucketRow, key: str, after: str | None) -> Iterator[ObjectInfo]:
    """All versions of a key, newest first, after version `after` (None: all)."""
    passed = after is None
    latest = True
    row = versions.current(view, bucket, key)
    if row is not None:
        if passed:
            yield versions.object_info(bucket, key, row, latest)
        passed = passed or row.version == after
        latest = False
    start = rows.versions(bucket.id, key)
    order = None if after is None else rows.order_of(after)  # the null version's id holds none
    if not passed and order is not None:
        # Go there at once, also if that version is gone by now.
        start, passed, latest = rows.version(bucket.id, key, order) + b"\0", True, False
    for _, raw in view.scan(start, rows.successor(rows.versions(bucket.id, key))):
        row = rows.decode_object(raw)
        if passed:
            yield versions.object_info(bucket, key, row, latest)
        passed = passed or row.version == after
        latest = False


async def list_uploads(context: Context, caller: Caller, command: ListUploads) -> UploadPage:
    limit = _limit(command.limit)
    found: list[UploadInfo] = []
    prefixes: list[str] = []
    last: tuple[str, str | None] = ("", None)
    with context.store.view() as view:
        bucket = find_bucket(view, command)
        if limit == 0 or not (_encodable(command.prefix) and _encodable(command.after)):
            return UploadPage((), (), None, None)
        start = _first_upload(bucket, command)
        end = rows.successor(rows.all_uploads(bucket.id, command.prefix))
        while True:
            jump = None
            for _, raw in view.scan(start, end):
                row = rows.decode_upload(raw)
                rolled = _rolled(row.key, command.prefix, command.delimiter)
                if len(found) + len(prefixes) == limit:
                    return UploadPage(tuple(found), tuple(prefixes), *last)
                if rolled is not None:
                    prefixes.append(rolled)
                    last = (rolled, None)
                    jump = rows.successor(rows.all_uploads(bucket.id, rolled))
                    break
                found.append(upload_info(row))
                last = (row.key, row.upload)
            if jump is None:
                return UploadPage(tuple(found), tuple(prefixes), None, None)
            start = jump


def _first_upload(bucket: rows.BucketRow, command: ListUploads) -> bytes:
    """Where the page begins."""
    after = command.after
    if not after or after < command.prefix:
        return rows.all_uploads(bucket.id, command.prefix)
    rolled = _rolled(after, command.prefix, command.delimiter) if after.startswith(command.prefix) else None
    if rolled is not None:
        return rows.successor(rows.all_uploads(bucket.id, rolled))
    start = rows.uploads(bucket.id, after)
    if command.upload_after is None:
        return rows.successor(start)
    return start + command.upload_after.encode("utf-8", "surrogateescape") + b"\0"
