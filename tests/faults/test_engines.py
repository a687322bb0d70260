"""The engines on a disk that fails: an error to whoever waits, nothing corrupt, and on it goes when the disk is well.

"Acknowledged" rows must be there in the end; refused ones must not; and of each pair that a transaction writes, both
rows are there or none.
"""

from __future__ import annotations

import random
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.engines.blobs_disk import DiskBlobs
from sampan.engines.clock_system import SystemChance
from sampan.engines.store_sqlite import SqliteStore
from tests.engines import worker
from tests.faults import shim as faults

pytestmark = pytest.mark.skipif(not faults.available, reason="needs Linux and a C compiler")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def shim(tmp_path: Path, data: Path) -> faults.Shim:
    return faults.Shim(tmp_path, data)


class Servant:
    """A process that obeys, one line at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert [self.hear(), self.hear()] == ["ready", "obeying"]

    def ask(self, text: str) -> str:
        assert self.process.stdin
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return self.hear()

    def hear(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().rstrip("\n")

    def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            worker.lines(self.process)


@pytest.fixture
def servant(shim: faults.Shim, data: Path) -> Iterator[Servant]:
    made = Servant(worker.start("obey", data / "store", env=shim.env()))
    yield made
    made.kill()


def rows(folder: Path) -> list[bytes]:
    """What is in the store once it is opened again; SQLite itself finds nothing wrong."""
    store = SqliteStore(folder)
    with store.view() as view:
        keys = [key for key, _ in view.scan(b"", b"\xff")]
    store.close()
    connection = sqlite3.connect(folder / "store.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    return keys


def heard(process: subprocess.Popen[str], pattern: str, times: int) -> list[str]:
    """Lines of a worker, up to the `times`th that matches."""
    lines: list[str] = []
    assert process.stdout
    while times:
        line = process.stdout.readline()
        assert line, "the worker ended"
        lines.append(line.rstrip("\n"))
        times -= re.match(pattern, line) is not None
    return lines


def verify(folder: Path, lines: list[str]) -> None:
    """Hold a store against what the workers of `write_on` said of it."""
    acknowledged = {line.encode() for line in lines if re.fullmatch(r"[a-z]\d{5}", line)}
    assert len(acknowledged) > 20
    keys = rows(folder)
    first, second = ({key[1:] for key in keys if key[:1] == letter} for letter in (b"a", b"z"))
    assert first == second
    assert acknowledged <= first


# --- the store ---------------------------------------------------------------------------------------------------


def test_a_failed_sync_refuses_and_leaves_nothing(shim: faults.Shim, servant: Servant, data: Path) -> None:
    assert servant.ask("put a00000") == "done"
    shim.arm(sync_errors=1)
    assert servant.ask("put b00000").startswith("! store: unavailable")
    assert shim.injected == 1
    # Killed now, the database finds in its log what the failed commit has left, if that is still there.
    servant.kill()
    assert rows(data / "store") == [b"a00000"]


def test_after_failed_syncs_the_store_goes_on(shim: faults.Shim, servant: Servant, data: Path) -> None:
    wanted = []
    for n in range(40):
        if n % 4 == 1:
            shim.arm(sync_errors=1 + n % 3)
        if servant.ask(f"put k{n:05}") == "done":
            wanted.append(b"k%05d" % n)
        shim.clear()
    assert len(wanted) == 30
    servant.kill()
    assert rows(data / "store") == wanted


def test_a_full_disk_refuses_and_recovers(shim: faults.Shim, servant: Servant, data: Path) -> None:
    assert servant.ask("put a00000") == "done"
    shim.arm(full=True)
    for n in range(5):
        assert servant.ask(f"put b{n:05}").startswith("! store: full")
    shim.clear()
    assert servant.ask("put c00000") == "done"
    servant.kill()
    assert rows(data / "store") == [b"a00000", b"c00000"]


@pytest.mark.parametrize("only", ["", "store.db-wal", "store.db"])
@pytest.mark.parametrize("fault", [{"sync_errors": 10**9}, {"full": True}])
def test_faults_under_load(shim: faults.Shim, data: Path, fault: dict[str, int], only: str) -> None:
    """Also of the database alone, while the log is copied into it: that refuses nobody."""
    process = worker.start("write_on", data / "store", "w", env=shim.env())
    lines = heard(process, "w", 100)
    for _ in range(3):
        before = shim.injected
        shim.arm(**fault, only=only)  # type: ignore[arg-type]
        if only != "store.db":
            lines += heard(process, "! store: (full|unavailable)", 3)
        while shim.injected == before:
            lines += heard(process, "w", 10)
        shim.clear()
        lines += heard(process, "w", 100)
    process.kill()
    lines += worker.lines(process)
    verify(data / "store", lines)
    if only == "store.db":
        assert not [line for line in lines if line.startswith("!")]


@pytest.mark.parametrize("only", ["", "store.db-wal", "store.db"])
@pytest.mark.parametrize("seed", range(4))
def test_a_torn_write(shim: faults.Shim, data: Path, seed: int, only: str) -> None:
    process = worker.start("write_on", data / "store", "w", env=shim.env())
    lines = heard(process, "w", 50)
    shim.arm(tear=random.Random(f"{seed}{only}").randrange(1, 200), only=only)
    lines += worker.lines(process)
    assert process.returncode == -signal.SIGKILL
    assert shim.injected == 1
    verify(data / "store", lines)


def test_one_of_two_processes_dies_tearing_a_write(shim: faults.Shim, data: Path) -> None:
    """The other goes on, on what is left."""
    processes = [worker.start("write_on", data / "store", name, env=shim.env()) for name in "xy"]
    said = [heard(process, "[xy]", 20) for process in processes]
    shim.arm(tear=60, only="store.db-wal")
    deadline = time.monotonic() + 30
    while all(process.poll() is None for process in processes) and time.monotonic() < deadline:
        for lines, process in zip(said, processes, strict=True):
            if process.poll() is None:
                lines += read_some(process)
    dead = next(index for index, process in enumerate(processes) if process.poll() is not None)
    said[1 - dead] += heard(processes[1 - dead], "[xy]", 200)
    processes[1 - dead].kill()
    verify(data / "store", [*said[0], *said[1], *(line for process in processes for line in worker.lines(process))])


def read_some(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout
    line = process.stdout.readline()
    return [line.rstrip("\n")] if line.endswith("\n") else []


# --- blobs -------------------------------------------------------------------------------------------------------


def blobs_of(data: Path, run: int) -> DiskBlobs:
    return DiskBlobs(data / "blobs", run, SystemChance())


def test_a_blob_on_a_full_disk(shim: faults.Shim, servant: Servant, data: Path) -> None:
    shim.arm(full=True)
    assert servant.ask("blob 1000000").startswith("! store: full")
    shim.clear()
    blob_id = servant.ask("blob 1000000")
    assert list(blobs_of(data, 2).stale()) == [blob_id]  # the refused one has left nothing


@pytest.mark.parametrize("only", ["0" * 16, "blobs/00"], ids=["file", "folder"])
def test_a_blob_that_cannot_be_synced(shim: faults.Shim, servant: Servant, data: Path, only: str) -> None:
    """Neither its bytes nor its name in the folder may be left in memory."""
    shim.arm(sync_errors=2, only=only)
    assert servant.ask("blob 1000000").startswith("! store: unavailable")
    assert servant.ask("blob 1000000").startswith("! store: unavailable")
    blob_id = servant.ask("blob 1000000")
    assert list(blobs_of(data, 2).stale()) == [blob_id]


def test_a_torn_blob_is_found_and_removed(shim: faults.Shim, servant: Servant, data: Path) -> None:
    sealed = servant.ask("blob 1000000")
    shim.arm(tear=1)
    assert servant.ask("blob 1000000") == ""
    servant.kill()
    blobs = blobs_of(data, 2)
    torn = set(blobs.stale()) - {sealed}
    assert len(torn) == 1
    blobs.delete(torn.pop())
    assert list(blobs.stale()) == [sealed]
    assert (data / "blobs" / "00" / sealed).stat().st_size == 1_000_000
