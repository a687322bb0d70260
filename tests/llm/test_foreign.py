"""Models that transformers runs under the engine answer as transformers' own `generate` does: alone, in a batch, in
pieces, pushed out and taken back."""

from __future__ import annotations

import importlib
import sys

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from sampan.llm import loader
from sampan.llm.engine import Engine, Options
from sampan.llm.errors import ModelError, RequestError, UnsupportedError
from sampan.llm.foreign.model import Foreign
from sampan.llm.request import Request, Sampling
from tests.llm import reference

COUNT = 12
LENGTHS = (1, 5, 17, 30)
# Which read a prompt in pieces, and which run texts of different lengths together: found by trying.
ABLE = {
    "qwen3-next": (True, True),
    "qwen3.5": (True, True),
    "gemma2": (True, True),
    "phi": (True, True),
    "falcon": (True, True),
    "mamba": (False, True),
    "mamba2": (True, True),
    "jamba": (False, True),
}


def opened(folder, **options) -> Engine:
    given = {"cache_bytes": 8 << 20, "step_tokens_max": 64, "sequences_max": 8, "seed": 0} | options
    return Engine.load(folder, dtype="float32", options=Options(**given))


def ask(prompt, **changes) -> Request:
    return Request(tuple(prompt), Sampling(**({"temperature": 0, "tokens_max": COUNT, "ignore_end": True} | changes)))


def tokens(answers) -> list[int]:
    return list(answers[0].tokens)


@pytest.mark.parametrize("name", list(reference.FOREIGN))
def test_greedy_equals_transformers_alone_together_and_in_pieces(models, name):
    folder = models(name)
    prompts = [reference.prompt(length, seed=length) for length in LENGTHS]
    expected = [reference.greedy(folder, prompt, COUNT) for prompt in prompts]
    for step_tokens_max in (512, 7):
        made = opened(folder, step_tokens_max=step_tokens_max)
        assert (not made.traits.whole, made.runner.together) == ABLE[name]
        assert [tokens(one) for one in made.run([ask(prompt) for prompt in prompts])] == expected
        assert made.blocks.free == made.blocks.count
    assert tokens(made.run([ask(prompts[2])])[0]) == expected[2]  # and alone


@pytest.mark.parametrize("name", ["qwen3.5", "gemma2"])
def test_texts_go_on_together_in_one_forward(models, name, monkeypatch):
    made = opened(models(name))
    sizes = []
    forward = Foreign._forward
    monkeypatch.setattr(
        Foreign, "_forward", lambda self, given, *rest: sizes.append(len(given)) or forward(self, given, *rest)
    )
    made.run([ask(reference.prompt(20 + seed, seed)) for seed in range(5)])
    assert sizes.count(5) >= COUNT - 4


@pytest.mark.parametrize("name", ["qwen3-next", "phi", "jamba"])
def test_preempted_answers_are_whole(models, name):
    folder = models(name)
    made = opened(folder)
    traits = made.traits  # room for five states and nine blocks
    budget = max(10 * traits.sequence_bytes, 5 * traits.sequence_bytes + 9 * 16 * traits.token_bytes)
    made = opened(folder, sequences_max=5, cache_bytes=budget)
    prompts = [reference.prompt(30, seed) for seed in range(5)]
    for prompt, answers in zip(prompts, made.run([ask(prompt, tokens_max=20) for prompt in prompts]), strict=True):
        assert tokens(answers) == reference.greedy(folder, prompt, 20)
    assert made.metrics.preemptions > 0
    assert made.blocks.free == made.blocks.count


def test_states_take_no_more_than_their_budget(models):
    folder = models("qwen3-next")
    one = opened(folder).traits.sequence_bytes
    made = opened(folder, cache_bytes=6 * one)  # half of it for states
    for seed in range(6):
        made.add(ask(reference.prompt(9, seed)))
    most = 0
    while made.busy:
        made.step()
        most = max(most, sum(sequence.state is not None for sequence in made.scheduler.running))
    assert most == 3


def test_leaving_gives_the_state_back(models):
    made = opened(models("qwen3.5"))
    first, second = made.add(ask(reference.prompt(20, 1))), made.add(ask(reference.prompt(20, 2)))
    made.step()
    sequences = list(made.scheduler.running)
    assert all(one.state is not None for one in sequences)
    made.cancel(first)
    assert [one.state is None for one in sequences] == [True, False]
    got = [
        token
        for _ in iter(lambda: made.busy, False)
        for one in made.step()
        for token in one.tokens
        if one.request_id == second
    ]
    assert got[-COUNT + 1 :] == reference.greedy(models("qwen3.5"), reference.prompt(20, 2), COUNT)[1:]


