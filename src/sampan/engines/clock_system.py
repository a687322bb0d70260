"""The machine's own clock and randomness."""

from __future__ import annotations

import secrets
import time


class SystemClock:
    """Implements `kernel.ports.Clock` by the wall clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class SystemChance:
    """Implements `kernel.ports.Chance` by the system's own source."""

    def token(self, n_bytes: int) -> bytes:
        return secrets.token_bytes(n_bytes)
