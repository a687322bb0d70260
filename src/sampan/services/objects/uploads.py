"""Multipart uploads: one function per command."""

from __future__ import annotations

import hashlib

from sampan.kernel import crc, limits
from sampan.kernel.body import Inflow
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction, View
from sampan.services.objects import rows, versions
from sampan.services.objects.conditions import check_source, check_write, span
from sampan.services.objects.content import Flow, pieces, release, take_in, write_staged
from sampan.services.objects.context import Context, check_acl, check_key, check_meta, check_tags, class_of, find_bucket
from sampan.services.objects.copies import find_source
from sampan.services.objects.model import (
    NO_CONDITION,
    AbortUpload,
    ChecksumType,
    CompleteUpload,
    CopyPart,
    CreateUpload,
    Form,
    ListObjectParts,
    ListParts,
    Meta,
    NamedPart,
    ObjectCommand,
    PartInfo,
    PartPage,
    PutPart,
    UploadInfo,
    Written,
)
from sampan.services.objects.objects import follow, object_row, written

COMPOSITE_ONLY = frozenset({"sha1", "sha256"})  # a hash of the whole cannot be had from hashes of parts
FULL_ONLY = frozenset({"crc64nvme"})  # S3 defines no composite form of it


async def create_upload(context: Context, caller: Caller, command: CreateUpload) -> UploadInfo:
    check_key(command.key)
    check_meta(command.meta)
    check_tags(command.tags)
    now_ms = context.clock.now_ms()
    checksum_type = _checksum_type(command.checksum, command.checksum_type)
    meta = command.meta

    def change(tx: Transaction) -> UploadInfo:
        bucket = find_bucket(tx, command)
        check_acl(bucket, meta.acl)
        row = rows.UploadRow(
            upload=context.fresh_id(now_ms),
            key=command.key,
            owner=caller.account,
            created_ms=now_ms,
            content_type=meta.content_type,
            headers=dict(meta.headers),
            user=dict(meta.user),
            storage_class=class_of(bucket, meta),
            note=dict(meta.note),
            tags=dict(command.tags),
            checksum=command.checksum,
            checksum_type=checksum_type,
            acl=meta.acl,
        )
        if command.forbid_overwrite:
            check_write(NO_CONDITION, versions.current(tx, bucket, command.key), command.key, True)
        tx.put(rows.upload(bucket.id, row.key, row.upload), rows.encode(row))
        _count_uploads(tx, bucket, 1)
        return upload_info(row)

    return await context.store.write(change)


def _checksum_type(algorithm: str | None, wanted: ChecksumType | None) -> ChecksumType:
    """What S3 takes when nothing is said: composite, except for CRC-64/NVME. Raises MISMATCH "checksum type"."""
    if algorithm is None or algorithm in FULL_ONLY:
        possible, default = {ChecksumType.FULL}, ChecksumType.FULL
    elif algorithm in COMPOSITE_ONLY:
        possible, default = {ChecksumType.COMPOSITE}, ChecksumType.COMPOSITE
    else:
        possible, default = set(ChecksumType), ChecksumType.COMPOSITE
    if wanted is not None and wanted not in possible:
        raise Fault(Kind.MISMATCH, "checksum type", given=wanted, expected=default, algorithm=algorithm)
    return wanted or default


def upload_info(row: rows.UploadRow) -> UploadInfo:
    """An upload's row as callers see it."""
    return UploadInfo(
        row.key, row.upload, row.owner, row.created_ms, row.storage_class, row.checksum,
        row.checksum_type,
    )  # fmt: skip


def _find_upload(view: View, bucket: rows.BucketRow, key: str, upload: str) -> rows.UploadRow:
    raw = view.get(rows.upload(bucket.id, key, upload)) if upload.isascii() and upload else None
    if raw is None:
        raise Fault(Kind.MISSING, "upload", upload=upload[:128], key=key)
    return rows.decode_upload(raw)


async def put_part(context: Context, caller: Caller, command: PutPart) -> PartInfo:
    return await _put_part(context, command, command.upload, command.number, command.body, None)


