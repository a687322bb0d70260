"""Accounts: the walls between tenants."""

from __future__ import annotations

import re

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import ACCOUNT_DIGITS
from sampan.kernel.ports import Transaction
from sampan.services.identity import attachments, entities, instances, keys, policies, rows
from sampan.services.identity.context import ROOT, ROOT_ACCOUNT, Context, count
from sampan.services.identity.model import CreateAccount, CreateKey, GetAlias, GetSummary, ListAccounts, SetAlias
from sampan.services.identity.values import Account, EntityKind, IssuedKey, Summary

NAME_CHARS_MAX = 64
# IAM's and RAM's both: 3 to 63, lower case, digits and single hyphens inside.
_ALIAS = re.compile(r"(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*")


async def create_account(context: Context, caller: Caller, command: CreateAccount) -> IssuedKey:
    if not 1 <= len(command.name) <= NAME_CHARS_MAX or not command.name.isprintable():
        raise Fault(Kind.INVALID, "account", f"a name has 1 to {NAME_CHARS_MAX} printable characters")
    number, issued = _new_number(context), keys.issue(context, "AKIA")

    def change(tx: Transaction) -> None:
        if tx.get(rows.name(command.name)) is not None:
            raise Fault(Kind.EXISTS, "account", f"there is an account named {command.name}")
        put_account(tx, context, number, command.name)
        keys.put(tx, context, number, issued)

    await context.write(number, change)
    return IssuedKey(number, issued.key_id, issued.secret)


async def create_key(context: Context, caller: Caller, command: CreateKey) -> IssuedKey:
    form = "AKIA" if command.expires_ms is None else "ASIA"
    issued = keys.issue(context, form, command.expires_ms)

    def change(tx: Transaction) -> None:
        if tx.get(rows.account(command.account)) is None:
            raise Fault(Kind.MISSING, "account", f"there is no account {command.account}")
        keys.put(tx, context, command.account, issued)

    await context.store.write(change)
    return IssuedKey(command.account, issued.key_id, issued.secret, issued.token, issued.expires_ms)


async def list_accounts(context: Context, caller: Caller, command: ListAccounts) -> tuple[Account, ...]:
    with context.store.view() as view:
        found = [rows.decode_account(value) for _, value in view.scan(*rows.ACCOUNTS)]
    return tuple(Account(row.number, row.name, row.created_ms, row.alias) for row in found)


async def set_alias(context: Context, caller: Caller, command: SetAlias) -> None:
    alias = command.alias
    if alias is not None and (not _ALIAS.fullmatch(alias) or (len(alias) == ACCOUNT_DIGITS and alias.isdigit())):
        raise Fault(
            Kind.INVALID,
            "name",
            "an alias has 3 to 63 lower-case letters, digits and single hyphens between them",
            name=alias[:63],
            what="alias",
        )

    def change(tx: Transaction) -> None:
        where = rows.account(caller.account)
        raw = tx.get(where)
        if raw is None:
            raise Fault(Kind.MISSING, "account", f"there is no account {caller.account}")
        row = rows.decode_account(raw)
        if alias is None:
            if row.alias is None:
                raise Fault(Kind.MISSING, "alias", "the account has no alias")
        elif (tx.get(rows.alias(alias)) or caller.account.encode()) != caller.account.encode():
            raise Fault(Kind.EXISTS, "alias", f"{alias} is another account's", name=alias)
        if row.alias is not None:
            tx.delete(rows.alias(row.alias))
        row.alias = alias
        if alias is not None:
            tx.put(rows.alias(alias), caller.account.encode())
        tx.put(where, rows.encode(row))

    await context.store.write(change)


async def get_alias(context: Context, caller: Caller, command: GetAlias) -> str | None:
    with context.store.view() as view:
        raw = view.get(rows.account(caller.account))
    return rows.decode_account(raw).alias if raw is not None else None


async def get_summary(context: Context, caller: Caller, command: GetSummary) -> Summary:
    account = caller.account
    with context.store.view() as view:
        raw = view.get(rows.account(account))
        devices = [
            rows.decode_device(value) for _, value in view.scan(rows.device(account), rows.after(rows.device(account)))
        ]
        counts = {
            "users": count(view, rows.entities(account, EntityKind.USER)),
            "users_max": entities.COUNT_MAX[EntityKind.USER],
            "groups": count(view, rows.entities(account, EntityKind.GROUP)),
            "groups_max": entities.COUNT_MAX[EntityKind.GROUP],
            "roles": count(view, rows.entities(account, EntityKind.ROLE)),
            "roles_max": entities.COUNT_MAX[EntityKind.ROLE],
            "policies": count(view, rows.policies(account)),
            "policies_max": policies.COUNT_MAX,
            "policy_versions_max": policies.VERSIONS_MAX,
            "attachments_max": attachments.COUNT_MAX,
            "groups_of_user_max": entities.GROUPS_OF_USER_MAX,
            "access_keys_max": keys.COUNT_MAX,
            "instance_profiles": count(view, rows.instance_profile(account)),
            "instance_profiles_max": instances.COUNT_MAX,
            "providers": count(view, rows.provider(account)),
            "mfa_devices": len(devices),
            "mfa_devices_in_use": sum(1 for device in devices if device.user is not None),
            "root_mfa": sum(1 for device in devices if device.user == ""),
            "root_access_keys": count(view, rows.keys_of(account, "")),
            "alias": int(raw is not None and rows.decode_account(raw).alias is not None),
        }
    return Summary(counts)


# --- the start --------------------------------------------------------------------------------------------------------


async def adopt_root(context: Context, key_id: str, secret: str) -> None:
    """Make this the root's own key, instead of the one that was; make the root's account if there is none.

    Raises Fault(EXISTS, "key") if the id is another account's key, or not the root's.
    """

    def change(tx: Transaction) -> None:
        if tx.get(rows.account(ROOT_ACCOUNT)) is None:
            put_account(tx, context, ROOT_ACCOUNT, ROOT)
        before = tx.get(rows.ROOT_KEY)
        if before is not None and before != key_id.encode():
            keys.remove(tx, before.decode())
        have = tx.get(rows.key(key_id))
        if have is not None:
            row = rows.decode_key(have)
            if (row.account, row.kind) != (ROOT_ACCOUNT, "root"):
                raise Fault(Kind.EXISTS, "key", f"{key_id} belongs to another account")
            keys.remove(tx, key_id)
        tx.put(rows.ROOT_KEY, key_id.encode())
        keys.put(tx, context, ROOT_ACCOUNT, keys.Issued(key_id, secret))

    await context.write(ROOT_ACCOUNT, change)


def put_account(tx: Transaction, context: Context, number: str, name: str) -> None:
    """Keep a new account."""
    row = rows.AccountRow(number, name, context.clock.now_ms())
    tx.put(rows.account(number), rows.encode(row))
    tx.put(rows.name(name), number.encode())


def _new_number(context: Context) -> str:
    """12 digits, the first not 0: the Alibaba form of it keeps its length, and it is never the root's."""
    span = 9 * 10 ** (ACCOUNT_DIGITS - 1)
    return str(10 ** (ACCOUNT_DIGITS - 1) + int.from_bytes(context.chance.token(16), "big") % span)
