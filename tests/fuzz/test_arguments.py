"""Absurd values in queries and headers: numbers out of range, ranges, markers, digests, conditions, dates."""

from __future__ import annotations

import pytest

from tests.fuzz.test_wire import fine
from tests.fuzz.wire import Ask, oss_v1, send, sigv4
from tests.stories.driver import Door

NUMBERS = ["-1", "0", "abc", "", "1.5", "1e3", "٣", "9" * 30, "0x10", " 1", "+1", "1\x00", "null", "∞"]
TEXTS = ["", "\x00", "\udcff\udcfe", "%", "%zz", "../..", "k" * 5000, "'\"<>&;", "\r\nx: y", "🔑" * 300]

LIST = ["prefix", "delimiter", "encoding-type"]
QUERIES = {
    "list": ("GET", "/fuzz-bucket", {"list-type": "2"}, ["max-keys"], [*LIST, "continuation-token", "start-after"]),
    "list old": ("GET", "/fuzz-bucket", {}, ["max-keys"], [*LIST, "marker"]),
    "versions": ("GET", "/fuzz-bucket", {"versions": None}, ["max-keys"], [*LIST, "key-marker", "version-id-marker"]),
    "uploads": ("GET", "/fuzz-bucket", {"uploads": None}, ["max-uploads"], [*LIST, "key-marker", "upload-id-marker"]),
    "parts": ("GET", "/fuzz-bucket/key", {"uploadId": "1" * 32}, ["max-parts", "part-number-marker"], ["uploadId"]),
    "get": ("GET", "/fuzz-bucket/key", {}, ["partNumber"], ["versionId", "response-content-type", "response-expires"]),
    "part": ("PUT", "/fuzz-bucket/key", {"uploadId": "1" * 32}, ["partNumber"], ["uploadId"]),
    "append": ("POST", "/fuzz-bucket/log", {"append": None}, ["position"], []),
    "buckets": ("GET", "/", {}, ["max-keys", "max-buckets"], ["prefix", "marker", "continuation-token"]),
    "delete": ("DELETE", "/fuzz-bucket/none", {}, [], ["versionId", "uploadId"]),
}

RANGES = ["bytes=5-1", "bytes=-0", "bytes=0-0,2-3", "bytes=", "bytes=a-b", "bytes=-", "bytes=--1", "bits=0-1", "0-1",
          "bytes=99999999999999999999-", "bytes=0-99999999999999999999", "bytes=-99999999999999999999", "bytes= 0 - 1",
          "bytes=٣-٤", "bytes=0-1\x7f", "bytes=" + "0-0," * 1000]  # fmt: skip

PUT_HEADERS = {
    "content-md5": ["", "abc", "AAAA", "*" * 24, "A" * 5000, "d41d8cd98f00b204e9800998ecf8427e"],
    "x-amz-checksum-crc32": ["", "x", "AAAAAA==", "AAAA" * 100],
    "x-amz-checksum-sha256": ["zz", "AAAA"],
    "x-amz-sdk-checksum-algorithm": ["MD17", ""],
    "x-amz-storage-class": ["MARBLE"],
    "x-oss-storage-class": ["Marble"],
    "x-amz-tagging": ["a", "a=b&a=c", "%zz=%", "&&&=", "=x", "&".join(f"k{n}=v" for n in range(11))],
    "x-oss-tagging": ["a=b&a=c", "=x", "k" * 200 + "=v"],
    "expires": ["yesterday"],
    "x-amz-acl": ["everybody"],
    "x-oss-object-acl": ["everybody"],
    "x-amz-copy-source": ["", "/", "x", "/fuzz-bucket", "/fuzz-bucket/none", "//", "/fuzz-bucket/k?versionId=", "%zz",
                          "/fuzz-bucket/" + "k" * 5000, "/fuzz-bucket/%ff", "../../etc/passwd"],
    "x-oss-copy-source": ["", "/", "x", "/fuzz-bucket/none", "/fuzz-bucket/%ff", "../../etc/passwd"],
    "if-match": ['""', "*", '"' + "a" * 5000, "W/", ",,,"],
    "if-none-match": ['"x"', "x,*"],
    "x-oss-forbid-overwrite": ["perhaps"],
    "x-amz-object-lock-mode": ["FOREVER"],
    "x-oss-callback": ["AAAA", "e30="],
    "content-type": ["", "x" * 3000],
}  # fmt: skip
GET_HEADERS = {
    "range": RANGES,
    "x-oss-range-behavior": ["odd"],
    "if-match": ["x", '"' * 100],
    "if-none-match": ["W/x", ",", "*"],
    "if-modified-since": ["yesterday", "", "Thu, 99 Foo 2020 99:99:99 GMT", "0"],
    "if-unmodified-since": ["x" * 2000],
    "if-range": ["x"],
    "x-amz-checksum-mode": ["odd"],
    "accept-encoding": ["gzip;q=9999, *"],
}
HEADERS = {"put": ("PUT", "/fuzz-bucket/spoiled", PUT_HEADERS), "get": ("GET", "/fuzz-bucket/key", GET_HEADERS)}


