"""What a request to OSS says of its own signature, before anybody believes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from sampan.gateway.http import Request
from sampan.kernel.fault import Fault, Kind

KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_PLAIN = re.compile(r"[A-Za-z0-9._~/-]*")  # what percent-encoding leaves as it is, but perhaps for the slash
ADDITIONAL_MAX = 64  # headers that a client may sign beside the usual ones; SDKs sign two


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read host and path: virtual host or path style. `bucket` is "" for the service, `key` for a bucket."""

    bucket: str
    key: str

    @property
    def resource(self) -> str:
        """What every OSS scheme signs in the place of a path: "/", "/bucket/" or "/bucket/key"."""
        return f"/{self.bucket}/{self.key}" if self.bucket else "/"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a V4 key is derived for. `date` is YYYYMMDD."""

    date: str
    region: str
    product: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.product}/aliyun_v4_request"


@dataclass(frozen=True, slots=True)
class Claim:
    """A signature as sent. `date` is what the scheme signs as the time: a date, or the seconds of Expires.

    `expires_s` of a presigned request is a time since 1970 (V1, V2) or a duration (V4).
    """

    scheme: str
    key_id: str
    signature: str
    date: str
    presigned: bool
    additional: tuple[str, ...] = ()
    scope: Scope | None = None
    expires_s: int = 0


def encode(text: str) -> bytes:
    """Text of a header or a target as the bytes that were sent."""
    return text.encode("utf-8", "surrogateescape")


def percent(text: str, *, slash: bool = False) -> str:
    """Percent-encoding by RFC 3986: letters, digits and "-._~" stay, and slashes if `slash`."""
    if _PLAIN.fullmatch(text):  # nearly all; a listing has a thousand of them
        return text if slash else text.replace("/", "%2F")
    return quote(text, "/" if slash else "", "utf-8", "surrogateescape")


def key_id(text: str) -> str:
    """An access key's id, if it can be one. Raises INVALID "authorization"."""
    if KEY_ID.fullmatch(text) is None:
        raise Fault(Kind.INVALID, "authorization", "The AccessKeyId in the signature is invalid.")
    return text


def parameter(request: Request, name: str) -> str:
    """A parameter that a presigned URL must have, once. Raises INVALID "authorization"."""
    values = [value for key, value in request.query if key == name]
    if len(values) != 1 or not values[0]:
        raise Fault(Kind.INVALID, "authorization", f"The signed URL needs the parameter {name} exactly once.")
    return values[0]


def seconds(name: str, text: str) -> int:
    """A whole number of seconds. Raises INVALID "argument"."""
    if not text.isascii() or not text.isdecimal() or len(text) > 12:
        raise Fault(Kind.INVALID, "argument", f"{name} is not a number of seconds.", name=name, value=text[:64])
    return int(text)


def fields(text: str, separator: str) -> dict[str, str]:
    """`Name=value, Name=value` of an Authorization header, in any order. Raises INVALID "authorization"."""
    found: dict[str, str] = {}
    for part in text.split(","):
        name, mark, value = part.strip().partition(separator)
        if not mark or name in found:
            raise Fault(Kind.INVALID, "authorization", "The Authorization header cannot be read.")
        found[name] = value
    return found


def additional(text: str) -> tuple[str, ...]:
    """`a;b;c` as names of headers, sorted. Raises INVALID "authorization"."""
    names = sorted(name.strip().lower() for name in text.split(";")) if text else []
    if len(names) > ADDITIONAL_MAX:
        raise Fault(Kind.INVALID, "authorization", "Too many additional headers.")
    return tuple(names)


def signed_headers(request: Request, names: tuple[str, ...]) -> str:
    """`name:value` lines of all x-oss-* headers and of those in `names`, sorted by name."""
    chosen = [(name, value) for name, value in request.headers.items() if name.startswith("x-oss-") or name in names]
    chosen.sort()
    return "".join([f"{name}:{value}\n" for name, value in chosen])
