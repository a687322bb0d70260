"""How RAM and STS show ids and places in listings: numbers, and opaque markers. Their ARNs are in `arn`."""

from __future__ import annotations

import base64
import hashlib

from sampan.kernel.fault import Fault, Kind

# The first digit tells what an id is of, as it does in the vendor's.
_FIRST_DIGITS = {"user": "2", "role": "3"}
_DIGITS = 18


def number(kind: str, core_id: str) -> str:
    """18 digits for a user's or a role's id (16 characters of Base32); for a group `g-` and 16 characters.

    The digits are of a hash of the id, as 80 bits do not fit: two of one account's thousands meet by odds of one in a
    hundred million millions, and nothing is ever looked up by them.
    """
    if kind == "group":
        return "g-" + core_id.lower()
    digest = int.from_bytes(hashlib.sha256(core_id.encode()).digest()[:16], "big")
    return _FIRST_DIGITS.get(kind, "1") + str(digest % 10 ** (_DIGITS - 1)).rjust(_DIGITS - 1, "0")


def marker(after: str) -> str:
    """A name to go on after, as an opaque marker."""
    return base64.urlsafe_b64encode(after.encode()).decode().rstrip("=")


def after(text: str | None) -> str:
    """The inverse of `marker`; "" for none. Raises INVALID "argument"."""
    if not text:
        return ""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise Fault(Kind.INVALID, "argument", name="Marker", value=text[:64]) from None
