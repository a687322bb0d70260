"""Where one answer stands in its reasoning, told by tokens."""

from __future__ import annotations

from sampan.llm.request import Thinking


class Reasoning:
    """Follows an answer's tokens: before, in or past its reasoning, and what is to be said for the model."""

    def __init__(self, thinking: Thinking) -> None:
        self._thinking = thinking
        self._open = thinking.opened
        self._count = 0
        self._left: list[int] = []  # of the closing, what is to be said
        self.over = False
        self._limit()

    @property
    def closing(self) -> int | None:
        """The token that must come next because reasoning has become too long; None: any."""
        return self._left[0] if self._left else None

    def add(self, token: int) -> None:
        """A token was said."""
        if self.over:
            return
        if self._left:
            self._left.pop(0)
            self.over = not self._left
        elif token == self._thinking.end:
            self.over = True
        elif token == self._thinking.begin:
            self._open = True
        elif not self._open:  # it answers without reasoning
            self.over = True
        else:
            self._count += 1
        self._limit()

    def _limit(self) -> None:
        limit = self._thinking.tokens_max
        if self._open and not self.over and not self._left and limit is not None and self._count >= limit:
            self._left = list(self._thinking.closing)
