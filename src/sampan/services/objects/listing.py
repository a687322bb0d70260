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

PAST_PREFIX = "\U0010ffff"  # the greatest character: no key that begins with a prefix sorts after prefix + this


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
        start = base + max(command.prefix, command.after).encode()
        if command.after and command.after >= command.prefix:
            start = _start_after(base, command.prefix, command.delimiter, command.after)
        while True:
            jump = None
            for raw_key, raw in view.scan(start, end):
                key = raw_key[len(base) :].decode()
                rolled = _rolled(key, command.prefix, command.delimiter)
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
        start, skip = _first_key(command.prefix, command.delimiter, command.after, command.version_after is not None)
        while (key := _next_key(view, bucket, command.prefix, start, skip)) is not None:
            rolled = _rolled(key, command.prefix, command.delimiter)
            if rolled is not None:
                if len(found) + len(prefixes) == limit:
                    return VersionPage(tuple(found), tuple(prefixes), *last)
                prefixes.append(rolled)
                last = (rolled, None)
                start, skip = rolled + PAST_PREFIX, True
                continue
            after = command.version_after if key == command.after else None
            for info in _versions_of(view, bucket, key, after):
                if len(found) + len(prefixes) == limit:
                    return VersionPage(tuple(found), tuple(prefixes), *last)
                found.append(info)
                last = (key, info.version or NULL_VERSION)
            start, skip = key, True
    return VersionPage(tuple(found), tuple(prefixes), None, None)


def _first_key(prefix: str, delimiter: str, after: str, within: bool) -> tuple[str, bool]:
    """Where to begin, and whether that key itself is to be skipped."""
    if not after or after < prefix:
        return prefix, False
    rolled = _rolled(after, prefix, delimiter) if after.startswith(prefix) else None
    if rolled is not None:
        return rolled + PAST_PREFIX, True
    return after, not within


def _next_key(view: View, bucket: rows.BucketRow, prefix: str, start: str, skip: bool) -> str | None:
    """The first key from `start` on (after it, if `skip`) that has any version and begins with `prefix`."""
    base = rows.all_current(bucket.id)
    low = base + start.encode() + (b"\0" if skip else b"")
    best: str | None = None
    for raw_key, _ in view.scan(low, rows.successor(base)):
        best = raw_key[len(base) :].decode()
        break
    others = rows.all_versions(bucket.id)
    escaped = rows.versions(bucket.id, start)
    low = rows.successor(escaped) if skip else escaped
    for raw_key, _ in view.scan(low, rows.successor(others)):
        other = rows.unescaped(raw_key[len(others) : -9])
        best = other if best is None else min(best, other)
        break
    return best if best is not None and best.startswith(prefix) else None


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
    order = rows.order_of(after) if after not in (None, NULL_VERSION) and after is not None else None
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
        base = rows.all_uploads(bucket.id)
        end = rows.successor(base)
        key, skip = _first_key(command.prefix, command.delimiter, command.after, command.upload_after is not None)
        start = rows.uploads(bucket.id, key)
        if skip:
            start = rows.successor(start)
        elif command.upload_after is not None and key == command.after:
            start += command.upload_after.encode("utf-8", "surrogateescape") + b"\0"
        while True:
            jump = None
            for _, raw in view.scan(start, end):
                row = rows.decode_upload(raw)
                if not row.key.startswith(command.prefix):
                    break
                rolled = _rolled(row.key, command.prefix, command.delimiter)
                if len(found) + len(prefixes) == limit:
                    return UploadPage(tuple(found), tuple(prefixes), *last)
                if rolled is not None:
                    prefixes.append(rolled)
                    last = (rolled, None)
                    jump = rows.successor(rows.uploads(bucket.id, rolled + PAST_PREFIX))
                    break
                found.append(upload_info(row))
                last = (row.key, row.upload)
            if jump is None:
                return UploadPage(tuple(found), tuple(prefixes), None, None)
            start = jump
