"""The ASGI application: from a scope to a reply, by the steps that `contract` describes.

What the server has done before: it has parsed HTTP/1.1 or HTTP/2 and refused what is neither. What the dialect does:
everything that a vendor would have an opinion on. What is left is here, once for all dialects: limits, the order of
the steps, bodies that are bounded, drained and closed, and one audit line whatever happens.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from time import perf_counter_ns
from typing import Any

from sampan.gateway.audit import Audit, Clock, Entry
from sampan.gateway.contract import Dialect, Exchange, Operation
from sampan.gateway.dispatch import Dispatcher, unsigned
from sampan.gateway.guard import Guard, facts_of
from sampan.gateway.http import Receive, Reply, Request, text
from sampan.gateway.leaving import Leaving
from sampan.gateway.metrics import Counters
from sampan.kernel import limits, ports
from sampan.kernel.body import Bytes, Inflow, Outflow
from sampan.kernel.caller import Keyring
from sampan.kernel.command import Command, Handlers
from sampan.kernel.fault import Fault, Kind

Scope = Mapping[str, Any]
Send = Callable[[Mapping[str, Any]], Any]

BODY_IDLE_S_MAX = 60  # a sender that is silent for so long has gone, whatever TCP thinks
DRAIN_BYTES_MAX = 64 * limits.MIB  # what is read of an upload that was refused, so that its sender sees the reply
DRAIN_S_MAX = 10
WATCHED_BYTES_MIN = 4 * limits.CHUNK_BYTES  # replies from this size on are given up when the client leaves
DENIAL_HEADER = "x-sampan-denial"
CLIENT_LEFT = 499  # nginx's number for it
OWN_PREFIX = "/_sampan/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the gateway is put together from."""

    dispatcher: Dispatcher
    handlers: Handlers
    keys: Keyring
    guard: Guard
    clock: ports.Clock
    chance: ports.Chance
    digests: ports.Digests
    audit: Audit
    counters: Counters
    pages: Mapping[str, Callable[[], Reply]]  # our own, by the path below `OWN_PREFIX`
    life: Callable[[], AbstractAsyncContextManager[None]]  # what lives as long as the worker does
    log: logging.Logger


