"""Random histories of a store against a dict: transactions, failing ones, scans in both directions."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from sampan.engines.store_memory import MemoryStore
from sampan.engines.store_sqlite import SqliteStore
from sampan.kernel.ports import Transaction, View

# Few letters, so that keys are often the same, neighbours, or prefixes of each other.
KEYS = st.text("a\x00\xff", max_size=3).map(lambda text: text.encode("latin-1"))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.binary(max_size=3)),
        st.tuples(st.just("delete"), KEYS),
        st.tuples(st.just("get"), KEYS),
        st.tuples(st.just("scan"), KEYS, KEYS, st.booleans()),
    ),
    max_size=12,
)
Model = dict[bytes, bytes]


def scanned(model: Model, start: bytes, end: bytes, reverse: bool) -> list[tuple[bytes, bytes]]:
    return sorted(((key, value) for key, value in model.items() if start <= key < end), reverse=reverse)


def seen(view: View, step: tuple[object, ...]) -> object:
    match step:
        case ("get", bytes(key)):
            return view.get(key)
        case ("scan", bytes(start), bytes(end), bool(reverse)):
            return list(view.scan(start, end, reverse=reverse))
    raise AssertionError(step)


def expected(model: Model, step: tuple[object, ...]) -> object:
    match step:
        case ("get", bytes(key)):
            return model.get(key)
        case ("scan", bytes(start), bytes(end), bool(reverse)):
            return scanned(model, start, end, reverse)
    raise AssertionError(step)


class Machine(RuleBasedStateMachine):
    """One store and its model."""

    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = self.open()
        self.model: Model = {}

    def open(self) -> SqliteStore | MemoryStore:
        return SqliteStore(Path(self.folder.name)) if self.kind == "sqlite" else MemoryStore()

    @rule(changes=st.lists(st.tuples(STEPS, st.booleans()), max_size=6))
    def write(self, changes: list[tuple[list[tuple[object, ...]], bool]]) -> None:
        """Several changes at once, some of which fail at their end; each sees those before it."""

        def change(transaction: Transaction, steps: list[tuple[object, ...]], fails: bool) -> None:
            model = dict(self.model)
            for step in steps:
                match step:
                    case ("put", bytes(key), bytes(value)):
                        transaction.put(key, value)
                        model[key] = value
                    case ("delete", bytes(key)):
                        transaction.delete(key)
                        model.pop(key, None)
                    case _:
                        assert seen(transaction, step) == expected(model, step)
            if fails:
                raise KeyError
            self.model = model

        async def main() -> list[BaseException | None]:
            writes = (self.store.write(lambda tx, args=args: change(tx, *args)) for args in changes)  # type: ignore[misc]
            return await asyncio.gather(*writes, return_exceptions=True)

        for (_, fails), outcome in zip(changes, asyncio.run(main()), strict=True):
            assert type(outcome) is (KeyError if fails else type(None)), outcome

    @rule(steps=STEPS)
    def read(self, steps: list[tuple[object, ...]]) -> None:
        with self.store.view() as view:
            for step in steps:
                if step[0] in ("get", "scan"):
                    assert seen(view, step) == expected(self.model, step)

    @rule()
    def reopen(self) -> None:
        if self.kind == "sqlite":
            self.store.close()
            self.store = self.open()

    @invariant()
    def agrees(self) -> None:
        with self.store.view() as view:
            assert list(view.scan(b"", b"\xff" * 4)) == sorted(self.model.items())

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


@pytest.mark.parametrize(("kind", "examples"), [("sqlite", 25), ("memory", 100)])
def test_it_behaves_like_a_dict(kind: str, examples: int) -> None:
    machine = type(f"{kind.title()}Machine", (Machine,), {"kind": kind})
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=20, deadline=None))
