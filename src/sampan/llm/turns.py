"""Whose turn it is, when several callers wait at once.

A sequence gets a number when it arrives, and lower ones go first: the number after the caller's last, or after the one
that was served last, whichever is greater. So callers who wait are served in rotation, and one who comes back after a
pause gets no credit for it. This is start-time fair queueing (Goyal, Vin and Cheng, 1996), every sequence of the same
weight: while two callers wait, what they are given never differs by more than two.
"""

from __future__ import annotations

KEPT_MAX = 1024  # callers remembered before those of the past are dropped

_Line = tuple[str | None, int]  # caller, priority


class Turns:
    """Priorities are lines of their own: what is served in one moves nobody in another."""

    def __init__(self) -> None:
        self._last: dict[_Line, int] = {}
        self._served: dict[int, int] = {}

    def take(self, tenant: str | None, priority: int) -> int:
        """The number of one more sequence."""
        line = (tenant, priority)
        number = max(self._last.get(line, 0), self._served.get(priority, 0)) + 1
        self._last[line] = number
        return number

    def serve(self, number: int, priority: int) -> None:
        """The sequence with that number begins to run."""
        self._served[priority] = max(self._served.get(priority, 0), number)
        if len(self._last) > KEPT_MAX:  # a number that was passed says no more than none
            self._last = {line: last for line, last in self._last.items() if last > self._served.get(line[1], 0)}
