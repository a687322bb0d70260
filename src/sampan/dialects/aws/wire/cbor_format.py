"""Bodies in CBOR: of the protocol rpc-v2-cbor.

Source: "Smithy RPC v2 CBOR protocol" (smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html).
"""

from __future__ import annotations

from typing import Any

from sampan.dialects.aws.wire import cbor, scalars
from sampan.dialects.aws.wire.model import Member
from sampan.dialects.aws.wire.tree import Tree, invalid, unexpected


class CborFormat(Tree):
    """Implements `protocol.Format`."""

    content = "application/cbor"

    def decode(self, body: bytes) -> Any:
        """The item that the bytes are. Raises Fault(INVALID, "document")."""
        try:
            return cbor.decode(body)
        except cbor.Malformed as error:
            raise invalid(f"The body is not well-formed CBOR: {error}") from None

    def encode(self, tree: Any) -> bytes:
        """The bytes of a tree."""
        return cbor.encode(tree)

    def _read_apart(self, member: Member, raw: Any) -> Any:
        kind = member.shape.type
        if kind == "timestamp":
            if type(raw) is cbor.Seconds:
                return scalars.seconds(raw)
        elif kind == "blob":
            if type(raw) is bytes:
                return raw
        elif type(raw) is float or type(raw) is int:
            return float(raw)
        raise unexpected(raw, kind.capitalize())

    def _write_apart(self, member: Member, value: Any) -> Any:
        kind = member.shape.type
        if kind == "timestamp":
            return cbor.Seconds(scalars.write_seconds(value))
        return value if kind == "blob" else float(value)