async def copy_part(context: Context, caller: Caller, command: CopyPart) -> PartInfo:
    with context.store.view() as view:
        find_bucket(view, command)
        source, source_version = find_source(view, command.source)
        check_source(command.source_condition, source)
        try:
            first, length = span(command.range, source.size)
        except Fault as fault:
            raise Fault(Kind.INVALID, "part source", size=source.size) from fault
        if command.range is not None and command.range.last is not None and command.range.last >= source.size:
            raise Fault(Kind.INVALID, "part source", size=source.size)  # S3 does not cut this one
        flow = Flow(context, pieces(view, source.content, source.size, first, length))
    try:
        return await _put_part(context, command, command.upload, command.number, _Copied(flow), source_version)
    finally:
        flow.close()


class _Copied:
    """A flow out of one object as the flow into another."""

    algorithms: frozenset[str] = frozenset()

    def __init__(self, flow: Flow) -> None:
        self.length: int | None = flow.length
        self.chunks = flow.chunks

    def digests(self) -> tuple[()]:
        return ()


async def _put_part(
    context: Context, command: ObjectCommand, upload: str, number: int, body: Inflow, source_version: str | None
) -> PartInfo:
    check_key(command.key)
    if not 1 <= number <= limits.PARTS_MAX:
        raise Fault(Kind.INVALID, "part number", number=number, number_max=limits.PARTS_MAX)
    with context.store.view() as view:
        known = _find_upload(view, find_bucket(view, command), command.key, upload)
    staged = await take_in(context, body, limits.PUT_BYTES_MAX, (known.checksum,) if known.checksum else ())
    now_ms = context.clock.now_ms()
    row = rows.PartRow(number, staged.size, staged.content, staged.md5.hex(), now_ms, staged.crc64, staged.checksums)

    def change(tx: Transaction) -> PartInfo:
        _find_upload(tx, find_bucket(tx, command), command.key, upload)
        place = rows.part(upload, number)
        old = tx.get(place)
        if old is not None:
            release(tx, rows.decode_part(old).content, now_ms)
        staged.commit(tx)
        tx.put(place, rows.encode(row))
        return part_info(row, source_version)

    return await write_staged(context, staged, change)


def part_info(row: rows.PartRow, source_version: str | None = None) -> PartInfo:
    """A part's row as callers see it."""
    return PartInfo(row.number, row.size, row.etag, row.modified_ms, row.crc64, row.checksums, source_version)


async def abort_upload(context: Context, caller: Caller, command: AbortUpload) -> None:
    now_ms = context.clock.now_ms()

    def change(tx: Transaction) -> None:
        bucket = find_bucket(tx, command)
        _find_upload(tx, bucket, command.key, command.upload)
        drop_upload(tx, bucket, command.key, command.upload, now_ms)

    await context.store.write(change)


def drop_upload(tx: Transaction, bucket: rows.BucketRow, key: str, upload: str, now_ms: int) -> None:
    """Forget an unfinished upload and its parts."""
    start = rows.parts(upload)
    for place, raw in list(tx.scan(start, rows.successor(start))):
        release(tx, rows.decode_part(raw).content, now_ms)
        tx.delete(place)
    tx.delete(rows.upload(bucket.id, key, upload))
    _count_uploads(tx, bucket, -1)


def _count_uploads(tx: Transaction, bucket: rows.BucketRow, change: int) -> None:
    raw = tx.get(rows.stat(bucket.id))
    stat = rows.StatRow() if raw is None else rows.decode_stat(raw)
    stat.uploads += change
    tx.put(rows.stat(bucket.id), rows.encode(stat))


async def complete_upload(context: Context, caller: Caller, command: CompleteUpload) -> Written:
    now_ms = context.clock.now_ms()

    def change(tx: Transaction) -> Written:
        bucket = find_bucket(tx, command)
        try:
            upload = _find_upload(tx, bucket, command.key, command.upload)
        except Fault:
            return _completed_before(tx, bucket, command)
        existing = versions.current(tx, bucket, command.key)
        check_write(command.condition, existing, command.key, command.forbid_overwrite)
        chosen = _choose(tx, command)
        row = _assemble(context, bucket, upload, chosen, command, now_ms)
        row.owner = caller.account
        row.content = _lay_out(tx, command.upload, chosen, now_ms)
        tx.delete(rows.upload(bucket.id, command.key, command.upload))
        _count_uploads(tx, bucket, -1)
        version = versions.install(tx, context, bucket, command.key, row)
        answer = rows.CompletedRow(
            bucket.id, command.key, _fingerprint(command), row.etag, row.size, row.crc64, now_ms, version,
            row.checksums, row.checksum_type,
        )  # fmt: skip
        tx.put(rows.completed(command.upload), rows.encode(answer))
        return written(row, version)

    return await context.store.write(change)


