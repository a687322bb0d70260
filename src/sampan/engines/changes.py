"""A number that all processes over one store share, and that tells whether the store has changed."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

_BYTES = 8  # one unsigned number in the machine's order, aligned: it is read and written whole


class Changes:
    """Implements `kernel.ports.Store.changes`: even while nobody commits, odd from before a commit until after it.

    It lies in a file that every process maps, so that to read it is no system call. It only grows: a number that was
    seen once never comes back. Only who has the writers' turn may call `begin` and `end`. A process that dies between
    the two leaves the number odd, which is safe: nobody remembers anything until the next commit has ended.

    Nothing here needs to outlive the processes: after a crash of the system they are gone, and what they remembered.
    Order among processors: between the two stores, and between a reader's look at this number and at a row, SQLite
    takes locks by system calls.
    """

    __slots__ = ("_map", "_number")

    def __init__(self, path: Path) -> None:
        """To be called in the writers' turn. Raises OSError."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_size < _BYTES:
                # Written, not only extended: a page without a block behind it would kill the process on a full disk.
                os.pwrite(descriptor, bytes(_BYTES), 0)
            self._map = mmap.mmap(descriptor, _BYTES)
        finally:
            os.close(descriptor)
        self._number = memoryview(self._map).cast("Q")

    def now(self) -> int | None:
        """The number, or None while there is a commit."""
        number = self._number[0]
        return None if number & 1 else number

    def begin(self) -> None:
        """A commit begins."""
        self._number[0] |= 1

    def end(self) -> None:
        """It has ended, well or not: what is stored now stays until the next one begins."""
        self._number[0] = (self._number[0] | 1) + 1

    def close(self) -> None:
        self._number.release()
        self._map.close()
