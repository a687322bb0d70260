"""What models are called: from a name that was asked for to the deployment that it stands for."""

from __future__ import annotations

from collections.abc import Iterator

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import View
from sampan.services.inference import rows
from sampan.services.inference.context import Context
from sampan.services.inference.values import Alias, Deployment, valid_name


def find(context: Context, caller: Caller, name: str) -> Deployment:
    """The deployment that a name stands for, if the caller may know of it. Raises Fault(MISSING, "model")."""
    deployment = look(context, name)
    if deployment is None or not visible(deployment, caller):
        raise Fault(Kind.MISSING, "model", f"there is no model {name[:256]!r}", model=name[:256])
    return deployment


def look(context: Context, name: str) -> Deployment | None:
    """The deployment that a name stands for, directly or by an alias, or None."""
    if not valid_name(name):
        return None
    found = deployment(context, name)
    if found is not None:
        return found
    target = context.fixed_aliases.get(name)
    if target is None:
        alias = context.aliases.find(rows.alias(name))
        target = alias.target if alias is not None else None
    return None if target is None else deployment(context, target)


def deployment(context: Context, name: str) -> Deployment | None:
    """The deployment of that very name."""
    return context.fixed.get(name) or context.deployments.find(rows.deployment(name))


def visible(deployment: Deployment, caller: Caller) -> bool:
    """Whether the deployment is for the caller's account."""
    return deployment.shared or deployment.account == caller.account


def deployments(context: Context, view: View) -> dict[str, Deployment]:
    """All deployments, by name. What the configuration says goes first."""
    made = [rows.decode_deployment(key, raw, context.sealer) for key, raw in _all(view, rows.all_deployments())]
    return dict(sorted({**{one.name: one for one in made}, **context.fixed}.items()))


def aliases(context: Context, view: View) -> dict[str, str]:
    """All aliases, by name, with what they stand for."""
    made: dict[str, str] = {}
    for _, raw in _all(view, rows.all_aliases()):
        alias: Alias = rows.decode_alias(raw)
        made[alias.name] = alias.target
    return dict(sorted({**made, **context.fixed_aliases}.items()))


def _all(view: View, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    return view.scan(prefix, rows.successor(prefix))
