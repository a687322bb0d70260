"""Where a parameter stands in HTTP beside the body: in a label of the path, in the query, in a header, in the status.

Times are ISO 8601 in paths and queries, and HTTP's dates in headers, unless the model says otherwise.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sampan.dialects.aws.wire import scalars
from sampan.dialects.aws.wire.json_format import JsonFormat, decode
from sampan.dialects.aws.wire.model import Member, Shape
from sampan.dialects.aws.wire.routes import Found
from sampan.dialects.aws.wire.tree import invalid
from sampan.gateway.http import Request
from sampan.kernel.fault import Fault, Kind

_IN_HEADER = "rfc822"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"').match
_ESCAPED = re.compile(r"\\(.)").sub


# --- in ---------------------------------------------------------------------------------------------------------------


def read(shape: Shape, request: Request, found: Found) -> dict[str, Any]:
    """The values of all members that do not stand in the body. Raises Fault(INVALID, "document" | "uri")."""
    values: dict[str, Any] = {}
    query = _query(request) if request.query else {}
    for name, member in shape.members.items():
        location = member.location
        if not location:
            continue
        wire = member.wire or name
        if location == "uri":
            values[name] = _scalar(member, _utf8(found.labels[wire]))
        elif location == "header" and wire.lower() in request.headers:
            values[name] = _read_header(member, _utf8(request.headers[wire.lower()]))
        elif location == "headers":
            prefix = wire.lower()
            values[name] = {
                key[len(prefix) :]: _utf8(text) for key, text in request.headers.items() if key.startswith(prefix)
            }
        elif location == "querystring":
            if member.shape.type == "map":
                values[name] = _rest_of_query(shape, member, query, found)
            elif wire in query:
                values[name] = _read_query(member, query[wire])
    return values


def _query(request: Request) -> dict[str, list[str]]:
    query: dict[str, list[str]] = {}
    for name, value in request.query:
        query.setdefault(_utf8(name), []).append(_utf8(value))
    return query


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Fault(Kind.INVALID, "uri") from None
    return text


def _scalar(member: Member, text: str, timestamp: str = "iso8601") -> Any:
    try:
        return scalars.read(member, text, timestamp)
    except scalars.Unreadable as error:
        raise invalid(f"{member.wire or member.name} {error}") from None


def _read_query(member: Member, given: list[str]) -> Any:
    if member.shape.type == "list":
        assert member.shape.item is not None
        item = member.shape.item
        return [_scalar(item, text) for text in given]
    if len(given) > 1:
        raise invalid(f"{member.wire or member.name} is given twice")
    return _scalar(member, given[0])


def _rest_of_query(shape: Shape, member: Member, query: Mapping[str, list[str]], found: Found) -> dict[str, Any]:
    """All of a query that has no other meaning. What belongs to a signature is no parameter of anything."""
    assert member.shape.value is not None
    named = {each.wire or each.name for each in shape.members.values() if each.location == "querystring"}
    value = member.shape.value
    return {
        name: _read_query(value, given)
        for name, given in query.items()
        if name not in named and name not in found.literals and not name.startswith("X-Amz-")
    }


def _read_header(member: Member, text: str) -> Any:
    if member.shape.type == "list":
        assert member.shape.item is not None
        item = member.shape.item
        parts = _dates(text) if item.shape.type == "timestamp" else _parts(text)
        return [_scalar(item, part, _IN_HEADER) for part in parts]
    if member.json:
        try:
            return decode(scalars.blob(text))
        except scalars.Unreadable as error:
            raise invalid(f"{member.wire or member.name} {error}") from None
    return _scalar(member, text, _IN_HEADER)


def _parts(text: str) -> Iterator[str]:
    """The items of a header's list; one that holds a comma stands in quotes (RFC 9110, 5.6.1 and 5.6.4)."""
    at = 0
    while at <= len(text):
        at += len(text[at:]) - len(text[at:].lstrip())
        quoted = _QUOTED(text, at)
        end = text.find(",", quoted.end() if quoted else at)
        end = len(text) if end < 0 else end
        yield _ESCAPED(r"\1", quoted[1]) if quoted else text[at:end].strip()
        at = end + 1


def _dates(text: str) -> Iterator[str]:
    """A list of HTTP's dates, each of which has one comma of its own."""
    parts = text.split(",")
    for at in range(0, len(parts) - 1, 2):
        yield f"{parts[at]},{parts[at + 1]}".strip()


# --- out --------------------------------------------------------------------------------------------------------------


def write(shape: Shape, values: Mapping[str, Any], status: int) -> tuple[int, list[tuple[str, str]]]:
    """The status and the headers of a reply; `status` unless a value says otherwise."""
    headers: list[tuple[str, str]] = []
    for name, value in values.items():
        member = shape.members[name]
        wire = member.wire or name
        if member.location == "statusCode":
            status = value
        elif member.location == "header":
            headers.append((wire, _write_header(member, value)))
        elif member.location == "headers":
            headers += [(wire + key, str(each)) for key, each in value.items()]
    return status, headers


def _write_header(member: Member, value: Any) -> str:
    if member.shape.type == "list":
        assert member.shape.item is not None
        item = member.shape.item
        quote: Callable[[str], str] = _quote if item.shape.type == "string" else str
        return ", ".join(quote(scalars.write(item, each, _IN_HEADER)) for each in value)
    if member.json:
        return base64.b64encode(JsonFormat().encode(value)).decode()
    return scalars.write(member, value, _IN_HEADER)


def _quote(text: str) -> str:
    if '"' not in text and "," not in text:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
