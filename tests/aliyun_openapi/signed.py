"""The older RPC signature, written anew from its description: what the dialects verify is not what made it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
from urllib.parse import quote, urlencode

from tests.aliyun_openapi.captured import Captured

_NONCES = itertools.count()


def rpc(
    params: dict[str, str],
    *,
    form: bool = False,
    secret: str = "TESTSK",
    time: str = "2026-11-22T10:23:20Z",
    **more: str,
) -> Captured:
    """A request with everything in the query, or everything in a form. `more` replaces common parameters; what is ""
    is left out."""
    common = {
        "AccessKeyId": "TESTAK",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": f"n{next(_NONCES)}",
        "Timestamp": time,
        **more,
    }
    method = "POST" if form else "GET"
    everything = params | {name: value for name, value in common.items() if value}
    joined = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted(everything.items()))
    to_sign = f"{method}&%2F&{quote(joined, safe='')}"
    made = hmac.new(f"{secret}&".encode(), to_sign.encode(), hashlib.sha1).digest()
    text = urlencode(everything | {"Signature": base64.b64encode(made).decode()})
    if form:
        headers = {"host": "h:1", "content-type": "application/x-www-form-urlencoded"}
        return Captured("POST", "/", headers, text.encode())
    return Captured("GET", f"/?{text}", {"host": "h:1"})
