"""What rows of the Store say, remembered for as long as they do not change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from sampan.kernel.ports import Store

T = TypeVar("T")


class Remembered(Generic[T]):
    """Values made of single rows. `read` makes one of a row's key and bytes; at most `count_max` are kept.

    A value that is found is never older than the row's last change that anybody was told of, in any process: the row's
    number (`Store.changes`) is looked at before the row is read, and the value counts only while that number stays. A
    change that was acknowledged meanwhile has made it another one, for good. What is not there is not remembered, so
    that asking for made-up names pushes nothing out.

    Values are shared: leave them as they are. For use in one thread.
    """

    __slots__ = ("_count_max", "_kept", "_read", "_store")

    def __init__(self, store: Store, read: Callable[[bytes, bytes], T], count_max: int) -> None:
        self._store = store
        self._read = read
        self._count_max = count_max
        self._kept: dict[bytes, tuple[int, T]] = {}

    def find(self, key: bytes) -> T | None:
        """What the row of that key says, or None if there is no such row. Raises what `Store.get` raises."""
        changes = self._store.changes(key)
        kept = self._kept.get(key)
        if kept is not None:
            if kept[0] == changes:
                return kept[1]
            del self._kept[key]
        raw = self._store.get(key)
        if raw is None:
            return None
        value = self._read(key, raw)
        if changes is not None:
            if len(self._kept) >= self._count_max:
                self._kept.clear()
            self._kept[key] = changes, value
        return value
