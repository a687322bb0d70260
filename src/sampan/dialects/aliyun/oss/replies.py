"""Replies that several operations share: XML documents, an object's headers."""

from __future__ import annotations

import base64

from sampan.dialects.aliyun.oss import names
from sampan.dialects.aliyun.oss.exchange import META_PREFIX, SYSTEM_HEADERS, OssExchange
from sampan.dialects.aliyun.oss.words import DECLARATION
from sampan.dialects.aliyun.wire.dates import http_date
from sampan.dialects.aliyun.wire.oss_claim import percent
from sampan.gateway.http import Reply
from sampan.gateway.xml import escape
from sampan.kernel.names import aliyun_account
from sampan.services.objects.model import NULL_VERSION, Form, ObjectInfo, PartInfo, Written

Headers = list[tuple[str, str]]


def xml(root: str, content: str, headers: Headers | None = None) -> Reply:
    """A document without namespace, as OSS's are."""
    document = f"{DECLARATION}<{root}>{content}</{root}>"
    return Reply(200, [("content-type", "application/xml"), *(headers or [])], document.encode())


def empty(status: int = 200, headers: Headers | None = None) -> Reply:
    """A reply without a body."""
    return Reply(status, headers or [])


def shown(name: str, encoded: bool) -> str:
    """A key or a prefix as element text: percent-encoded if the client asked for it, else escaped."""
    return percent(name) if encoded else escape(name)


def owner(account: str) -> str:
    """An account as documents show it: its 16 digits, as id and as name."""
    digits = aliyun_account(account)
    return f"<Owner><ID>{digits}</ID><DisplayName>{digits}</DisplayName></Owner>"


def boolean(value: bool) -> str:
    """A truth in OSS's XML."""
    return "true" if value else "false"


def etag(value: str) -> str:
    """An ETag as OSS shows it: quoted, in capitals."""
    return f'"{value.upper()}"'


def content_md5(value: str) -> Headers:
    """The header Content-MD5, where an ETag is an MD5."""
    return [("content-md5", base64.b64encode(bytes.fromhex(value)).decode())] if len(value) == 32 else []


def version_headers(version: str | None) -> Headers:
    """What names the version of an object; nothing in a bucket that never had any."""
    return [] if version is None else [("x-oss-version-id", version)]


def written(result: Written) -> Headers:
    """What every writer of an object gets back."""
    return [
        ("etag", etag(result.etag)),
        ("x-oss-hash-crc64ecma", str(result.crc64)),
        *version_headers(result.version),
    ]


def part_headers(part: PartInfo) -> Headers:
    """What a reply says of a part that was stored."""
    return [("etag", etag(part.etag)), ("x-oss-hash-crc64ecma", str(part.crc64))]


def object_headers(info: ObjectInfo) -> Headers:
    """Everything that a reader is told of an object beside its bytes."""
    meta = info.meta
    headers = [
        ("content-type", meta.content_type or "application/octet-stream"),
        ("etag", etag(info.etag)),
        ("last-modified", http_date(info.modified_ms)),
        ("accept-ranges", "bytes"),
        ("x-oss-object-type", names.FORM_NAMES[info.form]),
        ("x-oss-storage-class", names.STORAGE_CLASS_NAMES[meta.storage_class]),
        ("x-oss-hash-crc64ecma", str(info.crc64)),
    ]
    if info.form == Form.NORMAL:
        headers += content_md5(info.etag)
    if info.form == Form.APPENDABLE:
        headers.append(("x-oss-next-append-position", str(info.size)))
    if info.tags:
        headers.append(("x-oss-tagging-count", str(info.tags)))
    headers += version_headers(info.version)
    headers += [(name, value) for name, value in meta.headers.items() if name in SYSTEM_HEADERS]
    headers += [(META_PREFIX + name, value) for name, value in meta.user.items()]
    return headers


def listed_version(version: str | None) -> str:
    """A version as listings show it."""
    return version or NULL_VERSION


def endpoint(x: OssExchange, region: str) -> tuple[str, str]:
    """The public and the internal endpoint of a region, as OSS names them."""
    return f"{names.location(region)}.aliyuncs.com", f"{names.location(region)}-internal.aliyuncs.com"
