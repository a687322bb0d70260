"""Bodies in signed and unsigned chunks (aws-chunked): cut, reordered, with wrong signatures, sums and lengths."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass

import pytest

from tests.fuzz.test_wire import fine
from tests.fuzz.wire import Ask, send, sigv4
from tests.stories.driver import Door

DATA = b"0123456789" * 10
SUM = base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big"))


@dataclass(frozen=True)
class Sent:
    """A body as it is framed, what is said of it, and whether it is right."""

    framed: bytes
    decoded_length: str = str(len(DATA))
    payload: str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    trailer: str | None = "x-amz-checksum-crc32"
    right: bool = False


def unsigned(*pieces: bytes, trailer: bytes = b"x-amz-checksum-crc32:" + SUM + b"\r\n") -> bytes:
    """Chunks without signatures, and a trailer."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailer + b"\r\n"


SENT = {
    "right": Sent(unsigned(DATA[:50], DATA[50:]), right=True),
    "right, byte by byte": Sent(unsigned(*(DATA[at : at + 1] for at in range(len(DATA)))), right=True),
    "no last chunk": Sent(unsigned(DATA)[:-40]),
    "cut in a chunk": Sent(unsigned(DATA)[:30]),
    "cut in a size": Sent(b"6"),
    "nothing": Sent(b""),
    "size is no number": Sent(b"zz\r\n" + DATA + b"\r\n0\r\n\r\n"),
    "size is negative": Sent(b"-1\r\n" + DATA + b"\r\n0\r\n\r\n"),
    "size is enormous": Sent(b"ffffffffffffffff\r\n" + DATA),
    "size has no end": Sent(b"1" * 100_000),
    "no line after a chunk": Sent(b"64\r\n" + DATA + b"0\r\n\r\n"),
    "more than promised": Sent(unsigned(DATA), decoded_length="99"),
    "less than promised": Sent(unsigned(DATA), decoded_length="101"),
    "length is no number": Sent(unsigned(DATA), decoded_length="many"),
    "length is negative": Sent(unsigned(DATA), decoded_length="-100"),
    "wrong sum": Sent(unsigned(DATA, trailer=b"x-amz-checksum-crc32:AAAAAA==\r\n")),
    "sum is none": Sent(unsigned(DATA, trailer=b"x-amz-checksum-crc32:***\r\n")),
    "no trailer": Sent(unsigned(DATA, trailer=b"")),
    "another trailer": Sent(unsigned(DATA, trailer=b"x-amz-checksum-sha1:" + SUM + b"\r\n")),
    "trailer without end": Sent(unsigned(DATA, trailer=b"x-amz-checksum-crc32:" + b"A" * 100_000)),
    "signature missing": Sent(unsigned(DATA), payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD", trailer=None),
    "signature wrong": Sent(
        b"64;chunk-signature=" + b"0" * 64 + b"\r\n" + DATA + b"\r\n0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n",
        payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        trailer=None,
    ),
    "unknown kind": Sent(unsigned(DATA), payload="STREAMING-ROT13-PAYLOAD"),
    "not chunked at all": Sent(DATA),
}


@pytest.mark.parametrize("what", SENT)
def test_only_what_is_right_is_written(door: Door, bucket: str, what: str) -> None:
    sent = SENT[what]
    headers = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": sent.decoded_length}
    if sent.trailer is not None:
        headers["x-amz-trailer"] = sent.trailer
    ask = Ask("PUT", f"/{bucket}/chunked", headers=headers, body=sent.framed)
    replies = send(door, sigv4(door, ask, payload=sent.payload), patience_s=1)
    fine(replies)
    (found,) = send(door, sigv4(door, Ask("GET", f"/{bucket}/chunked")))
    if sent.right:
        assert [reply.status for reply in replies] == [200]
        assert found.body == DATA
        send(door, sigv4(door, Ask("DELETE", f"/{bucket}/chunked")))
    else:
        assert all(400 <= reply.status < 500 for reply in replies), replies
        assert found.status == 404
