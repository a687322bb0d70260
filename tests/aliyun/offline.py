"""The vendor's SDKs without a network: they build and sign a request, and are stopped before they send it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import requests
from alibabacloud_oss_v2.credentials import StaticCredentialsProvider
from alibabacloud_oss_v2.types import HttpClient

from tests.aliyun.captured import Captured


class Stopped(Exception):
    def __init__(self, captured: Captured) -> None:
        super().__init__()
        self.captured = captured


def captured(method: str, url: str, headers: Any, body: Any = None, params: Any = None) -> Captured:
    """A request as `requests`, which both SDKs send with, would put it on the wire."""
    prepared = requests.Request(method, url, headers=dict(headers or {}), data=body, params=params).prepare()
    lower = {name.lower(): value for name, value in prepared.headers.items() if value is not None}
    lower.setdefault("host", prepared.url.split("/")[2])
    data = prepared.body or b""
    return Captured(
        prepared.method, prepared.path_url, lower, data if isinstance(data, bytes) else bytes(data.encode())
    )


class _Session(oss2.Session):
    def do_request(self, req: Any, timeout: Any) -> Any:
        data = req.data.read() if hasattr(req.data, "read") else req.data
        raise Stopped(captured(req.method, req.url, {k: v for k, v in req.headers.items() if v}, data, req.params))


class _Client(HttpClient):
    def send(self, request: Any, **kwargs: Any) -> Any:
        body = request.body
        if body is not None and not isinstance(body, (bytes, str)):
            body = b"".join(body)
        raise Stopped(captured(request.method, request.url, request.headers, body))

    def open(self) -> None: ...

    def close(self) -> None: ...


def bucket(auth: Any, endpoint: str = "http://127.0.0.1:4566", name: str = "photos") -> oss2.Bucket:
    return oss2.Bucket(auth, endpoint, name, session=_Session(), region="cn-hangzhou", enable_crc=False)


def client(
    version: str, endpoint: str = "http://127.0.0.1:4566", token: str | None = None, **more: Any
) -> oss_v2.Client:
    config = oss_v2.config.load_default()
    config.credentials_provider = StaticCredentialsProvider("TESTAK", "TESTSK", token)
    config.region = "cn-hangzhou"
    config.endpoint = endpoint
    config.signature_version = version
    config.http_client = _Client()
    config.retry_max_attempts = 1
    for name, value in more.items():
        setattr(config, name, value)
    return oss_v2.Client(config)


def sent(call: Callable[[], object]) -> Captured:
    """What `call` would have sent."""
    try:
        call()
    except Stopped as stopped:
        return stopped.captured
    except oss_v2.exceptions.OperationError as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, Stopped):
                return cause.captured
            cause = getattr(cause, "_error", None) or cause.__cause__
        raise
    raise AssertionError("nothing was sent")
