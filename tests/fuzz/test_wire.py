"""What is not HTTP, or lies about itself."""

from __future__ import annotations

import socket
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fuzz.conftest import Examples, files
from tests.fuzz.wire import Ask, Reply, Sign, oss_v1, send, sigv4
from tests.harness import Server
from tests.stories.driver import Door
from tests.stories.samples import MIB, body

NONSENSE = [
    b"",
    b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS's first words
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(40),  # HTTP/2's, and then nothing of it
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",  # no host
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \xff\xfe\x00\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nspace : y\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /%zz%1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /%00%FF/%C3%28 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"BREW /pot HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    b"A" * 300 + b" / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1e3\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    b"GET /?" + b"a&" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: AWS4-HMAC-SHA256\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature=\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: AWS \r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: OSS :\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: OSS2 a:b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: OSS4-HMAC-SHA256 Credential=////////\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: \xff\xfe\xfd\r\n\r\n",
    b"GET /b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%FF&X-Amz-Expires=x HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /b/k?OSSAccessKeyId=a&Expires=99999999999999999999&Signature=%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /b/k?x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-expires=-1 HTTP/1.1\r\nHost: x\r\n\r\n",
]


def fine(replies: list[Reply]) -> None:
    """Nothing that the server says to nonsense is its own failure, and nothing tells of its inside."""
    for reply in replies:
        assert reply.status < 500 or reply.status == 501, (reply.status, reply.body[:300])
        assert b"Traceback" not in reply.body
        assert b".py" not in reply.body


@pytest.mark.parametrize("number", range(len(NONSENSE)))
def test_nonsense_is_refused(door: Door, number: int) -> None:
    replies = send(door, NONSENSE[number], patience_s=0.3)
    fine(replies)
    assert all(reply.status >= 400 for reply in replies) or b"OPTIONS" in NONSENSE[number]


@pytest.mark.timeout(3600)  # with --long
def test_random_bytes(door: Door, examples: Examples) -> None:
    methods = st.sampled_from([b"GET ", b"PUT ", b"POST ", b"HEAD ", b""])

    @settings(settings.get_profile("fuzz"), max_examples=examples(100, 5000))
    @given(methods, st.binary(max_size=400), st.sampled_from([b"\r\n\r\n", b" HTTP/1.1\r\n\r\n", b""]))
    @example(b"GET ", b"/ HTTP/1.1\r\nhost:x\r\nexpect: 100-continue\r\n", b"\r\n\r\n")
    def run(method: bytes, middle: bytes, end: bytes) -> None:
        fine(send(door, method + middle + end, patience_s=0.02))

    run()


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-meta-a": "x" * 40_000},
        {f"x-amz-meta-{number}": "x" * 100 for number in range(80)},
        {f"x-amz-{number}": "x" for number in range(3000)},
        {"x" * 30_000: "y"},
        {"cookie": "x" * 500_000},
    ],
    ids=["one", "many", "thousands", "name", "huge"],
)
def test_huge_headers(door: Door, bucket: str, headers: dict[str, str]) -> None:
    replies = send(door, sigv4(door, Ask("PUT", f"/{bucket}/huge-headers", headers=headers, body=b"x")))
    fine(replies)
    assert all(400 <= reply.status < 500 for reply in replies)
    assert send(door, sigv4(door, Ask("HEAD", f"/{bucket}/huge-headers")))[0].status == 404


def test_a_huge_target(door: Door, bucket: str) -> None:
    for path, query in ((f"/{bucket}/" + "k" * 20_000, ()), (f"/{bucket}", (("prefix", "p" * 60_000),))):
        replies = send(door, sigv4(door, Ask("GET", path, query)))
        fine(replies)
        assert all(400 <= reply.status < 500 for reply in replies)


@pytest.mark.parametrize("dialect", [sigv4, oss_v1])
@pytest.mark.parametrize("size", [10, 100_000, 3 * MIB])
def test_a_body_shorter_than_promised_leaves_nothing(
    watched: Server, door: Door, bucket: str, size: int, dialect: Sign
) -> None:
    before = files(watched)
    data = body(size)
    ask = Ask("PUT", f"/{bucket}/short", headers={"content-length": str(size + 1)}, body=data)
    replies = send(door, dialect(door, ask), patience_s=0.3)
    fine(replies)
    assert all(reply.status == 400 for reply in replies)
    assert send(door, sigv4(door, Ask("GET", f"/{bucket}/short")))[0].status == 404
    _settles(watched, before)


