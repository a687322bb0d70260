"""`sampan chat`: talk to a model in the terminal, with or without a server."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from sampan import app, config
from sampan.cli import door
from sampan.cli.models import OPERATOR
from sampan.kernel.fault import Fault
from sampan.services.inference.model import (
    Answer,
    Ask,
    Backend,
    Deploy,
    EngineKind,
    Finish,
    Generate,
    Message,
    Part,
    Piece,
    Role,
    Sampling,
    Say,
    Stream,
    Undeploy,
    whole,
)

_DIM, _PLAIN, _CLEAR = "\033[2m", "\033[0m", "\r\033[2K"
_HELP = """\
/system TEXT   what the model is told to be; alone, nothing
/think on|off  whether it thinks before it answers, if it can
/again         another answer to the last question
/clear         forget the conversation
/bye           leave (as Ctrl-D does); Ctrl-C stops an answer"""


def add(subparsers: Any) -> None:
    """Add the command to the program's."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "chat",
        help="talk to a model",
        description="Talk to a model of the server that runs, or to one that is loaded for this talk alone.",
        epilog="Without a terminal, standard input is one question, and its answer goes to standard output.",
    )
    parser.add_argument("asked", metavar="MODEL", help="a name from `sampan models ls`, a folder, or a .gguf file")
    parser.add_argument("--system", default="", help="what the model is told to be")
    parser.add_argument("--think", action=argparse.BooleanOptionalAction, help="think before answering, or do not")
    parser.add_argument("--show-thinking", action="store_true", help="show all of it, and not only how long it took")
    parser.add_argument("--temperature", type=float)
    parser.add_argument("--top-p", type=float)
    parser.add_argument("--seed", type=int, help="the same seed gives the same answers")
    parser.add_argument("--tokens", type=int, help="at most so many tokens for each answer")
    config.add_flags(parser, "data")


def run(args: argparse.Namespace) -> int:
    """Exit code 1, with one line, if the model cannot be asked."""
    try:
        settings = config.load(vars(args), os.environ, Path.cwd())
        settings = replace(settings, data=settings.data.absolute())
        path = Path(args.asked).expanduser().absolute()
        running = door.running_on(settings) is not None
        with app.open_inference(settings, running=running) as inference:
            talk = Talk(inference.handlers, args, sys.stdout.isatty())
            with asyncio.Runner() as runner:
                # A folder is served for as long as we talk, under a name that nobody else would choose.
                name = f"chat-{os.getpid()}" if path.exists() else ""
                try:
                    if name:
                        runner.run(talk.serve(name, path))
                    return _converse(talk, runner)
                finally:
                    if name:
                        runner.run(talk.unserve(name))
    except (config.Misconfigured, app.Trouble) as trouble:
        print(f"sampan chat: {trouble}", file=sys.stderr)
    except Fault as fault:
        print(f"sampan chat: {fault.why or fault}", file=sys.stderr)
    return 1


def _converse(talk: Talk, runner: asyncio.Runner) -> int:
    if not sys.stdin.isatty():
        runner.run(talk.answer(sys.stdin.read()))
        return 0
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - lines can be edited, and come back, once it is there
    print(f"{talk.model}: say something; /help tells what else there is")
    while True:
        try:
            said = input("> ").strip()
        except EOFError:
            print()
            return 0
        if said == "/bye":
            return 0
        if not said:
            continue
        try:
            if not said.startswith("/"):
                runner.run(talk.answer(said))
            elif not talk.obey(said):
                runner.run(talk.again())
        except KeyboardInterrupt:
            print(f"{_PLAIN} (stopped)")
        except Fault as fault:  # a question that is too long, a model that died: the talk goes on
            print(f"sampan chat: {fault.why or fault}", file=sys.stderr)


