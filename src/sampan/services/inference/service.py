"""The service `inference`: which function runs which command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from sampan.kernel.caller import Caller
from sampan.kernel.command import Command, Handlers
from sampan.kernel.policy import Owned
from sampan.services.inference import (
    answers,
    books,
    deployments,
    logs,
    metering,
    model,
    models,
    names,
    prices,
    quotas,
    texts,
    turns,
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

    `handlers` runs commands; `owned` tells the guard what paths are; `keep_books` is to run in every process, and
    `maintain` in one at a time.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self.handlers: Handlers = {command: partial(function, self._context) for command, function in COMMANDS.items()}

    async def keep_books(self) -> None:
        """Write down what was used, until cancelled."""
        await books.keep(self._context)

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
