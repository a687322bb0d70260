"""Guessing the next tokens, so that one step of the model can confirm several.

A guess costs one more row in a step, and whether it is right the model says: a row counts only if the guesses before it
are what the model itself chose. A choice is made by the request's seed and the token's place alone, so answers, greedy
or drawn, are token for token those without guesses, and their distribution is the model's. A draft model is asked with
the same random numbers, so that where it agrees with the model about chances it also agrees about the choice.
"""

from __future__ import annotations

from collections.abc import Sequence as Items
from typing import Protocol

from sampan.llm import sampler
from sampan.llm.blocks import Blocks
from sampan.llm.models.mlp import Tweak
from sampan.llm.runner import Runner
from sampan.llm.scheduler import Work
from sampan.llm.sequence import Sequence

NGRAM_MAX = 4
NGRAM_MIN = 2
WINDOW = 4096  # tokens searched, from the end


class Guesses(Protocol):
    """Where guesses come from."""

    def follow(self, work: Items[Work]) -> None:
        """See what the model sees in a step."""
        ...

    def propose(self, wanted: Items[tuple[Sequence, int]]) -> None:
        """Put up to so many guesses into each sequence's `draft`. All but its last token is computed."""
        ...

    def copy_block(self, source: int, target: int) -> None:
        """A block was copied."""
        ...


class LookUp:
    """From the text itself (prompt look-up: Saxena, 2023): answers often repeat what they are about."""

    def follow(self, work: Items[Work]) -> None:
        """Nothing to learn."""

    def propose(self, wanted: Items[tuple[Sequence, int]]) -> None:
        for sequence, count in wanted:
            sequence.draft = look_up(sequence.tokens, count)

    def copy_block(self, source: int, target: int) -> None:
        """Nothing is kept."""


class Draft:
    """From a smaller model of the same vocabulary. It keeps its keys and values in the same slots as the model does and
    reads whatever that reads: what one finds in a shared or copied block, the other finds too."""

    def __init__(self, runner: Runner, blocks: Blocks, vocabulary: int) -> None:
        self._runner, self._blocks, self._vocabulary = runner, blocks, vocabulary

    def follow(self, work: Items[Work]) -> None:
        self._runner.hidden(work, Tweak())

    def propose(self, wanted: Items[tuple[Sequence, int]]) -> None:
        left = [(sequence, self._room(sequence, count)) for sequence, count in wanted]
        ahead = 0
        while left := [(sequence, count) for sequence, count in left if count > ahead and len(sequence.draft) == ahead]:
            work = [Work(sequence, 1, ahead) for sequence, _ in left]
            at = 0
            for logits in self._runner.logits(self._runner.hidden(work, Tweak()), range(len(work))):
                for row in logits[:, : self._vocabulary]:
                    if bool(row.max().isfinite()):
                        sequence = left[at][0]
                        sequence.draft.append(sampler.guess(row, sequence))
                    at += 1
            ahead += 1

    def copy_block(self, source: int, target: int) -> None:
        self._runner.copy_block(source, target)

    def _room(self, sequence: Sequence, count: int) -> int:
        """Guesses for which there are blocks, which the sequence then holds."""
        spare = (len(sequence.blocks) + self._blocks.free) * self._blocks.size - len(sequence.tokens)
        if min(count, spare) <= 0:
            return 0
        sequence.grow(self._blocks, len(sequence.tokens) + min(count, spare))
        return min(count, spare)


def look_up(tokens: Items[int], count: int) -> list[int]:
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
