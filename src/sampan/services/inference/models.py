"""Models: which there are, and how they do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from sampan.kernel.asking import Abilities, Condition, Standing, Task
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault
from sampan.services.inference import backends, names
from sampan.services.inference.context import Context
from sampan.services.inference.model import Deployment, GetModel, ListModels, Model

TOLD_S_MAX = 2.0  # an upstream that does not say in this time what it can do holds up no list of models
_UNTOLD = Abilities(Task.GENERATE, 0)


async def list_models(context: Context, caller: Caller, command: ListModels) -> tuple[Model, ...]:
    with context.store.view() as view:
        found = {name: one for name, one in names.deployments(context, view).items() if names.visible(one, caller)}
        aliases = {name: target for name, target in names.aliases(context, view).items() if target in found}
    of = {name: tuple(alias for alias, target in aliases.items() if target == name) for name in found}
    told = await asyncio.gather(*(_told(context, one, of[name], command.conditions) for name, one in found.items()))
    models = {model.name: model for model in told}
    also = [_called(alias, models[target]) for alias, target in aliases.items() if alias not in models]
    return tuple(sorted([*told, *also], key=lambda model: model.name))


async def get_model(context: Context, caller: Caller, command: GetModel) -> Model:
    deployment = names.find(context, caller, command.model)
    with context.store.view() as view:
        aliases = [name for name, target in names.aliases(context, view).items() if target == deployment.name]
    return _called(command.model, await _told(context, deployment, aliases, True))


def _called(name: str, model: Model) -> Model:
    return Model(name, model.deployment, model.abilities, model.aliases, model.condition)


async def _told(context: Context, deployment: Deployment, aliases: Iterable[str], conditions: bool) -> Model:
    """A deployment with what it can do, as far as somebody says so in time."""
    abilities: Abilities | None = None
    condition: Condition | None = None
    try:
        async with asyncio.timeout(TOLD_S_MAX):
            abilities = await backends.known_abilities(context, deployment)
            if conditions:
                condition = await _condition(context, deployment)
    except TimeoutError:
        pass
    except Fault as fault:
        condition = Condition(Standing.FAILED, fault.why or str(fault))
    return Model(deployment.name, _bare(deployment), abilities or _UNTOLD, tuple(aliases), condition)


def _bare(deployment: Deployment) -> Deployment:
    """Without what nobody is told."""
    return replace(deployment, backends=tuple(replace(backend, secret="") for backend in deployment.backends))


async def _condition(context: Context, deployment: Deployment) -> Condition:
    """How the backend does that would be asked first."""
    place = next(backends.in_turn(context, deployment))
    return await place.engine.condition(place.model)
