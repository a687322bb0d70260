"""How fast `sampan.llm` runs, beside transformers on random weights of the same shape, in one process and one run.

    python bench/llm.py                      # Qwen3-0.6B's shape, all widths, about ten minutes on two cores
    python bench/llm.py --layers 4 --quick   # a look

Figures are tokens per second: the best tenth of the steps (what the machine gives when neighbours are quiet) and the
median. Beside decode stands the share of the memory's pace: the bytes of weights that a step must read over the time
of the fastest step, against what products of one row get out of memory in the same run.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import subprocess
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

from sampan.llm import loader, quantise
from sampan.llm.config import parse
from sampan.llm.engine import Engine, Options
from sampan.llm.models.decoder import Decoder
from sampan.llm.models.layers import linear
from sampan.llm.request import Request, Sampling

SHAPE = {
    "model_type": "qwen3",
    "vocab_size": 151_936,
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "max_position_embeddings": 40_960,
    "rope_theta": 1e6,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
}


clock = time.perf_counter


class RandomWeights:
    """A source of small random tensors of the shapes that the loader asks for."""

    def __init__(self, shape: dict) -> None:
        hidden, head, heads, kv = (
            shape[name] for name in ("hidden_size", "head_dim", "num_attention_heads", "num_key_value_heads")
        )
        wide = shape["intermediate_size"]
        self._shapes = {"model.embed_tokens.weight": (shape["vocab_size"], hidden), "model.norm.weight": (hidden,)}
        for i in range(shape["num_hidden_layers"]):
            for name, size in (
                ("self_attn.q_proj", (heads * head, hidden)),
                ("self_attn.k_proj", (kv * head, hidden)),
                ("self_attn.v_proj", (kv * head, hidden)),
                ("self_attn.o_proj", (hidden, heads * head)),
                ("mlp.gate_proj", (wide, hidden)),
                ("mlp.up_proj", (wide, hidden)),
                ("mlp.down_proj", (hidden, wide)),
                ("self_attn.q_norm", (head,)),
                ("self_attn.k_norm", (head,)),
                ("input_layernorm", (hidden,)),
                ("post_attention_layernorm", (hidden,)),
            ):
                self._shapes[f"model.layers.{i}.{name}.weight"] = size

    def names(self) -> frozenset[str]:
        return frozenset(self._shapes)

    def read(self, name: str) -> torch.Tensor:
        shape = self._shapes[name]
        if len(shape) == 1:
            return torch.ones(shape, dtype=torch.bfloat16)
        return torch.empty(shape, dtype=torch.bfloat16).uniform_(-0.03, 0.03)


def rates(seconds: list[float], tokens: int) -> str:
    """Tokens per second from the times of steps of so many tokens."""
    ordered = sorted(seconds)
    best, median = ordered[len(ordered) // 10], ordered[len(ordered) // 2]
    return f"{tokens / best:8.1f} best {tokens / median:8.1f} median"


def prompts(count: int, length: int, start: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    rows = torch.randint(1000, 100_000, (count, length - len(start))).tolist()
    return [start + tuple(row) for row in rows]


def greedy(tokens: int) -> Sampling:
    return Sampling(temperature=0, tokens_max=tokens, ignore_end=True)


def prefill(engine: Engine, length: int, times: int) -> list[float]:
    out = []
    for prompt in prompts(times, length):
        engine.add(Request(prompt, greedy(1)))
        started = clock()
        while engine.busy:
            engine.step()
        out.append(clock() - started)
    return out


def decode(engine: Engine, count: int, length: int, tokens: int, adapters: int = 0) -> list[float]:
    """Seconds of each of `tokens` steps in which `count` answers grow by a token."""
    ids = []
    for i, prompt in enumerate(prompts(count, length)):
        ids.append(engine.add(Request(prompt, greedy(4096), adapter=f"a{i % adapters}" if adapters else None)))
    engine.step()
    while engine.scheduler.waiting or any(one.pending > 1 for one in engine.scheduler.running):
        engine.step()
    out = []
    for _ in range(tokens):
        started = clock()
        updates = engine.step()
        out.append(clock() - started)
        assert sum(len(update.tokens) for update in updates) == count
    for one in ids:
        engine.cancel(one)
    engine.step()
    return out


def shared(engine: Engine, count: int, system: int) -> tuple[float, float]:
    """Seconds until `count` chats behind one system prompt have their first token: with sharing, and without."""
    out = []
    for common in (True, False):
        engine.blocks.forget()
        start = prompts(1, system)[0]
        asked = prompts(count, system + 32, start if common else ())
        started = clock()
        engine.run([Request(one, greedy(1)) for one in asked])
        out.append(clock() - started)
    return out[0], out[1]


def bytes_read(model: Decoder) -> int:
    """What a decoding step has to read of the weights."""
    size = model.head.bytes if model.head else 0
    for layer in model.layers:
        size += layer.qkv.bytes + layer.output.bytes + layer.mlp.gate_up.bytes + layer.mlp.down.bytes
    return size


def bandwidth() -> float:
    """Bytes per second that bfloat16 products of one row get out of memory: the best of many, over 512 MiB."""
    packed = [linear(torch.ones(8192, 4096, dtype=torch.bfloat16)) for _ in range(8)]
    x = torch.ones(1, 4096, dtype=torch.bfloat16)
    best = 0.0
    with torch.inference_mode():
        for one in packed * 5:
            started = clock()
            one(x)
            best = max(best, one.bytes / (clock() - started))
    return best


def write_adapters(folder: Path, count: int, shape: dict, rank: int = 8) -> None:
    """Adapters in PEFT's format, over queries and values."""
    hidden, head = shape["hidden_size"], shape["head_dim"]
    sizes = {"q_proj": shape["num_attention_heads"] * head, "v_proj": shape["num_key_value_heads"] * head}
    for i in range(count):
        (folder / f"a{i}").mkdir()
        config = {"peft_type": "LORA", "r": rank, "lora_alpha": rank, "target_modules": list(sizes)}
        (folder / f"a{i}" / "adapter_config.json").write_text(json.dumps(config))
        weights = {}
        for layer in range(shape["num_hidden_layers"]):
            for name, size in sizes.items():
                at = f"base_model.model.model.layers.{layer}.self_attn.{name}"
                weights[f"{at}.lora_A.weight"] = torch.randn(rank, hidden) * 0.02
                weights[f"{at}.lora_B.weight"] = torch.randn(size, rank) * 0.02
        save_file(weights, folder / f"a{i}" / "adapter_model.safetensors")


