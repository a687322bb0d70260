"""What the versions of AWS's signature have in common: the result, the key, and the token."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from sampan.gateway.http import Request
from sampan.kernel import limits
from sampan.kernel.caller import Caller, Key, Keyring
from sampan.kernel.fault import Fault, Kind

KEY_ID_CHARS_MAX = 128  # IAM's limit


@dataclass(frozen=True, slots=True)
class ChunkSeal:
    """What the signature of a streamed body's first chunk builds on. `signature` is the request's own."""

    signing_key: bytes = field(repr=False)
    timestamp: str
    scope: str
    signature: str


@dataclass(frozen=True, slots=True)
class Signed:
    """What a verified signature says.

    `region` is the one that the caller signed for, "" where the scheme has none. `headers` are the request's, joined
    by what a presigned URL carries in their place. `seal` is there when the chunks of the body may be signed too.
    """

    caller: Caller
    region: str
    headers: Mapping[str, str]
    seal: ChunkSeal | None = None


def find_key(keys: Keyring, key_id: str) -> Key:
    """The active key of that id. Raises Fault(MISSING | CONFLICT, "key")."""
    # No keyring need be asked for what no key is called.
    key = keys.find(key_id) if key_id.isascii() and len(key_id) <= KEY_ID_CHARS_MAX else None
    if key is None:
        raise Fault(Kind.MISSING, "key", key_id=key_id[:128])
    if not key.active:
        raise Fault(Kind.CONFLICT, "key", key_id=key_id)
    return key


def check_token(key: Key, token: str | None, now_ms: int) -> None:
    """A temporary key must come with its own token and in time, a long-term one with none.

    Raises Fault(INVALID | EXPIRED, "token").
    """
    if key.token is None:
        if token is not None:
            raise Fault(Kind.INVALID, "token", key_id=key.key_id)
        return
    if token is None or not same(token, key.token):
        raise Fault(Kind.INVALID, "token", key_id=key.key_id)
    if key.expires_ms is not None and now_ms >= key.expires_ms:
        raise Fault(Kind.EXPIRED, "token", key_id=key.key_id)


def check_clock(request_ms: int, given: str, now_ms: int) -> None:
    """Raises Fault(SKEWED, "clock") if the request was made too far from now."""
    if abs(now_ms - request_ms) > limits.CLOCK_SKEW_MS_MAX:
        raise Fault(Kind.SKEWED, "clock", request_time=given, server_time_ms=now_ms)


def same(given: str, expected: str) -> bool:
    """Equality in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode("utf-8", "surrogateescape"))


def hoisted(request: Request, apart: frozenset[str]) -> Mapping[str, str]:
    """The headers of a presigned request: its own, and those that its maker moved into the URL.

    SDKs for browsers and Java move `x-amz-*` headers into the query, where they are signed as well, so that whoever
    uses the URL need not send them; S3 takes them for headers. `apart` names (in lower case) what belongs to the
    signature itself.
    """
    moved = {
        lower: value
        for name, value in request.query
        if (lower := name.lower()).startswith("x-amz-") and lower not in apart and lower not in request.headers
    }
    return {**moved, **request.headers} if moved else request.headers
