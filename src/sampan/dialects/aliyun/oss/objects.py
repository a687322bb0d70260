"""The operations on objects that Sampan does, uploads in parts apart."""

from __future__ import annotations

from urllib.parse import unquote

from sampan.dialects.aliyun.oss import exchange, names, replies, words
from sampan.dialects.aliyun.oss.buckets import tagging
from sampan.dialects.aliyun.oss.exchange import OssExchange, clean, invalid
from sampan.dialects.aliyun.oss.policies import acl
from sampan.dialects.aliyun.oss.replies import shown
from sampan.dialects.aliyun.wire.dates import http_date, iso_date
from sampan.dialects.aliyun.wire.oss_claim import percent
from sampan.gateway.contract import Operation
from sampan.gateway.http import Reply
from sampan.gateway.xml import escape, parse
from sampan.kernel import limits
from sampan.kernel.fault import Fault, Kind
from sampan.services.objects.model import (
    AppendObject,
    CopyObject,
    Deleted,
    DeleteObject,
    DeleteObjects,
    Found,
    GetObject,
    GetObjectTags,
    GetSymlink,
    HeadObject,
    ObjectInfo,
    Outcome,
    PutObject,
    PutObjectAcl,
    PutObjectTags,
    PutSymlink,
    Tagged,
    Target,
    Written,
)

_OVERRIDES = {
    f"response-{name}": name
    for name in (
        "cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires",
    )
}  # fmt: skip

# --- writing ---------------------------------------------------------------------------------------------------------


def bind_put(x: OssExchange, _: bytes) -> PutObject:
    return PutObject(
        bucket=x.bucket,
        place=x.place,
        key=exchange.new_key(x),
        body=x.body,
        meta=exchange.meta(x),
        tags=exchange.header_tags(x),
        forbid_overwrite=exchange.flag(x, "x-oss-forbid-overwrite"),
    )


def render_put(x: OssExchange, result: Written) -> Reply:
    return replies.empty(headers=replies.written(result) + replies.content_md5(result.etag))


def bind_append(x: OssExchange, _: bytes) -> AppendObject:
    return AppendObject(
        bucket=x.bucket,
        place=x.place,
        key=exchange.new_key(x),
        position=exchange.integer(x, "position", None, 0, limits.OBJECT_BYTES_MAX),
        body=x.body,
        meta=exchange.meta(x),
        tags=exchange.header_tags(x),
    )


def render_append(x: OssExchange, result: Written) -> Reply:
    return replies.empty(headers=[*replies.written(result), ("x-oss-next-append-position", str(result.size))])


def bind_copy(x: OssExchange, _: bytes) -> CopyObject:
    source = exchange.copy_source(x)
    # OSS ignores the directive for a copy onto itself: that is how metadata is replaced.
    onto_itself = (source.bucket, source.key, source.version) == (x.bucket, x.key, None)
    replace = _replaces(x, "x-oss-metadata-directive") or onto_itself
    return CopyObject(
        bucket=x.bucket,
        place=x.place,
        key=exchange.new_key(x),
        source=source,
        meta=exchange.meta(x) if replace else None,
        tags=exchange.header_tags(x) if _replaces(x, "x-oss-tagging-directive") else None,
        storage_class=exchange.storage_class(x),
        class_of_bucket=True,
        acl=exchange.object_acl(x),
        source_condition=exchange.condition(x, "x-oss-copy-source-"),
        forbid_overwrite=exchange.flag(x, "x-oss-forbid-overwrite"),
    )


def _replaces(x: OssExchange, header: str) -> bool:
    value = x.request.headers.get(header, "COPY").upper()
    if value not in ("COPY", "REPLACE"):
        raise invalid(header, value)
    return value == "REPLACE"


def render_copy(x: OssExchange, result: Written) -> Reply:
    headers = replies.written(result)
    if result.source_version is not None:
        headers.append(("x-oss-copy-source-version-id", result.source_version))
    return replies.xml("CopyObjectResult", copied(result.modified_ms, result.etag), headers)


def copied(modified_ms: int, etag: str) -> str:
    """What the results of CopyObject and UploadPartCopy hold."""
    return f"<LastModified>{iso_date(modified_ms)}</LastModified><ETag>{replies.etag(etag)}</ETag>"


def bind_put_symlink(x: OssExchange, _: bytes) -> PutSymlink:
    header = "x-oss-symlink-target"
    target = exchange.utf8(header, unquote(x.request.headers.get(header, ""), "utf-8", "surrogateescape"))
    if not target:
        raise invalid(header, "", f"{header} is required.")
    return PutSymlink(
        bucket=x.bucket,
        place=x.place,
        key=exchange.new_key(x),
        target=target,
        meta=exchange.meta(x),
        tags=exchange.header_tags(x),
        forbid_overwrite=exchange.flag(x, "x-oss-forbid-overwrite"),
    )


