"""Users, groups and roles: one function per command."""

from __future__ import annotations

from dataclasses import replace

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.policy import Purpose
from sampan.kernel.ports import Transaction, View
from sampan.services.identity import instances, policies, rows
from sampan.services.identity.context import (
    LIST_MAX,
    Context,
    check_name,
    check_note,
    check_path,
    check_room,
    check_tags,
    check_text,
    count,
    document_row,
    entity_of_id,
    find_entity,
    named,
    page,
    ref_of,
    save_entity,
    shown,
    with_tags,
)
from sampan.services.identity.model import (
    CreateEntity,
    DeleteEntity,
    GetEntity,
    ListEntities,
    ListMembers,
    SetBoundary,
    SetMember,
    TagEntity,
    UpdateEntity,
)
from sampan.services.identity.values import Document, Entity, EntityKind, EntityRef, Members, Page

# IAM's quotas; RAM's are smaller, and can be raised.
COUNT_MAX = {EntityKind.USER: 5000, EntityKind.GROUP: 300, EntityKind.ROLE: 1000}
GROUPS_OF_USER_MAX = 10
DESCRIPTION_CHARS_MAX = 1024
SESSION_S = (3600, 12 * 3600)  # what a role's longest session may be set to
_NAME_CHARS_MAX = {EntityKind.USER: 64, EntityKind.GROUP: 128, EntityKind.ROLE: 64}


async def create_entity(context: Context, caller: Caller, command: CreateEntity) -> Entity:
    """Faults: EXISTS user | group | role, INVALID name, INVALID | TOO_LARGE policy document, TOO_MANY entity | tags,
    INVALID tags | duration, MISSING policy (the boundary)."""
    kind, account = command.ref.kind, caller.account
    check_name(kind, command.ref.name, _NAME_CHARS_MAX[kind])
    check_path(command.path)
    check_text("description", command.description, DESCRIPTION_CHARS_MAX)
    check_note(command.note)
    check_tags(command.tags)
    assert (command.trust is not None) == (kind is EntityKind.ROLE), "a trust policy is a role's, and it must have one"
    trust = None if command.trust is None else _trust(context, command.trust, account)
    _check_duration(command.session_s_max)
    now_ms = context.clock.now_ms()
    row = rows.EntityRow(
        kind=kind,
        name=command.ref.name,
        id=context.new_id(),
        path=command.path,
        created_ms=now_ms,
        updated_ms=now_ms,
        description=command.description,
        trust=trust,
        session_s_max=command.session_s_max,
        tags=dict(command.tags),
        note=dict(command.note),
        service_linked=command.service_linked,
    )

    def change(tx: Transaction) -> None:
        if tx.get(rows.entity(account, command.ref)) is not None:
            raise Fault(Kind.EXISTS, str(kind), f"there is a {kind} {row.name}", name=row.name)
        check_room(tx, rows.entities(account, kind), COUNT_MAX[kind], what=str(kind))
        if command.boundary is not None:
            _bound(tx, context, account, row, command.boundary)
        save_entity(tx, account, row)
        tx.put(rows.place(account, row.id), rows.placed(command.ref))

    await context.write(account, change)
    return shown(account, row)


async def get_entity(context: Context, caller: Caller, command: GetEntity) -> Entity:
    with context.store.view() as view:
        if caller.kind == "root" and command.ref == EntityRef(EntityKind.USER, ""):
            return root_of(view, caller.account)
        row = named(view, caller, command.ref)
        return replace(shown(caller.account, row), last_used_ms=last_used_ms(view, row))


