"""The older signature of ROA-style APIs: HMAC-SHA1 over method, a few headers, path and query.

Source: "Signature method of ROA APIs" of the vendor's developer pages; checked against what its SDKs for Python and
Node.js send. The body is signed by its Content-MD5 alone, which the gateway compares with the body.
"""

from __future__ import annotations

import base64
import hmac

from sampan.dialects.aliyun.wire.dates import parse_http_date
from sampan.dialects.aliyun.wire.openapi_claim import Claim, nonce, required, time
from sampan.dialects.aliyun.wire.oss_claim import encode, key_id
from sampan.gateway.http import Request
from sampan.kernel.fault import Fault, Kind

PREFIX = "acs "
_HEADERS = ("accept", "content-md5", "content-type", "date")


def claim(request: Request) -> Claim:
    """`acs KEY:SIGNATURE`. Raises INVALID "authorization", ABSENT "argument", INVALID "timestamp"."""
    headers = request.headers
    key, _, given = headers.get("authorization", "")[len(PREFIX) :].strip().partition(":")
    if headers.get("x-acs-signature-method", "HMAC-SHA1") != "HMAC-SHA1":
        raise Fault(Kind.INVALID, "authorization", "The signature method must be HMAC-SHA1.")
    date = required(headers, "date")
    # SDKs differ in what a parameter without a value looks like when it is signed.
    texts = (string_to_sign(request, "="), string_to_sign(request, ""))
    return Claim(
        key_id=key_id(key),
        signature=given,
        date=date,
        at_ms=time(parse_http_date(date), date),
        nonce=nonce(headers.get("x-acs-signature-nonce", "")),
        token=headers.get("x-acs-security-token"),
        signed=texts if texts[0] != texts[1] else texts[:1],
        sign=sign,
    )


def string_to_sign(request: Request, empty: str) -> str:
    """Method, four headers, x-acs-* headers and the resource, decoded. `empty` follows a name without a value."""
    headers = request.headers
    lines = "".join([f"{headers.get(name, '')}\n" for name in _HEADERS])
    acs = "".join([f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-acs-")])
    query = "&".join([f"{name}={value}" if value else name + empty for name, value in sorted(request.query)])
    return f"{request.method}\n{lines}{acs}{request.path}{'?' if query else ''}{query}"


def sign(secret: str, text: str) -> str:
    """The signature of a text, in Base64."""
    return base64.b64encode(hmac.digest(encode(secret), encode(text), "sha1")).decode()