class _Inbox:
    """The server's `receive`, counted, and never waiting for ever."""

    __slots__ = ("_receive", "open", "received", "started")

    def __init__(self, receive: Receive, expected: bool) -> None:
        self._receive = receive
        self.open = expected  # more of a body may come
        self.started = False
        self.received = 0

    async def __call__(self) -> Any:
        self.started = True
        try:
            async with asyncio.timeout(BODY_IDLE_S_MAX):
                message = await self._receive()
        except TimeoutError:
            message = {"type": "http.disconnect"}
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
            self.open = message.get("more_body", False)
        else:
            self.open = False
        return message

    async def left(self) -> None:
        """Return when the client has closed the connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def drain(self) -> None:
        """Read and drop what the client still sends, within bounds; beyond them the server closes the connection."""
        end = self.received + DRAIN_BYTES_MAX
        try:
            async with asyncio.timeout(DRAIN_S_MAX):
                while self.open and self.received < end:
                    await self()
        except TimeoutError:
            pass


class _Begun:
    """An Outflow whose first piece has been read: if that fails, there is still time to say so with a proper status."""

    __slots__ = ("_body", "_chunks", "_first", "length")

    def __init__(self, body: Outflow, chunks: AsyncIterator[bytes], first: bytes) -> None:
        self._body = body
        self._chunks = chunks
        self._first = first
        self.length = body.length

    @classmethod
    async def of(cls, body: Outflow) -> _Begun:
        """Raises what reading the first piece raises."""
        chunks = body.chunks()
        return cls(body, chunks, await anext(chunks, b""))

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            if self._first:
                yield self._first
            async for chunk in self._chunks:
                yield chunk
        finally:
            await _end(self._chunks)

    def close(self) -> None:
        self._body.close()


class _Trail:
    """What is known of a request so far, for its audit line."""

    __slots__ = ("begun_ns", "dialect", "exchange", "fault", "request_id", "resource")

    def __init__(self, request_id: str) -> None:
        self.begun_ns = perf_counter_ns()
        self.request_id = request_id
        self.dialect: Dialect | None = None
        self.exchange: Exchange | None = None
        self.resource: str | None = None
        self.fault: Fault | None = None


class Gateway:
    """The application."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pick = parts.dispatcher.pick
        self._now = parts.clock.now_ms
        self._token = parts.chance.token
        self._time = Clock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        assert scope["type"] == "http", scope["type"]
        trail = _Trail(self._token(12).hex().upper())
        headers, header_bytes = _headers(scope["headers"])
        expected = _has_body(scope, headers)
        inbox = _Inbox(receive, expected)
        request = _request(scope, headers, inbox)
        reply = await self._answer(request, header_bytes, inbox, trail)
        # A client that waited for "100 Continue" and did not get it may keep its body to itself now, or send it all the
        # same: nobody can tell where its next request would begin (RFC 9110, 10.1.1). And botocore takes the status
        # of such a reply for that of the connection's next one, even where there was no body to wait for.
        unasked = "expect" in headers and not (expected and inbox.started)
        if unasked and scope["http_version"].startswith("1"):
            reply.headers.append(("connection", "close"))
        status, sent = reply.status, 0
        try:
            sent = await self._send(request, reply, inbox, send, trail)
        except BaseException as error:
            # The status line is out already: only a broken connection can still tell the client.
            trail.fault = error if isinstance(error, Fault) else Fault(Kind.INTERNAL, "server")
            self._log_trace(trail)
            raise
        finally:
            self._record(request, trail, status, inbox.received, sent)
        if inbox.open and not unasked:
            await inbox.drain()

    # --- the steps ----------------------------------------------------------------------------------------------------

    async def _answer(self, request: Request, header_bytes: int, inbox: _Inbox, trail: _Trail) -> Reply:
        """The reply, whatever happens."""
        # Ours first: no bucket's name begins with "_". But a key may, where the bucket is in the host: signed requests
        # are never ours.
        page = self._page(request) if request.raw_path.startswith(OWN_PREFIX) else None
        if page is not None:
            return page
        dialect = self._pick(request)
        if dialect is None:
            return self._unclaimed(request)
        trail.dialect = dialect
        try:
            reply = await self._try(dialect, request, header_bytes, inbox, trail)
            dialect.finish(request, trail.request_id, reply)
            return reply
        except Exception:
            # A dialect that cannot even refuse: nobody's words are left but our own.
            trail.fault = Fault(Kind.INTERNAL, "server")
            self._log_trace(trail)
            return _plain(500, "an error of the server", f"its log has the trace of request {trail.request_id}")

    async def _try(self, dialect: Dialect, request: Request, header_bytes: int, inbox: _Inbox, trail: _Trail) -> Reply:
        """What was asked for, or the dialect's refusal."""
        try:
            if header_bytes > limits.HEADERS_BYTES_MAX:
                raise Fault(Kind.TOO_LARGE, "header", f"headers are limited to {limits.HEADERS_BYTES_MAX} bytes")
            if len(request.raw_path) + len(request.raw_query) > limits.TARGET_BYTES_MAX:
                raise Fault(Kind.TOO_LARGE, "header", f"targets are limited to {limits.TARGET_BYTES_MAX} bytes")
            exchange = dialect.open(request, trail.request_id, self._parts.keys, self._now())
            trail.exchange = exchange
            return await self._perform(exchange, inbox, trail)
        except Fault as fault:
            trail.fault = fault
            if (fault.kind, fault.noun) == (Kind.TRUNCATED, "reply"):
                return Reply(CLIENT_LEFT)  # for the audit line: nobody is there to read words
            if fault.kind is Kind.INTERNAL:
                self._log_trace(trail)
        except Exception:
            trail.fault = Fault(Kind.INTERNAL, "server", "an error of the server; its log has the trace")
            self._log_trace(trail)
        reply = dialect.refuse(request, trail.request_id, trail.fault)
        if trail.fault.facts.get("told"):
            # Some vendors' words have a place for it; the header has it at every door.
            reply.headers.append((DENIAL_HEADER, trail.fault.facts["told"]))
        return reply

    async def _perform(self, exchange: Exchange, inbox: _Inbox, trail: _Trail) -> Reply:
        """Bind, ask the guard, run, render."""
        operation = exchange.operation
        assert operation is not None, "a dialect opens an exchange with an operation, or raises"
        if operation.bind is None or operation.render is None:
            raise Fault(
                Kind.NOT_DONE, "operation", f"{operation.name} is not done by Sampan yet", operation=operation.name
            )
        if operation.begin is not None:
            await operation.begin(exchange)
        document = b""
        if operation.document:
            document = await self._document(exchange.body, operation.document_bytes_max)
        command = operation.bind(exchange, document)
        trail.resource = command.touches()[0][1]
        facts = partial(facts_of, exchange.request, self._now)
        self._parts.guard.allow(exchange.caller, command, facts, exchange.owners)
        if not command.waits:
            return await self._run(exchange, operation, command)
        async with Leaving(inbox.left):
            return await self._run(exchange, operation, command)

    async def _run(self, exchange: Exchange, operation: Operation, command: Command) -> Reply:
        """Run the command and render what it gives, up to the first piece of a body that flows."""
        assert operation.render is not None
        result = await self._parts.handlers[type(command)](exchange.caller, command)
        try:
            reply = operation.render(exchange, result)
            if not isinstance(reply.body, (bytes, Bytes)) and exchange.request.method != "HEAD":
                reply.body = await _Begun.of(reply.body)
            return reply
        except BaseException:
            _close(getattr(result, "body", None))
            raise

    async def _document(self, body: Inflow, size_max: int) -> bytes:
        """A small body as a whole, agreeing with every digest that its sender claims."""
        pieces: list[bytes] = []
        size = 0
        too_large = Fault(Kind.TOO_LARGE, "document", f"documents are limited to {size_max} bytes")
        if body.length is not None and body.length > size_max:
            raise too_large
        async for chunk in body.chunks():
            size += len(chunk)
            if size > size_max:
                raise too_large
            pieces.append(chunk)
        document = b"".join(pieces)
        if body.algorithms:
            digester = self._parts.digests.start(body.algorithms)
            digester.update(document)
            values = digester.values()
            for digest in body.digests():
                if values[digest.algorithm] != digest.value:
                    raise digest.fault
        return document

    def _page(self, request: Request) -> Reply | None:
        """A page of our own: asked for by name, and without a signature."""
        page = self._parts.pages.get(request.raw_path[len(OWN_PREFIX) :])
        if page is None or request.method not in ("GET", "HEAD") or not unsigned(request):
            return None
        return page()

    def _unclaimed(self, request: Request) -> Reply:
        """What no dialect claims gets a plain word."""
        if request.raw_path == "*" and request.method == "OPTIONS":
            return Reply(200, [("allow", "DELETE, GET, HEAD, OPTIONS, POST, PUT")])
        known = ", ".join(OWN_PREFIX + name for name in self._parts.pages)
        return _plain(
            404 if unsigned(request) else 400,
            "no protocol of this Sampan claims this request",
            f"sign it as a client of a supported cloud does; pages without a signature are {known}",
        )

    # --- sending ------------------------------------------------------------------------------------------------------

    async def _send(self, request: Request, reply: Reply, inbox: _Inbox, send: Send, trail: _Trail) -> int:
        """Send the reply and close its body. Returns how many bytes of the body were sent."""
        body = reply.body
        if isinstance(body, Bytes):
            body = body.data
        try:
            length = len(body) if isinstance(body, bytes) else body.length
            bodiless = request.method == "HEAD" or reply.status in (204, 304)
            start = {
                "type": "http.response.start",
                "status": reply.status,
                "headers": _raw_headers(reply.headers, None if reply.status in (204, 304) else length),
            }
            if bodiless or isinstance(body, bytes):
                data = b"" if bodiless or not isinstance(body, bytes) else body
                await send(start)
                await send({"type": "http.response.body", "body": data, "more_body": False})
                return len(data)
            return await _stream(start, body, length, inbox, send, trail)
        finally:
            _close(body)

    # --- what is said of it -------------------------------------------------------------------------------------------

    def _record(self, request: Request, trail: _Trail, status: int, received: int, sent: int) -> None:
        time_us = (perf_counter_ns() - trail.begun_ns) // 1000
        exchange = trail.exchange
        dialect = trail.dialect.name if trail.dialect is not None else ""
        operation = exchange.operation.name if exchange is not None and exchange.operation is not None else ""
        self._parts.counters.count(dialect, operation, status, received, sent, time_us)
        if not self._parts.audit.on:
            return
        fault = trail.fault
        key = exchange.caller.key_id if exchange is not None else ""
        if not key and fault is not None:
            key = str(fault.facts.get("key_id") or "")[:128]
        self._parts.audit.write(
            Entry(
                time=self._time.text(self._now()),
                id=trail.request_id,
                client=request.client,
                method=request.method[:32],
                status=status,
                ms=time_us / 1000,
                dialect=dialect,
                operation=operation,
                account=exchange.caller.account if exchange is not None else "",
                key=key,
                resource=trail.resource if trail.resource is not None else request.path[:1100],
                fault=f"{fault.kind} {fault.noun}" if fault is not None else "",
                received=received,
                sent=sent,
                agent=request.headers.get("user-agent", "")[:256],
            )
        )

    def _log_trace(self, trail: _Trail) -> None:
        self._parts.log.exception("request %s failed by a mistake of ours", trail.request_id)

    # --- the worker's life --------------------------------------------------------------------------------------------

    async def _live(self, receive: Receive, send: Send) -> None:
        """ASGI's lifespan: what has to run beside requests runs between its two messages."""
        await receive()
        try:
            async with self._parts.life():
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            self._parts.log.exception("the worker cannot run")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        self._parts.audit.close()
        await send({"type": "lifespan.shutdown.complete"})


