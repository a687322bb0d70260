"""Requests that the vendor's SDKs sent to OpenAPI products, byte for byte (but for the machine's name)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sampan.gateway.contract import Exchange
from sampan.gateway.http import Request
from sampan.kernel.caller import Caller, Key
from sampan.kernel.command import Command

FOLDER = Path(__file__).parent / "captures"
FILES = {path.stem: path for path in sorted(FOLDER.glob("*/*.http"))}  # a folder for each product
NAMES = sorted(FILES)
NOW_MS = 1795343000000  # 2026-11-22T10:23:20Z, a few minutes from all of them
ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Captured:
    """A request as parts that a test may change before it builds the Request."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    def but(self, **changes: object) -> Captured:
        return replace(self, **changes)  # type: ignore[arg-type]

    def header(self, name: str, value: str | None) -> Captured:
        headers = {key: old for key, old in self.headers.items() if key != name}
        return replace(self, headers=headers if value is None else {**headers, name: value})

    def request(self) -> Request:
        path, _, query = self.target.partition("?")

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": self.body, "more_body": False}

        return Request(self.method, path.encode(), query.encode(), self.headers, receive=receive)


def load(name: str) -> Captured:
    head, _, body = FILES[name].read_bytes().partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return Captured(method, target, headers, body)


class Ring:
    """Keys by id."""

    def __init__(self, *keys: Key) -> None:
        self._keys = {key.key_id: key for key in keys}

    def find(self, key_id: str) -> Key | None:
        return self._keys.get(key_id)


class Once:
    """Nonces in memory."""

    def __init__(self) -> None:
        self.used: set[tuple[str, str]] = set()

    def spend(self, key_id: str, nonce: str, now_ms: int) -> bool:
        fresh = (key_id, nonce) not in self.used
        self.used.add((key_id, nonce))
        return fresh


def key(key_id: str = "TESTAK", secret: str = "TESTSK", token: str | None = None, **more: object) -> Key:
    return Key(key_id, secret, Caller(ACCOUNT, "root", key_id), token=token, **more)  # type: ignore[arg-type]


TOKENS = {"core_sts": "TOKEN", "tea_sts_token": "TOK"}
SHORT_SECRET = ("core_sts",)


def ring_for(name: str) -> Ring:
    """The keys that the captured client had."""
    token = next((token for start, token in TOKENS.items() if name.startswith(start)), None)
    secret = "SK" if name.startswith(SHORT_SECRET) else "TESTSK"
    return Ring(key("TESTAK", secret, token), key("STS.AK", secret, token))


def bound(dialect: object, captured: Captured, keys: Ring, now_ms: int = NOW_MS) -> tuple[Exchange, Command]:
    """What the gateway gets of a request: the exchange, and the command."""
    x = dialect.open(captured.request(), "ID", keys, now_ms)  # type: ignore[attr-defined]
    assert x.operation.bind is not None
    return x, x.operation.bind(x, captured.body)
