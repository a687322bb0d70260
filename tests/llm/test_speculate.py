"""A draft model changes how fast an answer comes, and nothing else: what is guessed right is confirmed several tokens a
step, what is guessed wrong is as if it had not been."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from sampan.llm import sampler
from sampan.llm.engine import Engine, Options
from sampan.llm.errors import UnsupportedError
from sampan.llm.loader import load
from sampan.llm.request import Request, Sampling
from sampan.llm.structured import Grammar
from sampan.llm.text import Text
from tests.llm import reference

COUNT = 24
KINDS = {
    "greedy": {"temperature": 0},
    "drawn": {"temperature": 1.0, "seed": 3},
    "filtered": {"temperature": 0.8, "top_k": 20, "top_p": 0.9, "seed": 4},
    "penalised": {"temperature": 1.0, "seed": 5, "repetition_penalty": 1.2, "frequency_penalty": 0.4},
    "biased": {"temperature": 0, "logit_bias": {7: 3.0, 9: 2.5}},
}


def noisy(folder, amount, **changes):
    """The model with noise on its embeddings: the more, the less it agrees with itself."""
    made = load(folder, dtype="float64", **changes)
    generator = torch.Generator().manual_seed(1)
    with torch.inference_mode():
        made.embedding += amount * torch.randn(made.embedding.shape, generator=generator)
    return made


def engine(folder, draft=None, **options) -> Engine:
    given = {"cache_bytes": 4 << 20, "step_tokens_max": 64, "draft_sequences_max": 8} | options
    return Engine(load(folder, dtype="float64"), draft=draft, options=Options(**given))


def ask(prompt, **changes) -> Request:
    return Request(tuple(prompt), Sampling(**({"tokens_max": COUNT, "ignore_end": True} | changes)))


def tokens(answers) -> list[int]:
    return list(answers[0].tokens)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("draft_tokens", [1, 4])
def test_a_perfect_draft_is_always_right(models, kind, draft_tokens):
    """Drawn answers too: the draft is given the same random numbers."""
    folder, one = models("qwen3"), ask(reference.prompt(20), **KINDS[kind])
    made = engine(folder, load(folder, dtype="float64"), draft_tokens=draft_tokens)
    assert tokens(made.run([one])[0]) == tokens(engine(folder).run([one])[0])
    assert made.metrics.snapshot()["acceptance"] == 1.0
    assert made.metrics.steps == 1 + -(-(COUNT - 1) // (draft_tokens + 1))


@pytest.mark.parametrize("kind", list(KINDS))
def test_any_draft_leaves_answers_as_they_are(models, kind):
    folder = models("qwen3")
    prompts = [reference.prompt(length, length) for length in (1, 9, 16, 33)]
    requests = [ask(prompt, **KINDS[kind]) for prompt in prompts]
    plain = [tokens(one) for one in engine(folder).run(requests)]
    other = load(models("llama2"), dtype="float64")  # knows nothing of the other's ways
    for draft, least, most in ((noisy(folder, 0.02), 0.05, 0.95), (other, 0.0, 0.3)):
        made = engine(folder, draft)
        assert [tokens(one) for one in made.run(requests)] == plain
        assert least <= made.metrics.snapshot()["acceptance"] <= most
        assert made.metrics.guessed_tokens > 20
        assert made.blocks.free == made.blocks.count


def test_drawn_tokens_have_the_models_distribution(models):
    """The token that a guess was confirmed or replaced by, over many seeds, against the model's own chances for it
    (chi-square with seven degrees, 1 in 1000)."""
    folder, prompt, runs = models("qwen3"), reference.prompt(12), 500
    made = engine(folder, noisy(folder, 0.05), sequences_max=16, draft_sequences_max=16)
    forced = {int(reference.logits(folder, prompt)[-1].argmax()): 100.0}  # the first token is always the same
    drawn = {"temperature": 0.5, "top_k": 8, "tokens_max": 3, "logit_bias": forced, "presence_penalty": 100.0}
    got = Counter(tokens(one)[1] for one in made.run([ask(prompt, seed=seed, **drawn) for seed in range(runs)]))
    assert 0.2 < made.metrics.snapshot()["acceptance"] < 0.95
    values, picks = (reference.logits(folder, [*prompt, *forced])[-1] / 0.5).topk(8)
    chances = dict(zip(picks.tolist(), values.softmax(-1).tolist(), strict=True))
    assert set(got) <= set(chances)
    assert sum((got[token] - runs * chance) ** 2 / (runs * chance) for token, chance in chances.items()) < 24.3


def test_shared_beginnings_and_preemption_stay_right(models):
    folder, system = models("qwen3"), reference.prompt(40)
    requests = [ask(system + reference.prompt(5, seed), temperature=0, tokens_max=40) for seed in range(5)]
    plain = [tokens(one) for one in engine(folder).run(requests)]
    draft = load(folder, dtype="float64")
    config = draft.config
    each = 2 * 2 * config.layers * 16 * config.kv_heads * config.head * 8
    tight = engine(folder, draft, cache_bytes=10 * each)
    assert [tokens(one) for one in tight.run(requests)] == plain
    assert tight.metrics.preemptions > 0
    roomy = engine(folder, draft)
    roomy.run(requests[:1])
    before = roomy.metrics.guessed_tokens, roomy.metrics.accepted_tokens
    again = roomy.run(requests)
    assert all(one[0].shared_tokens >= 32 for one in again)
    assert [tokens(one) for one in again] == plain
    # What the draft finds in shared blocks is its own: it is still never wrong.
    assert roomy.metrics.guessed_tokens - before[0] == roomy.metrics.accepted_tokens - before[1]


def test_a_draft_of_fewer_tokens_and_one_that_is_mad(models, bytewise):
    folder, one = models("qwen3"), ask(reference.prompt(20), temperature=0)
    plain = tokens(engine(folder).run([one])[0])
    short = load(models("qwen3", vocab_size=200), dtype="float64")  # published vocabularies differ by their padding
    assert tokens(engine(folder, short).run([one])[0]) == plain
    mad = load(folder, dtype="float64")
    with torch.inference_mode():
        mad.last += float("nan")
    made = engine(folder, mad)
    assert tokens(made.run([one])[0]) == plain
    assert made.metrics.guessed_tokens == 0
    with pytest.raises(UnsupportedError, match="draft"):
        Engine.load(models("phi"), draft=folder)


def test_grammars_hold(models, bytewise: Text):
    folder = models("qwen3", vocab_size=2100)
    one = ask(
        bytewise.encode("yes or no? "), temperature=1.0, seed=2, grammar=Grammar.choice(["yes, of course", "no, never"])
    )
    answers = []
    for draft in (None, load(folder, dtype="float64")):
        made = Engine(load(folder, dtype="float64"), text=bytewise, draft=draft, options=Options(cache_bytes=4 << 20))
        answers.append(made.run([one])[0][0])
    assert answers[0].tokens == answers[1].tokens
    assert answers[0].text in ("yes, of course", "no, never")


def test_the_random_number_depends_on_place_and_seed_alone():
    numbers = [sampler.uniform(seed, place) for seed in range(50) for place in range(50)]
    assert len(set(numbers)) == len(numbers)
    assert abs(sum(numbers) / len(numbers) - 0.5) < 0.02


@pytest.mark.parametrize("dtype", ["float32", "float64"])  # by the native kernels, and by PyTorch's operations
def test_a_mad_guess_is_only_wrong(models, dtype):
    """The token that the draft always guesses is one from which the model makes no numbers."""
    folder, prompt = models("llama3"), reference.prompt(20)
    draft = load(folder, dtype=dtype)
    made = Engine(load(folder, dtype=dtype), draft=draft, options=Options(cache_bytes=4 << 20))
    plain = reference.greedy(folder, prompt, COUNT)
    mad = next(token for token in range(3, 320) if token not in {*prompt, *plain})
    with torch.inference_mode():
        made.model.embedding[mad] = float("nan")
    draft.head = lambda hidden: torch.nn.functional.one_hot(torch.full(hidden.shape[:1], mad), 320).to(hidden)
    assert tokens(made.run([ask(prompt, temperature=0)])[0]) == plain
    assert made.metrics.guessed_tokens > COUNT / 2
    assert made.metrics.accepted_tokens == 0
    assert tokens(made.run([ask(prompt, temperature=0)])[0]) == plain
