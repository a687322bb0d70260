"""A server that is watched: whatever is sent to it, it answers in words, keeps answering, and does not grow."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.fuzz.wire import Ask, oss_v1, send, sigv4
from tests.harness import Server
from tests.stories.driver import Door

Examples = Callable[[int, int], int]

settings.register_profile(
    "fuzz", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), print_blob=True
)


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with one worker, for all that is unkind."""
    with Server(tmp_path_factory.mktemp("watched") / "data", "--workers", "1") as running:
        yield running


@pytest.fixture(scope="session")
def door(watched: Server) -> Door:
    """The way into it."""
    return Door("127.0.0.1", watched.port, watched.key_id, watched.secret)


@pytest.fixture(scope="session")
def bucket(door: Door) -> str:
    """A bucket that both clouds see."""
    (reply,) = send(door, sigv4(door, Ask("PUT", "/fuzz-bucket")))
    assert reply.status == 200
    return "fuzz-bucket"


@pytest.fixture(autouse=True)
def calm(watched: Server, door: Door) -> Iterator[None]:
    """After each test the server runs, answers both clouds, and has neither failed nor told a trace."""
    seen = len(watched.log)
    yield
    assert watched.running
    assert watched.page("health")
    for ask in (sigv4(door, Ask("GET", "/")), oss_v1(door, Ask("GET", "/"))):
        assert [reply.status for reply in send(door, ask)] == [200]
    said = watched.log[seen:]
    assert "Traceback" not in said, said[-3000:]
    assert "panicked" not in said, said[-3000:]
    failed = [line for line in said.splitlines() if re.search(r'"status":5(?!01)', line)]
    assert not failed, failed[0]


@pytest.fixture
def examples(request: pytest.FixtureRequest) -> Examples:
    """How many examples to try: few, or many with --long."""
    return lambda few, many: many if request.config.getoption("--long") else few


def resident_kib(server: Server) -> int:
    """Memory of the server and its workers."""
    total = 0
    for pid in (server.pid, *server.workers()):
        status = Path(f"/proc/{pid}/status").read_text()
        total += int(re.search(r"VmRSS:\s+(\d+)", status)[1])
    return total


def files(server: Server) -> set[str]:
    """Every file of the data folder's blobs."""
    return {os.path.join(at, name) for at, _, found in os.walk(server.data) for name in found if "blob" in at}
