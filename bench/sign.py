"""AWS Signature Version 4 in the Authorization header, made fast enough to sign a pool of requests before a run.

Source: "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)", Amazon S3 API Reference.
Independent of Sampan's own code on purpose: a client that shared it could not find its mistakes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for one key pair, host, region, service and moment. Every request is signed on its own: nothing is reused
    but the day's signing key, as in every SDK."""

    key_id: str
    secret: str = field(repr=False)
    host: str
    when: datetime = field(default_factory=lambda: datetime.now(UTC))
    region: str = "us-east-1"
    service: str = "s3"
    _key: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        key = ("AWS4" + self.secret).encode()
        for word in (f"{self.when:%Y%m%d}", self.region, self.service, "aws4_request"):
            key = hmac.digest(key, word.encode(), "sha256")
        object.__setattr__(self, "_key", key)

    def headers(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        payload_sha256: str = EMPTY_SHA256,
        extra: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """All headers of the request, signed. `path` is not yet escaped; `extra` has lower-case names."""
        stamp = f"{self.when:%Y%m%dT%H%M%SZ}"
        headers = {"host": self.host, "x-amz-content-sha256": payload_sha256, "x-amz-date": stamp, **(extra or {})}
        names = sorted(headers)
        signed = ";".join(names)
        canonical = "\n".join(
            [
                method,
                quote(path, safe="/-_.~"),
                canonical_query(query or {}),
                *[f"{name}:{headers[name]}" for name in names],
                "",
                signed,
                payload_sha256,
            ]
        )
        scope = f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signature = hmac.digest(self._key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}".encode(), "sha256").hex()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}, SignedHeaders={signed}, Signature={signature}"
        )
        return headers


def canonical_query(query: Mapping[str, str]) -> str:
    """The query as it is signed, which is also a fine way to send it."""
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def target(path: str, query: Mapping[str, str] | None = None) -> str:
    """The request target of `path` and `query`, escaped."""
    escaped = quote(path, safe="/-_.~")
    return f"{escaped}?{canonical_query(query)}" if query else escaped
