"""A process that uses a store, for tests that need several, or that kill one: `python worker.py TASK FOLDER [ARGS]`.

It tells its parent in lines on standard output, each written at once.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
from pathlib import Path

from sampan.engines.blobs_disk import DiskBlobs
from sampan.engines.store_sqlite import SqliteStore
from sampan.kernel.fault import Fault
from sampan.kernel.ports import Transaction

CLIENTS = 8


def start(task: str, folder: Path, *args: object, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a worker from a test."""
    return subprocess.Popen(
        [sys.executable, __file__, task, str(folder), *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )


def lines(process: subprocess.Popen[str]) -> list[str]:
    """What a worker says until it ends, last lines that were cut off left out. (`Popen.communicate` would lose what a
    `readline` before it has read ahead.)"""
    with process:
        assert process.stdout
        return process.stdout.read().split("\n")[:-1]


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def value_of(key: bytes) -> bytes:
    """What `write_on` stores under a key: from 0 to 20,000 bytes that only this key has."""
    return key * (int(key[-5:] or 0) * 7919 % 1000)


class Counter:
    """A `Chance` that counts, and has all blobs in the folder `00`."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def token(self, n_bytes: int) -> bytes:
        return next(self._numbers).to_bytes(4, "big").ljust(n_bytes, b"\0")


async def increment(store: SqliteStore, times: str) -> None:
    """Count up one shared counter, from several clients; say how often a client saw less than it had written."""
    missed = 0

    def change(transaction: Transaction) -> int:
        count = int(transaction.get(b"count") or b"0") + 1
        transaction.put(b"count", b"%d" % count)
        return count

    async def client() -> None:
        nonlocal missed
        for _ in range(int(times)):
            count = await store.write(change)
            with store.view() as view:
                missed += int(view.get(b"count") or b"0") < count

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    say(str(missed))


async def answer(store: SqliteStore) -> None:
    """For each line of standard input, say what the store has under that key."""
    for line in sys.stdin:
        with store.view() as view:
            say((view.get(line.strip().encode()) or b"nothing").decode())


async def obey(store: SqliteStore) -> None:
    """Do what each line of standard input says, and say how it went: `put KEY`, or `blob SIZE` for a blob beside the
    store, whose id is said."""
    blobs = DiskBlobs(Path(sys.argv[2]).parent / "blobs", 1, Counter())
    say("obeying")
    for line in sys.stdin:
        verb, word = line.split()
        draft = blobs.draft()
        try:
            if verb == "put":
                key = word.encode()
                await store.write(lambda transaction, key=key: transaction.put(key, value_of(key)))
                say("done")
            else:
                await draft.write(bytes(int(word)))
                await draft.seal()
                say(draft.blob_id)
        except Fault as fault:
            await draft.discard()
            say(f"! {fault}")
    blobs.close()


async def write_on(store: SqliteStore, name: str) -> None:
    """Write one row after the other, for ever; each is two rows that must stand or fall together. Say which are
    acknowledged, and which were refused."""
    numbers = itertools.count()

    async def client() -> None:
        while True:
            key = b"%s%05d" % (name.encode(), next(numbers))

            def change(transaction: Transaction, key: bytes = key) -> None:
                transaction.put(b"a" + key, value_of(key))
                transaction.put(b"z" + key, key)

            try:
                await store.write(change)
            except Fault as fault:
                say(f"! {fault}")
                await asyncio.sleep(0.01)
            else:
                say(key.decode())

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


async def main() -> None:
    """Run the task that the command line names."""
    task, folder, *args = sys.argv[1:]
    # Under load the log is begun anew often; a worker that obeys does nothing of its own accord.
    limits = {} if task == "obey" else {"copy_pages": 64, "log_pages_max": 256}
    store = SqliteStore(Path(folder), **limits)
    say("ready")
    await globals()[task](store, *args)
    store.close()


if __name__ == "__main__":
    sys.setswitchinterval(50e-6)
    asyncio.run(main())
