"""What Sampan's server adds to its engine: `python -m bench.inference`, `--quick` (a smoke test), `--help`.

The same questions, on the same random weights, to the bare engine (bench/bare.py: no server at all), to Sampan through
OpenAI's, Anthropic's and Bedrock's doors, and to servers of others. Every answer has the same number of tokens, is
streamed, and every reply is checked. Rounds are interleaved over contestants.

Goals: what the server loses of the engine's tokens per second, at 8 and at 64 streams at once, is at most 3 %; it adds
at most 2 ms to the time until the first word, when nobody else asks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

from bench import random_models, report, streams
from bench.bare import CACHE_BYTES, question
from bench.peers import CORES, cache
from bench.process import Process, cpu_s, free_ports, tree
from sampan import app
from sampan.config import Config
from sampan.kernel.caller import Caller
from sampan.services.identity.model import CreateApiKey
from sampan.services.identity.service import ROOT_ACCOUNT

BEGIN = "<!-- figures: written by bench/inference.py --write -->"
STREAMS = (1, 8, 64)
GOAL_LOSS, GOAL_FIRST_MS = 0.03, 2.0
FIRSTS = 20  # questions one after the other, in a round, for the time until the first word
WORDS = 16
PLACES = 64  # answers at once
BARE = "bare engine"
ROOT_KEY = "SAMPANBENCHKEY000001"
_LLAMA = """
import sys, time, xllamacpp as x
p = x.CommonParams()
p.model.path, p.port, p.verbosity, p.use_jinja = sys.argv[1], int(sys.argv[2]), 0, True
p.n_parallel, p.n_ctx = 64, 64 * 512
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = int(sys.argv[3])
server = x.Server(p)
time.sleep(1e6)
"""


class Contestant(Protocol):
    """Somebody who answers."""

    name: str

    def ask(self, streams: int, tokens: int) -> tuple[float, float]:
        """Seconds until the first word of the first question, and until all questions are answered."""
        ...

    def cpu_s(self) -> float:
        """Processor time that it has used so far."""
        ...


class Bare:
    """The engine by itself."""

    def __init__(self, folder: Path, threads: int) -> None:
        self.name = BARE
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.bare", str(folder), str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment(threads),
        )  # fmt: skip
        self._line()

    def ask(self, streams: int, tokens: int) -> tuple[float, float]:
        assert self._process.stdin is not None
        print(streams, WORDS, tokens, file=self._process.stdin, flush=True)
        first, last = map(float, self._line().split())
        return first, last

    def cpu_s(self) -> float:
        return sum(map(cpu_s, tree(self._process.pid)))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the bare engine has ended")
        return line


@dataclass
class Http:
    """A server, asked through one of its doors. `body` makes a request of a question and a number of tokens; `word` is
    what a reply has as soon as the model has said something, `told` how many tokens the reply says that it has."""

    name: str
    process: Process
    path: str
    headers: Mapping[str, str]
    body: Callable[[str, int], dict[str, object]]
    word: bytes
    serial: Iterator[int] = field(
        default_factory=count
    )  # one for all doors to a model: none asks what was asked before

    def ask(self, streams_: int, tokens: int) -> tuple[float, float]:
        bodies = [json.dumps(self.body(question(next(self.serial), WORDS), tokens)).encode() for _ in range(streams_)]
        requests = [streams.request(self.path, body, dict(self.headers)) for body in bodies]
        replies = streams.ask(self.process.port, requests, self.word)
        for reply in replies:
            said = reply.body.count(self.word)
            if said < tokens * 0.9:  # some servers put two tokens into one piece now and then
                raise RuntimeError(f"{self.name}: {said} pieces of {tokens}: {bytes(reply.body[-600:])!r}")
        return min(reply.first_s for reply in replies), max(reply.last_s for reply in replies)

    def cpu_s(self) -> float:
        return self.process.cpu_s()


# --- the contestants --------------------------------------------------------------------------------------------------


def _openai(text: str, tokens: int) -> dict[str, object]:
    return {
        "model": "m", "messages": [{"role": "user", "content": text}], "stream": True, "temperature": 0,
        "max_tokens": tokens, "ignore_eos": True,
    }  # fmt: skip


def _anthropic(text: str, tokens: int) -> dict[str, object]:
    return {
        "model": "m", "messages": [{"role": "user", "content": text}], "stream": True, "temperature": 0,
        "max_tokens": tokens,
    }  # fmt: skip


def _converse(text: str, tokens: int) -> dict[str, object]:
    asked = {"maxTokens": tokens, "temperature": 0}
    return {"messages": [{"role": "user", "content": [{"text": text}]}], "inferenceConfig": asked}


def doors(process: Process, key: str) -> list[Http]:
    """Sampan's doors."""
    bearer, serial = {"authorization": f"Bearer {key}"}, count()
    claude = {"x-api-key": key, "anthropic-version": "2023-06-01"}
    bedrock = "/model/m/converse-stream"
    return [
        Http("sampan, OpenAI", process, "/v1/chat/completions", bearer, _openai, b'"content":"', serial),
        Http("sampan, Anthropic", process, "/v1/messages", claude, _anthropic, b"text_delta", serial),
        Http("sampan, Bedrock", process, bedrock, bearer, _converse, b"contentBlockDelta", serial),
    ]


