"""Alibaba Cloud's two signatures of today: OSS V4 for objects, ACS3 for every OpenAPI product.

Sources: "Include a V4 signature in the Authorization header", OSS developer reference; "V3 request body and signature
mechanism", Alibaba Cloud SDK. Independent of Sampan's own code, as `sign` is, and for the same reason.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from bench.sign import EMPTY_SHA256, canonical_query

_NONCES = itertools.count()
_SIGNED = ("content-type", "content-md5")


@dataclass(frozen=True, slots=True)
class OssSigner:
    """Signs requests to OSS for one key pair, host, region and moment."""

    key_id: str
    secret: str = field(repr=False)
    host: str
    when: datetime = field(default_factory=lambda: datetime.now(UTC))
    region: str = "cn-hangzhou"
    _key: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        key = ("aliyun_v4" + self.secret).encode()
        for word in (f"{self.when:%Y%m%d}", self.region, "oss", "aliyun_v4_request"):
            key = hmac.digest(key, word.encode(), "sha256")
        object.__setattr__(self, "_key", key)

    def headers(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """All headers of a request to `/bucket/key`, signed. `path` is not yet escaped; `extra` has lower-case names.
        The body is left unsigned, as the vendor's SDKs leave it."""
        stamp = f"{self.when:%Y%m%dT%H%M%SZ}"
        headers = {
            "host": self.host,
            "x-oss-content-sha256": "UNSIGNED-PAYLOAD",
            "x-oss-date": stamp,
            **(extra or {}),
        }
        names = sorted(name for name in headers if name.startswith("x-oss-") or name in _SIGNED)
        pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in (query or {}).items())
        canonical = "\n".join(
            [
                method,
                quote(path, safe="/-_.~"),
                "&".join(f"{name}={value}" if value else name for name, value in pairs),
                *[f"{name}:{headers[name]}" for name in names],
                "",
                "",
                headers["x-oss-content-sha256"],
            ]
        )
        scope = f"{stamp[:8]}/{self.region}/oss/aliyun_v4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signature = hmac.digest(self._key, f"OSS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}".encode(), "sha256").hex()
        headers["authorization"] = f"OSS4-HMAC-SHA256 Credential={self.key_id}/{scope},Signature={signature}"
        return headers


@dataclass(frozen=True, slots=True)
class AcsSigner:
    """Signs calls of one OpenAPI product in the RPC style for one key pair, host and moment."""

    key_id: str
    secret: str = field(repr=False)
    host: str
    version: str  # of the product's API: "2015-05-01"
    when: datetime = field(default_factory=lambda: datetime.now(UTC))

    def headers(
        self, action: str, query: Mapping[str, str] | None = None, extra: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """All headers of `POST /` for an operation whose parameters are all in the query, signed, with a new nonce."""
        headers = {
            "host": self.host,
            "x-acs-action": action,
            "x-acs-version": self.version,
            "x-acs-date": f"{self.when:%Y-%m-%dT%H:%M:%SZ}",
            "x-acs-signature-nonce": f"{self.when.timestamp()}-{next(_NONCES)}",
            "x-acs-content-sha256": EMPTY_SHA256,
            **(extra or {}),
        }
        names = sorted(headers)
        signed = ";".join(names)
        lines = [f"{name}:{headers[name]}" for name in names]
        canonical = "\n".join(["POST", "/", canonical_query(query or {}), *lines, "", signed, EMPTY_SHA256])
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signature = hmac.digest(self.secret.encode(), f"ACS3-HMAC-SHA256\n{digest}".encode(), "sha256").hex()
        headers["authorization"] = (
            f"ACS3-HMAC-SHA256 Credential={self.key_id},SignedHeaders={signed},Signature={signature}"
        )
        return headers