def _headers(pairs: Sequence[tuple[bytes, bytes]]) -> tuple[dict[str, str], int]:
    """Headers by lower-case name, and how many bytes they take."""
    size = len(b"".join(chain.from_iterable(pairs))) + 4 * len(pairs)
    headers = {name.decode("latin-1"): value.decode("utf-8", "surrogateescape") for name, value in pairs}
    if len(headers) < len(pairs):
        headers = {}
        for raw_name, raw_value in pairs:
            name, value = raw_name.decode("latin-1"), text(raw_value)
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers, size


def _has_body(scope: Scope, headers: Mapping[str, str]) -> bool:
    length = headers.get("content-length")
    if length is not None:
        return length != "0"
    if "transfer-encoding" in headers:
        return True
    # HTTP/2 needs neither header.
    return not scope["http_version"].startswith("1") and scope["method"] not in ("GET", "HEAD", "DELETE")


def _request(scope: Scope, headers: Mapping[str, str], receive: Receive) -> Request:
    client = scope.get("client")
    return Request(
        scope["method"],
        scope["raw_path"],
        scope["query_string"],
        headers,
        scheme=scope["scheme"],
        client=client[0] if client else "",
        receive=receive,
    )


def _raw_headers(headers: list[tuple[str, str]], length: int | None) -> list[tuple[bytes, bytes]]:
    """Headers as bytes, with a Content-Length unless one is there already.

    A value may come from a client (metadata, a presigned URL's overrides): control characters become spaces, so that
    no value can begin a header of its own.
    """
    raw = []
    for name, value in headers:
        if not value.isprintable():
            value = "".join(" " if ord(c) < 32 or ord(c) == 127 else c for c in value)
        if len(name) == 14 and name.lower() == "content-length":
            length = None
        raw.append((name.encode(), value.encode("utf-8", "surrogateescape")))
    if length is not None:
        raw.append((b"content-length", b"%d" % length))
    return raw


