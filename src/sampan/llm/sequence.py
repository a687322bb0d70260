"""One answer in the making: its tokens, how far they are computed, and the cache blocks that it holds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sampan.llm.blocks import Blocks
from sampan.llm.request import Request


class Sequence:
    """A prompt and the answer so far. `computed` tokens have their keys and values in the cache; when none is pending
    the next token can be chosen. Pre-emption only sets `computed` back: tokens are never lost."""

    def __init__(
        self,
        request: Request,
        *,
        request_id: int,
        index: int,
        arrival: int,
        seed: int,
        root: int,
        shared_limit: int,
        length_max: int,
        deadline: float | None = None,
    ) -> None:
        self.request, self.request_id, self.index, self.arrival, self.seed = request, request_id, index, arrival, seed
        self.tokens = list(request.prompt)
        self.prompt_length = len(self.tokens)
        self.length_max = min(length_max, self.prompt_length + request.sampling.tokens_max)
        self.deadline = deadline  # on the engine's clock
        self.computed = 0
        self.shared: int | None = None  # prompt tokens found in the cache when first admitted
        self.preemptions = 0
        self.rested = 0  # with so many tokens it has nothing to ask for
        self.draft: list[int] = []  # guesses for the tokens after the last, to be checked in the next step
        self.blocks: list[int] = []
        self.turn = 0  # given when it first waits
        self.state: Any = None  # of a model without pages: the runner's own, for `computed` tokens
        self._root, self._shared_limit = root, shared_limit  # within this many tokens, blocks are shared
        self._serials: list[int] = []
        self._slots = torch.empty(0, dtype=torch.long)

    @property
    def pending(self) -> int:
        """Tokens that the model has not seen yet."""
        return len(self.tokens) - self.computed

    def span(self, first: int, end: int) -> list[int]:
        """The tokens [first, end), guesses included."""
        known = len(self.tokens)
        return self.tokens[first:end] + self.draft[max(first - known, 0) : max(end - known, 0)]

    @property
    def answer(self) -> list[int]:
        return self.tokens[self.prompt_length :]

    @property
    def order(self) -> tuple[int, int, int]:
        """Who goes first: higher priority, then whose turn it is, then earlier arrival."""
        return (-self.request.priority, self.turn, self.arrival)

    def follows(self, length: int, guess: int) -> bool:
        """Whether the first `guess` guesses came true, since there were `length` tokens."""
        return len(self.tokens) == length + guess and (guess == 0 or self.tokens[-1] == self.draft[guess - 1])

    def known(self, blocks: Blocks) -> tuple[list[int], list[int]]:
        """Blocks that already hold this text's beginning. At least one token stays to be computed: its logits are
        wanted; and all of them when the prompt's are."""
        if self.request.sampling.prompt_logprobs is not None and len(self.tokens) == self.prompt_length:
            return [], []
        return blocks.match(self._root, self.tokens, min(len(self.tokens) - 1, self._shared_limit))

    def begins_like(self, other: Sequence, start: int, count: int) -> bool:
        """Whether both texts, of one kind, have the same tokens [start, start + count), full blocks before aside."""
        mine = self.tokens[start : start + count]
        return (
            self._root == other._root
            and len(mine) == count
            and start + count < len(self.tokens)
            and start + count <= self._shared_limit
            and mine == other.tokens[start : start + count]
        )

    def start(self, blocks: Blocks, known: tuple[list[int], list[int]]) -> None:
        """Begin from the blocks found by `known`."""
        blocks.hold(known[0])
        self.blocks, self._serials = list(known[0]), list(known[1])
        self._index(0, blocks.size)
        self.computed = len(self.blocks) * blocks.size
        if self.shared is None:
            self.shared = self.computed

    def grow(self, blocks: Blocks, count: int) -> None:
        """Take blocks until the first `count` tokens have a place. They must be free."""
        first = len(self.blocks)
        for _ in range(blocks.needed(count) - first):
            self.blocks.append(blocks.take())
        if len(self.blocks) > first:
            self._index(first, blocks.size)

    def slots(self, start: int, end: int) -> Tensor:
        """Where the tokens [start, end) are kept; a view."""
        return self._slots[start:end]

    def enter(self, blocks: Blocks) -> None:
        """Make the blocks that are now full findable for others."""
        size = blocks.size
        for i in range(len(self._serials), min(self.computed, self._shared_limit) // size):
            parent = self._serials[-1] if self._serials else self._root
            self._serials.append(blocks.enter(parent, tuple(self.tokens[i * size : (i + 1) * size]), self.blocks[i]))

    def stop(self, blocks: Blocks) -> None:
        """Give all blocks back; everything is to be computed again."""
        blocks.release(self.blocks)
        self.blocks, self._serials, self.draft, self.state = [], [], [], None
        self._slots = torch.empty(0, dtype=torch.long)
        self.computed = 0

    def _index(self, first: int, size: int) -> None:
        fresh = torch.tensor(self.blocks[first:], dtype=torch.long).unsqueeze(1) * size + torch.arange(size)
        self._slots = torch.cat((self._slots, fresh.view(-1)))
