"""The open dialects' doors over the real service and a scripted engine, in this process: the SDKs call the gateway as
an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from sampan.engines.clock_system import SystemChance
from sampan.engines.digests import LibraryDigests
from sampan.gateway.asgi import Gateway, Parts
from sampan.gateway.audit import Audit
from sampan.gateway.contract import Dialect
from sampan.gateway.dispatch import Dispatcher
from sampan.gateway.guard import Guard
from sampan.gateway.metrics import Counters
from sampan.kernel.caller import ApiKey, Caller, Key
from sampan.kernel.fault import Fault, Kind
from tests.inference.world import ALICE, BOB, World

T = TypeVar("T")
URL = "http://127.0.0.1:4566"
KEY, OTHERS_KEY, OLD_KEY, OFF_KEY = "sk-alice", "sk-bob", "sk-old", "sk-off"


class Ring:
    """API keys of two accounts, one that has expired and one that was switched off."""

    def find(self, key_id: str) -> Key | None:
        return None

    def bearer(self, token: str) -> ApiKey | None:
        known = {
            KEY: ApiKey("K1", ALICE),
            OTHERS_KEY: ApiKey("K2", BOB),
            OLD_KEY: ApiKey("K3", ALICE, expires_ms=1),
            OFF_KEY: ApiKey("K4", ALICE, active=False),
        }
        return known.get(token)


@dataclass
class Answered:
    """A reply as a whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[tuple[str, str]]:
        """Names and data of server-sent events."""
        found = []
        for block in self.body.decode().split("\n\n")[:-1]:
            lines = dict(line.split(": ", 1) for line in block.split("\n"))
            found.append((lines.get("event", ""), lines["data"]))
        return found


class House:
    """A gateway with one door. `world` is the service behind it."""

    def __init__(self, dialect: Dialect, folder: Path, world: World) -> None:
        self.world = world
        self.dialect = dialect
        self.denied: set[str] = set()
        self.gateway = Gateway(
            Parts(
                dispatcher=Dispatcher([dialect]),
                handlers=world.service.handlers,
                keys=Ring(),
                guard=_Guard({"inference": world.service.owned}, self.denied),
                clock=world.clock,
                chance=SystemChance(),
                digests=LibraryDigests(),
                audit=Audit(None),
                counters=Counters(folder / "counters"),
                pages={},
                life=contextlib.nullcontext,  # type: ignore[arg-type]
                log=logging.getLogger("test"),
            )
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.world.wait(work)

    def http(self) -> httpx2.AsyncClient:
        """A client of the gateway, for SDKs."""
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(self.gateway), base_url=URL)

    def send(
        self, method: str, path: str, body: bytes | dict[str, Any] = b"", *, key: str = KEY, **headers: str
    ) -> Answered:
        """One request by hand."""
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            sent["authorization"] = f"Bearer {key}"

        async def run() -> Answered:
            async with self.http() as http:
                reply = await http.request(method, path, content=content, headers=sent)
                return Answered(reply.status_code, dict(reply.headers), reply.content)

        return self.run(run())


class _Guard(Guard):
    """A guard that denies what a test says, beside what it denies anyway."""

    def __init__(self, resources: Any, denied: set[str]) -> None:
        super().__init__(resources)
        self._denied = denied

    def allow(self, caller: Caller, command: Any, *more: Any) -> None:
        if command.action in self._denied:
            raise Fault(Kind.DENIED, "action", action=command.action, path="")
        super().allow(caller, command, *more)


@dataclass
class Wire:
    """The gateway as a server would drive it, chunk by chunk: for who leaves in the middle."""

    gateway: Gateway
    sent: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def post(self, path: str, body: dict[str, Any], key: str = KEY) -> None:
        """Send a request, and run until it is answered or its client has left."""
        raw = json.dumps(body).encode()
        headers = [(b"authorization", f"Bearer {key}".encode()), (b"content-length", str(len(raw)).encode())]
        scope = {
            "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "raw_path": path.encode(),
            "path": path, "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1),
        }  # fmt: skip
        messages = iter([{"type": "http.request", "body": raw, "more_body": False}])

        async def receive() -> dict[str, Any]:
            message = next(messages, None)
            if message is None:
                await self.left.wait()
                return {"type": "http.disconnect"}
            return message

        await self.gateway(scope, receive, self.sent.put)

    async def body(self) -> AsyncIterator[bytes]:
        """The reply's chunks as they come."""
        while True:
            message = await self.sent.get()
            if message["type"] == "http.response.body":
                yield message["body"]
                if not message["more_body"]:
                    return
