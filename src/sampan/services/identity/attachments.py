"""What policies an entity has: managed ones that are attached to it, and its own."""

from __future__ import annotations

from collections.abc import Mapping

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.policy import Purpose
from sampan.kernel.ports import Transaction, View
from sampan.services.identity import policies, rows
from sampan.services.identity.context import (
    Context,
    check_name,
    check_room,
    document_row,
    entity_of_id,
    named,
    page,
    shown,
)
from sampan.services.identity.model import (
    AttachPolicy,
    GetInlinePolicies,
    ListAttached,
    ListAttachments,
    PutInlinePolicy,
)
from sampan.services.identity.values import Document, Entity, EntityKind, Page, Policy

COUNT_MAX = 20  # of one entity: what IAM's quota of 10 can be raised to, and RAM's
# Of all of an entity's own together, spaces aside: IAM's; RAM has no such policies.
INLINE_CHARS_MAX = {EntityKind.USER: 2048, EntityKind.GROUP: 5120, EntityKind.ROLE: 10_240}


async def attach_policy(context: Context, caller: Caller, command: AttachPolicy) -> None:
    """Attaching again is fine. Faults: MISSING "policy", TOO_MANY "attachment"."""
    account = caller.account

    def change(tx: Transaction) -> None:
        row = named(tx, caller, command.ref)
        found = policies.find(tx, context, account, command.policy)
        where = rows.attached(account, row.id, found.policy)
        other = rows.attachments(account, found.policy, "a", row.id)
        is_there = tx.get(where) is not None
        if command.attached:
            if not is_there:
                check_room(tx, rows.attached(account, row.id), COUNT_MAX, "attachment", what="policy")
            tx.put(where, b"")
            tx.put(other, b"")
            return
        if not is_there:
            raise Fault(Kind.MISSING, "policy", f"{command.policy} is not attached", policy=command.policy)
        tx.delete(where)
        tx.delete(other)

    await context.write(account, change)


async def list_attached(context: Context, caller: Caller, command: ListAttached) -> Page[Policy]:
    account = caller.account
    with context.store.view() as view:
        row = named(view, caller, command.ref)
        found = [policies.shown(view, account, found) for found in attached(view, context, account, row.id)]
    found = [policy for policy in found if policy.path.startswith(command.path_prefix)]
    found.sort(key=lambda policy: policy.policy.lower())
    return page(found, command.after, command.limit, lambda policy: policy.policy)


async def list_attachments(context: Context, caller: Caller, command: ListAttachments) -> tuple[Entity, ...]:
    account = caller.account
    with context.store.view() as view:
        policy = policies.find(view, context, account, command.policy).policy
        prefix = rows.attachments(account, policy, "b" if command.boundary else "a")
        ids = [key[len(prefix) :].decode() for key, _ in view.scan(prefix, rows.after(prefix))]
        found = [entity_of_id(view, account, entity_id) for entity_id in ids]
    entities_ = [shown(account, row) for row in found if row is not None]
    return tuple(sorted(entities_, key=lambda entity: (entity.kind, entity.name.lower())))


async def put_inline_policy(context: Context, caller: Caller, command: PutInlinePolicy) -> None:
    account = caller.account
    check_name("policy", command.name, 128)
    if command.document is not None:
        context.read(command.document, Purpose.IDENTITY, account)

    def change(tx: Transaction) -> None:
        row = named(tx, caller, command.ref)
        where = rows.inline(account, row.id, command.name)
        if command.document is None:
            if tx.get(where) is None:
                raise Fault(Kind.MISSING, "policy", f"{row.name} has no policy {command.name}", policy=command.name)
            tx.delete(where)
            return
        tx.put(where, rows.encode(rows.InlineRow(command.name, document_row(command.document))))
        size = sum(document.size for document in inline(tx, account, row.id).values())
        size_max = INLINE_CHARS_MAX[row.kind]
        if size > size_max:
            raise Fault(
                Kind.TOO_LARGE,
                "policy document",
                f"a {row.kind}'s own policies have at most {size_max} characters together, spaces aside",
                size=size,
                size_max=size_max,
            )

    await context.write(account, change)


async def get_inline_policies(context: Context, caller: Caller, command: GetInlinePolicies) -> Mapping[str, Document]:
    account = caller.account
    with context.store.view() as view:
        row = named(view, caller, command.ref)
        found = inline(view, account, row.id)
    if command.name is None:
        return found
    for name, document in found.items():
        if name.lower() == command.name.lower():
            return {name: document}
    raise Fault(Kind.MISSING, "policy", f"{row.name} has no policy {command.name}", policy=command.name)


def attached(view: View, context: Context, account: str, entity_id: str) -> list[policies.Found]:
    """The managed policies of an entity. One of a cloud's that this version does not provide any more is left out."""
    prefix = rows.attached(account, entity_id)
    ids = [key[len(prefix) :].decode() for key, _ in view.scan(prefix, rows.after(prefix))]
    return [
        policies.find(view, context, account, policy)
        for policy in ids
        if policy.startswith("/") or policy in context.provided
    ]


def inline(view: View, account: str, entity_id: str) -> dict[str, Document]:
    """An entity's own policies, by name."""
    prefix = rows.inline(account, entity_id)
    found = [rows.decode_inline(raw) for _, raw in view.scan(prefix, rows.after(prefix))]
    return {row.name: Document(row.document.language, row.document.text) for row in found}
