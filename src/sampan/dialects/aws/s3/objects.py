"""Objects. One bind and one render for each operation."""

from __future__ import annotations

from sampan.dialects.aws.s3 import acls, buckets, policies, words
from sampan.dialects.aws.s3.exchange import S3Exchange
from sampan.dialects.aws.s3.headers import (
    WEBSITE,
    checksum_headers,
    object_headers,
    quoted,
    read_algorithm,
    read_condition,
    read_meta,
    read_range,
    read_source,
    read_storage_class,
    read_tags,
    read_write_condition,
    version_header,
)
from sampan.dialects.aws.s3.page import checksums, document
from sampan.dialects.aws.wire import dates
from sampan.dialects.aws.wire.sigv2 import OVERRIDES
from sampan.gateway.http import Reply
from sampan.gateway.xml import escape, parse
from sampan.kernel import limits
from sampan.kernel.fault import Fault, Kind
from sampan.services.objects.model import (
    NO_CONDITION,
    Acl,
    CopyObject,
    Deleted,
    DeleteObject,
    DeleteObjects,
    Found,
    GetObject,
    GetObjectTags,
    HeadObject,
    Outcome,
    PutObject,
    PutObjectAcl,
    PutObjectTags,
    Tagged,
    Target,
    Written,
)


def version_id(exchange: S3Exchange) -> str | None:
    """The parameter versionId, or None. Raises Fault(INVALID, "argument")."""
    version = exchange.param("versionId")
    if version == "":
        raise Fault(Kind.INVALID, "argument", "Version id cannot be the empty string", name="versionId", value="")
    return version


# --- writing ---------------------------------------------------------------------------------------------------------


def bind_put_object(exchange: S3Exchange, _: bytes) -> PutObject:
    """PUT /bucket/key."""
    if exchange.body.length is None:
        raise Fault(Kind.ABSENT, "length")
    headers = exchange.headers
    return PutObject(
        bucket=exchange.bucket,
        place=exchange.place,
        key=exchange.key,
        body=exchange.body,
        meta=read_meta(exchange),
        tags=read_tags(headers),
        condition=read_write_condition(headers),
    )


def render_put_object(exchange: S3Exchange, written: Written) -> Reply:
    """ETag, version and the checksum that the writer chose."""
    return Reply(
        200,
        [
            ("ETag", quoted(written.etag)),
            *checksum_headers(written.checksums, written.checksum_type, written.etag),
            *version_header(written.version),
        ],
    )


def bind_copy_object(exchange: S3Exchange, _: bytes) -> CopyObject:
    """PUT /bucket/key with x-amz-copy-source."""
    headers = exchange.headers
    replace_meta = _replace(exchange, "x-amz-metadata-directive")
    replace_tags = _replace(exchange, "x-amz-tagging-directive")
    if WEBSITE in headers and not replace_meta:
        raise Fault(Kind.NOT_DONE, "operation", operation=f"{WEBSITE} without REPLACE", header=WEBSITE)
    return CopyObject(
        bucket=exchange.bucket,
        place=exchange.place,
        key=exchange.key,
        source=read_source(headers),
        meta=read_meta(exchange) if replace_meta else None,
        tags=read_tags(headers) if replace_tags else None,
        storage_class=read_storage_class(headers),
        condition=read_write_condition(headers),
        source_condition=read_condition(headers, "x-amz-copy-source-"),
        checksum=read_algorithm(headers),
        acl=acls.read_object(exchange),
    )


def _replace(exchange: S3Exchange, name: str) -> bool:
    directive = exchange.headers.get(name, "COPY")
    if directive not in ("COPY", "REPLACE"):
        raise Fault(Kind.INVALID, "argument", f"Unknown {name[6:].replace('-', ' ')}.", name=name, value=directive[:64])
    return directive == "REPLACE"


def render_copy_object(exchange: S3Exchange, written: Written) -> Reply:
    """A document, since S3 begins to answer a long copy before it is done."""
    headers = version_header(written.version)
    if written.source_version is not None:
        headers.append(("x-amz-copy-source-version-id", written.source_version))
    return document(
        "CopyObjectResult",
        f"<LastModified>{dates.iso(written.modified_ms)}</LastModified><ETag>&quot;{written.etag}&quot;</ETag>"
        f"{checksums(written.checksums, written.checksum_type, written.etag)}",
        headers,
    )


