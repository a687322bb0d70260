"""Login profiles: passwords, of which only a slow digest is kept (scrypt, RFC 7914)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction, View
from sampan.services.identity import rows, settings
from sampan.services.identity.context import Context, named
from sampan.services.identity.model import ChangePassword, DeleteLoginProfile, GetLoginProfile, PutLoginProfile
from sampan.services.identity.values import EntityKind, EntityRef, LoginProfile, PasswordPolicy

CHARS_MIN = 8  # IAM's and RAM's, where an account has no policy of its own
CHARS_MAX = 128
COST = 1 << 14  # 16 MiB and some 40 ms a try
DAY_MS = 24 * 3600 * 1000
_CLASSES_MIN = 3  # of upper case, lower case, digits and others: IAM's default policy
_SYMBOLS = frozenset("!@#$%^&*()_+-=[]{}|'")


def check_password(password: str, policy: PasswordPolicy | None, name: str) -> None:
    """Raises INVALID "password" for what the account's policy, or without one IAM's own, does not let a user have."""
    upper, lower, digits = (any(map(test, password)) for test in (str.isupper, str.islower, str.isdigit))
    others = any(not (char.isupper() or char.islower() or char.isdigit()) for char in password)
    low, why = CHARS_MIN if policy is None else policy.chars_min, ""
    if not low <= len(password) <= CHARS_MAX or not password.isprintable():
        why = f"it needs {low} to {CHARS_MAX} characters that can be printed"
    elif password.casefold() == name.casefold():
        why = "it must not be the name of its user"
    elif policy is None:
        if upper + lower + digits + others < _CLASSES_MIN:
            why = "it needs three sorts of characters: upper case, lower case, digits, others"
    else:
        wanted = {
            "a lower-case letter": policy.lower and not lower,
            "an upper-case letter": policy.upper and not upper,
            "a digit": policy.digits and not digits,
            "a symbol": policy.symbols and not _SYMBOLS & set(password),
        }
        why = ", ".join(what for what, lacks in wanted.items() if lacks)
        why = why and f"it needs {why}"
    if why:
        raise Fault(Kind.INVALID, "password", why)


def digest(password: str, salt: bytes, n: int) -> bytes:
    """What is kept of a password: scrypt at cost `n`. Slow on purpose, and takes 16 MiB."""
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=8, p=1, maxmem=64 << 20, dklen=32)


async def put_login_profile(context: Context, caller: Caller, command: PutLoginProfile) -> LoginProfile:
    """Faults: MISSING "user" | "login profile", EXISTS "login profile", INVALID "password"."""
    account, now_ms = caller.account, context.clock.now_ms()
    made = None
    if command.password is not None:
        with context.store.view() as view:
            user = _user(view, caller, command.user)
            raw = view.get(rows.profile(account, user.id))
            policy = settings.of(view, account).passwords
        made = await _made(context, command.password, user.name, policy, raw)
    elif command.create:
        raise Fault(Kind.INVALID, "password", "a new login profile needs a password")

    def change(tx: Transaction) -> LoginProfile:
        user = _user(tx, caller, command.user)
        where = rows.profile(account, user.id)
        raw = tx.get(where)
        if command.create and raw is not None:
            raise Fault(Kind.EXISTS, "login profile", f"{user.name} has a login profile", name=user.name)
        if raw is None:
            if not command.create or made is None:
                raise _none(user.name)
            row = rows.ProfileRow(made.digest, made.salt, made.n, now_ms, bool(command.reset_required), now_ms)
        else:
            row = rows.decode_profile(raw)
            if made is not None:
                _replace(row, made, now_ms)
            if command.reset_required is not None:
                row.reset_required = command.reset_required
        tx.put(where, rows.encode(row))
        return LoginProfile(user.name, row.created_ms, row.reset_required)

    return await context.store.write(change)


async def change_password(context: Context, caller: Caller, command: ChangePassword) -> None:
    """Faults: INVALID "caller", MISSING "login profile", DENIED "password", INVALID "password"."""
    if caller.kind != "user":
        raise Fault(Kind.INVALID, "caller", "only a user has a password of its own to change")
    account, now_ms = caller.account, context.clock.now_ms()
    with context.store.view() as view:
        user = _user(view, caller, "")
        row = _profile(view, account, user)
        policy = settings.of(view, account).passwords
    if not await _same(command.old, rows.SecretRow(row.digest, row.salt, row.n)):
        raise Fault(Kind.DENIED, "password", "The old password was incorrect.")
    age_ms = now_ms - (row.set_ms or row.created_ms)
    if policy is not None and policy.hard and 0 < policy.days_max * DAY_MS <= age_ms:
        raise Fault(Kind.DENIED, "password", "The password has expired, and an administrator must set another.")
    made = await _made(context, command.new, user.name, policy, rows.encode(row))

    def change(tx: Transaction) -> None:
        now = _profile(tx, account, user)
        if now.digest != row.digest:  # somebody else was quicker
            raise Fault(Kind.DENIED, "password", "The old password was incorrect.")
        _replace(now, made, now_ms)
        now.reset_required = False
        tx.put(rows.profile(account, user.id), rows.encode(now))

    await context.store.write(change)


async def _made(
    context: Context, password: str, name: str, policy: PasswordPolicy | None, profile: bytes | None
) -> rows.SecretRow:
    """A new password's digest. `profile` is the row with those that it comes after. Raises INVALID "password"."""
    check_password(password, policy, name)
    if policy is not None and policy.reuse and profile is not None:
        row = rows.decode_profile(profile)
        earlier = (rows.SecretRow(row.digest, row.salt, row.n), *row.earlier)[: policy.reuse]
        for one in earlier:
            if await _same(password, one):
                raise Fault(Kind.INVALID, "password", f"it was used before, and {policy.reuse} are remembered")
    salt = context.chance.token(16)
    return rows.SecretRow(await asyncio.to_thread(digest, password, salt, COST), salt, COST)


