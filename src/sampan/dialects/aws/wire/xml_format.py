"""Bodies in XML: of rest-xml both ways, of the query protocol on the way out.

Source: "AWS restXml protocol" and "AWS Query protocol" of Smithy (smithy.io/2.0/aws/protocols).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sampan.dialects.aws.wire import scalars
from sampan.dialects.aws.wire.model import Error, Member, Shape
from sampan.dialects.aws.wire.protocol import Refusal
from sampan.dialects.aws.wire.tree import invalid
from sampan.gateway import xml
from sampan.gateway.xml import Element, escape
from sampan.kernel.fault import Fault


class XmlFormat:
    """Implements `protocol.Format`."""

    content = "text/xml"

    def parse(self, shape: Shape, body: bytes) -> dict[str, Any]:
        """The values of a structure. No body at all is an empty one."""
        return _read_structure(shape, xml.parse(body)) if body else {}

    def compose(self, shape: Shape, values: Mapping[str, Any], root: str = "", namespace: str = "") -> bytes:
        """The inverse of `parse`."""
        name = root or shape.wire or shape.name
        return document(name, namespace, elements(shape, values))


def document(root: str, namespace: str, content: str) -> bytes:
    """An XML document with one root element. A namespace of "" is none."""
    declared = f' xmlns="{namespace}"' if namespace else ""
    return f"<{root}{declared}>{content}</{root}>".encode("utf-8", "replace")


def told(error: Error | None, refusal: Refusal, request_id: str) -> str:
    """The content of an error's document."""
    code = refusal.old or (error.code if error is not None else refusal.code)
    more = elements(error.shape, refusal.details) if error is not None else ""
    whose = "Receiver" if refusal.status >= 500 else "Sender"
    return (
        f"<Error><Type>{whose}</Type><Code>{escape(code)}</Code><Message>{escape(refusal.message)}</Message>{more}"
        f"</Error><RequestId>{request_id}</RequestId>"
    )


# --- in ---------------------------------------------------------------------------------------------------------------


def _read_structure(shape: Shape, element: Element) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, member in shape.members.items():
        if member.location:
            continue
        wire = _name(member)
        found = list(element.all(wire))
        if found:
            values[name] = _read_found(member, found)
    if shape.union and len(values) != 1:
        raise invalid(f"Union {shape.name} must have one and only one member set")
    return values


def _read_found(member: Member, found: Sequence[Element]) -> Any:
    """The value of all the elements of a member's name."""
    shape = member.shape
    if shape.type == "list":
        assert shape.item is not None
        item = shape.item
        rows: Iterator[Element] = iter(found) if member.flat else found[0].all(item.wire or "member")
        return [_read_found(item, [row]) for row in rows]
    if shape.type == "map":
        return dict(_pair(shape, row) for row in (found if member.flat else found[0].all("entry")))
    if len(found) > 1:
        raise _wrong(member, "is given twice")
    if shape.type == "structure":
        return _read_structure(shape, found[0])
    if found[0].children:
        raise _wrong(member, "is not a single value")
    try:
        return scalars.read(member, found[0].text)
    except scalars.Unreadable as error:
        raise _wrong(member, str(error)) from None


def _pair(shape: Shape, row: Element) -> tuple[str, Any]:
    assert shape.key is not None
    assert shape.value is not None
    key, value = row.find(shape.key.wire or "key"), row.find(shape.value.wire or "value")
    if key is None or value is None:
        raise invalid("An entry lacks its key or its value")
    return key.text, _read_found(shape.value, [value])


def _wrong(member: Member, why: str) -> Fault:
    return invalid(f"The element {_name(member)} {why}")


def _name(member: Member) -> str:
    """The name of a member's elements: a list without an element of its own goes by its items' name."""
    if member.flat and member.shape.item is not None and member.shape.item.wire:
        return member.shape.item.wire
    return member.wire or member.name


# --- out --------------------------------------------------------------------------------------------------------------


def elements(shape: Shape, values: Mapping[str, Any]) -> str:
    """The elements of a structure, in the model's order; what is None is left out."""
    unknown = values.keys() - shape.members.keys()
    assert not unknown, f"{shape.name} has no {sorted(unknown)}"
    return "".join(
        _write(_name(member), member, values[name])
        for name, member in shape.members.items()
        if values.get(name) is not None and not member.location
    )


def _write(name: str, member: Member, value: Any) -> str:
    shape = member.shape
    declared = f' xmlns="{member.namespace}"' if member.namespace else ""
    if shape.type == "list":
        assert shape.item is not None
        item, row = shape.item, name if member.flat else shape.item.wire or "member"
        rows = "".join(_write(row, item, each) for each in value)
        return rows if member.flat else f"<{name}{declared}>{rows}</{name}>"
    if shape.type == "map":
        row = name if member.flat else "entry"
        rows = "".join(f"<{row}>{_write_pair(shape, key, each)}</{row}>" for key, each in value.items())
        return rows if member.flat else f"<{name}{declared}>{rows}</{name}>"
    if shape.type == "structure":
        return f"<{name}{declared}>{elements(shape, value)}</{name}>"
    return f"<{name}{declared}>{escape(scalars.write(member, value))}</{name}>"


def _write_pair(shape: Shape, key: str, value: Any) -> str:
    assert shape.key is not None
    assert shape.value is not None
    return _write(shape.key.wire or "key", shape.key, key) + _write(shape.value.wire or "value", shape.value, value)
