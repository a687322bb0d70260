"""What the engine asks of whatever runs a model.

There are two kinds. The library's own decoder keeps texts in pages, which sequences share and which a step reads in any
mixture (`sampan.llm.runner`). A model of transformers' keeps one state for each sequence, which may be a recurrence: it
cannot be cut into pages, shared, or taken back by a token (`sampan.llm.foreign`).
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Items
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from sampan.llm.models.mlp import Tweak
from sampan.llm.scheduler import Work


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model is like, as far as planning needs it."""

    vocabulary: int
    room: int  # the longest text, in tokens
    end_tokens: tuple[int, ...]
    generates: bool  # it has an output head
    token_bytes: int  # memory that each token of a running text takes
    sequence_bytes: int = 0  # and each running text, however short
    paged: bool = True  # beginnings can be shared, and the last tokens taken back
    whole: bool = False  # a text must be read in one piece
    stretched_from: int | None = (
        None  # prompts longer than this are encoded by their length, and share only with equals
    )


class Runner(Protocol):
    """A model with the states of the texts that run."""

    @property
    def traits(self) -> Traits: ...

    @property
    def device(self) -> torch.device: ...

    def reserve(self, blocks: int, block_tokens: int) -> None:
        """Take the memory for so many blocks. Called once, before anything runs."""
        ...

    def hidden(self, work: Items[Work], tweak: Tweak) -> Any:
        """Run the model over a step's tokens. What comes back is for `logits` alone."""
        ...

    def sound(self, hidden: Any, work: Items[Work]) -> list[bool]:
        """For each part of the step, whether its states are numbers. Those of others may have been made of them."""
        ...

    def logits(self, hidden: Any, rows: Items[int]) -> Iterator[Tensor]:
        """Logits [rows, vocabulary] of the step's given rows, in chunks of bounded size."""
        ...

    def copy_block(self, source: int, target: int) -> None:
        """Copy one block between slot positions."""
        ...