class Talk:
    """A conversation with one model."""

    def __init__(self, handlers: Any, args: argparse.Namespace, terminal: bool) -> None:
        self.model: str = args.asked
        self._handlers, self._terminal = handlers, terminal
        self._system, self._think, self._shown = args.system, args.think, args.show_thinking
        self._sampling = Sampling(
            temperature=args.temperature, top_p=args.top_p, seed=args.seed, tokens_max=args.tokens
        )
        self._said: list[Message] = []

    async def serve(self, name: str, path: Path) -> None:
        """Serve what is at an absolute path, under a name. Raises Fault."""
        backend = Backend(EngineKind.LOCAL, str(path))
        command = Deploy(model=name, backends=(backend,), shared=False)
        await self._handlers[Deploy](OPERATOR, command)
        self.model = name

    async def unserve(self, name: str) -> None:
        """Take it away again."""
        with contextlib.suppress(Fault):
            await self._handlers[Undeploy](OPERATOR, Undeploy(model=name))

    def obey(self, order: str) -> bool:
        """What a line with a slash asks for; False if it is another answer."""
        word, _, rest = order.partition(" ")
        if word == "/again":
            return False
        if word == "/clear":
            self._said = []
        elif word == "/system":
            self._system = rest.strip()
        elif word == "/think" and rest in ("on", "off"):
            self._think = rest == "on"
        else:
            print(_HELP)
        return True

    async def again(self) -> None:
        """Another answer to the last question."""
        while self._said and self._said[-1].role is not Role.USER:
            self._said.pop()
        if self._said:
            await self.answer(self._said.pop().text, fresh=True)

    async def answer(self, question: str, *, fresh: bool = False) -> None:
        """Ask, and print the answer while it comes. Raises Fault."""
        asked = Message(Role.USER, (Part(text=question),))
        system = [Message(Role.SYSTEM, (Part(text=self._system),))] if self._system else []
        # Another answer needs other luck.
        sampling = replace(self._sampling, seed=None) if fresh else self._sampling
        ask = Ask(messages=(*system, *self._said, asked), sampling=sampling, thinking=self._think)
        stream: Stream | Answer = await self._handlers[Generate](
            OPERATOR, Generate(model=self.model, ask=ask, stream=True)
        )
        assert isinstance(stream, Stream)
        pieces: list[Piece] = []
        if self._terminal:
            print(f"{_DIM}…{_PLAIN}", end="", flush=True)  # a model may have to be loaded first
        try:
            await self._print(stream.pieces, pieces)
        finally:
            close = getattr(stream.pieces, "aclose", None)
            if close is not None:
                await close()
            choices, _ = whole([*pieces, Piece(0, Say.END, finish=Finish.CANCELLED)])
            # What was said stays said, also when it was stopped in the middle.
            self._said += [asked, Message(Role.ASSISTANT, (Part(text=choices[0].text),))]

    async def _print(self, coming: AsyncIterator[Piece], pieces: list[Piece]) -> None:
        """Thoughts are folded into a line that tells how many there were, and how long they took."""
        began, thoughts, thinking, fresh = time.monotonic(), 0, False, True
        async for piece in coming:
            pieces.append(piece)
            if piece.say is Say.REASONING:
                if fresh and self._terminal:
                    print(_CLEAR, end="")
                thinking, thoughts, fresh = True, thoughts + 1, False
                self._think_aloud(piece.text, thoughts, time.monotonic() - began)
            elif piece.say is Say.TEXT:
                if thinking:
                    thinking = False
                    self._thought(thoughts, time.monotonic() - began)
                elif fresh and self._terminal:
                    print(_CLEAR, end="")
                fresh = False
                print(piece.text, end="", flush=True)
        if thinking:
            self._thought(thoughts, time.monotonic() - began)
        print()

    def _think_aloud(self, text: str, thoughts: int, seconds: float) -> None:
        if not self._terminal:
            return
        if self._shown:
            print(f"{_DIM}{text}{_PLAIN}", end="", flush=True)
        else:
            print(f"{_CLEAR}{_DIM}thinking … {thoughts} tokens, {seconds:.0f} s{_PLAIN}", end="", flush=True)

    def _thought(self, thoughts: int, seconds: float) -> None:
        if not self._terminal:
            return
        folded = f"{_CLEAR}{_DIM}thought for {seconds:.1f} s ({thoughts} tokens){_PLAIN}"
        print("" if self._shown else folded)
