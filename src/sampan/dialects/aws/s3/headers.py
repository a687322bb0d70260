"""Headers that several operations share: read into the core's words, and written from them."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from urllib.parse import unquote

from sampan.dialects.aws.s3 import acls, names
from sampan.dialects.aws.s3.exchange import S3Exchange
from sampan.dialects.aws.wire import dates
from sampan.dialects.aws.wire.body import PREFIX as CHECKSUM_PREFIX
from sampan.dialects.aws.wire.body import decode_checksum
from sampan.gateway.http import parse_query
from sampan.kernel.fault import Fault, Kind
from sampan.services.objects.model import (
    NO_CONDITION,
    ChecksumType,
    Condition,
    Found,
    Meta,
    Range,
    Source,
    StorageClass,
)

META_PREFIX = "x-amz-meta-"
WEBSITE = "x-amz-website-redirect-location"
DEFAULT_CONTENT_TYPE = "binary/octet-stream"
SYSTEM_HEADERS = ("cache-control", "content-disposition", "content-encoding", "content-language", "expires")

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})").fullmatch
_ETAG = re.compile(r'\s*(?:W/)?"?([^",]*)"?\s*').fullmatch

# Headers that ask for something that Sampan does not do. They are refused by name: who asks for encryption or for a
# lock must not believe to have got it. The values listed ask for nothing more than what is the case anyway.
_REFUSED = (
    "x-amz-server-side-encryption",
    "x-amz-copy-source-server-side-encryption",
    "x-amz-object-lock-",
    "x-amz-bucket-object-lock-",
    "x-amz-write-offset-bytes",
    "x-amz-if-match-",
    "x-amz-bucket-namespace",
    "x-amz-object-annotation-directive",
)
_HARMLESS: Mapping[str, tuple[str, ...]] = {
    "x-amz-bucket-object-lock-enabled": ("false", "False"),
    "x-amz-object-lock-legal-hold": ("OFF",),
    "x-amz-bucket-namespace": ("global",),
}


def check_promises(exchange: S3Exchange) -> None:
    """Refuse headers whose wish is not done, and pass on which owners are expected: the guard knows them.

    Raises Fault(NOT_DONE, "operation").
    """
    headers = exchange.headers
    for name in headers:
        if name.startswith(_REFUSED) and headers[name] not in _HARMLESS.get(name, ()):
            raise Fault(Kind.NOT_DONE, "operation", operation=f"header {name}", header=name)
    if "x-amz-expected-bucket-owner" in headers or "x-amz-source-expected-bucket-owner" in headers:
        exchange.owners = (
            headers.get("x-amz-expected-bucket-owner", ""),
            headers.get("x-amz-source-expected-bucket-owner", ""),
        )


# --- reading ---------------------------------------------------------------------------------------------------------


def read_text(name: str, value: str) -> str:
    """A header's value, which must be UTF-8. Raises Fault(INVALID, "argument")."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Fault(Kind.INVALID, "argument", f"{name} is not UTF-8", name=name) from None
    return value


def read_int(name: str, value: str | None, default: int, low: int, high: int) -> int:
    """A number from a parameter or a header, which must be from `low` to `high`. Raises Fault(INVALID, "argument")."""
    if value is None or value == "":
        return default
    if not re.fullmatch(r"[0-9]{1,18}", value) or not low <= int(value) <= high:
        raise Fault(
            Kind.INVALID,
            "argument",
            f"Provided {name} not an integer or within integer range",
            name=name,
            value=value[:64],
        )
    return int(value)


def read_meta(exchange: S3Exchange) -> Meta:
    """What the writer says of the object."""
    headers = exchange.headers
    system = {}
    user = {}
    for name, value in headers.items():
        if name.startswith(META_PREFIX):
            user[name[len(META_PREFIX) :]] = read_text(name, value)
        elif name in SYSTEM_HEADERS:
            system[name] = read_text(name, value)
    encoding = system.get("content-encoding")
    if encoding is not None and "aws-chunked" in encoding:
        # That one was taken off with the chunks; what else is named stays.
        kept = [part.strip() for part in encoding.split(",") if part.strip() != "aws-chunked"]
        system["content-encoding"] = ",".join(kept)
        if not kept:
            del system["content-encoding"]
    website = headers.get(WEBSITE)
    return Meta(
        content_type=read_text("content-type", headers.get("content-type", "")),
        headers=system,
        user=user,
        storage_class=read_storage_class(headers) or StorageClass.STANDARD,
        note={"website": read_text(WEBSITE, website)} if website else {},
        acl=acls.read_object(exchange),
    )


