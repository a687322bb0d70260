"""The library's own products are those of the weights that they were made from, and a row's answer is its own."""

from __future__ import annotations

import pytest
import torch

from sampan.llm import native, products, quantise

SHAPES = [(64, 64), (33, 100), (5, 7), (100, 96), (1, 33), (320, 1056)]
ROWS = [1, 2, 5, 6, 7, 11, 12, 13, 25, 70]


@pytest.fixture(params=["of this machine", "portable"], autouse=True)
def library(request, monkeypatch):
    found = native.library(portable=request.param == "portable")
    if found is None:
        pytest.skip("no C++ compiler here")
    monkeypatch.setattr(native, "library", lambda: found)
    native.threads(2)
    yield found
    native.threads(1)


def made(kind, rows, width, bias=None):
    """A product, and its weights in float64."""
    weight = torch.randn(rows, width).to(torch.bfloat16)
    if kind == "bf16":
        return products.wide(weight, bias), weight.double()
    if kind == "int8":
        levels, scale = quantise.int8(weight)
        return products.int8(levels, scale, bias), levels.double() * scale.double().unsqueeze(1)
    spans = -(-width // 32)
    levels = torch.randint(-8, 8, (rows, width), dtype=torch.int8)
    scale, shift = (torch.randn(rows, spans).to(torch.bfloat16) for _ in range(2))
    exact = levels.double() * scale.double().repeat_interleave(32, 1)[:, :width]
    if kind == "int4":
        return products.int4(levels, scale, None, bias), exact
    exact += shift.double().repeat_interleave(32, 1)[:, :width]
    return products.int4(levels, scale, shift, bias), exact


def error(ours, exact) -> float:
    return float((ours.double() - exact).norm() / exact.norm())


@pytest.mark.parametrize("kind", ["bf16", "int8", "int4", "int4 shifted"])
@pytest.mark.parametrize("shape", SHAPES)
def test_products_of_any_shape(kind, shape):
    torch.manual_seed(0)
    bias = torch.randn(shape[0]).to(torch.bfloat16)
    product, weight = made(kind, *shape, bias)
    assert product.shape == shape
    x = torch.randn(70, shape[1]).to(torch.bfloat16)
    exact = x.double() @ weight.T + bias.double()
    found = product.exact(x)
    # Inputs are rounded to 127 levels for narrow weights; nothing else may be lost.
    assert error(found, exact) < (1e-6 if kind == "bf16" else 0.01)
    assert torch.equal(product(x), found.to(torch.bfloat16))


@pytest.mark.parametrize("kind", ["bf16", "int8", "int4", "int4 shifted"])
def test_a_row_does_not_see_its_company(kind):
    torch.manual_seed(0)
    product, _ = made(kind, 96, 1056)
    x = torch.randn(400, 1056).to(torch.bfloat16)
    whole = product.exact(x)
    for rows in ROWS:
        assert torch.equal(product.exact(x[:rows]), whole[:rows])
        assert torch.equal(product.exact(x[-rows:]), whole[-rows:])
    native.threads(1)
    assert torch.equal(product.exact(x), whole)


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_spans_of_inputs_have_scales_of_their_own(kind):
    """A very large input costs only its 32 neighbours their precision."""
    torch.manual_seed(0)
    product, weight = made(kind, 64, 128)
    x = torch.randn(1, 128).to(torch.bfloat16)
    x[0, 5] = 10_000
    exact = x.double() @ weight.T
    alone = torch.zeros_like(x)
    alone[0, :32] = x[0, :32]
    rest = exact - alone.double() @ weight.T
    assert error(product.exact(x).double() - product.exact(alone).double(), rest) < 0.01


@pytest.mark.parametrize("kind", ["bf16", "int8", "int4"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_inputs_that_are_not_finite_show(kind, value):
    product, _ = made(kind, 32, 64)
    x = torch.ones(3, 64, dtype=torch.bfloat16)
    x[1, 40] = value
    found = product.exact(x)
    assert not found[1].isfinite().any()
    assert found[[0, 2]].isfinite().all()


def test_inputs_of_zero_and_no_inputs():
    for kind in ("bf16", "int8", "int4"):
        product, _ = made(kind, 32, 64)
        assert torch.equal(product(torch.zeros(2, 64, dtype=torch.bfloat16)), torch.zeros(2, 32, dtype=torch.bfloat16))
        assert product(torch.zeros(0, 64, dtype=torch.bfloat16)).shape == (0, 32)


def test_many_callers_at_once():
    """The team works for one caller at a time; the others go alone, and all are answered rightly."""
    from concurrent.futures import ThreadPoolExecutor

    torch.manual_seed(0)
    product, _ = made("bf16", 320, 256)
    inputs = [torch.randn(9, 256).to(torch.bfloat16) for _ in range(4)]
    expected = [product(x) for x in inputs]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(50):
            found = list(threads.map(product, inputs))
            assert all(map(torch.equal, found, expected))
