"""Adapters give PEFT's answers, alone and mixed within a batch; what cannot be adapted is refused."""

from __future__ import annotations

import json

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file

from sampan.llm import quantise
from sampan.llm.adapters import Adapters
from sampan.llm.engine import Engine, Options
from sampan.llm.errors import BusyError, ModelError, RequestError, UnsupportedError
from sampan.llm.loader import load
from sampan.llm.request import Request, Sampling
from tests.llm import reference

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
KINDS = {
    "all": {"r": 8, "lora_alpha": 16, "target_modules": ALL},
    "few": {"r": 3, "lora_alpha": 12, "target_modules": ["q_proj", "v_proj"]},
    "rank": {"r": 4, "lora_alpha": 8, "target_modules": ALL, "use_rslora": True},
    "patterns": {
        "r": 4,
        "lora_alpha": 8,
        "target_modules": ["q_proj", "k_proj", "up_proj"],
        "rank_pattern": {"k_proj": 6},
        "alpha_pattern": {"up_proj": 32},
    },
    "wide": {"r": 64, "lora_alpha": 64, "target_modules": ["down_proj", "o_proj"]},
    "dora": {
        "r": 8,
        "lora_alpha": 16,
        "target_modules": ["q_proj", "v_proj", "up_proj", "down_proj"],
        "use_dora": True,
    },
}
COUNT = 12


def prompt_ids(seed):
    return reference.prompt(15, seed)


@pytest.fixture(scope="module")
def base(models):
    return models("qwen2")


@pytest.fixture(scope="module")
def adapters(base, tmp_path_factory):
    """Random adapters by name, and the greedy answers that PEFT gives with each."""
    root, out = tmp_path_factory.mktemp("adapters"), {}
    for seed, (name, options) in enumerate(KINDS.items()):
        torch.manual_seed(seed)
        model = peft.get_peft_model(
            reference.checkpointed(base), peft.LoraConfig(**options, init_lora_weights=False, task_type="CAUSAL_LM")
        )
        model.save_pretrained(root / name)
        ids = torch.tensor([prompt_ids(seed)])
        with torch.inference_mode():
            answer = model.eval().generate(
                input_ids=ids, max_new_tokens=COUNT, do_sample=False, eos_token_id=None, pad_token_id=0
            )
        out[name] = (root / name, answer[0, ids.shape[1] :].tolist())
    return out


def ask(seed, adapter):
    sampling = Sampling(temperature=0, tokens_max=COUNT, ignore_end=True)
    return Request(tuple(prompt_ids(seed)), sampling, adapter=adapter)


def engine(base, adapters, **options):
    model = load(base)
    known = Adapters(model, **options)
    for name, (folder, _) in adapters.items():
        known.register(name, folder)
    return Engine(model, adapters=known, options=Options(cache_bytes=8 << 20))


def test_one_adapter_equals_peft(base, adapters):
    made = engine(base, adapters)
    for seed, (name, (_, expected)) in enumerate(adapters.items()):
        assert list(made.run([ask(seed, name)])[0][0].tokens) == expected, name


def test_adapters_mixed_in_a_batch_equal_peft(base, adapters):
    made = engine(base, adapters)
    requests = [ask(seed, name) for seed, name in enumerate(adapters)] + [ask(0, None), ask(0, "all")]
    answers = [list(one[0].tokens) for one in made.run(requests)]
    wanted = [expected for _, expected in adapters.values()]
    assert answers == [*wanted, reference.greedy(base, prompt_ids(0), COUNT), wanted[0]]


def test_one_texts_blocks_are_not_anothers(base, adapters):
    made = engine(base, adapters)
    long = Request(tuple(reference.prompt(40)), Sampling(temperature=0, tokens_max=1), adapter="all")
    made.run([long])
    assert made.run([long])[0][0].shared_tokens == 32
    other = Request(long.prompt, long.sampling, adapter="few")
    assert made.run([other])[0][0].shared_tokens == 0


