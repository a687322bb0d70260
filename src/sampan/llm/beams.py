"""Beam search: the `width` likeliest continuations are kept side by side. A beam is a sequence like any other; here is
only who goes on. The rules (which ends count, how lengths are weighed, when to stop) are transformers'."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from sampan.llm.request import Sampling, Update
from sampan.llm.sequence import Sequence
from sampan.llm.text import Text


@dataclass(slots=True)
class Change:
    """What becomes of the beams: some grow by a token, some give rise to others, the rest end."""

    grown: list[tuple[Sequence, int]] = field(default_factory=list)
    forks: list[tuple[Sequence, int]] = field(default_factory=list)
    ended: list[Sequence] = field(default_factory=list)


@dataclass(slots=True)
class _End:
    score: float
    tokens: list[int]
    reason: str


class Beams:
    """The search of one request."""

    def __init__(self, sampling: Sampling, end_tokens: frozenset[int]) -> None:
        self._sampling, self._width = sampling, sampling.beams
        self._ends = frozenset(sampling.stop_tokens) | (frozenset() if sampling.ignore_end else end_tokens)
        self._rows: dict[Sequence, tuple[list[float], list[int]]] = {}
        self._scores: dict[tuple[int, ...], float] = {}
        self._finished: list[_End] = []
        self._stopped: str | None = None
        self._why = ""

    def collect(self, sequence: Sequence, row: Tensor) -> None:
        """A beam's next row of logits."""
        values, tokens = row.log_softmax(-1).topk(min(2 * self._width, row.shape[0]))
        self._rows[sequence] = (values.tolist(), tokens.tolist())

    def stop(self, reason: str, why: str = "") -> None:
        """Give up: the answer is what is there."""
        if self._stopped is None:
            self._stopped, self._why = reason, why

    def advance(self, live: list[Sequence]) -> Change | None:
        """One step of the search, once every live beam has its row; until then, None."""
        if self._stopped or any(sequence not in self._rows for sequence in live):
            return None
        candidates = sorted(
            (
                (self._score(sequence) + value, -order, sequence, token)
                for order, sequence in enumerate(live)
                for value, token in zip(*self._rows[sequence], strict=True)
            ),
            key=lambda one: one[:2],
            reverse=True,
        )[: 2 * self._width]
        self._rows = {}
        going: list[tuple[float, Sequence, int]] = []
        for rank, (score, _, sequence, token) in enumerate(candidates):
            if token in self._ends:
                if rank < self._width:
                    self._end(score, [*sequence.answer, token], "stop")
            elif len(going) < self._width:
                going.append((score, sequence, token))
        change = self._change(live, going)
        self._judge(going, len(live[0].answer) + 1, live[0])
        return change

    def updates(self, live: list[Sequence], text: Text | None) -> list[Update]:
        """The answers, best first, once the search is over; before, nothing."""
        if self._stopped is None:
            return []
        for sequence in live:  # beams cut short compete with those that ended
            if sequence.answer and tuple(sequence.tokens) in self._scores:
                self._end(self._score(sequence), sequence.answer, self._stopped)
        wanted = self._sampling.n  # who waits for so many answers gets so many ends, whenever the search was stopped
        ranked = [*self._finished, *[_End(0.0, [], self._stopped)] * wanted][:wanted]
        return [
            Update(
                live[0].request_id,
                index,
                tokens=tuple(end.tokens),
                text=text.decode(end.tokens) if text else "",
                finished=end.reason,
                why=self._why if end.reason in ("error", "refused") else "",
                prompt_tokens=live[0].prompt_length,
                shared_tokens=live[0].shared or 0,
            )
            for index, end in enumerate(ranked)
        ]

    def _score(self, sequence: Sequence) -> float:
        return self._scores.get(tuple(sequence.tokens), 0.0)

    def _end(self, score: float, tokens: list[int], reason: str) -> None:
        self._finished.append(_End(score / len(tokens) ** self._sampling.length_penalty, tokens, reason))
        self._finished.sort(key=lambda end: -end.score)
        del self._finished[self._width :]

    def _change(self, live: list[Sequence], going: list[tuple[float, Sequence, int]]) -> Change:
        change = Change()
        self._scores = {(*sequence.tokens, token): score for score, sequence, token in going}
        grown: set[Sequence] = set()
        for _, sequence, token in going:
            if sequence in grown:
                change.forks.append((sequence, token))
            else:
                grown.add(sequence)
                change.grown.append((sequence, token))
        change.ended = [sequence for sequence in live if sequence not in grown] if grown else []
        return change

    def _judge(self, going: list[tuple[float, Sequence, int]], length: int, one: Sequence) -> None:
        """Stop when there is no room, or when no beam can still beat the worst of enough ended ones."""
        if not going:
            self._stopped = "stop"
        elif len(self._finished) == self._width:
            best = going[0][0] / length**self._sampling.length_penalty
            if best <= self._finished[-1].score:
                self._stopped = "stop"
                self._scores = {}
        if self._stopped is None and one.prompt_length + length >= one.length_max:
            self._stopped = "length"
