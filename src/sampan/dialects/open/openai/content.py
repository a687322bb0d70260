"""What a message holds beside text: pictures, sounds and files, by address or inside a data URL (RFC 2397)."""

from __future__ import annotations

import base64
import binascii
import re

from sampan.dialects.open.openai.limits import invalid
from sampan.services.inference.model import Medium, Part

URL_CHARS_MAX = 8192
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*(;base64)?,")
_SCHEMES = ("https://", "http://")


def at(url: str, medium: Medium, name: str) -> Part:
    """A part by its URL. Nothing is fetched here. Raises Fault(INVALID, "argument")."""
    found = _DATA_URL.match(url)
    if found is not None and found[2]:
        return encoded(url[found.end() :], medium, found[1] or "", name)
    if not url.startswith(_SCHEMES) or len(url) > URL_CHARS_MAX:
        raise invalid(name, f"Invalid value for '{name}': expected an http(s) URL or a base64 data URL.")
    return Part(medium, url=url)


def encoded(text: str, medium: Medium, media_type: str, name: str) -> Part:
    """A part sent as base64. Raises Fault(INVALID, "argument")."""
    try:
        return Part(medium, data=base64.b64decode(text, validate=True), media_type=media_type)
    except (binascii.Error, ValueError):
        raise invalid(name, f"Invalid base64 data in '{name}'.") from None
