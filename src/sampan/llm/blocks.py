"""The cache's pages: who holds them, and which text they hold.

A block is a run of `size` slots. Full blocks are entered in a tree by the tokens that they hold, each under the block
before it, so that a text that begins like an earlier one finds the keys and values that are already there. The tree is
one dictionary from (parent, tokens) to block; parents are serial numbers that are never used twice, so an entry whose
parent was evicted cannot be reached, and a match is exact, not a matter of hashes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence

Tokens = tuple[int, ...]
_Key = tuple[int, Tokens]


class Blocks:
    """A fixed pool of blocks, counted by reference. Unheld blocks keep their text until the room is needed; the least
    recently held goes first."""

    def __init__(self, count: int, size: int) -> None:
        self.count, self.size = count, size
        self._holders = [0] * count
        self._blank = list(range(count - 1, -1, -1))
        self._idle: OrderedDict[int, None] = OrderedDict()  # unheld, but their text is known
        self._by_text: dict[_Key, tuple[int, int]] = {}  # -> block, serial
        self._text: dict[int, _Key] = {}
        self._roots: dict[Hashable, int] = {}
        self._serial = 0

    @property
    def free(self) -> int:
        """Blocks that nobody holds."""
        return len(self._blank) + len(self._idle)

    def idle(self, block: int) -> bool:
        """Whether nobody holds the block."""
        return self._holders[block] == 0

    def needed(self, tokens: int) -> int:
        """Blocks that so many tokens take."""
        return -(-tokens // self.size)

    def root(self, kind: Hashable) -> int:
        """The serial under which texts of one kind begin: kinds (adapters, say) share nothing."""
        if kind not in self._roots:
            self._roots[kind] = self._next()
        return self._roots[kind]

    def match(self, root: int, tokens: Sequence[int], limit: int) -> tuple[list[int], list[int]]:
        """The blocks that hold the longest known beginning of the first `limit` tokens, and their serials."""
        blocks: list[int] = []
        serials: list[int] = []
        parent = root
        for start in range(0, limit - self.size + 1, self.size):
            found = self._by_text.get((parent, tuple(tokens[start : start + self.size])))
            if found is None:
                break
            block, parent = found
            blocks.append(block)
            serials.append(parent)
        return blocks, serials

    def hold(self, blocks: Sequence[int]) -> None:
        """One more holder for each."""
        for block in blocks:
            if self._holders[block] == 0:
                del self._idle[block]
            self._holders[block] += 1

    def take(self) -> int:
        """A block for new text, held once. There must be a free one."""
        if self._blank:
            block = self._blank.pop()
        else:
            block, _ = self._idle.popitem(last=False)
            del self._by_text[self._text.pop(block)]
        self._holders[block] = 1
        return block

    def release(self, blocks: Sequence[int]) -> None:
        """One holder fewer for each. The last are given up first, so that a text loses its end before its start."""
        for block in reversed(blocks):
            self._holders[block] -= 1
            assert self._holders[block] >= 0
            if self._holders[block] == 0:
                if block in self._text:
                    self._idle[block] = None
                else:
                    self._blank.append(block)

    def enter(self, parent: int, tokens: Tokens, block: int) -> int:
        """Make a full block findable under `parent`; returns the serial for its successors. If another block holds
        the same text already, that one stays the known one."""
        key = (parent, tokens)
        known = self._by_text.get(key)
        if known is not None:
            return known[1]
        serial = self._next()
        self._by_text[key] = (block, serial)
        self._text[block] = key
        return serial

    def forget(self) -> None:
        """Drop all known text that nobody holds."""
        while self._idle:
            block, _ = self._idle.popitem(last=False)
            del self._by_text[self._text.pop(block)]
            self._blank.append(block)

    def _next(self) -> int:
        self._serial += 1
        return self._serial
