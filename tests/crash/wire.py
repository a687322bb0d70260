"""A small client with real signatures and no retries: what was answered was answered once.

The SDKs try again after a lost connection, which hides whether a write was acknowledged; and they are slow, so that a
kill would find the server waiting. S3 is signed with Signature V4, OSS with V1 (a port of neither SDK).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import unquote

from bench.sign import Signer, target
from tests.harness import Server

_OSS_SIGNED = ("append", "position", "partNumber", "uploadId", "uploads")  # sub-resources, of those used here


class Unanswered(Exception):
    """The connection ended before the answer was whole: the request may have been done or not."""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300

    def texts(self, element: str) -> list[str]:
        """The texts of all elements of that name, in order."""
        found = re.findall(rf"<{element}>(.*?)</{element}>", self.body.decode(), re.DOTALL)
        return [_unescaped(text) for text in found]


def _unescaped(text: str) -> str:
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(entity, char)
    return text


class Wire:
    """One connection, kept open; to be used by one thread."""

    def __init__(self, server: Server, timeout_s: float = 60) -> None:
        self._server = server
        self._connection = http.client.HTTPConnection(server.host, timeout=timeout_s)

    def s3(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """A request to the S3 dialect. Raises Unanswered."""
        signer = Signer(self._server.key_id, self._server.secret, self._server.host)
        signed = signer.headers(method, path, query, hashlib.sha256(body).hexdigest(), headers)
        return self._send(method, target(path, query), signed, body)

    def oss(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """A request to the OSS dialect. Raises Unanswered."""
        sent = {"date": formatdate(usegmt=True), "content-type": "application/octet-stream", **(headers or {})}
        resource = "&".join(f"{k}={v}" if v else k for k, v in sorted((query or {}).items()) if k in _OSS_SIGNED)
        extra = "".join(f"{name}:{sent[name]}\n" for name in sorted(sent) if name.startswith("x-oss-"))
        to_sign = (
            f"{method}\n\n{sent['content-type']}\n{sent['date']}\n{extra}{path}{'?' if resource else ''}{resource}"
        )
        signature = base64.b64encode(hmac.digest(self._server.secret.encode(), to_sign.encode(), "sha1")).decode()
        sent["authorization"] = f"OSS {self._server.key_id}:{signature}"
        return self._send(method, target(path, query), sent, body)

    def _send(self, method: str, where: str, headers: Mapping[str, str], body: bytes) -> Reply:
        try:
            self._connection.request(method, where, body=body, headers=dict(headers))
            reply = self._connection.getresponse()
            received = reply.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unanswered(str(error)) from error
        return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, received)

    def listed(self, bucket: str, *, versions: bool = False) -> list[tuple[str, str, int, str]]:
        """Everything in a bucket: (key, version id or "", size, ETag), -1 as the size of a delete marker."""
        found: list[tuple[str, str, int, str]] = []
        query = {"versions": ""} if versions else {"list-type": "2"}
        query |= {"max-keys": "100", "encoding-type": "url"}
        while True:
            reply = self.s3("GET", f"/{bucket}", query)
            assert reply.status == 200, reply
            text = reply.body.decode()
            for kind, row in re.findall(r"<(Contents|Version|DeleteMarker)>(.*?)</\1>", text, re.DOTALL):
                key = unquote(re.search("<Key>(.*?)</Key>", row)[1])  # type: ignore[index]
                version = re.search("<VersionId>(.*?)</VersionId>", row)
                size = re.search("<Size>(.*?)</Size>", row)
                etag = re.search("<ETag>(.*?)</ETag>", row)
                found.append((
                    key,
                    version[1] if version else "",
                    -1 if kind == "DeleteMarker" else int(size[1]),  # type: ignore[index]
                    _unescaped(etag[1]).strip('"') if etag else "",
                ))  # fmt: skip
            if reply.texts("IsTruncated") != ["true"]:
                return found
            if versions:
                query["key-marker"] = unquote(reply.texts("NextKeyMarker")[0])
                query["version-id-marker"] = reply.texts("NextVersionIdMarker")[0]
            else:
                query["continuation-token"] = reply.texts("NextContinuationToken")[0]

    def close(self) -> None:
        self._connection.close()
