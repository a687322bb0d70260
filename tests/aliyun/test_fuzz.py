"""Whatever is sent: out of the dialect comes an exchange or a Fault that it has words for, and nothing else."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.dialects.aliyun.oss.dialect import OssDialect
from sampan.gateway.http import text
from sampan.kernel.fault import Fault
from sampan.kernel.names import Place
from tests.aliyun.captured import NAMES, Captured, Ring, key, load

ID = "5C06A3B67B8B5A3DA422299D"
DIALECT = OssDialect(("store.example",), "cn-hangzhou")
RING = Ring(key("TESTAK", "TESTSK"))
NOW_MS = 1795342647000

raw = st.binary(max_size=80).map(text)
scrap = st.sampled_from(
    ["OSS ", "OSS2 ", "OSS4-HMAC-SHA256 ", "Credential=", "TESTAK", "/20261122/cn-hangzhou/oss/aliyun_v4_request",
     ",", ";", ":", "=", "/", "Signature=", "Signature:", "AccessKeyId:", "AdditionalHeaders=", "AdditionalHeaders:",
     "host", "\u0663", "٣", "\x00", "\ud800", "%", "20261122T101727Z", "bytes=", "0-", "-5", "9" * 30]
)  # fmt: skip
words = st.lists(scrap | raw, max_size=10).map("".join)
names = st.sampled_from(
    ["OSSAccessKeyId", "Expires", "Signature", "security-token", "x-oss-signature", "x-oss-signature-version",
     "x-oss-credential", "x-oss-date", "x-oss-expires", "x-oss-additional-headers", "x-oss-access-key-id", "acl",
     "uploadId", "partNumber", "position", "append", "versionId", "max-keys", "list-type", "encoding-type", "delete",
     "continuation-token", "response-content-type", "uploads", "tagging", "symlink", "restore", "comp"]
)  # fmt: skip
headers = st.dictionaries(
    st.sampled_from(
        ["authorization", "date", "x-oss-date", "content-md5", "content-type", "content-length", "host",
         "x-oss-security-token", "security-token", "x-oss-content-sha256", "x-oss-hash-crc64ecma", "range",
         "x-oss-copy-source", "x-oss-copy-source-range", "x-oss-tagging", "x-oss-symlink-target", "if-match",
         "if-modified-since", "x-oss-meta-a", "x-oss-storage-class", "x-oss-object-acl", "x-oss-forbid-overwrite",
         "x-oss-complete-all", "x-oss-metadata-directive", "x-oss-acl"]
    ),
    words,
    max_size=6,
)  # fmt: skip
queries = st.lists(st.tuples(names | words, words), max_size=6)


def encoded(value: str) -> str:
    return "".join(f"%{byte:02X}" for byte in value.encode("utf-8", "surrogateescape"))


def survives(captured: Captured, ring: Ring = RING, document: bytes = b"") -> None:
    """Open, and bind if it opens."""
    request = captured.request()
    try:
        x = DIALECT.open(request, ID, ring, NOW_MS)
        if x.operation is not None and x.operation.bind is not None:
            x.operation.bind(x, document)
    except Fault as fault:
        assert (fault.kind, fault.noun) in DIALECT.words
        reply = DIALECT.refuse(request, ID, fault)
        DIALECT.finish(request, ID, reply)
        assert 200 <= reply.status < 500
        for name, value in reply.headers:
            assert "\n" not in name + value
            assert "\r" not in name + value
            (name + value).encode("utf-8")


# A lone surrogate that no bytes make does not come from the wire.
def wire(value: str) -> str:
    return text(value.encode("utf-8", "surrogatepass"))


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"]), words, queries, headers)
def test_any_request(method: str, path: str, query: list[tuple[str, str]], lines: dict[str, str]) -> None:
    pairs = "&".join(f"{encoded(wire(name))}={encoded(wire(value))}" for name, value in query)
    target = f"/{encoded(wire(path))}?{pairs}"
    survives(Captured(method, target, {name: wire(value) for name, value in lines.items()}, b""))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(NAMES), st.sampled_from(["authorization", "date", "x-oss-date", "host"]), words)
def test_a_real_request_with_one_broken_header(name: str, header: str, value: str) -> None:
    survives(load(name).header(header, wire(value)))


class _Trusting(OssDialect):
    """Believes everybody, so that what comes after the signature is reached."""

    class _Verifier:
        def verify(self, request: object, readings: object, keys: object, now_ms: object) -> None:
            return None

    def __init__(self) -> None:
        super().__init__((), "cn-hangzhou")
        self._verifier = self._Verifier()  # type: ignore[assignment]


TRUSTING = _Trusting()
DOCUMENTS = ["Delete", "Object", "Key", "VersionId", "Quiet", "Tagging", "TagSet", "Tag", "Value", "Part", "ETag",
             "PartNumber", "CompleteMultipartUpload", "CreateBucketConfiguration", "StorageClass", "Status",
             "VersioningConfiguration", "LocationConstraint"]  # fmt: skip
trees = st.recursive(
    st.text(max_size=8).map(lambda s: s.replace("<", "&lt;").replace("&", "&amp;")),
    lambda inner: st.tuples(st.sampled_from(DOCUMENTS), st.lists(inner, max_size=4)).map(
        lambda node: f"<{node[0]}>{''.join(node[1])}</{node[0]}>"
    ),
    max_leaves=12,
).map(lambda tree: tree.encode("utf-8", "surrogatepass"))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["GET", "PUT", "POST", "DELETE"]), queries, headers, trees | st.binary(max_size=60))
def test_any_arguments(method: str, query: list[tuple[str, str]], lines: dict[str, str], document: bytes) -> None:
    pairs = "&".join(f"{encoded(wire(name))}={encoded(wire(value))}" for name, value in query)
    lines = {name: wire(value) for name, value in lines.items() if name not in ("host", "authorization")}
    request = Captured(method, f"/photos/k?{pairs}", lines, document).request()
    try:
        x = TRUSTING.open(request, ID, RING, NOW_MS)
        x.place = Place("aliyun", "cn-hangzhou")
        if x.operation is not None and x.operation.bind is not None:
            x.operation.bind(x, document)
    except Fault as fault:
        assert (fault.kind, fault.noun) in TRUSTING.words
        TRUSTING.refuse(request, ID, fault)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 60))
def test_a_lying_length_is_a_fault(body: bytes, length: int) -> None:
    request = Captured("PUT", "/photos/k", {"content-length": str(length), "host": "127.0.0.1"}, body).request()
    x = TRUSTING.open(request, ID, RING, NOW_MS)

    async def read() -> bytes:
        return b"".join([chunk async for chunk in x.body.chunks()])

    try:
        assert asyncio.run(read()) == body
        assert len(body) == length
    except Fault as fault:
        assert (fault.kind.name, fault.noun) == ("TRUNCATED", "body")
        assert len(body) != length
