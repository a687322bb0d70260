"""What is found out about texts without an answer: their vectors, how well they answer a query, their tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sampan.kernel.asking import Embedding, Finish, ModelRef, Ranking, Task, Tokens, Usage
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault
from sampan.kernel.ports import Engine
from sampan.services.inference import backends, names, quotas
from sampan.services.inference.books import LEFT, Entry
from sampan.services.inference.context import Context
from sampan.services.inference.model import Detokenize, Embed, ModelCommand, Rank, Tokenize

Measured = TypeVar("Measured", Embedding, Ranking)


async def embed(context: Context, caller: Caller, command: Embed) -> Embedding:
    def call(engine: Engine, model: ModelRef) -> Awaitable[Embedding]:
        return engine.embed(
            model,
            command.texts,
            instruction=command.instruction,
            dimensions=command.dimensions,
            shorten=command.shorten,
        )

    return await _measured(context, caller, command, Task.EMBED, command.texts, call)


async def rank(context: Context, caller: Caller, command: Rank) -> Ranking:
    def call(engine: Engine, model: ModelRef) -> Awaitable[Ranking]:
        return engine.rank(model, command.query, command.documents, instruction=command.instruction)

    texts = [text for document in command.documents for text in (command.query, document)]
    return await _measured(context, caller, command, Task.RANK, texts, call)


async def tokenize(context: Context, caller: Caller, command: Tokenize) -> Tokens:
    deployment = names.find(context, caller, command.model)
    return await backends.ask(context, deployment, lambda engine, model: engine.tokenize(model, command.ask))


async def detokenize(context: Context, caller: Caller, command: Detokenize) -> str:
    deployment = names.find(context, caller, command.model)
    return await backends.ask(context, deployment, lambda engine, model: engine.detokenize(model, command.tokens))


async def _measured(
    context: Context,
    caller: Caller,
    command: ModelCommand,
    task: Task,
    texts: Sequence[str | tuple[int, ...]],
    call: Callable[[Engine, ModelRef], Awaitable[Measured]],
) -> Measured:
    """Ask the model that is for this, and write it into the books."""
    deployment = names.find(context, caller, command.model)
    await backends.check_task(context, deployment, task)
    request_id = context.fresh_id("", context.clock.now_ms())
    tokens = sum(len(text) // (quotas.CHARS_OF_A_TOKEN if isinstance(text, str) else 1) for text in texts)
    entry = Entry(context, caller, deployment, command.model, request_id, tokens)
    try:
        found = await backends.ask(context, deployment, call)
    except BaseException as error:
        entry.close(Usage(), str(error) if isinstance(error, Fault) else LEFT)
        raise
    entry.close(found.usage, Finish.STOP)
    return found
