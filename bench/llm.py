"""How fast `sampan.llm` runs, beside other engines on random weights of the same shape, in one process and one run.

    python -m bench.llm                      # Qwen3-0.6B's shape, all widths, about twenty minutes on two cores
    python -m bench.llm --layers 4 --quick   # a look

Beside it run transformers and llama.cpp (llama-cpp-python) if they are installed. Rounds are interleaved: every engine
does a row before the next row begins, and the order turns round by round. Figures are tokens per second: the median of
all steps, and in brackets the lowest and the highest median of a round.

What the machine gives is measured in the same rounds: reading memory (a sum over one gibibyte), and products of
bfloat16 matrices by PyTorch (512 x 1024 x 6144). Decode's share is the bytes of weights that a step must read over the
time of the median step, against that reading; prefill's is the arithmetic of the linears against those products.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from safetensors.torch import save_file

from bench.llm_engines import Absent, LlamaCpp, Runs, Sampan, Transformers, greedy, prompts
from bench.report import machine
from sampan.llm import pages
from sampan.llm.request import Request

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
COUNTS = (1, 8, 32)
PEERS = ("transformers", "llama.cpp")
Figures = dict[str, dict[str, list[list[float]]]]  # row -> engine -> rounds of seconds


class Machine:
    """What the machine gives, measured beside the engines."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._memory = pages.zeros((1 << 28,), torch.float32)
        self._memory.uniform_()
        self._x, self._weight = torch.randn(512, 1024).bfloat16(), torch.randn(6144, 1024).bfloat16()
        self._clock = clock
        self.reading: list[float] = []
        self.products: list[float] = []

    def measure(self) -> None:
        with torch.inference_mode():
            for _ in range(3):
                started = self._clock()
                self._memory.sum()
                self.reading.append(self._memory.nbytes / (self._clock() - started))
                started = self._clock()
                torch.nn.functional.linear(self._x, self._weight)
                self.products.append(2 * 512 * 1024 * 6144 / (self._clock() - started))


def engines(given: argparse.Namespace, shape: dict, clock: Callable[[], float]) -> list[Runs]:
    """All that can run here; the others are named."""
    made: list[Runs] = []
    ways: list[Callable[[], Runs]] = [lambda: Transformers(shape, clock)] if "transformers" in given.beside else []
    for width in given.widths:
        ways.append(lambda width=width: Sampan(shape, width, clock))
        if "llama.cpp" in given.beside:
            ways.append(lambda width=width: LlamaCpp(shape, width, given.threads, clock))
    for way in ways:
        try:
            made.append(way())
        except Absent as error:
            print(f"not measured: {error}")
        gc.collect()
    return made


