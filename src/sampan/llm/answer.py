"""One answer of a request while it is being made: its sequence, its text, its grammar, and when it ends."""

from __future__ import annotations

import math

from torch import Tensor

from sampan.llm import sampler
from sampan.llm.reasoning import Reasoning
from sampan.llm.request import Logprob, Sampling, Update
from sampan.llm.sequence import Sequence
from sampan.llm.structured import Matcher
from sampan.llm.text import Stream


class Answer:
    """Takes rows of logits, gives tokens, and gathers what the next Update says."""

    def __init__(self, sequence: Sequence, *, stream: Stream | None, end_tokens: frozenset[int]) -> None:
        self.sequence = sequence
        self.finished: str | None = None
        self.why = ""
        self.score = 0.0  # sum of log probabilities, kept only when answers are compared
        self._sampling = sequence.request.sampling
        self._stream = stream
        self._matcher: Matcher | None = None
        self._reasoning = Reasoning(thinking) if (thinking := sequence.request.thinking) else None
        self._end = end_tokens
        self._stops = frozenset(self._sampling.stop_tokens) | (frozenset() if self._sampling.ignore_end else end_tokens)
        self._tokens: list[int] = []
        self._text: list[str] = []
        self._logprobs: list[Logprob] = []
        self._prompt_logprobs: list[Logprob | None] = []
        self._noted = 0
        self._told = False

    @property
    def sampling(self) -> Sampling:
        return self._sampling

    def follow(self, matcher: Matcher) -> None:
        """Keep to a grammar."""
        self._matcher = matcher

    def take(self, row: Tensor, likeliest: int) -> int:
        """Choose the next token from its row. `likeliest` is the row's largest. May raise RequestError."""
        sampling, sequence = self._sampling, self.sequence
        if self._reasoning is not None and (said := self._reasoning.closing) is not None:
            self._note(row, said)
            self._append(said)
            return said
        if sampler.plain(sampling) and not sampling.best_of:
            token = likeliest
        else:
            early = len(sequence.tokens) - sequence.prompt_length < sampling.tokens_min
            prompt = sequence.request.prompt
            adjusted = sampler.adjust(row, sampling, prompt, sequence.answer, set(self._stops) if early else set())
            if self._matcher is not None and not self._free:
                adjusted = self._matcher.mask(adjusted)
            number = sampler.uniform(sequence.seed, len(sequence.tokens))
            token = sampler.choose(adjusted, sampling, number)
            self._note(row, token)
        self._append(token)
        return token

    def give_up(self, reason: str, why: str = "") -> None:
        """End without another token."""
        if self.finished is None:
            self._finish(reason)
            self.why = why

    def note_prompt(self, position: int, entries: list[Logprob]) -> None:
        """The prompt's tokens from `position` on, unless they are known from before a pre-emption."""
        if self._noted == 0:  # nothing precedes the first token
            self._prompt_logprobs, self._noted = [None], 1
        fresh = entries[self._noted - position :]
        self._prompt_logprobs += fresh
        self._noted += len(fresh)

    def update(self) -> Update | None:
        """What is new since the last call; None if nothing is."""
        if self._told or not (self._tokens or self.finished):
            return None
        self._told = self.finished is not None
        sequence = self.sequence
        out = Update(
            request_id=sequence.request_id,
            index=sequence.index,
            tokens=tuple(self._tokens),
            text="".join(self._text),
            logprobs=tuple(self._logprobs),
            prompt_logprobs=tuple(self._prompt_logprobs),
            finished=self.finished,
            why=self.why,
            stopped_by=self._stream.stopped_by if self._stream is not None and self.finished else "",
            prompt_tokens=sequence.prompt_length,
            shared_tokens=sequence.shared or 0,
        )
        self._tokens, self._text, self._logprobs, self._prompt_logprobs = [], [], [], []
        return out

    def _note(self, row: Tensor, token: int) -> None:
        wanted = self._sampling.logprobs
        if wanted is None and not self._sampling.best_of:
            return
        found = sampler.report(row, token, wanted or 0)
        self.score += found.value
        if wanted is not None:
            self._logprobs.append(found)

    def _append(self, token: int) -> None:
        sequence = self.sequence
        sequence.tokens.append(token)
        self._tokens.append(token)
        if token in self._stops:
            self._finish("stop")
            return
        free = self._free
        if self._reasoning is not None:
            self._reasoning.add(token)
        if self._matcher is not None and not free and token not in self._end:
            self._matcher.accept(token)
        if self._stream is not None:
            self._text.append(self._stream.add((token,)))
            if self._stream.stopped:
                self._finish("stop")
                return
        if self._matcher is not None and not free and self._matcher.done:
            self._finish("stop")
        elif len(sequence.tokens) >= sequence.length_max:
            self._finish("length")

    @property
    def _free(self) -> bool:
        """Whether the grammar has to wait."""
        return self._reasoning is not None and not self._reasoning.over

    def _finish(self, reason: str) -> None:
        self.finished = reason
        if self._stream is not None:
            self._text.append(self._stream.end())

    @property
    def likelihood(self) -> float:
        """The mean log probability of its tokens."""
        count = len(self.sequence.tokens) - self.sequence.prompt_length
        return self.score / count if count else -math.inf