# --- reading ---------------------------------------------------------------------------------------------------------


def bind_get_object(exchange: S3Exchange, _: bytes) -> GetObject:
    """GET /bucket/key."""
    headers = exchange.headers
    if not exchange.request.query:
        # The way of nearly every read.
        return GetObject(
            bucket=exchange.bucket,
            place=exchange.place,
            key=exchange.key,
            range=read_range(headers.get("range")),
            condition=read_condition(headers),
        )
    _check_overrides(exchange)
    return GetObject(
        bucket=exchange.bucket,
        place=exchange.place,
        key=exchange.key,
        version=version_id(exchange),
        range=read_range(headers.get("range")),
        part=_part(exchange),
        condition=read_condition(headers),
    )


def bind_head_object(exchange: S3Exchange, _: bytes) -> HeadObject:
    """HEAD /bucket/key."""
    headers = exchange.headers
    _check_overrides(exchange)
    return HeadObject(
        bucket=exchange.bucket,
        place=exchange.place,
        key=exchange.key,
        version=version_id(exchange),
        range=read_range(headers.get("range")),
        part=_part(exchange),
        condition=read_condition(headers),
    )


def _part(exchange: S3Exchange) -> int | None:
    given = exchange.param("partNumber")
    if given is None:
        return None
    if "range" in exchange.headers:
        raise Fault(
            Kind.INVALID,
            "argument",
            "Cannot specify both Range header and partNumber query parameter",
            name="range",
        )
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= limits.PARTS_MAX):
        raise Fault(Kind.INVALID, "part number", number=given[:32])
    return int(given)


def _check_overrides(exchange: S3Exchange) -> None:
    if exchange.caller.anonymous and any(name in OVERRIDES for name, _ in exchange.request.query):
        raise Fault(
            Kind.INVALID,
            "argument",
            "Request specific response headers cannot be used for anonymous GET requests.",
            name="response override",
        )


