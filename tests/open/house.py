"""A Sampan in this process for the doors to models: the real gateway, guard and service over a scripted engine.

The vendors' own SDKs speak to it through an ASGI transport: no socket, no model, and nothing else is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2

from sampan.engines.clock_system import SystemChance, SystemClock
from sampan.engines.digests import LibraryDigests
from sampan.engines.store_memory import MemoryStore
from sampan.gateway.asgi import Gateway, Parts
from sampan.gateway.audit import Audit
from sampan.gateway.contract import Dialect
from sampan.gateway.dispatch import Dispatcher
from sampan.gateway.guard import Guard
from sampan.gateway.metrics import Counters
from sampan.kernel.asking import Ask, Piece, Task
from sampan.kernel.caller import ApiKey, Caller, Key
from sampan.kernel.policy import Principal, Standing
from sampan.services.inference import model as m
from sampan.services.inference.service import Inference
from tests.inference.scripted import Script, ScriptedEngine

OPERATOR = Caller("000000000000", "root", "AKIAROOT")
ALICE = Caller("000000000001", "root", "KEYALICE")
BOB = Caller("000000000002", "root", "KEYBOB")
KEYS: Mapping[str, ApiKey] = {
    "sk-alice": ApiKey("KEYALICE", ALICE),
    "sk-bob": ApiKey("KEYBOB", BOB),
    "sk-old": ApiKey("KEYOLD", ALICE, expires_ms=1),
    "sk-off": ApiKey("KEYOFF", ALICE, active=False),
    "sk-nobody": ApiKey("KEYNOBODY", Caller("000000000003", "eve", "KEYNOBODY", kind="user", id="AIDAEVE")),
}


def _standing(caller: Caller) -> Standing:
    """Roots may do everything with what is theirs; a user here has no policies at all."""
    return Standing(Principal(caller.kind, caller.account, caller.principal if caller.kind == "user" else ""))


class _Keys:
    def find(self, key_id: str) -> Key | None:
        return None

    def bearer(self, token: str) -> ApiKey | None:
        return KEYS.get(token)


class House:
    """`script` is what the model "qwen" says; "vectors" embeds, "ranks" ranks. `url` is for clients."""

    url = "http://house"

    def __init__(self, folder: Path, *dialects: Dialect) -> None:
        self.script = Script()
        self.engine = ScriptedEngine(
            {"/qwen": self.script, "/vectors": Script(task=Task.EMBED), "/ranks": Script(task=Task.RANK)}
        )
        clock, chance = SystemClock(), SystemChance()
        self.service = Inference(
            MemoryStore(),
            clock,
            chance,
            {m.EngineKind.LOCAL: self.engine},
            OPERATOR.account,
            {name: _fixed(name) for name in ("qwen", "vectors", "ranks", "org/qwen")},
            {"qwen-plus": "qwen"},
        )
        self.app = Gateway(
            Parts(
                dispatcher=Dispatcher(dialects),
                handlers=self.service.handlers,
                keys=_Keys(),
                guard=Guard({"inference": self.service.owned}, _standing),
                clock=clock,
                chance=chance,
                digests=LibraryDigests(),
                audit=Audit(None),
                counters=Counters(folder / "house.counters"),
                pages={},
                life=contextlib.nullcontext,  # type: ignore[arg-type]
                log=logging.getLogger("sampan"),
            )
        )

    def says(self, *pieces: Piece | Exception) -> None:
        """What the model answers from now on."""
        self.script.pieces = pieces

    @property
    def asked(self) -> Ask:
        """What the engine was asked last."""
        return self.engine.asked[-1][1]

    def transport(self) -> httpx2.ASGITransport:
        """For clients of httpx."""
        return httpx2.ASGITransport(app=self.app)

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Sequence[tuple[str, str]] = ()
    ) -> httpx2.Response:
        """One request, as no SDK would send it."""

        async def go() -> httpx2.Response:
            async with httpx2.AsyncClient(transport=self.transport(), base_url=self.url) as client:
                return await client.request(method, path, content=body, headers=list(headers))

        return asyncio.run(go())


def _fixed(name: str) -> m.Deployment:
    source = "/" + name.rpartition("/")[2]
    return m.Deployment(name, OPERATOR.account, 1_700_000_000_000, (m.Backend(m.EngineKind.LOCAL, source),), fixed=True)


def events(raw: bytes) -> list[tuple[str, Any]]:
    """The events of a stream: names and data as text."""
    found = []
    for block in raw.decode().split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in block.splitlines())
        if fields:
            found.append((fields.get("event", ""), fields["data"]))
    return found