@contextmanager
def sampan(folder: Path, model: Path, threads: int, port: int) -> Iterator[list[Http]]:
    """Sampan with one worker and one model."""
    data = folder / "data"
    data.mkdir(parents=True)
    (data / "sampan.toml").write_text(
        f'[models.m]\nsource = "{model}"\nthreads = {threads}\ncache_bytes = {CACHE_BYTES}\n'
    )
    command = [sys.executable, "-m", "sampan.cli.main", "up", "--data", data, "--port", str(port), "--workers", "1"]
    command += ["--audit", "off"]
    root = {"SAMPAN_ROOT_ACCESS_KEY_ID": ROOT_KEY, "SAMPAN_ROOT_ACCESS_KEY_SECRET": "benchSecret0001"}
    process = Process(command, port, folder / "log", root, 60)
    try:
        yield doors(process, asyncio.run(_key(data)))
    finally:
        process.kill()


async def _key(data: Path) -> str:
    with app.open_identity(Config(data=data)) as identity:
        command = CreateApiKey(user="", form="sk-")
        made = await identity.handlers[CreateApiKey](Caller(ROOT_ACCOUNT, "root", ROOT_KEY), command)
        return str(made.token)


@contextmanager
def llama(folder: Path, model: Path, threads: int, port: int) -> Iterator[list[Http]]:
    """llama.cpp's server, as the package xllamacpp brings it, over the same weights in bfloat16."""
    python = cache() / "xllamacpp" / "bin" / "python"
    if not python.exists():
        raise RuntimeError(f"xllamacpp is not installed: python -m venv {python.parents[1]}, pip install xllamacpp")
    file = random_models.write_gguf(model, folder.with_suffix(".gguf"))
    program = folder.with_suffix(".py")
    program.write_text(_LLAMA)
    process = Process([python, program, file, str(port), str(threads)], port, folder.with_suffix(".log"), {}, 120)

    def asked(text: str, tokens: int) -> dict[str, object]:
        return _openai(text, tokens) | {"cache_prompt": False}

    try:
        yield [Http("llama.cpp", process, "/v1/chat/completions", {}, asked, b'"content":"')]
    finally:
        process.kill()


@contextmanager
def transformers(folder: Path, model: Path, threads: int, port: int) -> Iterator[list[Http]]:
    """`transformers serve`, with continuous batching."""
    program = Path(sys.executable).with_name("transformers")
    if not program.exists():
        raise RuntimeError("transformers is not installed")
    command = [program, "serve", "--port", str(port), "--host", "127.0.0.1", "--device", "cpu", "--continuous-batching"]
    process = Process(command, port, folder.with_suffix(".log"), _environment(threads) | {"HF_HUB_OFFLINE": "1"}, 120)

    def asked(text: str, tokens: int) -> dict[str, object]:
        # It refuses fields that it does not know; these models end no answer early anyway.
        known = {name: value for name, value in _openai(text, tokens).items() if name != "ignore_eos"}
        return known | {"model": str(model)}

    try:
        yield [Http("transformers serve", process, "/v1/chat/completions", {}, asked, b'"content":"')]
    finally:
        process.kill()


