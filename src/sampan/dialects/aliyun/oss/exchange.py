"""One request to OSS on its way, and how its parameters and headers are read."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote

from sampan.dialects.aliyun.oss import names
from sampan.dialects.aliyun.wire.dates import parse_http_date
from sampan.gateway.contract import Exchange
from sampan.gateway.http import Request, parse_query
from sampan.gateway.xml import Element, parse
from sampan.kernel import limits
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import Place
from sampan.services.objects.model import NO_CONDITION, Acl, Condition, Meta, Range, Source, StorageClass, Target

KEY_BYTES_MAX = 1023  # OSS's limit; the other clouds' is 1,024
PART_BYTES_MIN = 100 * limits.KIB  # OSS: all parts but the last

SYSTEM_HEADERS = ("cache-control", "content-disposition", "content-encoding", "content-language", "expires")
META_PREFIX = "x-oss-meta-"
ACL_HEADER = "x-oss-object-acl"

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")
_UNSAFE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class OssExchange(Exchange):
    """`bucket` and `key` are "" where the request is not about one. `place` is the region that it names, if any;
    `region` is the server's own. `params` holds the first value of each query parameter. `batch` is what a batch delete
    asked for, and `quiet` whether it wants to hear of failures only."""

    __slots__ = ("batch", "bucket", "key", "params", "place", "quiet", "region")

    def __init__(self, request: Request, request_id: str, region: str) -> None:
        super().__init__(request, request_id)
        self.bucket = ""
        self.key = ""
        self.place: Place | None = None
        self.region = region
        self.batch: tuple[Target, ...] = ()
        self.quiet = False
        self.params: dict[str, str] = dict(reversed(request.query)) if request.query else {}


def invalid(name: str, value: str, why: str = "") -> Fault:
    """INVALID "argument", ready to be raised; of the value, the first 128 characters are told."""
    return Fault(Kind.INVALID, "argument", why, name=name, value=value[:128])


def undone(what: str) -> Fault:
    """Asked for, known to OSS, not done by Sampan: said instead of being ignored."""
    return Fault(Kind.NOT_DONE, "operation", f"{what} is not done by Sampan yet.", operation=what)


# --- query parameters ------------------------------------------------------------------------------------------------


def text(x: OssExchange, name: str) -> str:
    """A parameter that is a text, "" if it is not there. Raises INVALID "argument" if it is not UTF-8."""
    return utf8(name, x.params.get(name, ""))


def integer(x: OssExchange, name: str, default: int | None, low: int, high: int) -> int:
    """A parameter that is a number from `low` to `high`. Raises INVALID "argument", also if it is absent and has no
    default."""
    value = x.params.get(name, "")
    if not value:
        if default is None:
            raise invalid(name, "", f"{name} is required.")
        return default
    if not value.isascii() or not value.isdecimal() or len(value) > 19 or not low <= int(value) <= high:
        raise invalid(name, value, f"{name} must be a number from {low} to {high}.")
    return int(value)


def url_encoded(x: OssExchange) -> bool:
    """Whether keys are to be percent-encoded in the reply."""
    value = x.params.get("encoding-type", "")
    if value not in ("", "url"):
        raise invalid("encoding-type", value)
    return value == "url"


def version(x: OssExchange) -> str | None:
    """The version that is asked for, or None for the current one."""
    return x.params.get("versionId") or None


def continuation(token: str) -> str:
    """The key within a continuation token. Raises INVALID "argument"."""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise invalid("continuation-token", token) from None


def continuation_token(key: str) -> str:
    """The token of ListObjectsV2 that goes on after a key: opaque to clients, as OSS's is."""
    return base64.urlsafe_b64encode(key.encode()).decode()


# --- headers ---------------------------------------------------------------------------------------------------------


def flag(x: OssExchange, name: str) -> bool:
    """A header that is `true` or `false`. Raises INVALID "argument"."""
    value = x.request.headers.get(name, "false").lower()
    if value not in ("true", "false"):
        raise invalid(name, value)
    return value == "true"


def object_acl(x: OssExchange) -> Acl | None:
    """The header x-oss-object-acl; None for `default`: no ACL of the object's own. Raises INVALID "argument"."""
    value = x.request.headers.get(ACL_HEADER, names.DEFAULT_ACL)
    if value != names.DEFAULT_ACL and value not in names.ACLS:
        raise invalid(ACL_HEADER, value)
    return names.ACLS.get(value)


def storage_class(x: OssExchange) -> StorageClass | None:
    """The storage class that a writer asks for; None leaves it to the bucket. Raises INVALID "argument"."""
    value = x.request.headers.get("x-oss-storage-class")
    return None if value is None else names.storage_class(value)


