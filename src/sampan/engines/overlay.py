"""Writes kept aside, over a view: what a transaction sees of itself before anything is stored."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

from sampan.kernel.ports import View

Row = tuple[bytes, bytes]


class Overlay:
    """A `Transaction` that leaves the view below it as it is. Throw it away to roll back; `rows` is what to store.

    Overlays stack: a batch of changes is one overlay over the stored rows, each change an overlay over the batch.
    """

    __slots__ = ("_below", "_keys", "_rows", "n_bytes")

    def __init__(self, below: View) -> None:
        self._below = below
        self._rows: dict[bytes, bytes | None] = {}  # None: deleted
        self._keys: list[bytes] = []  # those of _rows, in order
        self.n_bytes = 0  # of all keys and values ever put: an upper bound of what is to store

    def get(self, key: bytes) -> bytes | None:
        rows = self._rows
        return rows[key] if key in rows else self._below.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        # Checked here, where the mistake is: later it would be the whole batch that fails.
        if key.__class__ is not bytes or value.__class__ is not bytes:
            raise TypeError(f"a row is bytes and bytes, not {type(key).__name__} and {type(value).__name__}")
        self._set(key, value)

    def delete(self, key: bytes) -> None:
        if key.__class__ is not bytes:
            raise TypeError(f"a key is bytes, not {type(key).__name__}")
        self._set(key, None)

    def scan(self, start: bytes, end: bytes, *, reverse: bool = False) -> Iterator[Row]:
        keys = self._keys[bisect_left(self._keys, start) : bisect_left(self._keys, end)]
        if not keys:
            return self._below.scan(start, end, reverse=reverse)
        if reverse:
            keys.reverse()
        return self._merged(iter(keys), self._below.scan(start, end, reverse=reverse), reverse)

    def _merged(self, keys: Iterator[bytes], below: Iterator[Row], reverse: bool) -> Iterator[Row]:
        rows = self._rows
        mine = next(keys, None)
        for key, value in below:
            while mine is not None and mine != key and (mine > key) == reverse:
                if (own := rows[mine]) is not None:
                    yield mine, own
                mine = next(keys, None)
            if mine == key:
                mine = next(keys, None)
            # Asked again, not remembered: the row may have been deleted since the scan began.
            if (found := rows.get(key, value)) is not None:
                yield key, found
        while mine is not None:
            if (own := rows[mine]) is not None:
                yield mine, own
            mine = next(keys, None)

    def absorb(self, other: Overlay) -> None:
        """Take over what another overlay, lying over this one, has written."""
        for key, value in other._rows.items():
            self._set(key, value)

    def keys(self) -> Iterable[bytes]:
        """Those of `rows`."""
        return self._keys

    def rows(self) -> Iterator[tuple[bytes, bytes | None]]:
        """What was put (or deleted: None), in the order of the keys."""
        rows = self._rows
        return ((key, rows[key]) for key in self._keys)

    def __len__(self) -> int:
        return len(self._rows)

    def _set(self, key: bytes, value: bytes | None) -> None:
        rows = self._rows
        if key not in rows:
            insort(self._keys, key)
        rows[key] = value
        self.n_bytes += len(key) + (len(value) if value is not None else 0)
