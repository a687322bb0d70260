"""What is found out about texts without an answer: their vectors, how well they answer a query, their tokens."""

from __future__ import annotations

from sampan.kernel.asking import Embedding, Ranking, Task, Tokens
from sampan.kernel.caller import Caller
from sampan.services.inference import backends, names
from sampan.services.inference.context import Context
from sampan.services.inference.model import Detokenize, Embed, Rank, Tokenize


async def embed(context: Context, caller: Caller, command: Embed) -> Embedding:
    deployment = names.find(context, caller, command.model)
    await backends.check_task(context, deployment, Task.EMBED)
    return await backends.ask(
        context,
        deployment,
        lambda engine, model: engine.embed(
            model,
            command.texts,
            instruction=command.instruction,
            dimensions=command.dimensions,
            shorten=command.shorten,
        ),
    )


async def rank(context: Context, caller: Caller, command: Rank) -> Ranking:
    deployment = names.find(context, caller, command.model)
    await backends.check_task(context, deployment, Task.RANK)
    return await backends.ask(
        context,
        deployment,
        lambda engine, model: engine.rank(model, command.query, command.documents, instruction=command.instruction),
    )


async def tokenize(context: Context, caller: Caller, command: Tokenize) -> Tokens:
    deployment = names.find(context, caller, command.model)
    return await backends.ask(context, deployment, lambda engine, model: engine.tokenize(model, command.ask))


async def detokenize(context: Context, caller: Caller, command: Detokenize) -> str:
    deployment = names.find(context, caller, command.model)
    return await backends.ask(context, deployment, lambda engine, model: engine.detokenize(model, command.tokens))
