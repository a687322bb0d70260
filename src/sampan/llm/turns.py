"""Whose turn it is: callers who wait share the model evenly, however much each of them asks.

Start-time fair queueing (Goyal, Vin and Cheng, 1996). Every caller has a virtual time, which advances by what its
requests cost; each request may begin at its caller's, but not before those that have begun already. One caller alone is
served in order of arrival.
"""

from __future__ import annotations

import itertools

ANSWER_TOKENS = 512  # how long an answer is thought to become that may be longer
TENANTS_MAX = 1024  # callers that are remembered

Turn = tuple[float, int]


class Turns:
    """Gives requests their places in the queue: the smaller goes first."""

    def __init__(self) -> None:
        self._now = 0.0
        self._next: dict[str, float] = {}
        self._serials = itertools.count(1)

    def take(self, tenant: str, prompt_tokens: int, answer_tokens: int) -> Turn:
        """A place for a request of a caller."""
        start = max(self._now, self._next.get(tenant, 0.0))
        self._next[tenant] = start + prompt_tokens + min(answer_tokens, ANSWER_TOKENS)
        if len(self._next) > TENANTS_MAX:  # those who are behind the middle catch up with it, and can be forgotten
            self._now = max(self._now, sorted(self._next.values())[TENANTS_MAX // 2])
            self._next = {name: after for name, after in self._next.items() if after > self._now}
        return start, next(self._serials)

    def begun(self, turn: Turn) -> None:
        """The request that had this place is being answered."""
        self._now = max(self._now, turn[0])
