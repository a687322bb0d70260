"""API keys: secrets that are sent instead of a signature, as Bedrock takes them (`Authorization: Bearer ABSK...`).

Source: "Amazon Bedrock API keys" of the Bedrock user guide.
"""

from __future__ import annotations

from sampan.gateway.http import Request
from sampan.kernel.caller import Caller, Keyring
from sampan.kernel.fault import Fault, Kind

PREFIX = "Bearer "


def verify_bearer(request: Request, keys: Keyring, now_ms: int) -> Caller:
    """Who sends the key. Raises Fault(MISSING | CONFLICT, "key") or Fault(EXPIRED, "token")."""
    find = getattr(keys, "bearer", None)
    key = find(request.headers["authorization"][len(PREFIX) :]) if find is not None else None
    if key is None:
        raise Fault(Kind.MISSING, "key", key_id="")
    if not key.active:
        raise Fault(Kind.CONFLICT, "key", key_id=key.key_id)
    if key.expires_ms is not None and now_ms >= key.expires_ms:
        raise Fault(Kind.EXPIRED, "token", key_id=key.key_id)
    caller: Caller = key.caller
    return caller
