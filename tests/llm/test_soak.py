"""Everything at once, for a while: requests of all kinds come, are cancelled, are late, are pushed out, follow
grammars, use adapters, go mad. Whatever happens, memory stays within its budget, everybody gets exactly one end, and
what is left at last is nothing."""

from __future__ import annotations

import itertools
import os
import random
import time
from collections import Counter

import peft
import pytest
import torch

from sampan.llm.adapters import Adapters
from sampan.llm.engine import Engine, Options
from sampan.llm.errors import BusyError, LlmError, RequestError
from sampan.llm.loader import load
from sampan.llm.request import Request, Sampling
from sampan.llm.structured import Grammar
from tests.llm import reference

MAD = 2099  # a token whose embedding is not a number
SHAPE = {"vocab_size": 2100, "num_hidden_layers": 2}
GROWTH_MAX = 48 << 20  # bytes of the process after it has warmed up: one leaked answer a step would pass it
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}


@pytest.fixture(scope="module")
def adapters(models, tmp_path_factory):
    root = tmp_path_factory.mktemp("adapters")
    for seed in range(5):
        torch.manual_seed(seed)
        base = reference.checkpointed(models("llama3", **SHAPE))
        config = peft.LoraConfig(r=4 + seed, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False)
        peft.get_peft_model(base, config).save_pretrained(root / str(seed))
    return [root / str(seed) for seed in range(5)]