def test_adapters_come_and_go(base, adapters):
    made = engine(base, adapters, loaded_max=2)
    for _ in range(2):
        for seed, (name, (_, expected)) in enumerate(adapters.items()):
            assert list(made.run([ask(seed, name)])[0][0].tokens) == expected
    assert made.adapters.loaded == list(adapters)[-2:]
    for name in list(adapters)[:2]:
        made.adapters.hold(name)
    with pytest.raises(BusyError):
        made.adapters.hold("wide")
    with pytest.raises(RequestError, match="in use"):
        made.adapters.register(next(iter(adapters)), adapters["wide"][0])


def spoiled(source, target, change_config=None, change_weights=None):
    target.mkdir()
    config = json.loads((source / "adapter_config.json").read_text()) | (change_config or {})
    (target / "adapter_config.json").write_text(json.dumps(config))
    weights = load_file(source / "adapter_model.safetensors")
    (change_weights or (lambda w: None))(weights)
    save_file(weights, target / "adapter_model.safetensors")
    return target


def test_bad_adapters_are_refused_and_disturb_nobody(base, adapters, tmp_path):
    made = engine(base, adapters)
    source = adapters["all"][0]
    for i, field in enumerate(({"lora_bias": True}, {"bias": "all"}, {"peft_type": "IA3"})):
        with pytest.raises(UnsupportedError):
            made.adapters.register("bad", spoiled(source, tmp_path / str(i), field))
    key = next(iter(load_file(source / "adapter_model.safetensors")))

    def half(weights):
        del weights[key]

    def narrow(weights):
        weights[key] = weights[key][:, :3].contiguous()

    def nan(weights):
        weights[key][0, 0] = float("nan")

    for change, words in ((half, "lacks half"), (narrow, "shapes"), (nan, "finite")):
        made.adapters.register("bad", spoiled(source, tmp_path / words.replace(" ", "-"), None, change))
        broken, sound = made.run([ask(0, "bad"), ask(0, "all")])
        assert broken[0].finished == "refused"
        assert words in broken[0].why
        assert list(sound[0].tokens) == adapters["all"][1]
    with pytest.raises(ModelError):
        made.adapters.register("nowhere", tmp_path / "nowhere")


# --- mixtures of experts, and other forms of weights ------------------------------------------------------------------

EXPERTS = {
    "all": {"target_modules": ["q_proj"], "target_parameters": ["experts.gate_up_proj", "experts.down_proj"]},
    "other order": {"target_modules": ["q_proj"], "target_parameters": ["experts.down_proj", "experts.gate_up_proj"]},
    "down": {"target_modules": ["o_proj"], "target_parameters": ["experts.down_proj"]},
    "up": {"target_modules": ["v_proj"], "target_parameters": ["experts.gate_up_proj"]},
    "shared": {"target_modules": ["gate_proj", "up_proj", "down_proj"]},
}


def answers(model, seeds) -> list[list[int]]:
    out = []
    for seed in seeds:
        ids = torch.tensor([prompt_ids(seed)])
        with torch.inference_mode():
            answer = model.eval().generate(
                input_ids=ids, max_new_tokens=COUNT, do_sample=False, eos_token_id=None, pad_token_id=0
            )
        out.append(answer[0, ids.shape[1] :].tolist())
    return out


def test_experts_equal_peft_alone_and_mixed(models, tmp_path):
    folder = models("qwen2-moe")
    wanted, made = {}, Engine(load(folder), options=Options(cache_bytes=8 << 20))
    for seed, (name, options) in enumerate(EXPERTS.items()):
        torch.manual_seed(seed)
        config = peft.LoraConfig(r=4, lora_alpha=16, init_lora_weights=False, **options)
        model = peft.get_peft_model(reference.checkpointed(folder), config)
        model.save_pretrained(tmp_path / name)
        wanted[name] = answers(model, range(2))
        made.adapters.register(name, tmp_path / name)
    for name in EXPERTS:
        assert [list(one[0].tokens) for one in made.run([ask(seed, name) for seed in range(2)])] == wanted[name], name
    mixed = made.run([ask(seed, name) for name in EXPERTS for seed in range(2)] + [ask(0, None)])
    expected = [answer for name in EXPERTS for answer in wanted[name]]
    assert [list(one[0].tokens) for one in mixed] == [*expected, reference.greedy(folder, prompt_ids(0), COUNT)]
    assert len({tuple(answer) for answer in expected}) > 5


