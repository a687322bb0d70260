"""`python -m sampan.llm`: talk to a model, complete a text, measure."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from sampan.llm import loader, publish, quantise, server
from sampan.llm.engine import Engine, Options
from sampan.llm.errors import LlmError, RequestError
from sampan.llm.request import Request, Sampling
from sampan.llm.talk import Talk
from sampan.llm.values import Ask, Message, Part, Wishes

_BEGIN_DIM, _END_DIM = "\033[2m", "\033[0m"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    given = _parser().parse_args(arguments)
    if given.command == "serve":
        return server.main(Path(given.model), Path(given.socket), json.loads(given.settings))
    if given.threads:
        torch.set_num_threads(given.threads)
    try:
        if given.command == "quantise":
            publish.write(given.model, given.out, given.weights, progress=_progress("writing"))
            return 0
        engine = _engine(given)
        if given.command == "chat":
            return _chat(engine, given)
        if given.command == "generate":
            return _generate(engine, given)
        return _bench(engine, given)
    except LlmError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sampan.llm", description="Run an open model.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="answer on a unix socket")
    serve.add_argument("model", help="a model folder as published, or a .gguf file")
    serve.add_argument("--socket", required=True, metavar="PATH", help="where to listen")
    serve.add_argument("--settings", default="{}", metavar="JSON", help="see sampan.llm.settings")
    quantiser = commands.add_parser("quantise", help="write a model folder anew with narrow weights")
    quantiser.add_argument("model", help="a model folder as published")
    quantiser.add_argument("out", help="the folder to make")
    quantiser.add_argument("--weights", required=True, choices=("int8", "int4"))
    quantiser.add_argument("--threads", type=int, default=0, help="processor threads; 0: PyTorch's choice")
    for name, about in (
        ("chat", "talk to a model"),
        ("generate", "complete a text"),
        ("bench", "measure prefill and decode"),
    ):
        one = commands.add_parser(name, help=about)
        one.add_argument("model", help="a model folder as published, or a .gguf file")
        one.add_argument("--dtype", default="auto", help="auto, bfloat16, float16, float32 or float64")
        one.add_argument("--weights", default="auto", choices=sorted(quantise.FORMS), help="how linears are kept")
        one.add_argument("--threads", type=int, default=0, help="processor threads; 0: PyTorch's choice")
        one.add_argument("--cache-mib", type=int, default=0, help="memory for the cache; 0: half of what is free")
        one.add_argument("--cache", default="auto", choices=("auto", "int8"), help="how keys and values are kept")
        if name == "bench":
            one.add_argument("--prompt", type=int, default=512, help="tokens per prompt")
            one.add_argument("--tokens", type=int, default=32, help="tokens per answer")
            one.add_argument("--requests", type=int, nargs="+", default=[1, 8], help="requests at once")
            one.add_argument("--profile", action="store_true", help="say where the time of a step goes")
            continue
        one.add_argument("--tokens", type=int, default=1024, help="at most so many tokens per answer")
        one.add_argument("--temperature", type=float, default=0.7)
        one.add_argument("--top-p", type=float, default=0.8)
        one.add_argument("--top-k", type=int, default=20)
        one.add_argument("--seed", type=int)
        one.add_argument("--draft", type=int, default=0, help="guess so many tokens ahead")
        one.add_argument("--draft-model", help="a smaller model that guesses; without it, the text itself does")
        if name == "generate":
            one.add_argument("prompt", help="the text to go on from")
            one.add_argument("--stop", action="append", default=[], help="end before this text (may be repeated)")
        else:
            one.add_argument("--system", help="a system message")
    return parser


def _engine(given: argparse.Namespace) -> Engine:
    options = Options(
        cache_bytes=given.cache_mib << 20 or None, cache_dtype=given.cache, draft_tokens=getattr(given, "draft", 0)
    )
    return Engine.load(
        given.model,
        dtype=given.dtype,
        form=quantise.FORMS[given.weights],
        draft=getattr(given, "draft_model", None),
        options=options,
        progress=_progress("loading"),
    )


def _progress(doing: str) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{doing} {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return tell


def _sampling(given: argparse.Namespace, stop: Sequence[str] = ()) -> Sampling:
    return Sampling(
        temperature=given.temperature,
        top_p=given.top_p,
        top_k=given.top_k,
        seed=given.seed,
        tokens_max=given.tokens,
        stop=tuple(stop),
    )


def _generate(engine: Engine, given: argparse.Namespace) -> int:
    if engine.text is None:
        raise RequestError("this model has no tokenizer.json")
    engine.add(Request(tuple(engine.text.encode(given.prompt, special=True)), _sampling(given, given.stop)))
    while engine.busy:
        for update in engine.step():
            print(update.text, end="", flush=True)
            if update.finished in ("error", "refused"):
                raise RequestError(update.why)
    print()
    return 0


def _chat(engine: Engine, given: argparse.Namespace) -> int:
    if loader.template(given.model) is None:
        raise RequestError("this model has no chat template; try generate")
    talk = Talk(engine, given.model)
    wishes = Wishes(
        temperature=given.temperature,
        top_p=given.top_p,
        top_k=given.top_k,
        seed=given.seed,
        tokens_max=given.tokens,
    )
    messages = [Message("system", (Part(text=given.system),))] if given.system else []
    while True:
        try:
            messages.append(Message("user", (Part(text=input("> ")),)))
        except EOFError:
            return 0
        answer = ""
        for piece in talk.say(Ask(messages=tuple(messages), sampling=wishes)):
            dim = piece.say == "reasoning" and sys.stdout.isatty()
            print(f"{_BEGIN_DIM}{piece.text}{_END_DIM}" if dim else piece.text, end="", flush=True)
            answer += piece.text if piece.say == "text" else ""
        print()
        messages.append(Message("assistant", (Part(text=answer),)))


def _bench(engine: Engine, given: argparse.Namespace) -> int:
    generator = torch.Generator().manual_seed(0)
    spent: Counter[str] = Counter()
    engine.watch = lambda step: spent.update(step.seconds)
    sampling = Sampling(temperature=0, tokens_max=given.tokens, ignore_end=True)
    for count in given.requests:
        size = (count, given.prompt)
        prompts = torch.randint(0, engine.traits.vocabulary, size, generator=generator).tolist()
        for prompt in prompts:
            engine.add(Request(tuple(prompt), sampling))
        started = time.perf_counter()
        engine.step()
        while engine.scheduler.waiting or any(one.pending > 1 for one in engine.scheduler.running):
            engine.step()
        read = time.perf_counter()
        answered = sum(len(update.tokens) for _ in iter(lambda: engine.busy, False) for update in engine.step())
        done = time.perf_counter()
        print(
            f"{count} requests of {given.prompt} tokens: "
            f"prefill {count * given.prompt / (read - started):.0f} tokens/s, "
            f"decode {answered / (done - read):.1f} tokens/s"
        )
    if given.profile:
        whole = sum(spent.values())
        print("time of steps:", ", ".join(f"{phase} {seconds / whole:.1%}" for phase, seconds in spent.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
