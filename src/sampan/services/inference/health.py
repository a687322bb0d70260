"""Which backends failed lately, as this process saw it: they are passed over for a while."""

from __future__ import annotations

PAUSE_MS_MIN = 1000
PAUSE_MS_MAX = 60_000
KNOWN_MAX = 4096  # backends; beyond, what was known is forgotten


class Health:
    """Failures by backend. A backend is any value that can be a dict's key."""

    def __init__(self) -> None:
        self._failed: dict[object, tuple[int, int]] = {}  # how often in a row, and until when it rests

    def resting(self, backend: object, now_ms: int) -> int:
        """For how many milliseconds more the backend is passed over; 0: it may be asked."""
        found = self._failed.get(backend)
        return 0 if found is None else max(0, found[1] - now_ms)

    def failed(self, backend: object, now_ms: int, retry_after_ms: int | None = None) -> None:
        """It could not answer. It rests for as long as it said, or else for longer with each failure in a row."""
        count = self._failed.get(backend, (0, 0))[0] + 1
        pause_ms = PAUSE_MS_MIN << min(count - 1, 10) if retry_after_ms is None else retry_after_ms
        if len(self._failed) >= KNOWN_MAX:
            self._failed.clear()
        self._failed[backend] = count, now_ms + min(pause_ms, PAUSE_MS_MAX)

    def answered(self, backend: object) -> None:
        """It did answer."""
        self._failed.pop(backend, None)