CUT = [b"", b"5", b"5\r\nab", b"5\r\nabcde\r\n", b"5\r\nabcde\r\n5\r\nabc", b"5\r\nabcdeX\r\n0\r\n\r\n"]


@pytest.mark.parametrize("number", range(len(CUT)))
def test_a_body_of_unknown_length_that_ends_early_leaves_nothing(door: Door, bucket: str, number: int) -> None:
    ask = Ask("PUT", f"/{bucket}/unknown", headers={"transfer-encoding": "chunked"}, body=CUT[number])
    replies = send(door, oss_v1(door, ask), patience_s=0.3)
    fine(replies)
    assert all(reply.status >= 400 for reply in replies)
    assert send(door, sigv4(door, Ask("GET", f"/{bucket}/unknown")))[0].status == 404
    whole = Ask("PUT", f"/{bucket}/known", headers={"transfer-encoding": "chunked"}, body=b"5\r\nabcde\r\n0\r\n\r\n")
    assert send(door, oss_v1(door, whole))[0].status == 200
    assert send(door, sigv4(door, Ask("GET", f"/{bucket}/known")))[0].body == b"abcde"


def test_a_body_longer_than_promised_is_cut_there(door: Door, bucket: str) -> None:
    ask = Ask("PUT", f"/{bucket}/long", headers={"content-length": "3"}, body=b"abcGET / HTTP/1.1\r\n")
    replies = send(door, sigv4(door, ask))
    fine(replies)
    assert replies[0].status == 200
    assert send(door, sigv4(door, Ask("GET", f"/{bucket}/long")))[0].body == b"abc"


def test_a_part_that_ends_early_is_no_part(watched: Server, door: Door, bucket: str) -> None:
    (begun,) = send(door, sigv4(door, Ask("POST", f"/{bucket}/parts", [("uploads", None)])))
    upload = begun.body.partition(b"<UploadId>")[2].partition(b"<")[0].decode()
    query = [("partNumber", "1"), ("uploadId", upload)]
    before = files(watched)
    ask = Ask("PUT", f"/{bucket}/parts", query, {"content-length": str(2 * MIB)}, body(MIB))
    fine(send(door, sigv4(door, ask), patience_s=0.3))
    (listed,) = send(door, sigv4(door, Ask("GET", f"/{bucket}/parts", [("uploadId", upload)])))
    assert listed.status == 200
    assert b"<PartNumber>" not in listed.body
    _settles(watched, before)
    assert send(door, sigv4(door, Ask("DELETE", f"/{bucket}/parts", [("uploadId", upload)])))[0].status == 204


def test_a_refused_body_that_was_waited_for_ends_the_connection(door: Door, bucket: str) -> None:
    """A client that waits for "100 Continue" and gets a refusal may send its body or not: neither its first byte nor
    the next request's may be taken for the other."""
    waits = {"expect": "100-continue", "content-length": "1", "if-match": '"0"'}
    for path in (f"/{bucket}/none", "/no-such-bucket-here/key"):
        ask = sigv4(door, Ask("PUT", path, headers=waits))
        (reply,) = send(door, ask + sigv4(door, Ask("GET", "/")), replies=2)
        assert reply.status in (404, 412)
        assert reply.headers["connection"] == "close"
    empty = sigv4(door, Ask("PUT", f"/{bucket}/empty", headers={"expect": "100-continue", "content-length": "0"}))
    (reply,) = send(door, empty)
    assert (reply.status, reply.headers["connection"]) == (200, "close")


def test_refusals_keep_the_connection_in_step(door: Door, bucket: str) -> None:
    """Bodies of refused requests are read to their end, and the next request is the next request."""
    refused = sigv4(door, Ask("PUT", "/no-such-bucket-here/key", body=body(100_000)))
    good = sigv4(door, Ask("PUT", f"/{bucket}/in-step", body=b"good"))
    replies = send(door, refused + good + refused + good, replies=4)
    assert [reply.status for reply in replies] == [404, 200, 404, 200]


def test_half_a_request_holds_nobody_up(door: Door) -> None:
    held = []
    for _ in range(50):
        connection = socket.create_connection((door.host, door.port))
        connection.sendall(b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Le")
        held.append(connection)
    began = time.monotonic()
    for _ in range(20):
        assert send(door, sigv4(door, Ask("GET", "/")))[0].status == 200
    assert time.monotonic() - began < 10
    for connection in held:
        connection.close()


def _settles(server: Server, before: set[str], wait_s: float = 5) -> None:
    """What a broken upload had written is removed."""
    end = time.monotonic() + wait_s
    while files(server) != before and time.monotonic() < end:
        time.sleep(0.05)
    assert files(server) == before
