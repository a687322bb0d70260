"""What a model is asked in messages and what it says, as a model's process reads and writes them.

Whoever talks to such a process may hold values of its own, as long as the fields have these names: frames carry fields
by name. Nothing here needs PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

Role = Literal["system", "user", "assistant", "tool"]
Medium = Literal["text", "image", "audio", "video", "file"]
Tooling = Literal["auto", "none", "required"]
ShapeKind = Literal["json", "schema", "regex", "choice", "grammar"]
Say = Literal["text", "reasoning", "call", "arguments", "end"]
Finish = Literal["stop", "length", "calls", "deadline", "cancelled"]
Task = Literal["generate", "embed", "rank"]


class Part(Struct, frozen=True):
    """A part of a message. Only text is read."""

    medium: Medium = "text"
    text: str = ""
    data: bytes = b""
    url: str = ""
    media_type: str = ""


class Call(Struct, frozen=True):
    """A tool call: `arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class Message(Struct, frozen=True):
    """One message. `calls` and `reasoning` are an assistant's; a tool's answers the call `call_id`."""

    role: Role
    parts: tuple[Part, ...] = ()
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    call_id: str = ""
    name: str = ""


class Tool(Struct, frozen=True):
    """A function that may be asked for. `schema` is JSON Schema; `strict` holds the arguments to it."""

    name: str
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    strict: bool = False


class Shape(Struct, frozen=True):
    """What the answer's text must look like: any JSON object, a JSON Schema, a regular expression (Rust's), one of a
    JSON array of texts, or a grammar in llguidance's Lark."""

    kind: ShapeKind
    source: str = ""


class Wishes(Struct, frozen=True, kw_only=True):
    """`request.Sampling`, where None leaves the choice to the model's generation_config.json."""

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
    tokens_max: int | None = None  # None: what there is room for; 0: only look at the prompt
    tokens_min: int | None = None
    stop: tuple[str, ...] = ()
    stop_tokens: tuple[int, ...] = ()
    ignore_end: bool = False
    n: int = 1
    best_of: int | None = None
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    beams: int | None = None
    length_penalty: float | None = None


class Ask(Struct, frozen=True, kw_only=True):
    """A question: `messages`, or a bare `prompt` to go on from.

    `forced` names the one tool that must be called. `thinking` turns reasoning on or off where the template knows how;
    None is the template's own way, but off where an answer's shape is given or a call forced.
    `thinking_tokens_max` ends reasoning early. `continues` goes on with the last message, the assistant's own.
    `template` goes to the chat template. `tenant` is who asks: those who wait take turns.
    """

    messages: tuple[Message, ...] = ()
    prompt: str | tuple[int, ...] | None = None
    tools: tuple[Tool, ...] = ()
    tooling: Tooling = "auto"
    forced: str = ""
    parallel_calls: bool = True
    shape: Shape | None = None
    sampling: Wishes = Wishes()
    thinking: bool | None = None
    thinking_tokens_max: int | None = None
    continues: bool = False
    template: Mapping[str, Any] = field(default_factory=dict)
    echo: bool = False
    priority: int = 0
    deadline_s: float | None = None
    tenant: str = ""


class Logprob(Struct, frozen=True, omit_defaults=True):
    """One token with its log probability and the likeliest at its place."""

    token: int
    text: str
    data: bytes
    value: float
    alternatives: tuple[Logprob, ...] = ()


class Usage(Struct, frozen=True, omit_defaults=True):
    """Tokens of the prompt, how many of them the cache had, of the answers, and how many of these were reasoning."""

    prompt_tokens: int = 0
    shared_tokens: int = 0
    answer_tokens: int = 0
    reasoning_tokens: int = 0


class Piece(Struct, frozen=True, omit_defaults=True):
    """A piece of answer number `index`. Text is whole characters. The last piece of an answer is its `end`; `usage`
    counts all answers so far."""

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


class Vectors(Struct, frozen=True):
    """One vector of unit length for each text: their numbers in a row, as 32-bit floats in the machine's order."""

    dimensions: int
    data: bytes
    usage: Usage


class Ranking(Struct, frozen=True):
    """A score from 0 to 1 for each document."""

    scores: tuple[float, ...]
    usage: Usage


class Tokens(Struct, frozen=True):
    """Tokens, what each reads as, and how many the model has room for."""

    ids: tuple[int, ...]
    texts: tuple[str, ...]
    length_max: int


class Abilities(Struct, frozen=True):
    """What is known of a model from its files. `parameters` counts numbers, `size_bytes` the weights' files."""

    task: Task
    length_max: int
    template: bool = True
    tools: bool = False
    thinking: bool = False
    parameters: int = 0
    size_bytes: int = 0
    architecture: str = ""
    dimensions: int = 0
    vocabulary: int = 0


class State(Struct, frozen=True):
    """How a model's process does."""

    memory_bytes: int = 0
    running: int = 0
    waiting: int = 0
    cache_share: float = 0.0
    tokens_per_s: float = 0.0
    idle_s: float = 0.0  # since somebody wanted something


class EmbedWish(Struct, frozen=True):
    """Texts (or tokens) to embed; see `pooling.Embedder`. `shorten` cuts those that are too long."""

    texts: tuple[str | tuple[int, ...], ...]
    instruction: str = ""
    dimensions: int | None = None
    shorten: bool = True


class RankWish(Struct, frozen=True):
    """Documents to rank by how well they answer the query."""

    query: str
    documents: tuple[str, ...]
    instruction: str = ""
