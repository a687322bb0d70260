"""How fast a model has been answering of late, and so when it is worth trying again."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

WINDOW_S = 60.0
RETRY_S = (1.0, 600.0)  # the least and the most that anybody is told to wait


class Pace:
    """Counts over the last minute. Times are those of the given clock, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started = clock()
        self._tokens: deque[list[int]] = deque()  # [second, count]
        self._sum = 0
        self._finished: deque[float] = deque(maxlen=10_000)
        self._refused: deque[float] = deque(maxlen=10_000)  # when each was told to come back

    def step(self, tokens: int) -> None:
        """So many tokens were said."""
        second = math.floor(self._clock())
        if not self._tokens or self._tokens[-1][0] != second:
            self._tokens.append([second, 0])
            self._forget()
        self._tokens[-1][1] += tokens
        self._sum += tokens

    def finished(self) -> None:
        """An answer is complete."""
        self._finished.append(self._clock())

    def refused(self) -> float:
        """Somebody is turned away: in how many seconds will there be a place? One place becomes free with each answer
        that is finished, and those who were sent away before, and are to come back, are ahead."""
        now = self._clock()
        self._forget()
        rate = len(self._finished) / min(max(now - self._started, 1.0), WINDOW_S)
        while self._refused and self._refused[0] <= now:
            self._refused.popleft()
        wait = (len(self._refused) + 1) / rate if rate else RETRY_S[1] / 10
        wait = min(max(wait, RETRY_S[0]), RETRY_S[1])
        self._refused.append(now + wait)
        return wait

    @property
    def tokens_per_s(self) -> float:
        """Over the last minute, or since the start."""
        self._forget()
        return self._sum / min(max(self._clock() - self._started, 1.0), WINDOW_S)

    def _forget(self) -> None:
        since = self._clock() - WINDOW_S
        while self._tokens and self._tokens[0][0] < since:
            self._sum -= self._tokens.popleft()[1]
        while self._finished and self._finished[0] < since:
            self._finished.popleft()