def ours(given: argparse.Namespace, shape: dict, width: str, rate: float) -> None:
    model = loader.build(parse(shape), RandomWeights(shape), form=quantise.FORMS[width])
    name = "bf16" if width == "auto" else width
    engine = Engine(model, options=Options(cache_bytes=2 << 30, sequences_max=64))
    decode(engine, 1, 16, 4)
    print(
        f"sampan {name}: prefill {given.prompt}     {rates(prefill(engine, given.prompt, given.times), given.prompt)}"
    )
    for count in (1, 8, 32):
        seconds = decode(engine, count, given.prompt if count == 1 else 128, given.tokens)
        share = f"   {bytes_read(model) / rate / min(seconds):5.0%} of the memory's pace" if count == 1 else ""
        print(f"sampan {name}: decode {count:3}      {rates(seconds, count)}{share}", flush=True)
    if width == "auto":
        sharing(given, shape, engine)


def sharing(given: argparse.Namespace, shape: dict, engine: Engine) -> None:
    with_, without = shared(engine, 8, 480)
    print(f"sampan bf16: 8 chats behind one prompt of 480 tokens: {without / with_:.1f} times as fast as apart")
    with tempfile.TemporaryDirectory() as folder:
        write_adapters(Path(folder), 64, shape)
        for i in range(64):
            engine.adapters.register(f"a{i}", Path(folder) / f"a{i}")
        base = decode(engine, 64, 32, given.tokens)
        mixed = decode(engine, 64, 32, given.tokens, adapters=64)
    print(f"sampan bf16: 64 requests, base   {rates(base, 64)}")
    print(f"sampan bf16: 64 adapters, rank 8 {rates(mixed, 64)}", flush=True)


def transformers(given: argparse.Namespace, shape: dict) -> None:
    try:
        from transformers import DynamicCache, Qwen3Config, Qwen3ForCausalLM
    except ImportError:
        print("transformers: not installed")
        return
    torch.set_default_dtype(torch.bfloat16)
    fields = {name: value for name, value in shape.items() if name not in ("model_type", "torch_dtype")}
    model = Qwen3ForCausalLM(Qwen3Config(**fields)).eval()
    torch.set_default_dtype(torch.float32)
    with torch.inference_mode():
        for count in (1, 8, 32):
            ids = torch.tensor(prompts(count, given.prompt if count == 1 else 128))
            reads = []
            for _ in range(given.times if count == 1 else 1):
                cache = DynamicCache()
                started = clock()
                out = model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
                reads.append(clock() - started)
            if count == 1:
                print(f"transformers bf16: prefill {given.prompt} {rates(reads, given.prompt)}")
            seconds = []
            for _ in range(given.tokens):
                started = clock()
                last = out.logits[:, -1:].argmax(-1)
                out = model(last, past_key_values=cache, use_cache=True)
                seconds.append(clock() - started)
            print(f"transformers bf16: decode {count:3}  {rates(seconds, count)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=SHAPE["num_hidden_layers"])
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--times", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--widths", nargs="*", default=["auto", "int8", "int4"], choices=["auto", "int8", "int4"])
    parser.add_argument("--cpu-time", action="store_true", help="count processor seconds: for a machine that is shared")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--alone", action="store_true", help="without transformers")
    given = parser.parse_args()
    if given.quick:
        given.prompt, given.tokens, given.times = 128, 8, 2
    torch.set_num_threads(given.threads)
    if given.cpu_time:
        global clock
        clock = time.process_time
    shape = SHAPE | {"num_hidden_layers": given.layers}
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    rate = bandwidth()
    print(f"{platform.machine()}, {given.threads} threads, torch {torch.__version__}, commit {commit}")
    print(f"memory: {rate / 1e9:.1f} GB/s")
    if not given.alone:
        transformers(given, shape)
        gc.collect()
    for width in given.widths:
        ours(given, shape, width, rate)
        gc.collect()


if __name__ == "__main__":
    main()