def read_storage_class(headers: Mapping[str, str]) -> StorageClass | None:
    """x-amz-storage-class, or None. Raises Fault(INVALID, "argument")."""
    word = headers.get("x-amz-storage-class")
    if word is None:
        return None
    if word not in names.STORAGE_CLASSES:
        raise Fault(Kind.INVALID, "argument", name="x-amz-storage-class", value=word[:64])
    return names.STORAGE_CLASSES[word]


def read_tags(headers: Mapping[str, str]) -> dict[str, str]:
    """x-amz-tagging: `k=v&k2=v2`, escaped as in a URL. Raises Fault(INVALID, "argument")."""
    value = headers.get("x-amz-tagging")
    if not value:
        return {}
    pairs = parse_query(value)
    tags = dict(pairs)
    if len(tags) != len(pairs):
        raise Fault(
            Kind.INVALID,
            "argument",
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag "
            "name duplicates.",
            name="x-amz-tagging",
            value=value[:256],
        )
    return tags


def read_condition(headers: Mapping[str, str], prefix: str = "") -> Condition:
    """The preconditions; `prefix` is "x-amz-copy-source-" for those on a copy's source. Bad dates count as none."""
    match = headers.get(prefix + "if-match")
    none_match = headers.get(prefix + "if-none-match")
    modified = headers.get(prefix + "if-modified-since")
    unmodified = headers.get(prefix + "if-unmodified-since")
    if match is None and none_match is None and modified is None and unmodified is None:
        return NO_CONDITION
    return Condition(
        match=_read_etags(match),
        none_match=_read_etags(none_match),
        modified_since_ms=dates.parse_http(modified) if modified is not None else None,
        unmodified_since_ms=dates.parse_http(unmodified) if unmodified is not None else None,
    )


def read_write_condition(headers: Mapping[str, str]) -> Condition:
    """If-Match and If-None-Match of a write. S3 knows only "*" for the second."""
    none_match = headers.get("if-none-match")
    if none_match is not None and none_match.strip() != "*":
        raise Fault(Kind.NOT_DONE, "operation", operation="header if-none-match", header="If-None-Match")
    match = headers.get("if-match")
    if match is None and none_match is None:
        return NO_CONDITION
    return Condition(match=_read_etags(match), none_match=("*",) if none_match else ())


def _read_etags(value: str | None) -> tuple[str, ...]:
    """`"a", W/"b"` or `*`, without quotes. A header that names none at all matches nothing."""
    if value is None:
        return ()
    found = []
    for part in value.split(","):
        match = _ETAG(part)
        if match is not None and match[1].strip():
            found.append(match[1].strip())
    return tuple(found) or ("",)


def read_range(value: str | None) -> Range | None:
    """`bytes=0-9`, `bytes=5-`, `bytes=-3`. Anything else counts as no range, as RFC 9110 asks."""
    match = _RANGE(value.replace(" ", "")) if value is not None else None
    if match is None:
        return None
    first, last = match.groups()
    if first and last and int(first) > int(last):
        return None
    if not first and not last:
        return None
    return Range(int(first) if first else None, int(last) if last else None)


def read_source(headers: Mapping[str, str]) -> Source:
    """x-amz-copy-source: `/bucket/key?versionId=...`, escaped. Raises Fault(INVALID, "argument")."""
    value = headers["x-amz-copy-source"]
    path, _, query = value.partition("?")
    version = None
    if query:
        name, _, version = query.partition("=")
        if name != "versionId" or not version:
            # A "?" may stand unescaped in a key; only a version can follow it otherwise.
            path, version = value, None
    path = unquote(path, errors="surrogateescape")
    if path.startswith("arn:"):
        raise Fault(Kind.NOT_DONE, "operation", operation="copying from an access point", header="x-amz-copy-source")
    bucket, _, key = path.removeprefix("/").partition("/")
    if not bucket or not key:
        raise Fault(
            Kind.INVALID,
            "argument",
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            name="x-amz-copy-source",
            value=value[:256],
        )
    read_text("x-amz-copy-source", key)
    return Source(bucket, key, unquote(version) if version else None)


