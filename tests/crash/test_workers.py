"""Several worker processes, one cloud: what one has acknowledged, all show at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.process import cpu_s
from tests.crash.wire import Reply, Unanswered, Wire
from tests.harness import Server

WORKERS = 3
RACERS = 16
BUCKET = "shared"


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data", "--workers", str(WORKERS)) as server:
        assert one_shot(server, lambda wire: wire.s3("PUT", f"/{BUCKET}")).good
        yield server


def one_shot(server: Server, send: Callable[[Wire], Reply]) -> Reply:
    """One request on a connection of its own: the kernel chooses the worker anew."""
    wire = Wire(server)
    try:
        return send(wire)
    finally:
        wire.close()


def race(server: Server, send: Callable[[Wire, int], Reply]) -> list[Reply]:
    """The same request by many clients at the same moment."""
    gate = threading.Barrier(RACERS)

    def run(number: int) -> Reply:
        wire = Wire(server)
        wire.s3("HEAD", f"/{BUCKET}")  # connected and warm
        gate.wait(30)
        try:
            return send(wire, number)
        finally:
            wire.close()

    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(run, range(RACERS)))


def test_every_worker_sees_what_any_has_acknowledged(workers: Server) -> None:
    busy = {pid: cpu_s(pid) for pid in workers.workers()}
    assert len(busy) >= WORKERS
    for number in range(120):
        key, size = f"{number:04}", 1 if number % 3 else 100_000
        body = bytes([number]) * size
        assert one_shot(workers, lambda wire, k=key, b=body: wire.s3("PUT", f"/{BUCKET}/{k}", body=b)).good
        read = one_shot(workers, lambda wire, k=key: wire.oss("GET", f"/{BUCKET}/{k}"))
        assert (read.status, read.body) == (200, body)
        listed = one_shot(workers, lambda wire, k=key: wire.s3("GET", f"/{BUCKET}", {"list-type": "2", "prefix": k}))
        assert listed.texts("Key") == [key]
        again = b"again" + body
        assert one_shot(workers, lambda wire, k=key, b=again: wire.s3("PUT", f"/{BUCKET}/{k}", body=b)).good
        assert one_shot(workers, lambda wire, k=key: wire.s3("GET", f"/{BUCKET}/{k}")).body == again
        if number % 2:
            assert one_shot(workers, lambda wire, k=key: wire.s3("DELETE", f"/{BUCKET}/{k}")).good
            assert one_shot(workers, lambda wire, k=key: wire.s3("GET", f"/{BUCKET}/{k}")).status == 404
            left = one_shot(workers, lambda wire, k=key: wire.s3("GET", f"/{BUCKET}", {"prefix": k}))
            assert left.texts("Key") == []
    served = [pid for pid, before in busy.items() if cpu_s(pid) > before + 0.05]
    assert len(served) >= WORKERS, "not all workers were asked, so nothing was shown"


def test_reads_never_go_back(workers: Server) -> None:
    """While one client counts up in an object, readers see at least what was acknowledged before they asked, and never
    less than what they or anybody saw before."""
    path, acknowledged, seen = f"/{BUCKET}/counter", [0], [0]
    stop = threading.Event()
    assert one_shot(workers, lambda wire: wire.s3("PUT", path, body=b"0")).good

    def read(door: str) -> int:
        wires, asked = [Wire(workers) for _ in range(4)], 0  # the kernel spreads them over the workers
        while not stop.is_set():
            wire = wires[asked % len(wires)]
            at_least = max(acknowledged[0], seen[0])
            reply = wire.s3("GET", path) if door == "s3" else wire.oss("GET", path)
            now = int(reply.body)
            assert now >= at_least, f"read {now} after {at_least}"
            seen[0] = max(seen[0], now)
            asked += 1
        for wire in wires:
            wire.close()
        return asked

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read, door) for door in ("s3", "oss", "s3")]
        writers = [Wire(workers) for _ in range(3)]
        try:
            for number in range(1, 300):
                wire = writers[number % 3]
                assert wire.s3("PUT", path, body=b"%d" % number).good
                acknowledged[0] = number
        finally:
            stop.set()
        assert all(reader.result(30) > 20 for reader in readers)


def test_a_bucket_changes_for_all_workers_at_once(workers: Server) -> None:
    """What a worker remembers of a bucket is forgotten when another one changes it."""
    enable = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    for _ in range(15):
        assert one_shot(workers, lambda wire: wire.s3("PUT", "/changing")).good
        first = one_shot(workers, lambda wire: wire.s3("PUT", "/changing/key", body=b"1"))
        assert "x-amz-version-id" not in first.headers
        reads = [one_shot(workers, lambda wire: wire.s3("GET", "/changing/key")) for _ in range(WORKERS * 2)]
        assert not any("x-amz-version-id" in read.headers for read in reads)
        assert one_shot(workers, lambda wire: wire.s3("PUT", "/changing", {"versioning": ""}, enable)).good
        reads = [one_shot(workers, lambda wire: wire.s3("GET", "/changing/key")) for _ in range(WORKERS * 2)]
        assert [read.headers.get("x-amz-version-id") for read in reads] == ["null"] * len(reads)
        second = one_shot(workers, lambda wire: wire.s3("PUT", "/changing/key", body=b"2"))
        assert second.headers["x-amz-version-id"] != "null"
        for version in ("null", second.headers["x-amz-version-id"]):
            gone = {"versionId": version}
            assert one_shot(workers, lambda wire, q=gone: wire.s3("DELETE", "/changing/key", q)).good
        assert one_shot(workers, lambda wire: wire.s3("DELETE", "/changing")).good
        assert b"NoSuchBucket" in one_shot(workers, lambda wire: wire.s3("GET", "/changing/key")).body
        assert one_shot(workers, lambda wire: wire.oss("PUT", "/changing/key", body=b"3")).status == 404


@pytest.mark.parametrize("size", [10, 300_000])
def test_if_none_match_lets_exactly_one_writer_win(workers: Server, size: int) -> None:
    for round_number in range(8):
        path = f"/{BUCKET}/race-{round_number}"

        def put(wire: Wire, number: int, path: str = path) -> Reply:
            return wire.s3("PUT", path, body=bytes([number]) * size, headers={"if-none-match": "*"})

        statuses = [reply.status for reply in race(workers, put)]
        assert Counter(statuses) == {200: 1, 412: RACERS - 1}
        winner = statuses.index(200)
        assert one_shot(workers, lambda wire, path=path: wire.s3("GET", path)).body == bytes([winner]) * size


def test_forbid_overwrite_lets_exactly_one_writer_win(workers: Server) -> None:
    for round_number in range(8):
        path = f"/{BUCKET}/forbid-{round_number}"

        def put(wire: Wire, number: int, path: str = path) -> Reply:
            return wire.oss("PUT", path, body=bytes([number]), headers={"x-oss-forbid-overwrite": "true"})

        assert Counter(reply.status for reply in race(workers, put)) == {200: 1, 409: RACERS - 1}


def test_if_match_loses_no_update(workers: Server) -> None:
    """Clients that each add one to a number, by comparing ETags, arrive at the number of their successes."""
    path, added = f"/{BUCKET}/number", 5
    assert one_shot(workers, lambda wire: wire.s3("PUT", path, body=b"0")).good

    def add(wire: Wire, number: int) -> Reply:
        done = 0
        while done < added:
            now = wire.s3("GET", path)
            reply = wire.s3("PUT", path, body=b"%d" % (int(now.body) + 1), headers={"if-match": now.headers["etag"]})
            assert reply.status in (200, 412)
            done += reply.good
        return reply

    race(workers, add)
    assert one_shot(workers, lambda wire: wire.s3("GET", path)).body == b"%d" % (RACERS * added)


def test_one_append_wins_at_each_position(workers: Server) -> None:
    path, size = f"/{BUCKET}/log", 0
    for _ in range(8):

        def append(wire: Wire, number: int, size: int = size) -> Reply:
            return wire.oss("POST", path, {"append": "", "position": str(size)}, bytes([number]) * 100)

        replies = race(workers, append)
        assert Counter(reply.status for reply in replies) == {200: 1, 409: RACERS - 1}
        size += 100
    assert len(one_shot(workers, lambda wire: wire.s3("GET", path)).body) == size


def test_a_worker_that_is_killed_takes_nothing_with_it(workers: Server) -> None:
    """The others go on, a new one takes its place, and what it had acknowledged is there."""
    old = workers.workers()
    written: dict[str, bytes] = {}
    for number in range(30):
        body = bytes([number]) * (100_000 if number % 5 == 0 else 50)
        if number in (10, 20):
            os.kill(old.pop(), signal.SIGKILL)
        try:
            reply = one_shot(workers, lambda wire, n=number, b=body: wire.s3("PUT", f"/{BUCKET}/w{n}", body=b))
        except Unanswered:
            continue  # it was the one that died
        assert reply.good
        written[f"w{number}"] = body
    assert len(written) > 20
    end = time.monotonic() + 20
    while len(workers.workers()) < WORKERS and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(0.5)
    for key, body in written.items():
        assert one_shot(workers, lambda wire, k=key: wire.s3("GET", f"/{BUCKET}/{k}")).body == body
