"""What `kernel.ports.Store` promises, asked of every engine."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Store, Transaction

END = b"\xff"


def put(store: Store, *rows: tuple[bytes, bytes]) -> None:
    def change(transaction: Transaction) -> None:
        for key, value in rows:
            transaction.put(key, value)

    asyncio.run(store.write(change))


def everything(store: Store, *, reverse: bool = False) -> list[tuple[bytes, bytes]]:
    with store.view() as view:
        return list(view.scan(b"", END, reverse=reverse))


def test_what_was_written_is_read(store: Store) -> None:
    put(store, (b"a", b"1"), (b"", b"the empty key"), (b"\x00", b""))
    with store.view() as view:
        assert view.get(b"a") == b"1"
        assert view.get(b"") == b"the empty key"
        assert view.get(b"\x00") == b""
        assert view.get(b"b") is None


def test_a_later_write_replaces(store: Store) -> None:
    put(store, (b"a", b"1"))
    put(store, (b"a", b"2"))
    assert everything(store) == [(b"a", b"2")]


def test_write_returns_what_the_change_returns(store: Store) -> None:
    assert asyncio.run(store.write(lambda _: "result")) == "result"


@pytest.mark.parametrize("size", [0, 1, 8191, 65_536, 1_000_000])
def test_values_of_all_sizes(store: Store, size: int) -> None:
    value = bytes(range(256)) * (size // 256 + 1)
    put(store, (b"k" * 3000, value[:size]), (b"l", b"neighbour"))
    with store.view() as view:
        assert view.get(b"k" * 3000) == value[:size]
        assert view.get(b"l") == b"neighbour"


def test_keys_are_ordered_as_unsigned_bytes(store: Store) -> None:
    keys = [b"\x00", b"\x00\x00", b"A", b"a", b"a\x00", b"a\xff", b"b", b"\x7f", b"\x80", b"\xc3\xa4", b"\xfe\xff"]
    put(store, *((key, key) for key in reversed(keys)))
    assert [key for key, _ in everything(store)] == sorted(keys)
    assert [key for key, _ in everything(store, reverse=True)] == sorted(keys, reverse=True)


def test_a_scan_takes_its_start_and_leaves_its_end(store: Store) -> None:
    put(store, *((b"%d" % n, b"") for n in range(10)))
    with store.view() as view:
        assert [key for key, _ in view.scan(b"2", b"5")] == [b"2", b"3", b"4"]
        assert [key for key, _ in view.scan(b"2", b"5", reverse=True)] == [b"4", b"3", b"2"]
        assert list(view.scan(b"5", b"5")) == []
        assert list(view.scan(b"5", b"2")) == []


def test_a_scan_is_read_as_it_is_asked_for(store: Store) -> None:
    put(store, *((b"%04d" % n, b"x" * 500) for n in range(2000)))
    with store.view() as view:
        rows = view.scan(b"", END)
        assert next(rows)[0] == b"0000"
        nested = [key for key, _ in view.scan(b"1990", END)]
        assert len(nested) == 10
        assert next(rows)[0] == b"0001"
    put(store, (b"later", b"1"))  # the scan that was left open holds up nobody
    with store.view() as view:
        assert view.get(b"later") == b"1"


def test_views_may_nest(store: Store) -> None:
    put(store, (b"a", b"1"))
    with store.view() as outer:
        with store.view() as inner:
            assert inner.get(b"a") == b"1"
        assert outer.get(b"a") == b"1"


def test_a_transaction_sees_its_own_writes(store: Store) -> None:
    put(store, *((b"%d" % n, b"old") for n in range(0, 10, 2)))
    seen: list[object] = []

    def change(transaction: Transaction) -> None:
        transaction.put(b"3", b"new")
        transaction.put(b"4", b"new")
        transaction.delete(b"6")
        transaction.delete(b"7")
        seen.append([transaction.get(b"%d" % n) for n in range(10)])
        seen.append(list(transaction.scan(b"2", b"9")))
        seen.append(list(transaction.scan(b"2", b"9", reverse=True)))

    asyncio.run(store.write(change))
    rows = [(b"2", b"old"), (b"3", b"new"), (b"4", b"new"), (b"8", b"old")]
    assert seen[0] == [b"old", None, b"old", b"new", b"new", None, None, None, b"old", None]
    assert seen[1] == rows
    assert seen[2] == rows[::-1]
    assert everything(store) == [(b"0", b"old"), *rows]


def test_a_transaction_may_write_while_it_scans(store: Store) -> None:
    put(store, *((b"%03d" % n, b"old") for n in range(500)))

    def change(transaction: Transaction) -> int:
        n_seen = 0
        for key, _ in transaction.scan(b"", END):
            n_seen += 1
            transaction.delete(key)
            transaction.put(key + b"'", b"new")
        return n_seen

    assert 500 <= asyncio.run(store.write(change)) <= 1000
    assert {value for _, value in everything(store)} == {b"new"}
    assert len(everything(store)) >= 500


def test_a_change_that_raises_leaves_nothing(store: Store) -> None:
    put(store, (b"a", b"1"), (b"b", b"1"))

    def change(transaction: Transaction) -> None:
        transaction.put(b"a", b"2")
        transaction.delete(b"b")
        transaction.put(b"c", b"2")
        raise Fault(Kind.UNMET, "condition")

    with pytest.raises(Fault) as caught:
        asyncio.run(store.write(change))
    assert caught.value.kind is Kind.UNMET
    assert everything(store) == [(b"a", b"1"), (b"b", b"1")]


@pytest.mark.parametrize("error", [StopIteration(), SystemExit(1), KeyError("k"), asyncio.CancelledError()])
def test_whatever_a_change_raises_the_store_goes_on(store: Store, error: BaseException) -> None:
    def change(transaction: Transaction) -> None:
        transaction.put(b"a", b"1")
        raise error

    async def main() -> None:
        with pytest.raises((type(error), RuntimeError)):
            await store.write(change)
        await store.write(lambda transaction: transaction.put(b"b", b"2"))

    asyncio.run(main())
    assert everything(store) == [(b"b", b"2")]


def test_one_failing_change_among_many_fails_alone(store: Store) -> None:
    async def main() -> list[object]:
        def change(n: int, transaction: Transaction) -> int:
            count = int(transaction.get(b"count") or b"0")
            transaction.put(b"count", b"%d" % (count + 1))
            if n % 3 == 0:
                raise ValueError(n)
            return n

        writes = [store.write(lambda transaction, n=n: change(n, transaction)) for n in range(60)]  # type: ignore[misc]
        return await asyncio.gather(*writes, return_exceptions=True)

    results = asyncio.run(main())
    assert [n for n, result in enumerate(results) if isinstance(result, ValueError)] == list(range(0, 60, 3))
    assert [result for result in results if isinstance(result, int)] == [n for n in range(60) if n % 3]
    assert everything(store) == [(b"count", b"40")]


@pytest.mark.parametrize(("key", "value"), [("text", b""), (b"k", "text"), (b"k", None), (b"k", bytearray(b"v"))])
def test_a_row_that_is_not_bytes_fails_its_own_change(store: Store, key: object, value: object) -> None:
    async def main() -> list[object]:
        wrong = store.write(lambda transaction: transaction.put(key, value))  # type: ignore[arg-type]
        right = store.write(lambda transaction: transaction.put(b"right", b""))
        return await asyncio.gather(wrong, right, return_exceptions=True)

    wrong, right = asyncio.run(main())
    assert isinstance(wrong, TypeError)
    assert right is None
    assert everything(store) == [(b"right", b"")]


def test_a_cancelled_writer_does_not_disturb_the_others(store: Store) -> None:
    async def main() -> None:
        tasks = [
            asyncio.create_task(store.write(lambda transaction, n=n: transaction.put(b"%02d" % n, b"")))  # type: ignore[misc]
            for n in range(50)
        ]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
        assert all(result is None for result in results[1::2])

    asyncio.run(main())
    assert {b"%02d" % n for n in range(1, 50, 2)} <= {key for key, _ in everything(store)}


def test_read_your_writes_on_many_loops_at_once(store: Store) -> None:
    """Counters incremented from several threads, each with its own loop: nothing is lost, and each writer's next view
    shows at least what it has written."""
    failures: list[str] = []

    def increment(transaction: Transaction) -> int:
        count = int(transaction.get(b"count") or b"0") + 1
        transaction.put(b"count", b"%d" % count)
        return count

    async def client() -> None:
        for _ in range(25):
            count = await store.write(increment)
            with store.view() as view:
                if int(view.get(b"count") or b"0") < count:
                    failures.append(f"wrote {count}, and saw {view.get(b'count')!r}")

    async def clients() -> None:
        await asyncio.gather(*(client() for _ in range(4)))

    threads = [threading.Thread(target=asyncio.run, args=(clients(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert everything(store) == [(b"count", b"300")]


def test_a_closed_store_refuses(store: Store) -> None:
    put(store, (b"a", b"1"))
    store.close()
    store.close()
    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(store.write(lambda _: None))
