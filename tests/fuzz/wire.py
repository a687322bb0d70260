"""Requests as bytes, rightly signed or not, and replies as they come: what no client library would send."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import quote

from tests.stories.driver import Door

WAIT_S_MAX = 15
SUBRESOURCES = frozenset(
    {
        *("acl", "append", "bucketInfo", "continuation-token", "cors", "delete", "lifecycle", "location", "partNumber"),
        *("policy", "position", "restore", "response-content-type", "response-expires", "stat", "symlink", "tagging"),
        *("uploadId", "uploads", "versionId", "versioning", "versions"),
    }
)
"""Parameters that OSS's version 1 signs, of those that are asked for here."""


@dataclass(frozen=True)
class Reply:
    """One reply. `body` is what came, whatever Content-Length says."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The vendor's code in the error document, or ""."""
        return self.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode("utf-8", "replace")


@dataclass(frozen=True)
class Ask:
    """A request to be signed. `path` is sent as it is, so it must be percent-encoded; a value of None sends a name
    alone."""

    method: str
    path: str
    query: Sequence[tuple[str, str | None]] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def target(self) -> str:
        pairs = [_word(name) + ("" if value is None else "=" + _word(value)) for name, value in self.query]
        return self.path + ("?" + "&".join(pairs) if pairs else "")


Sign = Callable[[Door, Ask], bytes]


def sigv4(door: Door, ask: Ask, *, payload: str = "UNSIGNED-PAYLOAD") -> bytes:
    """The request signed as S3 wants it (AWS's "Authenticating Requests: Using the Authorization Header")."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = {"host": f"{door.host}:{door.port}", "x-amz-date": stamp, "x-amz-content-sha256": payload}
    headers |= {name.lower(): value for name, value in ask.headers.items()}
    signed = sorted(name for name in headers if name not in ("content-length", "transfer-encoding", "expect"))
    pairs = sorted((_word(name), _word(value or "")) for name, value in ask.query)
    query = "&".join("=".join(pair) for pair in pairs)
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in signed)
    canonical = "\n".join([ask.method, ask.path, query, lines, ";".join(signed), payload])
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + door.secret).encode()
    for word in (*scope.split("/"), to_sign):
        key = hmac.digest(key, word.encode(), "sha256")
    credential = f"Credential={door.key_id}/{scope}, SignedHeaders={';'.join(signed)}, Signature={key.hex()}"
    return _request(ask, headers | {"authorization": f"AWS4-HMAC-SHA256 {credential}"})


def oss_v1(door: Door, ask: Ask) -> bytes:
    """The request signed as OSS wants it (version 1)."""
    headers = {"host": f"{door.host}:{door.port}", "date": formatdate(usegmt=True)}
    headers |= {name.lower(): value for name, value in ask.headers.items()}
    own = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers) if name.startswith("x-oss-"))
    signed = [pair for pair in ask.query if pair[0] in SUBRESOURCES or pair[0].startswith("x-oss-")]
    signed.sort(key=lambda pair: (pair[0], pair[1] or ""))
    tail = "&".join(name if value is None else f"{name}={value}" for name, value in signed)
    path = _plain(ask.path)
    path += "/" if path != "/" and path.count("/") == 1 else ""  # a bucket's resource ends with a slash
    resource = path + ("?" + tail if tail else "")
    md5, kind = headers.get("content-md5", ""), headers.get("content-type", "")
    to_sign = f"{ask.method}\n{md5}\n{kind}\n{headers['date']}\n{own}{resource}"
    digest = hmac.digest(door.secret.encode(), to_sign.encode("utf-8", "surrogateescape"), "sha1")
    return _request(ask, headers | {"authorization": f"OSS {door.key_id}:{base64.b64encode(digest).decode()}"})


def send(door: Door, data: bytes, *, replies: int = 1, patience_s: float = WAIT_S_MAX) -> list[Reply]:
    """Send these bytes on a connection of their own and read so many replies, or what comes until the server hangs up.
    After `patience_s` without them the sender goes away, as one that dies in the middle does."""
    bodiless = data.startswith(b"HEAD ")
    with socket.create_connection((door.host, door.port), timeout=patience_s) as connection:
        came = b""
        with contextlib.suppress(OSError):  # it may hang up on nonsense; what it said before still counts
            connection.sendall(data)
        with contextlib.suppress(OSError):
            while len(parse(came, bodiless=bodiless)) < replies and (piece := connection.recv(65536)):
                came += piece
    return parse(came, bodiless=bodiless)


def parse(data: bytes, *, bodiless: bool) -> list[Reply]:
    """All whole replies in these bytes, without "100 Continue" and its like. `bodiless`: they answer HEAD."""
    replies = []
    while data.startswith(b"HTTP/") and b"\r\n\r\n" in data:
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status, length = int(first.split()[1]), 0 if bodiless else int(headers.get("content-length", 0))
        if len(data) < length:
            break
        if status >= 200:
            replies.append(Reply(status, headers, data[:length]))
            data = data[length:]
    return replies


def _request(ask: Ask, headers: dict[str, str]) -> bytes:
    if "content-length" not in headers and "transfer-encoding" not in headers and (ask.body or ask.method != "GET"):
        headers["content-length"] = str(len(ask.body))
    lines = [f"{ask.method} {ask.target()} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + ask.body


def _word(value: str) -> str:
    return quote(value, safe="-_.~", errors="surrogateescape")


def _plain(path: str) -> str:
    """The path decoded, with bytes that are no UTF-8 as surrogates."""
    out, at = bytearray(), 0
    while at < len(path):
        if path[at] == "%":
            out.append(int(path[at + 1 : at + 3], 16))
            at += 3
        else:
            out += path[at].encode()
            at += 1
    return out.decode("utf-8", "surrogateescape")
