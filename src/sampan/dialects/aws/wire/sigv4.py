"""Signature Version 4, as S3 reads it: in the Authorization header and in presigned URLs.

Written after AWS's "Authenticating Requests (AWS Signature Version 4)" of the S3 API reference. S3's canonical path
differs from other services': it is encoded once, and neither "//" nor ".." is taken away.

Nothing that the service acts on may be left out of a signature: `host` and every `x-amz-*` header must be in
SignedHeaders, the whole query is signed, and the body's digest (or the word that says it has none) as well.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from sampan.dialects.aws.wire import dates
from sampan.dialects.aws.wire.sign import ChunkSeal, Signed, check_clock, check_token, find_key, hoisted, same
from sampan.gateway.http import Request
from sampan.kernel import limits
from sampan.kernel.caller import Keyring
from sampan.kernel.fault import Fault, Kind

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
UNSIGNED = "UNSIGNED-PAYLOAD"
SIGNING_KEYS_MAX = 4096  # secret x day x region; one is 32 bytes, and made anew in 5 µs

QUERY_PARAMETERS = (
    "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature",
)  # fmt: skip
# In a URL these speak of the signature; any other x-amz-* parameter stands for a header.
_APART = frozenset(name.lower() for name in QUERY_PARAMETERS) | {"x-amz-security-token"}

_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._~-]*").fullmatch
_PLAIN = re.compile(r"[A-Za-z0-9._~-]*").fullmatch
_DIGITS = re.compile(r"[0-9]{1,18}").fullmatch


class _Scope(NamedTuple):
    """`KEY/20130524/us-east-1/s3/aws4_request`, taken apart. `text` is all but the key."""

    key_id: str
    date: str
    region: str
    service: str
    terminator: str
    text: str


class _Claimed(NamedTuple):
    """What a request claims, wherever it stood: header or query."""

    scope: _Scope
    signed_headers: str
    signature: str
    timestamp: str  # 20130524T000000Z
    token: str | None
    payload: str
    headers: Mapping[str, str]
    query: str  # canonical


class SigV4:
    """Verifies requests to one service ("s3")."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._signing_key = lru_cache(maxsize=SIGNING_KEYS_MAX)(signing_key)

    def verify_header(self, request: Request, keys: Keyring, now_ms: int) -> Signed:
        """Raises the Fault that says what is wrong with the Authorization header's signature."""
        headers = request.headers
        fields = _authorization(headers["authorization"])
        scope = _scope(fields["Credential"], "The authorization header is malformed; the Credential is mal-formed")
        self._check_scope(scope, "The authorization header is malformed; ")
        given, request_ms, timestamp = _header_date(headers)
        if scope.date != timestamp[:8]:
            raise Fault(
                Kind.INVALID,
                "authorization",
                "The authorization header is malformed; Invalid credential date "
                f'"{scope.date}". This date is not the same as X-Amz-Date: "{timestamp[:8]}".',
            )
        payload = headers.get("x-amz-content-sha256")
        if payload is None:
            raise Fault(Kind.ABSENT, "digest", name="x-amz-content-sha256")
        check_clock(request_ms, given, now_ms)
        return self._verify(
            request,
            _Claimed(
                scope=scope,
                signed_headers=fields["SignedHeaders"],
                signature=fields["Signature"],
                timestamp=timestamp,
                token=headers.get("x-amz-security-token"),
                payload=payload,
                headers=headers,
                query=canonical_query(request.query) if request.query else "",
            ),
            keys,
            now_ms,
        )

    def verify_query(self, request: Request, keys: Keyring, now_ms: int) -> Signed:
        """Raises the Fault that says what is wrong with a presigned URL."""
        fields = _parameters(request)
        scope = _scope(
            fields["X-Amz-Credential"], "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed"
        )
        self._check_scope(scope, "Error parsing the X-Amz-Credential parameter; ")
        request_ms = dates.parse_amz(fields["X-Amz-Date"])
        if request_ms is None:
            raise Fault(
                Kind.INVALID,
                "authorization",
                "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
            )
        if scope.date != fields["X-Amz-Date"][:8]:
            raise Fault(
                Kind.INVALID,
                "authorization",
                f'Error parsing the X-Amz-Credential parameter; Invalid credential date "{scope.date}". '
                f'This date is not the same as X-Amz-Date: "{fields["X-Amz-Date"][:8]}".',
            )
        _check_expiry(fields["X-Amz-Expires"], request_ms, now_ms)
        headers = hoisted(request, _APART)
        query = [pair for pair in request.query if pair[0] != "X-Amz-Signature"]
        return self._verify(
            request,
            _Claimed(
                scope=scope,
                signed_headers=fields["X-Amz-SignedHeaders"],
                signature=fields["X-Amz-Signature"],
                timestamp=fields["X-Amz-Date"],
                token=request.param("X-Amz-Security-Token") or request.headers.get("x-amz-security-token"),
                payload=headers.get("x-amz-content-sha256", UNSIGNED),
                headers=headers,
                query=canonical_query(query),
            ),
            keys,
            now_ms,
        )

    def _check_scope(self, scope: _Scope, where: str) -> None:
        if scope.service != self._service:
            raise Fault(
                Kind.INVALID,
                "authorization",
                f'{where}incorrect service "{scope.service[:64]}". This endpoint belongs to "{self._service}".',
            )
        if scope.terminator != TERMINATOR:
            raise Fault(
                Kind.INVALID,
                "authorization",
                f'{where}incorrect terminal "{scope.terminator[:64]}". This endpoint uses "{TERMINATOR}".',
            )
        if len(scope.date) != 8 or not _DIGITS(scope.date):
            raise Fault(
                Kind.INVALID,
                "authorization",
                f'{where}incorrect date format "{scope.date[:64]}". This date in the credential must be in the format '
                '"yyyyMMdd".',
            )
        if not scope.region:
            raise Fault(Kind.INVALID, "authorization", f"{where}the region is empty")

    def _verify(self, request: Request, claimed: _Claimed, keys: Keyring, now_ms: int) -> Signed:
        scope = claimed.scope
        key = find_key(keys, scope.key_id)
        check_token(key, claimed.token, now_ms)
        names = claimed.signed_headers.split(";")
        _check_all_signed(request.headers, names)
        canonical = "\n".join(
            (
                request.method,
                canonical_path(request),
                claimed.query,
                canonical_headers(request.headers, names),
                claimed.signed_headers,
                claimed.payload,
            )
        )
        digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
        to_sign = f"{ALGORITHM}\n{claimed.timestamp}\n{scope.text}\n{digest}"
        secret = self._signing_key(key.secret, scope.date, scope.region, scope.service)
        expected = hmac.digest(secret, to_sign.encode("utf-8", "surrogateescape"), "sha256").hex()
        if not same(claimed.signature, expected):
            raise Fault(
                Kind.MISMATCH,
                "signature",
                key_id=key.key_id,
                signature=claimed.signature[:128],
                string_to_sign=to_sign,
                canonical_request=canonical.replace(claimed.token, "***") if claimed.token else canonical,
            )
        seal = ChunkSeal(secret, claimed.timestamp, scope.text, expected)
        return Signed(key.caller, scope.region, claimed.headers, seal)


