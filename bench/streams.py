"""Many streamed replies at once, read as cheaply as Python can: one thread, one selector, nothing parsed meanwhile."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

TIMEOUT_S = 600.0
_READ_BYTES = 1 << 16


@dataclass
class Streamed:
    """A reply. `first_s` is when its first word was here, `last_s` when it had ended, after it was asked for."""

    first_s: float = 0.0
    last_s: float = 0.0
    body: bytearray = field(default_factory=bytearray)


def request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A POST that says that nothing follows it."""
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", "content-type: application/json", "connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def ask(port: int, requests: Sequence[bytes], word: bytes) -> list[Streamed]:
    """Send all at once, over a connection each that is there before. `word` stands in a reply when the model has said
    something. Raises RuntimeError for a reply that is not of status 200, or has not ended in time."""
    replies = [Streamed() for _ in requests]
    with selectors.DefaultSelector() as selector:
        sockets = [socket.create_connection(("127.0.0.1", port)) for _ in requests]
        try:
            for one, reply in zip(sockets, replies, strict=True):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(one, selectors.EVENT_READ, reply)
            began = time.perf_counter()
            for one, sent in zip(sockets, requests, strict=True):
                one.sendall(sent)
            _read(selector, began, word)
        finally:
            for one in sockets:
                one.close()
    for reply in replies:
        if not reply.body.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"a reply: {bytes(reply.body[:600])!r}")
    return replies


def _read(selector: selectors.BaseSelector, began: float, word: bytes) -> None:
    while selector.get_map():
        ready = selector.select(TIMEOUT_S)
        if not ready:
            raise RuntimeError(f"nothing came for {TIMEOUT_S:g} s")
        for key, _ in ready:
            reply: Streamed = key.data
            piece = key.fileobj.recv(_READ_BYTES)  # type: ignore[union-attr]
            now = time.perf_counter() - began
            reply.body += piece
            if not reply.first_s and word in reply.body:
                reply.first_s = now
            if not piece or piece.endswith(b"\r\n0\r\n\r\n"):
                reply.last_s = now
                selector.unregister(key.fileobj)
