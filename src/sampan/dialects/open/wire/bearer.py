"""Keys that are sent along whole: `Authorization: Bearer KEY` (RFC 6750), or a header of the vendor's own."""

from __future__ import annotations

from sampan.gateway.http import Request
from sampan.kernel.caller import Caller, Keyring, bearer
from sampan.kernel.fault import Fault, Kind

_SCHEME = "bearer "


def caller(request: Request, keys: Keyring, now_ms: int, header: str = "") -> Caller:
    """Who calls. `header` names the vendor's own header, which goes before Authorization.

    Raises Fault(ABSENT | INVALID, "authorization"), and what `kernel.caller.bearer` raises.
    """
    return bearer(keys, token(request, header), now_ms)


def token(request: Request, header: str = "") -> str:
    """The key as it was sent. Raises Fault(ABSENT | INVALID, "authorization")."""
    found = request.headers.get(header, "").strip() if header else ""
    if not found:
        authorization = request.headers.get("authorization")
        if authorization is None:
            raise Fault(Kind.ABSENT, "authorization")
        if not authorization.lower().startswith(_SCHEME):
            raise Fault(Kind.INVALID, "authorization")
        found = authorization[len(_SCHEME) :].strip()
    if not found:
        raise Fault(Kind.ABSENT, "authorization")
    # A key is printable ASCII: whatever else there is would be a key to nobody.
    if not (found.isascii() and found.isprintable()):
        raise Fault(Kind.INVALID, "authorization")
    return found
