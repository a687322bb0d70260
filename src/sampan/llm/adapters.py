"""LoRA adapters (arXiv:2106.09685), many over one base, mixed within a batch; DoRA's (arXiv:2402.09353) among them.

Adapters are stacked, linear by linear, into tensors with one slot per adapter, so that a step over many adapters is
two batched products per linear and not two per adapter. Fused linears (query, key and value; gate and up) get one
adapter each: the parts' downward matrices stacked, the upward ones block by block. How they are read is in
`sampan.llm.lora`.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from sampan.llm import lora
from sampan.llm.errors import BusyError, RequestError, UnsupportedError
from sampan.llm.lora import Pair
from sampan.llm.models.decoder import Decoder
from sampan.llm.models.layers import Linear
from sampan.llm.models.mlp import Tweak

TOGETHER_MAX = 8  # tokens per adapter up to which all adapters go through one batched product


class _Stack:
    """All loaded adapters' parts for one fused linear."""

    def __init__(self, linear: Linear, dtype: torch.dtype, device: torch.device) -> None:
        out, width = linear.shape
        self.down = torch.zeros(0, 0, width, dtype=dtype, device=device)
        self.up = torch.zeros(0, out, 0, dtype=dtype, device=device)
        self.gain: Tensor | None = None  # [slots, out]; None until one of them scales what the base says
        self._linear = linear

    def put(self, slot: int, pair: Pair | None) -> None:
        rank = 0 if pair is None else pair.down.shape[0]
        slots, ranks = self.down.shape[:2]
        if slot >= slots or rank > ranks:
            slots, ranks = max(slots, 2 * slot + 2 if slot >= slots else 0), max(ranks, rank)
            down = self.down.new_zeros(slots, ranks, self.down.shape[2])
            up = self.up.new_zeros(slots, self.up.shape[1], ranks)
            down[: self.down.shape[0], : self.down.shape[1]] = self.down
            up[: self.up.shape[0], :, : self.up.shape[2]] = self.up
            self.down, self.up = down, up
        self.down[slot] = 0
        self.up[slot] = 0
        if pair is not None:
            self.down[slot, :rank] = pair.down
            self.up[slot, :, :rank] = pair.up
        self._scale(slot, None if pair is None else pair.gain)

    def base(self, y: Tensor) -> Tensor:
        """Of the linear's result, what the weight alone gives."""
        return y - self._bias

    def _scale(self, slot: int, gain: Tensor | None) -> None:
        if gain is None and self.gain is None:
            return
        slots, out = self.up.shape[:2]
        if self.gain is None:
            self._bias = self._linear(self.down.new_zeros(1, self.down.shape[2]))
            self.gain = self.up.new_zeros(slots, out)
        if self.gain.shape[0] < slots:
            self.gain = torch.cat((self.gain, self.gain.new_zeros(slots - self.gain.shape[0], out)))
        self.gain[slot] = 0 if gain is None else gain


