"""Callers who wait together are served in rotation, and nobody waits for ever."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.llm import __main__ as program
from sampan.llm.blocks import Blocks
from sampan.llm.engine import Engine, Options
from sampan.llm.errors import BusyError, RequestError
from sampan.llm.loader import load
from sampan.llm.metrics import PHASES, Step
from sampan.llm.request import Request, Sampling
from sampan.llm.scheduler import Scheduler
from sampan.llm.sequence import Sequence
from sampan.llm.turns import KEPT_MAX, Turns
from tests.llm import reference


def sequence(tenant, number, priority=0) -> Sequence:
    request = Request((number + 1,), Sampling(tokens_max=1), tenant=tenant, priority=priority)
    return Sequence(request, request_id=number, index=0, arrival=number, seed=0, root=1, shared_limit=0, length_max=16)


@given(
    arrivals=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 12)), min_size=1, max_size=60),
    places=st.integers(1, 3),
)
def test_those_who_wait_together_are_served_alike(arrivals, places):
    """Each step runs as many as there are places. Between any two steps, two callers who waited all the while have been
    admitted alike, but for two (the paper's bound); and everybody is."""
    scheduler = Scheduler(Blocks(64, 16), step_tokens_max=64, sequences_max=places)
    todo = sorted(((step, number, tenant) for number, (tenant, step) in enumerate(arrivals)), reverse=True)
    served: list[set[str]] = []  # who waits before each step
    counts: list[Counter[str]] = [Counter()]
    step = 0
    while todo or scheduler.waiting:
        while todo and todo[-1][0] <= step:
            _, number, tenant = todo.pop()
            scheduler.add(sequence(tenant, number))
        before = {one.request.tenant for one in scheduler.waiting}
        work = scheduler.schedule()
        assert not before or work
        after = {one.request.tenant for one in scheduler.waiting}
        served.append(before & after)
        counts.append(counts[-1] + Counter(one.sequence.request.tenant for one in work))
        for one in work:
            scheduler.remove(one.sequence)
        step += 1
        assert step < 200
    assert counts[-1] == Counter(tenant for tenant, _ in arrivals)
    for first in range(len(served)):
        together = set("abcd")
        for last in range(first, len(served)):
            together &= served[last]
            got = [counts[last + 1][tenant] - counts[first][tenant] for tenant in together]
            assert not got or max(got) - min(got) <= 2


def test_a_newcomer_does_not_wait_behind_a_backlog_nor_before_a_higher_priority():
    scheduler = Scheduler(Blocks(64, 16), step_tokens_max=64, sequences_max=1)
    for number in range(20):
        scheduler.add(sequence("hog", number))
    order = []
    for step in range(6):
        if step == 3:
            scheduler.add(sequence("other", 50))
            scheduler.add(sequence("hog", 51, priority=1))
        [one] = scheduler.schedule()
        order.append(one.sequence.request_id)
        scheduler.remove(one.sequence)
    assert order == [0, 1, 2, 51, 3, 50]


def test_callers_of_the_past_are_forgotten():
    turns = Turns()
    for number in range(3 * KEPT_MAX):
        turns.serve(turns.take(str(number), 0), 0)
    assert len(turns._last) <= KEPT_MAX + 1
    last = turns.take("here", 0)
    assert turns.take("here", 0) == last + 1


def test_answers_of_two_callers_come_alike(models):
    """A hog with many requests, and one with few: the few are not last."""
    made = Engine(load(models("qwen3")), options=Options(cache_bytes=4 << 20, sequences_max=2))
    sampling = Sampling(temperature=0, tokens_max=3, ignore_end=True)
    hog = [made.add(Request(tuple(reference.prompt(5, seed)), sampling, tenant="hog")) for seed in range(12)]
    few = [made.add(Request(tuple(reference.prompt(5, 90 + seed)), sampling, tenant="few")) for seed in range(3)]
    done = []
    while made.busy:
        done += [update.request_id for update in made.step() if update.finished]
    assert max(done.index(one) for one in few) < 7
    assert sorted(done) == sorted(hog + few)


def test_a_flood_leaves_room_for_others(models):
    made = Engine(load(models("qwen3")), options=Options(cache_bytes=4 << 20, waiting_max=12))

    def add(tenant) -> bool:
        try:
            made.add(Request((5, 6), Sampling(tokens_max=1), tenant=tenant))
        except BusyError:
            return False
        return True

    assert sum(add("hog") for _ in range(12)) == 6
    assert sum(add("other") for _ in range(12)) == 4
    assert add("third")
    assert [add(None), add(None)] == [True, False]  # without a tenant, only the whole counts
    with pytest.raises(RequestError, match="tenant"):
        made.add(Request((5,), tenant="x" * 300))


def test_a_watcher_is_told_where_the_time_goes(models, capsys):
    now = [0.0]

    def clock() -> float:
        now[0] += 1.0
        return now[0]

    folder = models("qwen3")
    made = Engine(load(folder), options=Options(cache_bytes=4 << 20), clock=clock)
    steps: list[Step] = []
    made.watch = steps.append
    made.run([Request(tuple(reference.prompt(9)), Sampling(temperature=0, tokens_max=3, ignore_end=True))])
    assert [step.number for step in steps] == [1, 2, 3]
    assert steps[0].seconds == dict.fromkeys(PHASES, 1.0)
    assert [(step.computed, step.answered) for step in steps] == [(9, 1), (1, 1), (1, 1)]
    made.step()
    assert steps[-1].seconds["model"] == 0
    assert program.main(["bench", str(folder), "--prompt", "8", "--tokens", "3", "--requests", "2", "--profile"]) == 0
    assert "model" in capsys.readouterr().out.splitlines()[-1]