class Load:
    """Makes requests of all kinds, and books what becomes of them."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self.engine, self.chance = engine, random.Random(seed)
        self.open: dict[int, Request] = {}
        self.left: dict[int, int] = {}  # answers that have not ended
        self.mad: set[int] = set()
        self.ends: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.grammars = [
            Grammar.json_schema(SCHEMA, compact=True),
            Grammar.choice(["yes", "no"]),
            Grammar.regex("[ab]{3,9}"),
        ]

    def request(self) -> Request:
        chance = self.chance
        shared = reference.prompt(chance.choice([0, 20, 40]), seed=chance.randrange(3))
        prompt = [*shared, *reference.prompt(chance.randint(1, 30), seed=chance.randrange(1000))]
        kind = chance.choice(
            ["greedy", "drawn", "many", "best", "beams", "grammar", "stop", "mad", "long", "bad", "logs"]
        )
        sampling = {
            "many": {"n": 3},
            "best": {"best_of": 3, "n": 2},
            "beams": {"beams": 3, "n": 2, "temperature": 0},
            "grammar": {"grammar": chance.choice(self.grammars)},
            "stop": {"stop": ("e", "an")},
            "bad": {"top_p": 0.0},
            "logs": {"logprobs": 3, "prompt_logprobs": 2},
            "greedy": {"temperature": 0},
        }.get(kind, {})
        if kind == "mad":
            prompt[chance.randrange(len(prompt))] = MAD
        if kind == "long":
            prompt = prompt * chance.choice([2, 9])
        return Request(
            tuple(prompt),
            Sampling(**({"seed": chance.randrange(99), "tokens_max": chance.randint(1, 30)} | sampling)),
            priority=chance.choice([0, 0, 0, 1]),
            deadline_s=chance.choice([None, None, None, 0.05, 1.0]),
            adapter=chance.choice([None, None, "0", "1", "2", "3", "4", "none"]),
            tenant=chance.choice([None, "a", "b"]),
        )

    def add(self) -> None:
        request = self.request()
        try:
            one = self.engine.add(request)
        except (RequestError, BusyError) as error:
            self.refused["busy" if isinstance(error, BusyError) else "bad"] += 1
            return
        self.open[one], self.left[one] = request, request.sampling.n

    def cancel(self) -> None:
        if self.open:
            self.engine.cancel(self.chance.choice(list(self.open)))

    def step(self) -> None:
        for update in self.engine.step():
            request = self.open[update.request_id]  # nobody is told anything after his end
            self.mad |= {update.request_id} if MAD in update.tokens or MAD in request.prompt else set()
            if update.finished is None:
                continue
            self.ends[update.finished] += 1
            if update.finished == "error":
                mad = (update.request_id in self.mad or request.sampling.beams) and "finite" in update.why
                assert mad or "places for adapters" in update.why or "grammar" in update.why, (update.why, request)
            self.left[update.request_id] -= 1
            if not self.left[update.request_id]:
                del self.open[update.request_id], self.left[update.request_id]

    def check(self) -> None:
        engine = self.engine
        held = {block for one in engine.scheduler.running for block in one.blocks}
        assert len(held) + engine.blocks.free == engine.blocks.count
        assert len(engine.scheduler.running) <= engine.options.sequences_max
        assert len(engine.adapters.loaded) <= 3


def resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("seconds", [8, pytest.param(600, marks=[pytest.mark.long, pytest.mark.timeout(1200)])])
def test_anything_at_once_ends_well(models, adapters, bytewise, seconds):
    folder = models("llama3", **SHAPE)
    model = load(folder, dtype="float32")
    with torch.inference_mode():
        model.embedding[MAD] = float("nan")
    known = Adapters(model, loaded_max=3)
    for number, path in enumerate(adapters):
        known.register(str(number), path)
    block = 2 * model.config.layers * 16 * model.config.kv_heads * model.config.head * 4
    options = Options(
        cache_bytes=24 * block,
        step_tokens_max=48,
        sequences_max=8,
        waiting_max=24,
        draft_tokens=2,
        length_max=200,
        seed=0,
    )
    ticks = itertools.count()
    engine = Engine(model, text=bytewise, adapters=known, options=options, clock=lambda: next(ticks) / 1000)
    load_ = Load(engine, seed=seconds)
    probe = Request(tuple(reference.prompt(30)), Sampling(temperature=0, tokens_max=12, ignore_end=True))
    expected = reference.greedy(folder, list(probe.prompt), 12)
    started, warm = time.monotonic(), 0
    while (now := time.monotonic() - started) < seconds:
        for _ in range(load_.chance.choice([0, 0, 1, 1, 4])):
            load_.add()
        if load_.chance.random() < 0.15:
            load_.cancel()
            load_.check()
        load_.step()
        load_.check()
        if not warm and now > min(seconds / 2, 60):
            warm = resident()
    while engine.busy:
        load_.step()
        load_.check()
    assert load_.open == {}
    assert engine.blocks.free == engine.blocks.count
    assert not any(engine.adapters._holders.values())
    assert (engine._of, engine._groups, engine.scheduler.running, engine.scheduler.waiting) == ({}, {}, [], [])
    if warm:
        assert resident() - warm < GROWTH_MAX
    assert engine.metrics.preemptions > 0
    assert {"length", "stop", "cancelled", "deadline", "error", "refused"} <= set(load_.ends), load_.ends
    assert set(load_.refused) == {"bad", "busy"}
    assert list(engine.run([probe])[0][0].tokens) == expected


def test_bad_schemas_are_refused_before_they_are_asked(models, bytewise):
    deep: dict = {"type": "integer"}
    for _ in range(2000):
        deep = {"type": "array", "items": deep}
    for schema in ({"type": "nothing"}, {"$ref": "#/nowhere"}, {"type": "string", "pattern": "("}, deep):
        with pytest.raises((LlmError, RecursionError)):
            Grammar.json_schema(schema)
    engine = Engine(load(models("llama3", **SHAPE)), text=bytewise, options=Options(cache_bytes=4 << 20))
    broken = Request((5, 6), Sampling(grammar=Grammar("no grammar at all"), tokens_max=5))
    sane = Request(tuple(reference.prompt(9)), Sampling(temperature=0, tokens_max=5, ignore_end=True))
    ends = engine.run([broken, sane])
    assert ends[0][0].finished == "refused"
    assert list(ends[1][0].tokens) == reference.greedy(models("llama3", **SHAPE), list(sane.prompt), 5)
