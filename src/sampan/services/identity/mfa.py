"""Second factors: virtual devices that show a code of six digits every 30 seconds (RFC 6238)."""

from __future__ import annotations

import base64
import hashlib
import hmac

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction, View
from sampan.services.identity import rows
from sampan.services.identity.context import Context, check_name, check_room, entity_of_id, named
from sampan.services.identity.model import (
    BindMfaDevice,
    CreateMfaDevice,
    DeleteMfaDevice,
    ListMfaDevices,
    UnbindMfaDevice,
)
from sampan.services.identity.values import EntityKind, EntityRef, MfaDevice

COUNT_MAX = 5000  # an account's
STEP_MS = 30_000
SEED_BYTES = 20  # RFC 4226, section 4: as long as the digest
_STEPS_OFF = 1  # how far a device's clock may be off, either way


def code_at(seed: str, step: int) -> str:
    """The code that a device with this seed (Base32) shows in a time step."""
    mac = hmac.digest(base64.b32decode(seed), step.to_bytes(8, "big"), hashlib.sha1)
    at = mac[-1] & 15
    return f"{(int.from_bytes(mac[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06d}"


async def create_mfa_device(context: Context, caller: Caller, command: CreateMfaDevice) -> MfaDevice:
    """Faults: EXISTS "mfa device", INVALID "name", TOO_MANY "entity"."""
    check_name("mfa device", command.name, 128)
    seed = base64.b32encode(context.chance.token(SEED_BYTES)).decode()
    where = rows.device(caller.account, command.name)
    row = rows.DeviceRow(command.name, context.seal(seed, where))

    def change(tx: Transaction) -> None:
        if tx.get(where) is not None:
            raise Fault(Kind.EXISTS, "mfa device", f"there is a device {command.name}", name=command.name)
        check_room(tx, rows.device(caller.account), COUNT_MAX, what="mfa device")
        tx.put(where, rows.encode(row))

    await context.store.write(change)
    return MfaDevice(command.name, None, None, seed)


async def bind_mfa_device(context: Context, caller: Caller, command: BindMfaDevice) -> None:
    """Faults: MISSING "user" | "mfa device", EXISTS "mfa device" (it is somebody's), INVALID "mfa code"."""
    now_ms = context.clock.now_ms()

    def change(tx: Transaction) -> None:
        user_id = _user_id(tx, caller, command.user)
        row = _find(tx, caller.account, command.name)
        if row.user is not None:
            raise Fault(Kind.EXISTS, "mfa device", f"{command.name} is in use", name=command.name)
        seed, now = _seed(context, caller.account, row), now_ms // STEP_MS
        for step in range(now - _STEPS_OFF - 1, now + _STEPS_OFF + 1):
            if _same(code_at(seed, step), command.codes[0]) and _same(code_at(seed, step + 1), command.codes[1]):
                row.user, row.bound_ms, row.step = user_id, now_ms, step + 1
                tx.put(rows.device(caller.account, row.name), rows.encode(row))
                return
        raise Fault(Kind.INVALID, "mfa code", "these are not two codes of the device, one after the other")

    await context.write(caller.account, change)


async def unbind_mfa_device(context: Context, caller: Caller, command: UnbindMfaDevice) -> None:
    def change(tx: Transaction) -> None:
        user_id = _user_id(tx, caller, command.user)
        row = _bound(tx, caller.account, user_id) if not command.name else _find(tx, caller.account, command.name)
        if row.user != user_id:
            raise _missing(command.name)
        row.user, row.bound_ms = None, None
        tx.put(rows.device(caller.account, row.name), rows.encode(row))

    await context.write(caller.account, change)


def _bound(view: View, account: str, user_id: str) -> rows.DeviceRow:
    """The first of a user's devices. Raises MISSING "mfa device"."""
    for row in _all(view, account):
        if row.user == user_id:
            return row
    raise Fault(Kind.MISSING, "mfa device", "the user has no device", user=user_id)


async def delete_mfa_device(context: Context, caller: Caller, command: DeleteMfaDevice) -> None:
    """Faults: MISSING "mfa device", CONFLICT "user" (somebody's still)."""

    def change(tx: Transaction) -> None:
        row = _find(tx, caller.account, command.name)
        if row.user is not None:
            raise Fault(Kind.CONFLICT, "user", f"{row.name} is in use", name=row.name)
        tx.delete(rows.device(caller.account, row.name))

    await context.store.write(change)


async def list_mfa_devices(context: Context, caller: Caller, command: ListMfaDevices) -> tuple[MfaDevice, ...]:
    account = caller.account
    with context.store.view() as view:
        user_id = None if command.user is None else _user_id(view, caller, command.user)
        return tuple(
            MfaDevice(row.name, _user_name(view, account, row.user), row.bound_ms)
            for row in _all(view, account)
            if user_id is None or row.user == user_id
        )


def accepted(view: View, context: Context, caller: Caller, code: str) -> tuple[rows.DeviceRow, int] | None:
    """The caller's device that shows this code now, and the step; no code counts twice."""
    if caller.kind not in ("root", "user"):
        return None
    now = context.clock.now_ms() // STEP_MS
    for row in _all(view, caller.account):
        if row.user != caller.id:
            continue
        seed = _seed(context, caller.account, row)
        for step in range(now - _STEPS_OFF, now + _STEPS_OFF + 1):
            if step > row.step and _same(code_at(seed, step), code):
                return row, step
    return None


def spend(tx: Transaction, context: Context, caller: Caller, code: str) -> None:
    """Take a code of the caller's. Raises INVALID "mfa code"."""
    found = accepted(tx, context, caller, code)
    if found is None:
        raise Fault(Kind.INVALID, "mfa code", "this is no code of the caller's device now, or it was used already")
    row, row.step = found[0], found[1]
    tx.put(rows.device(caller.account, row.name), rows.encode(row))


# --- parts ------------------------------------------------------------------------------------------------------------


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def _user_id(view: View, caller: Caller, user: str) -> str:
    """The id of a user, "" for the root."""
    if not user and caller.kind == "root":
        return ""
    return named(view, caller, EntityRef(EntityKind.USER, user)).id


def _user_name(view: View, account: str, user_id: str | None) -> str | None:
    if not user_id:
        return user_id
    found = entity_of_id(view, account, user_id)
    return found.name if found is not None else None


def _all(view: View, account: str) -> list[rows.DeviceRow]:
    prefix = rows.device(account)
    return [rows.decode_device(raw) for _, raw in view.scan(prefix, rows.after(prefix))]


def _find(view: View, account: str, name: str) -> rows.DeviceRow:
    raw = view.get(rows.device(account, name)) if name and name.isascii() else None
    if raw is None:
        raise _missing(name)
    return rows.decode_device(raw)


def _missing(name: str) -> Fault:
    return Fault(Kind.MISSING, "mfa device", f"there is no such device {name}", name=name)


def _seed(context: Context, account: str, row: rows.DeviceRow) -> str:
    return context.sealer.open(row.seed, rows.device(account, row.name))
