"""Which sequences run in the next step, and how many tokens of each.

Every step has a budget of tokens. Sequences that need one more token to go on come first, then those whose prompt is
still being read, in pieces that fit; then new ones are admitted: by priority, callers in turn, by arrival. When the
cache is full, the last in that order is sent back to wait: it keeps its tokens, and computes them again later.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass

from sampan.llm.blocks import Blocks
from sampan.llm.sequence import Sequence
from sampan.llm.turns import Turns


@dataclass(frozen=True, slots=True)
class Work:
    """`count` tokens of one sequence, guesses included, from its `computed` on or so many `ahead` of that."""

    sequence: Sequence
    count: int
    ahead: int = 0


class Scheduler:
    """Continuous batching: sequences join and leave between any two steps."""

    def __init__(
        self, blocks: Blocks, *, step_tokens_max: int, sequences_max: int, paged: bool = True, whole: bool = False
    ) -> None:
        """Without `paged`, nothing that a sequence has can be given to another; with `whole`, texts are read in one
        piece, however long."""
        self.blocks = blocks
        self.running: list[Sequence] = []  # in order
        self.waiting: list[Sequence] = []  # in order
        self.preemptions = 0
        self._step_tokens_max, self._sequences_max = step_tokens_max, sequences_max
        self._paged, self._whole = paged, whole
        self._turns = Turns()

    def add(self, sequence: Sequence) -> None:
        """Let it wait; what was pushed out keeps its turn."""
        if not sequence.turn:
            sequence.turn = self._turns.take(sequence.request.tenant, sequence.request.priority)
        bisect.insort(self.waiting, sequence, key=lambda one: one.order)

    def remove(self, sequence: Sequence) -> None:
        """The sequence is finished or given up; its blocks are free at once."""
        if sequence in self.running:
            self.running.remove(sequence)
            sequence.stop(self.blocks)
        elif sequence in self.waiting:
            self.waiting.remove(sequence)

    def fork(self, parent: Sequence, child: Sequence) -> tuple[int, int] | None:
        """Let `child`, which begins with the parent's computed tokens, run from where the parent is. Returns the
        slots (from, to) of a part-filled block to copy, or None. Without room the child waits, and computes again."""
        size = self.blocks.size
        child.turn = parent.turn
        full, rest = divmod(parent.computed, size)
        crowded = len(self.running) >= self._sequences_max or self.blocks.free < 1 + (rest > 0)
        if not self._paged or crowded or parent not in self.running:
            self.add(child)
            return None
        child.start(self.blocks, (parent.blocks[:full], parent._serials[:full]))
        bisect.insort(self.running, child, key=lambda one: one.order)
        if not rest:
            return None
        child.grow(self.blocks, parent.computed)
        child.computed = parent.computed
        return parent.blocks[full] * size, child.blocks[full] * size

    def schedule(self) -> list[Work]:
        """The next step. Every sequence in it has blocks for its tokens."""
        work: dict[Sequence, int] = {}
        self._budget = self._step_tokens_max
        before = self.preemptions
        short = [sequence for sequence in self.running if sequence.pending == 1]
        long = [sequence for sequence in self.running if sequence.pending > 1]
        for sequence in short + long:
            if self._budget > 0 and sequence in self.running:
                self._give(sequence, work)
        if self.preemptions == before:
            self._admit(work)
        if not work and self.running:
            self._unblock(work)
        return [Work(sequence, count) for sequence, count in work.items()]

    def _unblock(self, work: dict[Sequence, int]) -> None:
        """All that run have nothing to do: they are beams whose siblings wait for their places. They give way, the last
        first, until they have a token more; what they have come to is not lost."""
        gone: list[Sequence] = []
        while self.waiting and self.running and not work:
            gone.append(self.running.pop())
            gone[-1].stop(self.blocks)
            self._admit(work)
        for sequence in gone:
            sequence.rested = len(sequence.tokens)
            sequence.preemptions += 1
            self.preemptions += 1
            self.add(sequence)

    def _give(self, sequence: Sequence, work: dict[Sequence, int]) -> None:
        """Budget and blocks for a running sequence; others may have to go for it, or it itself."""
        if sequence.pending > 1 or self._budget <= len(sequence.draft):
            sequence.draft = []
        count = self._piece(sequence.pending + len(sequence.draft))
        while self._lacking(sequence, count) > self.blocks.free:
            last = self.running[-1]
            self._budget += work.pop(last, 0)
            self._preempt(last)
            if last is sequence:
                return
        sequence.grow(self.blocks, sequence.computed + count)
        work[sequence] = count
        self._budget -= count

    def _piece(self, pending: int) -> int:
        """How many of the pending tokens the next step takes."""
        return pending if self._whole else min(pending, self._budget)

    def _lacking(self, sequence: Sequence, count: int) -> int:
        return self.blocks.needed(sequence.computed + count) - len(sequence.blocks)

    def _preempt(self, sequence: Sequence) -> None:
        self.running.remove(sequence)
        sequence.stop(self.blocks)
        sequence.preemptions += 1
        self.preemptions += 1
        self.add(sequence)

    def _admit(self, work: dict[Sequence, int]) -> None:
        for sequence in list(self.waiting):
            if self._budget <= 0:
                return
            if sequence.rested == len(sequence.tokens):
                continue
            known = sequence.known(self.blocks)
            if self._under_way(sequence, len(known[0]) * self.blocks.size):
                continue
            if not self._room(sequence, known[0], work):
                return
            self.waiting.remove(sequence)
            self._turns.serve(sequence.turn, sequence.request.priority)
            sequence.start(self.blocks, known)
            bisect.insort(self.running, sequence, key=lambda one: one.order)
            count = self._piece(sequence.pending)
            sequence.grow(self.blocks, sequence.computed + count)
            work[sequence] = count
            self._budget -= count

    def _under_way(self, sequence: Sequence, known: int) -> bool:
        """Whether a running sequence is just computing what this one would need next: then waiting is cheaper."""
        size = self.blocks.size
        return any(
            other.computed < known + size
            and other.computed < other.prompt_length
            and sequence.begins_like(other, known, size)
            and sequence.tokens[:known] == other.tokens[:known]
            for other in self.running
        )

    def _room(self, sequence: Sequence, known: list[int], work: dict[Sequence, int]) -> bool:
        """Whether the sequence can start, if need be in place of a running one of lower priority."""
        while True:
            held = sum(1 for block in known if self.blocks.idle(block))
            start = len(known) * self.blocks.size
            first = start + self._piece(len(sequence.tokens) - start)
            # One spare block for each that runs: else the newcomer would soon push somebody out.
            needed = self.blocks.needed(first) - len(known) + held + len(self.running)
            if len(self.running) < self._sequences_max and needed <= self.blocks.free:
                return True
            if not self.running:
                return needed <= self.blocks.free
            last = self.running[-1]
            if last.request.priority >= sequence.request.priority:
                return False
            self._budget += work.pop(last, 0)
            self._preempt(last)
