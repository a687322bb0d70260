"""Multipart uploads. One bind and one render for each operation."""

from __future__ import annotations

from sampan.dialects.aws.s3 import names
from sampan.dialects.aws.s3.exchange import S3Exchange
from sampan.dialects.aws.s3.headers import (
    checksum_headers,
    quoted,
    read_algorithm,
    read_checksum_type,
    read_condition,
    read_int,
    read_meta,
    read_range,
    read_source,
    read_tags,
    read_whole_checksums,
    read_write_condition,
    version_header,
)
from sampan.dialects.aws.s3.page import checksums, document, owner, truth
from sampan.dialects.aws.wire import dates
from sampan.dialects.aws.wire.body import PREFIX, decode_checksum
from sampan.dialects.aws.wire.sigv4 import canonical_path
from sampan.gateway.http import Reply
from sampan.gateway.xml import Element, escape, parse
from sampan.kernel import limits
from sampan.kernel.fault import Fault, Kind
from sampan.services.objects.model import (
    AbortUpload,
    ChecksumType,
    CompleteUpload,
    CopyPart,
    CreateUpload,
    ListParts,
    NamedPart,
    PartInfo,
    PartPage,
    PutPart,
    UploadInfo,
    Written,
)


def _upload(exchange: S3Exchange) -> str:
    return exchange.param("uploadId") or ""


def _number(exchange: S3Exchange) -> int:
    given = exchange.param("partNumber") or ""
    if not (given.isascii() and given.isdigit() and len(given) <= 9 and 1 <= int(given) <= limits.PARTS_MAX):
        raise Fault(Kind.INVALID, "part number", number=given[:32])
    return int(given)


def bind_create_upload(exchange: S3Exchange, _: bytes) -> CreateUpload:
    """POST /bucket/key?uploads."""
    headers = exchange.headers
    return CreateUpload(
        bucket=exchange.bucket,
        place=exchange.place,
        key=exchange.key,
        meta=read_meta(exchange),
        tags=read_tags(headers),
        checksum=read_algorithm(headers),
        checksum_type=read_checksum_type(headers),
    )


def render_create_upload(exchange: S3Exchange, upload: UploadInfo) -> Reply:
    """The upload's id, and how its checksum will be made."""
    headers = []
    if upload.checksum is not None:
        headers = [
            ("x-amz-checksum-algorithm", names.CHECKSUM_WORDS[upload.checksum]),
            ("x-amz-checksum-type", names.CHECKSUM_TYPE_WORDS[upload.checksum_type]),
        ]
    return document(
        "InitiateMultipartUploadResult",
        f"<Bucket>{exchange.bucket}</Bucket><Key>{escape(exchange.key)}</Key>"
        f"<UploadId>{escape(upload.upload)}</UploadId>",
        headers,
    )


def bind_put_part(exchange: S3Exchange, _: bytes) -> PutPart:
    """PUT /bucket/key?partNumber=N&uploadId=ID."""
    if exchange.body.length is None:
        raise Fault(Kind.ABSENT, "length")
    return PutPart(
        bucket=exchange.bucket,
        place=exchange.place,
        key=exchange.key,
        upload=_upload(exchange),
        number=_number(exchange),
        body=exchange.body,
    )


def render_put_part(exchange: S3Exchange, part: PartInfo) -> Reply:
    """ETag and checksum of the part alone."""
    headers = [("ETag", quoted(part.etag)), *checksum_headers(part.checksums, ChecksumType.FULL, "")]
    return Reply(200, [pair for pair in headers if pair[0] != "x-amz-checksum-type"])


def bind_copy_part(exchange: S3Exchange, _: bytes) -> CopyPart:
    """PUT /bucket/key?partNumber=N&uploadId=ID with x-amz-copy-source."""
    headers = exchange.headers
    given = headers.get("x-amz-copy-source-range")
    wanted = read_range(given)
    if given is not None and (wanted is None or wanted.first is None or wanted.last is None):
        raise Fault(
            Kind.INVALID,
            "argument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
            name="x-amz-copy-source-range",
            value=given[:64],
        )
    return CopyPart(
        bucket=exchange.bucket,
        place=exchange.place,
        key=exchange.key,
        upload=_upload(exchange),
        number=_number(exchange),
        source=read_source(headers),
        range=wanted,
        source_condition=read_condition(headers, "x-amz-copy-source-"),
    )


def render_copy_part(exchange: S3Exchange, part: PartInfo) -> Reply:
    """As for a copied object."""
    headers = []
    if part.source_version is not None:
        headers.append(("x-amz-copy-source-version-id", part.source_version))
    return document(
        "CopyPartResult",
        f"<LastModified>{dates.iso(part.modified_ms)}</LastModified><ETag>&quot;{part.etag}&quot;</ETag>"
        f"{checksums(part.checksums)}",
        headers,
    )


