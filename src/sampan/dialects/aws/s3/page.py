"""Pieces of S3's XML. Strings, not trees: a page of a thousand keys is made in a few milliseconds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote_plus

from sampan.dialects.aws.s3 import names
from sampan.dialects.aws.s3.exchange import S3Exchange
from sampan.dialects.aws.s3.headers import checksum_text
from sampan.gateway.http import Reply
from sampan.gateway.xml import escape
from sampan.kernel.fault import Fault, Kind
from sampan.services.objects.model import ChecksumType

XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"

Encode = Callable[[str], str]
_PLAIN = re.compile(r"[A-Za-z0-9/._*-]*").fullmatch


def document(root: str, content: str, headers: list[tuple[str, str]] | None = None) -> Reply:
    """A reply of status 200 with one XML document."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{XMLNS}">{content}</{root}>'
    return Reply(200, [("Content-Type", "application/xml"), *(headers or [])], body.encode("utf-8", "replace"))


def owner(account: str, element: str = "Owner") -> str:
    """An account as an owner or an initiator."""
    return f"<{element}><ID>{names.canonical_id(account)}</ID><DisplayName>{account}</DisplayName></{element}>"


def encoding(exchange: S3Exchange) -> tuple[Encode, str]:
    """How a listing writes keys, and the element that says so. Raises Fault(INVALID, "argument").

    Under encoding-type=url keys are percent-encoded, so that they may hold what XML cannot.
    """
    given = exchange.param("encoding-type")
    if given is None or given == "":
        return escape, ""
    if given != "url":
        raise Fault(
            Kind.INVALID, "argument", "Invalid Encoding Method specified in Request", name="encoding-type", value=given
        )
    return url_encode, "<EncodingType>url</EncodingType>"


def url_encode(value: str) -> str:
    """Percent-encoded as S3 does it: a space is "+", "/" and "*" stay, "~" does not."""
    return value if _PLAIN(value) else quote_plus(value, safe="/*", errors="replace").replace("~", "%7E")


def checksums(values: Mapping[str, bytes], checksum_type: ChecksumType | None = None, etag: str = "") -> str:
    """<ChecksumCRC32> and the like, and <ChecksumType> if a type is given; "" if there are none."""
    rows = "".join(
        f"<Checksum{word}>{checksum_text(values[algorithm], checksum_type, etag)}</Checksum{word}>"
        for algorithm, word in names.CHECKSUM_WORDS.items()
        if algorithm in values
    )
    if not rows or checksum_type is None:
        return rows
    return f"{rows}<ChecksumType>{names.CHECKSUM_TYPE_WORDS[checksum_type]}</ChecksumType>"


def truth(value: bool) -> str:
    """XML's words for a boolean."""
    return "true" if value else "false"


def version_of(version: str | None) -> str:
    """The version id as listings show it: objects of a bucket without versions have the null version."""
    return version if version is not None else "null"
