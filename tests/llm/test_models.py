"""Every family gives transformers' logits, whole and in pieces."""

from __future__ import annotations

import pytest
import torch

from sampan.llm import loader
from sampan.llm.models.attention import Span
from sampan.llm.models.cache import Cache
from sampan.llm.models.decoder import Batch
from tests.llm import reference

LENGTH = 48  # beyond the dynamic family's trained length (32) and all windows (8)
CLOSE = 1e-4


def run(model, cache, tokens, start, count, slots) -> torch.Tensor:
    """The states of tokens [start, start + count) of a text, whose earlier part is in the cache."""
    plan = model.plan([Span(0, count, start + count, slots[: start + count])])
    at = torch.arange(start, start + count)
    batch = Batch(torch.tensor(tokens)[at], at, slots[at], plan, torch.full((count,), len(tokens)))
    with torch.inference_mode():
        return model.logits(model.hidden(batch, cache))


@pytest.mark.parametrize("name", list(reference.FAMILIES))
def test_logits_equal_transformers(models, name):
    folder, tokens = models(name), reference.prompt(LENGTH)
    model = loader.load(folder)
    expected = reference.logits(folder, tokens)
    slots = torch.randperm(LENGTH + 5)[:LENGTH]  # pages need not be in order
    cache = Cache(model.config, LENGTH + 5, model.dtype, model.device)
    whole = run(model, cache, tokens, 0, LENGTH, slots)
    assert (whole - expected).abs().max() < CLOSE
    cache = Cache(model.config, LENGTH + 5, model.dtype, model.device)
    pieces = [run(model, cache, tokens, start, count, slots) for start, count in ((0, 20), (20, 1), (21, 16), (37, 11))]
    assert (torch.cat(pieces) - expected).abs().max() < CLOSE


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", ["qwen3", "llama3", "qwen2-moe"])
def test_half_precision_stays_near(models, name, dtype):
    folder, tokens = models(name), reference.prompt(LENGTH)
    model = loader.load(folder, dtype=dtype)
    cache = Cache(model.config, LENGTH, model.dtype, model.device)
    ours = run(model, cache, tokens, 0, LENGTH, torch.arange(LENGTH))
    exact = reference.logits(folder, tokens)
    theirs = reference.logits(folder, tokens, getattr(torch, dtype)).float()
    # No further from the truth than transformers' own is, give or take.
    assert (ours - exact).abs().mean() < 1.5 * (theirs - exact).abs().mean()