async def _stream(
    start: Mapping[str, Any], body: Outflow, length: int | None, inbox: _Inbox, send: Send, trail: _Trail
) -> int:
    """Send a body piece by piece; stop early if the client leaves. Returns how many bytes were sent."""
    sender = _Sender(start, body, length, send)
    if length is not None and length < WATCHED_BYTES_MIN:
        await sender.run(yielding=False)
        return sender.sent
    try:
        async with Leaving(inbox.left):
            # To a client that has left, sending is nothing and waits for nothing: let the loop find out. What is
            # written while it is read waits by itself.
            await sender.run(yielding=length is not None)
    except Fault as fault:
        if (fault.kind, fault.noun) != (Kind.TRUNCATED, "reply"):
            raise
        trail.fault = fault
    return sender.sent


class _Sender:
    """A reply with a body in pieces, on its way. `sent` counts the body's bytes."""

    __slots__ = ("_body", "_length", "_send", "_start", "sent")

    def __init__(self, start: Mapping[str, Any], body: Outflow, length: int | None, send: Send) -> None:
        self._start = start
        self._body = body
        self._length = length
        self._send = send
        self.sent = 0

    async def run(self, *, yielding: bool) -> None:
        """Send it all. Raises Fault(INTERNAL, "server") for a body that is not as long as it says."""
        send, length = self._send, self._length
        chunks: AsyncIterator[bytes] = self._body.chunks()
        try:
            await send(self._start)
            async for chunk in chunks:
                self.sent += len(chunk)
                more = length is None or self.sent < length
                await send({"type": "http.response.body", "body": chunk, "more_body": more})
                if yielding:
                    await asyncio.sleep(0)
            if length is not None and self.sent != length:
                raise Fault(Kind.INTERNAL, "server", f"a body of {length} bytes ended after {self.sent}")
            if not length:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await _end(chunks)


async def _end(chunks: AsyncIterator[bytes]) -> None:
    close = getattr(chunks, "aclose", None)
    if close is not None:
        await close()


def _close(body: Any) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()


def _plain(status: int, error: str, hint: str) -> Reply:
    document = json.dumps({"error": error, "hint": hint}).encode() + b"\n"
    return Reply(status, [("content-type", "application/json")], document)
