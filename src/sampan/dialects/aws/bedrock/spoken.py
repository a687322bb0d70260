"""A body of InvokeModel in the words of one vendor's models: what it asks for, and how the result is told."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sampan.kernel.command import Command
from sampan.kernel.ports import Clock
from sampan.services.inference.model import Stream, Usage

Values = Mapping[str, Any]

METRICS = "amazon-bedrock-invocationMetrics"


class Metrics:
    """What the last event of a stream says of it. Times are milliseconds."""

    def __init__(self, clock: Clock, begun_ms: int) -> None:
        self._clock = clock
        self._begun_ms = begun_ms
        self._first_ms = 0

    def first(self) -> None:
        """The first event is there."""
        self._first_ms = self._clock.now_ms() - self._begun_ms

    def __call__(self, usage: Usage) -> Values:
        """The member that says it."""
        return {
            METRICS: {
                "inputTokenCount": usage.prompt_tokens,
                "outputTokenCount": usage.answer_tokens,
                "invocationLatency": self._clock.now_ms() - self._begun_ms,
                "firstByteLatency": self._first_ms,
            }
        }


@dataclass(frozen=True, slots=True)
class Spoken:
    """`answer` tells the result of `command`; `events` tells it piece by piece, where the model can do that: it closes
    the stream, and its last event has what `Metrics` says."""

    command: Command
    answer: Callable[[Any], Values]
    events: Callable[[Stream, Metrics], AsyncGenerator[Values, None]] | None = None
