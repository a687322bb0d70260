"""The service `inference`: which function runs which command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from sampan.kernel.caller import Caller
from sampan.kernel.command import Command, Handlers
from sampan.kernel.policy import Owned
from sampan.kernel.ports import Chance, Clock, Engine, Store
from sampan.services.inference import answers, model, models, names, texts
from sampan.services.inference.context import Context

COMMANDS: dict[type[Command], Callable[..., Awaitable[Any]]] = {
    model.Generate: answers.generate,
    model.Embed: texts.embed,
    model.Rank: texts.rank,
    model.Tokenize: texts.tokenize,
    model.Detokenize: texts.detokenize,
    model.ListModels: models.list_models,
    model.GetModel: models.get_model,
}


class Inference:
    """Models that answer, over engines and a Store.

    `operator` is the account that runs this Sampan; `fixed` are the deployments and `aliases` the aliases of its
    configuration. `handlers` runs commands; `owned` tells the guard what paths are.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        chance: Chance,
        engines: Mapping[model.EngineKind, Engine],
        operator: str,
        fixed: Mapping[str, model.Deployment] = MappingProxyType({}),
        aliases: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._context = Context(store, clock, chance, engines, operator, fixed, aliases)
        self.handlers: Handlers = {command: partial(function, self._context) for command, function in COMMANDS.items()}

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
