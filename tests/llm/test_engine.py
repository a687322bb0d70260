"""The engine answers as transformers does, whatever else it is doing: alone, in a batch, in pieces, from shared
blocks, pushed out and taken back, and guessed ahead."""

from __future__ import annotations

import asyncio

import pytest
import torch

from sampan.llm import loader
from sampan.llm.engine import Engine, Options
from sampan.llm.errors import BusyError, RequestError
from sampan.llm.request import Request, Sampling
from tests.llm import reference

COUNT = 24
GREEDY = Sampling(temperature=0, tokens_max=COUNT, ignore_end=True)


def engine(folder, dtype="float32", **options) -> Engine:
    given = {"cache_bytes": 8 << 20, "step_tokens_max": 64, "sequences_max": 8, "seed": 0} | options
    return Engine(loader.load(folder, dtype=dtype), options=Options(**given))


def cache_bytes(model_folder, blocks: int, dtype_bytes: int = 4) -> int:
    """Room for so many blocks of 16 tokens."""
    config = loader.load(model_folder).config
    return blocks * 2 * config.layers * 16 * config.kv_heads * config.head * dtype_bytes


def ask(prompt, **changes) -> Request:
    return Request(tuple(prompt), Sampling(**({"temperature": 0, "tokens_max": COUNT, "ignore_end": True} | changes)))


def tokens(answers) -> list[int]:
    return list(answers[0].tokens)


@pytest.mark.parametrize("name", ["qwen2", "qwen3", "qwen3-moe", "llama3", "llama-dynamic", "mistral"])
@pytest.mark.parametrize("step_tokens_max", [512, 7])
def test_greedy_equals_transformers_single_and_batched(models, name, step_tokens_max):
    folder = models(name)
    prompts = [reference.prompt(length, seed=length) for length in (1, 5, 16, 40)]
    made = engine(folder, step_tokens_max=step_tokens_max)
    together = made.run([ask(prompt) for prompt in prompts])
    for prompt, answers in zip(prompts, together, strict=True):
        assert tokens(answers) == reference.greedy(folder, prompt, COUNT)
        assert answers[0].finished == "length"
    assert made.blocks.free == made.blocks.count


@pytest.mark.parametrize("name", ["qwen3", "llama2"])
def test_bfloat16_greedy_equals_transformers_or_ties(models, name):
    folder, prompt = models(name), reference.prompt(20)
    ours = tokens(engine(folder, "bfloat16").run([ask(prompt, tokens_max=64)])[0])
    theirs = reference.greedy(folder, prompt, 64, torch.bfloat16)
    if ours == theirs:
        return
    first = next(i for i in range(64) if ours[i] != theirs[i])
    row = reference.logits(folder, prompt + ours[:first])[-1]  # in float32: were the two about equally likely?
    assert abs(float(row[ours[first]] - row[theirs[first]])) < 0.05 * float(row.std())


@pytest.mark.parametrize("name", ["qwen3", "llama2", "qwen3-moe"])
def test_float16_greedy_equals_float32_or_ties(models, name):
    folder, prompts = models(name), [reference.prompt(length, length) for length in (3, 20, 40)]
    together = engine(folder, "float16").run([ask(prompt) for prompt in prompts])
    for prompt, answers in zip(prompts, together, strict=True):
        ours, theirs = tokens(answers), reference.greedy(folder, prompt, COUNT)
        if ours != theirs:
            first = next(i for i in range(COUNT) if ours[i] != theirs[i])
            row = reference.logits(folder, prompt + ours[:first])[-1]
            assert abs(float(row[ours[first]] - row[theirs[first]])) < 0.01 * float(row.std())


def test_a_shared_prefix_is_computed_once(models):
    folder = models("qwen3")
    system = reference.prompt(50)
    prompts = [system + reference.prompt(6, seed) for seed in range(5)]
    made = engine(folder)
    first = made.run([ask(prompts[0])])
    rest = made.run([ask(prompt) for prompt in prompts[1:]])
    for prompt, answers in zip(prompts, first + rest, strict=True):
        assert tokens(answers) == reference.greedy(folder, prompt, COUNT)
    assert [answers[0].shared_tokens for answers in rest] == [48] * 4


def test_requests_that_arrive_together_share_what_the_first_computes(models):
    folder = models("qwen3")
    system = reference.prompt(50)
    made = engine(folder, step_tokens_max=512)
    answers = made.run([ask(system + reference.prompt(6, seed)) for seed in range(4)])
    assert [one[0].shared_tokens for one in answers] == [0, 48, 48, 48]


