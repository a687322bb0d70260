"""OSS signature V2, a legacy: HMAC-SHA256 over method, headers, the whole resource and all query parameters.

Source: the vendor's description of V2, and what oss2 sends.
"""

from __future__ import annotations

import base64
import hmac

from sampan.dialects.aliyun.wire.oss_claim import (
    Claim,
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

SCHEME = "OSS2"
PREFIX = "OSS2 "


def from_header(request: Request, value: str) -> Claim:
    """`OSS2 AccessKeyId:KEY,AdditionalHeaders:a;b,Signature:SIGNATURE`."""
    found = fields(value[len(PREFIX) :], ":")
    return Claim(
        SCHEME,
        key_id(found.get("AccessKeyId", "")),
        found.get("Signature", ""),
        request.headers.get("date", ""),
        presigned=False,
        additional=additional(found.get("AdditionalHeaders", "")),
    )


def from_query(request: Request) -> Claim:
    """`?x-oss-signature-version=OSS2&x-oss-access-key-id=KEY&x-oss-expires=SECONDS&x-oss-signature=SIGNATURE`."""
    expires = parameter(request, "x-oss-expires")
    return Claim(
        SCHEME,
        key_id(parameter(request, "x-oss-access-key-id")),
        parameter(request, "x-oss-signature"),
        expires,
        presigned=True,
        additional=additional(request.param("x-oss-additional-headers") or ""),
        expires_s=seconds("x-oss-expires", expires),
    )


def string_to_sign(request: Request, claim: Claim, resource: str) -> str:
    """What V2 signs: as V1, but with everything of the query, and the resource percent-encoded as a whole."""
    headers = request.headers
    encoded = percent(resource)
    query = sorted((percent(name), percent(value)) for name, value in request.query if name != "x-oss-signature")
    if query:
        encoded += "?" + "&".join([f"{name}={value}" if value else name for name, value in query])
    return (
        f"{request.method}\n{headers.get('content-md5', '')}\n{headers.get('content-type', '')}\n{claim.date}\n"
        f"{signed_headers(request, claim.additional)}{';'.join(claim.additional)}\n{encoded}"
    )


def matches(request: Request, claim: Claim, resource: str, secret: str) -> bool:
    """Whether the secret makes this signature of this request. Compared in constant time."""
    made = hmac.digest(encode(secret), encode(string_to_sign(request, claim, resource)), "sha256")
    return hmac.compare_digest(base64.b64encode(made), encode(claim.signature))
