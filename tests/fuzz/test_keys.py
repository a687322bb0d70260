"""Keys that would be paths of something else, if keys were paths."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.conftest import Examples
from tests.fuzz.test_wire import fine
from tests.fuzz.wire import Ask, oss_v1, send, sigv4
from tests.harness import Server
from tests.stories.driver import Door

KEYS = [
    b"..",
    b"../../../../../../tmp/escaped",
    b"a/../../../../../etc/passwd",
    b"..\\..\\windows",
    b"/etc/passwd",
    b"//etc//passwd",
    b"%2e%2e%2fup",
    b"..%00/x",
    b"a\x00b",
    b"\x00",
    b"\x01\x02\x1f\x7f",
    b"new\r\nline: x",
    b"\xef\xbf\xbe\xef\xbf\xbf",  # not characters, but UTF-8
    "\u202egnp.exe".encode(),
    b".",
    b"con",
    b"key?versionId=x#fragment",
    b"a" * 1024,
]
NO_UTF8 = [b"\xff", b"a\xc3(", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\xaf..\xc0\xaf"]


def _path(bucket: str, key: bytes) -> str:
    return f"/{bucket}/" + quote_from_bytes(key, safe="/-_.~")


def outside(server: Server) -> list[str]:
    """Files beside the server's data folder, and in it by name."""
    parent = Path(server.data).parent
    return sorted(os.listdir(parent)) + sorted(os.listdir(server.data))


@pytest.mark.parametrize("number", range(len(KEYS)), ids=lambda number: repr(KEYS[number])[:24])
def test_a_key_is_only_a_key(watched: Server, door: Door, bucket: str, number: int) -> None:
    key = KEYS[number]
    before = outside(watched)
    for size in (10, 100_000):
        (put,) = send(door, sigv4(door, Ask("PUT", _path(bucket, key), body=b"x" * size)))
        fine([put])
        assert put.status in (200, 400)
        (got,) = send(door, sigv4(door, Ask("GET", _path(bucket, key))))
        fine([got])
        assert (got.status, got.body) == (200, b"x" * size) if put.status == 200 else got.status in (400, 404)
        fine(send(door, oss_v1(door, Ask("GET", _path(bucket, key)))))
    listed = send(door, sigv4(door, Ask("GET", f"/{bucket}", [("list-type", "2"), ("encoding-type", "url")])))
    fine(listed)
    assert listed[0].status == 200
    assert send(door, sigv4(door, Ask("DELETE", _path(bucket, key))))[0].status in (204, 400)
    assert outside(watched) == before
    assert not Path("/tmp/escaped").exists()


@pytest.mark.parametrize("key", NO_UTF8)
def test_a_key_that_is_no_utf8_is_refused(door: Door, bucket: str, key: bytes) -> None:
    for sign in (sigv4, oss_v1):
        for method in ("PUT", "GET", "DELETE", "HEAD"):
            (reply,) = send(door, sign(door, Ask(method, _path(bucket, key), body=b"")))
            fine([reply])
            assert 400 <= reply.status < 500


BUCKETS = ["..", ".", "%2e%2e", "a", "A" * 10, "-", "a..b", "192.168.1.1", "x" * 64, "%00%00%00", "%ff%ff%ff", "xn--a",
           "_sampan", "a b c", "%F0%9F%94%91%F0%9F%94%91"]  # fmt: skip


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_name_is_only_a_name(watched: Server, door: Door, name: str) -> None:
    before = outside(watched)
    for sign in (sigv4, oss_v1):
        for method, query in (("PUT", ()), ("GET", ()), ("GET", [("location", None)]), ("HEAD", ()), ("DELETE", ())):
            replies = send(door, sign(door, Ask(method, f"/{name}", query)))
            fine(replies)
            assert all(reply.status >= 400 for reply in replies)
    assert outside(watched) == before


@pytest.mark.timeout(3600)  # with --long
def test_any_key_that_is_taken_is_kept(door: Door, bucket: str, examples: Examples) -> None:
    """Random bytes: either refused, or read back under the same key."""

    @settings(settings.get_profile("fuzz"), max_examples=examples(60, 3000))
    @given(st.one_of(st.binary(min_size=1, max_size=40), st.text(min_size=1, max_size=40).map(_encode)))
    def run(key: bytes) -> None:
        (put,) = send(door, sigv4(door, Ask("PUT", _path(bucket, key), body=key)))
        fine([put])
        (got,) = send(door, sigv4(door, Ask("GET", _path(bucket, key))))
        assert (got.body == key) == (put.status == 200)
        assert put.status == (200 if _utf8(key) else 400)
        fine(send(door, sigv4(door, Ask("GET", f"/{bucket}", [("prefix", key[:5].decode("utf-8", "replace"))]))))
        send(door, sigv4(door, Ask("DELETE", _path(bucket, key))))

    run()


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _utf8(key: bytes) -> bool:
    try:
        key.decode()
    except UnicodeDecodeError:
        return False
    return True
