"""Requests as the real SDK makes them, caught before they leave, and changed copies of them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from sampan.engines.digests import LibraryDigests
from sampan.gateway.http import Request
from sampan.kernel.body import Inflow
from sampan.kernel.caller import Caller, Key
from sampan.kernel.fault import Fault

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
ENDPOINT = "http://127.0.0.1:4566"


class Ring(dict[str, Key]):
    """A Keyring of a few keys."""

    def find(self, key_id: str) -> Key | None:
        return self.get(key_id)


def key(key_id: str, secret: str = SECRET, **more: Any) -> Key:
    return Key(key_id, secret, Caller("123456789012", "root", key_id), **more)


@dataclass(frozen=True)
class Sent:
    """A request as it would go over the wire."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    pieces: tuple[bytes, ...] = field(default=())

    def with_header(self, name: str, value: str | None) -> Sent:
        headers = {k: v for k, v in self.headers.items() if k != name}
        return replace(self, headers=headers if value is None else {**headers, name: value})

    def request(self, pieces: list[bytes] | None = None, *, whole: bool = True) -> Request:
        """As the gateway sees it. `pieces` are the body as it comes in; `whole` false: the sender then hangs up."""
        messages = [
            {"type": "http.request", "body": piece, "more_body": True}
            for piece in (pieces if pieces is not None else [self.body])
        ]
        messages.append({"type": "http.request", "body": b""} if whole else {"type": "http.disconnect"})
        waiting = iter(messages)

        async def receive() -> Any:
            return next(waiting)

        return Request(self.method, self.path.encode(), self.query.encode(), dict(self.headers), receive=receive)


def sent(prepared: AWSPreparedRequest) -> Sent:
    url = urlsplit(prepared.url)
    headers = {"host": url.netloc}
    for name, value in prepared.headers.items():
        headers[name.lower()] = value.decode() if isinstance(value, bytes) else str(value)
    body = prepared.body or b""
    if hasattr(body, "read"):
        body = body.read()
    return Sent(prepared.method, url.path, url.query, headers, body.encode() if isinstance(body, str) else body)


def client(
    key_id: str = "AK", secret: str = SECRET, token: str | None = None, region: str = "us-east-1",
    endpoint: str = ENDPOINT, signature: str | None = None, **s3: Any,
) -> Any:  # fmt: skip
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(signature_version=signature, s3=s3 or {"addressing_style": "path"}, retries={"max_attempts": 0}),
    )


def catch(s3: Any, operation: str, **params: Any) -> Sent:
    """The request that a client makes for an operation."""
    caught: list[Sent] = []

    def keep(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        caught.append(sent(request))
        return AWSResponse(request.url, 200, {}, _Nothing())

    s3.meta.events.register("before-send.s3", keep)
    try:
        getattr(s3, operation)(**params)
    except Exception:  # the empty answer is not what the parser expects of every operation
        if not caught:
            raise
    finally:
        s3.meta.events.unregister("before-send.s3", keep)
    return caught[0]


def presigned(url: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes = b"") -> Sent:
    """What a browser makes of a presigned URL."""
    parts = urlsplit(url)
    return Sent(method, parts.path, parts.query, {"host": parts.netloc, **(headers or {})}, body)


class _Nothing:
    def stream(self, **_: Any) -> Any:
        return iter(())

    def read(self, *_: Any) -> bytes:
        return b""


async def collect(body: Inflow) -> bytes:
    """All of a body."""
    flow: AsyncIterator[bytes] = body.chunks()
    return b"".join([chunk async for chunk in flow])


def drain(body: Inflow) -> bytes:
    """All of a body, for tests that are no coroutines. The test's `receive` never waits, so neither does this."""
    coroutine = collect(body)
    try:
        coroutine.send(None)
    except StopIteration as done:
        return bytes(done.value)
    raise AssertionError("the body waits for something")


def fault_of(call: Any) -> Fault:
    """The Fault that a call raises."""
    try:
        call()
    except Fault as fault:
        return fault
    raise AssertionError("nothing was raised")


def check(body: Inflow) -> bytes:
    """All of a body, agreeing with every digest that it claims. Raises its Faults."""
    digester = LibraryDigests().start(body.algorithms)
    data = drain(body)
    digester.update(data)
    for digest in body.digests():
        if digester.values()[digest.algorithm] != digest.value:
            raise digest.fault
    return data


REQUEST_ID = "0123456789ABCDEF01234567"


def outcome(dialect: Any, request: Sent | Request, keys: Ring, now_ms: int) -> str:
    """The vendor's code for what is wrong with a request, its body included, or "" if it is good."""
    taken = request.request() if isinstance(request, Sent) else request
    try:
        exchange = dialect.open(taken, REQUEST_ID, keys, now_ms)
        check(exchange.body)
    except Fault as fault:
        reply = dialect.refuse(taken, REQUEST_ID, fault)
        if taken.method == "HEAD":
            return str(reply.status)
        return str(re.search(rb"<Code>(.*?)</Code>", reply.body)[1].decode())
    return ""
