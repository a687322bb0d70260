"""Login profiles: passwords, of which only a slow digest is kept (scrypt, RFC 7914)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction, View
from sampan.services.identity import rows
from sampan.services.identity.context import Context, named
from sampan.services.identity.model import DeleteLoginProfile, GetLoginProfile, PutLoginProfile, UserCommand
from sampan.services.identity.values import EntityKind, EntityRef, LoginProfile

CHARS = (8, 128)  # IAM's default policy
COST = 1 << 14  # 16 MiB and some 40 ms a try
_CLASSES_MIN = 3  # of upper case, lower case, digits and others: IAM's default policy


def check_password(password: str) -> None:
    """Raises INVALID "password"."""
    low, high = CHARS
    classes = {
        "upper" if char.isupper() else "lower" if char.islower() else "digit" if char.isdigit() else "other"
        for char in password
    }
    if not low <= len(password) <= high or len(classes) < _CLASSES_MIN or not password.isprintable():
        raise Fault(
            Kind.INVALID,
            "password",
            f"it needs {low} to {high} characters, of three sorts: upper case, lower case, digits, others",
        )


def digest(password: str, salt: bytes, n: int) -> bytes:
    """What is kept of a password: scrypt at cost `n`. Slow on purpose, and takes 16 MiB."""
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=8, p=1, maxmem=64 << 20, dklen=32)


async def put_login_profile(context: Context, caller: Caller, command: PutLoginProfile) -> LoginProfile:
    """Faults: MISSING "user" | "login profile", EXISTS "login profile", INVALID "password"."""
    account, now_ms = caller.account, context.clock.now_ms()
    salt, made = context.chance.token(16), b""
    if command.password is not None:
        check_password(command.password)
        made = await asyncio.to_thread(digest, command.password, salt, COST)
    elif command.create:
        raise Fault(Kind.INVALID, "password", "a new login profile needs a password")

    def change(tx: Transaction) -> LoginProfile:
        user = _user(tx, caller, command)
        where = rows.profile(account, user.id)
        raw = tx.get(where)
        if command.create and raw is not None:
            raise Fault(Kind.EXISTS, "login profile", f"{user.name} has a login profile", name=user.name)
        if raw is None:
            if not command.create:
                raise _none(user.name)
            row = rows.ProfileRow(made, salt, COST, now_ms, bool(command.reset_required))
        else:
            row = rows.decode_profile(raw)
            if made:
                row.digest, row.salt, row.n = made, salt, COST
            if command.reset_required is not None:
                row.reset_required = command.reset_required
        tx.put(where, rows.encode(row))
        return LoginProfile(user.name, row.created_ms, row.reset_required)

    return await context.store.write(change)


async def get_login_profile(context: Context, caller: Caller, command: GetLoginProfile) -> LoginProfile:
    with context.store.view() as view:
        user = _user(view, caller, command)
        row = _profile(view, caller.account, user)
    return LoginProfile(user.name, row.created_ms, row.reset_required)


async def delete_login_profile(context: Context, caller: Caller, command: DeleteLoginProfile) -> None:
    def change(tx: Transaction) -> None:
        user = _user(tx, caller, command)
        _profile(tx, caller.account, user)
        tx.delete(rows.profile(caller.account, user.id))

    await context.store.write(change)


async def verify(context: Context, account: str, user_id: str, password: str) -> bool:
    """Whether this is the user's password."""
    with context.store.view() as view:
        raw = view.get(rows.profile(account, user_id))
    if raw is None or len(password) > CHARS[1]:
        return False
    row = rows.decode_profile(raw)
    return hmac.compare_digest(await asyncio.to_thread(digest, password, row.salt, row.n), row.digest)


def _user(view: View, caller: Caller, command: UserCommand) -> rows.EntityRow:
    return named(view, caller, EntityRef(EntityKind.USER, command.user))


def _profile(view: View, account: str, user: rows.EntityRow) -> rows.ProfileRow:
    raw = view.get(rows.profile(account, user.id))
    if raw is None:
        raise _none(user.name)
    return rows.decode_profile(raw)


def _none(name: str) -> Fault:
    return Fault(Kind.MISSING, "login profile", f"{name} has no login profile", name=name)
