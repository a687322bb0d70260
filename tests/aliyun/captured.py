"""Requests that the vendor's own SDKs sent, byte for byte (but for the machine's name in the user agent)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sampan.dialects.aliyun.wire.dates import parse_basic_date, parse_http_date
from sampan.gateway.http import Request
from sampan.kernel.caller import Caller, Key

FOLDER = Path(__file__).parent / "captures"
NAMES = sorted(path.stem for path in FOLDER.glob("*.http"))
NOW_MS = 1795343000000  # 2026-11-22, a while after the last of them


@dataclass(frozen=True)
class Captured:
    """A request as parts that a test may change before it builds the Request."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def but(self, **changes: object) -> Captured:
        return replace(self, **changes)

    def header(self, name: str, value: str | None) -> Captured:
        headers = {key: old for key, old in self.headers.items() if key != name}
        return replace(self, headers=headers if value is None else {**headers, name: value})

    def request(self) -> Request:
        path, _, query = self.target.partition("?")

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": self.body, "more_body": False}

        return Request(self.method, path.encode(), query.encode(), self.headers, receive=receive)

    @property
    def signed_ms(self) -> int:
        """When it was signed."""
        request = self.request()
        basic = request.param("x-oss-date") or self.headers.get("x-oss-date", "")
        at = parse_basic_date(basic) or parse_http_date(basic or self.headers.get("date", ""))
        if at is not None:
            return at
        expires = request.param("Expires") or request.param("x-oss-expires")
        assert expires is not None
        return int(expires) * 1000 - 1000


def load(name: str) -> Captured:
    head, _, body = (FOLDER / f"{name}.http").read_bytes().partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        headers[key.lower()] = value.strip()
    return Captured(method, target, headers, body)


class Ring:
    """Keys by id."""

    def __init__(self, *keys: Key) -> None:
        self._keys = {key.key_id: key for key in keys}

    def find(self, key_id: str) -> Key | None:
        return self._keys.get(key_id)


def key(key_id: str, secret: str, token: str | None = None, **more: object) -> Key:
    return Key(key_id, secret, Caller("123456789012", "root", key_id), token=token, **more)


TOKENS = {"oss2_v1sts": "TOKENxyz", "oss2_v4sts": "TOKENxyz", "ossv2_sts": "TOK", "node_alioss_sld_03": "TOK"}


def ring_for(name: str) -> Ring:
    """The keys that the captured client had."""
    token = next((token for start, token in TOKENS.items() if name.startswith(start)), None)
    return Ring(key("TESTAK", secret_for(name), token), key("STS.AK", secret_for(name), token))


def secret_for(name: str) -> str:
    return "SK" if "sts" in name and not name.startswith("ossv2") else "TESTSK"