def _environment(threads: int) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": str(threads)}


# --- measuring --------------------------------------------------------------------------------------------------------


@dataclass
class Cell:
    """What was measured of one contestant at one number of streams: a value for each round."""

    per_second: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)  # of processor, for each token
    first_ms: list[float] = field(default_factory=list)


def measure(contestants: Sequence[Contestant], chosen: argparse.Namespace) -> dict[str, dict[str, Cell]]:
    """All rounds: each number of streams on one contestant after the other, in turn forwards and backwards."""
    cells = {one.name: {str(n): Cell() for n in chosen.streams} for one in contestants}
    for one in contestants:  # what is loaded, compiled or grown at first
        one.ask(1, 4)
        one.ask(max(chosen.streams), 4)
    for number in range(chosen.rounds):
        turn = contestants if number % 2 == 0 else list(reversed(contestants))
        for n in chosen.streams:
            for one in turn:
                _round(one, n, chosen.tokens, cells[one.name][str(n)], chosen.firsts)
                print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return cells


def _round(one: Contestant, n: int, tokens: int, cell: Cell, firsts: int) -> None:
    used = one.cpu_s()
    _, last = one.ask(n, tokens)
    cell.per_second.append(n * tokens / last)
    cell.cpu_us.append((one.cpu_s() - used) * 1e6 / (n * tokens))
    if n == 1:
        cell.first_ms.append(statistics.median(one.ask(1, 2)[0] for _ in range(firsts)) * 1000)


def figures_of(chosen: argparse.Namespace, folder: Path) -> report.Figures:
    """All that is measured, as one document."""
    models, absent, ports = {}, {}, free_ports()
    for name in chosen.models:
        model = random_models.write(folder / name, random_models.SHAPES[name])
        with ExitStack() as stack:
            bare = Bare(model, chosen.threads)
            stack.callback(bare.close)
            contestants: list[Contestant] = [bare]
            for make in (sampan, llama, transformers):
                if make is not sampan and (chosen.alone or make.__name__ not in chosen.peers):
                    continue
                try:
                    place = folder / f"{name}-{make.__name__}"
                    contestants += stack.enter_context(make(place, model, chosen.threads, next(ports)))
                except RuntimeError as error:
                    absent[make.__name__] = str(error)[-200:]
            cells = measure(contestants, chosen)
        models[name] = {who: {n: _summed(cell) for n, cell in row.items()} for who, row in cells.items()}
    return {
        "machine": report.machine(), "rounds": chosen.rounds, "tokens": chosen.tokens, "streams": list(chosen.streams),
        "threads": chosen.threads, "models": models, "absent": absent, "load": os.getloadavg()[1],
    }  # fmt: skip


def _summed(cell: Cell) -> dict[str, dict[str, float]]:
    return {
        part: {"median": statistics.median(values), "low": min(values), "high": max(values)}
        for part, values in vars(cell).items()
        if values
    }


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.inference", description="What a server adds to its engine.")
    parser.add_argument("--quick", action="store_true", help="a smoke test: the small model, one short round, no peers")
    parser.add_argument("--models", nargs="*", choices=random_models.SHAPES, default=["small"])
    parser.add_argument("--peers", nargs="*", choices=["llama", "transformers"], default=["llama", "transformers"])
    parser.add_argument("--alone", action="store_true", help="without peers")
    parser.add_argument("--streams", nargs="*", type=int, default=STREAMS)
    parser.add_argument("--tokens", type=int, default=64, help="of each answer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--firsts", type=int, default=FIRSTS)
    parser.add_argument("--threads", type=int, default=CORES)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--write", action="store_true", help="put the tables into bench/README.md")
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        chosen.models, chosen.alone, chosen.rounds, chosen.tokens, chosen.firsts = ["small"], True, 1, 8, 2
        chosen.streams = (1, 4)
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = options(arguments)
    with tempfile.TemporaryDirectory(prefix="sampan-bench-") as folder:
        figures = figures_of(chosen, Path(folder))
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n")
    tables = report.render_inference(figures, BARE, GOAL_LOSS, GOAL_FIRST_MS)
    print(tables)
    if chosen.write:
        report.write_into_readme(tables, BEGIN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
