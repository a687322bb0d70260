"""A gateway with a dialect made for tests, driven as an ASGI server would drive it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from sampan.engines.clock_system import SystemChance, SystemClock
from sampan.engines.digests import LibraryDigests
from sampan.gateway.asgi import Gateway, Parts
from sampan.gateway.audit import Audit
from sampan.gateway.contract import Claim, Exchange, Operation
from sampan.gateway.dispatch import Dispatcher
from sampan.gateway.guard import Guard
from sampan.gateway.http import Reply, Request
from sampan.gateway.metrics import Counters
from sampan.kernel.body import Digest, Inflow
from sampan.kernel.caller import Caller, Key, Keyring
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.policy import Owned

ALICE = Caller("000000000001", "root", "AKIAALICE")
OWNERS = {"hers": ALICE.account, "his": "000000000002"}


def _toy(caller: Caller, command: Command, path: str) -> Owned | None:
    owner = OWNERS.get(path.partition("/")[0])
    return None if owner is None else Owned(owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Do(Command):
    """What the test dialect asks for. `what` is the operation's name."""

    action: ClassVar[str] = "toys:Do"
    what: str
    path: str
    document: bytes = b""
    body: Inflow | None = None

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, self.path),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Do):
    """The same, for what takes its time."""

    waits: ClassVar[bool] = True


class Flow:
    """An Outflow of `length` that yields `pieces`, and remembers whether it was closed. Nothing comes after None."""

    def __init__(self, length: int | None, pieces: Sequence[bytes | Exception | None]) -> None:
        self.length = length
        self.pieces = pieces
        self.closed = 0
        self.yielded = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            if piece is None:
                await asyncio.get_running_loop().create_future()
            assert piece is not None
            self.yielded += 1
            yield piece
            await asyncio.sleep(0)

    def close(self) -> None:
        self.closed += 1


@dataclass
class Result:
    """What the handler returns."""

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: Any = b""


class ToyDialect:
    """Speaks `Authorization: TOY <account>`, and takes the operation's name from `x-toy`."""

    name = "test/toy"
    claims = (Claim(rank=0, authorization=("TOY ",)), Claim(rank=2, unsigned=True, headers=("x-toy",)))
    words = frozenset({(Kind.DENIED, "action")})

    def __init__(self) -> None:
        self.digests: Sequence[Digest] = ()
        self.operations = (
            Operation("Read", self._bind, self._render),
            Operation("Write", self._bind_body, self._render),
            Operation("Document", self._bind, self._render, document=True),
            Operation("RenderBoom", self._bind, self._boom),
            Operation("NotDone"),
            Operation("Wait", self._bind_wait, self._render),
        )

    def open(self, request: Request, request_id: str, keys: Keyring, now_ms: int) -> Exchange:
        exchange = Exchange(request, request_id)
        account = request.headers.get("authorization", "")[4:]
        exchange.caller = Caller(account, "root", f"KEY{account}") if account else exchange.caller
        what = request.headers.get("x-toy", "")
        if what == "BadKey":
            raise Fault(Kind.MISSING, "key", key_id="AKIACLAIMED")
        exchange.operation = next(o for o in self.operations if o.name == what)
        exchange.body = _Body(request, self.digests)
        return exchange

    def refuse(self, request: Request, request_id: str, fault: Fault) -> Reply:
        if request.headers.get("x-toy-refuse") == "boom":
            raise RuntimeError("cannot refuse")
        return Reply(500 if fault.kind is Kind.INTERNAL else 400, [("x-fault", str(fault))], str(fault).encode())

    def finish(self, request: Request, request_id: str, reply: Reply) -> None:
        reply.headers.append(("x-request-id", request_id))

    def _bind(self, exchange: Exchange, document: bytes) -> Do:
        return Do(what=self._name(exchange), path=exchange.request.path[1:], document=document)

    def _bind_wait(self, exchange: Exchange, document: bytes) -> Wait:
        return Wait(what="Wait", path=exchange.request.path[1:])

    def _bind_body(self, exchange: Exchange, document: bytes) -> Do:
        return Do(what=self._name(exchange), path=exchange.request.path[1:], body=exchange.body)

    def _name(self, exchange: Exchange) -> str:
        assert exchange.operation is not None
        return exchange.operation.name

    def _render(self, exchange: Exchange, result: Result) -> Reply:
        return Reply(result.status, list(result.headers), result.body)

    def _boom(self, exchange: Exchange, result: Result) -> Reply:
        raise ValueError("cannot render")


