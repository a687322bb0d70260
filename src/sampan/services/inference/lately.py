"""What was found out lately, for as long as it is worth believing."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Lately(Generic[T]):
    """Values by key, each forgotten `kept_ms` after it was put; at most `count_max` of them."""

    def __init__(self, kept_ms: int, count_max: int = 4096) -> None:
        self._kept_ms = kept_ms
        self._count_max = count_max
        self._kept: dict[object, tuple[int, T]] = {}

    def get(self, key: object, now_ms: int) -> T | None:
        """The value, or None if there is none that is young enough."""
        found = self._kept.get(key)
        return found[1] if found is not None and now_ms < found[0] else None

    def put(self, key: object, value: T, now_ms: int) -> None:
        """Remember it."""
        if len(self._kept) >= self._count_max:
            self._kept.clear()
        self._kept[key] = now_ms + self._kept_ms, value
