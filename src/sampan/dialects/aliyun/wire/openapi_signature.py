"""Who signed a request to an OpenAPI product: finds the scheme, checks time, key, signature, token and nonce."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Protocol

from sampan.dialects.aliyun.wire import acs3, roa_v1, rpc_v1
from sampan.dialects.aliyun.wire.openapi_claim import Claim
from sampan.dialects.aliyun.wire.oss_claim import encode, percent
from sampan.dialects.aliyun.wire.oss_signature import check_token
from sampan.gateway.http import Request
from sampan.kernel import limits
from sampan.kernel.caller import Key, Keyring
from sampan.kernel.fault import Fault, Kind

KEPT_MS = 2 * limits.CLOCK_SKEW_MS_MAX
"""How long a nonce must be remembered: a request may be signed as far ahead of our clock as behind it."""

_SECRET = frozenset({"SecurityToken", "OIDCToken", "SAMLAssertion", "Password", "OldPassword", "NewPassword"})


class Nonces(Protocol):
    """What was signed once may be sent once. Shared by all worker processes of one Sampan."""

    def spend(self, key_id: str, nonce: str, now_ms: int) -> bool:
        """Whether this key has not used the nonce in the last KEPT_MS milliseconds; from now on it has."""
        ...


def claim_of(request: Request, pairs: Sequence[tuple[str, str]]) -> Claim | None:
    """What the request says of its signature, or None if it says nothing. `pairs` are the parameters of query and
    form. Raises INVALID "authorization" and what the schemes raise."""
    header = request.headers.get("authorization")
    if header is None:
        return rpc_v1.claim(request.method, pairs) if rpc_v1.signed(dict(pairs)) else None
    if header.startswith(acs3.PREFIX):
        return acs3.claim(request)
    if header.startswith(roa_v1.PREFIX):
        return roa_v1.claim(request)
    raise Fault(Kind.INVALID, "authorization", "The signature's algorithm is not supported.")


def verify(claim: Claim, pairs: Sequence[tuple[str, str]], keys: Keyring, nonces: Nonces, now_ms: int) -> Key:
    """The key that signed. `pairs` as in `claim_of`.

    Raises SKEWED "clock", MISSING or CONFLICT "key", MISMATCH "signature", INVALID or EXPIRED "token", CONFLICT
    "nonce". The nonce comes last: nobody can spend another's.
    """
    if abs(now_ms - claim.at_ms) > limits.CLOCK_SKEW_MS_MAX:
        raise Fault(Kind.SKEWED, "clock", request_time=claim.date, server_time_ms=now_ms)
    key = keys.find(claim.key_id)
    if key is None:
        raise Fault(Kind.MISSING, "key", key_id=claim.key_id)
    if not key.active:
        raise Fault(Kind.CONFLICT, "key", key_id=claim.key_id)
    made = [claim.sign(key.secret, text) for text in claim.signed]
    if not any(hmac.compare_digest(encode(one), encode(claim.signature)) for one in made):
        raise _mismatch(claim, pairs)
    if key.token is not None and claim.token is None:
        raise Fault(Kind.ABSENT, "argument", name="SecurityToken")
    check_token(key, claim.token, now_ms)
    if claim.nonce and not nonces.spend(claim.key_id, claim.nonce, now_ms):
        raise Fault(Kind.CONFLICT, "nonce", key_id=claim.key_id)
    return key


def _mismatch(claim: Claim, pairs: Sequence[tuple[str, str]]) -> Fault:
    """The fault of a wrong signature, with what should have been signed, but for what is secret in it."""
    to_sign, canonical = claim.signed[0], claim.canonical
    for secret in {claim.token, *(value for name, value in pairs if name in _SECRET)}:
        if secret:
            # As it is in a header, as a canonical query has it, and as RPC's string to sign has it.
            for form in (percent(percent(secret)), percent(secret), secret):
                to_sign, canonical = to_sign.replace(form, "******"), canonical.replace(form, "******")
    return Fault(Kind.MISMATCH, "signature", key_id=claim.key_id, string_to_sign=to_sign, canonical_request=canonical)
