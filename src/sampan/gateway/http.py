"""A request and a reply, as dialects see them: decoded once, nothing lost that a signature may cover."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from time import perf_counter_ns
from typing import Any
from urllib.parse import unquote_to_bytes

from sampan.kernel.body import Outflow
from sampan.kernel.fault import Fault, Kind

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


def text(raw: bytes) -> str:
    """Bytes of a header or a target as text; what is not UTF-8 survives the way back (`surrogateescape`)."""
    return raw.decode("utf-8", "surrogateescape")


class Request:
    """One HTTP request.

    `raw_path` and `raw_query` are as sent; `path` is decoded and may hold surrogates where the bytes were not UTF-8;
    `query` is decoded, in order, with "+" read as a space. `headers` has lower-case names; repeated headers are
    joined by ",". `host` has no port.
    """

    __slots__ = (
        "_begun_ns", "_receive", "client", "headers", "host", "method", "path", "query", "raw_path", "raw_query",
        "scheme",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        raw_path: bytes,
        raw_query: bytes,
        headers: Mapping[str, str],
        *,
        scheme: str = "http",
        client: str = "",
        receive: Receive | None = None,
    ) -> None:
        self.method = method
        self.raw_path = text(raw_path)
        self.raw_query = text(raw_query)
        self.path = text(unquote_to_bytes(raw_path)) if b"%" in raw_path else self.raw_path
        self.query = parse_query(self.raw_query) if raw_query else ()
        self.headers = headers
        host = headers.get("host", "")
        # An IPv6 literal keeps its colons: "[::1]:4566" -> "[::1]".
        self.host = (host[: host.rfind(":")] if host.rfind(":") > host.rfind("]") else host).lower()
        self.scheme = scheme
        self.client = client
        self._receive = receive
        self._begun_ns = perf_counter_ns()

    def age_ms(self) -> int:
        """Whole milliseconds since the request came."""
        return (perf_counter_ns() - self._begun_ns) // 1_000_000

    def param(self, name: str) -> str | None:
        """The first value of a query parameter, or None."""
        for key, value in self.query:
            if key == name:
                return value
        return None

    async def stream(self) -> AsyncIterator[bytes]:
        """The body as sent. Raises Fault(TRUNCATED, "body") if the client left before its end."""
        if self._receive is None:
            return
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                raise Fault(Kind.TRUNCATED, "body", "the connection ended before the body did")
            chunk = message.get("body", b"")
            if chunk:
                yield chunk
            if not message.get("more_body", False):
                return


def parse_query(raw: str) -> tuple[tuple[str, str], ...]:
    """`a=1&b&c=x%20y` as pairs, in order; a name without "=" has the value ""."""
    pairs = []
    for part in raw.split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        pairs.append((_decode(name), _decode(value)))
    return tuple(pairs)


def _decode(part: str) -> str:
    if "+" in part:
        part = part.replace("+", " ")
    # By way of bytes: half the time of `unquote`, and a character that is half escaped and half not is still read.
    return text(unquote_to_bytes(part.encode("utf-8", "surrogateescape"))) if "%" in part else part


class Reply:
    """One HTTP reply. `body` is bytes, or an Outflow for what should not be held in memory."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[str, str]] | None = None, body: bytes | Outflow = b"") -> None:
        self.status = status
        self.headers = headers if headers is not None else []
        self.body = body
