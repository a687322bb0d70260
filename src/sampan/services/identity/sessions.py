"""Temporary credentials: roles taken on, tokens exchanged, sessions of one's own.

Whether the caller may is asked by the guard before (see `targets`): a trust policy is the policy of the role. What a
session may do is found by `holdings`, at each request, from what the role or the user has then.
"""

from __future__ import annotations

import re

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.policy import Purpose
from sampan.kernel.ports import Transaction, View
from sampan.services.identity import keys, mfa, policies, providers, rows
from sampan.services.identity.context import Context, check_tags, document_row, entity_of_id, find_entity
from sampan.services.identity.model import (
    AssumeRole,
    AssumeRoleWithToken,
    GetCallerIdentity,
    GetFederationToken,
    GetSessionToken,
)
from sampan.services.identity.values import Document, EntityKind, EntityRef, Session, WhoAmI

ROLE_S = (900, 3600)  # the shortest, and what is given when nothing is asked for
CHAINED_S_MAX = 3600  # of a role taken on by a role
OWN_S = (900, 12 * 3600)
OWN_S_MAX = 36 * 3600
ROOT_S_MAX = 3600
PACKED_CHARS_MAX = 2048  # a session policy and tags together: both clouds
POLICIES_MAX = 10
_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{2,64}")
_FEDERATED_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{2,32}")


async def assume_role(context: Context, caller: Caller, command: AssumeRole) -> Session:
    """Faults: MISSING "role" | "policy", INVALID "duration" | "session name" | "mfa code" | "policy document" | "tags",
    TOO_LARGE "policy document", TOO_MANY "tags" | "attachment"."""
    check_tags(command.tags)
    if len(command.policies) > POLICIES_MAX:
        raise Fault(Kind.TOO_MANY, "attachment", count_max=POLICIES_MAX)
    issued_ms = context.clock.now_ms()

    def change(tx: Transaction) -> Session:
        role = find_entity(tx, command.account, EntityRef(EntityKind.ROLE, command.role))
        high = min(role.session_s_max, CHAINED_S_MAX) if caller.kind == "role" else role.session_s_max
        low, default = ROLE_S
        duration_s = _duration(command.duration_s, low, min(default, high), high)
        inherited = _inherited(tx, caller)
        tags = {name: value for name, value in inherited.tags.items() if name in inherited.transitive}
        given = rows.SessionRow(
            policy=_session_policy(context, command.policy, command.account),
            policies=tuple(policies.find(tx, context, command.account, policy).policy for policy in command.policies),
            tags={**command.tags, **tags},
            transitive=(*command.transitive, *tags),
            source_identity=inherited.source_identity or command.source_identity,
        )
        packed = _packed(command.policy, given)
        if command.mfa_code is not None:
            mfa.spend(tx, context, caller, command.mfa_code)
        issued = keys.issue(context, command.form, issued_ms + duration_s * 1000)
        with_mfa = caller.mfa or command.mfa_code is not None
        holder = keys.Holder("role", role.id, role.name, _checked(command.session), with_mfa, given)
        keys.put(tx, context, command.account, issued, holder)
        return _session(command.account, issued, holder, packed)

    return await context.store.write(change)


async def assume_role_with_token(context: Context, caller: Caller, command: AssumeRoleWithToken) -> Session:
    """Faults: as `assume_role`, and INVALID | EXPIRED "identity token"."""
    issued_ms = context.clock.now_ms()

    def change(tx: Transaction) -> Session:
        claims = providers.verify(tx, command.account, command.token, command.provider, issued_ms)
        role = find_entity(tx, command.account, EntityRef(EntityKind.ROLE, command.role))
        low, default = ROLE_S
        duration_s = _duration(command.duration_s, low, min(default, role.session_s_max), role.session_s_max)
        given = rows.SessionRow(policy=_session_policy(context, command.policy, command.account))
        issued = keys.issue(context, command.form, issued_ms + duration_s * 1000)
        holder = keys.Holder("role", role.id, role.name, _checked(command.session), given=given)
        keys.put(tx, context, command.account, issued, holder)
        return _session(command.account, issued, holder, _packed(command.policy, given), claims)

    return await context.store.write(change)


async def get_session_token(context: Context, caller: Caller, command: GetSessionToken) -> Session:
    """Faults: INVALID "duration" | "mfa code", DENIED "action" for who has temporary credentials already."""
    _check_lasting(caller, command.action)
    issued = keys.issue(context, "ASIA", context.clock.now_ms() + _own_duration(caller, command.duration_s) * 1000)

    def change(tx: Transaction) -> Session:
        if command.mfa_code is not None:
            mfa.spend(tx, context, caller, command.mfa_code)
        name = "" if caller.kind == "root" else caller.principal
        holder = keys.Holder(caller.kind, caller.id, name, mfa=command.mfa_code is not None)
        keys.put(tx, context, caller.account, issued, holder)
        return _session(caller.account, issued, holder, 0)

    return await context.store.write(change)