def meta(x: OssExchange) -> Meta:
    """What the headers say of the object. Raises INVALID "argument"."""
    headers = x.request.headers
    user = {
        name[len(META_PREFIX) :]: clean(name, value)
        for name, value in headers.items()
        if name.startswith(META_PREFIX) and len(name) > len(META_PREFIX)
    }
    chosen = storage_class(x)
    return Meta(
        content_type=clean("Content-Type", headers.get("content-type", "")),
        headers={name: clean(name, headers[name]) for name in SYSTEM_HEADERS if name in headers},
        user=user,
        storage_class=chosen or StorageClass.STANDARD,
        acl=object_acl(x),
        class_of_bucket=chosen is None,
    )


def clean(name: str, value: str) -> str:
    """A value that can be given back in a header as it came. Raises INVALID "argument"."""
    if _UNSAFE.search(value) is not None:
        raise invalid(name, "", "The value has control characters, or is not UTF-8.")
    return value


def header_tags(x: OssExchange) -> dict[str, str]:
    """The header x-oss-tagging: `k=v&k2=v2`, percent-encoded. Raises INVALID "tags"."""
    value = x.request.headers.get("x-oss-tagging", "")
    return _tags(parse_query(value)) if value else {}


def document_tags(document: bytes) -> dict[str, str]:
    """`<Tagging><TagSet><Tag><Key/><Value/>`. Raises INVALID "document" or "tags"."""
    tags = parse(document, "Tagging").find("TagSet")
    if tags is None:
        raise Fault(Kind.INVALID, "document", "Tagging has no TagSet.")
    return _tags(tuple((required(tag, "Key"), tag.get("Value")) for tag in tags.all("Tag")))


def _tags(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Fault(Kind.INVALID, "tags", "A tag's key may be given only once.")
    return found


def required(element: Element, name: str) -> str:
    """The text of a child that must be there. Raises INVALID "document"."""
    child = element.find(name)
    if child is None:
        raise Fault(Kind.INVALID, "document", f"{element.name} has no {name}.")
    return child.text


def condition(x: OssExchange, prefix: str = "") -> Condition:
    """If-Match and the like; `prefix` "x-oss-copy-source-" for those of a copy's source. Dates that cannot be read are
    ignored (RFC 9110)."""
    headers = x.request.headers
    match = headers.get(prefix + "if-match")
    none_match = headers.get(prefix + "if-none-match")
    modified = headers.get(prefix + "if-modified-since")
    unmodified = headers.get(prefix + "if-unmodified-since")
    if match is None and none_match is None and modified is None and unmodified is None:
        return NO_CONDITION
    return Condition(
        match=_etags(match),
        none_match=_etags(none_match),
        modified_since_ms=parse_http_date(modified) if modified else None,
        unmodified_since_ms=parse_http_date(unmodified) if unmodified else None,
    )


def _etags(value: str | None) -> tuple[str, ...]:
    return tuple(part.strip().strip('"') for part in value.split(",")) if value else ()


def byte_range(x: OssExchange) -> Range | None:
    """The header Range. What cannot be read is ignored; several ranges are UNSATISFIABLE.

    Unless x-oss-range-behavior asks for "standard", a range that is not wholly inside the object is ignored as well.
    """
    value = x.request.headers.get("range")
    if value is None:
        return None
    lenient = x.request.headers.get("x-oss-range-behavior", "").lower() != "standard"
    if value.startswith("bytes=") and "," in value:
        raise Fault(Kind.UNSATISFIABLE, "range", "OSS answers one range only.")
    return read_range(value, lenient=lenient)


def read_range(value: str, *, lenient: bool) -> Range | None:
    """A Range header's value, or None for one that cannot be read, which OSS ignores."""
    match = _RANGE.fullmatch(value)
    if match is None or value == "bytes=-":
        return None
    first, last = (int(digits) if digits else None for digits in match.groups())
    if first is not None and last is not None and first > last:
        return None
    return Range(first, last, lenient)


def copy_source(x: OssExchange) -> Source:
    """The header x-oss-copy-source: `/bucket/key`, percent-encoded, and perhaps `?versionId=`. Raises INVALID
    "argument"."""
    name = "x-oss-copy-source"
    value = x.request.headers.get(name, "")
    path, _, query = value.partition("?")
    version_id = dict(parse_query(query)).get("versionId") or None
    bucket, _, key = unquote(path, "utf-8", "surrogateescape").lstrip("/").partition("/")
    if not bucket or not key:
        raise invalid(name, clean(name, value), "The source must be /bucket/key, percent-encoded.")
    return Source(utf8(name, bucket), utf8(name, key), version_id)


def new_key(x: OssExchange) -> str:
    """The key of an object that is to be made. OSS refuses some that other clouds allow; reading those is fine.

    Raises INVALID "key" or TOO_LARGE "key".
    """
    key = x.key
    if key.startswith(("/", "\\")):
        raise Fault(Kind.INVALID, "key", key=key)
    if len(key) > KEY_BYTES_MAX // 4 and len(key.encode()) > KEY_BYTES_MAX:
        raise Fault(Kind.TOO_LARGE, "key", key=key)
    return key


def utf8(name: str, value: str) -> str:
    """The value of an argument, if it is UTF-8. Raises INVALID "argument"."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(name, "", "The value is not UTF-8.") from None
    return value