def render_put_symlink(x: OssExchange, result: Written) -> Reply:
    return replies.empty(headers=replies.written(result))


# --- reading ---------------------------------------------------------------------------------------------------------


def bind_get(x: OssExchange, _: bytes) -> GetObject:
    return GetObject(
        bucket=x.bucket,
        place=x.place,
        key=x.key,
        version=exchange.version(x),
        range=exchange.byte_range(x),
        condition=exchange.condition(x),
    )


def render_get(x: OssExchange, found: Found) -> Reply:
    headers = replies.object_headers(found.info)
    if x.params:
        headers = _overridden(x, headers)
    if found.partial:
        headers.append(("content-range", f"bytes {found.first}-{found.last}/{found.info.size}"))
    return Reply(206 if found.partial else 200, headers, found.body if found.body is not None else b"")


def _overridden(x: OssExchange, headers: replies.Headers) -> replies.Headers:
    """With response-content-type and the like put in the place of the object's own. Raises INVALID "argument"."""
    chosen = {
        header: clean(name, x.params[name]) for name, header in _OVERRIDES.items() if x.params.get(name, "") != ""
    }
    if not chosen:
        return headers
    return [(name, value) for name, value in headers if name not in chosen] + list(chosen.items())


def bind_head(x: OssExchange, _: bytes) -> HeadObject:
    return HeadObject(
        bucket=x.bucket, place=x.place, key=x.key, version=exchange.version(x), condition=exchange.condition(x)
    )


def render_head(x: OssExchange, found: Found) -> Reply:
    return Reply(200, [*replies.object_headers(found.info), ("content-length", str(found.info.size))])


def render_meta(x: OssExchange, found: Found) -> Reply:
    """GetObjectMeta: the least that there is to say."""
    info = found.info
    headers = [
        ("etag", replies.etag(info.etag)),
        ("last-modified", http_date(info.modified_ms)),
        ("content-length", str(info.size)),
        ("x-oss-hash-crc64ecma", str(info.crc64)),
        *replies.version_headers(info.version),
    ]
    return Reply(200, headers)


def bind_get_symlink(x: OssExchange, _: bytes) -> GetSymlink:
    return GetSymlink(bucket=x.bucket, place=x.place, key=x.key, version=exchange.version(x))


def render_get_symlink(x: OssExchange, info: ObjectInfo) -> Reply:
    headers = [
        ("x-oss-symlink-target", percent(info.target or "")),
        ("etag", replies.etag(info.etag)),
        ("last-modified", http_date(info.modified_ms)),
        *replies.version_headers(info.version),
        *[(exchange.META_PREFIX + name, value) for name, value in info.meta.user.items()],
    ]
    return replies.empty(headers=headers)


# --- deleting --------------------------------------------------------------------------------------------------------


def bind_delete(x: OssExchange, _: bytes) -> DeleteObject:
    return DeleteObject(bucket=x.bucket, place=x.place, key=x.key, version=exchange.version(x))


def render_delete(x: OssExchange, result: Deleted) -> Reply:
    headers = replies.version_headers(result.version)
    if result.delete_marker:
        headers.append(("x-oss-delete-marker", "true"))
    return replies.empty(204, headers)


def bind_delete_many(x: OssExchange, document: bytes) -> DeleteObjects:
    if "content-md5" not in x.request.headers:
        raise Fault(Kind.ABSENT, "digest")
    exchange.url_encoded(x)
    root = parse(document, "Delete")
    rows = list(root.all("Object"))
    if not 1 <= len(rows) <= limits.DELETE_BATCH_MAX:
        raise Fault(Kind.INVALID, "document", "Delete must have 1 to 1,000 objects.")
    x.quiet = root.get("Quiet").strip() == "true"
    x.batch = tuple(Target(exchange.required(row, "Key"), row.get("VersionId").strip() or None) for row in rows)
    return DeleteObjects(bucket=x.bucket, place=x.place, targets=x.batch)


def render_delete_many(x: OssExchange, outcomes: tuple[Outcome, ...]) -> Reply:
    encoded = exchange.url_encoded(x)
    rows = []
    for target, outcome in zip(x.batch, outcomes, strict=True):
        key = f"<Key>{shown(target.key, encoded)}</Key>"
        if isinstance(outcome, Fault):
            word = words.WORDS.get((outcome.kind, outcome.noun), words.WORDS[Kind.INTERNAL, "server"])
            rows.append(f"<Error>{key}<Code>{word.code}</Code><Message>{escape(word.text)}</Message></Error>")
        elif not x.quiet:
            rows.append(f"<Deleted>{key}{_removed(target, outcome)}</Deleted>")
    if x.quiet and not rows:
        return replies.empty()
    return replies.xml("DeleteResult", ("<EncodingType>url</EncodingType>" if encoded else "") + "".join(rows))


