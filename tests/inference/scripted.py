"""An engine that says what it is told to: what the service does with an engine, without one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sampan.kernel.asking import (
    Abilities,
    Ask,
    Condition,
    Embedding,
    Finish,
    Message,
    ModelRef,
    Part,
    Piece,
    Ranking,
    Role,
    Say,
    Standing,
    Task,
    Tokens,
    Usage,
)
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference.model import Answer, Embed, Generate


def said(*texts: str, prompt_tokens: int = 3, index: int = 0) -> list[Piece]:
    """An answer in pieces, one token each, and its end."""
    usages = [Usage(prompt_tokens=prompt_tokens, answer_tokens=n) for n in range(1, len(texts) + 1)]
    pieces = [Piece(index, Say.TEXT, text, usage=usage) for text, usage in zip(texts, usages, strict=True)]
    return [*pieces, Piece(index, Say.END, finish=Finish.STOP, usage=usages[-1] if usages else Usage(prompt_tokens))]


@dataclass
class Script:
    """What a model does: the pieces of each answer (an exception is raised in its place), and what it is for."""

    pieces: Sequence[Piece | Exception] = field(default_factory=lambda: said("Hello", ", ", "world"))
    task: Task = Task.GENERATE
    refuses: Exception | None = None  # everything, also to say what it is
    gate: asyncio.Event | None = None  # waits for this after the first piece


class ScriptedEngine:
    """Implements `kernel.ports.Engine` by scripts, one for each source. `asked` is what it was asked, `open` how many
    answers are under way."""

    def __init__(self, scripts: dict[str, Script]) -> None:
        self.scripts = scripts
        self.asked: list[tuple[ModelRef, Ask]] = []
        self.loaded: list[str] = []
        self.open = 0

    def _script(self, model: ModelRef) -> Script:
        script = self.scripts.get(model.source)
        if script is None:
            raise Fault(Kind.MISSING, "model", f"no folder {model.source}")
        if script.refuses is not None:
            raise script.refuses
        return script

    async def generate(self, model: ModelRef, ask: Ask) -> AsyncIterator[Piece]:
        script = self._script(model)
        self.asked.append((model, ask))
        self.open += 1
        try:
            for number, piece in enumerate(script.pieces):
                if number == 1 and script.gate is not None:
                    await script.gate.wait()
                await asyncio.sleep(0)
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.open -= 1

    async def embed(
        self,
        model: ModelRef,
        texts: Sequence[str | tuple[int, ...]],
        *,
        instruction: str = "",
        dimensions: int | None = None,
        shorten: bool = True,
    ) -> Embedding:
        self._script(model)
        return Embedding(tuple((float(len(text)), 0.0)[:dimensions] for text in texts), Usage(len(texts)))

    async def rank(self, model: ModelRef, query: str, documents: Sequence[str], *, instruction: str = "") -> Ranking:
        self._script(model)
        return Ranking(tuple(float(query in document) for document in documents), Usage(len(documents)))

    async def tokenize(self, model: ModelRef, ask: Ask) -> Tokens:
        self._script(model)
        text = ask.prompt if isinstance(ask.prompt, str) else "".join(message.text for message in ask.messages)
        return Tokens(tuple(map(ord, text)), tuple(text), 4096)

    async def detokenize(self, model: ModelRef, tokens: Sequence[int]) -> str:
        self._script(model)
        if any(token > sys.maxunicode for token in tokens):
            raise Fault(Kind.INVALID, "request", "there is no such token", field="tokens")
        return "".join(map(chr, tokens))

    async def abilities(self, model: ModelRef) -> Abilities:
        return Abilities(self._script(model).task, 4096)

    async def condition(self, model: ModelRef) -> Condition:
        self._script(model)
        return Condition(Standing.READY if model.source in self.loaded else Standing.COLD)

    async def load(self, model: ModelRef) -> None:
        self._script(model)
        self.loaded.append(model.source)

    async def unload(self, model: ModelRef) -> None:
        self.loaded = [source for source in self.loaded if source != model.source]


class ScriptedDoor:
    """Implements `services.inference.doors.Door`: a line is `NAME MODEL WORDS`."""

    def name(self, line: bytes) -> str:
        words = line.split(b" ", 2)
        if len(words) < 3:
            raise Fault(Kind.INVALID, "file", "three words")
        return words[0].decode()

    def command(self, endpoint: str, line: bytes) -> Command:
        _, model, words = line.decode().split(" ", 2)
        if endpoint == "vectors":
            return Embed(model=model, texts=(words,))
        if words == "nonsense":
            raise Fault(Kind.INVALID, "request", field="words")
        return Generate(model=model, ask=Ask(messages=(Message(Role.USER, (Part(text=words),)),)))

    def result(self, command: Command, value: Any) -> bytes:
        return (value.choices[0].text if isinstance(value, Answer) else str(value.vectors)).encode()

    def refusal(self, fault: Fault) -> bytes:
        return f"{fault.noun} {fault.kind}".encode()

    def entry(self, entry_id: str, line: bytes, document: bytes, fault: Fault | None) -> bytes:
        return self.name(line).encode() + b": " + document
