"""What an engine counts about itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass

RATE_STEPS = 0.9  # weight of the past in the running rates


PHASES = ("plan", "model", "choose", "tell")


@dataclass(frozen=True, slots=True)
class Step:
    """One step as a watcher is told of it. `seconds` by phase: plan (what runs), model (its states), choose (logits,
    sampling and guesses), tell (text and bookkeeping)."""

    number: int
    seconds: dict[str, float]
    computed: int  # tokens
    answered: int  # tokens
    running: int  # sequences, after the step
    waiting: int


@dataclass(slots=True)
class Metrics:
    """Totals since the start, and how things stood after the last step. Rates are in tokens per second of stepping."""

    started: float
    steps: int = 0
    step_seconds: float = 0.0
    computed_tokens: int = 0  # prompts and answers, pre-empted work again
    answered_tokens: int = 0
    finished: int = 0
    preemptions: int = 0
    guessed_tokens: int = 0
    accepted_tokens: int = 0
    running: int = 0
    waiting: int = 0
    blocks: int = 0
    blocks_held: int = 0
    computed_rate: float = 0.0
    answered_rate: float = 0.0

    def step(
        self,
        *,
        seconds: float,
        computed: int,
        answered: int,
        finished: int,
        running: int,
        waiting: int,
        blocks_held: int,
        blocks: int,
        preemptions: int,
    ) -> None:
        """Book one step."""
        self.steps += 1
        self.step_seconds += seconds
        self.computed_tokens += computed
        self.answered_tokens += answered
        self.finished += finished
        self.running, self.waiting, self.preemptions = running, waiting, preemptions
        self.blocks, self.blocks_held = blocks, blocks_held
        if seconds > 0:
            self.computed_rate += (1 - RATE_STEPS) * (computed / seconds - self.computed_rate)
            self.answered_rate += (1 - RATE_STEPS) * (answered / seconds - self.answered_rate)

    def guessed(self, count: int, accepted: int) -> None:
        """Book guesses and how many of them were right."""
        self.guessed_tokens += count
        self.accepted_tokens += accepted

    def snapshot(self) -> dict[str, float]:
        """All figures by name, with `acceptance`, the share of guesses that were right."""
        return asdict(self) | {"acceptance": self.accepted_tokens / max(self.guessed_tokens, 1)}