async def get_federation_token(context: Context, caller: Caller, command: GetFederationToken) -> Session:
    """Faults: as `get_session_token`, INVALID "session name" | "policy document" | "tags"."""
    _check_lasting(caller, command.action)
    check_tags(command.tags)
    name = _checked(command.name, _FEDERATED_NAME)
    issued = keys.issue(context, "ASIA", context.clock.now_ms() + _own_duration(caller, command.duration_s) * 1000)
    given = rows.SessionRow(
        policy=_session_policy(context, command.policy, caller.account), tags=dict(command.tags), limited=True
    )
    packed = _packed(command.policy, given)
    holder = keys.Holder("federated", caller.id, name, name, given=given)
    await context.store.write(lambda tx: keys.put(tx, context, caller.account, issued, holder))
    return _session(caller.account, issued, holder, packed)


async def get_caller_identity(context: Context, caller: Caller, command: GetCallerIdentity) -> WhoAmI:
    if caller.kind == "root":
        return WhoAmI(caller.account, "root", caller.principal, caller.account)
    with context.store.view() as view:
        found = entity_of_id(view, caller.account, caller.id)
    # A renamed user's session still knows the old name.
    name = found.name if found is not None and caller.kind != "federated" else caller.principal
    path = found.path if found is not None else "/"
    return WhoAmI(caller.account, caller.kind, name, caller.id, caller.session, path)


# --- parts ------------------------------------------------------------------------------------------------------------


def _checked(name: str, form: re.Pattern[str] = _NAME) -> str:
    if not form.fullmatch(name):
        raise Fault(
            Kind.INVALID, "session name", "a session's name has 2 to 64 letters, digits and +=,.@_-", name=name[:64]
        )
    return name


def _duration(given: int | None, low: int, default: int, high: int) -> int:
    if given is None:
        return default
    if not low <= given <= high:
        raise Fault(Kind.INVALID, "duration", f"from {low} to {high} s", given=given, min=low, max=high)
    return given


def _own_duration(caller: Caller, given: int | None) -> int:
    low, default = OWN_S
    high = ROOT_S_MAX if caller.kind == "root" else OWN_S_MAX
    # More than the root may have is cut, and not refused (STS API Reference, GetSessionToken).
    return min(_duration(given, low, default, OWN_S_MAX), high)


def _check_lasting(caller: Caller, action: str) -> None:
    if caller.issued_ms is not None or caller.kind not in ("root", "user"):
        raise Fault(
            Kind.DENIED, "action", "temporary credentials cannot be had with temporary ones", action=action, path=""
        )


def _session_policy(context: Context, policy: Document | None, account: str) -> rows.DocumentRow | None:
    if policy is None:
        return None
    if len(policy.text) > PACKED_CHARS_MAX:
        raise _too_large(len(policy.text))
    context.read(policy, Purpose.IDENTITY, account)
    return document_row(policy)


def _packed(policy: Document | None, given: rows.SessionRow) -> int:
    """How much of the room for session policy and tags is used, in percent. Raises TOO_LARGE "policy document"."""
    size = len(policy.text) if policy is not None else 0
    size += sum(len(policy) for policy in given.policies)
    size += sum(len(name) + len(value) for name, value in given.tags.items())
    if size > PACKED_CHARS_MAX:
        raise _too_large(size)
    return -(-100 * size // PACKED_CHARS_MAX)


def _too_large(size: int) -> Fault:
    return Fault(
        Kind.TOO_LARGE,
        "policy document",
        f"a session's policy and tags have at most {PACKED_CHARS_MAX} characters",
        size=size,
        size_max=PACKED_CHARS_MAX,
    )


def _inherited(view: View, caller: Caller) -> rows.SessionRow:
    """What the caller's own session passes on to those that it begins."""
    raw = view.get(rows.key(caller.key_id)) if caller.issued_ms is not None else None
    return (rows.decode_key(raw).given if raw is not None else None) or rows.SessionRow()


def _session(
    account: str, issued: keys.Issued, holder: keys.Holder, packed: int, claims: providers.Claims | None = None
) -> Session:
    is_role = holder.kind == "role"
    return Session(
        account=account,
        key_id=issued.key_id,
        secret=issued.secret,
        token=issued.token or "",
        expires_ms=issued.expires_ms or 0,
        session=holder.session,
        role=holder.name if is_role else None,
        role_id=holder.id if is_role else None,
        packed_percent=packed,
        source_identity=holder.given.source_identity if holder.given is not None else None,
        subject=claims.subject if claims else None,
        audience=claims.audience if claims else None,
        provider=claims.provider if claims else None,
    )
