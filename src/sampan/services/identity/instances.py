"""Instance profiles: what carries a role to a machine."""

from __future__ import annotations

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction, View
from sampan.services.identity import rows
from sampan.services.identity.context import (
    Context,
    check_name,
    check_path,
    check_room,
    check_tags,
    entity_of_id,
    find_entity,
    page,
    shown,
    with_tags,
)
from sampan.services.identity.model import (
    CreateInstanceProfile,
    DeleteInstanceProfile,
    GetInstanceProfile,
    ListInstanceProfiles,
    SetInstanceRole,
    TagInstanceProfile,
)
from sampan.services.identity.values import EntityKind, EntityRef, InstanceProfile, Page

COUNT_MAX = 1000  # IAM's


async def create_instance_profile(context: Context, caller: Caller, command: CreateInstanceProfile) -> InstanceProfile:
    """Faults: EXISTS "instance profile", INVALID "name" | "tags", TOO_MANY "entity" | "tags"."""
    account = caller.account
    check_name("instance profile", command.name, 128)
    check_path(command.path)
    check_tags(command.tags)
    made_ms = context.clock.now_ms()
    row = rows.InstanceProfileRow(command.name, command.path, context.new_id(), made_ms, tags=dict(command.tags))

    def change(tx: Transaction) -> InstanceProfile:
        where = rows.instance_profile(account, row.name)
        if tx.get(where) is not None:
            why = f"there is an instance profile {row.name}"
            raise Fault(Kind.EXISTS, "instance profile", why, name=row.name)
        check_room(tx, rows.instance_profile(account), COUNT_MAX, what="instance profile")
        tx.put(where, rows.encode(row))
        return _shown(tx, account, row)

    return await context.store.write(change)


async def get_instance_profile(context: Context, caller: Caller, command: GetInstanceProfile) -> InstanceProfile:
    with context.store.view() as view:
        return _shown(view, caller.account, _find(view, caller.account, command.name))


async def list_instance_profiles(
    context: Context, caller: Caller, command: ListInstanceProfiles
) -> Page[InstanceProfile]:
    account = caller.account
    with context.store.view() as view:
        role_id = None
        if command.role is not None:
            role_id = find_entity(view, account, EntityRef(EntityKind.ROLE, command.role)).id
        found = [
            _shown(view, account, row)
            for row in _all(view, account)
            if row.path.startswith(command.path_prefix) and role_id in (None, row.role_id)
        ]
    return page(found, command.after, command.limit, lambda profile: profile.name)


async def set_instance_role(context: Context, caller: Caller, command: SetInstanceRole) -> None:
    """Faults: MISSING "instance profile" | "role", TOO_MANY "instance role"."""
    account = caller.account

    def change(tx: Transaction) -> None:
        row = _find(tx, account, command.name)
        role = find_entity(tx, account, EntityRef(EntityKind.ROLE, command.role))
        if command.present and row.role_id:
            raise Fault(Kind.TOO_MANY, "instance role", "an instance profile carries one role", count_max=1)
        if not command.present and row.role_id != role.id:
            raise Fault(Kind.MISSING, "role", f"{row.name} does not carry {role.name}", name=role.name)
        row.role_id = role.id if command.present else ""
        tx.put(rows.instance_profile(account, row.name), rows.encode(row))

    await context.store.write(change)


async def tag_instance_profile(context: Context, caller: Caller, command: TagInstanceProfile) -> None:
    def change(tx: Transaction) -> None:
        row = _find(tx, caller.account, command.name)
        row.tags = with_tags(row.tags, command.tags, command.remove)
        tx.put(rows.instance_profile(caller.account, row.name), rows.encode(row))

    await context.write(caller.account, change)


async def delete_instance_profile(context: Context, caller: Caller, command: DeleteInstanceProfile) -> None:
    """Faults: MISSING | CONFLICT "instance profile"."""

    def change(tx: Transaction) -> None:
        row = _find(tx, caller.account, command.name)
        if row.role_id:
            raise Fault(Kind.CONFLICT, "instance profile", f"{row.name} carries a role", name=row.name)
        tx.delete(rows.instance_profile(caller.account, row.name))

    await context.store.write(change)


def carrying(view: View, account: str, role_id: str) -> tuple[InstanceProfile, ...]:
    """The instance profiles that carry a role."""
    return tuple(_shown(view, account, row) for row in _all(view, account) if row.role_id == role_id)


def _all(view: View, account: str) -> list[rows.InstanceProfileRow]:
    prefix = rows.instance_profile(account)
    return [rows.decode_instance_profile(raw) for _, raw in view.scan(prefix, rows.after(prefix))]


def _find(view: View, account: str, name: str) -> rows.InstanceProfileRow:
    raw = view.get(rows.instance_profile(account, name)) if name and name.isascii() else None
    if raw is None:
        raise Fault(Kind.MISSING, "instance profile", f"there is no instance profile {name}", name=name)
    return rows.decode_instance_profile(raw)


def _shown(view: View, account: str, row: rows.InstanceProfileRow) -> InstanceProfile:
    role = entity_of_id(view, account, row.role_id) if row.role_id else None
    return InstanceProfile(
        row.name, row.path, row.id, row.created_ms, None if role is None else shown(account, role), row.tags
    )
