"""Budgets: how many requests and tokens somebody may use a minute, and how many requests may be under way.

What was used drains away steadily, a full budget in a minute (a leaky bucket): there is no moment at which a window
begins anew and everybody comes at once, and the time until there is room again can be said truthfully.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit of each kind, or None. `key` tells whose it is: 16 bytes."""

    key: bytes
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    in_flight: int | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What is used of a budget, as of `at_ms`: requests and tokens that have not drained away yet. A fresh one is
    all zeros. Tokens may be more than the limit: how many an answer takes is known when it has been given."""

    at_ms: int = 0
    requests: float = 0.0
    tokens: float = 0.0

    def drained(self, budget: Budget, now_ms: int) -> Spent:
        """The same at a later time. A clock that was set back drains nothing."""
        gone = max(0, now_ms - self.at_ms) / MINUTE_MS
        return Spent(
            max(self.at_ms, now_ms),
            _drained(self.requests, budget.requests_per_minute, gone),
            _drained(self.tokens, budget.tokens_per_minute, gone),
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """There is no room: of which kind ("requests", "tokens", "in flight"), the limit, and when there will be."""

    kind: str
    limit: int
    retry_after_s: float


class Limiter(Protocol):
    """Keeps budgets for all worker processes together. What a process had under way is given back when it dies."""

    def take(self, budgets: Sequence[Budget], tokens: int, now_ms: int) -> Refused | None:
        """Take a request and `tokens` (as many as it may need) of all these budgets, or of none if one has no room.

        Raises Fault(FULL | UNAVAILABLE, "store")."""
        ...

    def settle(self, budgets: Sequence[Budget], taken: int, used: int, now_ms: int) -> None:
        """The request is over. It used `used` tokens of the `taken` ones, or more."""
        ...


def refusal(budget: Budget, spent: Spent, in_flight: int, tokens: int) -> Refused | None:
    """Why a request that may need so many tokens has to wait, or None. `spent` is as of now."""
    if budget.in_flight is not None and in_flight >= budget.in_flight:
        return Refused("in flight", budget.in_flight, 1.0)  # how long the others take nobody knows
    for kind, limit, used, wanted in (
        ("requests", budget.requests_per_minute, spent.requests, 1),
        ("tokens", budget.tokens_per_minute, spent.tokens, tokens),
    ):
        if limit is None:
            continue
        # Who wants more than a minute's worth waits until all is drained, and not for ever.
        over = used + min(wanted, limit) - limit
        if over > 1e-6:
            return Refused(kind, limit, over / limit * 60 if limit else 60.0)
        if limit == 0:
            return Refused(kind, limit, 60.0)
    return None


def _drained(used: float, limit: int | None, minutes: float) -> float:
    return 0.0 if limit is None else max(0.0, used - limit * minutes)
