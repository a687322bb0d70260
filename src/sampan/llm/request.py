"""What a caller asks for, and what comes back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sampan.llm.errors import RequestError

if TYPE_CHECKING:
    from sampan.llm.structured import Grammar

N_MAX = 128
ALTERNATIVES_MAX = 64
STOPS_MAX = 16
STOP_CHARACTERS_MAX = 1024
BIASES_MAX = 4096
BEAMS_MAX = 32
TENANT_CHARACTERS_MAX = 256


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen, and when to stop. The defaults are the model's own distribution.

    Filters apply in this order: penalties, bias, grammar, temperature, top_k, top_p, min_p, typical_p.
    """

    temperature: float = 1.0  # 0 is greedy
    top_k: int = 0  # 0: all
    top_p: float = 1.0
    min_p: float = 0.0  # least probability, as a share of the likeliest token's
    typical_p: float = 1.0
    repetition_penalty: float = 1.0  # over prompt and answer
    frequency_penalty: float = 0.0  # over the answer, per occurrence
    presence_penalty: float = 0.0  # over the answer, once
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    seed: int | None = None  # the same seed gives the same answer, whatever else is running
    tokens_max: int = 1 << 20  # cut to the model's room
    tokens_min: int = 0
    stop: tuple[str, ...] = ()  # the answer ends before any of these
    stop_tokens: tuple[int, ...] = ()
    ignore_end: bool = False  # do not stop at the model's end tokens
    n: int = 1
    best_of: int = 0  # make so many answers, return the `n` likeliest; 0: n
    logprobs: int | None = None  # alternatives to report per token
    prompt_logprobs: int | None = None
    beams: int = 0  # beam search of this width; 0: sampling
    length_penalty: float = 1.0  # beam search: scores are divided by length ** this
    grammar: Grammar | None = None

    def check(self) -> None:
        """Raises RequestError if a parameter is out of range."""
        ranges = (
            ("temperature", self.temperature, 0.0, 100.0),
            ("top_k", self.top_k, 0, 1 << 20),
            ("top_p", self.top_p, 1e-9, 1.0),
            ("min_p", self.min_p, 0.0, 1.0),
            ("typical_p", self.typical_p, 1e-9, 1.0),
            ("repetition_penalty", self.repetition_penalty, 1e-3, 1e3),
            ("frequency_penalty", self.frequency_penalty, -100.0, 100.0),
            ("presence_penalty", self.presence_penalty, -100.0, 100.0),
            ("tokens_max", self.tokens_max, 1, 1 << 30),
            ("tokens_min", self.tokens_min, 0, self.tokens_max),
            ("n", self.n, 1, N_MAX),
            ("best_of", self.best_of, 0, N_MAX),
            ("logprobs", self.logprobs or 0, 0, ALTERNATIVES_MAX),
            ("prompt_logprobs", self.prompt_logprobs or 0, 0, ALTERNATIVES_MAX),
            ("beams", self.beams, 0, BEAMS_MAX),
            ("length_penalty", self.length_penalty, -10.0, 10.0),
        )
        for name, value, low, high in ranges:
            if not low <= value <= high:  # also catches NaN
                raise RequestError(f"{name} must lie between {low} and {high}, not {value}", field=name)
        if len(self.stop) > STOPS_MAX:
            raise RequestError(f"at most {STOPS_MAX} stop strings", field="stop")
        if any(not stop or len(stop) > STOP_CHARACTERS_MAX for stop in self.stop):
            raise RequestError(f"a stop string must have 1 to {STOP_CHARACTERS_MAX} characters", field="stop")
        if len(self.logit_bias) > BIASES_MAX:
            raise RequestError(f"at most {BIASES_MAX} logit biases", field="logit_bias")
        if any(math.isnan(bias) for bias in self.logit_bias.values()):
            raise RequestError("a logit bias must be a number", field="logit_bias")
        if self.best_of and self.best_of < self.n:
            raise RequestError(f"best_of ({self.best_of}) must not be below n ({self.n})", field="best_of")
        if self.beams:
            self._check_beams()

    def _check_beams(self) -> None:
        if self.n > self.beams:
            raise RequestError(f"n ({self.n}) must not exceed beams ({self.beams})", field="n")
        if self.grammar is not None or self.stop or self.best_of or self.logprobs is not None:
            raise RequestError(
                "beam search does not go with a grammar, stop strings, best_of or logprobs", field="beams"
            )


@dataclass(frozen=True, slots=True)
class Thinking:
    """How an answer's reasoning is seen and ended: between the tokens `begin` and `end`, and, once it has
    `tokens_max` tokens, by saying `closing` for the model. A grammar waits until reasoning is over."""

    begin: int
    end: int
    opened: bool  # by the prompt
    tokens_max: int | None = None
    closing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt and what to make of it."""

    prompt: tuple[int, ...]
    sampling: Sampling = field(default_factory=Sampling)
    priority: int = 0  # higher goes first, and may pre-empt lower
    deadline_s: float | None = None  # from now; what is there by then is the answer
    adapter: str | None = None
    thinking: Thinking | None = None
    tenant: str | None = None  # on whose behalf: those who wait at one priority are served in rotation


@dataclass(frozen=True, slots=True)
class Logprob:
    """A token's log probability under the model (before temperature and filters), and the likeliest instead of it."""

    token: int
    value: float
    alternatives: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """What a step added to one answer of a request."""

    request_id: int
    index: int  # which of the n answers
    tokens: tuple[int, ...] = ()
    text: str = ""
    logprobs: tuple[Logprob, ...] = ()
    prompt_logprobs: tuple[Logprob | None, ...] = ()  # once, with the first update; None for the first token
    finished: str | None = None  # stop | length | cancelled | deadline | error | refused (found only when it began)
    why: str = ""  # for error and refused
    stopped_by: str = ""  # the stop string that came
    prompt_tokens: int = 0
    shared_tokens: int = 0  # of the prompt, found in the cache


def joined(parts: list[Update]) -> Update:
    """The updates of one answer as one."""
    last = parts[-1]
    return Update(
        request_id=last.request_id,
        index=last.index,
        tokens=tuple(token for part in parts for token in part.tokens),
        text="".join(part.text for part in parts),
        logprobs=tuple(one for part in parts for one in part.logprobs),
        prompt_logprobs=tuple(one for part in parts for one in part.prompt_logprobs),
        finished=last.finished,
        why=last.why,
        stopped_by=last.stopped_by,
        prompt_tokens=last.prompt_tokens,
        shared_tokens=last.shared_tokens,
    )