def bind_complete_upload(exchange: S3Exchange, body: bytes) -> CompleteUpload:
    """POST /bucket/key?uploadId=ID. The x-amz-checksum-* headers speak of the whole object here."""
    headers = exchange.headers
    root = parse(body, "CompleteMultipartUpload")
    parts = tuple(_named_part(element) for element in root.all("Part"))
    if not parts:
        raise Fault(Kind.INVALID, "document", "no Part is named")
    size = headers.get("x-amz-mp-object-size")
    return CompleteUpload(
        bucket=exchange.bucket,
        place=exchange.place,
        key=exchange.key,
        upload=_upload(exchange),
        parts=parts,
        part_bytes_min=limits.PART_BYTES_MIN,
        checksums=read_whole_checksums(headers),
        checksum_type=read_checksum_type(headers),
        size=read_int("x-amz-mp-object-size", size, 0, 0, limits.OBJECT_BYTES_MAX) if size else None,
        condition=read_write_condition(headers),
    )


def _named_part(element: Element) -> NamedPart:
    number = element.get("PartNumber").strip()
    if not (number.isascii() and number.isdigit() and len(number) <= 9):
        raise Fault(Kind.INVALID, "document", "a Part lacks its PartNumber")
    if not 1 <= int(number) <= limits.PARTS_MAX:
        raise Fault(Kind.INVALID, "part number", number=number)
    claimed = {}
    for algorithm, word in names.CHECKSUM_WORDS.items():
        given = element.get(f"Checksum{word}").strip()
        if given:
            claimed[algorithm] = decode_checksum(PREFIX + algorithm, given)[1]
    return NamedPart(int(number), element.get("ETag").strip().strip('"').lower() or None, claimed)


def render_complete_upload(exchange: S3Exchange, written: Written) -> Reply:
    """The object, and where it is."""
    request = exchange.request
    location = f"{request.scheme}://{request.headers.get('host', '')}{canonical_path(request)}"
    return document(
        "CompleteMultipartUploadResult",
        f"<Location>{escape(location)}</Location><Bucket>{exchange.bucket}</Bucket><Key>{escape(exchange.key)}</Key>"
        f"<ETag>&quot;{written.etag}&quot;</ETag>"
        f"{checksums(written.checksums, written.checksum_type, written.etag)}",
        version_header(written.version),
    )


def bind_abort_upload(exchange: S3Exchange, _: bytes) -> AbortUpload:
    """DELETE /bucket/key?uploadId=ID."""
    return AbortUpload(bucket=exchange.bucket, place=exchange.place, key=exchange.key, upload=_upload(exchange))


def _max_parts(exchange: S3Exchange) -> int:
    return min(read_int("max-parts", exchange.param("max-parts"), limits.LIST_MAX, 0, 2**31 - 1), limits.LIST_MAX)


def bind_list_parts(exchange: S3Exchange, _: bytes) -> ListParts:
    """GET /bucket/key?uploadId=ID."""
    return ListParts(
        bucket=exchange.bucket,
        place=exchange.place,
        key=exchange.key,
        upload=_upload(exchange),
        after=read_int("part-number-marker", exchange.param("part-number-marker"), 0, 0, 2**31 - 1),
        limit=_max_parts(exchange),
    )


def render_list_parts(exchange: S3Exchange, page: PartPage) -> Reply:
    """The parts by number."""
    upload = page.upload
    assert upload is not None
    rows = "".join(
        f"<Part><PartNumber>{part.number}</PartNumber><LastModified>{dates.iso(part.modified_ms)}</LastModified>"
        f"<ETag>&quot;{part.etag}&quot;</ETag><Size>{part.size}</Size>{checksums(part.checksums)}</Part>"
        for part in page.parts
    )
    marker = read_int("part-number-marker", exchange.param("part-number-marker"), 0, 0, 2**31 - 1)
    following = page.next if page.next is not None else (page.parts[-1].number if page.parts else 0)
    checksum = ""
    if upload.checksum is not None:
        checksum = (
            f"<ChecksumAlgorithm>{names.CHECKSUM_WORDS[upload.checksum]}</ChecksumAlgorithm>"
            f"<ChecksumType>{names.CHECKSUM_TYPE_WORDS[upload.checksum_type]}</ChecksumType>"
        )
    return document(
        "ListPartsResult",
        f"<Bucket>{exchange.bucket}</Bucket><Key>{escape(exchange.key)}</Key>"
        f"<UploadId>{escape(upload.upload)}</UploadId>{owner(upload.owner, 'Initiator')}{owner(upload.owner)}"
        f"<StorageClass>{names.STORAGE_CLASS_WORDS[upload.storage_class]}</StorageClass>"
        f"<PartNumberMarker>{marker}</PartNumberMarker><NextPartNumberMarker>{following}</NextPartNumberMarker>"
        f"<MaxParts>{_max_parts(exchange)}</MaxParts><IsTruncated>{truth(page.next is not None)}</IsTruncated>"
        f"{checksum}{rows}",
    )
