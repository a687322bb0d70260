"""A world for the service of inference: the real service over a store and a scripted engine, with a clock that we
move."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sampan.engines.blobs_memory import MemoryBlobs
from sampan.engines.clock_system import SystemChance
from sampan.engines.digests import LibraryDigests
from sampan.engines.limiter import FileLimiter
from sampan.engines.sealer import AesSealer
from sampan.engines.store_memory import MemoryStore
from sampan.kernel.asking import Ask, Message, Part, Piece, Role
from sampan.kernel.caller import Caller
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference import model as m
from sampan.services.inference.service import Context, Inference
from tests.inference.scripted import Script, ScriptedDoor, ScriptedEngine

OPERATOR = Caller("000000000000", "root", "AKIAROOT")
ALICE = Caller("000000000001", "root", "AKIAALICE")
BOB = Caller("000000000002", "root", "AKIABOB")


async def until(holds: Callable[[], bool], work: Callable[[], object] = lambda: None) -> None:
    """Let others run until this holds, and do some work each time."""
    async with asyncio.timeout(10):
        while not holds():
            work()
            await asyncio.sleep(0.001)


class StillClock:
    """Time that moves only when told."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.ms


def question(text: str = "Hi", **more: Any) -> Ask:
    return Ask(messages=(Message(Role.USER, (Part(text=text),)),), **more)


def fixed(name: str, *sources: str, **more: Any) -> m.Deployment:
    """A deployment of the configuration, over the scripted engine."""
    backends = tuple(m.Backend(m.EngineKind.LOCAL, source) for source in sources)
    return m.Deployment(name, OPERATOR.account, 0, backends, fixed=True, **more)


class World:
    """Runs commands. `scripts` are the models that the engine has; "qwen" is deployed."""

    def __init__(self, folder: Path, store: Any = None, **deployments: m.Deployment) -> None:
        self._folder = folder
        self.limiters: list[FileLimiter] = []
        self.clock = StillClock()
        self.store = store or MemoryStore()
        self.blobs = MemoryBlobs(SystemChance())
        self.denied: set[str] = set()  # models that the guard refuses
        self.scripts = {"/qwen": Script(), "/vectors": Script(task=m.Task.EMBED), "/ranks": Script(task=m.Task.RANK)}
        self.engine = ScriptedEngine(self.scripts)
        self.fixed = {"qwen": fixed("qwen", "/qwen"), **deployments}
        self.aliases = {"qwen-plus": "qwen"}
        self._runner = asyncio.Runner()
        self.service = self._service()

    def _service(self) -> Inference:
        self.limiters.append(FileLimiter(self._folder / "limits"))
        return Inference(
            Context(
                store=self.store,
                blobs=self.blobs,
                clock=self.clock,
                chance=SystemChance(),
                digests=LibraryDigests(),
                sealer=AesSealer(b"k" * 32),
                limiter=self.limiters[-1],
                engines={m.EngineKind.LOCAL: self.engine},
                operator=OPERATOR.account,
                log=logging.getLogger("sampan.test"),
                doors={"test": ScriptedDoor()},
                allow=self._allow,
                fixed=self.fixed,
                fixed_aliases=self.aliases,
            )
        )

    @property
    def context(self) -> Context:
        return self.service._context

    def _allow(self, caller: Caller, command: Command) -> None:
        for action, path in command.touches():
            if path.removeprefix("model/") in self.denied:
                raise Fault(Kind.DENIED, "action", action=action, path=path)

    def rows(self, prefix: bytes) -> list[bytes]:
        """The keys of rows that lie below."""
        with self.store.view() as view:
            return [key for key, _ in view.scan(prefix, prefix + b"\xff" * 8)]

    def restart(self) -> None:
        """Another process over the same store."""
        self.blobs.restart()
        self.service = self._service()

    def run(self, command: Command, caller: Caller = ALICE) -> Any:
        return self.wait(self.service.handlers[type(command)](caller, command))

    def wait(self, work: Any) -> Any:
        """Run a coroutine in the world's loop."""
        return self._runner.run(work)

    def fault(self, command: Command, caller: Caller = ALICE) -> Fault:
        """What the command fails with; it must fail."""
        with pytest.raises(Fault) as caught:
            self.run(command, caller)
        fault = caught.value
        assert (fault.kind, fault.noun) in m.FAULTS or (fault.kind, fault.noun) == (Kind.DENIED, "action")
        return fault

    def ask(self, text: str = "Hi", model: str = "qwen", caller: Caller = ALICE, **more: Any) -> m.Answer:
        return self.run(m.Generate(model=model, ask=question(text), **more), caller)

    def pieces(self, stream: m.Stream, count: int | None = None) -> list[Piece]:
        """The first `count` pieces (None: all), then the stream is closed."""

        async def read() -> list[Piece]:
            found = []
            try:
                async for piece in stream.pieces:
                    found.append(piece)
                    if len(found) == count:
                        break
            finally:
                await stream.pieces.aclose()
            return found

        return self.wait(read())

    def close(self) -> None:
        self._runner.close()
        for limiter in self.limiters:
            limiter.close()
        self.store.close()
