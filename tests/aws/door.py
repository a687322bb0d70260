"""The dialect between the SDK's serialiser and its parser: no server, no service."""

from __future__ import annotations

from typing import Any

import botocore.session
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser

from sampan.dialects.aws.s3 import names
from sampan.dialects.aws.s3.dialect import S3Dialect
from sampan.gateway.http import Reply
from sampan.kernel.fault import Fault
from sampan.services.objects.model import ObjectInfo
from tests.aws.sdk import REQUEST_ID, Ring, Sent, catch, client

S3 = botocore.session.get_session().get_service_model("s3")
AT_MS = 1700000000123  # 2023-11-14T22:13:20.123Z
ACCOUNT = "123456789012"
ETAG = "5d41402abc4b2a76b9719d911017c592"
OWNER = {"ID": names.canonical_id(ACCOUNT), "DisplayName": ACCOUNT}


class Door:
    """Sends the SDK's requests through the dialect, answers with `result`, and parses the reply as the SDK does."""

    def __init__(self, dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
        self.dialect, self.keys, self.now_ms = dialect, keys, now_ms
        self.reply = Reply(0)

    def bind(self, sent: Sent) -> tuple[Any, Any]:
        exchange = self.dialect.open(sent.request(), REQUEST_ID, self.keys, self.now_ms)
        operation = exchange.operation
        assert operation is not None and operation.bind is not None
        return exchange, operation.bind(exchange, sent.body if operation.document else b"")

    def command(self, operation: str, **params: Any) -> Any:
        return self.bind(catch(client(), operation, **params))[1]

    def answer(self, sent: Sent, result: Any, *, shape: str = "") -> dict[str, Any]:
        exchange, _ = self.bind(sent)
        reply = exchange.operation.render(exchange, result)
        return self.parse(exchange.request, reply, shape or exchange.operation.name)

    def said(self, operation: str, result: Any, **params: Any) -> dict[str, Any]:
        return self.answer(catch(client(), operation, **params), result)

    def parse(self, request: Any, reply: Reply, operation: str) -> dict[str, Any]:
        self.dialect.finish(request, REQUEST_ID, reply)
        self.reply = reply
        body = reply.body if isinstance(reply.body, bytes) else reply.body.data  # type: ignore[attr-defined]
        parsed = create_parser("rest-xml").parse(
            {"headers": HeadersDict(reply.headers), "body": body, "status_code": reply.status},
            S3.operation_model(operation).output_shape,
        )
        assert parsed.pop("ResponseMetadata")["HTTPStatusCode"] == reply.status
        return dict(parsed)

    def refused(self, sent: Sent, fault: Fault) -> tuple[int, dict[str, Any], Any]:
        reply = self.dialect.refuse(sent.request(), REQUEST_ID, fault)
        self.dialect.finish(sent.request(), REQUEST_ID, reply)
        headers = HeadersDict(reply.headers)
        parsed = create_parser("rest-xml").parse(
            {"headers": headers, "body": reply.body, "status_code": reply.status}, None
        )
        return reply.status, {**parsed["Error"], **parsed["ResponseMetadata"]}, headers


def info(key: str = "k", **more: Any) -> ObjectInfo:
    """An object as the service tells of it."""
    return ObjectInfo(key, more.pop("size", 5), more.pop("etag", ETAG), AT_MS, ACCOUNT, **more)
