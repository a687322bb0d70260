"""The Store in memory: for tests and simulation."""

from __future__ import annotations

import asyncio
import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sampan.engines.overlay import Overlay, Row
from sampan.kernel.ports import Transaction, View

T = TypeVar("T")


class MemoryStore:
    """Implements `kernel.ports.Store` for one process; nothing is durable.

    A lock keeps views and changes apart, which is all that snapshots need as long as views are short.
    """

    def __init__(self) -> None:
        self._rows = _SortedRows()
        self._lock = threading.RLock()
        self._closed = False
        self._changes = 0

    @contextmanager
    def view(self) -> Iterator[View]:
        with self._lock:
            yield self._rows

    def get(self, key: bytes) -> bytes | None:
        with self._lock:
            return self._rows.get(key)

    def changes(self, key: bytes) -> int | None:
        with self._lock:  # so never in the midst of a change
            return self._changes

    async def write(self, change: Callable[[Transaction], T]) -> T:
        if self._closed:
            raise RuntimeError("the store is closed")
        await asyncio.sleep(0)  # others may come first, as with a real one
        with self._lock:
            transaction = Overlay(self._rows)
            result = change(transaction)
            for key, value in transaction.rows():
                self._rows.set(key, value)
                self._changes += 1
            return result

    def close(self) -> None:
        self._closed = True


class _SortedRows:
    """A dict, and its keys in order."""

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        return self._rows.get(key)

    def scan(self, start: bytes, end: bytes, *, reverse: bool = False) -> Iterator[Row]:
        indices = range(bisect_left(self._keys, start), bisect_left(self._keys, end))
        for index in reversed(indices) if reverse else indices:
            key = self._keys[index]
            yield key, self._rows[key]

    def set(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            if self._rows.pop(key, None) is not None:
                del self._keys[bisect_left(self._keys, key)]
            return
        if key not in self._rows:
            insort(self._keys, key)
        self._rows[key] = value
