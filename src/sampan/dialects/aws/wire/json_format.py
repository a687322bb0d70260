"""Bodies in JSON: of the JSON protocols and of rest-json.

Source: "AWS JSON 1.0 protocol" and "AWS restJson1 protocol" of Smithy (smithy.io/2.0/aws/protocols).
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from sampan.dialects.aws.wire import scalars
from sampan.dialects.aws.wire.model import Member
from sampan.dialects.aws.wire.tree import Tree, invalid, unexpected

LEVELS_MAX = 128  # DynamoDB's 32 levels of attributes are about 70 of JSON


class JsonFormat(Tree):
    """Implements `protocol.Format`."""

    content = "application/json"

    def decode(self, body: bytes) -> Any:
        """The document that the bytes are, of at most `LEVELS_MAX` levels. Raises Fault(INVALID, "document")."""
        return decode(body)

    def encode(self, tree: Any) -> bytes:
        """The bytes of a tree."""
        return msgspec.json.encode(tree)

    def _read_apart(self, member: Member, raw: Any) -> Any:
        kind = member.shape.type
        if kind == "timestamp":
            if type(raw) is str:
                return scalars.time(raw, member.timestamp or "iso8601")
            if type(raw) is int or type(raw) is float:
                return scalars.seconds(raw)
        elif kind == "blob":
            if type(raw) is str:
                return scalars.blob(raw)
        elif type(raw) is float or type(raw) is int:
            return float(raw)
        elif type(raw) is str and raw in ("NaN", "Infinity", "-Infinity"):
            return scalars.number(raw)
        raise unexpected(raw, kind.capitalize())

    def _write_apart(self, member: Member, value: Any) -> Any:
        kind = member.shape.type
        if kind == "timestamp":
            if member.timestamp in ("", "unixtimestamp"):
                return scalars.write_seconds(value)
            return scalars.write_time(value, member.timestamp)
        return base64.b64encode(value).decode() if kind == "blob" else scalars.finite(value)


def decode(body: bytes) -> Any:
    """A document of JSON, of at most `LEVELS_MAX` levels. Raises Fault(INVALID, "document")."""
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        raise invalid("The body is not well-formed JSON") from None
    # Whoever opens fewer brackets cannot have nested deeper: counting them costs nothing.
    if body.count(b"{") + body.count(b"[") > LEVELS_MAX and _levels(tree) > LEVELS_MAX:
        raise invalid(f"The body has more than {LEVELS_MAX} levels")
    return tree


def _levels(tree: Any) -> int:
    """How deep a tree is, up to one more than is allowed."""
    levels, row = 0, [tree]
    while row and levels <= LEVELS_MAX:
        levels += 1
        below: list[Any] = []
        for each in row:
            if type(each) is dict:
                below.extend(each.values())
            elif type(each) is list:
                below.extend(each)
        row = below
    return levels
