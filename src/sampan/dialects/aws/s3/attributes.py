"""GetObjectAttributes: what is known of an object, and of the parts that it was made of."""

from __future__ import annotations

from sampan.dialects.aws.s3 import names
from sampan.dialects.aws.s3.exchange import S3Exchange
from sampan.dialects.aws.s3.headers import read_int, version_header
from sampan.dialects.aws.s3.objects import version_id
from sampan.dialects.aws.s3.page import checksums, document, truth
from sampan.dialects.aws.wire import dates
from sampan.gateway.http import Reply
from sampan.kernel import limits
from sampan.kernel.fault import Fault, Kind
from sampan.services.objects.model import Found, HeadObject, ListObjectParts, PartPage

_ATTRIBUTES = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})


def bind_attributes(exchange: S3Exchange, _: bytes) -> HeadObject | ListObjectParts:
    """GET /bucket/key?attributes."""
    wanted = {word.strip() for word in exchange.headers.get("x-amz-object-attributes", "").split(",")} - {""}
    if not wanted or not wanted <= _ATTRIBUTES:
        raise Fault(
            Kind.INVALID,
            "argument",
            "Invalid attribute name specified.",
            name="x-amz-object-attributes",
            value=",".join(sorted(wanted))[:256],
        )
    exchange.asked = wanted
    if "ObjectParts" in wanted:
        return ListObjectParts(
            bucket=exchange.bucket,
            place=exchange.place,
            key=exchange.key,
            version=version_id(exchange),
            after=read_int("x-amz-part-number-marker", exchange.headers.get("x-amz-part-number-marker"), 0, 0, 2**31),
            limit=_max_parts(exchange),
        )
    return HeadObject(bucket=exchange.bucket, place=exchange.place, key=exchange.key, version=version_id(exchange))


def _max_parts(exchange: S3Exchange) -> int:
    given = read_int("x-amz-max-parts", exchange.headers.get("x-amz-max-parts"), limits.LIST_MAX, 0, 2**31)
    return min(given, limits.LIST_MAX)


def render_attributes(exchange: S3Exchange, result: Found | PartPage) -> Reply:
    """Only what was asked for, in S3's order. ETags stand without quotes here."""
    wanted: set[str] = exchange.asked
    info = result.info
    assert info is not None
    content = f"<ETag>{info.etag}</ETag>" if "ETag" in wanted else ""
    if "Checksum" in wanted and info.checksums:
        content += f"<Checksum>{checksums(info.checksums, info.checksum_type, info.etag)}</Checksum>"
    if isinstance(result, PartPage) and info.parts:
        content += _object_parts(exchange, result)
    if "StorageClass" in wanted:
        content += f"<StorageClass>{names.STORAGE_CLASS_WORDS[info.meta.storage_class]}</StorageClass>"
    if "ObjectSize" in wanted:
        content += f"<ObjectSize>{info.size}</ObjectSize>"
    headers = [("Last-Modified", dates.http(info.modified_ms)), *version_header(info.version)]
    return document("GetObjectAttributesResponse", content, headers)


def _object_parts(exchange: S3Exchange, page: PartPage) -> str:
    """The parts' number, and the parts themselves if they have checksums to tell."""
    if not any(part.checksums for part in page.parts):
        return f"<ObjectParts><PartsCount>{page.total}</PartsCount></ObjectParts>"
    rows = "".join(
        f"<Part><PartNumber>{part.number}</PartNumber><Size>{part.size}</Size>{checksums(part.checksums)}</Part>"
        for part in page.parts
    )
    marker = read_int("x-amz-part-number-marker", exchange.headers.get("x-amz-part-number-marker"), 0, 0, 2**31)
    return (
        f"<ObjectParts><PartsCount>{page.total}</PartsCount><PartNumberMarker>{marker}</PartNumberMarker>"
        f"<NextPartNumberMarker>{page.parts[-1].number if page.parts else marker}</NextPartNumberMarker>"
        f"<MaxParts>{_max_parts(exchange)}</MaxParts><IsTruncated>{truth(page.next is not None)}</IsTruncated>{rows}"
        "</ObjectParts>"
    )
