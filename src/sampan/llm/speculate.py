"""Guessing the next tokens from the text itself (prompt look-up: Saxena, 2023): answers often repeat what they are
about. A guess costs one more row in a step; whether it is right, the model says, so the answer never changes."""

from __future__ import annotations

from collections.abc import Sequence

NGRAM_MAX = 4
NGRAM_MIN = 2
WINDOW = 4096  # tokens searched, from the end


def propose(tokens: Sequence[int], count: int) -> list[int]:
    """Up to `count` tokens that followed the latest earlier occurrence of the text's last few tokens."""
    if count <= 0:
        return []
    recent = list(tokens[-WINDOW:])
    for size in range(min(NGRAM_MAX, len(recent) - 1), NGRAM_MIN - 1, -1):
        tail = recent[-size:]
        first = tail[0]
        for start in range(len(recent) - size - 1, -1, -1):
            if recent[start] == first and recent[start : start + size] == tail:
                for i in range(count):  # beyond the end, the guess itself goes on: a loop is guessed as a loop
                    recent.append(recent[start + size + i])
                return recent[-count:]
    return []
