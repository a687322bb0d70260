"""The REST protocols: an operation is a method and a path, its parameters stand in labels, queries, headers and a body.

Sources: "HTTP binding traits", "AWS restJson1 protocol" and "AWS restXml protocol" of Smithy (smithy.io/2.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sampan.dialects.aws.wire import locations
from sampan.dialects.aws.wire.eventstream import EventBody
from sampan.dialects.aws.wire.json_format import JsonFormat
from sampan.dialects.aws.wire.model import Model, OperationModel, Shape
from sampan.dialects.aws.wire.protocol import Format, Refusal
from sampan.dialects.aws.wire.routes import Routes
from sampan.dialects.aws.wire.tree import invalid
from sampan.dialects.aws.wire.words import COMMON, REST, Words
from sampan.dialects.aws.wire.xml_format import XmlFormat, document, told
from sampan.gateway.http import Reply, Request
from sampan.kernel.body import Outflow
from sampan.kernel.fault import Fault, Kind

_BINARY, _TEXT = "application/octet-stream", "text/plain"
_NOTHING = Shape("", {"type": "structure"})


class _Rest:
    """What both have in common: all but errors."""

    words: Words = REST

    def __init__(self, model: Model, body: Format) -> None:
        self._model = model
        self._format = body
        self._routes = Routes(model.operations.values())
        self._namespace = model.namespace or next((each.namespace for each in model.operations.values()), "")

    def spoken(self, request: Request) -> bool:
        return True

    def read(self, request: Request, body: bytes) -> tuple[OperationModel, dict[str, Any]]:
        found = self._routes.find(request)
        if found is None:
            raise Fault(Kind.UNKNOWN, "operation", operation=f"{request.method} {request.path}"[:128])
        shape = found.operation.input
        if shape is None:
            return found.operation, {}
        values = locations.read(shape, request, found)
        if not shape.payload:
            return found.operation, {**values, **self._format.parse(shape, body)} if shape.fields else values
        payload = shape.members[shape.payload].shape
        if payload.events:
            raise Fault(Kind.NOT_DONE, "operation", operation=f"{found.operation.name}'s stream of events")
        if not body:  # none, or an empty one: nobody can tell
            return found.operation, values
        if payload.type == "blob":
            values[shape.payload] = body
        elif payload.type == "string":
            values[shape.payload] = _text(body)
        else:
            values[shape.payload] = self._format.parse(payload, body)
        return found.operation, values

    def write(self, operation: OperationModel, result: Mapping[str, Any], request_id: str) -> Reply:
        shape = operation.output or _NOTHING
        known = {name: value for name, value in result.items() if value is not None}
        unknown = known.keys() - shape.members.keys()
        assert not unknown, f"{shape.name} has no {sorted(unknown)}"
        status, headers = locations.write(shape, known, operation.status)
        content, body = self._body(shape, known)
        if content and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", content))
        return Reply(status, headers, body)

    def _body(self, shape: Shape, values: Mapping[str, Any]) -> tuple[str, bytes | Outflow]:
        """Content type and body."""
        if not shape.payload:
            if not shape.fields:
                return "", b""
            return self._format.content, self._format.compose(shape, values, namespace=self._namespace)
        member, value = shape.members[shape.payload], values.get(shape.payload)
        if member.shape.events:
            return EventBody.content, EventBody(member.shape, value, self._format, self._model.errors)  # type: ignore[arg-type]
        if value is None:
            return "", b""
        if member.shape.type == "blob":
            return _BINARY, value
        if member.shape.type == "string":
            return _TEXT, value.encode("utf-8", "replace")
        root = member.wire or member.shape.wire or member.name
        return self._format.content, self._format.compose(member.shape, value, root, member.namespace)


class RestJson(_Rest):
    """Implements `protocol.WireProtocol`: rest-json."""

    def __init__(self, model: Model) -> None:
        super().__init__(model, JsonFormat())

    def refuse(self, refusal: Refusal, request_id: str) -> Reply:
        error = self._model.errors.get(refusal.code)
        details = locations.write(error.shape, refusal.details, refusal.status)[1] if error is not None else []
        body = JsonFormat().encode(JsonFormat().told(error, refusal))
        reply = Reply(refusal.status, [("Content-Type", JsonFormat.content), *details], body)
        reply.headers.append(("x-amzn-ErrorType", refusal.code))
        return reply


class RestXml(_Rest):
    """Implements `protocol.WireProtocol`: rest-xml, but not as S3 speaks it."""

    words = COMMON

    def __init__(self, model: Model) -> None:
        super().__init__(model, XmlFormat())

    def refuse(self, refusal: Refusal, request_id: str) -> Reply:
        content = told(self._model.errors.get(refusal.code), refusal, request_id)
        body = document("ErrorResponse", self._namespace, content)
        return Reply(refusal.status, [("Content-Type", XmlFormat.content)], body)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise invalid("The body is not UTF-8") from None
