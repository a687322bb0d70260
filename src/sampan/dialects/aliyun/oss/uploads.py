"""Uploads in parts."""

from __future__ import annotations

from sampan.dialects.aliyun.oss import exchange, names, replies
from sampan.dialects.aliyun.oss.exchange import OssExchange, invalid
from sampan.dialects.aliyun.oss.objects import copied
from sampan.dialects.aliyun.oss.replies import boolean, shown
from sampan.dialects.aliyun.wire.dates import iso_date
from sampan.dialects.aliyun.wire.oss_claim import percent
from sampan.gateway.contract import Operation
from sampan.gateway.http import Reply
from sampan.gateway.xml import Element, escape, parse
from sampan.kernel import limits
from sampan.kernel.fault import Fault, Kind
from sampan.services.objects.model import (
    AbortUpload,
    CompleteUpload,
    CopyPart,
    CreateUpload,
    ListParts,
    ListUploads,
    NamedPart,
    PartInfo,
    PartPage,
    PutPart,
    UploadInfo,
    UploadPage,
    Written,
)


def _encoding(x: OssExchange) -> tuple[bool, str]:
    encoded = exchange.url_encoded(x)
    return encoded, "<EncodingType>url</EncodingType>" if encoded else ""


def bind_initiate(x: OssExchange, _: bytes) -> CreateUpload:
    exchange.url_encoded(x)
    return CreateUpload(
        bucket=x.bucket,
        place=x.place,
        key=exchange.new_key(x),
        meta=exchange.meta(x),
        tags=exchange.header_tags(x),
        forbid_overwrite=exchange.flag(x, "x-oss-forbid-overwrite"),
    )


def render_initiate(x: OssExchange, upload: UploadInfo) -> Reply:
    encoded, encoding = _encoding(x)
    return replies.xml(
        "InitiateMultipartUploadResult",
        f"{encoding}<Bucket>{escape(x.bucket)}</Bucket><Key>{shown(upload.key, encoded)}</Key>"
        f"<UploadId>{upload.upload}</UploadId>",
    )


def _upload(x: OssExchange) -> str:
    return exchange.text(x, "uploadId")


def _number(x: OssExchange) -> int:
    return exchange.integer(x, "partNumber", None, 1, limits.PARTS_MAX)


def bind_part(x: OssExchange, _: bytes) -> PutPart:
    return PutPart(bucket=x.bucket, place=x.place, key=x.key, upload=_upload(x), number=_number(x), body=x.body)


def render_part(x: OssExchange, part: PartInfo) -> Reply:
    return replies.empty(headers=replies.part_headers(part) + replies.content_md5(part.etag))


def bind_copy_part(x: OssExchange, _: bytes) -> CopyPart:
    wanted = x.request.headers.get("x-oss-copy-source-range")
    return CopyPart(
        bucket=x.bucket,
        place=x.place,
        key=x.key,
        upload=_upload(x),
        number=_number(x),
        source=exchange.copy_source(x),
        # What cannot be read is ignored, as in a GET: the whole source is copied.
        range=exchange.read_range(wanted, lenient=False) if wanted else None,
        source_condition=exchange.condition(x, "x-oss-copy-source-"),
    )


def render_copy_part(x: OssExchange, part: PartInfo) -> Reply:
    headers = replies.part_headers(part)
    if part.source_version is not None:
        headers.append(("x-oss-copy-source-version-id", part.source_version))
    return replies.xml("CopyPartResult", copied(part.modified_ms, part.etag), headers)


def bind_complete(x: OssExchange, document: bytes) -> CompleteUpload:
    exchange.url_encoded(x)
    return CompleteUpload(
        bucket=x.bucket,
        place=x.place,
        key=x.key,
        upload=_upload(x),
        parts=_parts(x, document),
        part_bytes_min=exchange.PART_BYTES_MIN,
        forbid_overwrite=exchange.flag(x, "x-oss-forbid-overwrite"),
        acl=exchange.object_acl(x),
    )


def _parts(x: OssExchange, document: bytes) -> tuple[NamedPart, ...] | None:
    """The parts that the document names; None, all of them, if the header x-oss-complete-all says "yes"."""
    everything = x.request.headers.get("x-oss-complete-all")
    if everything is not None:
        if everything != "yes" or document:
            raise invalid("x-oss-complete-all", everything, "x-oss-complete-all is yes, and there is no body then.")
        return None
    return tuple([_named(part) for part in parse(document, "CompleteMultipartUpload").all("Part")])


def _named(part: Element) -> NamedPart:
    number = exchange.required(part, "PartNumber").strip()
    if not number.isascii() or not number.isdecimal() or not 1 <= int(number[:9]) <= limits.PARTS_MAX:
        raise Fault(Kind.INVALID, "part number", number=number[:16])
    return NamedPart(int(number), exchange.required(part, "ETag").strip().strip('"').lower())


def render_complete(x: OssExchange, result: Written) -> Reply:
    encoded, encoding = _encoding(x)
    host = x.request.headers.get("host", "")
    location = f"{x.request.scheme}://{host}{percent(x.request.path, slash=True)}"
    return replies.xml(
        "CompleteMultipartUploadResult",
        f"{encoding}<Location>{escape(location)}</Location><Bucket>{escape(x.bucket)}</Bucket>"
        f"<Key>{shown(x.key, encoded)}</Key><ETag>{replies.etag(result.etag)}</ETag>",
        replies.written(result),
    )