def measure(given: argparse.Namespace, made: list[Runs], about: Machine) -> Figures:
    figures: Figures = {}
    for one in made:  # what is done once only
        one.prefill(16)
        one.decode(2, 16, 2)
    for round_ in range(given.rounds):
        order = made if round_ % 2 == 0 else made[::-1]
        for row in (0, *COUNTS):
            about.measure()
            for one in order:
                seconds = (
                    one.decode(row, given.prompt if row == 1 else given.prompt // 4, given.tokens)
                    if row
                    else [one.prefill(given.prompt) for _ in range(given.times)]
                )
                name = f"decode, {row} at once" if row else f"prefill {given.prompt}"
                figures.setdefault(name, {}).setdefault(one.name, []).append(seconds)
                rate = (row or given.prompt) / statistics.median(seconds)
                print(f"round {round_ + 1}: {name}: {one.name}: {rate:.1f}", flush=True)
    return figures


def tokens_in(row: str, prompt: int) -> int:
    """Tokens of one step of a row."""
    return prompt if row.startswith("prefill") else int(row.split()[1])


def table(figures: Figures, prompt: int) -> str:
    rows = list(figures)
    lines = ["| | " + " | ".join(rows) + " |", "|---" * (len(rows) + 1) + "|"]
    for engine in figures[rows[0]]:
        cells = []
        for row in rows:
            rounds, tokens = figures[row][engine], tokens_in(row, prompt)
            each = sorted(tokens / statistics.median(one) for one in rounds)
            whole = tokens / statistics.median([second for one in rounds for second in one])
            cells.append(f"{whole:.1f} ({each[0]:.1f}–{each[-1]:.1f})")
        lines.append(f"| {engine} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def verdicts(figures: Figures, made: list[Runs], about: Machine, shape: dict, prompt: int) -> list[str]:
    """The goals, reached or missed."""

    def rate(row: str, engine: str) -> float:
        return tokens_in(row, prompt) / statistics.median([s for one in figures[row][engine] for s in one])

    read, products = statistics.median(about.reading), statistics.median(about.products)
    out = [f"Reading memory: {read / 1e9:.1f} GB/s. Products of bfloat16 by PyTorch: {products / 1e9:.0f} GFLOP/s."]
    first, alone = f"prefill {prompt}", f"decode, {COUNTS[0]} at once"
    for one in made:
        if not isinstance(one, Sampan):
            continue
        share = one.bytes_read * rate(alone, one.name) / read
        out.append(f"{one.name}: {alone}: {share:.0%} of what reading the weights allows (goal 85 %).")
        numbers = sum(
            layer.qkv.shape[0] * layer.qkv.shape[1]
            + layer.output.shape[0] * layer.output.shape[1]
            + 3 * layer.mlp.down.shape[0] * layer.mlp.down.shape[1]
            for layer in one.model.layers
        )
        share = 2 * numbers * rate(first, one.name) / products
        out.append(f"{one.name}: {first}: {share:.0%} of the rate of products (goal 70 %).")
        for other in made:
            if isinstance(other, Transformers | LlamaCpp):
                ratios = ", ".join(f"{row} {rate(row, one.name) / rate(row, other.name):.2f}" for row in figures)
                out.append(f"{one.name} over {other.name}: {ratios}.")
    return out


def sharing(given: argparse.Namespace, shape: dict, one: Sampan, clock: Callable[[], float]) -> list[str]:
    """Chats behind one system prompt, and adapters over one base."""
    ratios = []
    for _ in range(given.rounds):
        seconds = []
        for common in (True, False):
            one.engine.blocks.forget()
            start = prompts(1, 480)[0]
            asked = prompts(8, 512, start if common else ())
            started = clock()
            one.engine.run([Request(prompt, greedy(1)) for prompt in asked])
            seconds.append(clock() - started)
        ratios.append(seconds[1] / seconds[0])
    out = [f"8 chats behind one prompt of 480 tokens: {statistics.median(ratios):.1f} times as fast as apart (goal 3)."]
    with tempfile.TemporaryDirectory() as folder:
        write_adapters(Path(folder), 64, shape)
        for i in range(64):
            one.engine.adapters.register(f"a{i}", Path(folder) / f"a{i}")
        base, mixed = [], []
        for _ in range(given.rounds):
            base += one.decode(64, 32, given.tokens)
            mixed += one.decode(64, 32, given.tokens, adapters=64)
    share = statistics.median(base) / statistics.median(mixed)
    return [*out, f"64 adapters of rank 8 over one base: {share:.0%} of the base alone (goal 80 %)."]


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


def versions() -> str:
    found = []
    for name in ("torch", "transformers", "llama-cpp-python"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            pass
    return ", ".join(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=SHAPE["num_hidden_layers"])
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--widths", nargs="*", default=["bf16", "int8", "int4"], choices=["bf16", "int8", "int4"])
    parser.add_argument("--cpu-time", action="store_true", help="count processor seconds: for a machine that is shared")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--beside", nargs="*", default=PEERS, choices=PEERS, help="the other engines that run")
    given = parser.parse_args()
    if given.quick:
        given.prompt, given.tokens, given.times, given.rounds = 128, 4, 1, 1
    torch.set_num_threads(given.threads)
    clock = time.process_time if given.cpu_time else time.perf_counter
    shape = SHAPE | {"num_hidden_layers": given.layers}
    at = machine()
    where = f"{at['date']}, commit {at['commit']}. {at['processor']}, {at['memory']}; {at['system']}; {versions()}. "
    unit = "processor seconds" if given.cpu_time else "seconds"
    print(
        where + f"{platform.machine()}, {given.threads} threads, {given.layers} layers, {given.rounds} rounds, {unit}."
    )
    about, made = Machine(clock), engines(given, shape, clock)
    figures = measure(given, made, about)
    print("\n" + table(figures, given.prompt) + "\n")
    for line in verdicts(figures, made, about, shape, given.prompt):
        print(f"- {line}")
    base = next((one for one in made if isinstance(one, Sampan) and one.name == "sampan bf16"), None)
    if base is not None:
        for line in sharing(given, shape, base, clock):
            print(f"- {line}", flush=True)


if __name__ == "__main__":
    main()
