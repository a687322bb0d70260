"""Budgets in a table of fixed size that all worker processes map.

A file and no database: what it holds is worth nothing a minute later, and no sync. A budget's slot is found by its key;
a table that is full forgets the budget that was not used for the longest time. Requests under way are counted together,
and in a column for each process: a process holds a lock on its column for as long as it lives, so that others can
take back what a dead one had under way.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import struct
from collections.abc import Sequence
from pathlib import Path

from sampan.engines.disk import fault_of
from sampan.kernel.budget import Budget, Refused, Spent, refusal

SLOTS = 1024
COLUMNS = 256  # processes
BURY_MS = 1000  # how often a process looks for dead ones, at most
_HEAD = struct.Struct("=16sqddI")  # key, what is spent, and what is under way in all processes
_COUNT = struct.Struct("=H")  # what is under way in one of them
_SLOT_BYTES = _HEAD.size + COLUMNS * _COUNT.size
_FILE_BYTES = SLOTS * _SLOT_BYTES
_NOBODY = bytes(16)


class FileLimiter:
    """Implements `kernel.budget.Limiter`. `path` is opened, and made if it is not there, when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._table: _Table | None = None
        self._buried_ms = 0

    def take(self, budgets: Sequence[Budget], tokens: int, now_ms: int) -> Refused | None:
        with self._opened() as table:
            refused = self._take(table, budgets, tokens, now_ms)
            if refused is None or refused.kind != "in flight" or now_ms - self._buried_ms < BURY_MS:
                return refused
            # Perhaps by somebody who died with it.
            self._buried_ms = now_ms
            table.bury()
            return self._take(table, budgets, tokens, now_ms)

    def _take(self, table: _Table, budgets: Sequence[Budget], tokens: int, now_ms: int) -> Refused | None:
        found = []
        for budget in budgets:
            offset = table.find(budget.key)
            spent, under_way = table.read(offset)
            spent = spent.drained(budget, now_ms)
            refused = refusal(budget, spent, under_way, tokens)
            if refused is not None:
                return refused
            found.append((budget.key, offset, spent))
        for key, offset, spent in found:
            table.write(offset, key, Spent(spent.at_ms, spent.requests + 1, spent.tokens + tokens), 1)
        return None

    def settle(self, budgets: Sequence[Budget], taken: int, used: int, now_ms: int) -> None:
        with self._opened() as table:
            for budget in budgets:
                offset = table.find(budget.key)
                spent = table.read(offset)[0].drained(budget, now_ms)
                spent = Spent(spent.at_ms, spent.requests, max(0.0, spent.tokens + used - taken))
                table.write(offset, budget.key, spent, -1)

    def close(self) -> None:
        """Let go of the file; what is under way counts no more."""
        if self._table is not None:
            self._table.close()
            self._table = None

    def _opened(self) -> _Table:
        if self._table is None:
            try:
                self._table = _Table(self._path)
            except OSError as error:
                raise fault_of(error) from None
        return self._table


class _Table:
    """The file. `with` it, no other process touches it."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._known: dict[bytes, int] = {}  # slots by key
        self._mine: dict[int, int] = {}  # what is under way here, by slot
        self._column = -1
        self._lock()
        try:
            size = os.fstat(self._descriptor).st_size
            if size < _FILE_BYTES:
                # Written, not only extended: a page without a block behind it would kill the process on a full disk.
                os.pwrite(self._descriptor, bytes(_FILE_BYTES - size), size)
            self._map = mmap.mmap(self._descriptor, _FILE_BYTES)
            self.bury()
        finally:
            self._unlock()

    def __enter__(self) -> _Table:
        self._lock()
        return self

    def __exit__(self, *_: object) -> None:
        self._unlock()

    def find(self, key: bytes) -> int:
        """Where the key's slot is; a free one, or the one that was not used for the longest time, becomes it."""
        known = self._known.get(key)
        if known is not None and self._map[known : known + 16] == key:
            return known
        oldest, oldest_ms = 0, None
        for offset in range(0, _FILE_BYTES, _SLOT_BYTES):
            found, at_ms, _, _, _ = _HEAD.unpack_from(self._map, offset)
            if found in (key, _NOBODY):
                oldest = offset
                break
            if oldest_ms is None or at_ms < oldest_ms:
                oldest, oldest_ms = offset, at_ms
        if self._map[oldest : oldest + 16] != key:
            self._map[oldest : oldest + _SLOT_BYTES] = key.ljust(_SLOT_BYTES, b"\0")
            self._mine.pop(oldest, None)
        self._known[key] = oldest
        return oldest

    def read(self, offset: int) -> tuple[Spent, int]:
        """What is spent, and how many requests are under way."""
        _, at_ms, requests, tokens, under_way = _HEAD.unpack_from(self._map, offset)
        return Spent(at_ms, requests, tokens), under_way

    def write(self, offset: int, key: bytes, spent: Spent, more: int) -> None:
        """Say what is spent now, and that so many more requests are under way here."""
        under_way = max(0, self.read(offset)[1] + more)
        mine = self._mine[offset] = max(0, self._mine.get(offset, 0) + more)
        _HEAD.pack_into(self._map, offset, key, spent.at_ms, spent.requests, spent.tokens, under_way)
        _COUNT.pack_into(self._map, self._cell(offset, self._column), min(mine, 0xFFFF))

    def close(self) -> None:
        """Gives the column free, too."""
        self._map.close()
        os.close(self._descriptor)

    def bury(self) -> None:
        """Take back what the dead left in their columns."""
        free = [column for column in range(COLUMNS) if column != self._column and self._free(column)]
        for offset in range(0, _FILE_BYTES, _SLOT_BYTES):
            if not any(self._map[offset + _HEAD.size : offset + _SLOT_BYTES]):
                continue
            key, at_ms, requests, tokens, under_way = _HEAD.unpack_from(self._map, offset)
            for column in free:
                cell = self._cell(offset, column)
                under_way -= _COUNT.unpack_from(self._map, cell)[0]
                _COUNT.pack_into(self._map, cell, 0)
            _HEAD.pack_into(self._map, offset, key, at_ms, requests, tokens, max(0, under_way))
        if self._column < 0:
            if not free:
                raise OSError(errno.EUSERS, "more processes than columns")
            self._column = free.pop()
        for column in free:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, 1 + column)

    def _free(self, column: int) -> bool:
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 1 + column)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _cell(self, offset: int, column: int) -> int:
        return offset + _HEAD.size + column * _COUNT.size

    def _lock(self) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX, 1, 0)

    def _unlock(self) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, 0)
