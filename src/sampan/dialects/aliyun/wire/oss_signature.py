"""Who signed a request to OSS: finds the scheme, checks the time, the key, the signature and the session token.

A request is signed in one way or not at all. Signature parameters that are there count, even where others of their
scheme are missing, so that no scheme can be skipped by leaving a part of it out.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import NamedTuple

from sampan.dialects.aliyun.wire import oss_v1, oss_v2, oss_v4
from sampan.dialects.aliyun.wire.dates import parse_basic_date, parse_http_date
from sampan.dialects.aliyun.wire.oss_claim import Claim, Reading, encode
from sampan.gateway.http import Request
from sampan.kernel import limits
from sampan.kernel.caller import Key, Keyring
from sampan.kernel.fault import Fault, Kind

# Parameters that belong to a presigned URL of V2 or V4 and to nothing else.
_NEW_PARAMETERS = frozenset({"x-oss-signature", "x-oss-signature-version", "x-oss-credential", "x-oss-access-key-id"})
PARAMETERS = _NEW_PARAMETERS | oss_v1.PARAMETERS

_TOKEN_HEADERS = ("x-oss-security-token", "security-token")  # the second by alibabacloud-oss-v2 with V1, unsigned
_TOKEN_PARAMETERS = ("security-token", "x-oss-security-token")


class Signed(NamedTuple):
    """A signature that holds: whose, and of which reading of host and path."""

    key: Key
    reading: Reading
    claim: Claim


class Verifier:
    """Verifies all schemes of OSS. Holds the derived keys of V4."""

    __slots__ = ("_derived",)

    def __init__(self) -> None:
        self._derived = oss_v4.DerivedKeys()

    def verify(self, request: Request, readings: Sequence[Reading], keys: Keyring, now_ms: int) -> Signed | None:
        """None if the request is not signed at all.

        Raises INVALID or ABSENT "authorization", INVALID "argument" or "region", SKEWED "clock", EXPIRED "request",
        MISSING or CONFLICT "key", MISMATCH "signature", INVALID or EXPIRED "token".
        """
        claim = claim_of(request)
        if claim is None:
            return None
        check_time(claim, now_ms)
        key = keys.find(claim.key_id)
        token = session_token(request)
        # OSS knows a temporary key only together with its token.
        if key is None or (key.token is not None and token is None):
            raise Fault(Kind.MISSING, "key", key_id=claim.key_id)
        if not key.active:
            raise Fault(Kind.CONFLICT, "key", key_id=claim.key_id)
        for reading in readings:
            if self._matches(request, claim, reading.resource, key.secret):
                check_token(key, token, now_ms)
                return Signed(key, reading, claim)
        raise mismatch(request, claim, readings[0].resource, token)

    def _matches(self, request: Request, claim: Claim, resource: str, secret: str) -> bool:
        if claim.scheme == oss_v4.SCHEME:
            return self._derived.matches(request, claim, resource, secret)
        if claim.scheme == oss_v1.SCHEME:
            return oss_v1.matches(request, claim, resource, secret)
        return oss_v2.matches(request, claim, resource, secret)


def claim_of(request: Request) -> Claim | None:
    """What the request says of its signature, or None if it says nothing. Raises INVALID "authorization"."""
    value = request.headers.get("authorization")
    names = {name for name, _ in request.query} if request.query else frozenset[str]()
    old, new = not names.isdisjoint(oss_v1.PARAMETERS), not names.isdisjoint(_NEW_PARAMETERS)
    if (value is not None) + old + new > 1:
        raise Fault(Kind.INVALID, "authorization", "The request is signed in more than one way.")
    if value is not None:
        if value.startswith(oss_v4.PREFIX):
            return oss_v4.from_header(request, value)
        if value.startswith(oss_v1.PREFIX):
            return oss_v1.from_header(request, value)
        if value.startswith(oss_v2.PREFIX):
            return oss_v2.from_header(request, value)
        raise Fault(Kind.INVALID, "authorization", "Unsupported Authorization Type")
    if old:
        return oss_v1.from_query(request)
    if not new:
        return None
    version = request.param("x-oss-signature-version")
    if version == oss_v4.SCHEME:
        return oss_v4.from_query(request)
    if version == oss_v2.SCHEME:
        return oss_v2.from_query(request)
    raise Fault(Kind.INVALID, "authorization", "x-oss-signature-version is missing or unknown.")


def check_time(claim: Claim, now_ms: int) -> None:
    """Raises ABSENT "authorization", SKEWED "clock", EXPIRED "request"."""
    if claim.presigned and claim.scope is None:
        if now_ms > claim.expires_s * 1000:
            raise Fault(Kind.EXPIRED, "request", expires_ms=claim.expires_s * 1000, server_time_ms=now_ms)
        return
    at = parse_basic_date(claim.date)
    if at is None and claim.scope is None:
        at = parse_http_date(claim.date)
    if at is None:
        raise oss_v1.without_date()
    if claim.presigned:
        until = at + claim.expires_s * 1000
        if now_ms > until or now_ms < at - limits.CLOCK_SKEW_MS_MAX:
            raise Fault(Kind.EXPIRED, "request", expires_ms=until, server_time_ms=now_ms)
    elif abs(now_ms - at) > limits.CLOCK_SKEW_MS_MAX:
        raise Fault(Kind.SKEWED, "clock", request_time=claim.date, server_time_ms=now_ms)


def session_token(request: Request) -> str | None:
    """The session token, from wherever it was put. Raises INVALID "token" if two places disagree."""
    headers = request.headers
    found = {headers[name] for name in _TOKEN_HEADERS if name in headers}
    if request.query:
        found.update(value for name, value in request.query if name in _TOKEN_PARAMETERS)
    if len(found) > 1:
        raise Fault(Kind.INVALID, "token")
    return found.pop() if found else None


def check_token(key: Key, token: str | None, now_ms: int) -> None:
    """Asked after the signature, so that only who holds the secret learns anything. Raises INVALID, EXPIRED "token"."""
    if key.token is None and token is None:
        return
    if key.token is None or token is None or not hmac.compare_digest(encode(key.token), encode(token)):
        raise Fault(Kind.INVALID, "token")
    if key.expires_ms is not None and now_ms >= key.expires_ms:
        raise Fault(Kind.EXPIRED, "token")


def mismatch(request: Request, claim: Claim, resource: str, token: str | None) -> Fault:
    """The fault of a wrong signature, with what should have been signed, but for the session token."""
    if claim.scheme == oss_v4.SCHEME:
        to_sign = oss_v4.string_to_sign(request, claim, resource)
        canonical = oss_v4.canonical_request(request, claim, resource)
    else:
        scheme = oss_v1 if claim.scheme == oss_v1.SCHEME else oss_v2
        to_sign, canonical = scheme.string_to_sign(request, claim, resource), ""
    if token:
        to_sign, canonical = to_sign.replace(token, "******"), canonical.replace(token, "******")
    return Fault(
        Kind.MISMATCH,
        "signature",
        key_id=claim.key_id,
        signature=claim.signature[:256],
        string_to_sign=to_sign,
        canonical_request=canonical,
    )
