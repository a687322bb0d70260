"""All layers in one call answer as layer by layer does, to the last bit."""

from __future__ import annotations

import math

import pytest
import torch

from sampan.llm import native, quantise
from sampan.llm.engine import Engine, Options
from sampan.llm.loader import load
from sampan.llm.models.whole import Whole
from sampan.llm.request import Request, Sampling
from tests.llm import reference

SHAPE = {"hidden_size": 128, "vocab_size": 320}


@pytest.fixture(autouse=True)
def library():
    if native.library() is None:
        pytest.skip("no C++ compiler here")


def answers(model, *, rounded=False):
    """Log probabilities of greedy answers of several requests at once."""
    options = Options(cache_bytes=4 << 20, cache_dtype="int8" if rounded else "auto")
    engine = Engine(model, options=options)
    sampling = Sampling(temperature=0, tokens_max=12, logprobs=0, ignore_end=True)
    asked = [Request(tuple(reference.prompt(length, length)), sampling) for length in (3, 17, 40, 1)]
    return [[(one.token, one.value) for one in found[0].logprobs] for found in engine.run(asked)]


@pytest.mark.parametrize("name", ["qwen3", "qwen2", "qwen2-sliding", "llama3"])
@pytest.mark.parametrize("form", ["auto", "int8", "int4"])
def test_one_call_and_many_are_the_same(models, monkeypatch, name, form):
    model = load(models(name, **SHAPE), dtype="bfloat16", form=quantise.FORMS[form])
    assert model.whole is not None
    calls, real = [], Whole.__call__

    def noted(self, *given):
        calls.append(1)
        return real(self, *given)

    monkeypatch.setattr(Whole, "__call__", noted)
    together = answers(model)
    assert len(calls) >= 11
    model.whole = None
    assert answers(model) == together


def test_what_it_does_not_know_goes_layer_by_layer(models):
    assert load(models("qwen3"), dtype="float32").whole is None
    assert load(models("qwen3-moe"), dtype="bfloat16").whole is None
    assert load(models("qwen3", **SHAPE), dtype="bfloat16", form=quantise.FORMS["plain"]).whole is None
    model = load(models("qwen3", **SHAPE), dtype="bfloat16")
    rounded = answers(model, rounded=True)
    model.whole = None
    assert answers(model, rounded=True) == rounded


@pytest.mark.parametrize("width", [1, 15, 16, 1024, 1025, 5000])
def test_the_likeliest_of_rows(width):
    torch.manual_seed(0)
    rows = torch.randn(5, width)
    rows[2] = 1.0  # all equal: the first
    rows[3, : width // 2] = -math.inf
    values, tokens = rows.max(-1)
    assert native.likeliest(rows) == (tokens.tolist(), [True] * 5)
    for place in {0, width // 2, width - 1}:
        for strange in (math.nan, math.inf):
            other = rows.clone()
            other[1, place] = strange
            assert native.likeliest(other)[1] == [True, False, True, True, True]
    assert native.likeliest(torch.full((1, width), -math.inf))[1] == [False]
    assert values.isfinite().all()
