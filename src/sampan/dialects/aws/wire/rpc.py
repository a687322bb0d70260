"""The protocols in which an operation is named and its parameters are one document: JSON 1.0 and 1.1, and rpc-v2-cbor.

JSON: `X-Amz-Target: DynamoDB_20120810.PutItem`. CBOR: `POST /service/GraniteServiceVersion20100801/operation/...`.
Sources: "AWS JSON 1.0 protocol", "Smithy RPC v2 CBOR protocol" and "AWS query compatible" (smithy.io/2.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sampan.dialects.aws.wire.cbor_format import CborFormat
from sampan.dialects.aws.wire.eventstream import EventBody
from sampan.dialects.aws.wire.json_format import JsonFormat
from sampan.dialects.aws.wire.model import Model, OperationModel
from sampan.dialects.aws.wire.protocol import Refusal
from sampan.dialects.aws.wire.tree import Tree
from sampan.dialects.aws.wire.words import JSON, Words, query_code
from sampan.gateway.http import Reply, Request
from sampan.kernel.fault import Fault, Kind


class _Rpc:
    """What both have in common: all but where the operation is named."""

    words: Words = JSON

    def __init__(self, model: Model, body: Tree, content: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self._model = model
        self._format = body
        self._content = ("Content-Type", content)
        self._headers = headers

    def read(self, request: Request, body: bytes) -> tuple[OperationModel, dict[str, Any]]:
        name = self._named(request)
        operation = self._model.operations.get(name) if request.method == "POST" else None
        if operation is None:
            raise Fault(Kind.UNKNOWN, "operation", operation=name[:128])
        return operation, self._format.parse(operation.input, body) if operation.input is not None else {}

    def write(self, operation: OperationModel, result: Mapping[str, Any], request_id: str) -> Reply:
        output = operation.output
        if output is None:
            return Reply(200, list(self._headers))
        if not output.stream:
            return self._reply(200, self._format.compose(output, result))
        first = self._format.compose(output, {name: each for name, each in result.items() if name != output.stream})
        shape = output.members[output.stream].shape
        body = EventBody(shape, result[output.stream], self._format, self._model.errors, first)
        return Reply(200, [("Content-Type", EventBody.content), *self._headers], body)

    def refuse(self, refusal: Refusal, request_id: str) -> Reply:
        error = self._model.errors.get(refusal.code)
        tree = {"__type": refusal.code, **self._format.told(error, refusal)}
        reply = self._reply(refusal.status, self._format.encode(tree))
        if self._model.query_errors:
            whose = "Receiver" if refusal.status >= 500 else "Sender"
            code = refusal.old or (error.code if error is not None else query_code(refusal.code))
            reply.headers.append(("x-amzn-query-error", f"{code};{whose}"))
        return reply

    def _reply(self, status: int, body: bytes) -> Reply:
        return Reply(status, [self._content, *self._headers], body)

    def _named(self, request: Request) -> str:
        """The name of the operation that is asked for, or ""."""
        raise NotImplementedError


class JsonRpc(_Rpc):
    """Implements `protocol.WireProtocol`: JSON 1.0 or 1.1, as the model says."""

    def __init__(self, model: Model) -> None:
        super().__init__(model, JsonFormat(), f"application/x-amz-json-{model.json_version}")

    def spoken(self, request: Request) -> bool:
        return "x-amz-target" in request.headers

    def _named(self, request: Request) -> str:
        target, _, name = request.headers.get("x-amz-target", "").rpartition(".")
        return name if target == self._model.target else ""


class CborRpc(_Rpc):
    """Implements `protocol.WireProtocol`: rpc-v2-cbor."""

    def __init__(self, model: Model) -> None:
        super().__init__(model, CborFormat(), CborFormat.content, (("smithy-protocol", "rpc-v2-cbor"),))

    def spoken(self, request: Request) -> bool:
        return request.headers.get("smithy-protocol") == "rpc-v2-cbor"

    def _named(self, request: Request) -> str:
        """A path may have something before these four steps."""
        steps = request.raw_path.split("/")[-4:]
        named = len(steps) == 4 and steps[:3] == ["service", self._model.target, "operation"]
        return steps[3] if named else ""