class Adapters:
    """The adapters known by name. They are read when first needed, and dropped, the longest unused first, when more
    than `loaded_max` are in memory."""

    def __init__(self, model: Decoder | None, *, loaded_max: int = 256) -> None:
        """Without a model there can be none: models that transformers runs take no adapters."""
        self._model, self._loaded_max = model, loaded_max
        self._folders: dict[str, Path] = {}
        self._versions: dict[str, int] = {}
        self._serial = itertools.count(1)
        self._slots: OrderedDict[str, int] = OrderedDict()
        self._holders: dict[str, int] = {}
        self._stacks: dict[str, _Stack] = {}

    def register(self, name: str, folder: str | Path) -> None:
        """Make an adapter known under a name; a name given anew is a new adapter. Raises ModelError, RequestError
        while the old one is in use."""
        if self._model is None:
            raise UnsupportedError("adapters need a model that the library runs itself")
        if self._holders.get(name):
            raise RequestError(f"adapter {name!r} is in use")
        lora.read_config(Path(folder))
        self._drop(name)
        self._folders[name] = Path(folder)
        self._versions[name] = next(self._serial)

    def check(self, name: str) -> None:
        """Raises RequestError if there is no such adapter, ModelError if it cannot be read."""
        if name not in self._folders:
            raise RequestError(f"there is no adapter {name!r}")

    def version(self, name: str | None) -> int:
        """A number that no other adapter ever had; 0 for the base."""
        return 0 if name is None else self._versions[name]

    def hold(self, name: str) -> None:
        """Load the adapter and keep it until `release`. Raises ModelError, BusyError when all places are held."""
        if name not in self._slots:
            self._load(name)
        self._slots.move_to_end(name)
        self._holders[name] = self._holders.get(name, 0) + 1

    def release(self, name: str) -> None:
        self._holders[name] -= 1

    @property
    def loaded(self) -> list[str]:
        """Names in memory, the longest unused first."""
        return list(self._slots)

    def tweak(self, parts: Sequence[tuple[str | None, int]]) -> Tweak:
        """For a batch of (adapter, tokens) runs, in order."""
        if all(name is None for name, _ in parts):
            return Tweak()
        rows: dict[int, list[int]] = {}
        start = 0
        for name, count in parts:
            if name is not None:
                rows.setdefault(self._slots[name], []).extend(range(start, start + count))
            start += count
        return _Mixed(self._stacks, rows)

    def _load(self, name: str) -> None:
        model = self._model
        assert model is not None
        pairs = lora.read(self._folders[name], model)
        if len(self._slots) >= self._loaded_max:
            idle = next((one for one in self._slots if not self._holders.get(one)), None)
            if idle is None:
                raise BusyError(f"all {self._loaded_max} places for adapters are in use")
            self._drop(idle)
        used = set(self._slots.values())
        slot = next(i for i in itertools.count() if i not in used)
        for target in {*pairs, *self._stacks}:
            if target not in self._stacks:
                self._stacks[target] = _Stack(lora.linear_of(model, target), model.dtype, model.device)
                self._stacks[target].put(max(used, default=0), None)  # as many places as the others have
            self._stacks[target].put(slot, pairs.get(target))
        self._slots[name] = slot

    def _drop(self, name: str) -> None:
        self._slots.pop(name, None)
        self._holders.pop(name, None)


class _Mixed(Tweak):
    """Adds each row's adapter."""

    def __init__(self, stacks: dict[str, _Stack], rows: dict[int, list[int]]) -> None:
        self._stacks, self._all = stacks, rows
        self._rows = {slot: torch.tensor(mine) for slot, mine in sorted(rows.items())}
        self._together: tuple[Tensor | slice, Tensor, Tensor] | None = None
        most = max(len(mine) for mine in rows.values())
        if len(rows) > 1 and most <= TOGETHER_MAX:
            self._together = self._table(most)

    def __call__(self, name: str, x: Tensor, y: Tensor) -> Tensor:
        stack = self._stacks.get(name)
        if stack is None:
            return y
        if self._together is None:
            for slot, rows in self._rows.items():
                added = x.index_select(0, rows) @ stack.down[slot].T @ stack.up[slot].T
                if stack.gain is not None:
                    added += stack.base(y.index_select(0, rows)) * stack.gain[slot]
                y.index_add_(0, rows, added)
            return y
        slots, table, kept = self._together
        inner = torch.bmm(x[table], stack.down[slots].transpose(1, 2))
        added = torch.bmm(inner, stack.up[slots].transpose(1, 2))
        if stack.gain is not None:
            added += stack.base(y[table]) * stack.gain[slots].unsqueeze(1)
        return y.index_add_(0, table.view(-1)[kept], added.view(-1, y.shape[1])[kept])

    def rows(self, layer: str, picked: Tensor) -> Tweak:
        if not any(name.startswith(f"{layer}.") for name in self._stacks):
            return Tweak()
        place = {row: at for at, row in enumerate(picked.tolist())}
        mine = {slot: [place[row] for row in rows if row in place] for slot, rows in self._all.items()}
        mine = {slot: rows for slot, rows in mine.items() if rows}
        return _Mixed(self._stacks, mine) if mine else Tweak()

    def _table(self, most: int) -> tuple[Tensor | slice, Tensor, Tensor]:
        """The slots, a row number for each of their `most` places, and which places are real. A range of slots is
        taken without a copy, even if some of it has nothing to do."""
        used = list(self._rows)
        low, high = used[0], used[-1] + 1
        dense = high - low <= 2 * len(used)
        slots = list(range(low, high)) if dense else used
        table = torch.zeros(len(slots), most, dtype=torch.long)
        real = torch.zeros(len(slots), most, dtype=torch.bool)
        for i, slot in enumerate(slots):
            mine = self._rows.get(slot)
            if mine is not None:
                table[i, : len(mine)] = mine
                real[i, : len(mine)] = True
        return (slice(low, high) if dense else torch.tensor(slots)), table, real.view(-1).nonzero().view(-1)