async def update_entity(context: Context, caller: Caller, command: UpdateEntity) -> Entity:
    """Whatever hangs on the entity stays on it: members, policies, keys."""
    account = caller.account
    if command.new_name is not None:
        check_name(command.ref.kind, command.new_name, _NAME_CHARS_MAX[command.ref.kind])
    if command.new_path is not None:
        check_path(command.new_path)
    check_text("description", command.description or "", DESCRIPTION_CHARS_MAX)
    check_note(command.note or {})
    assert command.trust is None or command.ref.kind is EntityKind.ROLE, "a trust policy is a role's"
    trust = None if command.trust is None else _trust(context, command.trust, account)
    if command.session_s_max is not None:
        _check_duration(command.session_s_max)
    now_ms = context.clock.now_ms()

    def change(tx: Transaction) -> rows.EntityRow:
        row = named(tx, caller, command.ref)
        row.updated_ms = now_ms
        row.path = row.path if command.new_path is None else command.new_path
        row.description = row.description if command.description is None else command.description
        row.note = {**row.note, **(command.note or {})}
        row.trust = row.trust if trust is None else trust
        row.session_s_max = row.session_s_max if command.session_s_max is None else command.session_s_max
        if command.new_name is not None and command.new_name != row.name:
            _rename(tx, account, row, command.new_name)
        save_entity(tx, account, row)
        return row

    return shown(account, await context.write(account, change))


async def delete_entity(context: Context, caller: Caller, command: DeleteEntity) -> None:
    """Faults: MISSING, CONFLICT "user" | "group" | "role", the latter's fact `why` saying what is still there."""
    account = caller.account

    def change(tx: Transaction) -> None:
        row = named(tx, caller, command.ref)
        hanging = {
            "has access keys": rows.keys_of(account, row.id),
            "has API keys": rows.api_keys_of(account, row.id),
            "has attached policies": rows.attached(account, row.id),
            "has policies of its own": rows.inline(account, row.id),
            "has a login profile": rows.profile(account, row.id),
            "has members" if row.kind is EntityKind.GROUP else "is in groups": rows.memberships(account, row.id),
        }
        why = next((why for why, prefix in hanging.items() if count(tx, prefix)), None)
        if why is None and _devices(tx, account, row.id):
            why = "has a second factor"
        if why is None and row.kind is EntityKind.ROLE and instances.carrying(tx, account, row.id):
            why = "is in an instance profile"
        if why is not None:
            raise Fault(Kind.CONFLICT, str(row.kind), f"{row.name} {why}", name=row.name)
        if row.boundary is not None:
            tx.delete(rows.attachments(account, row.boundary, "b", row.id))
        tx.delete(rows.entity(account, ref_of(row)))
        tx.delete(rows.place(account, row.id))
        tx.delete(rows.use(row.id))

    await context.write(account, change)


def last_used_ms(view: View, row: rows.EntityRow) -> int | None:
    """When a role's credentials were used last, to the minute. Of others it is their keys' business."""
    raw = view.get(rows.use(row.id)) if row.kind is EntityKind.ROLE else None
    return None if raw is None else rows.decode_use(raw).used_ms


async def list_entities(context: Context, caller: Caller, command: ListEntities) -> Page[Entity]:
    prefix = rows.entities(caller.account, command.kind)
    start = prefix + command.after.lower().encode("utf-8", "replace") + b"\0" if command.after else prefix
    found: list[Entity] = []
    limit = max(1, min(command.limit, LIST_MAX))
    with context.store.view() as view:
        for _, raw in view.scan(start, rows.after(prefix)):
            entity = shown(caller.account, rows.decode_entity(raw))
            if not entity.path.startswith(command.path_prefix):
                continue
            if len(found) == limit:
                return Page(tuple(found), found[-1].name)
            found.append(entity)
    return Page(tuple(found), None)


async def set_boundary(context: Context, caller: Caller, command: SetBoundary) -> None:
    account = caller.account
    assert command.ref.kind is not EntityKind.GROUP, "a group has no boundary"

    def change(tx: Transaction) -> None:
        row = named(tx, caller, command.ref)
        if row.boundary is not None:
            tx.delete(rows.attachments(account, row.boundary, "b", row.id))
            row.boundary = None
        if command.policy is not None:
            _bound(tx, context, account, row, command.policy)
        save_entity(tx, account, row)

    await context.write(account, change)


