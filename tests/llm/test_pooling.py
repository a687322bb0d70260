"""Embeddings and rerankers give what transformers gives for each text alone."""

from __future__ import annotations

import pytest
import torch
import transformers

from sampan.llm.errors import ModelError, RequestError
from sampan.llm.loader import load
from sampan.llm.pooling import Embedder, Pooler, Reranker
from tests.llm import reference
from tests.tongues import TEXTS

LENGTHS = (1, 40, 7, 19, 40)


@pytest.fixture(scope="module")
def backbone(models, tmp_path_factory):
    """An embedding model, published without head and prefix."""
    folder = tmp_path_factory.mktemp("embedding")
    transformers.AutoModel.from_pretrained(
        models("qwen3", tie_word_embeddings=False), dtype=torch.float32
    ).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_embeddings_equal_transformers(backbone, pooling):
    prompts = [reference.prompt(length, seed) for seed, length in enumerate(LENGTHS)]
    model = transformers.AutoModel.from_pretrained(backbone, dtype=torch.float32).eval()
    with torch.inference_mode():
        states = [model(torch.tensor([prompt])).last_hidden_state[0] for prompt in prompts]
    expected = torch.stack([one[-1] if pooling == "last" else one.mean(0) for one in states])
    expected = torch.nn.functional.normalize(expected, dim=-1)
    made = Pooler(load(backbone))
    assert made.model.head is None
    assert torch.allclose(made.embed(prompts, pooling=pooling), expected, atol=1e-5)
    short = torch.nn.functional.normalize(expected[:, :16], dim=-1)
    assert torch.allclose(made.embed(prompts, pooling=pooling, dimensions=16), short, atol=1e-5)


def test_chances_equal_transformers(models):
    folder = models("qwen3")
    prompts = [reference.prompt(length, seed) for seed, length in enumerate(LENGTHS)]
    expected = [float(reference.logits(folder, prompt)[-1][[8, 9]].softmax(-1)[1]) for prompt in prompts]
    assert Pooler(load(folder)).chances(prompts, yes=9, no=8) == pytest.approx(expected, abs=1e-5)


def test_texts_and_instructions(models, bytewise):
    model = load(models("qwen3", vocab_size=2100))
    embed = Embedder(model, bytewise)
    some = list(TEXTS.values())[:3]
    some = [one[:80] for one in some]
    plain = embed(some)
    assert torch.allclose(plain[1], embed([some[1]])[0], atol=1e-5)
    assert torch.allclose(plain.norm(dim=-1), torch.ones(3), atol=1e-5)
    asked = embed(some[:1], instruction="find the same")
    assert torch.allclose(asked[0], embed([f"Instruct: find the same\nQuery:{some[0]}"])[0], atol=1e-6)
    assert not torch.allclose(asked[0], plain[0], atol=1e-3)


def test_a_reranker_needs_its_words(models, bytewise):
    if bytewise.token_id("yes") is None:
        with pytest.raises(ModelError, match="yes and no"):
            Reranker(load(models("qwen3")), bytewise)


def test_bad_texts_are_refused(backbone):
    made = Pooler(load(backbone))
    for texts_, words in (([[]], "0 tokens"), ([[1] * 257], "257 tokens"), ([[400]], "outside")):
        with pytest.raises(RequestError, match=words):
            made.embed(texts_)
    with pytest.raises(RequestError, match="pooling"):
        made.embed([[1]], pooling="best")
    with pytest.raises(ModelError, match="head"):
        made.chances([[1]], 1, 2)
    assert made.embed([]).shape == (0, 64)