def bind_abort(x: OssExchange, _: bytes) -> AbortUpload:
    return AbortUpload(bucket=x.bucket, place=x.place, key=x.key, upload=_upload(x))


def render_abort(x: OssExchange, _: None) -> Reply:
    return replies.empty(204)


def _parts_limit(x: OssExchange) -> int:
    return exchange.integer(x, "max-parts", limits.LIST_MAX, 1, limits.LIST_MAX)


def _parts_after(x: OssExchange) -> int:
    return exchange.integer(x, "part-number-marker", 0, 0, 1 << 31)


def bind_list_parts(x: OssExchange, _: bytes) -> ListParts:
    exchange.url_encoded(x)
    return ListParts(
        bucket=x.bucket, place=x.place, key=x.key, upload=_upload(x), after=_parts_after(x), limit=_parts_limit(x)
    )


def render_list_parts(x: OssExchange, page: PartPage) -> Reply:
    encoded, encoding = _encoding(x)
    rows = "".join(
        [
            f"<Part><PartNumber>{part.number}</PartNumber><LastModified>{iso_date(part.modified_ms)}</LastModified>"
            f"<ETag>{replies.etag(part.etag)}</ETag><HashCrc64ecma>{part.crc64}</HashCrc64ecma>"
            f"<Size>{part.size}</Size></Part>"
            for part in page.parts
        ]
    )
    # The SDKs want the marker even where nothing follows: then it is the last part shown.
    following = page.next if page.next is not None else (page.parts[-1].number if page.parts else 0)
    storage = names.STORAGE_CLASS_NAMES[page.upload.storage_class] if page.upload is not None else "Standard"
    return replies.xml(
        "ListPartsResult",
        f"{encoding}<Bucket>{escape(x.bucket)}</Bucket><Key>{shown(x.key, encoded)}</Key>"
        f"<UploadId>{escape(_upload(x))}</UploadId><StorageClass>{storage}</StorageClass>"
        f"<PartNumberMarker>{_parts_after(x)}</PartNumberMarker>"
        f"<NextPartNumberMarker>{following}</NextPartNumberMarker><MaxParts>{_parts_limit(x)}</MaxParts>"
        f"<IsTruncated>{boolean(page.next is not None)}</IsTruncated>{rows}",
    )


def _uploads_limit(x: OssExchange) -> int:
    return exchange.integer(x, "max-uploads", limits.LIST_MAX, 1, limits.LIST_MAX)


def bind_list_uploads(x: OssExchange, _: bytes) -> ListUploads:
    exchange.url_encoded(x)
    return ListUploads(
        bucket=x.bucket,
        place=x.place,
        prefix=exchange.text(x, "prefix"),
        delimiter=exchange.text(x, "delimiter"),
        after=exchange.text(x, "key-marker"),
        upload_after=exchange.text(x, "upload-id-marker") or None,
        limit=_uploads_limit(x),
    )


def render_list_uploads(x: OssExchange, page: UploadPage) -> Reply:
    encoded, encoding = _encoding(x)
    rows = "".join(
        [
            f"<Upload><Key>{shown(upload.key, encoded)}</Key><UploadId>{upload.upload}</UploadId>"
            f"<StorageClass>{names.STORAGE_CLASS_NAMES[upload.storage_class]}</StorageClass>"
            f"<Initiated>{iso_date(upload.created_ms)}</Initiated></Upload>"
            for upload in page.uploads
        ]
    )
    prefixes = "".join(
        [f"<CommonPrefixes><Prefix>{shown(prefix, encoded)}</Prefix></CommonPrefixes>" for prefix in page.prefixes]
    )
    return replies.xml(
        "ListMultipartUploadsResult",
        f"{encoding}<Bucket>{escape(x.bucket)}</Bucket>"
        f"<KeyMarker>{shown(exchange.text(x, 'key-marker'), encoded)}</KeyMarker>"
        f"<UploadIdMarker>{escape(exchange.text(x, 'upload-id-marker'))}</UploadIdMarker>"
        f"<NextKeyMarker>{shown(page.next or '', encoded)}</NextKeyMarker>"
        f"<NextUploadIdMarker>{page.next_upload or ''}</NextUploadIdMarker>"
        f"<Delimiter>{shown(exchange.text(x, 'delimiter'), encoded)}</Delimiter>"
        f"<Prefix>{shown(exchange.text(x, 'prefix'), encoded)}</Prefix><MaxUploads>{_uploads_limit(x)}</MaxUploads>"
        f"<IsTruncated>{boolean(page.next is not None)}</IsTruncated>{rows}{prefixes}",
    )


INITIATE_MULTIPART_UPLOAD = Operation("InitiateMultipartUpload", bind_initiate, render_initiate)
UPLOAD_PART = Operation("UploadPart", bind_part, render_part)
UPLOAD_PART_COPY = Operation("UploadPartCopy", bind_copy_part, render_copy_part)
COMPLETE_MULTIPART_UPLOAD = Operation("CompleteMultipartUpload", bind_complete, render_complete, document=True)
ABORT_MULTIPART_UPLOAD = Operation("AbortMultipartUpload", bind_abort, render_abort)
LIST_PARTS = Operation("ListParts", bind_list_parts, render_list_parts)
LIST_MULTIPART_UPLOADS = Operation("ListMultipartUploads", bind_list_uploads, render_list_uploads)
