"""The library's own kernels do what PyTorch's operations do, and the model runs without them."""

from __future__ import annotations

import pytest
import torch

from sampan.llm import native
from sampan.llm.loader import load
from sampan.llm.models.attention import Plan, Span, attend
from sampan.llm.models.steps import TorchSteps
from tests.llm import reference

CPU = torch.device("cpu")
DTYPES = [torch.float32, torch.bfloat16]


@pytest.fixture(params=["of this machine", "portable"], autouse=True)
def library(request, monkeypatch):
    """Both the form that this machine gets and the one for others."""
    found = native.library(portable=request.param == "portable")
    monkeypatch.setattr(native, "library", lambda: found)


def kernels(dtype, head=64):
    found = native.kernels(dtype, CPU, head)
    if found is None:
        pytest.skip("no C++ compiler here")
    return found


def close(ours, theirs, dtype):
    room = 1e-5 if dtype == torch.float32 else 0.03
    return torch.allclose(ours.float(), theirs.float(), atol=room, rtol=room)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("heads", "kv_heads", "head"), [(4, 4, 64), (6, 2, 128), (14, 2, 64), (8, 1, 32), (2, 2, 256)])
@pytest.mark.parametrize("window", [0, 5, 1000])
def test_attention_over_pages(dtype, heads, kv_heads, head, window):
    torch.manual_seed(0)
    slots = 400
    keys, values = (torch.randn(slots, kv_heads, head).to(dtype) for _ in range(2))
    order = torch.randperm(slots)
    spans = [Span(0, 1, 1, order[:1]), Span(1, 1, 150, order[50:200]), Span(2, 3, 70, order[300:370])]
    spans += [Span(5, 20, 40, order[200:240]), Span(25, 1, 65, order[10:75])]
    query = torch.randn(26, heads, head).to(dtype)
    expected = attend(query, keys, values, Plan(spans, frozenset([window]), dtype), window)
    plan = Plan(spans, frozenset([window]), dtype, paged=True)
    assert len(plan.chunks) == 1
    assert not plan.pieces
    assert close(attend(query, keys, values, plan, window, kernels(dtype, head)), expected, dtype)
    few = [spans[1], Span(0, 1, 65, order[10:75])]
    plan = Plan(few, frozenset([window]), dtype, paged=True)
    found = attend(query[:2], keys, values, plan, window, kernels(dtype, head))
    assert close(found, attend(query[:2], keys, values, Plan(few, frozenset([window]), dtype), window), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("heads", "kv_heads", "head"), [(4, 4, 80), (12, 2, 128), (14, 2, 64), (3, 1, 16)])
@pytest.mark.parametrize(("count", "length", "window"), [(300, 300, 0), (130, 301, 0), (257, 400, 150), (70, 390, 3)])
def test_attention_of_many_queries(dtype, heads, kv_heads, head, count, length, window):
    torch.manual_seed(0)
    keys, values = (torch.randn(500, kv_heads, head).to(dtype) for _ in range(2))
    spans = [Span(0, count, length, torch.randperm(500)[:length])]
    query = torch.randn(count, heads, head).to(dtype)
    expected = attend(query, keys, values, Plan(spans, frozenset([window]), dtype), window)
    plan = Plan(spans, frozenset([window]), dtype, paged=True)
    made = kernels(dtype, head)
    native.threads(2)
    found = attend(query, keys, values, plan, window, made)
    native.threads(1)
    assert close(found, expected, dtype)
    assert torch.equal(attend(query, keys, values, plan, window, made), found)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 5, 40])
def test_the_steps_between_products(dtype, rows):
    torch.manual_seed(0)
    ours, theirs = kernels(dtype), TorchSteps()
    x, added, weight = (torch.randn(*shape).to(dtype) for shape in ((rows, 96), (rows, 96), (96,)))
    for more in (added, None):
        mine, other = x.clone(), x.clone()
        assert close(ours.add_norm(mine, more, weight, 1e-6), theirs.add_norm(other, more, weight, 1e-6), dtype)
        assert torch.equal(mine, other)
    both = torch.randn(rows, 96).to(dtype) * 20
    assert close(ours.gate(both), theirs.gate(both), dtype)
    qkv = torch.randn(rows, (4 + 2 * 2) * 64).to(dtype)
    rotation = torch.randn(rows, 32), torch.randn(rows, 32)
    slots = torch.randperm(50)[:rows]
    for norms in (None, (torch.randn(64).to(dtype), torch.randn(64).to(dtype))):
        pools = [torch.zeros(50, 2, 64).to(dtype) for _ in range(4)]
        mine = ours.enter(qkv.clone(), norms, rotation, slots, pools[0], pools[1], 1e-6)
        other = theirs.enter(qkv.clone(), norms, rotation, slots, pools[2], pools[3], 1e-6)
        scale = other.abs().float().max()
        assert close(mine / scale, other / scale, dtype)
        assert close(pools[0] / scale, pools[2] / scale, dtype)
        assert torch.equal(pools[1], pools[3])


def test_values_that_are_not_finite_show():
    made = kernels(torch.float32)
    keys = torch.zeros(4, 1, 64)
    keys[1, 0, 0] = float("nan")
    run = (torch.arange(4), torch.tensor([0], dtype=torch.int32), torch.tensor([4], dtype=torch.int32), 0)
    assert made.attend(torch.ones(1, 1, 64), keys, keys, *run).isnan().all()
    extreme = made.gate(torch.tensor([[-1000.0, 0.0, 1000.0, 1.0, 1.0, 1.0]]))
    assert torch.allclose(extreme, torch.tensor([[0.0, 0.0, 1000.0]]))


def test_a_value_that_is_not_finite_reaches_those_who_see_it():
    made = kernels(torch.float32)
    keys, values, out = torch.randn(200, 1, 64), torch.randn(200, 1, 64), torch.zeros(200, 64)
    keys[150, 0, 3] = float("nan")
    made.attend_many(torch.randn(200, 1, 64), keys, values, torch.arange(200), 0, out)
    assert out[:150].isfinite().all()
    assert out[150:].isnan().all()


@pytest.mark.parametrize("name", ["qwen3", "llama3", "qwen2-sliding"])
def test_models_run_without(models, name, monkeypatch):
    with_kernels = load(models(name))
    monkeypatch.setattr(native, "library", lambda: None)
    without = load(models(name))
    assert without.kernels is None
    tokens = reference.prompt(20)
    from sampan.llm.models.cache import Cache
    from tests.llm.test_models import run

    out = []
    for model in (with_kernels, without):
        cache = Cache(model.config, 20, model.dtype, model.device)
        out.append(run(model, cache, tokens, 0, 20, torch.arange(20)))
    assert torch.allclose(*out, atol=1e-4)
