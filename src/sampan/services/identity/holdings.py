"""What callers may do: their policies, compiled and kept until the account's generation changes.

The generation is a row that every change that bears on it counts up, in the same transaction: it is looked
at for each request, so that a change is in force for the next one, in every worker.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.policy import (
    ANY,
    Effect,
    Held,
    Named,
    Principal,
    Purpose,
    ResourcePattern,
    Ruleset,
    Standing,
    Statement,
)
from sampan.kernel.ports import View
from sampan.kernel.remembered import Remembered
from sampan.kernel.ruleset import Compiled
from sampan.services.identity import attachments, policies, rows
from sampan.services.identity.context import Context, entity_of_id
from sampan.services.identity.entities import members
from sampan.services.identity.values import Document, EntityKind

CALLERS_MAX = 4096  # remembered in each worker
_NOTHING = Compiled(())
_EVERYTHING = Compiled([Named("root", (Statement(Effect.ALLOW, frozenset({ANY}), (ResourcePattern(ANY, ANY, ANY),)),))])


@dataclass(frozen=True, slots=True)
class Own:
    """An entity's policies, its groups' included: what all its keys and sessions share."""

    row: rows.EntityRow
    identity: Ruleset
    boundary: Ruleset | None


class Holdings:
    """Finds standings. For use in one thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._generations = Remembered(context.store, lambda _, raw: raw, CALLERS_MAX)
        self._standings: dict[Caller, tuple[bytes | None, Standing]] = {}
        self._owns: dict[tuple[str, str], tuple[bytes | None, Own]] = {}

    def standing(self, caller: Caller) -> Standing:
        """The caller as policies see it. Raises MISSING "key" if its user or role was deleted."""
        if caller.anonymous:
            return Standing(Principal("anonymous", ""), None, {"principal-kind": ("anonymous",)})
        # Looked at before the rest is read: what changes meanwhile is seen the next time.
        generation = self._generations.find(rows.generation(caller.account))
        found = self._standings.get(caller)
        if found is not None and found[0] == generation:
            return found[1]
        with self._context.store.view() as view:
            standing = self._made(view, caller, generation)
        if len(self._standings) >= CALLERS_MAX:
            self._standings.clear()
        self._standings[caller] = generation, standing
        return standing

    def _made(self, view: View, caller: Caller, generation: bytes | None) -> Standing:
        own = self._own(view, caller, generation) if caller.id else None
        given = _given(view, caller)
        context = _context(caller, own, given)
        if own is None and caller.kind == "root":
            return Standing(Principal("root", caller.account), None, context)
        sessions = self._sessions(view, caller, given)
        held = Held(_EVERYTHING, None, sessions) if own is None else Held(own.identity, own.boundary, sessions)
        name = own.row.name if own is not None and caller.kind != "federated" else caller.principal
        return Standing(Principal(caller.kind, caller.account, name, caller.session), held, context)

    def _own(self, view: View, caller: Caller, generation: bytes | None) -> Own:
        where = caller.account, caller.id
        found = self._owns.get(where)
        if found is not None and found[0] == generation:
            return found[1]
        row = entity_of_id(view, caller.account, caller.id)
        if row is None:
            raise Fault(Kind.MISSING, "key", "whose key this was is no more", key_id=caller.key_id)
        account = caller.account
        bound = boundary_of(view, self._context, account, row)
        boundary = None if bound is None else self._compiled(account, [bound])
        own = Own(row, self._compiled(account, documents_of(view, self._context, account, row)), boundary)
        if len(self._owns) >= CALLERS_MAX:
            self._owns.clear()
        self._owns[where] = generation, own
        return own

    def _sessions(self, view: View, caller: Caller, given: rows.SessionRow) -> tuple[Ruleset, ...]:
        """The session's policies, which together are one more limit."""
        account, documents = caller.account, []
        if given.policy is not None:
            documents.append(("session", Document(given.policy.language, given.policy.text)))
        for policy in given.policies:
            try:
                found = policies.find(view, self._context, account, policy)
            except Fault:
                continue  # deleted since: it allows nothing any more
            documents.append((policy, policies.current(view, account, found)))
        if documents:
            return (self._compiled(account, documents),)
        return (_NOTHING,) if given.limited or given.policies else ()

    def _compiled(self, account: str, documents: Iterable[tuple[str, Document]]) -> Compiled:
        read = self._context.read
        return Compiled(Named(name, read(document, Purpose.IDENTITY, account)) for name, document in documents)


def documents_of(view: View, context: Context, account: str, row: rows.EntityRow) -> list[tuple[str, Document]]:
    """An entity's policies and its groups', by the names that decisions are explained with."""
    found: list[tuple[str, Document]] = []
    groups = members(view, account, row.id) if row.kind is EntityKind.USER else []
    for entity in (row, *groups):
        managed = attachments.attached(view, context, account, entity.id)
        own = attachments.inline(view, account, entity.id)
        found += [(policy.policy, policies.current(view, account, policy)) for policy in managed]
        found += [(f"{entity.kind}/{entity.name}:{name}", document) for name, document in own.items()]
    return found


def boundary_of(view: View, context: Context, account: str, row: rows.EntityRow) -> tuple[str, Document] | None:
    """An entity's permission boundary, if it has one, by its name."""
    if row.boundary is None:
        return None
    return row.boundary, policies.current(view, account, policies.find(view, context, account, row.boundary))


def public_id(row: rows.EntityRow) -> str:
    """An entity's id as conditions know it: IAM's, the only language that has a word for it. Policies hold it, and
    paths are made of it."""
    return {EntityKind.USER: "AIDA", EntityKind.ROLE: "AROA"}.get(row.kind, "") + row.id


def _given(view: View, caller: Caller) -> rows.SessionRow:
    raw = view.get(rows.key(caller.key_id)) if caller.issued_ms is not None else None
    if raw is None:
        # Whoever has lost the row of a limited session has nothing.
        return rows.SessionRow(limited=caller.kind == "federated")
    return rows.decode_key(raw).given or rows.SessionRow()


def _context(caller: Caller, own: Own | None, given: rows.SessionRow) -> dict[str, tuple[str, ...]]:
    """What conditions may ask of the caller."""
    context: dict[str, tuple[str, ...]] = {"account": (caller.account,), "principal-kind": (caller.kind,)}
    user_id = public_id(own.row) if own is not None else caller.account
    if caller.kind == "user" and own is not None:
        context["username"] = (own.row.name,)
    if caller.session:
        user_id = f"{caller.account if caller.kind == 'federated' else user_id}:{caller.session}"
        context["session-name"] = (caller.session,)
    context["userid"] = (user_id,)
    if caller.issued_ms is not None:
        # Of a lasting key it cannot be said: the condition key is not there (as in both clouds).
        context["mfa"] = ("true" if caller.mfa else "false",)
    if given.source_identity is not None:
        context["source-identity"] = (given.source_identity,)
    tags = {**(own.row.tags if own is not None and caller.kind != "federated" else {}), **given.tags}
    context.update({f"principal-tag/{name.lower()}": (value,) for name, value in tags.items()})
    return context
