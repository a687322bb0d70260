"""A cache of int8: twice the tokens, nearly the same answers, and the same rules as any other."""

from __future__ import annotations

import pytest
import torch

from sampan.llm.engine import Engine, Options
from sampan.llm.errors import UnsupportedError
from sampan.llm.loader import load
from sampan.llm.models.cache import Cache, Rounded
from sampan.llm.request import Request, Sampling
from tests.llm import reference

COUNT = 32


def engine(folder, dtype="float32", **options) -> Engine:
    given = {"cache_bytes": 4 << 20, "cache_dtype": "int8", "step_tokens_max": 64} | options
    return Engine(load(folder, dtype=dtype), options=Options(**given))


def ask(prompt, **changes) -> Request:
    return Request(tuple(prompt), Sampling(**({"temperature": 0, "tokens_max": COUNT, "ignore_end": True} | changes)))


def tokens(answers) -> list[int]:
    return list(answers[0].tokens)


def test_a_row_is_kept_to_half_a_level():
    torch.manual_seed(0)
    pool = Rounded(torch.zeros(9, 3, 64, dtype=torch.int8), torch.zeros(9, 3, dtype=torch.bfloat16), torch.float32)
    rows = torch.randn(4, 3, 64) * torch.tensor([1e-3, 1.0, 50.0, 0.0]).view(4, 1, 1)
    slots = torch.tensor([7, 2, 0, 5])
    pool.put(slots, rows)
    # Half a level, and what the scale itself, in bfloat16, cuts off the extreme.
    limit = rows.abs().amax(-1, keepdim=True) / 127 * (0.51 + 127 / 512)
    assert ((pool.read(slots) - rows).abs() <= limit).all()
    assert not pool.read(torch.tensor([1, 3, 8])).any()
    rows[1, 1, 3] = torch.nan
    pool.put(slots, rows)
    assert pool.read(slots)[1, 1].isnan().any()
    assert pool.read(slots)[[0, 2, 3]].isfinite().all()


def apart(made, folder, prompt) -> float:
    """How far the prompt's log probabilities are from transformers' in float32: the mean, in nats."""
    found = made.run([ask(prompt, tokens_max=1, prompt_logprobs=0)])[0][0].prompt_logprobs
    logs = reference.logits(folder, prompt).log_softmax(-1)
    return sum(abs(one.value - float(logs[i][prompt[i + 1]])) for i, one in enumerate(found[1:])) / len(found[1:])


def test_blocks_are_copied_with_their_scales(models):
    config = load(models("qwen3")).config
    cache = Cache(config, 8, torch.float32, torch.device("cpu"), rounded=True)
    rows, first, last = torch.randn(4, config.kv_heads, config.head), torch.arange(4), torch.arange(4, 8)
    cache.values[1].put(first, rows)
    cache.copy(slice(0, 4), slice(4, 8))
    assert torch.equal(cache.values[1].read(last), cache.values[1].read(first))


@pytest.mark.parametrize("name", ["qwen2", "qwen3", "llama3", "qwen2-sliding", "qwen3-moe"])
def test_rounding_costs_less_than_bfloat16_does(models, name):
    folder, prompt = models(name), reference.prompt(60)
    bfloat16 = apart(engine(folder, "bfloat16", cache_dtype="auto"), folder, prompt)
    assert 0.001 < apart(engine(folder), folder, prompt) < bfloat16
    assert apart(engine(folder, "bfloat16"), folder, prompt) < 2 * bfloat16


@pytest.mark.parametrize("name", ["qwen3", "llama2"])
def test_greedy_answers_are_the_same_or_turn_at_a_tie(models, name):
    folder = models(name)
    for seed in range(4):
        prompt = reference.prompt(20, seed)
        ours, theirs = tokens(engine(folder).run([ask(prompt)])[0]), reference.greedy(folder, prompt, COUNT)
        if ours != theirs:
            first = next(i for i in range(COUNT) if ours[i] != theirs[i])
            row = reference.logits(folder, prompt + ours[:first])[-1]
            assert float(row[theirs[first]] - row[ours[first]]) < 0.05 * float(row.std()), first


def test_the_budget_holds_twice_the_tokens_of_bfloat16(models):
    folder = models("qwen3", head_dim=64)
    options = {"cache_bytes": 1 << 20, "sequences_max": 256}
    wide, narrow = (engine(folder, "bfloat16", cache_dtype=kind, **options) for kind in ("auto", "int8"))
    assert 1.9 < narrow.blocks.count / wide.blocks.count <= 2
    held = sum(tensor.numel() * tensor.element_size() for tensor in narrow.runner.cache._tensors)
    assert 0.95 * (1 << 20) < held <= 1 << 20


def test_pieces_shared_blocks_and_preemption_change_nothing(models):
    """In float64: a token's keys are rounded by themselves, so it does not matter when or beside what."""
    folder = models("qwen3")
    system = reference.prompt(40)
    prompts = [system + reference.prompt(6, seed) for seed in range(5)]
    alone = [tokens(engine(folder, "float64").run([ask(prompt)])[0]) for prompt in prompts]
    config = load(folder).config
    block = 2 * config.layers * 16 * config.kv_heads * (config.head + 2)
    tight = engine(folder, "float64", step_tokens_max=7, cache_bytes=9 * block)
    assert [tokens(one) for one in tight.run([ask(prompt) for prompt in prompts])] == alone
    assert tight.metrics.preemptions > 0
    shared = engine(folder, "float64", draft_tokens=3)
    shared.run([ask(prompts[0])])
    assert [tokens(one) for one in shared.run([ask(prompt) for prompt in prompts])] == alone
    beams = ask(prompts[0], beams=3, tokens_max=8)
    assert tokens(tight.run([beams])[0]) == tokens(shared.run([beams])[0])


def test_what_is_not_known_is_refused(models):
    with pytest.raises(UnsupportedError, match="int3"):
        engine(models("qwen3"), cache_dtype="int3")
    with pytest.raises(UnsupportedError, match="own type"):
        Engine.load(models("phi"), options=Options(cache_dtype="int8"))
