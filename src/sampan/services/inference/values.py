"""The values of inference: what commands carry and what they give back. Times are milliseconds since 1970 in UTC."""

from __future__ import annotations

import enum
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sampan.kernel.asking import Abilities, Call, Condition, Finish, Logprob, Message, Piece, Usage
from sampan.kernel.body import Outflow

# --- models and what they are called ----------------------------------------------------------------------------------

# As long as the longest ARN of Bedrock; repositories ("Qwen/Qwen3-8B"), tags ("llama3:8b") and versions fit.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,255}")


def valid_name(name: str) -> bool:
    """Whether a model can be called so."""
    return _NAME.fullmatch(name) is not None


class EngineKind(enum.StrEnum):
    """Who runs a model."""

    LOCAL = "local"  # sampan.llm, on this machine
    OPENAI = "openai"  # an upstream that speaks OpenAI's API: vLLM, SGLang, another Sampan, a hosted API


@dataclass(frozen=True, slots=True)
class Backend:
    """One place where a model can be had. `source` is a folder, a .gguf file, or an upstream's base URL; `secret` the
    upstream's key, shown to nobody."""

    engine: EngineKind
    source: str
    upstream_name: str = ""
    secret: str = field(default="", repr=False)
    settings: Mapping[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A model under a name that can be asked for. `backends` are tried in order: the next answers when one cannot.

    `base` and `adapter` are set for a derivative: a LoRA adapter over another deployment, asked for as a model of its
    own. `shared` is open to all accounts, as far as their policies allow. `keep_s` is how long it stays in memory
    without being asked (None: until the room is needed; 0: always cold). `fixed` comes from the configuration, and
    cannot be changed by a command.
    """

    name: str
    account: str
    created_ms: int
    backends: tuple[Backend, ...] = ()
    base: str = ""
    adapter: str = ""
    shared: bool = True
    warm: bool = False
    keep_s: int | None = None
    fixed: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """What a caller is told of a name: an alias tells of its deployment. `condition` is filled where it was asked."""

    name: str
    deployment: Deployment
    abilities: Abilities
    aliases: tuple[str, ...] = ()
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name for a deployment, given by the operator: `gpt-4o-mini`, `qwen-plus`."""

    name: str
    target: str
    created_ms: int


# --- answers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """One whole answer."""

    index: int
    text: str
    finish: Finish
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    tokens: tuple[int, ...] = ()
    logprobs: tuple[Logprob, ...] = ()
    prompt_logprobs: tuple[Logprob | None, ...] = ()
    stopped_by: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """All answers to a question. `model` is the name that was asked for, `deployment` what answered."""

    id: str
    model: str
    deployment: str
    created_ms: int
    choices: tuple[Choice, ...]
    usage: Usage


class Pieces(Protocol):
    """An answer on its way. Iterate it once, and close it, read to its end or not."""

    def __aiter__(self) -> AsyncIterator[Piece]: ...

    async def __anext__(self) -> Piece: ...

    async def aclose(self) -> None:
        """Free what it holds, at once. Safe to call twice."""
        ...


@dataclass(frozen=True, slots=True)
class Stream:
    """Answers while they are made. `whole` in `services.inference.model` puts pieces together."""

    id: str
    model: str
    deployment: str
    created_ms: int
    pieces: Pieces


# --- stored conversations ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer that were kept: `messages` is all that was said up to and with the answer, `note` the
    dialect's own JSON. `previous` is the turn that it went on from. `finish` and `usage` are the answer's."""

    id: str
    account: str
    model: str
    created_ms: int
    messages: tuple[Message, ...]
    note: bytes
    previous: str = ""
    finish: Finish = Finish.STOP
    usage: Usage = Usage()


# --- files and batches ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class File:
    """A file that was uploaded for, or made by, a batch or a training."""

    id: str
    name: str
    purpose: str
    size: int
    created_ms: int
    md5: bytes = b""
    expires_ms: int | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file with its bytes."""

    file: File
    body: Outflow


class BatchState(enum.StrEnum):
    """How far a batch is."""

    CHECKING = "checking"
    FAILED = "failed"
    RUNNING = "running"
    FINISHING = "finishing"
    DONE = "done"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Batch:
    """Many requests as the lines of a file, answered when there is time. `door` is the dialect that reads its lines."""

    id: str
    door: str
    endpoint: str
    input_file: str
    state: BatchState
    created_ms: int
    expires_ms: int
    window_s: int
    output_file: str = ""
    error_file: str = ""
    total: int = 0
    done: int = 0
    failed: int = 0
    started_ms: int | None = None
    ended_ms: int | None = None
    errors: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


class TaskState(enum.StrEnum):
    """How far a task is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Deferred:
    """A command that runs without anybody waiting. `note` is the dialect's rendering of its result, or of its fault."""

    id: str
    state: TaskState
    created_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    note: bytes = b""


# --- who uses how much ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits for an account, for one of its keys, for a model, or for a pair of them ("" stands for all). None: no
    limit of that kind."""

    account: str
    key_id: str = ""
    model: str = ""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    in_flight: int | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens of a model cost, in the currency's smallest common unit: a text such as "0.4"."""

    model: str
    currency: str
    prompt: str
    answer: str
    shared: str | None = None  # prompt tokens found in the cache; None: as `prompt`


@dataclass(frozen=True, slots=True)
class Metered:
    """What was used by one account, key and model on one day (UTC, "2026-01-31")."""

    day: str
    account: str
    key_id: str
    model: str
    requests: int
    usage: Usage
    cost: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Logging:
    """Which requests are written to the request log: a share from 0 to 1, with or without what was said."""

    share: float = 0.0
    texts: bool = False


@dataclass(frozen=True, slots=True)
class Logged:
    """One request in the request log. `asked` and `said` are "" unless texts are kept."""

    id: str
    time_ms: int
    account: str
    key_id: str
    model: str
    deployment: str
    ms: int
    first_ms: int | None
    usage: Usage
    finish: str
    asked: str = ""
    said: str = ""
