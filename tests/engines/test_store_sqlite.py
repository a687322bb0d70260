"""What the Store on SQLite does beyond the contract: several processes, group commit, crashes, its files."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from sampan.engines.store_sqlite import Damaged, SqliteStore
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction
from tests.engines import worker

END = b"\xff"


async def put(store: SqliteStore, key: bytes, value: bytes = b"") -> None:
    await store.write(lambda transaction: transaction.put(key, value))


def check(folder: Path) -> None:
    """SQLite itself finds nothing wrong."""
    connection = sqlite3.connect(folder / "store.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_rows_outlive_the_store(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    asyncio.run(put(store, b"a", b"1"))
    store.close()
    store = SqliteStore(tmp_path)
    with store.view() as view:
        assert view.get(b"a") == b"1"
    store.close()


def test_many_writers_share_a_sync(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)

    async def main() -> None:
        await asyncio.gather(*(put(store, b"%d" % n) for n in range(1000)))

    asyncio.run(main())
    assert 1 <= store.commits <= 100
    with store.view() as view:
        assert len(list(view.scan(b"", END))) == 1000
    store.close()


def test_a_sync_for_each_writer_who_is_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)

    async def main() -> None:
        for n in range(10):
            await put(store, b"%d" % n)
        await store.write(lambda transaction: transaction.get(b"1"))  # wrote nothing

    asyncio.run(main())
    assert store.commits == 10
    store.close()


def test_a_view_is_a_snapshot(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    asyncio.run(put(store, b"a", b"old"))
    with store.view() as view:
        assert view.get(b"a") == b"old"
        rows = view.scan(b"", END)
        writer = threading.Thread(target=lambda: asyncio.run(put(store, b"a", b"new")))
        writer.start()
        writer.join()
        assert view.get(b"a") == b"old"
        assert list(rows) == [(b"a", b"old")]
    with store.view() as view:
        assert view.get(b"a") == b"new"
    store.close()


def test_processes_lose_no_update(tmp_path: Path) -> None:
    workers = [worker.start("increment", tmp_path, 50) for _ in range(2)]
    assert [worker.lines(process) for process in workers] == [["ready", "0"], ["ready", "0"]]
    store = SqliteStore(tmp_path)
    with store.view() as view:
        assert view.get(b"count") == b"%d" % (2 * 50 * worker.CLIENTS)
    store.close()


def test_another_process_reads_what_was_written(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    with worker.start("answer", tmp_path) as other:
        assert other.stdin and other.stdout
        assert other.stdout.readline() == "ready\n"
        for n in range(200):
            asyncio.run(put(store, b"key", b"%d" % n))
            other.stdin.write("key\n")
            other.stdin.flush()
            assert other.stdout.readline() == f"{n}\n"
        other.stdin.close()
    store.close()


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_time_every_acknowledged_row_is_there(tmp_path: Path, seed: int) -> None:
    """Two processes write; one is killed, or both. Then each row that was acknowledged is there, and of each pair of
    rows both are there, or none."""
    chance = random.Random(seed)
    processes = [worker.start("write_on", tmp_path, name) for name in "xy"]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    time.sleep(0.1 + chance.random() / 2)
    for process in processes:
        process.send_signal(signal.SIGKILL)
        if chance.random() < 0.5:
            time.sleep(chance.random() / 10)
    acknowledged = [key.encode() for process in processes for key in worker.lines(process)]
    assert len(acknowledged) > 20
    store = SqliteStore(tmp_path)
    with store.view() as view:
        assert [key for key in acknowledged if view.get(b"z" + key) != key] == []
        for key in acknowledged:
            assert view.get(b"a" + key) == worker.value_of(key)
        first, second = view.scan(b"a", b"b"), view.scan(b"z", b"{")
        assert [key[1:] for key, _ in first] == [key[1:] for key, _ in second]
    store.close()
    check(tmp_path)


def test_the_log_does_not_grow_without_bound(tmp_path: Path) -> None:
    """While writers never pause and readers never stop to begin snapshots."""
    store = SqliteStore(tmp_path, copy_pages=100, log_pages_max=300)
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            with store.view() as view:
                view.get(b"0")
                time.sleep(0.0005)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    sizes = []

    async def client(name: int) -> None:
        for n in range(400):
            await put(store, b"%d %d" % (name, n % 50), os.urandom(8000))
            sizes.append(os.stat(tmp_path / "store.db-wal").st_size)

    async def clients() -> None:
        await asyncio.gather(*(client(name) for name in range(8)))

    asyncio.run(clients())
    over.set()
    for reader in readers:
        reader.join()
    store.close()
    # 3,200 values of a page and more, or 50 MiB and more, went through the log.
    assert max(sizes) < 8 * 1024 * 1024
    check(tmp_path)


def test_closing_finishes_what_was_accepted(tmp_path: Path) -> None:
    """Also when the end is called for while a batch is under way."""
    store = SqliteStore(tmp_path)
    all_queued = threading.Event()
    closer = threading.Thread(target=store.close, daemon=True)

    def slow(transaction: Transaction) -> None:
        all_queued.wait()
        closer.start()
        time.sleep(0.2)
        transaction.put(b"slow", b"")

    async def main() -> None:
        writes = asyncio.gather(store.write(slow), *(put(store, b"%03d" % n) for n in range(300)))
        await asyncio.sleep(0)
        all_queued.set()
        await writes

    asyncio.run(main())
    closer.join(timeout=10)
    assert not closer.is_alive()
    store = SqliteStore(tmp_path)
    with store.view() as view:
        assert len(list(view.scan(b"", END))) == 301
    store.close()


def test_another_program_that_holds_the_database_is_waited_for(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.3, other.execute, ["COMMIT"]).start()
    began = time.monotonic()
    asyncio.run(put(store, b"a"))
    assert time.monotonic() - began > 0.25
    other.close()
    store.close()


def test_but_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sampan.engines.store_sqlite.BUSY_S_MAX", 0.1)
    store = SqliteStore(tmp_path)
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Fault) as caught:
        asyncio.run(put(store, b"a"))
    assert (caught.value.kind, caught.value.noun) == (Kind.UNAVAILABLE, "store")
    other.execute("COMMIT")
    asyncio.run(put(store, b"b"))
    with store.view() as view:
        assert [key for key, _ in view.scan(b"", END)] == [b"b"]
    other.close()
    store.close()


def test_an_error_of_the_database_fails_the_batch_and_no_more(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)

    def change(transaction: Transaction) -> None:
        transaction.put(b"half", b"")
        raise sqlite3.OperationalError("planted")

    async def main() -> None:
        for _ in range(3):
            with pytest.raises(Fault) as caught:
                await store.write(change)
            assert caught.value.kind is Kind.UNAVAILABLE
            await put(store, b"whole")

    asyncio.run(main())
    with store.view() as view:
        assert [key for key, _ in view.scan(b"", END)] == [b"whole"]
    store.close()


@pytest.mark.parametrize("size", [100, 8192, 100_000])
def test_a_file_that_is_no_database(tmp_path: Path, size: int) -> None:
    (tmp_path / "store.db").write_bytes(random.Random(size).randbytes(size))
    with pytest.raises(Damaged, match=r"store\.db"):
        SqliteStore(tmp_path)


def test_a_database_of_somebody_else(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "store.db")
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.raises(Damaged, match="not made by this version"):
        SqliteStore(tmp_path)


def test_a_crash_while_the_database_is_made_is_mended(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "store.db")
    other.execute("PRAGMA page_size = 8192")
    other.execute("PRAGMA journal_mode = WAL")
    other.close()
    store = SqliteStore(tmp_path)
    asyncio.run(put(store, b"a"))
    store.close()
    check(tmp_path)


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    workers = [worker.start("increment", tmp_path / "new", 1) for _ in range(4)]
    assert [worker.lines(process) for process in workers] == [["ready", "0"]] * 4


def test_nobody_else_may_read_the_files(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store")
    asyncio.run(put(store, b"a"))
    assert (tmp_path / "store").stat().st_mode & 0o777 == 0o700
    store.close()
