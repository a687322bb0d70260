"""Narrow weights give what their rounded values give, and stay near the model."""

from __future__ import annotations

import pytest
import torch

from sampan.llm import native, products, quantise
from sampan.llm.engine import Engine, Options
from sampan.llm.loader import load
from sampan.llm.request import Request, Sampling
from tests.llm import reference


def relative(ours, exact) -> float:
    return float((ours.float() - exact).norm() / exact.norm())


@pytest.fixture(params=["own kernels", "PyTorch's"])
def kernels(request, monkeypatch):
    """Both with the library's own kernels and without."""
    if request.param == "PyTorch's":
        monkeypatch.setattr(native, "library", lambda: None)
    elif native.library() is None:
        pytest.skip("no C++ compiler here")
    return request.param


@pytest.mark.parametrize("rows", [1, 3, 40, 200])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("width", ["int8", "int4"])
def test_a_product_is_that_of_the_rounded_weights(kernels, rows, bias, width):
    torch.manual_seed(0)
    weight = (torch.randn(192, 256) * torch.rand(192, 1)).to(torch.bfloat16)
    added = torch.randn(192).to(torch.bfloat16) if bias else None
    x = torch.randn(rows, 256).to(torch.bfloat16)
    made = quantise.FORMS[width](weight, added)
    assert made.shape == (192, 256)
    assert made.bytes < weight.numel() * (1.1 if width == "int8" else 0.7)
    if width == "int8":
        levels, scale = quantise.int8(weight)
        rounded = levels.float() * scale.unsqueeze(1)
    else:
        levels, scale = quantise.int4(weight)
        assert (int(levels.min()), int(levels.max())) == (-8, 7)
        rounded = (levels.view(192, -1, 32) * scale.unsqueeze(2)).view(192, 256)
    exact = x.float() @ rounded.T + (0 if added is None else added.float())
    assert relative(made(x), exact) < 0.01
    assert relative(rounded, weight.float()) < (0.01 if width == "int8" else 0.12)


def test_what_the_kernels_do_not_take_stays_wider(kernels):
    def form(*shape):
        return quantise.narrow4(torch.randn(*shape).to(torch.bfloat16))

    own = kernels == "own kernels"
    kinds = products.Kind
    if own:
        assert form(64, 64).kind == form(40, 64).kind == kinds.INT4
        assert form(quantise.HEAD_ROWS, 32).kind == kinds.INT8
        assert form(64, 40).kind == kinds.WIDE
    else:
        names = [type(form(*shape)).__name__ for shape in ((64, 64), (40, 64), (quantise.HEAD_ROWS, 32))]
        assert names == ["TorchInt4", "TorchInt8", "TorchInt8"]
        assert type(form(64, 40)).__name__ in ("Packed", "Dense")


@pytest.mark.parametrize(("width", "error"), [("int8", 0.05), ("int4", 0.5)])
def test_a_narrow_model_answers_much_as_the_wide_one(models, width, error):
    folder, prompt = models("qwen3", hidden_size=128, vocab_size=320), reference.prompt(40)
    engine = Engine(load(folder, dtype="bfloat16", form=quantise.FORMS[width]), options=Options(cache_bytes=4 << 20))
    found = engine.run([Request(tuple(prompt), Sampling(temperature=0, tokens_max=2, prompt_logprobs=0))])[0][0]
    logs = reference.logits(folder, prompt).log_softmax(-1)
    exact = torch.stack([logs[i][prompt[i + 1]] for i in range(len(prompt) - 1)])
    ours = torch.tensor([one.value for one in found.prompt_logprobs[1:]])
    assert relative(ours, exact) < error
