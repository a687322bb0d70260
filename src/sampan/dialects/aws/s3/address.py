"""Where a request points: which bucket and which key, from the host and the path.

A virtual host names the bucket before a domain that is known to be ours, Amazon's or OSS's (which speaks S3 as well on
its own hosts). Every other name, and every address, is path style: an unknown domain must not swallow a bucket.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# Amazon's own endpoints: s3.amazonaws.com, s3.eu-west-1.amazonaws.com, s3-eu-west-1..., s3.dualstack.eu-west-1...
_AMAZON = r"s3(?:[.-][a-z0-9-]+){0,3}\.amazonaws\.com(?:\.cn)?"
_LOCALSTACK = r"s3(?:\.[a-z0-9-]+)?\.localhost\.localstack\.cloud"
_OSS = r"(?:s3\.)?oss-[a-z0-9-]+\.aliyuncs\.com"
_BUCKET = r"(?P<bucket>[A-Za-z0-9._-]+?)\."  # the shortest, so that "s3." belongs to the domain

ENDPOINT_HOSTS = rf"(?:.+\.)?(?:{_AMAZON}|{_LOCALSTACK})"
"""Hosts that serve S3 alone, with a bucket before them or without."""


@dataclass(frozen=True, slots=True)
class Address:
    """`bucket` is "" for the service as a whole, `key` is "" for the bucket. `virtual` is the bucket that the host
    named, or ""."""

    bucket: str
    key: str
    virtual: str = ""


class Addresses:
    """Reads addresses, given the domains below which a first label is a bucket."""

    def __init__(self, domains: Sequence[str]) -> None:
        own = "|".join(rf"(?:s3\.(?:[a-z0-9-]+\.)?)?{re.escape(domain.lower())}" for domain in domains)
        suffixes = "|".join(filter(None, (_AMAZON, _LOCALSTACK, _OSS, own)))
        # The endpoint's own name is tried first: "s3.localhost" is no bucket "s3" of "localhost".
        self._endpoint = re.compile(suffixes).fullmatch
        self._virtual = re.compile(rf"{_BUCKET}(?:{suffixes})").fullmatch

    def read(self, host: str, path: str) -> Address:
        """`host` in lower case and without port, `path` decoded."""
        found = None if self._endpoint(host) else self._virtual(host)
        if found is not None:
            bucket = found["bucket"]
            return Address(bucket, path[1:], bucket)
        bucket, _, key = path[1:].partition("/")
        return Address(bucket, key)
