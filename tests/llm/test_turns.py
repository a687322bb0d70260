"""Callers who wait take turns."""

from __future__ import annotations

from sampan.llm.engine import Engine, Options
from sampan.llm.request import Request, Sampling
from sampan.llm.turns import Turns
from tests.llm import folders


def test_one_caller_is_served_in_order_and_many_in_turns():
    turns = Turns()
    busy = [turns.take("busy", 100, 100) for _ in range(10)]
    assert busy == sorted(busy)
    turns.begun(busy[0])
    turns.begun(busy[1])
    late = [turns.take("late", 100, 100) for _ in range(3)]
    assert busy[1] < late[0] < busy[2]
    assert busy[2] < late[1] < busy[3]  # each has one in turn
    cheap = [turns.take("cheap", 10, 10) for _ in range(3)]
    assert cheap[2] < busy[2]  # what costs less comes sooner


def test_who_was_away_has_nothing_in_hand():
    turns = Turns()
    for _ in range(100):
        turns.begun(turns.take("a", 50, 50))
    fresh, old = turns.take("b", 50, 50), turns.take("a", 50, 50)
    assert old[0] - fresh[0] == 100  # not the 10,000 of before


def test_callers_are_forgotten():
    turns = Turns()
    for number in range(5000):
        turns.begun(turns.take(str(number), 1 + number, 1))
    assert len(turns._next) < 1100


def test_a_late_caller_does_not_wait_for_all_that_another_asked(tmp_path):
    engine = Engine.load(folders.chat(tmp_path / "m"), options=Options(cache_bytes=8 << 20, sequences_max=1))
    sampling = Sampling(temperature=0, tokens_max=5, ignore_end=True)
    first = [engine.add(Request((5, 6, number + 7), sampling, tenant="a")) for number in range(5)]
    engine.step()
    late = engine.add(Request((5, 6, 99), sampling, tenant="b"))
    ended = []
    while engine.busy:
        ended += [update.request_id for update in engine.step() if update.finished]
    assert ended == [first[0], late, *first[1:]] or ended == [first[0], first[1], late, *first[2:]]
