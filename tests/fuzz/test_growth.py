"""The server stays as large as it was, whatever it is sent."""

from __future__ import annotations

import os
import time

import pytest

from tests.fuzz.conftest import Examples, files, resident_kib
from tests.fuzz.test_documents import BAD
from tests.fuzz.wire import Ask, send, sigv4
from tests.harness import Server
from tests.stories.driver import Door
from tests.stories.samples import MIB

GROWTH_KIB_MAX = 24 * 1024  # buffers of the allocator and of the connections' threads, not requests that stay


def _unkind(door: Door, bucket: str, rounds: int) -> None:
    noise = os.urandom(8 * MIB)
    for number in range(rounds):
        for document in BAD.values():
            send(door, sigv4(door, Ask("POST", f"/{bucket}", [("delete", None)], {}, document)))
        cut = Ask("PUT", f"/{bucket}/cut", headers={"content-length": str(64 * MIB)}, body=noise)
        send(door, sigv4(door, cut), patience_s=0.1)
        send(door, sigv4(door, Ask("PUT", f"/{bucket}/k{number}", headers={"x-amz-meta-a": "x" * 3000})))
        send(door, noise[:100_000], patience_s=0.1)
        send(door, b"GET / HTTP/1.1\r\nHost: x\r\nx: " + b"y" * 200_000, patience_s=0.1)


@pytest.mark.timeout(3600)  # with --long
def test_nothing_that_is_refused_stays(watched: Server, door: Door, bucket: str, examples: Examples) -> None:
    before = files(watched)
    _unkind(door, bucket, 3)
    first_kib = resident_kib(watched)
    _unkind(door, bucket, examples(6, 300))
    assert resident_kib(watched) - first_kib < GROWTH_KIB_MAX
    end = time.monotonic() + 5
    while files(watched) != before and time.monotonic() < end:
        time.sleep(0.05)
    assert files(watched) == before


def test_a_large_body_passes_through(watched: Server, door: Door, bucket: str) -> None:
    """Far more bytes than the memory that they take."""
    first_kib = resident_kib(watched)
    size = 200 * MIB
    head = sigv4(door, Ask("PUT", f"/{bucket}/large", headers={"content-length": str(size)}))
    (reply,) = send(door, head + bytes(size))
    assert reply.status == 200
    assert resident_kib(watched) - first_kib < 64 * 1024
    assert send(door, sigv4(door, Ask("DELETE", f"/{bucket}/large")))[0].status == 204
