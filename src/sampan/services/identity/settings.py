"""The settings of an account: what its passwords must be, and what its users may do for themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.policy import ANY, Effect, Named, PrincipalPattern, ResourcePattern, Ruleset, Statement
from sampan.kernel.ports import Transaction, View
from sampan.kernel.ruleset import Compiled
from sampan.services.identity import rows
from sampan.services.identity.context import Context, check_note
from sampan.services.identity.model import GetPasswordPolicy, GetPreferences, SetPasswordPolicy, SetPreferences
from sampan.services.identity.values import Own, PasswordPolicy, Settings

CHARS = (6, 128)  # IAM's range of the least length; RAM's is a part of it
DAYS_MAX = 1095
REUSE_MAX = 24

OWN_ACTIONS: Mapping[Own, frozenset[str]] = {
    Own.PASSWORD: frozenset({"identity:ChangePassword", "identity:GetPasswordPolicy"}),
    Own.ACCESS_KEYS: frozenset(
        {
            "identity:CreateAccessKey",
            "identity:ListAccessKeys",
            "identity:SetAccessKey",
            "identity:DeleteAccessKey",
        }
    ),
    Own.DEVICES: frozenset({"identity:BindMfaDevice", "identity:UnbindMfaDevice", "identity:ListMfaDevices"}),
}
"""What each preference lets a user do to itself."""


async def get_settings(context: Context, caller: Caller, command: GetPasswordPolicy | GetPreferences) -> Settings:
    """Those of the caller's account, all of them."""
    with context.store.view() as view:
        return of(view, caller.account)


async def set_password_policy(context: Context, caller: Caller, command: SetPasswordPolicy) -> Settings:
    """Faults: INVALID "password policy", MISSING "password policy"."""
    policy = command.policy
    check_note(command.note)
    if policy is not None:
        _check(policy)

    def change(row: rows.SettingsRow) -> None:
        if policy is None and row.passwords is None:
            raise Fault(Kind.MISSING, "password policy", "the account has none", account=caller.account)
        row.passwords = policy
        if command.own is not None:
            row.own = _changed(row.own, {Own.PASSWORD: command.own})
        row.note = {**row.note, **command.note}

    return await _changed_settings(context, caller.account, change)


async def set_preferences(context: Context, caller: Caller, command: SetPreferences) -> Settings:
    check_note(command.note)

    def change(row: rows.SettingsRow) -> None:
        row.own = _changed(row.own, command.own)
        row.note = {**row.note, **command.note}

    return await _changed_settings(context, caller.account, change)


def of(view: View, account: str) -> Settings:
    """The settings of an account."""
    row = _row(view, account)
    return Settings(row.passwords, frozenset(row.own), row.note)


def own_rules(view: View, caller: Caller, name: str) -> Ruleset | None:
    """What the account lets a user do to itself, as a policy of the user: denials, boundaries and sessions still
    count. None if that is nothing, or somebody else is meant."""
    if caller.kind != "user" or name.lower() != caller.principal.lower():
        return None
    actions = frozenset[str]().union(*(OWN_ACTIONS[own] for own in _row(view, caller.account).own))
    if not actions:
        return None
    anything = (ResourcePattern(ANY, ANY, ANY),)
    itself = (PrincipalPattern("user", caller.account, caller.principal),)
    return Compiled([Named("settings", (Statement(Effect.ALLOW, actions, anything, principals=itself),))])


def _check(policy: PasswordPolicy) -> None:
    low, high = CHARS
    if (
        not low <= policy.chars_min <= high
        or not 0 <= policy.days_max <= DAYS_MAX
        or not 0 <= policy.reuse <= REUSE_MAX
    ):
        why = (
            f"a length of {low} to {high}, an age of at most {DAYS_MAX} days, at most {REUSE_MAX} passwords remembered"
        )
        raise Fault(Kind.INVALID, "password policy", why)


def _changed(own: tuple[Own, ...], wanted: Mapping[Own, bool]) -> tuple[Own, ...]:
    return tuple(each for each in Own if wanted.get(each, each in own))


async def _changed_settings(context: Context, account: str, change: Callable[[rows.SettingsRow], None]) -> Settings:
    def write(tx: Transaction) -> Settings:
        row = _row(tx, account)
        change(row)
        tx.put(rows.settings(account), rows.encode(row))
        return Settings(row.passwords, frozenset(row.own), row.note)

    return await context.write(account, write)


def _row(view: View, account: str) -> rows.SettingsRow:
    raw = view.get(rows.settings(account))
    return rows.SettingsRow() if raw is None else rows.decode_settings(raw)
