"""What the host of a request says of bucket and region.

Buckets are addressed as virtual hosts of OSS's own endpoints, of `localhost` and of the domains that this server is
given, or in the path. Some clients do both at once, and some send a virtual host to a server that they reach by its
address; so both readings are kept where both make sense, and the signature, which covers the bucket and never the
host, tells which one was meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sampan.dialects.aliyun.wire.oss_claim import Reading
from sampan.gateway.http import Request
from sampan.kernel.fault import Fault, Kind

OSS_HOST = r"(?:.+\.)?oss-[a-z0-9-]+\.aliyuncs\.com"

_ENDPOINT = re.compile(r"(?:(?P<bucket>.+)\.)?oss-(?P<region>[a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com")
# What ali-oss makes of an address and a region without "oss-".
_REGION_HOST = re.compile(r"(?P<bucket>[^.]+)\.(?P<region>[a-z0-9-]+)\.aliyuncs\.com")


class Hosts:
    """Reads hosts. `domains` are this server's own names, without port."""

    __slots__ = ("_suffixes",)

    def __init__(self, domains: Sequence[str]) -> None:
        suffixes = {"." + domain.lower().strip(".") for domain in (*domains, "localhost")}
        self._suffixes = sorted(suffixes, key=len, reverse=True)  # a domain goes before one that it lies in

    def bucket_and_region(self, host: str) -> tuple[str, str]:
        """ "" for what the host does not say."""
        match = _ENDPOINT.fullmatch(host) or _REGION_HOST.fullmatch(host)
        if match is not None:
            return match["bucket"] or "", match["region"]
        for suffix in self._suffixes:
            if host.endswith(suffix):
                return host[: -len(suffix)], ""
        return "", ""

    def readings(self, request: Request) -> tuple[list[Reading], str]:
        """How host and path may be read, likeliest first, and the region that the host names. Raises INVALID "uri"."""
        path = request.path
        if not path.startswith("/"):
            raise Fault(Kind.INVALID, "uri", "the path does not begin with a slash")
        if not path.isascii():
            try:
                path.encode()
            except UnicodeEncodeError:
                raise Fault(Kind.INVALID, "uri", "the path is not UTF-8") from None
        found = []
        bucket, region = self.bucket_and_region(request.host)
        if bucket:
            found.append(Reading(bucket, path[1:]))
        in_path, _, key = path[1:].partition("/")
        if in_path or not key:
            found.append(Reading(in_path, key))
        if not found:
            raise Fault(Kind.INVALID, "uri", "the path names a key without a bucket")
        return found, region
