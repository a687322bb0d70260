"""What is asked of a model and what it says, in words of no vendor: what doors, the service and engines share.

A conversation's text is Unicode; times are seconds or milliseconds as a name says; a field that is None leaves the
choice to the model's own defaults (its generation_config.json).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class Role(enum.StrEnum):
    """Who speaks in a conversation."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Medium(enum.StrEnum):
    """What a part of a message is."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a message: text, or something else as bytes or by address."""

    medium: Medium = Medium.TEXT
    text: str = ""
    data: bytes = b""
    url: str = ""
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that the model wants to be called. `arguments` is JSON text as the model wrote it, valid or not."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `calls` are an assistant's; `call_id` says which of them a tool's message answers; `reasoning` is
    what an assistant thought before; `name` the speaker's or the tool's."""

    role: Role
    parts: tuple[Part, ...] = ()
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    call_id: str = ""
    name: str = ""

    @property
    def text(self) -> str:
        """Its text parts, one after the other."""
        return "".join(part.text for part in self.parts if part.medium is Medium.TEXT)


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask for. `schema` is its arguments' JSON Schema; `strict` holds it to that."""

    name: str
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    strict: bool = False


class Tooling(enum.StrEnum):
    """Whether the model calls tools."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"


class ShapeKind(enum.StrEnum):
    """How an answer's shape is described."""

    JSON = "json"  # any JSON object
    SCHEMA = "schema"  # JSON Schema, as text
    REGEX = "regex"
    CHOICE = "choice"  # a JSON array of texts
    GRAMMAR = "grammar"  # Lark, as llguidance reads it


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape that an answer's text must have."""

    kind: ShapeKind
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are chosen and when to stop; see `sampan.llm.request.Sampling` for the meaning of each."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repetition_penalty: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    seed: int | None = None
    tokens_max: int | None = None
    tokens_min: int | None = None
    stop: tuple[str, ...] = ()
    stop_tokens: tuple[int, ...] = ()
    ignore_end: bool = False
    n: int = 1
    best_of: int | None = None
    logprobs: int | None = None  # alternatives to report for each token of the answer; None: nothing
    prompt_logprobs: int | None = None
    beams: int | None = None
    length_penalty: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a model is to answer: `messages`, or else a bare `prompt` (text, or tokens) to go on from.

    `forced` names the one tool that must be called. `thinking` turns reasoning on or off where the model's template
    knows how; None leaves it to the template, but off where the answer has a shape or a tool must be called;
    `thinking_tokens_max` ends it early. `continues` goes on with the last message, the assistant's own,
    instead of answering it. `template` goes to the chat template as it is. `tenant` is whose turn it is among many who
    wait, and `priority` goes before that (higher first).
    """

    messages: tuple[Message, ...] = ()
    prompt: str | tuple[int, ...] | None = None
    tools: tuple[Tool, ...] = ()
    tooling: Tooling = Tooling.AUTO
    forced: str = ""
    parallel_calls: bool = True
    shape: Shape | None = None
    sampling: Sampling = field(default_factory=Sampling)
    thinking: bool | None = None
    thinking_tokens_max: int | None = None
    continues: bool = False
    template: Mapping[str, Any] = field(default_factory=dict)
    echo: bool = False  # a bare prompt comes back before its answer
    priority: int = 0
    deadline_s: float | None = None
    tenant: str = ""


class Say(enum.StrEnum):
    """What a piece of an answer is."""

    TEXT = "text"
    REASONING = "reasoning"
    CALL = "call"  # a tool is called: `call` is its number, `name` its name, `id` the call's id
    ARGUMENTS = "arguments"  # more of call number `call`'s arguments, in `text`
    END = "end"  # this answer is complete: `finish` says why


class Finish(enum.StrEnum):
    """Why an answer ended."""

    STOP = "stop"  # the model ended, or a stop string came (`stopped_by`)
    LENGTH = "length"  # tokens_max, or the model's room
    CALLS = "calls"  # it wants tools to be called
    DEADLINE = "deadline"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Logprob:
    """One token with its log probability, and the likeliest at its place. `text` is what the token reads as, `data`
    its bytes (a token need not be whole characters)."""

    token: int
    text: str
    data: bytes
    value: float
    alternatives: tuple[Logprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a request: of the prompt, how many of these were found in the cache, of all its answers, and how many
    of those were reasoning."""

    prompt_tokens: int = 0
    shared_tokens: int = 0
    answer_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.answer_tokens


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of answer number `index`. Pieces of one answer come in order; those of several are mixed.

    Text is whole characters. The tokens of an `end` are those that no text came of, the model's end token above all.
    `usage` counts all answers so far; it is right in the last piece of all.
    """

    index: int
    say: Say
    text: str = ""
    call: int = -1
    name: str = ""
    id: str = ""
    tokens: tuple[int, ...] = ()
    logprobs: tuple[Logprob, ...] = ()
    prompt_logprobs: tuple[Logprob | None, ...] = ()
    finish: Finish | None = None
    stopped_by: str = ""
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class Embedding:
    """Vectors, one for each text, of unit length; `usage` counts their tokens."""

    vectors: tuple[Sequence[float], ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well each document answers the query, from 0 to 1, in the documents' order."""

    scores: tuple[float, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text's tokens, what each reads as, and how many the model has room for."""

    ids: tuple[int, ...]
    texts: tuple[str, ...]
    length_max: int


class Task(enum.StrEnum):
    """What a model is for."""

    GENERATE = "generate"
    EMBED = "embed"
    RANK = "rank"


@dataclass(frozen=True, slots=True)
class Abilities:
    """What is known of a model that is there: found in its folder, or told by whoever serves it."""

    task: Task
    length_max: int  # tokens of prompt and answer together
    template: bool = True  # it has a chat template
    tools: bool = False
    thinking: bool = False
    parameters: int = 0
    size_bytes: int = 0
    architecture: str = ""
    dimensions: int = 0  # of its embeddings
    vocabulary: int = 0


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which model, for an engine: the same `source` and `settings` are the same model in memory.

    `source` is a folder or a .gguf file, or an upstream's base URL; `upstream_name` the model's name there, and
    `secret` its key. `adapter` is the folder of a LoRA adapter over it. `settings` are the engine's own (weights,
    dtype, cache_bytes, length_max, threads …) by name, all optional, checked by the engine; `keep_s`, how long a model
    stays in memory unasked, is one of them, and does not make it another model.
    """

    source: str
    settings: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    adapter: str = ""
    upstream_name: str = ""
    secret: str = field(default="", repr=False)


class Standing(enum.StrEnum):
    """Whether a model can answer now."""

    COLD = "cold"  # loads when it is asked
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"  # cannot be loaded; asking tries again after a while


@dataclass(frozen=True, slots=True)
class Condition:
    """How a model does. Rates are of the last minute or so."""

    standing: Standing
    why: str = ""  # of FAILED and LOADING, for a person
    progress: float = 0.0  # of LOADING, 0 to 1
    memory_bytes: int = 0
    running: int = 0
    waiting: int = 0
    cache_share: float = 0.0  # of the cache that is in use, 0 to 1
    tokens_per_s: float = 0.0
