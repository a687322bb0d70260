"""What commands on identity are about, as the guard asks: whose it is, and whether it has a policy of its own."""

from __future__ import annotations

from collections.abc import Mapping

from sampan.kernel.caller import Caller
from sampan.kernel.command import Command
from sampan.kernel.policy import (
    Named,
    Owned,
    Principal,
    Purpose,
    Ruleset,
)
from sampan.kernel.ports import View
from sampan.kernel.ruleset import Compiled
from sampan.services.identity import mfa, policies, providers, rows, settings
from sampan.services.identity.context import Context, document
from sampan.services.identity.model import AssumeRole, AssumeRoleWithToken, GetCallerIdentity, GetSessionToken
from sampan.services.identity.values import EntityKind, EntityRef

_NOBODY = Compiled(())
_KINDS = {str(kind): kind for kind in EntityKind}


def owned(context: Context, caller: Caller, command: Command, path: str) -> Owned | None:
    """What is at the path of a command. Raises INVALID | EXPIRED "identity token"."""
    if isinstance(command, GetCallerIdentity | GetSessionToken):
        return Owned(caller.account, free=True)
    with context.store.view() as view:
        if isinstance(command, AssumeRole):
            return _role(view, context, caller, command)
        if isinstance(command, AssumeRoleWithToken):
            return _role_by_token(view, context, command)
        return _own(view, caller, path)


def _role(view: View, context: Context, caller: Caller, command: AssumeRole) -> Owned:
    said: dict[str, tuple[str, ...]] = {}
    if command.mfa_code is not None and mfa.accepted(view, context, caller, command.mfa_code) is not None:
        said["mfa"] = ("true",)
    trust, tags = _trust(view, context, command.account, command.role)
    return Owned(command.account, trust, required=True, context={**tags, **said})


def _role_by_token(view: View, context: Context, command: AssumeRoleWithToken) -> Owned:
    claims = providers.verify(view, command.account, command.token, command.provider, context.clock.now_ms())
    trust, tags = _trust(view, context, command.account, command.role)
    principal = Principal("federated", command.account, claims.provider)
    return Owned(command.account, trust, required=True, context={**tags, **claims.context()}, principal=principal)


def _trust(view: View, context: Context, account: str, role: str) -> tuple[Ruleset, Mapping[str, tuple[str, ...]]]:
    """A role's trust policy and tags. One that is not there trusts nobody: nobody learns whether it is."""
    raw = view.get(rows.entity(account, EntityRef(EntityKind.ROLE, role))) if role.isascii() else None
    row = rows.decode_entity(raw) if raw is not None else None
    trust = document(row.trust) if row is not None else None
    if row is None or trust is None:
        return _NOBODY, {}
    statements = context.read(trust, Purpose.TRUST, account)
    return Compiled([Named(f"role/{row.name}", statements)]), _tags(row.tags)


def _own(view: View, caller: Caller, path: str) -> Owned:
    """A thing of the caller's own account, there or not."""
    kind, _, name = path.partition("/")
    full = None
    if path == "user/":
        name = "root" if caller.kind == "root" else caller.principal
        full = f"user/{name}"
    tags: Mapping[str, str] = {}
    if kind in _KINDS and name.isascii():
        raw = view.get(rows.entity(caller.account, EntityRef(_KINDS[kind], name)))
        tags = rows.decode_entity(raw).tags if raw is not None else {}
    elif kind == "policy" and name.isascii():
        raw = view.get(rows.policy(caller.account, policies.split("/" + name)[1]))
        tags = rows.decode_policy(raw).tags if raw is not None else {}
    elif kind == "instance-profile" and name.isascii():
        raw = view.get(rows.instance_profile(caller.account, name))
        tags = rows.decode_instance_profile(raw).tags if raw is not None else {}
    elif kind == "provider" and name.isascii():
        raw = view.get(rows.provider(caller.account, name))
        tags = rows.decode_provider(raw).tags if raw is not None else {}
    # A thing of no name (the account's password policy) is its users' to see, as far as they may for themselves.
    itself = name if kind == "user" else caller.principal if not path else ""
    rules = settings.own_rules(view, caller, itself) if itself else None
    return Owned(caller.account, rules, path=full, context=_tags(tags))


def _tags(tags: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {f"resource-tag/{name.lower()}": (value,) for name, value in tags.items()}
