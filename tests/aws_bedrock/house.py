"""Bedrock's doors over the real service and a scripted engine, in this process: boto3's requests go in as an ASGI
server passes them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from sampan.dialects.aws.bedrock.dialect import BedrockDialect, BedrockRuntimeDialect
from sampan.engines.clock_system import SystemChance, SystemClock
from sampan.engines.digests import LibraryDigests
from sampan.gateway.asgi import Gateway, Parts
from sampan.gateway.audit import Audit
from sampan.gateway.dispatch import Dispatcher
from sampan.gateway.guard import Guard
from sampan.gateway.metrics import Counters
from sampan.kernel.asking import Ask, Piece
from sampan.kernel.caller import ApiKey, Key
from tests.aws.sdk import ENDPOINT, SECRET, sent
from tests.inference.world import ALICE, World, fixed

BEARER = "ABSKQmVkcm9ja0FQSUtleQ=="


class Ring:
    """One access key and one API key, both Alice's."""

    def find(self, key_id: str) -> Key | None:
        return Key("AK", SECRET, ALICE) if key_id == "AK" else None

    def bearer(self, token: str) -> ApiKey | None:
        return ApiKey("BedrockAPIKey", ALICE) if token == BEARER else None


class House:
    """Both doors over "qwen", "org/qwen:8b", "llama", "vectors" and "ranks"."""

    def __init__(self, folder: Path) -> None:
        self.world = World(
            folder,
            **{"org/qwen:8b": fixed("org/qwen:8b", "/qwen", description="A Qwen")},
            llama=fixed("llama", "/qwen"),
            vectors=fixed("vectors", "/vectors"),
            ranks=fixed("ranks", "/ranks"),
        )
        # What boto3 signs is of now; what the service tells is of its own clock.
        self.gateway = Gateway(
            Parts(
                dispatcher=Dispatcher(
                    [BedrockRuntimeDialect("eu-west-3", self.world.clock), BedrockDialect("eu-west-3")]
                ),
                handlers=self.world.service.handlers,
                keys=Ring(),
                guard=Guard({"inference": self.world.service.owned}),
                clock=SystemClock(),
                chance=SystemChance(),
                digests=LibraryDigests(),
                audit=Audit(None),
                counters=Counters(folder / "counters"),
                pages={},
                life=contextlib.nullcontext,  # type: ignore[arg-type]
                log=logging.getLogger("test"),
            )
        )

    def says(self, *pieces: Piece | Exception) -> None:
        """What the model answers from now on."""
        self.world.scripts["/qwen"].pieces = pieces

    @property
    def asked(self) -> Ask:
        """What the engine was asked last."""
        return self.world.engine.asked[-1][1]

    def client(self, service: str = "bedrock-runtime", *, signed: bool = True, secret: str = SECRET) -> Any:
        """An SDK's client whose requests end here. Unsigned, it sends the API key."""
        api = boto3.client(
            service,
            endpoint_url=ENDPOINT,
            region_name="us-east-1",
            aws_access_key_id="AK",
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 0}, signature_version=None if signed else UNSIGNED),
        )
        if not signed:
            api.meta.events.register("before-send", self._put_bearer)
        api.meta.events.register("before-send", self._send)
        return api

    def _put_bearer(self, request: AWSPreparedRequest, **_: Any) -> None:
        request.headers["Authorization"] = f"Bearer {BEARER}"

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        return self.world.wait(self._drive(request))

    async def _drive(self, prepared: AWSPreparedRequest) -> AWSResponse:
        asked = sent(prepared)
        messages = [{"type": "http.request", "body": asked.body, "more_body": False}]
        replied: list[Any] = []

        async def receive() -> Any:
            if messages:
                return messages.pop()
            await asyncio.Event().wait()  # the client stays
            raise AssertionError

        async def send(message: Any) -> None:
            replied.append(message)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": asked.method,
            "scheme": "http",
            "raw_path": asked.path.encode(),
            "path": asked.path,
            "query_string": asked.query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in asked.headers.items()],
            "client": ("127.0.0.1", 5),
        }
        try:
            await self.gateway(scope, receive, send)
        except Exception:
            if not replied:  # a reply that has begun just ends, as a server would have it
                raise
        headers = {name.decode(): value.decode() for name, value in replied[0]["headers"]}
        return AWSResponse(prepared.url, replied[0]["status"], headers, _Raw(replied[1:]))


class _Raw:
    """A body that came in pieces."""

    def __init__(self, messages: list[Any]) -> None:
        self.pieces = [message.get("body", b"") for message in messages]

    def stream(self, *_: Any, **__: Any) -> Any:
        return iter([piece for piece in self.pieces if piece])

    def read(self, *_: Any) -> bytes:
        whole, self.pieces = b"".join(self.pieces), []
        return whole

    def close(self) -> None: ...
