"""All doors of AWS over the real services, in one process: the SDK's requests go in as an ASGI server passes them."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import time
from pathlib import Path
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from sampan.dialects.aws.iam.dialect import IamDialect
from sampan.dialects.aws.iam.provided import PROVIDED
from sampan.dialects.aws.s3.dialect import S3Dialect
from sampan.dialects.aws.sts.dialect import StsDialect
from sampan.dialects.aws.wire.policy import IamReader
from sampan.engines.blobs_memory import MemoryBlobs
from sampan.engines.clock_system import SystemChance
from sampan.engines.digests import LibraryDigests
from sampan.engines.store_memory import MemoryStore
from sampan.gateway.asgi import Gateway, Parts
from sampan.gateway.audit import Audit
from sampan.gateway.dispatch import Dispatcher
from sampan.gateway.guard import Guard
from sampan.gateway.metrics import Counters
from sampan.services.identity.model import Language
from sampan.services.identity.service import Identity
from sampan.services.objects.service import Objects
from tests.aws.sdk import ENDPOINT, sent
from tests.gateway.world import Lines
from tests.identity.world import SEALER, Clock

KEY_ID, SECRET = "AKIATESTTESTTESTTEST", "test/secret+of+the+root+account+40+chars"


def policy(*statements: dict[str, Any]) -> str:
    """A policy of statements that allow, unless they say something else, and are about everything."""
    made = [{"Effect": "Allow", **({} if "Principal" in each else {"Resource": "*"}), **each} for each in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": made})


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Any:
        yield self.read()


class Cloud:
    """`client` gives an SDK's client whose requests end here."""

    def __init__(self, folder: Path) -> None:
        store, chance, digests, languages = MemoryStore(), SystemChance(), LibraryDigests(), {Language.IAM: IamReader()}
        self.clock = Clock()
        self.clock.ms = int(time.time()) * 1000
        self.audit = Lines()
        self.identity = Identity(store, self.clock, chance, SEALER, languages, PROVIDED)
        homes = {"aws": "us-east-1", "aliyun": "cn-hangzhou"}
        objects = Objects(store, MemoryBlobs(chance), self.clock, chance, digests, homes, languages)
        asyncio.run(self.identity.adopt_root(KEY_ID, SECRET))
        self.gateway = Gateway(
            Parts(
                dispatcher=Dispatcher([S3Dialect(("localhost",), "us-east-1"), IamDialect(), StsDialect()]),
                handlers={**self.identity.handlers, **objects.handlers},
                keys=self.identity,
                guard=Guard(
                    {"objects": objects.owned, "identity": self.identity.owned},
                    self.identity.standing,
                    self.identity.used,
                    self.identity.told,
                ),
                clock=self.clock,
                chance=chance,
                digests=digests,
                audit=Audit(self.audit, text=False),
                counters=Counters(folder / "one.counters"),
                pages={},
                life=contextlib.nullcontext,  # type: ignore[arg-type]
                log=logging.getLogger("sampan"),
            )
        )

    def client(self, service: str, keys: dict[str, Any] | None = None, *, signed: bool = True) -> Any:
        """`keys` as an API tells them, or the root's."""
        keys = keys or {"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET}
        api = boto3.client(
            service,
            endpoint_url=ENDPOINT,
            region_name="us-east-1",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
            config=Config(
                retries={"max_attempts": 0},
                s3={"addressing_style": "path"},
                signature_version=None if signed else UNSIGNED,
            ),
        )
        name = api.meta.service_model.service_id.hyphenize()
        api.meta.events.register(f"before-send.{name}", self._send)
        return api

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        return asyncio.run(self._drive(request))

    async def _drive(self, prepared: AWSPreparedRequest) -> AWSResponse:
        asked = sent(prepared)
        messages = [{"type": "http.request", "body": asked.body, "more_body": False}]
        replied: list[Any] = []

        async def receive() -> Any:
            return messages.pop() if messages else {"type": "http.disconnect"}

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
            "client": ("127.0.0.1", "5"),
        }
        await self.gateway(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in replied[0]["headers"]}
        body = b"".join(message.get("body", b"") for message in replied[1:])
        return AWSResponse(prepared.url, replied[0]["status"], headers, _Raw(body))