def _fingerprint(command: CompleteUpload) -> str:
    """Tells whether a client that asks again asks for the same."""
    named = "*" if command.parts is None else ",".join(f"{part.number}:{part.etag}" for part in command.parts)
    return hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()


def _completed_before(tx: Transaction, bucket: rows.BucketRow, command: CompleteUpload) -> Written:
    """The answer that was given when this upload was completed: the client may have lost it."""
    raw = tx.get(rows.completed(command.upload)) if command.upload.isascii() else None
    row = None if raw is None else rows.decode_completed(raw)
    if row is None or (row.bucket, row.key, row.parts) != (bucket.id, command.key, _fingerprint(command)):
        raise Fault(Kind.MISSING, "upload", upload=command.upload[:128], key=command.key)
    return Written(
        row.etag, row.size, row.crc64, row.modified_ms, row.version, row.checksums,
        checksum_type=row.checksum_type,
    )  # fmt: skip


def _choose(tx: Transaction, command: CompleteUpload) -> list[rows.PartRow]:
    """The parts that are named, checked. Raises INVALID "part", CONFLICT "part order", TOO_SMALL "part"."""
    if command.parts is None:
        start = rows.parts(command.upload)
        chosen = [rows.decode_part(raw) for _, raw in tx.scan(start, rows.successor(start))]
    else:
        chosen = []
        before = 0
        for named in command.parts:
            if named.number <= before:
                raise Fault(Kind.CONFLICT, "part order", number=named.number)
            before = named.number
            chosen.append(_named(tx, command.upload, named))
    if not chosen:
        raise Fault(Kind.INVALID, "part", "there are no parts", number=0)
    for part in chosen[:-1]:
        if part.size < command.part_bytes_min:
            raise Fault(
                Kind.TOO_SMALL, "part", number=part.number, etag=part.etag, size=part.size,
                size_min=command.part_bytes_min,
            )  # fmt: skip
    return chosen


def _named(tx: Transaction, upload: str, named: NamedPart) -> rows.PartRow:
    raw = tx.get(rows.part(upload, named.number)) if 1 <= named.number <= limits.PARTS_MAX else None
    part = None if raw is None else rows.decode_part(raw)
    wrong = part is None or (named.etag is not None and named.etag.strip('"').lower() != part.etag)
    if part is None or wrong or any(part.checksums.get(name) != value for name, value in named.checksums.items()):
        raise Fault(Kind.INVALID, "part", number=named.number, etag=named.etag or "", upload=upload)
    return part


def _assemble(
    context: Context,
    bucket: rows.BucketRow,
    upload: rows.UploadRow,
    chosen: list[rows.PartRow],
    command: CompleteUpload,
    now_ms: int,
) -> rows.ObjectRow:
    """The object's row, but for its owner and where its bytes are."""
    size = sum(part.size for part in chosen)
    if size > limits.OBJECT_BYTES_MAX:
        raise Fault(Kind.TOO_LARGE, "object", size=size, size_max=limits.OBJECT_BYTES_MAX)
    if command.size is not None and command.size != size:
        raise Fault(Kind.MISMATCH, "digest", "the object's size is not what was promised", algorithm="size")
    if command.checksum_type is not None and upload.checksum and command.checksum_type != upload.checksum_type:
        raise Fault(Kind.MISMATCH, "checksum type", given=command.checksum_type, expected=upload.checksum_type)
    whole = _checksum(context, upload, chosen)
    for algorithm, value in command.checksums.items():
        if algorithm not in whole or whole[algorithm] != value:
            raise Fault(Kind.MISMATCH, "digest", "the whole object's checksum is another", algorithm=algorithm)
    crc64 = chosen[0].crc64
    for part in chosen[1:]:
        crc64 = crc.combine("crc64xz", crc64, part.crc64, part.size)
    md5s = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in chosen), usedforsecurity=False)
    said = Meta(acl=command.acl if command.acl is not None else upload.acl)
    row = object_row(bucket, "", now_ms, said, dict(upload.tags), Form.MULTIPART)
    row.size = size
    row.etag = f"{md5s.hexdigest()}-{len(chosen)}"
    row.crc64 = crc64
    row.content_type = upload.content_type
    row.headers = upload.headers
    row.user = upload.user
    row.storage_class = upload.storage_class
    row.note = upload.note
    row.checksums = whole
    row.checksum_type = upload.checksum_type
    row.parts = len(chosen)
    return row


