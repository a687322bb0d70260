"""Signature Version 2, S3's first: in the Authorization header (`AWS KEY:SIGNATURE`) and in URLs.

Written after AWS's "Signing and authenticating REST requests (AWS signature version 2)". It signs neither the body nor,
of the query, anything but the sub-resources: the dialect checks what else matters.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

from sampan.dialects.aws.wire import dates
from sampan.dialects.aws.wire.sign import Signed, check_clock, check_token, find_key, hoisted, same
from sampan.gateway.http import Request
from sampan.kernel.caller import Key, Keyring
from sampan.kernel.fault import Fault, Kind

OVERRIDES = frozenset(
    {
        "response-cache-control", "response-content-disposition", "response-content-encoding",
        "response-content-language", "response-content-type", "response-expires",
    }
)  # fmt: skip
# Parameters that are signed though they name no sub-resource.
_SIGNED = OVERRIDES | {"partNumber", "uploadId", "versionId", "storageClass", "select-type"}


class SigV2:
    """Verifies requests. `subresources` are the parameters that choose another operation than the path alone does:
    each is signed, so that none can be added to a signed request."""

    def __init__(self, subresources: frozenset[str]) -> None:
        self._signed = _SIGNED | subresources

    def verify_header(self, request: Request, bucket: str, keys: Keyring, now_ms: int) -> Signed:
        """`bucket` is the one that the Host names, or "". Raises the Fault that says what is wrong."""
        headers = request.headers
        key_id, colon, signature = headers["authorization"].removeprefix("AWS ").strip().rpartition(":")
        if not colon or not key_id:
            raise Fault(
                Kind.INVALID,
                "argument",
                "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature",
                name="Authorization",
                value=headers["authorization"].partition(":")[0][:64],
            )
        given = headers.get("x-amz-date") or headers.get("date", "")
        request_ms = dates.parse_http(given)
        if request_ms is None:
            request_ms = dates.parse_amz(given)
        if request_ms is None:
            raise Fault(Kind.DENIED, "action", "AWS authentication requires a valid Date or x-amz-date header")
        check_clock(request_ms, given, now_ms)
        key = find_key(keys, key_id)
        check_token(key, headers.get("x-amz-security-token"), now_ms)
        # What x-amz-date says is signed as one of the x-amz-* headers; the line for the date is then empty.
        date = "" if "x-amz-date" in headers else given
        return _compare(key, signature, self._strings_to_sign(request, headers, bucket, date), headers)

    def verify_query(self, request: Request, bucket: str, keys: Keyring, now_ms: int) -> Signed:
        """A URL with AWSAccessKeyId, Expires and Signature. Raises the Fault that says what is wrong with it."""
        fields = {name: request.param(name) for name in ("AWSAccessKeyId", "Expires", "Signature")}
        key_id, expires, signature = fields.values()
        if not key_id or expires is None or signature is None:
            raise Fault(
                Kind.DENIED,
                "action",
                "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
            )
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
            raise Fault(Kind.DENIED, "action", f"Invalid date (should be seconds since epoch): {expires[:32]}")
        if now_ms > int(expires) * 1000:
            raise Fault(Kind.EXPIRED, "request", expires_ms=int(expires) * 1000, server_time_ms=now_ms)
        key = find_key(keys, key_id)
        headers = hoisted(request, frozenset())
        for name in ("content-md5", "content-type"):
            value = request.param(name)
            if value is not None and name not in headers:
                headers = {**headers, name: value}
        check_token(key, headers.get("x-amz-security-token"), now_ms)
        return _compare(key, signature, self._strings_to_sign(request, headers, bucket, expires), headers)

    def _strings_to_sign(self, request: Request, headers: Mapping[str, str], bucket: str, date: str) -> list[str]:
        """What the client may have signed, the likeliest first."""
        lines = [request.method, headers.get("content-md5", ""), headers.get("content-type", ""), date]
        lines += [f"{name}:{headers[name].strip()}" for name in sorted(headers) if name.startswith("x-amz-")]
        path = (f"/{bucket}" if bucket else "") + (request.raw_path or "/")
        # botocore asks for "/bucket" in path style and signs "/bucket/": the same resource.
        paths = (path, f"{path}/") if path.count("/") == 1 and path != "/" else (path,)
        return ["\n".join([*lines, self._resource(request, path)]) for path in paths]

    def _resource(self, request: Request, resource: str) -> str:
        signed = sorted(pair for pair in request.query if pair[0] in self._signed)
        if not signed:
            return resource
        given = {part.partition("=")[0] for part in request.raw_query.split("&") if "=" in part}
        return f"{resource}?{'&'.join(f'{k}={v}' if v or k in given else k for k, v in signed)}"


def _compare(key: Key, signature: str, strings: list[str], headers: Mapping[str, str]) -> Signed:
    secret = key.secret.encode("utf-8", "surrogateescape")
    for to_sign in strings:
        expected = base64.b64encode(hmac.digest(secret, to_sign.encode("utf-8", "surrogateescape"), "sha1")).decode()
        if same(signature, expected):
            return Signed(key.caller, "", headers)
    shown = strings[0].replace(key.token, "***") if key.token else strings[0]
    raise Fault(Kind.MISMATCH, "signature", key_id=key.key_id, signature=signature[:128], string_to_sign=shown)