def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key that one day's requests to one service in one region are signed with."""
    key = ("AWS4" + secret).encode("utf-8", "surrogateescape")
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode("utf-8", "surrogateescape"), "sha256")
    return key


def canonical_path(request: Request) -> str:
    """The path, decoded and encoded again: clients differ in what they escape on the wire."""
    if _PLAIN_PATH(request.raw_path):
        return request.raw_path or "/"
    return quote(request.path, safe="/-_.~", errors="surrogateescape")


def canonical_query(query: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> str:
    """Names and values encoded, sorted by name and then by value."""
    if len(query) == 1:
        return f"{_encode(query[0][0])}={_encode(query[0][1])}"
    pairs = sorted([(_encode(name), _encode(value)) for name, value in query])
    return "&".join([f"{name}={value}" for name, value in pairs])


def canonical_headers(headers: Mapping[str, str], names: list[str]) -> str:
    """A line for each of the signed headers, and an empty one. A header that is signed must be there."""
    lines = []
    for name in names:
        value = headers.get(name)
        if value is None:
            # Not "": a header could be taken away unnoticed if its absence were the same as its being empty.
            value = "\0"
        elif "  " in value or "\t" in value:
            value = " ".join(value.split())
        else:
            value = value.strip()
        lines.append(f"{name}:{value}\n")
    return "".join(lines)


def _encode(part: str) -> str:
    return part if _PLAIN(part) else quote(part, safe="-_.~", errors="surrogateescape")


def _check_all_signed(headers: Mapping[str, str], names: list[str]) -> None:
    left_out = [name for name in headers if name.startswith("x-amz-") and name not in names]
    if "host" not in names:
        left_out.append("host")
    if left_out:
        raise Fault(
            Kind.DENIED,
            "action",
            "There were headers present in the request which were not signed",
            headers_not_signed=", ".join(sorted(left_out))[:1024],
        )


def _authorization(value: str) -> dict[str, str]:
    """`AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...`, in any order, with or without spaces."""
    algorithm, _, rest = value.partition(" ")
    if algorithm != ALGORITHM:
        if algorithm.startswith("AWS4-ECDSA"):
            raise Fault(Kind.NOT_DONE, "operation", "Signature Version 4A is not implemented", operation="SigV4A")
        raise Fault(
            Kind.INVALID, "argument", "Unsupported Authorization Type", name="Authorization", value=algorithm[:64]
        )
    fields: dict[str, str] = {}
    for part in rest.split(","):
        name, equals, content = part.strip().partition("=")
        if not equals or name in fields:
            raise Fault(
                Kind.INVALID,
                "authorization",
                f'The authorization header is malformed; the authorization component "{part.strip()[:64]}" is '
                "malformed.",
            )
        fields[name] = content
    if len(fields) != 3 or not fields.get("Credential") or not fields.get("SignedHeaders") or "Signature" not in fields:
        raise Fault(
            Kind.INVALID,
            "authorization",
            "The authorization header is malformed; the authorization header requires three components: Credential, "
            "SignedHeaders, and Signature.",
        )
    return fields


def _parameters(request: Request) -> dict[str, str]:
    """The six parameters of a presigned URL, each given once."""
    algorithm = request.param("X-Amz-Algorithm")
    if algorithm is not None and algorithm.startswith("AWS4-ECDSA"):
        raise Fault(Kind.NOT_DONE, "operation", "Signature Version 4A is not implemented", operation="SigV4A")
    if algorithm is not None and algorithm != ALGORITHM:
        raise Fault(
            Kind.INVALID,
            "authorization",
            'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"',
        )
    given = [pair for pair in request.query if pair[0] in QUERY_PARAMETERS]
    fields = dict(given)
    if len(fields) != len(QUERY_PARAMETERS) or len(given) != len(fields):
        raise Fault(
            Kind.INVALID,
            "authorization",
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
            "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        )
    return fields


def _scope(credential: str, complaint: str) -> _Scope:
    parts = credential.rsplit("/", 4)  # a key's id may hold "/", the rest never does
    if len(parts) != 5 or not parts[0]:
        raise Fault(
            Kind.INVALID, "authorization", f'{complaint}; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
        )
    key_id, date, region, service, terminator = parts
    return _Scope(key_id, date, region, service, terminator, credential[len(key_id) + 1 :])


def _header_date(headers: Mapping[str, str]) -> tuple[str, int, str]:
    """The request's time: as given, in ms, and in the form that is signed. X-Amz-Date goes before Date."""
    given = headers.get("x-amz-date")
    if given is None:
        given = headers.get("date", "")
    request_ms = dates.parse_amz(given)
    if request_ms is not None:
        return given, request_ms, given
    request_ms = dates.parse_http(given)
    if request_ms is None:
        raise Fault(Kind.DENIED, "action", "AWS authentication requires a valid Date or x-amz-date header")
    return given, request_ms, dates.amz(request_ms)


def _check_expiry(expires: str, request_ms: int, now_ms: int) -> None:
    """`expires` are seconds from the signing, at most a week."""
    if not _DIGITS(expires):
        why = "X-Amz-Expires must be non-negative" if expires.startswith("-") else "X-Amz-Expires should be a number"
        raise Fault(Kind.INVALID, "authorization", why)
    seconds = int(expires)
    if not 0 < seconds <= limits.PRESIGN_S_MAX:
        raise Fault(
            Kind.INVALID,
            "authorization",
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
            f"{limits.PRESIGN_S_MAX} seconds"
            if seconds
            else "X-Amz-Expires must be greater than zero",
        )
    if request_ms - now_ms > limits.CLOCK_SKEW_MS_MAX:
        raise Fault(Kind.DENIED, "action", "Request is not yet valid")
    expires_ms = request_ms + seconds * 1000
    if now_ms > expires_ms:
        raise Fault(Kind.EXPIRED, "request", expires_ms=expires_ms, server_time_ms=now_ms, seconds=seconds)
