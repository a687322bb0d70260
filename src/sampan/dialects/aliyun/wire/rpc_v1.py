"""The older signature of RPC-style APIs: HMAC-SHA1 over the method and all parameters, wherever they are.

Source: "Signature method of RPC APIs" of the vendor's developer pages; checked against what its SDKs for Python and
Node.js send. Parameters may be in the query, in a form, or in both. A body that is no form is not signed at all: none
of the products that speak RPC has one.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping

from sampan.dialects.aliyun.wire.dates import parse_iso_seconds
from sampan.dialects.aliyun.wire.openapi_claim import Claim, nonce, required, time
from sampan.dialects.aliyun.wire.oss_claim import encode, key_id, percent
from sampan.kernel.fault import Fault, Kind


def signed(params: Mapping[str, str]) -> bool:
    """Whether these parameters are signed, or want to be."""
    return "Signature" in params or "AccessKeyId" in params


def claim(method: str, pairs: Iterable[tuple[str, str]]) -> Claim:
    """What the parameters of query and form together say. Raises ABSENT or INVALID "argument", INVALID
    "authorization" or "timestamp"."""
    params: dict[str, str] = {}
    for name, value in pairs:
        # The first is what chooses an operation, the last what would be signed: a second one could lie.
        if name in params:
            raise Fault(Kind.INVALID, "authorization", f"The parameter {name[:64]} is given twice.")
        params[name] = value
    given = required(params, "Signature")
    if required(params, "SignatureMethod") != "HMAC-SHA1" or params.get("SignatureType", ""):
        raise Fault(Kind.INVALID, "authorization", "The SignatureMethod must be HMAC-SHA1.")
    if required(params, "SignatureVersion") != "1.0":
        raise Fault(Kind.INVALID, "authorization", "The SignatureVersion must be 1.0.")
    date = required(params, "Timestamp")
    return Claim(
        key_id=key_id(required(params, "AccessKeyId")),
        signature=given,
        date=date,
        at_ms=time(parse_iso_seconds(date), date),
        nonce=nonce(required(params, "SignatureNonce")),
        token=params.get("SecurityToken"),
        signed=(string_to_sign(method, params),),
        sign=sign,
    )


def string_to_sign(method: str, params: Mapping[str, str]) -> str:
    """Method, path (always "/") and the sorted parameters, encoded twice."""
    joined = "&".join([f"{percent(k)}={percent(v)}" for k, v in sorted(params.items()) if k != "Signature"])
    return f"{method}&%2F&{percent(joined)}"


def sign(secret: str, text: str) -> str:
    """The signature of a text, in Base64."""
    return base64.b64encode(hmac.digest(encode(secret + "&"), encode(text), "sha1")).decode()