def read_algorithm(headers: Mapping[str, str]) -> str | None:
    """x-amz-checksum-algorithm in the core's word, or None. Raises Fault(INVALID | NOT_DONE)."""
    word = headers.get("x-amz-checksum-algorithm")
    if word is None:
        return None
    algorithm = word.lower()
    if algorithm in names.CHECKSUM_WORDS:
        return algorithm
    if algorithm in ("md5", "sha512", "xxhash3", "xxhash64", "xxhash128"):
        raise Fault(Kind.NOT_DONE, "operation", operation=f"checksum {algorithm}", header="x-amz-checksum-algorithm")
    raise Fault(
        Kind.INVALID,
        "digest",
        "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
        "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        algorithm="",
    )


def read_checksum_type(headers: Mapping[str, str]) -> ChecksumType | None:
    """x-amz-checksum-type in the core's word, or None. Raises Fault(INVALID, "digest")."""
    word = headers.get("x-amz-checksum-type")
    if word is None:
        return None
    if word not in names.CHECKSUM_TYPES:
        raise Fault(Kind.INVALID, "digest", "Value for x-amz-checksum-type header is invalid.", algorithm="")
    return names.CHECKSUM_TYPES[word]


def read_whole_checksums(headers: Mapping[str, str]) -> dict[str, bytes]:
    """The x-amz-checksum-* headers of a completed upload: of the whole object, with "-N" behind a composite one."""
    found = {}
    for algorithm in names.CHECKSUM_WORDS:
        name = CHECKSUM_PREFIX + algorithm
        if name in headers:
            found[algorithm] = decode_checksum(name, headers[name].partition("-")[0])[1]
    return found


# --- writing ---------------------------------------------------------------------------------------------------------


def quoted(etag: str) -> str:
    """An ETag as it stands in a header."""
    return f'"{etag}"'


def checksum_text(value: bytes, checksum_type: ChecksumType | None, etag: str) -> str:
    """Base64, with the number of parts behind it if it was made of the parts' checksums."""
    text = base64.b64encode(value).decode()
    parts = etag.partition("-")[2]
    return f"{text}-{parts}" if checksum_type is ChecksumType.COMPOSITE and parts else text


def checksum_headers(checksums: Mapping[str, bytes], checksum_type: ChecksumType, etag: str) -> list[tuple[str, str]]:
    """x-amz-checksum-* and x-amz-checksum-type, if there is any."""
    if not checksums:
        return []
    headers = [
        (CHECKSUM_PREFIX + algorithm, checksum_text(value, checksum_type, etag))
        for algorithm, value in checksums.items()
        if algorithm in names.CHECKSUM_WORDS
    ]
    headers.append(("x-amz-checksum-type", names.CHECKSUM_TYPE_WORDS[checksum_type]))
    return headers


def version_header(version: str | None) -> list[tuple[str, str]]:
    """x-amz-version-id, if there are versions."""
    return [("x-amz-version-id", version)] if version is not None else []


def object_headers(found: Found, *, checksums: bool) -> list[tuple[str, str]]:
    """What GetObject and HeadObject say of an object. `checksums`: the caller asked for them."""
    info = found.info
    meta = info.meta
    headers = [
        ("Last-Modified", dates.http(info.modified_ms)),
        ("ETag", f'"{info.etag}"'),
        ("Accept-Ranges", "bytes"),
        ("Content-Type", meta.content_type or DEFAULT_CONTENT_TYPE),
        ("Content-Length", str(found.last - found.first + 1)),
    ]
    if found.partial and info.size:
        headers.append(("Content-Range", f"bytes {found.first}-{found.last}/{info.size}"))
    if info.version is not None:
        headers.append(("x-amz-version-id", info.version))
    if meta.headers:
        headers += meta.headers.items()
    for name, value in meta.user.items():
        headers.append((META_PREFIX + name, value if value.isascii() else _encoded_word(value)))
    if meta.storage_class is not StorageClass.STANDARD:
        headers.append(("x-amz-storage-class", names.STORAGE_CLASS_WORDS[meta.storage_class]))
    if info.tags:
        headers.append(("x-amz-tagging-count", str(info.tags)))
    if "website" in meta.note:
        headers.append((WEBSITE, meta.note["website"]))
    if checksums and not found.partial:
        headers += checksum_headers(info.checksums, info.checksum_type, info.etag)
    return headers


def _encoded_word(value: str) -> str:
    """Metadata beyond ASCII, by RFC 2047: so S3 gives back what was written through another door."""
    return f"=?UTF-8?B?{base64.b64encode(value.encode('utf-8', 'replace')).decode()}?="
