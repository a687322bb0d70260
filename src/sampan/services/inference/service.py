"""The service `inference`: which function runs which command."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

from sampan.kernel.caller import Caller
from sampan.kernel.command import Command, Handlers
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.policy import Owned
from sampan.services.inference import (
    answers,
    batches,
    books,
    deployments,
    files,
    logs,
    metering,
    model,
    models,
    names,
    prices,
    quotas,
    tasks,
    texts,
    turns,
    upkeep,
)
from sampan.services.inference.context import Context as Context

COMMANDS: dict[type[Command], Callable[..., Awaitable[Any]]] = {
    model.Generate: answers.generate,
    model.Embed: texts.embed,
    model.Rank: texts.rank,
    model.Tokenize: texts.tokenize,
    model.Detokenize: texts.detokenize,
    model.ListModels: models.list_models,
    model.GetModel: models.get_model,
    model.Deploy: deployments.deploy,
    model.Undeploy: deployments.undeploy,
    model.LoadModel: deployments.load_model,
    model.SetModelAlias: deployments.set_model_alias,
    model.GetTurn: turns.get_turn,
    model.DeleteTurn: turns.delete_turn,
    model.NoteTurn: turns.note_turn,
    model.PutFile: files.put_file,
    model.GetFile: files.get_file,
    model.ReadFile: files.read_file,
    model.DeleteFile: files.delete_file,
    model.ListFiles: files.list_files,
    model.CreateBatch: batches.create_batch,
    model.GetBatch: batches.get_batch,
    model.CancelBatch: batches.cancel_batch,
    model.ListBatches: batches.list_batches,
    model.Defer: tasks.defer,
    model.GetTask: tasks.get_task,
    model.CancelTask: tasks.cancel_task,
    model.ListTasks: tasks.list_tasks,
    model.SetQuota: quotas.set_quota,
    model.ListQuotas: quotas.list_quotas,
    model.SetPrice: prices.set_price,
    model.ListPrices: prices.list_prices,
    model.SetLogging: logs.set_logging,
    model.ListLogged: logs.list_logged,
    model.ListUsage: metering.list_usage,
}


class Inference:
    """Models that answer, over engines and a Store.

    `handlers` runs commands; `owned` tells the guard what paths are; `accompany` is to run in every process, and
    `maintain` in one at a time.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self.handlers: Handlers = {command: partial(self._run, function) for command, function in COMMANDS.items()}

    async def _run(self, function: Callable[..., Awaitable[Any]], caller: Caller, command: Command) -> Any:
        try:
            return await function(self._context, caller, command)
        except Fault as fault:
            unusable = fault.noun == "model" and fault.kind in (Kind.MISSING, Kind.INVALID)
            if unusable and caller.account != self._context.operator:
                # Why tells of folders and files, which are the operator's own.
                why = "it cannot be used: whoever runs this Sampan can see why"
                raise Fault(fault.kind, fault.noun, why, **fault.facts) from None
            raise

    async def accompany(self) -> None:
        """What every process does beside answering, until cancelled: it writes down what was used, and says that its
        tasks are alive. They end with it, and a last page is written."""
        try:
            await asyncio.gather(books.keep(self._context), tasks.keep_alive(self._context))
        finally:
            await books.flush(self._context)

    async def maintain(self) -> None:
        """What one process does for all, until cancelled: batches, and giving space back."""
        await upkeep.maintain(self._context)

    def referred_blobs(self) -> Iterator[tuple[str, bool]]:
        """Each blob that files refer to, and whether it is there: all are, unless somebody else removed files."""
        return files.referred_blobs(self._context)

    def owned(self, caller: Caller, command: Command, path: str) -> Owned | None:
        """What a path is, for the guard; None if there is nothing.

        A model is everybody's that may know of it: policies decide. They speak of the deployment, under whatever name
        it is asked for. All else that has a path lies in its account, and is found nowhere else.
        """
        noun, _, name = path.partition("/")
        if noun != "model":
            return Owned(caller.account) if noun else None
        found = names.look(self._context, name)
        if found is None or not names.visible(found, caller):
            return None
        return Owned(caller.account, path=f"model/{found.name}")
