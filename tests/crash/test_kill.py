"""SIGKILL at any moment: nothing that was acknowledged is lost, nothing half-written is seen, no space leaks."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.crash import checks
from tests.crash.traffic import Load
from tests.harness import Server

LOAD_S = (0.05, 1.2)  # how long the load runs before a kill, at least and at most


def kill_again_and_again(data: Path, workers: int, kills: int, seed: int) -> Load:
    """`kills` rounds of load, SIGKILL, restart and check, over one data folder."""
    print(f"seed {seed}, {workers} workers")
    chance = random.Random(seed)
    server = Server(data, "--workers", str(workers)).start()
    load = Load(seed)
    try:
        load.make_buckets(server)
        for number in range(kills):
            load.start(server)
            time.sleep(chance.uniform(*LOAD_S))
            server.kill()
            load.end()
            server.start()
            checks.check_all(server, load)
            checks.check_space(data)
            print(f"kill {number + 1}: {load.requests} requests so far, all accounted for")
        checks.empty(server, load)
        server.restart()  # bytes of multipart objects are kept for their readers for a while, or until a start
        checks.check_empty(data)
    finally:
        server.kill()
    return load


@pytest.mark.parametrize(("workers", "kills"), [(1, 3), (2, 3)])
def test_nothing_acknowledged_is_lost(tmp_path: Path, workers: int, kills: int) -> None:
    load = kill_again_and_again(tmp_path / "data", workers, kills, seed=random.randrange(1 << 32))
    assert load.requests > 100, "so little was done that nothing was tested"


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("workers", "kills"), [(1, 100), (2, 150)])
def test_nothing_acknowledged_is_lost_in_many_kills(tmp_path: Path, workers: int, kills: int) -> None:
    kill_again_and_again(tmp_path / "data", workers, kills, seed=random.randrange(1 << 32))
