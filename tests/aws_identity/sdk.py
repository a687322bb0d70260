"""Requests of IAM and STS as the real SDK makes them, and replies as it reads them: no server, no service."""

from __future__ import annotations

from typing import Any

import boto3
import botocore.session
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.config import Config
from botocore.parsers import create_parser

from sampan.dialects.aws.wire.service import ServiceDialect
from sampan.gateway.contract import Exchange
from sampan.gateway.http import Reply
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault
from tests.aws.sdk import ENDPOINT, SECRET, Ring, Sent, _Nothing, sent

ACCOUNT = "123456789012"
REQUEST_ID = "0123456789ABCDEF01234567"
AT_MS = 1700000000000  # 2023-11-14T22:13:20Z


def client(service: str, *, token: str | None = None, signed: bool = True, secret: str = SECRET) -> Any:
    return boto3.client(
        service,
        endpoint_url=ENDPOINT,
        region_name="us-east-1",
        aws_access_key_id="TEMP" if token else "AK",
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(
            retries={"max_attempts": 0}, parameter_validation=False, signature_version=None if signed else UNSIGNED
        ),
    )


def catch(api: Any, operation: str, **params: Any) -> Sent:
    """The request that a client makes for an operation, named as in Python."""
    caught: list[Sent] = []

    def keep(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        caught.append(sent(request))
        return AWSResponse(request.url, 200, {}, _Nothing())

    events = api.meta.events
    name = f"before-send.{api.meta.service_model.service_id.hyphenize()}"
    events.register(name, keep)
    try:
        getattr(api, operation)(**params)
    except Exception:  # the empty answer is not what the parser expects
        if not caught:
            raise
    finally:
        events.unregister(name, keep)
    return caught[0]


class Door:
    """Sends the SDK's requests through a dialect, and parses the replies as the SDK does."""

    def __init__(self, dialect: ServiceDialect, keys: Ring, now_ms: int) -> None:
        self.dialect, self.keys, self.now_ms = dialect, keys, now_ms
        self.service = dialect.name.partition("/")[2]
        self.model = botocore.session.get_session().get_service_model(self.service)
        self.reply = Reply(0)

    def bind(self, request: Sent) -> tuple[Exchange, Command]:
        exchange = self.dialect.open(request.request(), REQUEST_ID, self.keys, self.now_ms)
        assert exchange.operation is not None
        assert exchange.operation.bind is not None
        assert exchange.operation.document
        return exchange, exchange.operation.bind(exchange, request.body)

    def command(self, operation: str, **params: Any) -> Any:
        return self.bind(catch(client(self.service), operation, **params))[1]

    def said(self, operation: str, result: Any, /, **params: Any) -> dict[str, Any]:
        """What the SDK makes of the reply, when the service gave `result`."""
        exchange = self.bind(catch(client(self.service), operation, **params))[0]
        assert exchange.operation is not None
        assert exchange.operation.render is not None
        return self.parse(exchange, exchange.operation.render(exchange, result), exchange.operation.name)

    def parse(self, exchange: Exchange, reply: Reply, operation: str) -> dict[str, Any]:
        self.dialect.finish(exchange.request, REQUEST_ID, reply)
        self.reply = reply
        raw = {"headers": HeadersDict(reply.headers), "body": reply.body, "status_code": reply.status}
        parsed = create_parser("query").parse(raw, self.model.operation_model(operation).output_shape)
        assert parsed["ResponseMetadata"]["RequestId"] == REQUEST_ID
        assert parsed.pop("ResponseMetadata")["HTTPStatusCode"] == reply.status
        return dict(parsed)

    def refused(self, fault: Fault) -> tuple[int, str, str]:
        """Status, code and message as the SDK reads them."""
        request = Sent("POST", "/", "", {"host": "127.0.0.1:4566"}).request()
        reply = self.dialect.refuse(request, REQUEST_ID, fault)
        raw = {"headers": HeadersDict(reply.headers), "body": reply.body, "status_code": reply.status}
        error = create_parser("query").parse(raw, None)["Error"]
        return reply.status, error["Code"], error["Message"]

    def fault(self, request: Sent) -> Fault:
        try:
            self.bind(request)
        except Fault as fault:
            return fault
        raise AssertionError("nothing was raised")