class _Body:
    def __init__(self, request: Request, digests: Sequence[Digest]) -> None:
        self._request = request
        self._digests = digests
        length = request.headers.get("content-length")
        self.length = int(length) if length is not None else None
        self.algorithms = frozenset(digest.algorithm for digest in digests)

    def chunks(self) -> AsyncIterator[bytes]:
        return self._request.stream()

    def digests(self) -> Sequence[Digest]:
        return self._digests


class Lines:
    """A sink that keeps the audit's lines."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def put(self, line: bytes) -> None:
        self.lines.append(line)

    def close(self) -> None:
        pass


class _NoKeys:
    def find(self, key_id: str) -> Key | None:
        return None


@dataclass
class Answer:
    """What the server was given to send."""

    status: int
    headers: dict[str, str]
    body: bytes
    finished: bool


class World:
    """The gateway and what surrounds it. `result` is what the handler returns, or raises."""

    def __init__(self, folder: Path, *, text: bool = False) -> None:
        self.dialect = ToyDialect()
        self.sink = Lines()
        self.folder = folder
        self.result: Any = Result()
        self.commands: list[Do] = []
        self.consumed: list[bytes] = []
        self.read_after: int = 0
        self.cancelled: int = 0
        self.gateway = Gateway(
            Parts(
                dispatcher=Dispatcher([self.dialect]),
                handlers={Do: self._handle, Wait: self._handle_waiting},
                keys=_NoKeys(),
                guard=Guard({"toys": _toy}),
                clock=SystemClock(),
                chance=SystemChance(),
                digests=LibraryDigests(),
                audit=Audit(self.sink, text=text),
                counters=Counters(folder / "one.counters"),
                pages={"health": lambda: Reply(200, [], b"well")},
                life=contextlib.nullcontext,  # type: ignore[arg-type]
                log=logging.getLogger("sampan"),
            )
        )

    async def _handle(self, caller: Caller, command: Do) -> Any:
        self.commands.append(command)
        if command.body is not None:
            self.consumed = [chunk async for chunk in command.body.chunks()]
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    async def _handle_waiting(self, caller: Caller, command: Wait) -> Any:
        try:
            if self.result is None:
                await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.result

    def ask(
        self,
        what: str = "Read",
        path: bytes = b"/hers",
        *,
        method: str = "GET",
        account: str = ALICE.account,
        headers: Sequence[tuple[str, str]] = (),
        query: bytes = b"",
        body: Sequence[bytes] = (),
        leaves: bool = False,
        stalls: bool = False,
        version: str = "1.1",
    ) -> Answer:
        """One request. `body` arrives in these pieces; then the client is done, or it leaves, or is silent for ever."""
        every = [("host", "localhost"), *headers]
        every += [("x-toy", what)] if what else []
        every += [("authorization", f"TOY {account}")] if account else []
        if body and version == "1.1" and not any(name == "content-length" for name, _ in headers):
            every.append(("content-length", str(sum(map(len, body)))))
        scope = {
            "type": "http",
            "http_version": version,
            "method": method,
            "scheme": "http",
            "raw_path": path,
            "path": path.decode("latin-1"),
            "query_string": query,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in every],
            "client": ("127.0.0.1", "5"),
        }
        return asyncio.run(self._drive(scope, list(body), leaves, stalls))

    async def _drive(self, scope: dict[str, Any], body: list[bytes], leaves: bool, stalls: bool) -> Answer:
        sent: list[Any] = []
        pieces = list(body)
        ended = False
        gone = asyncio.Event()
        if leaves:
            gone.set()

        async def receive() -> Any:
            nonlocal ended
            if any(m["type"] == "http.response.body" and not m.get("more_body") for m in sent):
                self.read_after += 1
            if pieces:
                data = pieces.pop(0)
                ended = not pieces and not leaves and not stalls
                return {"type": "http.request", "body": data, "more_body": not ended}
            if not ended and not leaves and not stalls:
                ended = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.gateway(scope, receive, send)
        assert sent[0]["type"] == "http.response.start"
        parts = [m for m in sent if m["type"] == "http.response.body"]
        headers = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        finished = bool(parts) and not parts[-1]["more_body"]
        return Answer(sent[0]["status"], headers, b"".join(m["body"] for m in parts), finished)