def test_a_chat_goes_on_from_its_own_answer(models):
    folder = models("llama3")
    made = engine(folder)
    prompt = reference.prompt(20)
    said = tokens(made.run([ask(prompt)])[0])
    longer = prompt + said + reference.prompt(4, 9)
    answers = made.run([ask(longer)])[0]
    assert answers[0].shared_tokens == (20 + COUNT - 1) // 16 * 16
    assert tokens(answers) == reference.greedy(folder, longer, COUNT)


def test_preempted_answers_are_whole(models):
    folder = models("qwen3")
    made = engine(folder, cache_bytes=cache_bytes(folder, 9))
    prompts = [reference.prompt(30, seed) for seed in range(6)]
    for prompt, answers in zip(prompts, made.run([ask(prompt) for prompt in prompts]), strict=True):
        assert tokens(answers) == reference.greedy(folder, prompt, COUNT)
    assert made.metrics.preemptions > 0
    assert made.blocks.free == made.blocks.count


def test_guesses_do_not_change_answers(models):
    folder = models("qwen3")
    loop = reference.prompt(6) * 6
    plain, guessing = engine(folder), engine(folder, draft_tokens=5)
    for sampling in ({}, {"temperature": 0.7, "seed": 3}, {"temperature": 1.0, "seed": 4, "repetition_penalty": 1.2}):
        assert tokens(guessing.run([ask(loop, **sampling)])[0]) == tokens(plain.run([ask(loop, **sampling)])[0])
    assert guessing.metrics.guessed_tokens > 0
    # An answer that repeats itself is guessed right.
    bias = {"logit_bias": {7: 100.0}}
    steps = guessing.metrics.steps
    assert tokens(guessing.run([ask(loop, **bias)])[0]) == [7] * COUNT
    assert guessing.metrics.steps - steps < COUNT / 2


def test_priority_goes_first_and_may_push_out(models):
    folder = models("qwen3")
    made = engine(folder, sequences_max=1)
    low, high = reference.prompt(20, 1), reference.prompt(20, 2)
    first = made.add(ask(low))
    made.step()
    second = made.add(Request(tuple(high), GREEDY, priority=5))
    done: list[int] = []
    gathered: dict[int, list[int]] = {first: [], second: []}
    while made.busy:
        for update in made.step():
            gathered[update.request_id] += update.tokens
            done += [update.request_id] if update.finished else []
    assert done == [second, first]
    assert made.metrics.preemptions == 1
    assert gathered[first][-COUNT + 1 :] == reference.greedy(folder, low, COUNT)[1:]
    assert gathered[second] == reference.greedy(folder, high, COUNT)


def test_cancelling_frees_at_once(models):
    made = engine(models("qwen3"), step_tokens_max=128)
    kept, dropped = made.add(ask(reference.prompt(40, 1))), made.add(ask(reference.prompt(40, 2)))
    made.step()
    held = made.blocks.count - made.blocks.free
    made.cancel(dropped)
    assert made.blocks.count - made.blocks.free == held // 2
    reasons = {}
    while made.busy:
        reasons |= {update.request_id: update.finished for update in made.step() if update.finished}
    assert reasons == {kept: "length", dropped: "cancelled"}
    made.cancel(kept)  # long gone
    made.cancel(12345)  # never was
    assert not made.busy


def test_deadlines_end_what_is_late(models):
    now = [0.0]
    made = Engine(loader.load(models("qwen3")), options=Options(cache_bytes=4 << 20), clock=lambda: now[0])
    late = made.add(Request(tuple(reference.prompt(10)), GREEDY, deadline_s=5.0))
    ever = made.add(ask(reference.prompt(10, 1)))
    reasons, got = {}, []
    while made.busy:
        now[0] += 1.0
        for update in made.step():
            got += update.tokens if update.request_id == late else ()
            reasons |= {update.request_id: update.finished} if update.finished else {}
    assert reasons == {late: "deadline", ever: "length"}
    assert 0 < len(got) < COUNT


