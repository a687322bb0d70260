"""Deployments that commands make: durable, and known to every worker at once. All of them are the operator's."""

from __future__ import annotations

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction, View
from sampan.services.inference import backends, models, names, rows
from sampan.services.inference.context import Context
from sampan.services.inference.model import (
    Alias,
    Backend,
    Deploy,
    Deployment,
    EngineKind,
    GetModel,
    LoadModel,
    Model,
    SetModelAlias,
    Undeploy,
    valid_name,
)

DEPLOYMENTS_MAX = 1000
ALIASES_MAX = 10_000
BACKENDS_MAX = 16
SETTINGS_MAX = 64
TEXT_CHARS_MAX = 4096  # a path, a URL, a description


async def deploy(context: Context, caller: Caller, command: Deploy) -> Model:
    context.check_operator(caller, command.action)
    deployment = _checked(context, caller, command)
    for place in backends.places(context, deployment):
        await place.engine.abilities(place.model)

    def change(tx: Transaction) -> None:
        name = deployment.name
        made = tx.get(rows.deployment(name))
        if name in context.fixed_aliases or tx.get(rows.alias(name)) is not None:
            raise Fault(Kind.EXISTS, "model", f"{name} is an alias", model=name)
        if made is not None and not command.replace:
            raise Fault(Kind.EXISTS, "model", f"there is a model {name}", model=name)
        if deployment.base:
            _find_base(context, tx, deployment)
        elif made is None and len(names.deployments(context, tx)) >= DEPLOYMENTS_MAX:
            raise Fault(Kind.CONFLICT, "model", f"at most {DEPLOYMENTS_MAX} models", model=name)
        tx.put(rows.deployment(name), rows.encode_deployment(deployment, context.sealer, context.chance))

    await context.store.write(change)
    return await models.get_model(context, caller, GetModel(model=deployment.name))


async def undeploy(context: Context, caller: Caller, command: Undeploy) -> None:
    context.check_operator(caller, command.action)
    deployment = _own(context, command.model)

    def change(tx: Transaction) -> None:
        others = [name for name, other in names.deployments(context, tx).items() if other.base == deployment.name]
        if others:
            raise Fault(Kind.CONFLICT, "model", f"{others[0]} stands on it", model=deployment.name)
        tx.delete(rows.deployment(deployment.name))
        for alias, target in names.aliases(context, tx).items():
            if target == deployment.name:
                tx.delete(rows.alias(alias))

    await context.store.write(change)
    if not deployment.base:
        await _unload(context, deployment, _needed(context))


async def load_model(context: Context, caller: Caller, command: LoadModel) -> Model:
    context.check_operator(caller, command.action)
    deployment = names.find(context, caller, command.model)
    if command.loaded:
        await backends.ask(context, deployment, lambda engine, model: engine.load(model))
    else:
        await _unload(context, deployment)
    return await models.get_model(context, caller, GetModel(model=command.model))


async def set_model_alias(context: Context, caller: Caller, command: SetModelAlias) -> None:
    context.check_operator(caller, command.action)
    if command.alias is None:
        await _remove_alias(context, command.model)
        return
    alias, target = command.alias, names.find(context, caller, command.model).name
    if not valid_name(alias):
        raise Fault(Kind.INVALID, "request", f"{alias[:64]!r} is no name for a model", field="alias")
    row = rows.encode(Alias(alias, target, context.clock.now_ms()))

    def change(tx: Transaction) -> None:
        if alias in context.fixed_aliases or alias in context.fixed or tx.get(rows.deployment(alias)) is not None:
            raise Fault(Kind.EXISTS, "alias", f"{alias} is the name of another model", alias=alias)
        if tx.get(rows.deployment(target)) is None and target not in context.fixed:
            raise Fault(Kind.MISSING, "model", model=target)
        if tx.get(rows.alias(alias)) is None and len(names.aliases(context, tx)) >= ALIASES_MAX:
            raise Fault(Kind.INVALID, "request", f"at most {ALIASES_MAX} aliases", field="alias")
        tx.put(rows.alias(alias), row)

    await context.store.write(change)


