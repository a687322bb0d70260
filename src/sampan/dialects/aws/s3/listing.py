"""Listings: of buckets, objects, versions and unfinished uploads. One bind and one render for each operation."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

from sampan.dialects.aws.s3 import names
from sampan.dialects.aws.s3.exchange import S3Exchange
from sampan.dialects.aws.s3.headers import read_int
from sampan.dialects.aws.s3.page import Encode, document, encoding, owner, truth, version_of
from sampan.dialects.aws.wire import dates
from sampan.gateway.http import Reply
from sampan.gateway.xml import escape
from sampan.kernel import limits
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import Place
from sampan.services.objects.model import (
    BucketPage,
    ListBuckets,
    ListObjects,
    ListUploads,
    ListVersions,
    ObjectInfo,
    ObjectPage,
    UploadInfo,
    UploadPage,
    VersionPage,
)

_INT_MAX = 2**31 - 1  # what S3 takes for max-keys, before it cuts it to 1,000


def write_token(after: str) -> str:
    """A continuation token. Opaque to clients, and nothing but the place to go on from."""
    return base64.urlsafe_b64encode(after.encode("utf-8", "surrogateescape")).decode()


def read_token(name: str, token: str) -> str:
    """The inverse of `write_token`. Raises Fault(INVALID, "argument")."""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise Fault(
            Kind.INVALID, "argument", "The continuation token provided is incorrect", name=name, value=token[:64]
        ) from None


# --- buckets ---------------------------------------------------------------------------------------------------------


def bind_list_buckets(exchange: S3Exchange, _: bytes) -> ListBuckets:
    """GET /."""
    token = exchange.param("continuation-token")
    region = exchange.param("bucket-region")
    return ListBuckets(
        prefix=exchange.param("prefix") or "",
        after=read_token("continuation-token", token) if token else "",
        limit=read_int("max-buckets", exchange.param("max-buckets"), limits.BUCKETS_MAX, 1, limits.BUCKETS_MAX),
        place=Place(names.CLOUD, region) if region else None,
    )


def render_list_buckets(exchange: S3Exchange, page: BucketPage) -> Reply:
    """Owner, then the buckets by name."""
    rows = "".join(
        f"<Bucket><Name>{bucket.name}</Name><CreationDate>{dates.iso(bucket.created_ms)}</CreationDate>"
        f"<BucketRegion>{escape(bucket.places.get(names.CLOUD, ''))}</BucketRegion></Bucket>"
        for bucket in page.buckets
    )
    token = f"<ContinuationToken>{write_token(page.next)}</ContinuationToken>" if page.next is not None else ""
    given = exchange.param("prefix")
    prefix = f"<Prefix>{escape(given)}</Prefix>" if given else ""
    return document(
        "ListAllMyBucketsResult", f"{owner(exchange.caller.account)}<Buckets>{rows}</Buckets>{token}{prefix}"
    )


# --- objects ---------------------------------------------------------------------------------------------------------


def bind_list_objects(exchange: S3Exchange, _: bytes) -> ListObjects:
    """GET /bucket."""
    encoding(exchange)
    return _list_objects(exchange, exchange.param("marker") or "")


def bind_list_objects_v2(exchange: S3Exchange, _: bytes) -> ListObjects:
    """GET /bucket?list-type=2."""
    if exchange.param("list-type") != "2":
        raise Fault(
            Kind.INVALID,
            "argument",
            "Invalid List Type specified in Request",
            name="list-type",
            value=(exchange.param("list-type") or "")[:64],
        )
    encoding(exchange)
    token = exchange.param("continuation-token")
    if token is not None:
        return _list_objects(exchange, read_token("continuation-token", token))
    return _list_objects(exchange, exchange.param("start-after") or "")


def _list_objects(exchange: S3Exchange, after: str) -> ListObjects:
    return ListObjects(
        bucket=exchange.bucket,
        place=exchange.place,
        prefix=exchange.param("prefix") or "",
        delimiter=exchange.param("delimiter") or "",
        after=after,
        limit=_limit(exchange, "max-keys"),
    )


def render_list_objects(exchange: S3Exchange, page: ObjectPage) -> Reply:
    """NextMarker is there only under a delimiter: otherwise the last key is the next marker."""
    encode, said = encoding(exchange)
    delimiter = exchange.param("delimiter")
    following = f"<NextMarker>{encode(page.next)}</NextMarker>" if page.next is not None and delimiter else ""
    return document(
        "ListBucketResult",
        f"<Name>{exchange.bucket}</Name><Prefix>{encode(exchange.param('prefix') or '')}</Prefix>"
        f"<Marker>{encode(exchange.param('marker') or '')}</Marker>{following}"
        f"{_listing_head(exchange, encode, 'max-keys', 'MaxKeys')}"
        f"<IsTruncated>{truth(page.next is not None)}</IsTruncated>{said}"
        f"{_objects(page.objects, encode, with_owner=True)}{_prefixes(page.prefixes, encode)}",
    )


def render_list_objects_v2(exchange: S3Exchange, page: ObjectPage) -> Reply:
    """Owners only if they are fetched."""
    encode, said = encoding(exchange)
    start, token = exchange.param("start-after"), exchange.param("continuation-token")
    return document(
        "ListBucketResult",
        f"<Name>{exchange.bucket}</Name><Prefix>{encode(exchange.param('prefix') or '')}</Prefix>"
        + (f"<StartAfter>{encode(start)}</StartAfter>" if start else "")
        + (f"<ContinuationToken>{escape(token)}</ContinuationToken>" if token else "")
        + (f"<NextContinuationToken>{write_token(page.next)}</NextContinuationToken>" if page.next is not None else "")
        + f"<KeyCount>{len(page.objects) + len(page.prefixes)}</KeyCount>"
        f"{_listing_head(exchange, encode, 'max-keys', 'MaxKeys')}"
        f"<IsTruncated>{truth(page.next is not None)}</IsTruncated>{said}"
        f"{_objects(page.objects, encode, with_owner=exchange.param('fetch-owner') == 'true')}"
        f"{_prefixes(page.prefixes, encode)}",
    )


def _objects(objects: Iterable[ObjectInfo], encode: Encode, *, with_owner: bool) -> str:
    seconds: dict[int, str] = {}  # most keys of a page were written within a few seconds
    owners: dict[str, str] = {}
    classes = names.STORAGE_CLASS_WORDS
    rows = []
    for info in objects:
        second = info.modified_ms // 1000
        at = seconds.get(second)
        if at is None:
            at = seconds[second] = dates.iso(info.modified_ms)
        own = ""
        if with_owner:
            own = owners.get(info.owner) or owners.setdefault(info.owner, owner(info.owner))
        rows.append(
            f"<Contents><Key>{encode(info.key)}</Key><LastModified>{at}</LastModified>"
            f"<ETag>&quot;{info.etag}&quot;</ETag>{_checksums(info) if info.checksums else ''}<Size>{info.size}</Size>"
            f"{own}<StorageClass>{classes[info.meta.storage_class]}</StorageClass></Contents>"
        )
    return "".join(rows)


def _checksums(info: ObjectInfo) -> str:
    found = "".join(
        f"<ChecksumAlgorithm>{names.CHECKSUM_WORDS[algorithm]}</ChecksumAlgorithm>"
        for algorithm in info.checksums
        if algorithm in names.CHECKSUM_WORDS
    )
    return f"{found}<ChecksumType>{names.CHECKSUM_TYPE_WORDS[info.checksum_type]}</ChecksumType>" if found else ""


# --- versions --------------------------------------------------------------------------------------------------------


def bind_list_versions(exchange: S3Exchange, _: bytes) -> ListVersions:
    """GET /bucket?versions."""
    encoding(exchange)
    key_marker = exchange.param("key-marker") or ""
    version_marker = exchange.param("version-id-marker")
    if version_marker and not key_marker:
        raise Fault(
            Kind.INVALID,
            "argument",
            "A version-id marker cannot be specified without a key marker.",
            name="version-id-marker",
            value=version_marker[:128],
        )
    return ListVersions(
        bucket=exchange.bucket,
        place=exchange.place,
        prefix=exchange.param("prefix") or "",
        delimiter=exchange.param("delimiter") or "",
        after=key_marker,
        version_after=version_marker or None,
        limit=_limit(exchange, "max-keys"),
    )


def render_list_versions(exchange: S3Exchange, page: VersionPage) -> Reply:
    """Versions and delete markers in one sequence, newest first within a key."""
    encode, said = encoding(exchange)
    following = f"<NextKeyMarker>{encode(page.next)}</NextKeyMarker>" if page.next is not None else ""
    if page.next is not None and page.next_version is not None:
        following += f"<NextVersionIdMarker>{escape(page.next_version)}</NextVersionIdMarker>"
    return document(
        "ListVersionsResult",
        f"<Name>{exchange.bucket}</Name><Prefix>{encode(exchange.param('prefix') or '')}</Prefix>"
        f"<KeyMarker>{encode(exchange.param('key-marker') or '')}</KeyMarker>"
        f"<VersionIdMarker>{escape(exchange.param('version-id-marker') or '')}</VersionIdMarker>{following}"
        f"{_listing_head(exchange, encode, 'max-keys', 'MaxKeys')}"
        f"<IsTruncated>{truth(page.next is not None)}</IsTruncated>{said}"
        f"{''.join(_version(info, encode) for info in page.versions)}{_prefixes(page.prefixes, encode)}",
    )


def _version(info: ObjectInfo, encode: Encode) -> str:
    head = (
        f"<Key>{encode(info.key)}</Key><VersionId>{escape(version_of(info.version))}</VersionId>"
        f"<IsLatest>{truth(info.latest)}</IsLatest><LastModified>{dates.iso(info.modified_ms)}</LastModified>"
    )
    if info.delete_marker:
        return f"<DeleteMarker>{head}{owner(info.owner)}</DeleteMarker>"
    return (
        f"<Version>{head}<ETag>&quot;{info.etag}&quot;</ETag>{_checksums(info)}<Size>{info.size}</Size>"
        f"{owner(info.owner)}<StorageClass>{names.STORAGE_CLASS_WORDS[info.meta.storage_class]}</StorageClass>"
        "</Version>"
    )


# --- unfinished uploads ----------------------------------------------------------------------------------------------


def bind_list_uploads(exchange: S3Exchange, _: bytes) -> ListUploads:
    """GET /bucket?uploads."""
    encoding(exchange)
    key_marker = exchange.param("key-marker") or ""
    return ListUploads(
        bucket=exchange.bucket,
        place=exchange.place,
        prefix=exchange.param("prefix") or "",
        delimiter=exchange.param("delimiter") or "",
        after=key_marker,
        # S3 ignores an upload's marker without a key's.
        upload_after=(exchange.param("upload-id-marker") or None) if key_marker else None,
        limit=_limit(exchange, "max-uploads"),
    )


def render_list_uploads(exchange: S3Exchange, page: UploadPage) -> Reply:
    """By key and then by age."""
    encode, said = encoding(exchange)
    following = ""
    if page.next is not None:
        following = f"<NextKeyMarker>{encode(page.next)}</NextKeyMarker>"
        following += f"<NextUploadIdMarker>{escape(page.next_upload or '')}</NextUploadIdMarker>"
    return document(
        "ListMultipartUploadsResult",
        f"<Bucket>{exchange.bucket}</Bucket><KeyMarker>{encode(exchange.param('key-marker') or '')}</KeyMarker>"
        f"<UploadIdMarker>{escape(exchange.param('upload-id-marker') or '')}</UploadIdMarker>{following}"
        f"<Prefix>{encode(exchange.param('prefix') or '')}</Prefix>"
        f"{_listing_head(exchange, encode, 'max-uploads', 'MaxUploads')}"
        f"<IsTruncated>{truth(page.next is not None)}</IsTruncated>{said}"
        f"{''.join(_upload(upload, encode) for upload in page.uploads)}{_prefixes(page.prefixes, encode)}",
    )


def _upload(upload: UploadInfo, encode: Encode) -> str:
    checksum = ""
    if upload.checksum is not None:
        checksum = (
            f"<ChecksumAlgorithm>{names.CHECKSUM_WORDS[upload.checksum]}</ChecksumAlgorithm>"
            f"<ChecksumType>{names.CHECKSUM_TYPE_WORDS[upload.checksum_type]}</ChecksumType>"
        )
    return (
        f"<Upload><Key>{encode(upload.key)}</Key><UploadId>{escape(upload.upload)}</UploadId>"
        f"{owner(upload.owner, 'Initiator')}{owner(upload.owner)}"
        f"<StorageClass>{names.STORAGE_CLASS_WORDS[upload.storage_class]}</StorageClass>"
        f"<Initiated>{dates.iso(upload.created_ms)}</Initiated>{checksum}</Upload>"
    )


# --- what listings share ---------------------------------------------------------------------------------------------


def _limit(exchange: S3Exchange, name: str) -> int:
    given = exchange.param(name)
    return limits.LIST_MAX if not given else min(read_int(name, given, 0, 0, _INT_MAX), limits.LIST_MAX)


def _listing_head(exchange: S3Exchange, encode: Encode, parameter: str, element: str) -> str:
    delimiter = exchange.param("delimiter")
    shown = f"<Delimiter>{encode(delimiter)}</Delimiter>" if delimiter else ""
    return f"<{element}>{_limit(exchange, parameter)}</{element}>{shown}"


def _prefixes(prefixes: Iterable[str], encode: Encode) -> str:
    return "".join([f"<CommonPrefixes><Prefix>{encode(prefix)}</Prefix></CommonPrefixes>" for prefix in prefixes])
