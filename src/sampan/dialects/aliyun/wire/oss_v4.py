"""OSS signature V4: OSS4-HMAC-SHA256, with a key derived for a day, a region and a product.

Source: "Include a V4 signature in the Authorization header" and "Include a V4 signature in a URL" of the vendor's
developer reference; checked against what oss2, alibabacloud-oss-v2 and ali-oss send. The body is not signed: its
digest reads UNSIGNED-PAYLOAD. A client that sends a real one gets it checked.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from sampan.dialects.aliyun.wire.oss_claim import (
    Claim,
    Scope,
    additional,
    encode,
    fields,
    key_id,
    parameter,
    percent,
    seconds,
    signed_headers,
)
from sampan.gateway.http import Request
from sampan.kernel import limits
from sampan.kernel.fault import Fault, Kind

SCHEME = "OSS4-HMAC-SHA256"
PREFIX = "OSS4-HMAC-SHA256 "
UNSIGNED = "UNSIGNED-PAYLOAD"
PRODUCTS = ("oss", "oss-cloudbox")

_REGION = re.compile(r"[a-z0-9-]{1,64}")
_KEYS_MAX = 1024  # derived keys kept: a thousand callers of one day; a key is derived in 5 µs
_DEFAULT_HEADERS = ("content-type", "content-md5")


def from_header(request: Request, value: str) -> Claim:
    """`OSS4-HMAC-SHA256 Credential=KEY/DATE/REGION/oss/aliyun_v4_request, AdditionalHeaders=a;b, Signature=HEX`."""
    found = fields(value[len(PREFIX) :], "=")
    date = request.headers.get("x-oss-date", "")
    key, scope = _credential(found.get("Credential", ""), date)
    names = additional(found.get("AdditionalHeaders", ""))
    return Claim(SCHEME, key, found.get("Signature", ""), date, presigned=False, additional=names, scope=scope)


def from_query(request: Request) -> Claim:
    """`?x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential&x-oss-date&x-oss-expires&x-oss-signature`."""
    date = parameter(request, "x-oss-date")
    expires_s = seconds("x-oss-expires", parameter(request, "x-oss-expires"))
    if not 1 <= expires_s <= limits.PRESIGN_S_MAX:
        why = f"x-oss-expires must be 1 to {limits.PRESIGN_S_MAX} seconds."
        raise Fault(Kind.INVALID, "argument", why, name="x-oss-expires", value=str(expires_s))
    key, scope = _credential(parameter(request, "x-oss-credential"), date)
    return Claim(
        SCHEME,
        key,
        parameter(request, "x-oss-signature"),
        date,
        presigned=True,
        additional=additional(request.param("x-oss-additional-headers") or ""),
        scope=scope,
        expires_s=expires_s,
    )


def _credential(text: str, date: str) -> tuple[str, Scope]:
    """`KEY/20261122/cn-hangzhou/oss/aliyun_v4_request`, whose day must be that of the request."""
    parts = text.split("/")
    if len(parts) != 5 or parts[4] != "aliyun_v4_request":
        raise Fault(Kind.INVALID, "authorization", "Invalid signing credential.")
    key, day, region, product, _ = parts
    if day != date[:8]:
        raise Fault(Kind.INVALID, "authorization", "Invalid signing date in Authorization header.")
    if product not in PRODUCTS:
        raise Fault(Kind.INVALID, "authorization", "Invalid signing product in Authorization header.")
    if _REGION.fullmatch(region) is None:
        raise Fault(Kind.INVALID, "region", "Invalid signing region in Authorization header.", given=region[:64])
    return key_id(key), Scope(day, region, product)


def canonical_request(request: Request, claim: Claim, resource: str) -> str:
    """The request in the one form that V4 hashes. The query is sorted and encoded, a `/` of the path stays."""
    query = sorted((percent(name), percent(value)) for name, value in request.query if name != "x-oss-signature")
    encoded = "&".join([f"{name}={value}" if value else name for name, value in query])
    return (
        f"{request.method}\n{percent(resource, slash=True)}\n{encoded}\n"
        f"{signed_headers(request, _DEFAULT_HEADERS + claim.additional)}\n"
        f"{';'.join(claim.additional)}\n{request.headers.get('x-oss-content-sha256', UNSIGNED)}"
    )


def string_to_sign(request: Request, claim: Claim, resource: str) -> str:
    """What V4 signs: the time, the scope and the hash of the canonical request."""
    digest = hashlib.sha256(encode(canonical_request(request, claim, resource))).hexdigest()
    return f"{SCHEME}\n{claim.date}\n{claim.scope}\n{digest}"


class DerivedKeys:
    """Derived keys, kept for the next request: bounded, the oldest goes first. One of these per dialect."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[tuple[str, Scope], bytes] = {}

    def matches(self, request: Request, claim: Claim, resource: str, secret: str) -> bool:
        """Whether the secret makes this signature of this request. Compared in constant time."""
        assert claim.scope is not None, "every V4 claim has a scope"
        kept = self._kept.get((secret, claim.scope))
        key = derive(secret, claim.scope) if kept is None else kept
        made = hmac.digest(key, encode(string_to_sign(request, claim, resource)), "sha256")
        if not hmac.compare_digest(made.hex().encode(), encode(claim.signature)):
            return False
        if kept is None:  # only what was right is kept, so that nobody can fill this by guessing
            if len(self._kept) >= _KEYS_MAX:
                del self._kept[next(iter(self._kept))]
            self._kept[secret, claim.scope] = key
        return True


def derive(secret: str, scope: Scope) -> bytes:
    """The key that signs for one day, region and product: a chain of HMACs that begins with the secret."""
    key = encode("aliyun_v4" + secret)
    for step in (scope.date, scope.region, scope.product, "aliyun_v4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key