async def _remove_alias(context: Context, alias: str) -> None:
    if alias in context.fixed_aliases:
        raise Fault(Kind.CONFLICT, "model", f"{alias} is of the configuration", model=alias)

    def change(tx: Transaction) -> None:
        if not valid_name(alias) or tx.get(rows.alias(alias)) is None:
            raise Fault(Kind.MISSING, "alias", f"there is no alias {alias[:256]!r}", alias=alias[:256])
        tx.delete(rows.alias(alias))

    await context.store.write(change)


def _own(context: Context, name: str) -> Deployment:
    """The deployment of that very name, made by a command."""
    deployment = names.deployment(context, name) if valid_name(name) else None
    if deployment is None:
        raise Fault(Kind.MISSING, "model", f"there is no model {name[:256]!r}", model=name[:256])
    if deployment.fixed:
        raise Fault(Kind.CONFLICT, "model", f"{name} is of the configuration", model=name)
    return deployment


def _needed(context: Context) -> frozenset[object]:
    """The backends of all deployments: the same files with the same settings are one model in memory."""
    with context.store.view() as view:
        found = [one for one in names.deployments(context, view).values() if not one.base]
    return frozenset(backends.key(backend) for one in found for backend in one.backends)


async def _unload(context: Context, deployment: Deployment, but: frozenset[object] = frozenset()) -> None:
    """Give back the memory of a deployment's backends, `but` of those."""
    for place in backends.places(context, deployment):
        if place.key in but:
            continue
        try:
            await place.engine.unload(place.model)
        except Fault:
            pass  # it is not there, or will not be for long


# --- what is asked for ------------------------------------------------------------------------------------------------


def _checked(context: Context, caller: Caller, command: Deploy) -> Deployment:
    """The deployment that a command describes. Raises Fault(INVALID, "request") and Fault(CONFLICT, "model")."""
    name = command.model
    if not valid_name(name):
        raise Fault(Kind.INVALID, "request", f"{name[:64]!r} is no name for a model", field="model")
    if name in context.fixed:
        raise Fault(Kind.CONFLICT, "model", f"{name} is of the configuration", model=name)
    if bool(command.base) != bool(command.adapter) or bool(command.base) == bool(command.backends):
        raise Fault(Kind.INVALID, "request", "give backends, or else a base and an adapter", field="backends")
    if len(command.backends) > BACKENDS_MAX:
        raise Fault(Kind.INVALID, "request", f"at most {BACKENDS_MAX} backends", field="backends")
    for text in (command.base, command.adapter, command.description):
        _check_text(text)
    for backend in command.backends:
        _check_backend(backend)
    if command.keep_s is not None and command.keep_s < 0:
        raise Fault(Kind.INVALID, "request", "keep_s is a number of seconds", field="keep_s")
    return Deployment(
        name,
        caller.account,
        context.clock.now_ms(),
        command.backends,
        command.base,
        command.adapter,
        shared=command.shared,
        warm=command.warm,
        keep_s=command.keep_s,
        description=command.description,
    )


def _check_backend(backend: Backend) -> None:
    for text in (backend.source, backend.upstream_name, backend.secret):
        _check_text(text)
    web = backend.source.startswith(("http://", "https://"))
    if web != (backend.engine is EngineKind.OPENAI) or not (web or backend.source.startswith("/")):
        why = "a source is a folder or file by its absolute path, or an upstream's base URL"
        raise Fault(Kind.INVALID, "request", why, field="source")
    if len(backend.settings) > SETTINGS_MAX:
        raise Fault(Kind.INVALID, "request", f"at most {SETTINGS_MAX} settings", field="settings")
    for key, value in backend.settings.items():
        _check_text(key)
        _check_text(str(value))


def _check_text(text: str) -> None:
    if len(text) > TEXT_CHARS_MAX or not all(c.isprintable() or c == "\n" for c in text):
        raise Fault(Kind.INVALID, "request", f"texts have at most {TEXT_CHARS_MAX} printable characters", field="model")


def _find_base(context: Context, view: View, deployment: Deployment) -> None:
    base = names.deployments(context, view).get(deployment.base)
    if base is None or base.base or base.name == deployment.name:
        raise Fault(Kind.MISSING, "model", f"there is no model {deployment.base!r} to stand on", model=deployment.base)