@pytest.fixture(scope="module", autouse=True)
def kept(door: Door, bucket: str) -> None:
    """An object that is read and must stay."""
    assert send(door, sigv4(door, Ask("PUT", f"/{bucket}/key", body=b"0123456789")))[0].status == 200


def _both(door: Door, ask: Ask) -> None:
    for data in (sigv4(door, ask), oss_v1(door, ask)):
        replies = send(door, data, patience_s=5)
        fine(replies)
        assert replies, data[:300]


@pytest.mark.parametrize("what", QUERIES)
def test_absurd_queries(door: Door, what: str) -> None:
    method, path, always, numbers, texts = QUERIES[what]
    for name, values in [(name, NUMBERS) for name in numbers] + [(name, TEXTS) for name in texts]:
        for value in values:
            query = {**always, name: value}
            _both(door, Ask(method, path, list(query.items())))


@pytest.mark.parametrize("what", HEADERS)
def test_absurd_headers(door: Door, what: str) -> None:
    method, path, headers = HEADERS[what]
    for name, values in headers.items():
        for value in values:
            _both(door, Ask(method, path, (), {name: value}, b"body" if method == "PUT" else b""))
    (reply,) = send(door, sigv4(door, Ask("GET", "/fuzz-bucket/key")))
    assert reply.body == b"0123456789"


@pytest.mark.parametrize("span", RANGES)
def test_absurd_ranges_read_all_or_nothing(door: Door, span: str) -> None:
    """RFC 9110, 14.2: a range that makes no sense is ignored, one that cannot be had is 416; no other bytes come."""
    for sign in (sigv4, oss_v1):
        for reply in send(door, sign(door, Ask("GET", "/fuzz-bucket/key", headers={"range": span})), patience_s=5):
            assert (reply.status, reply.body) == (200, b"0123456789") or reply.status in (206, 400, 416)
            if reply.status == 206:
                assert reply.body in b"0123456789"


WRONG_DIGESTS = [
    {"content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="},
    {"x-amz-checksum-crc32": "AAAAAA=="},
    {"x-amz-checksum-crc32c": "AAAAAA=="},
    {"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="},
    {"x-amz-checksum-sha1": "2jmj7l5rSw0yVb/vlWAYkK/YBwk="},
    {"x-amz-checksum-sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
]


@pytest.mark.parametrize("headers", WRONG_DIGESTS, ids=lambda headers: next(iter(headers)))
@pytest.mark.parametrize("size", [10, 200_000])
def test_a_body_that_is_not_what_its_digest_says(door: Door, size: int, headers: dict[str, str]) -> None:
    (reply,) = send(door, sigv4(door, Ask("PUT", "/fuzz-bucket/digest", headers=headers, body=b"x" * size)))
    assert (reply.status, reply.code) == (400, "BadDigest")
    assert send(door, sigv4(door, Ask("GET", "/fuzz-bucket/digest")))[0].status == 404


def test_a_body_that_is_not_what_was_signed(door: Door) -> None:
    ask = Ask("PUT", "/fuzz-bucket/digest", body=b"x" * 1000)
    (reply,) = send(door, sigv4(door, ask, payload="0" * 64))
    assert (reply.status, reply.code) == (400, "XAmzContentSHA256Mismatch")
    assert send(door, sigv4(door, Ask("GET", "/fuzz-bucket/digest")))[0].status == 404