def test_single_experts_are_what_all_at_once_are(models, tmp_path):
    """The form of adapters from when transformers kept every expert as linears of its own."""
    folder, experts = models("qwen3-moe"), 6
    torch.manual_seed(0)
    config = peft.LoraConfig(r=4, target_parameters=["experts.down_proj"], target_modules=[], init_lora_weights=False)
    model = peft.get_peft_model(reference.checkpointed(folder), config)
    model.save_pretrained(tmp_path / "all")

    def apart(weights):
        for key in [key for key in weights if "lora_A" in key]:
            down, up = weights.pop(key), weights.pop(key.replace("lora_A", "lora_B"))
            for j in range(experts):
                at = key.replace("experts.", f"experts.{j}.down_proj.")
                weights[at] = down.view(experts, 4, -1)[j].contiguous()
                weights[at.replace("lora_A", "lora_B")] = up.view(up.shape[0], 4, experts)[:, :, j].contiguous()

    made = Engine(load(folder), options=Options(cache_bytes=8 << 20))
    made.adapters.register("all", tmp_path / "all")
    made.adapters.register("each", spoiled(tmp_path / "all", tmp_path / "each", {"target_parameters": None}, apart))
    first, second = made.run([ask(3, "all"), ask(3, "each")])
    assert list(first[0].tokens) == list(second[0].tokens) == answers(model, [3])[0]

    def beyond(weights):
        apart(weights)
        weights.update(
            {key.replace("experts.5.", "experts.6."): weights.pop(key) for key in list(weights) if ".5." in key}
        )

    made.adapters.register("beyond", spoiled(tmp_path / "all", tmp_path / "beyond", None, beyond))
    assert "does not have" in made.run([ask(3, "beyond")])[0][0].why


@pytest.mark.parametrize("name", ["dora", "all"])
def test_adapters_over_narrow_weights(base, adapters, name):
    """DoRA's lengths are those of the weights as they are kept: an adapted model is about as far from PEFT's as the
    narrow base alone is from the wide one."""
    made = Engine(load(base, dtype="bfloat16", form=quantise.narrow8), options=Options(cache_bytes=8 << 20))
    made.adapters.register(name, adapters[name][0])
    ids = reference.prompt(30)
    adapted = peft.PeftModel.from_pretrained(reference.checkpointed(base), adapters[name][0]).eval()
    apart = {}
    for who, model in ((None, reference.opened(base)), (name, adapted)):
        sampling = Sampling(temperature=0, tokens_max=1, prompt_logprobs=0)
        found = made.run([Request(tuple(ids), sampling, adapter=who)])[0][0].prompt_logprobs[1:]
        with torch.inference_mode():
            logs = model(torch.tensor([ids]), use_cache=False).logits[0].log_softmax(-1)
        apart[who] = sum(abs(one.value - float(logs[i][ids[i + 1]])) for i, one in enumerate(found)) / len(found)
    assert apart[name] < 3 * apart[None]


def test_a_slot_that_is_used_again_fits_beside_later_ones(base, adapters):
    """Adapters of different linears, loaded and dropped in an order that leaves stacks of different lengths."""
    made = engine(base, adapters, loaded_max=3)
    for names in (
        ["few", "wide", "rank"],
        ["patterns", "wide", "rank"],
        ["few", "all", "rank"],
        ["dora", "all", "rank"],
    ):
        mixed = made.run([ask(list(adapters).index(name), name) for name in names])
        assert [list(one[0].tokens) for one in mixed] == [adapters[name][1] for name in names]
