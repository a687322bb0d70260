"""The numbers that tell which rows may have changed, and what is remembered by them: never older than what any process
was told to be done."""

from __future__ import annotations

import asyncio
import select
from pathlib import Path

import pytest

from sampan.engines.changes import Changes
from sampan.engines.store_memory import MemoryStore
from sampan.engines.store_sqlite import SqliteStore
from sampan.kernel.ports import Store, Transaction
from sampan.kernel.remembered import Remembered
from tests.engines import worker


def put(store: Store, key: bytes, value: bytes) -> None:
    asyncio.run(store.write(lambda transaction: transaction.put(key, value)))


def remembered(store: Store, reads: list[bytes] | None = None, count_max: int = 100) -> Remembered[bytes]:
    """Remembers rows as they are, and notes in `reads` which were read."""

    def read(key: bytes, raw: bytes) -> bytes:
        if reads is not None:
            reads.append(key)
        return raw

    return Remembered(store, read, count_max)


def test_one_row_is_read_as_it_is_now(store: SqliteStore | MemoryStore) -> None:
    assert store.get(b"a") is None
    for value in (b"1", b"2"):
        put(store, b"a", value)
        assert store.get(b"a") == value
    with store.view() as view:
        assert (store.get(b"a"), view.get(b"a")) == (b"2", b"2")


def test_a_change_changes_the_number_for_good(store: SqliteStore | MemoryStore) -> None:
    seen = [store.changes(b"a")]
    for value in (b"1", b"2", b"1"):
        put(store, b"a", value)
        assert store.changes(b"a") not in seen
        seen.append(store.changes(b"a"))
    assert None not in seen


def test_what_writes_nothing_changes_nothing(store: SqliteStore | MemoryStore) -> None:
    def fails(transaction: Transaction) -> None:
        transaction.put(b"a", b"1")
        raise ValueError

    before = store.changes(b"a")
    with pytest.raises(ValueError):
        asyncio.run(store.write(fails))
    assert asyncio.run(store.write(lambda transaction: transaction.get(b"a"))) is None
    with store.view() as view:
        assert view.get(b"a") is None
    if isinstance(store, SqliteStore):
        assert store.changes(b"a") == before


def test_a_row_is_read_once_until_it_changes(store: SqliteStore | MemoryStore) -> None:
    reads: list[bytes] = []
    rows = remembered(store, reads)
    put(store, b"a", b"1")
    assert [rows.find(b"a") for _ in range(3)] == [b"1"] * 3
    assert reads == [b"a"]
    put(store, b"b", b"")
    assert rows.find(b"a") == b"1"
    if isinstance(store, SqliteStore):
        assert reads == [b"a"]
    put(store, b"a", b"2")
    assert rows.find(b"a") == b"2"
    asyncio.run(store.write(lambda transaction: transaction.delete(b"a")))
    assert rows.find(b"a") is None


def test_what_is_not_there_pushes_nothing_out(store: SqliteStore | MemoryStore) -> None:
    reads: list[bytes] = []
    rows = remembered(store, reads, count_max=2)
    put(store, b"a", b"1")
    assert rows.find(b"a") == b"1"
    assert [rows.find(b"%d" % number) for number in range(9)] == [None] * 9
    assert rows.find(b"a") == b"1"
    assert reads == [b"a"]


def test_no_more_is_kept_than_allowed(store: SqliteStore | MemoryStore) -> None:
    rows = remembered(store, count_max=8)
    for number in range(20):
        put(store, b"%d" % number, b"x")
    for number in range(20):
        assert rows.find(b"%d" % number) == b"x"
        assert len(rows._kept) <= 8


def test_another_process_is_seen_as_soon_as_it_has_said_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store")
    rows = remembered(store)
    other = worker.start("obey", tmp_path / "store")
    assert other.stdin and other.stdout
    assert [other.stdout.readline() for _ in range(2)] == ["ready\n", "obeying\n"]
    for number in range(300):
        key = b"row%05d" % number
        put(store, key, b"before")
        other.stdin.write(f"put {key.decode()}\n")
        other.stdin.flush()
        # Whatever is remembered meanwhile, before, in and after the other one's commit, ...
        while not select.select([other.stdout], [], [], 0)[0]:
            assert rows.find(key) in (b"before", worker.value_of(key))
        assert other.stdout.readline() == "done\n"
        assert rows.find(key) == worker.value_of(key)  # ... is forgotten now.
    other.stdin.close()
    assert other.wait(10) == 0
    store.close()


def test_who_dies_in_a_commit_leaves_nothing_to_be_remembered(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    reads: list[bytes] = []
    rows = remembered(store, reads)
    put(store, b"a", b"1")
    before = store.changes(b"a")
    dead = Changes(tmp_path / "changes")
    dead.begin([b"a"])
    dead.close()
    assert store.changes(b"a") is None
    assert [rows.find(b"a"), rows.find(b"a")] == [b"1", b"1"]
    assert reads == [b"a", b"a"]
    put(store, b"a", b"2")  # the next commit of that row mends it
    assert store.changes(b"a") not in (None, before)
    assert [rows.find(b"a"), rows.find(b"a")] == [b"2", b"2"]
    assert reads == [b"a", b"a", b"a"]
    store.close()


def test_a_new_worker_mends_what_the_dead_one_left(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    put(store, b"a", b"1")
    before = store.changes(b"a")
    dead = Changes(tmp_path / "changes")
    dead.begin([b"a"])
    dead.close()
    SqliteStore(tmp_path).close()
    assert store.changes(b"a") not in (None, before)
    store.close()


def test_nothing_is_remembered_while_a_commit_that_failed_may_lie_in_the_log(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    put(store, b"a", b"1")
    store._changes.begin([b"a"])
    store._connection.close()  # the commit fails, and so does what should take its place
    store._roll_back()
    assert store.changes(b"a") is None
    put(store, b"a", b"2")
    assert store.changes(b"a") is not None
    assert store.get(b"a") == b"2"
    store.close()


def test_a_restart_begins_with_a_number_that_counts(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store._changes.begin([b"a"])  # as a crash in a commit leaves it
    store.close()
    store = SqliteStore(tmp_path)
    assert store.changes(b"a") is not None
    store.close()
    (tmp_path / "changes").write_bytes(b"")  # as a crash of the system may leave it
    store = SqliteStore(tmp_path)
    assert store.changes(b"a") is not None
    store.close()
