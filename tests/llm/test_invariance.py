"""A request's answer depends on its prompt and seed alone: not on what else runs, when it came, or how work was cut.

In float64, where the order of a sum changes digits that no choice can see; the model is small enough for hundreds of
runs. The cache is checked after every step: no block is lost, and none is held twice by accident.
"""

from __future__ import annotations

import functools

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sampan.llm import loader
from sampan.llm.engine import Engine, Options
from sampan.llm.request import Request, Sampling
from tests.llm import reference

SHARED = reference.prompt(20, 99)
LOOP = reference.prompt(5, 98) * 5


@st.composite
def requests(draw) -> Request:
    start = draw(st.sampled_from([[], SHARED, LOOP]))
    prompt = start + reference.prompt(draw(st.integers(1, 24)), draw(st.integers(0, 3)))
    kind = draw(st.sampled_from(["greedy", "plain", "filtered", "penalised"]))
    sampling = {
        "greedy": {"temperature": 0},
        "plain": {"temperature": 1.0},
        "filtered": {"temperature": 0.8, "top_k": 20, "top_p": 0.9, "min_p": 0.01},
        "penalised": {"temperature": 1.0, "top_p": 0.95, "repetition_penalty": 1.1, "presence_penalty": 0.5},
    }[kind]
    return Request(
        tuple(prompt),
        Sampling(**sampling, tokens_max=draw(st.integers(1, 12)), seed=draw(st.integers(0, 5)), ignore_end=True),
        priority=draw(st.integers(0, 1)),
    )


@st.composite
def plans(draw):
    """Requests with the step before which each arrives and, for some, the step before which it is cancelled."""
    return [
        (draw(requests()), draw(st.integers(0, 8)), draw(st.none() | st.integers(0, 20)))
        for _ in range(draw(st.integers(1, 6)))
    ]


@pytest.fixture(scope="module")
def model(models):
    return loader.load(models("qwen3", num_hidden_layers=2), dtype="float64")


@pytest.fixture(scope="module")
def half_right(models):
    """The same model with some noise, which guesses much of what it says, and not all."""
    noisy = loader.load(models("qwen3", num_hidden_layers=2), dtype="float64")
    generator = torch.Generator().manual_seed(1)
    with torch.inference_mode():
        noisy.embedding += 0.02 * torch.randn(noisy.embedding.shape, generator=generator)
    return noisy


@pytest.fixture(scope="module")
def alone(model):
    """What each request gets from an engine of its own."""

    @functools.cache
    def answer(prompt, sampling_key, seed, count):
        request = Request(prompt, Sampling(**dict(sampling_key), seed=seed, tokens_max=count, ignore_end=True))
        return Engine(model, options=Options(cache_bytes=4 << 20)).run([request])[0][0].tokens

    def of(request: Request):
        sampling = request.sampling
        names = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "presence_penalty")
        key = tuple((name, getattr(sampling, name)) for name in names)
        return answer(request.prompt, key, sampling.seed, sampling.tokens_max)

    return of


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plan=plans(),
    blocks=st.integers(5, 14),
    step_tokens_max=st.sampled_from([3, 16, 100]),
    sequences_max=st.integers(1, 6),
    draft_tokens=st.sampled_from([0, 3]),
    draft=st.booleans(),
)
def test_answers_do_not_depend_on_company(
    model, half_right, alone, plan, blocks, step_tokens_max, sequences_max, draft_tokens, draft
):
    config = model.config
    each = 2 * config.layers * 16 * config.kv_heads * config.head * 8
    options = Options(
        cache_bytes=blocks * each * (2 if draft else 1),
        step_tokens_max=step_tokens_max,
        sequences_max=sequences_max,
        draft_tokens=draft_tokens,
        length_max=80,
    )
    engine = Engine(model, draft=half_right if draft else None, options=options)
    ids: dict[int, Request] = {}
    cancelled: set[int] = set()
    got: dict[int, list[int]] = {}
    ended: dict[int, str] = {}
    step = 0
    waiting = sorted(plan, key=lambda one: one[1])
    stops: list[tuple[int, int]] = []
    while waiting or engine.busy:
        while waiting and waiting[0][1] <= step:
            request, _, stop = waiting.pop(0)
            one = engine.add(request)
            ids[one], got[one] = request, []
            if stop is not None:
                stops.append((stop, one))
        for at, one in list(stops):
            if at <= step:
                engine.cancel(one)
                cancelled.add(one)
                stops.remove((at, one))
        for update in engine.step():
            assert update.request_id not in ended
            got[update.request_id] += update.tokens
            if update.finished:
                ended[update.request_id] = update.finished
        held = {block for sequence in engine.scheduler.running for block in sequence.blocks}
        assert len(held) + engine.blocks.free == engine.blocks.count
        step += 1
        assert step < 5000
    assert engine.blocks.free == engine.blocks.count
    for one, request in ids.items():
        expected = list(alone(request))
        if one in cancelled and ended[one] == "cancelled":
            assert got[one] == expected[: len(got[one])]
        else:
            assert (got[one], ended[one]) == (expected, "length")
