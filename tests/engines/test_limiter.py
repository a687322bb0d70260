"""Budgets that processes share: exact between them, and nothing stays taken by the dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.engines import limiter
from sampan.engines.limiter import FileLimiter
from sampan.kernel.budget import MINUTE_MS, Budget, Refused, Spent, refusal

MINE = b"m" * 16
NOW = 1_700_000_000_000
# Takes as often as it may, says how often that was, and waits with what it has until it is ended.
TAKER = """
import sys, pathlib
from sampan.engines.limiter import FileLimiter
from sampan.kernel.budget import Budget
table = FileLimiter(pathlib.Path(sys.argv[1]))
budget = Budget(b"m" * 16, requests_per_minute=int(sys.argv[2]), in_flight=int(sys.argv[3]))
print(sum(table.take([budget], 0, 1_700_000_000_000) is None for _ in range(500)), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def make(tmp_path: Path):
    made: list[FileLimiter] = []

    def one() -> FileLimiter:
        made.append(FileLimiter(tmp_path / "limits"))
        return made[-1]

    yield one
    for table in made:
        table.close()


def taker(path: Path, requests: int, in_flight: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", TAKER, str(path), str(requests), str(in_flight)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_processes_together_take_exactly_what_there_is(tmp_path: Path) -> None:
    takers = [taker(tmp_path / "limits", 700, 10**6) for _ in range(3)]
    counts = [int(one.stdout.readline()) for one in takers]  # type: ignore[union-attr]
    for one in takers:
        one.communicate()
    assert sum(counts) == 700


def test_what_the_dead_had_under_way_is_given_back(tmp_path: Path, make: Callable[[], FileLimiter]) -> None:
    budget = Budget(MINE, in_flight=30)
    dead = taker(tmp_path / "limits", 10**6, 30)
    assert dead.stdout is not None and dead.stdout.readline() == "30\n"
    living = make()
    assert living.take([budget], 0, NOW) == Refused("in flight", 30, 1.0)
    os.kill(dead.pid, signal.SIGKILL)
    dead.communicate()
    assert living.take([budget], 0, NOW + 1) is not None  # it looked a moment ago
    assert living.take([budget], 0, NOW + limiter.BURY_MS) is None
    heir = taker(tmp_path / "limits", 10**6, 30)
    assert int(heir.communicate()[0]) == 29
    assert living.take([budget], 0, NOW + 2 * limiter.BURY_MS) is None


def test_nothing_is_taken_of_one_budget_if_another_is_used_up(make: Callable[[], FileLimiter]) -> None:
    table, wide, narrow = make(), Budget(MINE, requests_per_minute=2), Budget(b"n" * 16, requests_per_minute=1)
    assert table.take([wide, narrow], 0, NOW) is None
    for _ in range(3):
        assert table.take([wide, narrow], 0, NOW) == Refused("requests", 1, 60.0)
    assert table.take([wide], 0, NOW) is None
    assert table.take([wide], 0, NOW) is not None


def test_more_budgets_than_slots_forget_the_one_unused_for_longest(
    make: Callable[[], FileLimiter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "_FILE_BYTES", 4 * limiter._SLOT_BYTES)
    table = make()
    budgets = [Budget(bytes([n]) * 16, requests_per_minute=1) for n in range(1, 6)]
    for n, budget in enumerate(budgets):
        assert table.take([budget], 0, NOW + n) is None
    assert all(table.take([budget], 0, NOW + 9) is not None for budget in budgets[1:])
    assert table.take([budgets[0]], 0, NOW + 9) is None
    table.settle(budgets[1:2], 0, 0, NOW + 10)  # of one that was forgotten meanwhile


@given(
    limit=st.integers(0, 20),
    steps=st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 30)), max_size=40),
)
@settings(max_examples=200, deadline=None)
def test_who_waits_as_long_as_told_is_let_in(limit: int, steps: list[tuple[int, int]]) -> None:
    budget, spent, now_ms = Budget(MINE, tokens_per_minute=limit), Spent(at_ms=NOW), NOW
    admitted: list[tuple[int, int]] = []
    for pause_ms, tokens in steps:
        now_ms += pause_ms
        spent = spent.drained(budget, now_ms)
        refused = refusal(budget, spent, 0, tokens)
        if refused is not None and limit:
            assert 0 < refused.retry_after_s <= 60 * (1 + 30 / limit)
            # A moment before it is refused still, and then it is not.
            wait_ms = refused.retry_after_s * 1000
            assert refusal(budget, spent.drained(budget, int(now_ms + wait_ms * 0.99) - 1), 0, tokens) is not None
            now_ms += int(wait_ms) + 1
            spent = spent.drained(budget, now_ms)
            assert refusal(budget, spent, 0, tokens) is None
        if limit:
            tokens = min(tokens, limit)
            spent = Spent(now_ms, spent.requests, spent.tokens + tokens)
            admitted.append((now_ms, tokens))
        else:
            assert refused is not None
    # Over any stretch no more gets in than the bucket holds and what drains meanwhile.
    for i, (begin, _) in enumerate(admitted):
        for j in range(i, len(admitted)):
            got_in = sum(tokens for _, tokens in admitted[i : j + 1])
            assert got_in <= limit * (1 + (admitted[j][0] - begin) / MINUTE_MS) + 1e-3


def test_a_clock_that_is_set_back_frees_nothing(make: Callable[[], FileLimiter]) -> None:
    table, budget = make(), Budget(MINE, requests_per_minute=1)
    assert table.take([budget], 0, NOW) is None
    assert table.take([budget], 0, NOW - 10**9) is not None
    assert table.take([budget], 0, NOW + MINUTE_MS) is None
