"""Values by their shapes, as trees of dicts, lists and scalars: what JSON and CBOR have in common.

In a tree names are those of the wire, in values those of the model. Where the two formats differ is in a few scalars,
and there each has its own way. What is null is as if it had not been sent, and members that the model does not know are
passed over, as all servers of AWS do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sampan.dialects.aws.wire import scalars
from sampan.dialects.aws.wire.model import Error, Member, Shape
from sampan.dialects.aws.wire.protocol import Refusal, said
from sampan.kernel.fault import Fault, Kind

_TOKENS = {bool: "BOOLEAN_VALUE", int: "NUMBER_VALUE", float: "NUMBER_VALUE", str: "STRING_VALUE", bytes: "BLOB_VALUE"}
_KINDS = {"integer": "Integer", "long": "Long", "float": "Float", "double": "Double", "boolean": "Boolean"}


class Tree:
    """Implements `protocol.Format`, but for what is a format's own: `encode`, `decode`, and a few scalars.

    Reading raises Fault(INVALID, "document"), with the words of AWS's servers.
    """

    content: str

    def parse(self, shape: Shape, body: bytes) -> dict[str, Any]:
        """The values of a structure. No body at all is an empty one."""
        return self.read(shape, self.decode(body)) if body else {}

    def compose(self, shape: Shape, values: Mapping[str, Any], root: str = "", namespace: str = "") -> bytes:
        """The body of a structure; `root` and `namespace` are XML's."""
        return self.encode(values if shape.document else self.write(shape, values))

    def told(self, error: Error | None, refusal: Refusal) -> dict[str, Any]:
        """An error as a tree, with a message in any case."""
        values = said(error, refusal)
        tree = {} if error is None else self.write(error.shape, values)
        return tree if "Message" in tree else {"message": refusal.message, **tree}

    def decode(self, body: bytes) -> Any:
        """The tree that the bytes are. Raises Fault(INVALID, "document")."""
        raise NotImplementedError

    def encode(self, tree: Any) -> bytes:
        """The bytes of a tree."""
        raise NotImplementedError

    def read(self, shape: Shape, raw: Any) -> dict[str, Any]:
        """A structure's values."""
        if type(raw) is not dict:
            raise unexpected(raw, "Structure")
        values: dict[str, Any] = {}
        fields = shape.fields
        for wire, each in raw.items():
            member = fields.get(wire)
            if member is not None and each is not None:
                values[member.name] = self._read(member, each)
        if shape.union and len(values) != 1:
            raise invalid(f"Union {shape.name} must have one and only one member set")
        return values

    def write(self, shape: Shape, values: Mapping[str, Any]) -> dict[str, Any]:
        """The inverse of `read`. What is None, or stands elsewhere, is left out."""
        tree: dict[str, Any] = {}
        members = shape.members
        for name, value in values.items():
            member = members[name]
            if value is not None and not member.location:
                tree[member.wire or name] = self._write(member, value)
        return tree

    # --- in -----------------------------------------------------------------------------------------------------------

    def _read(self, member: Member, raw: Any) -> Any:
        shape = member.shape
        match shape.type:
            case "string":
                if type(raw) is not str:
                    raise unexpected(raw, "String")
                return raw
            case "structure":
                return raw if shape.document else self.read(shape, raw)
            case "list":
                return self._read_list(shape, raw)
            case "map":
                return self._read_map(shape, raw)
            case "integer" | "long" as kind:
                if type(raw) is float and raw.is_integer():
                    raw = int(raw)
                if type(raw) is not int or not scalars.fits(raw, kind):
                    raise unexpected(raw, _KINDS[kind])
                return raw
            case "boolean":
                if type(raw) is not bool:
                    raise unexpected(raw, "Boolean")
                return raw
        try:
            return self._read_apart(member, raw)
        except scalars.Unreadable as error:
            raise invalid(f"{member.name} {error}") from None
        except OverflowError:
            raise invalid(f"{member.name} is too large a number") from None

    def _read_list(self, shape: Shape, raw: Any) -> list[Any]:
        if type(raw) is not list:
            raise unexpected(raw, "List")
        assert shape.item is not None
        item = shape.item
        if None in raw and not shape.sparse:
            raise invalid("Null found where a value of a list was expected")
        return [None if each is None else self._read(item, each) for each in raw]

    def _read_map(self, shape: Shape, raw: Any) -> dict[str, Any]:
        if type(raw) is not dict:
            raise unexpected(raw, "Map")
        assert shape.value is not None
        value = shape.value
        if not shape.sparse and None in raw.values():
            raise invalid("Null found where a value of a map was expected")
        return {key: None if each is None else self._read(value, each) for key, each in raw.items()}

    def _read_apart(self, member: Member, raw: Any) -> Any:
        """A number that may have a fraction, a time or a blob. Raises Unreadable or Fault."""
        raise NotImplementedError

    # --- out ----------------------------------------------------------------------------------------------------------

    def _write(self, member: Member, value: Any) -> Any:
        shape = member.shape
        match shape.type:
            case "string" | "integer" | "long" | "boolean":
                return value
            case "structure":
                return value if shape.document else self.write(shape, value)
            case "list":
                item = shape.item
                assert item is not None
                return [None if each is None else self._write(item, each) for each in value]
            case "map":
                below = shape.value
                assert below is not None
                return {key: None if each is None else self._write(below, each) for key, each in value.items()}
        return self._write_apart(member, value)

    def _write_apart(self, member: Member, value: Any) -> Any:
        raise NotImplementedError


def unexpected(raw: Any, wanted: str) -> Fault:
    """The fault of a value of a wrong type."""
    if type(raw) is dict:
        return invalid("Start of structure or map found where not expected")
    if type(raw) is list:
        return invalid("Start of list found where not expected")
    return invalid(f"{_TOKENS.get(type(raw), 'VALUE')} cannot be converted to {wanted}")


def invalid(why: str) -> Fault:
    """The fault of a body that cannot be read."""
    return Fault(Kind.INVALID, "document", why)