def test_seeds_hold_whatever_else_runs(models):
    folder, prompt = models("mamba2"), reference.prompt(12)
    one = ask(prompt, temperature=1.0, seed=5)
    alone = tokens(opened(folder).run([one])[0])
    company = [ask(reference.prompt(7 + seed, seed), temperature=1.0, seed=seed) for seed in range(4)]
    assert tokens(opened(folder).run([*company, one])[-1]) == alone
    assert alone != reference.greedy(folder, prompt, COUNT)


def test_prompt_logprobs_and_beams(models):
    folder, prompt = models("gemma2"), reference.prompt(20)
    made = opened(folder, step_tokens_max=8)
    found = made.run([ask(prompt, tokens_max=1, prompt_logprobs=0)])[0][0].prompt_logprobs
    logs = reference.logits(folder, prompt).log_softmax(-1)
    assert [one.value for one in found[1:]] == pytest.approx(
        [float(logs[i][prompt[i + 1]]) for i in range(19)], abs=1e-4
    )
    with torch.inference_mode():
        theirs = reference.opened(folder).generate(
            torch.tensor([prompt]), max_new_tokens=5, num_beams=3, do_sample=False, eos_token_id=None, pad_token_id=0
        )
    assert tokens(made.run([ask(prompt, beams=3, tokens_max=5)])[0]) == theirs[0, 20:].tolist()


def test_a_model_gone_mad_harms_only_its_own_request(models):
    folder, sane = models("qwen3.5"), [token if token != 17 else 18 for token in reference.prompt(20)]
    made = opened(folder)
    with torch.inference_mode():
        made.runner.module.get_input_embeddings().weight[17] = float("nan")
    broken, whole = made.run([ask([5, 6, 17]), ask(sane)])
    assert (broken[0].finished, "finite" in broken[0].why) == ("error", True)
    assert tokens(whole) == reference.greedy(folder, sane, COUNT)


def test_the_text_side_of_a_model_that_sees(tmp_path):
    text = reference.common(head_dim=16, rope_parameters=reference.ROPE_VL)
    vision = {"depth": 1, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "patch_size": 4}
    vision |= {"out_hidden_size": 64, "deepstack_visual_indexes": [], "num_position_embeddings": 16}
    torch.manual_seed(0)
    config = transformers.Qwen3VLConfig(text_config=text, vision_config=vision)
    transformers.Qwen3VLForConditionalGeneration(config).save_pretrained(tmp_path)
    made, prompts = opened(tmp_path), [reference.prompt(9, 1), reference.prompt(14, 2)]
    theirs = transformers.AutoModelForImageTextToText.from_pretrained(tmp_path, dtype=torch.float32).eval()
    for prompt, answers in zip(prompts, made.run([ask(prompt) for prompt in prompts]), strict=True):
        with torch.inference_mode():
            out = theirs.generate(
                input_ids=torch.tensor([prompt]),
                max_new_tokens=COUNT,
                do_sample=False,
                eos_token_id=None,
                pad_token_id=0,
            )
        assert tokens(answers) == out[0, len(prompt) :].tolist()


def test_what_cannot_be_run_is_refused(models, tmp_path, monkeypatch):
    common = reference.common(lru_width=64, attention_window_size=8, head_dim=16)
    hidden = transformers.RecurrentGemmaForCausalLM(transformers.RecurrentGemmaConfig(**common))
    with pytest.raises(UnsupportedError, match="hides its state"):
        Foreign(hidden)
    folder = models("phi")
    made = opened(folder)
    with pytest.raises(UnsupportedError, match="adapters"):
        made.adapters.register("x", tmp_path)
    with pytest.raises(RequestError, match="room"):
        made.add(ask(reference.prompt(300)))
    with pytest.raises(UnsupportedError, match="keeps its weights"):
        loader.open_any(folder, form=lambda weight, bias: None)
    weights = load_file(folder / "model.safetensors")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    for name, value, words in (
        ("lm_head.weight", None, "lm_head"),
        ("lm_head.bias", torch.full((320,), torch.nan), "finite"),
    ):
        weights = load_file(folder / "model.safetensors") | {name: value}
        save_file(
            {one: tensor for one, tensor in weights.items() if tensor is not None},
            tmp_path / "model.safetensors",
            {"format": "pt"},
        )
        with pytest.raises(ModelError, match=words):
            loader.open_any(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "nothing"}')
    with pytest.raises(ModelError, match="nothing"):
        loader.open_any(tmp_path)
    for name in [one for one in sys.modules if one.startswith("sampan.llm.foreign")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UnsupportedError, match="pip install"):
        loader.open_any(folder)
    importlib.invalidate_caches()