def _removed(target: Target, outcome: Deleted) -> str:
    """Which version went, and which delete marker went or came."""
    text = f"<VersionId>{escape(target.version)}</VersionId>" if target.version is not None else ""
    if outcome.delete_marker:
        marker = escape(outcome.version or "")
        text += f"<DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>{marker}</DeleteMarkerVersionId>"
    return text


# --- ACL, tags, restoring --------------------------------------------------------------------------------------------


def bind_get_acl(x: OssExchange, _: bytes) -> HeadObject:
    return _look(x, "GetObjectAcl")


def _look(x: OssExchange, needs: str) -> HeadObject:
    return HeadObject(bucket=x.bucket, place=x.place, key=x.key, version=exchange.version(x), follow=False, needs=needs)


def render_get_acl(x: OssExchange, found: Found) -> Reply:
    reply = acl(found.info.owner, names.acl(found.info.meta.acl))
    reply.headers += replies.version_headers(found.info.version)
    return reply


def bind_put_acl(x: OssExchange, document: bytes) -> PutObjectAcl:
    if exchange.ACL_HEADER not in x.request.headers:
        raise invalid(exchange.ACL_HEADER, "", f"{exchange.ACL_HEADER} is required.")
    return PutObjectAcl(
        bucket=x.bucket, place=x.place, key=x.key, version=exchange.version(x), acl=exchange.object_acl(x)
    )


def render_put_acl(x: OssExchange, version: str | None) -> Reply:
    return replies.empty(headers=replies.version_headers(version))


def bind_put_tags(x: OssExchange, document: bytes) -> PutObjectTags:
    return PutObjectTags(
        bucket=x.bucket,
        place=x.place,
        key=x.key,
        version=exchange.version(x),
        tags=exchange.document_tags(document),
    )


def bind_delete_tags(x: OssExchange, _: bytes) -> PutObjectTags:
    return PutObjectTags(bucket=x.bucket, place=x.place, key=x.key, version=exchange.version(x), tags={})


def bind_get_tags(x: OssExchange, _: bytes) -> GetObjectTags:
    return GetObjectTags(bucket=x.bucket, place=x.place, key=x.key, version=exchange.version(x))


def render_put_tags(x: OssExchange, version: str | None) -> Reply:
    return replies.empty(headers=replies.version_headers(version))


def render_delete_tags(x: OssExchange, version: str | None) -> Reply:
    return replies.empty(204, replies.version_headers(version))


def render_get_tags(x: OssExchange, result: Tagged) -> Reply:
    return tagging(result.tags, replies.version_headers(result.version))


def bind_restore(x: OssExchange, _: bytes) -> HeadObject:
    return _look(x, "RestoreObject")


def render_restore(x: OssExchange, found: Found) -> Reply:
    """Archived objects are readable at once here: each is restored already, which OSS answers with 200."""
    if found.info.meta.storage_class not in names.ARCHIVED:
        return words.error(x.request, x.request_id, words.NOT_ARCHIVED, [])
    return replies.empty(headers=replies.version_headers(found.info.version))


PUT_OBJECT = Operation("PutObject", bind_put, render_put)
APPEND_OBJECT = Operation("AppendObject", bind_append, render_append)
COPY_OBJECT = Operation("CopyObject", bind_copy, render_copy)
PUT_SYMLINK = Operation("PutSymlink", bind_put_symlink, render_put_symlink)
GET_OBJECT = Operation("GetObject", bind_get, render_get)
HEAD_OBJECT = Operation("HeadObject", bind_head, render_head)
GET_OBJECT_META = Operation("GetObjectMeta", bind_head, render_meta)
GET_SYMLINK = Operation("GetSymlink", bind_get_symlink, render_get_symlink)
DELETE_OBJECT = Operation("DeleteObject", bind_delete, render_delete)
DELETE_MULTIPLE_OBJECTS = Operation("DeleteMultipleObjects", bind_delete_many, render_delete_many, document=True)
GET_OBJECT_ACL = Operation("GetObjectAcl", bind_get_acl, render_get_acl)
PUT_OBJECT_ACL = Operation("PutObjectAcl", bind_put_acl, render_put_acl)
GET_OBJECT_TAGGING = Operation("GetObjectTagging", bind_get_tags, render_get_tags)
PUT_OBJECT_TAGGING = Operation("PutObjectTagging", bind_put_tags, render_put_tags, document=True)
DELETE_OBJECT_TAGGING = Operation("DeleteObjectTagging", bind_delete_tags, render_delete_tags)
RESTORE_OBJECT = Operation("RestoreObject", bind_restore, render_restore, document=True)
