"""Numbers that all processes over one store share, and that tell which rows may have changed."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

SLOTS = 4096  # rows share numbers by a hash: a row's own number changes when another one of its slot does
_FILE_BYTES = SLOTS * 8  # unsigned numbers in the machine's order, aligned: each is read and written whole


class Changes:
    """Implements `kernel.ports.Store.changes`: a slot's number is even at rest, and odd while rows of it are committed.

    It becomes odd before the commit and even after it, before anybody is told. The numbers lie in a file that every
    process maps, so that to read one is no system call. They only grow: one that was seen once never comes back. Only
    who has the writers' turn may call `begin` and `end`. A process that dies between the two leaves numbers odd, which
    is safe: nothing is remembered of those rows until somebody opens the store anew.

    Nothing here needs to outlive the processes: after a crash of the system they are gone, and what they remembered.
    Order among processors: between two stores here, and between a reader's look at a number and at a row, SQLite takes
    locks by system calls.
    """

    __slots__ = ("_begun", "_map", "_numbers")

    def __init__(self, path: Path) -> None:
        """To be called in the writers' turn. Raises OSError."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size < _FILE_BYTES:
                # Written, not only extended: a page without a block behind it would kill the process on a full disk.
                os.pwrite(descriptor, bytes(_FILE_BYTES - size), size)
            self._map = mmap.mmap(descriptor, _FILE_BYTES)
        finally:
            os.close(descriptor)
        self._numbers = memoryview(self._map).cast("Q")
        self._begun = {slot for slot, number in enumerate(self._numbers) if number & 1}

    @property
    def begun(self) -> bool:
        """Whether `end` is due; at first, because somebody died in a commit."""
        return bool(self._begun)

    def of(self, key: bytes) -> int | None:
        """The number of a row, or None while it may be in a commit."""
        number = self._numbers[crc32(key) % SLOTS]
        return None if number & 1 else number

    def begin(self, keys: Iterable[bytes]) -> None:
        """A commit of these rows begins."""
        slots = {crc32(key) % SLOTS for key in keys}
        self._begun |= slots
        for slot in slots:
            self._numbers[slot] |= 1

    def end(self) -> None:
        """What has begun has ended, well or not: what is stored now stays until the next commit."""
        for slot in self._begun:
            self._numbers[slot] = (self._numbers[slot] | 1) + 1
        self._begun.clear()

    def close(self) -> None:
        self._numbers.release()
        self._map.close()