def render_object(exchange: S3Exchange, found: Found) -> Reply:
    """GetObject and HeadObject: `found.body` is what tells them apart."""
    headers = object_headers(found, checksums=exchange.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED")
    if exchange.request.query:
        if found.info.parts and exchange.param("partNumber") is not None:
            headers.append(("x-amz-mp-parts-count", str(found.info.parts)))
        overrides = {name[9:]: value for name, value in exchange.request.query if name in OVERRIDES}
        if overrides:
            headers = [pair for pair in headers if pair[0].lower() not in overrides] + list(overrides.items())
    partial = found.partial and found.info.size > 0
    return Reply(206 if partial else 200, headers, found.body if found.body is not None else b"")


# --- deleting --------------------------------------------------------------------------------------------------------


def bind_delete_object(exchange: S3Exchange, _: bytes) -> DeleteObject:
    """DELETE /bucket/key."""
    match = exchange.headers.get("if-match")
    return DeleteObject(
        bucket=exchange.bucket,
        place=exchange.place,
        key=exchange.key,
        version=version_id(exchange),
        condition=read_write_condition({"if-match": match}) if match is not None else NO_CONDITION,
    )


def render_delete_object(exchange: S3Exchange, deleted: Deleted) -> Reply:
    """204, whether there was anything or not."""
    marker = [("x-amz-delete-marker", "true")] if deleted.delete_marker else []
    return Reply(204, [*marker, *version_header(deleted.version)])


def bind_delete_objects(exchange: S3Exchange, body: bytes) -> DeleteObjects:
    """POST /bucket?delete. The body must come with a digest: half a list would delete the wrong half."""
    headers = exchange.headers
    if not any(name in ("content-md5", "x-amz-trailer") or name.startswith("x-amz-checksum-") for name in headers):
        raise Fault(Kind.ABSENT, "digest", name="Content-MD5")
    root = parse(body, "Delete")
    targets = []
    for element in root.all("Object"):
        key = element.get("Key")
        if not key:
            raise Fault(Kind.INVALID, "document", "an Object lacks its Key")
        if element.find("LastModifiedTime") is not None or element.find("Size") is not None:
            raise Fault(Kind.NOT_DONE, "operation", operation="DeleteObjects by LastModifiedTime or Size")
        targets.append(Target(key, element.get("VersionId") or None, element.get("ETag").strip('"') or None))
    if not 0 < len(targets) <= limits.DELETE_BATCH_MAX:
        raise Fault(Kind.INVALID, "document", f"1 to {limits.DELETE_BATCH_MAX} Objects must be named")
    exchange.asked = (tuple(targets), root.get("Quiet").strip().lower() == "true")
    return DeleteObjects(bucket=exchange.bucket, place=exchange.place, targets=tuple(targets))


def render_delete_objects(exchange: S3Exchange, outcomes: tuple[Outcome, ...]) -> Reply:
    """A row for each target, in order; under Quiet only those that failed."""
    targets, quiet = exchange.asked
    rows = []
    for target, outcome in zip(targets, outcomes, strict=True):
        named = f"<Key>{escape(target.key)}</Key>"
        if target.version is not None:
            named += f"<VersionId>{escape(target.version)}</VersionId>"
        if isinstance(outcome, Fault):
            word = words.word_of(exchange.request, outcome)
            message = escape(words.message(word, outcome))
            rows.append(f"<Error>{named}<Code>{word.code}</Code><Message>{message}</Message></Error>")
        elif not quiet:
            if outcome.delete_marker:
                named += "<DeleteMarker>true</DeleteMarker>"
                named += f"<DeleteMarkerVersionId>{escape(outcome.version or '')}</DeleteMarkerVersionId>"
            rows.append(f"<Deleted>{named}</Deleted>")
    return document("DeleteResult", "".join(rows))


# --- tags and access -------------------------------------------------------------------------------------------------


def bind_put_tagging(exchange: S3Exchange, body: bytes) -> PutObjectTags:
    """PUT /bucket/key?tagging."""
    return _put_tags(exchange, buckets.read_tagging(body))


def bind_delete_tagging(exchange: S3Exchange, _: bytes) -> PutObjectTags:
    """DELETE /bucket/key?tagging."""
    return _put_tags(exchange, {})


def _put_tags(exchange: S3Exchange, tags: dict[str, str]) -> PutObjectTags:
    return PutObjectTags(
        bucket=exchange.bucket, place=exchange.place, key=exchange.key, tags=tags, version=version_id(exchange)
    )


def render_put_tagging(exchange: S3Exchange, version: str | None) -> Reply:
    """200 with the version that was tagged."""
    return Reply(200, version_header(version))


def render_delete_tagging(exchange: S3Exchange, version: str | None) -> Reply:
    """204 with the version that was tagged."""
    return Reply(204, version_header(version))


def bind_get_tagging(exchange: S3Exchange, _: bytes) -> GetObjectTags:
    """GET /bucket/key?tagging."""
    return GetObjectTags(bucket=exchange.bucket, place=exchange.place, key=exchange.key, version=version_id(exchange))


def render_tagging(exchange: S3Exchange, tagged: Tagged) -> Reply:
    """An empty set if there are none."""
    return buckets.write_tagging(tagged.tags, version_header(tagged.version))


def bind_get_acl(exchange: S3Exchange, _: bytes) -> HeadObject:
    """GET /bucket/key?acl."""
    return _look(exchange, "GetObjectAcl")


def _look(exchange: S3Exchange, needs: str) -> HeadObject:
    return HeadObject(
        bucket=exchange.bucket, place=exchange.place, key=exchange.key, version=version_id(exchange), needs=needs
    )


def render_acl(exchange: S3Exchange, found: Found) -> Reply:
    """The owner's grant, and those of the canned ACL."""
    return policies.acl(found.info.owner, found.info.meta.acl or Acl.PRIVATE)


def bind_put_acl(exchange: S3Exchange, body: bytes) -> PutObjectAcl:
    """PUT /bucket/key?acl."""
    acls.required(exchange, body)
    acl = acls.read_object(exchange, body) or Acl.PRIVATE
    return PutObjectAcl(
        bucket=exchange.bucket, place=exchange.place, key=exchange.key, acl=acl, version=version_id(exchange)
    )


def render_put_acl(exchange: S3Exchange, version: str | None) -> Reply:
    """200 with the version that it is of."""
    return Reply(200, version_header(version))