def _checksum(context: Context, upload: rows.UploadRow, chosen: list[rows.PartRow]) -> dict[str, bytes]:
    """The whole object's checksum of the kind that the upload asked for.

    Source: S3 User Guide, "Checking object integrity": composite is the checksum of the parts' checksums.
    """
    algorithm = upload.checksum
    if algorithm is None:
        return {}
    values = [part.checksums[algorithm] for part in chosen]
    if upload.checksum_type == ChecksumType.COMPOSITE:
        digester = context.digests.start([algorithm])
        digester.update(b"".join(values))
        return digester.values()
    whole = values[0]
    for part, value in zip(chosen[1:], values[1:], strict=True):
        whole = crc.combine_bytes(algorithm, whole, value, part.size)
    return {algorithm: whole}


def _lay_out(tx: Transaction, upload: str, chosen: list[rows.PartRow], now_ms: int) -> rows.Content:
    """Turn the chosen parts into extents by offset; let go of the others."""
    taken = {part.number for part in chosen}
    start = rows.parts(upload)
    for place, raw in list(tx.scan(start, rows.successor(start))):
        part = rows.decode_part(raw)
        if part.number not in taken:
            release(tx, part.content, now_ms)
        tx.delete(place)
    offset = 0
    for part in chosen:
        tx.put(rows.extent(upload, offset), rows.encode(part))
        offset += part.size
    return rows.Content("x", upload)


async def list_parts(context: Context, caller: Caller, command: ListParts) -> PartPage:
    limit = max(0, min(command.limit, limits.LIST_MAX))
    with context.store.view() as view:
        upload = _find_upload(view, find_bucket(view, command), command.key, command.upload)
        end = rows.successor(rows.parts(command.upload))
        found: list[PartInfo] = []
        after = min(max(command.after, 0), limits.PARTS_MAX)
        for _, raw in view.scan(rows.part(command.upload, after + 1), end):
            if len(found) == limit:
                return PartPage(upload_info(upload), tuple(found), found[-1].number if found else after, 0)
            found.append(part_info(rows.decode_part(raw)))
    return PartPage(upload_info(upload), tuple(found), None, 0)


async def list_object_parts(context: Context, caller: Caller, command: ListObjectParts) -> PartPage:
    limit = max(0, min(command.limit, limits.LIST_MAX))
    with context.store.view() as view:
        bucket = find_bucket(view, command)
        row, latest = versions.find(view, bucket, command.key, command.version)
        if row.delete_marker:
            raise Fault(
                Kind.CONFLICT, "delete marker", key=command.key, version=row.version, modified_ms=row.modified_ms
            )
        if row.form == Form.SYMLINK:
            row = follow(view, bucket, command.key, row)
        info = versions.object_info(bucket, command.key, row, latest)
        if row.form != Form.MULTIPART or row.content.kind != "x":
            return PartPage(None, (), None, row.parts, info)
        start = rows.extents(row.content.id)
        found: list[PartInfo] = []
        for number, (_, raw) in enumerate(view.scan(start, rows.successor(start)), 1):
            if number <= command.after:
                continue
            if len(found) == limit:
                return PartPage(None, tuple(found), number - 1, row.parts, info)
            part = rows.decode_part(raw)
            part.number = number
            found.append(part_info(part))
    return PartPage(None, tuple(found), None, row.parts, info)
