"""Filters leave the distribution that transformers' do; what is reported is the model's own."""

from __future__ import annotations

import math

import pytest
import torch
import transformers
from transformers.generation import logits_process as reference_filters

from sampan.llm import sampler
from sampan.llm.engine import Engine, Options
from sampan.llm.loader import load
from sampan.llm.request import Request, Sampling
from tests.llm import reference

DRAWS = 5000


def engine(folder, **options) -> Engine:
    return Engine(load(folder), options=Options(**({"cache_bytes": 8 << 20, "seed": 1} | options)))


def ask(prompt, **sampling) -> Request:
    return Request(tuple(prompt), Sampling(**({"tokens_max": 12, "ignore_end": True} | sampling)))


def expected(row, sampling: Sampling) -> torch.Tensor:
    """transformers' processors in its own order."""
    scores = row.unsqueeze(0) / sampling.temperature
    for wanted, made in (
        (sampling.top_k, lambda: reference_filters.TopKLogitsWarper(sampling.top_k)),
        (sampling.top_p < 1, lambda: reference_filters.TopPLogitsWarper(sampling.top_p)),
        (sampling.min_p, lambda: reference_filters.MinPLogitsWarper(sampling.min_p)),
        (sampling.typical_p < 1, lambda: reference_filters.TypicalLogitsWarper(sampling.typical_p)),
    ):
        scores = made()(None, scores) if wanted else scores
    return scores[0].softmax(-1)


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"temperature": 0.5},
        {"top_k": 7},
        {"top_p": 0.6},
        {"top_p": 0.999999},  # more candidates than are looked at first
        {"min_p": 0.05},
        {"typical_p": 0.5},
        {"top_k": 50, "top_p": 0.8, "min_p": 0.02, "typical_p": 0.9, "temperature": 1.3},
    ],
)
def test_filters_equal_transformers(filters):
    torch.manual_seed(0)
    row = torch.randn(600) * 2
    sampling = Sampling(**filters)
    counts = torch.zeros(600)
    for i in range(DRAWS):  # evenly spaced numbers measure the distribution
        counts[sampler.choose(row, sampling, (i + 0.5) / DRAWS)] += 1
    wanted = expected(row, sampling)
    assert (counts / DRAWS - wanted).abs().max() < 1.5 / DRAWS
    assert counts[wanted == 0].sum() == 0


def test_penalties_equal_transformers():
    torch.manual_seed(0)
    row, prompt, answer = torch.randn(50), [1, 2, 3, 3], [4, 4, 5]
    ours = sampler.adjust(row, Sampling(repetition_penalty=1.3), prompt, answer, set())
    penalty = reference_filters.RepetitionPenaltyLogitsProcessor(1.3)
    assert torch.allclose(ours, penalty(torch.tensor([prompt + answer]), row.unsqueeze(0).clone())[0])
    ours = sampler.adjust(row, Sampling(frequency_penalty=0.5, presence_penalty=0.25), prompt, answer, set())
    changed = row.clone()
    changed[4] -= 2 * 0.5 + 0.25
    changed[5] -= 0.5 + 0.25
    assert torch.allclose(ours, changed)
    ours = sampler.adjust(row, Sampling(logit_bias={7: 2.0, 999: 1.0}), prompt, answer, {3})
    assert ours[7] == row[7] + 2.0
    assert ours[3] == -math.inf


def test_numbers_are_even_and_their_own():
    numbers = torch.tensor([sampler.uniform(seed, position) for seed in range(100) for position in range(100)])
    assert 0 <= numbers.min() < numbers.max() < 1
    assert abs(float(numbers.mean()) - 0.5) < 0.01
    assert len(numbers.unique()) > 9990
    table = numbers.view(100, 100)
    assert abs(float(torch.corrcoef(torch.stack((table[:-1].flatten(), table[1:].flatten())))[0, 1])) < 0.03


def test_n_answers_differ_and_the_first_is_the_single_one(models):
    made, prompt = engine(models("qwen3")), reference.prompt(20)
    several = made.run([ask(prompt, n=4, seed=9)])[0]
    assert [answer.index for answer in several] == [0, 1, 2, 3]
    assert len({answer.tokens for answer in several}) == 4
    assert several[0].tokens == made.run([ask(prompt, seed=9)])[0][0].tokens
    assert [answer.shared_tokens for answer in several[1:]] == [16] * 3