def _replace(row: rows.ProfileRow, made: rows.SecretRow, now_ms: int) -> None:
    # As many as any policy may ask for: one that is made tomorrow looks back, too.
    row.earlier = (rows.SecretRow(row.digest, row.salt, row.n), *row.earlier)[: settings.REUSE_MAX]
    row.digest, row.salt, row.n, row.set_ms = made.digest, made.salt, made.n, now_ms


async def get_login_profile(context: Context, caller: Caller, command: GetLoginProfile) -> LoginProfile:
    with context.store.view() as view:
        user = _user(view, caller, command.user)
        row = _profile(view, caller.account, user)
    return LoginProfile(user.name, row.created_ms, row.reset_required)


async def delete_login_profile(context: Context, caller: Caller, command: DeleteLoginProfile) -> None:
    def change(tx: Transaction) -> None:
        user = _user(tx, caller, command.user)
        _profile(tx, caller.account, user)
        tx.delete(rows.profile(caller.account, user.id))

    await context.store.write(change)


async def verify(context: Context, account: str, user_id: str, password: str) -> bool:
    """Whether this is the user's password."""
    with context.store.view() as view:
        raw = view.get(rows.profile(account, user_id))
    if raw is None:
        return False
    row = rows.decode_profile(raw)
    return await _same(password, rows.SecretRow(row.digest, row.salt, row.n))


async def _same(password: str, kept: rows.SecretRow) -> bool:
    if len(password) > CHARS_MAX:
        return False
    return hmac.compare_digest(await asyncio.to_thread(digest, password, kept.salt, kept.n), kept.digest)


def _user(view: View, caller: Caller, user: str) -> rows.EntityRow:
    return named(view, caller, EntityRef(EntityKind.USER, user))


def _profile(view: View, account: str, user: rows.EntityRow) -> rows.ProfileRow:
    raw = view.get(rows.profile(account, user.id))
    if raw is None:
        raise _none(user.name)
    return rows.decode_profile(raw)


def _none(name: str) -> Fault:
    return Fault(Kind.MISSING, "login profile", f"{name} has no login profile", name=name)
