"""The vocabulary of inference: commands in, values out. One set of models for every dialect.

What is asked and answered is in `kernel.asking`, the rest of the values in `values`; all can be had from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from sampan.kernel.asking import Abilities as Abilities
from sampan.kernel.asking import Ask as Ask
from sampan.kernel.asking import Call as Call
from sampan.kernel.asking import Condition as Condition
from sampan.kernel.asking import Embedding as Embedding
from sampan.kernel.asking import Finish as Finish
from sampan.kernel.asking import Logprob as Logprob
from sampan.kernel.asking import Medium as Medium
from sampan.kernel.asking import Message as Message
from sampan.kernel.asking import Part as Part
from sampan.kernel.asking import Piece as Piece
from sampan.kernel.asking import Ranking as Ranking
from sampan.kernel.asking import Role as Role
from sampan.kernel.asking import Sampling as Sampling
from sampan.kernel.asking import Say as Say
from sampan.kernel.asking import Shape as Shape
from sampan.kernel.asking import ShapeKind as ShapeKind
from sampan.kernel.asking import Standing as Standing
from sampan.kernel.asking import Task as Task
from sampan.kernel.asking import Tokens as Tokens
from sampan.kernel.asking import Tool as Tool
from sampan.kernel.asking import Tooling as Tooling
from sampan.kernel.asking import Usage as Usage
from sampan.kernel.body import Inflow
from sampan.kernel.command import Command as Command
from sampan.kernel.fault import Kind
from sampan.services.inference.values import Alias as Alias
from sampan.services.inference.values import Answer as Answer
from sampan.services.inference.values import Backend as Backend
from sampan.services.inference.values import Batch as Batch
from sampan.services.inference.values import BatchState as BatchState
from sampan.services.inference.values import Choice as Choice
from sampan.services.inference.values import Deferred as Deferred
from sampan.services.inference.values import Deployment as Deployment
from sampan.services.inference.values import EngineKind as EngineKind
from sampan.services.inference.values import File as File
from sampan.services.inference.values import FileContent as FileContent
from sampan.services.inference.values import Logged as Logged
from sampan.services.inference.values import Logging as Logging
from sampan.services.inference.values import Metered as Metered
from sampan.services.inference.values import Model as Model
from sampan.services.inference.values import Price as Price
from sampan.services.inference.values import Quota as Quota
from sampan.services.inference.values import Stream as Stream
from sampan.services.inference.values import TaskState as TaskState
from sampan.services.inference.values import Turn as Turn
from sampan.services.inference.values import valid_name as valid_name

FAULTS: frozenset[tuple[Kind, str]] = frozenset(
    {
        (Kind.MISSING, "model"),  # facts: model
        (Kind.INVALID, "model"),  # it cannot be used (its files are damaged, or of an unknown kind); facts: model
        (Kind.CONFLICT, "model"),  # it is fixed by the configuration, or others stand on it
        (Kind.EXISTS, "model"),
        (Kind.MISMATCH, "model"),  # asked to do what it is not for; facts: model, task
        (Kind.UNAVAILABLE, "model"),  # overloaded, loading or restarting; facts: retry_after_s
        (Kind.UNAVAILABLE, "answer"),  # the engine died in the middle of it
        (Kind.INVALID, "request"),  # what this model cannot be asked; facts: field
        (Kind.TOO_LARGE, "prompt"),  # facts: tokens, tokens_max
        (Kind.TOO_MANY, "requests"),  # a quota; facts: limit, retry_after_s
        (Kind.TOO_MANY, "tokens"),  # a quota; facts: limit, retry_after_s
        (Kind.TOO_MANY, "in flight"),  # a quota; facts: limit, retry_after_s
        (Kind.MISSING, "turn"),
        (Kind.MISSING, "file"),
        (Kind.INVALID, "file"),  # facts: why
        (Kind.TOO_LARGE, "file"),
        (Kind.MISSING, "batch"),
        (Kind.CONFLICT, "batch"),  # it has ended
        (Kind.MISSING, "task"),
        (Kind.CONFLICT, "task"),
        (Kind.MISSING, "alias"),
        (Kind.EXISTS, "alias"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCommand(Command):
    """A command on one model, by any of its names."""

    model: str

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"model/{self.model}"),)


# --- asking -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Generate(ModelCommand):
    """Ask a model. -> Stream if `stream`, else Answer.

    `others` are more questions, asked together with `ask`: with n answers to each, those of the first of the others
    begin at number n, those of the second at 2n, and so on. Questions of a kept turn have no others.
    `previous` goes on from a stored turn: its messages come before these. `lead` goes before all of them. `keep` stores
    this turn, without its lead, under the answer's id, with `note` as the dialect's own; a streamed turn is stored when
    it is complete. `prefix` begins the answer's id, as the dialect likes ids to look.
    """

    action: ClassVar[str] = "inference:Generate"
    waits: ClassVar[bool] = True
    ask: Ask
    others: tuple[Ask, ...] = ()
    stream: bool = False
    previous: str = ""
    lead: tuple[Message, ...] = ()
    keep: bool = False
    note: bytes = b""
    prefix: str = ""

    def touches(self) -> tuple[tuple[str, str], ...]:
        action = f"{self.action}Stream" if self.stream else self.action
        found: tuple[tuple[str, str], ...] = ((action, f"model/{self.model}"),)
        if self.previous:
            found += (("inference:GetTurn", f"turn/{self.previous}"),)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Embed(ModelCommand):
    """Vectors for texts (or for their tokens). -> Embedding. See `kernel.ports.Engine.embed`. `note` is the dialect's
    own, as in what follows."""

    action: ClassVar[str] = "inference:Embed"
    waits: ClassVar[bool] = True
    texts: tuple[str | tuple[int, ...], ...]
    instruction: str = ""
    dimensions: int | None = None
    shorten: bool = True
    note: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank(ModelCommand):
    """How well documents answer a query. -> Ranking."""

    action: ClassVar[str] = "inference:Rank"
    waits: ClassVar[bool] = True
    query: str
    documents: tuple[str, ...]
    instruction: str = ""
    note: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenize(ModelCommand):
    """The tokens of the prompt that a Generate with this ask would make. -> Tokens."""

    action: ClassVar[str] = "inference:Tokenize"
    waits: ClassVar[bool] = True
    ask: Ask
    note: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detokenize(ModelCommand):
    """The text of tokens. -> str."""

    action: ClassVar[str] = "inference:Tokenize"
    waits: ClassVar[bool] = True
    tokens: tuple[int, ...]


def whole(pieces: Iterable[Piece]) -> tuple[tuple[Choice, ...], Usage]:
    """Pieces put together: the choices in order, and what they used. Pieces without an END give no choice."""
    texts: dict[int, dict[str, list[str]]] = {}
    calls: dict[int, dict[int, list[str]]] = {}
    tokens: dict[int, list[int]] = {}
    logprobs: dict[int, list[Logprob]] = {}
    prompts: dict[int, tuple[Logprob | None, ...]] = {}
    ends: dict[int, Piece] = {}
    usage = Usage()
    for piece in pieces:
        index, usage = piece.index, piece.usage
        tokens.setdefault(index, []).extend(piece.tokens)
        logprobs.setdefault(index, []).extend(piece.logprobs)
        if piece.prompt_logprobs:
            prompts[index] = piece.prompt_logprobs
        if piece.say is Say.CALL:
            calls.setdefault(index, {})[piece.call] = [piece.id, piece.name, ""]
        elif piece.say is Say.ARGUMENTS:
            calls[index][piece.call][2] += piece.text
        elif piece.say is Say.END:
            ends[index] = piece
        else:
            texts.setdefault(index, {}).setdefault(piece.say, []).append(piece.text)
    choices = tuple(
        Choice(
            index,
            "".join(texts.get(index, {}).get(Say.TEXT, ())),
            end.finish or Finish.STOP,
            reasoning="".join(texts.get(index, {}).get(Say.REASONING, ())),
            calls=tuple(Call(*parts) for _, parts in sorted(calls.get(index, {}).items())),
            tokens=tuple(tokens[index]),
            logprobs=tuple(logprobs[index]),
            prompt_logprobs=prompts.get(index, ()),
            stopped_by=end.stopped_by,
        )
        for index, end in sorted(ends.items())
    )
    return choices, usage


# --- models -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ListModels(Command):
    """The models that the caller may see, by name; each name once, aliases as models of their own.
    -> tuple[Model, ...]."""

    action: ClassVar[str] = "inference:ListModels"
    conditions: bool = False  # fill `condition`

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, ""),)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetModel(ModelCommand):
    """-> Model, with its condition."""

    action: ClassVar[str] = "inference:GetModel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy(ModelCommand):
    """Make a model available under a name, or change how it is. -> Model.

    Either `backends`, or `base` (a deployment's name) and `adapter` (a LoRA adapter's folder). Its abilities are read
    at once, so that what cannot be used is refused here. Models of folders are for the operator: the root account's
    principals.
    """

    action: ClassVar[str] = "inference:Deploy"
    waits: ClassVar[bool] = True
    backends: tuple[Backend, ...] = ()
    base: str = ""
    adapter: str = ""
    shared: bool = True
    warm: bool = False
    keep_s: int | None = None
    description: str = ""
    replace: bool = False  # else Fault(EXISTS, "model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Undeploy(ModelCommand):
    """Take a model away; its files stay. -> None."""

    action: ClassVar[str] = "inference:Undeploy"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadModel(ModelCommand):
    """Load a model now, or give its memory back (`loaded` False). -> Model."""

    action: ClassVar[str] = "inference:LoadModel"
    waits: ClassVar[bool] = True
    loaded: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SetModelAlias(ModelCommand):
    """Let `model` be asked for as `alias`, too; None takes the alias `model` away. The operator's. -> None."""

    action: ClassVar[str] = "inference:SetAlias"
    alias: str | None