def test_best_of_returns_the_likeliest(models):
    made, prompt = engine(models("qwen3")), reference.prompt(20)
    every = made.run([ask(prompt, n=5, seed=9, logprobs=0)])[0]
    ranked = sorted(every, key=lambda answer: -sum(one.value for one in answer.logprobs) / len(answer.tokens))
    chosen = made.run([ask(prompt, n=2, best_of=5, seed=9)])[0]
    assert [answer.tokens for answer in chosen] == [answer.tokens for answer in ranked[:2]]
    assert [answer.index for answer in chosen] == [0, 1]


def test_logprobs_are_the_models(models):
    folder, prompt = models("qwen3"), reference.prompt(20)
    answer = engine(folder).run([ask(prompt, logprobs=3, prompt_logprobs=2, seed=1, temperature=0.5)])[0][0]
    text = prompt + list(answer.tokens)
    logs = reference.logits(folder, text).log_softmax(-1)
    for i, found in enumerate(answer.logprobs):
        row = logs[len(prompt) - 1 + i]
        assert found.token == answer.tokens[i]
        assert found.value == pytest.approx(float(row[found.token]), abs=1e-4)
        assert [token for token, _ in found.alternatives] == row.topk(3).indices.tolist()
    assert answer.prompt_logprobs[0] is None
    assert len(answer.prompt_logprobs) == len(prompt)
    for i, found in enumerate(answer.prompt_logprobs[1:]):
        assert found.token == prompt[i + 1]
        assert found.value == pytest.approx(float(logs[i][found.token]), abs=1e-4)
        assert [token for token, _ in found.alternatives] == logs[i].topk(2).indices.tolist()


@pytest.mark.parametrize("penalty", [1.0, 0.3, -1.0])
@pytest.mark.parametrize("ends", [False, True])
def test_beam_search_equals_transformers(models, penalty, ends):
    folder, prompt = models("qwen3"), reference.prompt(20)
    first = reference.greedy(folder, prompt, 12)
    end = first[4] if ends else None
    config = transformers.GenerationConfig(
        num_beams=4,
        num_return_sequences=3,
        max_new_tokens=12,
        do_sample=False,
        length_penalty=penalty,
        eos_token_id=end,
        pad_token_id=0,
    )
    with torch.inference_mode():
        out = reference.opened(folder).generate(torch.tensor([prompt]), generation_config=config)
    theirs = [answer[len(prompt) :].tolist() for answer in out]
    stops = () if end is None else (end,)
    made = engine(folder)
    answers = made.run([ask(prompt, beams=4, n=3, length_penalty=penalty, stop_tokens=stops), ask(prompt, seed=1)])[0]
    ours = [list(answer.tokens) for answer in answers]
    if end is not None:  # what follows is padding
        theirs = [answer[: answer.index(end) + 1] if end in answer else answer for answer in theirs]
    assert ours == theirs
    assert made.blocks.free == made.blocks.count


@pytest.mark.parametrize("options", [{"sequences_max": 2}, {"cache_bytes": 6 * 12_288}])
def test_beams_for_which_there_is_no_room_take_turns(models, options):
    """Two searches at once, wider than what may run together, and too much for the cache."""
    folder, sampling = models("qwen3"), {"temperature": 0, "beams": 4, "n": 2, "tokens_max": 10, "ignore_end": True}
    requests = [Request(tuple(reference.prompt(20, seed)), Sampling(**sampling)) for seed in range(2)]
    roomy = [[one.tokens for one in answers] for answers in engine(folder).run(requests)]
    made = engine(folder, **options)
    assert [[one.tokens for one in answers] for answers in made.run(requests)] == roomy
    assert made.blocks.free == made.blocks.count


def test_a_search_that_is_stopped_gives_every_answer_its_end(models):
    made = engine(models("qwen3"))
    one = made.add(Request(tuple(reference.prompt(20)), Sampling(temperature=0, beams=3, n=3)))
    made.step()
    made.cancel(one)
    assert [update.finished for update in made.step()] == ["cancelled"] * 3
    assert not made.busy