def test_what_cannot_be_answered_is_refused(models):
    made = engine(models("qwen3"), waiting_max=2, length_max=64)
    for request, words in (
        (ask([]), "empty"),
        (ask(reference.prompt(64)), "room for 63"),
        (ask([1, 5000]), "outside"),
        (ask([-1]), "outside"),
        (ask([5], temperature=float("nan")), "temperature"),
        (ask([5], top_p=0.0), "top_p"),
        (ask([5], n=2, best_of=1), "best_of"),
        (ask([5], stop=("x",)), "tokenizer"),
        (Request((5,), GREEDY, adapter="none"), "no adapter"),
    ):
        with pytest.raises(RequestError, match=words):
            made.add(request)
    made.add(ask([5]))
    made.add(ask([6]))
    with pytest.raises(BusyError):
        made.add(ask([7]))
    while made.busy:
        made.step()


def test_an_answer_stops_where_the_room_ends(models):
    made = engine(models("qwen3"), length_max=40)
    answer = made.run([ask(reference.prompt(30), tokens_max=1000)])[0][0]
    assert (len(answer.tokens), answer.finished) == (10, "length")


def test_stop_tokens_and_end_tokens(models):
    folder, prompt = models("qwen3"), reference.prompt(20)
    expected = reference.greedy(folder, prompt, COUNT)
    stop = expected[6]
    cut = expected[: expected.index(stop) + 1]
    answer = engine(folder).run([ask(prompt, stop_tokens=(stop,))])[0][0]
    assert (list(answer.tokens), answer.finished) == (cut, "stop")
    answer = engine(folder).run([ask(prompt, stop_tokens=(stop,), tokens_min=10)])[0][0]
    assert stop not in answer.tokens[:10]


def test_a_model_gone_mad_harms_only_its_own_request(models):
    folder = models("llama3")
    made = engine(folder)
    mad, sane = 17, reference.prompt(20)
    with torch.inference_mode():
        made.model.embedding[mad] = float("nan")
    prompt = [token if token != mad else 18 for token in sane]
    broken, whole = made.run([ask([5, 6, mad]), ask(prompt)])
    assert broken[0].finished == "error"
    assert "finite" in broken[0].why
    assert tokens(whole) == reference.greedy(folder, prompt, COUNT)


@pytest.mark.parametrize("dtype", ["float32", "float64"])  # by the native kernels, and by PyTorch's operations
def test_what_a_mad_request_leaves_in_the_cache_harms_nobody(models, dtype):
    """It is cancelled before anybody has seen that it is mad."""
    folder = models("llama3")
    made = engine(folder, dtype, step_tokens_max=16)
    with torch.inference_mode():
        made.model.embedding[17] = float("nan")
    one = made.add(ask([17] * 40))
    made.step()
    made.cancel(one)
    prompts = [[token if token != 17 else 18 for token in reference.prompt(length, length)] for length in (3, 30, 9)]
    for prompt, answers in zip(prompts, made.run([ask(prompt) for prompt in prompts]), strict=True):
        assert tokens(answers) == reference.greedy(folder, prompt, COUNT)


def test_a_mad_request_does_not_spoil_the_beginning_that_it_shares(models):
    folder = models("llama3")
    made = engine(folder, step_tokens_max=44)  # the mad token is in the first of two pieces, which nobody asks
    shared = [token if token != 17 else 18 for token in reference.prompt(40)]
    mad = ask([*shared, 17, *reference.prompt(30, 1)])
    with torch.inference_mode():
        made.model.embedding[17] = float("nan")
    assert made.run([mad])[0][0].finished == "error"
    first = made.run([ask(shared)])[0]
    assert made.run([mad])[0][0].finished == "error"
    again = made.run([ask(shared)])[0]
    assert again[0].shared_tokens == 32
    assert tokens(again) == tokens(first) == reference.greedy(folder, shared, COUNT)


def test_generate_streams_and_leaving_early_cancels(models):
    folder = models("qwen3")
    made = engine(folder)
    prompts = [reference.prompt(12, seed) for seed in range(3)]

    async def read(prompt):
        got = []
        async for update in made.generate(ask(prompt)):
            got += update.tokens
        return got

    async def leave(prompt):
        stream = made.generate(ask(prompt, tokens_max=100))
        async for _ in stream:
            break
        await stream.aclose()

    async def all_at_once():
        return await asyncio.gather(*(read(prompt) for prompt in prompts), leave(prompts[0]))

    answers = asyncio.run(all_at_once())
    assert answers[:3] == [reference.greedy(folder, prompt, COUNT) for prompt in prompts]
    while made.busy:
        made.step()
    assert made.blocks.free == made.blocks.count
    assert made.metrics.answered_tokens < 3 * COUNT + 100