# --- stored turns -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnCommand(Command):
    """A command on one stored turn of the caller's account."""

    turn: str

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"turn/{self.turn}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTurn(TurnCommand):
    """-> Turn."""

    action: ClassVar[str] = "inference:GetTurn"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTurn(TurnCommand):
    """-> None."""

    action: ClassVar[str] = "inference:DeleteTurn"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteTurn(TurnCommand):
    """Change the dialect's own note on a turn. -> None."""

    action: ClassVar[str] = "inference:Generate"
    note: bytes


# --- files ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PutFile(Command):
    """Upload a file. -> File."""

    action: ClassVar[str] = "inference:PutFile"
    name: str
    purpose: str
    body: Inflow
    prefix: str = ""  # begins the id
    description: str = ""
    expires_s: int | None = None

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, "file/"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCommand(Command):
    """A command on one file of the caller's account."""

    file: str

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"file/{self.file}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFile(FileCommand):
    """-> File."""

    action: ClassVar[str] = "inference:GetFile"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile(FileCommand):
    """-> FileContent."""

    action: ClassVar[str] = "inference:ReadFile"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteFile(FileCommand):
    """-> None."""

    action: ClassVar[str] = "inference:DeleteFile"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFiles(Command):
    """Newest first unless `oldest_first`. -> tuple[File, ...], at most `limit` after the file `after`."""

    action: ClassVar[str] = "inference:ListFiles"
    purpose: str = ""
    after: str = ""
    limit: int = 10_000
    oldest_first: bool = False

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, "file/"),)


