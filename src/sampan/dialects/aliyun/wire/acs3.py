"""ACS3-HMAC-SHA256, the signature of today's OpenAPI SDKs, of RPC and of ROA alike.

Source: "V3 request body and signature mechanism" of the vendor's SDK pages; checked against what its SDKs for Python
and Node.js send. The key is the secret itself: no region, day or product is in it. The headers that are signed are
those that the client names, but host and every x-acs-* header must be among them: they say what is asked for.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from sampan.dialects.aliyun.wire.dates import parse_iso_seconds
from sampan.dialects.aliyun.wire.openapi_claim import Claim, nonce, required, time
from sampan.dialects.aliyun.wire.oss_claim import encode, fields, key_id, percent
from sampan.gateway.http import Request
from sampan.kernel.fault import Fault, Kind

SCHEME = "ACS3-HMAC-SHA256"
PREFIX = "ACS3-HMAC-SHA256 "
DIGEST_HEADER = "x-acs-content-sha256"

_SIGNED_MAX = 64
_SHA256 = re.compile(r"[0-9a-f]{64}")


def claim(request: Request) -> Claim:
    """`ACS3-HMAC-SHA256 Credential=KEY,SignedHeaders=a;b;c,Signature=HEX`.

    Raises INVALID "authorization", ABSENT or INVALID "argument", INVALID "timestamp".
    """
    found = fields(request.headers.get("authorization", "")[len(PREFIX) :], "=")
    names = _signed(request, found.get("SignedHeaders", ""))
    date = required(request.headers, "x-acs-date")
    canonical = canonical_request(request, names)
    digest = hashlib.sha256(encode(canonical)).hexdigest()
    return Claim(
        key_id=key_id(found.get("Credential", "")),
        signature=found.get("Signature", ""),
        date=date,
        at_ms=time(parse_iso_seconds(date), date),
        nonce=nonce(required(request.headers, "x-acs-signature-nonce")),
        token=request.headers.get("x-acs-security-token"),
        signed=(f"{SCHEME}\n{digest}",),
        sign=sign,
        canonical=canonical,
    )


def _signed(request: Request, text: str) -> list[str]:
    names = text.split(";")
    missing = {"host", *(name for name in request.headers if name.startswith("x-acs-"))} - set(names)
    if len(names) > _SIGNED_MAX or names != sorted(names) or missing:
        why = f"SignedHeaders lacks {min(missing)}." if missing else "SignedHeaders is not a sorted list of headers."
        raise Fault(Kind.INVALID, "authorization", why)
    return names


def canonical_request(request: Request, names: list[str]) -> str:
    """The request in the one form that is hashed. The query is sorted by its decoded names, then encoded."""
    headers = request.headers
    query = "&".join([f"{percent(name)}={percent(value)}" for name, value in sorted(request.query)])
    lines = "".join([f"{name}:{headers.get(name, '').strip()}\n" for name in names])
    path = request.raw_path or "/"
    return f"{request.method}\n{path}\n{query}\n{lines}\n{';'.join(names)}\n{body_digest(request)}"


def body_digest(request: Request) -> str:
    """The SHA-256 of the body, as its sender states it. Raises ABSENT "argument", INVALID "digest"."""
    digest = required(request.headers, DIGEST_HEADER)
    if _SHA256.fullmatch(digest) is None:
        raise Fault(Kind.INVALID, "digest", f"{DIGEST_HEADER} is not a SHA-256 in lower-case hexadecimal digits.")
    return digest


def sign(secret: str, text: str) -> str:
    """The signature of a text, in hexadecimal digits."""
    return hmac.digest(encode(secret), encode(text), "sha256").hex()