async def tag_entity(context: Context, caller: Caller, command: TagEntity) -> None:
    def change(tx: Transaction) -> None:
        row = named(tx, caller, command.ref)
        row.tags = with_tags(row.tags, command.tags, command.remove)
        save_entity(tx, caller.account, row)

    await context.write(caller.account, change)


# --- members ----------------------------------------------------------------------------------------------------------


async def set_member(context: Context, caller: Caller, command: SetMember) -> None:
    """Faults: MISSING "user" | "group", TOO_MANY "attachment" (a user's groups)."""
    account = caller.account

    def change(tx: Transaction) -> None:
        group = find_entity(tx, account, EntityRef(EntityKind.GROUP, command.group))
        user = find_entity(tx, account, EntityRef(EntityKind.USER, command.user))
        pair = (rows.membership(account, group.id, user.id), rows.membership(account, user.id, group.id))
        if not command.member:
            for where in pair:
                tx.delete(where)
            return
        if tx.get(pair[0]) is None:
            check_room(tx, rows.memberships(account, user.id), GROUPS_OF_USER_MAX, "attachment", what="group")
        for where in pair:
            tx.put(where, b"")

    await context.write(account, change)


async def list_members(context: Context, caller: Caller, command: ListMembers) -> Members:
    account = caller.account
    with context.store.view() as view:
        row = named(view, caller, command.of)
        found = [shown(account, member) for member in members(view, account, row.id)]
    told = page(found, command.after, command.limit, lambda entity: entity.name)
    return Members(told.items, told.next, of=shown(account, row))


def members(view: View, account: str, entity_id: str) -> list[rows.EntityRow]:
    """The users of a group, or the groups of a user, by name."""
    prefix = rows.memberships(account, entity_id)
    found = [
        entity_of_id(view, account, key[len(prefix) :].decode()) for key, _ in view.scan(prefix, rows.after(prefix))
    ]
    return sorted((row for row in found if row is not None), key=lambda row: row.name.lower())


# --- parts ------------------------------------------------------------------------------------------------------------


def _trust(context: Context, trust: Document, account: str) -> rows.DocumentRow:
    context.read(trust, Purpose.TRUST, account)
    return document_row(trust)


def _check_duration(session_s_max: int) -> None:
    low, high = SESSION_S
    if not low <= session_s_max <= high:
        raise Fault(Kind.INVALID, "duration", f"from {low} to {high} s", given=session_s_max, min=low, max=high)


def _bound(tx: Transaction, context: Context, account: str, row: rows.EntityRow, policy: str) -> None:
    found = policies.find(tx, context, account, policy)
    row.boundary = found.policy
    tx.put(rows.attachments(account, found.policy, "b", row.id), b"")


def _rename(tx: Transaction, account: str, row: rows.EntityRow, new_name: str) -> None:
    new = EntityRef(row.kind, new_name)
    if new_name.lower() != row.name.lower() and tx.get(rows.entity(account, new)) is not None:
        raise Fault(Kind.EXISTS, str(row.kind), f"there is a {row.kind} {new_name}", name=new_name)
    tx.delete(rows.entity(account, ref_of(row)))
    row.name = new_name
    tx.put(rows.place(account, row.id), rows.placed(new))


def _devices(view: View, account: str, user_id: str) -> bool:
    prefix = rows.device(account)
    return any(rows.decode_device(raw).user == user_id for _, raw in view.scan(prefix, rows.after(prefix)))


def root_of(view: View, account: str) -> Entity:
    """An account's root, shown where a caller asks for itself."""
    raw = view.get(rows.account(account))
    created_ms = rows.decode_account(raw).created_ms if raw is not None else 0
    return Entity(EntityKind.USER, "root", account, account, "/", created_ms, created_ms)