# --- batches ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateBatch(Command):
    """Answer the lines of a file when there is time. -> Batch.

    `door` names the dialect: the composition root ties its name to what turns one line into a command, and the
    command's result into a line. Runs in one worker process at a time, goes on after a restart, and answers no line
    twice.
    """

    action: ClassVar[str] = "inference:CreateBatch"
    door: str
    endpoint: str
    input_file: str
    window_s: int
    metadata: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, "batch/"), ("inference:ReadFile", f"file/{self.input_file}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCommand(Command):
    """A command on one batch of the caller's account."""

    batch: str

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"batch/{self.batch}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBatch(BatchCommand):
    """-> Batch."""

    action: ClassVar[str] = "inference:GetBatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBatch(BatchCommand):
    """-> Batch."""

    action: ClassVar[str] = "inference:CancelBatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBatches(Command):
    """Newest first. -> tuple[Batch, ...], at most `limit` after the batch `after`."""

    action: ClassVar[str] = "inference:ListBatches"
    after: str = ""
    limit: int = 100

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, "batch/"),)


# --- tasks ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Defer(Command):
    """Run `command` without waiting for it. -> Deferred. `door` turns its result or fault into the task's note, as for
    batches. A task that a restart interrupted has failed."""

    action: ClassVar[str] = "inference:Defer"
    command: Command
    door: str
    prefix: str = ""

    def touches(self) -> tuple[tuple[str, str], ...]:
        return self.command.touches()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCommand(Command):
    """A command on one task of the caller's account."""

    task: str

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"task/{self.task}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTask(TaskCommand):
    """-> Deferred."""

    action: ClassVar[str] = "inference:GetTask"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTask(TaskCommand):
    """Cancel a task that has not begun. -> None. Raises Fault(CONFLICT, "task")."""

    action: ClassVar[str] = "inference:CancelTask"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTasks(Command):
    """Newest first. -> tuple[Deferred, ...], at most `limit` after the task `after`."""

    action: ClassVar[str] = "inference:ListTasks"
    state: TaskState | None = None
    after: str = ""
    limit: int = 100

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, "task/"),)


# --- the operator's ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCommand(Command):
    """A command of whoever runs this Sampan: of the root account's principals alone."""

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, ""),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetQuota(OperatorCommand):
    """Set limits; a quota without any takes those for its account, key and model away. -> None."""

    action: ClassVar[str] = "inference:SetQuota"
    quota: Quota


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuotas(OperatorCommand):
    """-> tuple[Quota, ...]."""

    action: ClassVar[str] = "inference:ListQuotas"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPrice(OperatorCommand):
    """-> None."""

    action: ClassVar[str] = "inference:SetPrice"
    price: Price


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPrices(OperatorCommand):
    """-> tuple[Price, ...]."""

    action: ClassVar[str] = "inference:ListPrices"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLogging(OperatorCommand):
    """-> None."""

    action: ClassVar[str] = "inference:SetLogging"
    logging: Logging


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLogged(OperatorCommand):
    """Newest first. -> tuple[Logged, ...]."""

    action: ClassVar[str] = "inference:ListLogged"
    account: str = ""
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUsage(Command):
    """What the caller's account used, day by day (UTC, both ends included); the operator may ask for any account, or
    for all ("*"). -> tuple[Metered, ...]."""

    action: ClassVar[str] = "inference:ListUsage"
    first_day: str
    last_day: str
    account: str = ""

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"usage/{self.account}"),)
