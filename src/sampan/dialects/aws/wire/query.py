"""AWS's query protocol: a form in, XML out. Spoken by IAM, STS, SQS of old, SNS, CloudFormation and others.

Parameters come in a form (POST) or in the query (GET): `Action=CreateUser&Tags.member.1.Key=a`. Written after the
protocol's description in Smithy, "AWS Query protocol" (smithy.io/2.0/aws/protocols/aws-query-protocol.html).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sampan.dialects.aws.wire import scalars
from sampan.dialects.aws.wire.model import Member, Model, OperationModel, Shape
from sampan.dialects.aws.wire.protocol import Refusal
from sampan.dialects.aws.wire.words import COMMON, Words
from sampan.dialects.aws.wire.xml_format import XmlFormat, document, elements, told
from sampan.gateway.http import Reply, Request, parse_query
from sampan.kernel.fault import Fault, Kind

PARAMETERS_MAX = 10_000
LEVELS_MAX = 16

_FORM = "application/x-www-form-urlencoded"
_INDEX = re.compile(r"[1-9][0-9]{0,5}").fullmatch


class QueryProtocol:
    """Implements `protocol.WireProtocol` for one service."""

    words: Words = COMMON

    def __init__(self, model: Model) -> None:
        self._model = model

    def spoken(self, request: Request) -> bool:
        return request.headers.get("content-type", "").startswith(_FORM) or request.param("Action") is not None

    def read(self, request: Request, body: bytes) -> tuple[OperationModel, dict[str, Any]]:
        if request.method not in ("GET", "POST"):
            raise Fault(Kind.UNKNOWN, "operation", f"{request.method[:16]} is not a method of this API")
        given = _given(request, body)
        action = given.get("Action")
        if not action:
            raise Fault(Kind.UNKNOWN, "operation", "Missing Action")
        version = given.get("Version", self._model.version)
        operation = self._model.operations.get(action) if version == self._model.version else None
        if operation is None:
            why = f"Could not find operation {action[:128]} for version {version[:32]}"
            raise Fault(Kind.UNKNOWN, "operation", why, operation=action[:128])
        if operation.input is None:
            return operation, {}
        return operation, _structure(operation.input, _tree(given), "")

    def write(self, operation: OperationModel, result: Mapping[str, Any], request_id: str) -> Reply:
        content = elements(operation.output, result) if operation.output is not None else ""
        if operation.wrapper:
            content = f"<{operation.wrapper}>{content}</{operation.wrapper}>"
        metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        return self._reply(200, f"{operation.name}Response", content + metadata)

    def refuse(self, refusal: Refusal, request_id: str) -> Reply:
        content = told(self._model.errors.get(refusal.code), refusal, request_id)
        return self._reply(refusal.status, "ErrorResponse", content)

    def _reply(self, status: int, root: str, content: str) -> Reply:
        return Reply(status, [("Content-Type", XmlFormat.content)], document(root, self._model.namespace, content))


# --- in ---------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Node:
    """A dotted name's place in the tree of names."""

    value: str | None = None
    below: dict[str, _Node] = field(default_factory=dict)


def _given(request: Request, body: bytes) -> dict[str, str]:
    """The parameters by name, wherever they stand. None may be given twice: what was checked must be what is done."""
    pairs = request.query
    if body:
        pairs = (*pairs, *parse_query(body.decode("utf-8", "surrogateescape")))
    if len(pairs) > PARAMETERS_MAX:
        raise Fault(Kind.INVALID, "argument", f"more than {PARAMETERS_MAX} parameters")
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise _invalid(name, "is given twice")
        if not value.isascii() and not _utf8(value):
            raise _invalid(name, "is not UTF-8")
        given[name] = value
    return given


def _utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _tree(given: Mapping[str, str]) -> _Node:
    root = _Node()
    for name, value in given.items():
        node = root
        parts = name.split(".", LEVELS_MAX)
        if len(parts) > LEVELS_MAX:
            raise _invalid(name, "has too many levels")
        for part in parts:
            node = node.below.setdefault(part, _Node())
        node.value = value
    return root


def _structure(shape: Shape, node: _Node, path: str) -> dict[str, Any]:
    """What the model knows of; the rest (Action, Version, parts of the signature) is left alone."""
    values = {}
    for name, member in shape.members.items():
        wire = member.wire or name
        found = node.below.get(wire)
        if found is None and member.flat and member.shape.item is not None:
            found = node.below.get(member.shape.item.wire)
        if found is not None:
            values[name] = _value(member, found, f"{path}.{wire}" if path else wire)
    return values


def _value(member: Member, node: _Node, path: str) -> Any:
    shape = member.shape
    if shape.type == "structure":
        return _structure(shape, node, path)
    if shape.type == "list":
        assert shape.item is not None
        rows = node if member.flat else node.below.get(shape.item.wire or "member", _Node())
        return [_value(shape.item, row, f"{path}.{number}") for number, row in _numbered(rows, path)]
    if shape.type == "map":
        assert shape.key is not None
        assert shape.value is not None
        rows = node if member.flat else node.below.get("entry", _Node())
        values = {}
        for number, row in _numbered(rows, path):
            key, value = row.below.get(shape.key.wire or "key"), row.below.get(shape.value.wire or "value")
            if key is None or key.value is None or value is None:
                raise _invalid(f"{path}.{number}", "lacks its key or its value")
            values[key.value] = _value(shape.value, value, f"{path}.{number}")
        return values
    if node.value is None:
        raise _invalid(path, "is not a single value")
    try:
        return scalars.read(member, node.value)
    except scalars.Unreadable as error:
        raise _invalid(path, str(error)) from None


def _numbered(node: _Node, path: str) -> list[tuple[int, _Node]]:
    for name in node.below:
        if not _INDEX(name):
            raise _invalid(path, "is not numbered")
    return sorted((int(name), row) for name, row in node.below.items())


def _invalid(name: str, why: str) -> Fault:
    return Fault(Kind.INVALID, "argument", f"The parameter {name[:128]} {why}", name=name[:128])
