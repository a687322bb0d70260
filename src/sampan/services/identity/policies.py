"""Managed policies and their versions: one function per command."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.policy import Purpose
from sampan.kernel.ports import Transaction, View
from sampan.services.identity import rows
from sampan.services.identity.context import (
    LIST_MAX,
    Context,
    check_name,
    check_path,
    check_room,
    check_tags,
    check_text,
    count,
    document_row,
    with_tags,
)
from sampan.services.identity.model import (
    CreatePolicy,
    CreatePolicyVersion,
    DeletePolicy,
    DeletePolicyVersion,
    DescribePolicy,
    GetPolicy,
    GetPolicyVersion,
    ListPolicies,
    ListPolicyVersions,
    SetDefaultPolicyVersion,
    TagPolicy,
)
from sampan.services.identity.values import Document, Page, Policy, PolicyVersion, Provided

COUNT_MAX = 1500  # IAM's and RAM's
VERSIONS_MAX = 5  # both
CHARS_MAX = 6144  # of a version: both
DESCRIPTION_CHARS_MAX = 1024


@dataclass(frozen=True, slots=True)
class Found:
    """A managed policy: an account's (`row`) or a cloud's (`provided`)."""

    policy: str
    row: rows.PolicyRow | None = None
    provided: Provided | None = None


def split(policy: str) -> tuple[str, str]:
    """The path and the name in the id of an account's policy."""
    path, _, name = policy.rpartition("/")
    return path + "/", name


def find(view: View, context: Context, account: str, policy: str) -> Found:
    """Raises MISSING "policy"."""
    provided = context.provided.get(policy)
    if provided is not None:
        return Found(policy, provided=provided)
    path, name = split(policy)
    raw = view.get(rows.policy(account, name)) if name and name.isascii() else None
    row = rows.decode_policy(raw) if raw is not None else None
    if row is None or row.path != path:
        raise Fault(Kind.MISSING, "policy", f"there is no policy {policy}", policy=policy)
    return Found(row.path + row.name, row=row)


def own(view: View, context: Context, account: str, policy: str) -> rows.PolicyRow:
    """A policy that the account can change. Raises MISSING "policy"."""
    row = find(view, context, account, policy).row
    if row is None:
        raise Fault(Kind.MISSING, "policy", f"{policy} is a cloud's own, and cannot be changed", policy=policy)
    return row


def current(view: View, account: str, found: Found) -> Document:
    """The document of the default version."""
    if found.provided is not None:
        return found.provided.document
    assert found.row is not None
    version = _version(view, account, found.row, found.row.default)
    return Document(version.document.language, version.document.text)


async def create_policy(context: Context, caller: Caller, command: CreatePolicy) -> Policy:
    """Faults: EXISTS "policy", INVALID name | policy document | tags, TOO_LARGE policy document, TOO_MANY."""
    account = caller.account
    path, name = split(command.policy)
    check_name("policy", name, 128)
    check_path(path)
    check_text("description", command.description, DESCRIPTION_CHARS_MAX)
    check_tags(command.tags)
    _check(context, account, command.document)
    now_ms = context.clock.now_ms()
    row = rows.PolicyRow(
        name=name,
        path=path,
        id=context.new_id(),
        language=command.document.language,
        default=1,
        last=1,
        created_ms=now_ms,
        updated_ms=now_ms,
        description=command.description,
        tags=dict(command.tags),
    )

    def change(tx: Transaction) -> Policy:
        if tx.get(rows.policy(account, name)) is not None:
            raise Fault(Kind.EXISTS, "policy", f"there is a policy {name}", policy=command.policy, name=name)
        check_room(tx, rows.policies(account), COUNT_MAX, what="policy")
        _save(tx, account, row)
        _save_version(tx, account, row, rows.VersionRow(1, document_row(command.document), now_ms))
        return replace(shown(tx, account, Found(command.policy, row=row)), document=command.document)

    return await context.write(account, change)


async def get_policy(context: Context, caller: Caller, command: GetPolicy) -> Policy:
    with context.store.view() as view:
        found = find(view, context, caller.account, command.policy)
        return replace(shown(view, caller.account, found), document=current(view, caller.account, found))


async def delete_policy(context: Context, caller: Caller, command: DeletePolicy) -> None:
    account = caller.account

    def change(tx: Transaction) -> None:
        row = own(tx, context, account, command.policy)
        policy = row.path + row.name
        for how in "ab":
            if count(tx, rows.attachments(account, policy, how)):
                raise Fault(Kind.CONFLICT, "policy", f"{policy} is attached", policy=policy)
        prefix = rows.versions(account, row.name)
        kept = [key for key, _ in tx.scan(prefix, rows.after(prefix))]
        if len(kept) > 1 and not command.versions:
            raise Fault(Kind.CONFLICT, "policy", f"{policy} has other versions", policy=policy)
        for key in kept:
            tx.delete(key)
        tx.delete(rows.policy(account, row.name))

    await context.write(account, change)


async def list_policies(context: Context, caller: Caller, command: ListPolicies) -> Page[Policy]:
    """The clouds' own after the account's: `after` is a policy's id."""
    account = caller.account
    found: list[Policy] = []
    limit = max(1, min(command.limit, LIST_MAX))
    with context.store.view() as view:
        for item in _listed(view, context, account, command):
            path = item.provided.path if item.provided else split(item.policy)[0]
            if not path.startswith(command.path_prefix):
                continue
            policy = shown(view, account, item)
            if command.attached_only and not policy.attachments:
                continue
            if len(found) == limit:
                return Page(tuple(found), found[-1].policy)
            found.append(policy)
    return Page(tuple(found), None)


def _listed(view: View, context: Context, account: str, command: ListPolicies) -> list[Found]:
    """What comes after `after`, before paths and attachments are looked at."""
    after_cloud = ":" in command.after
    items: list[Found] = []
    if command.own is not False and not command.cloud and not after_cloud:
        prefix = rows.policies(account)
        start = rows.policy(account, split(command.after)[1]) + b"\0" if command.after.isascii() else prefix
        for _, raw in view.scan(start if command.after else prefix, rows.after(prefix)):
            row = rows.decode_policy(raw)
            items.append(Found(row.path + row.name, row=row))
    if command.own is not True:
        for policy in sorted(context.provided):
            provided = context.provided[policy]
            if command.cloud in ("", provided.cloud) and not (after_cloud and policy <= command.after):
                items.append(Found(policy, provided=provided))
    return items


async def tag_policy(context: Context, caller: Caller, command: TagPolicy) -> None:
    def change(tx: Transaction) -> None:
        row = own(tx, context, caller.account, command.policy)
        row.tags = with_tags(row.tags, command.tags, command.remove)
        _save(tx, caller.account, row)

    await context.write(caller.account, change)


# --- versions ---------------------------------------------------------------------------------------------------------


async def create_policy_version(context: Context, caller: Caller, command: CreatePolicyVersion) -> PolicyVersion:
    """Faults: MISSING "policy", TOO_MANY "policy version", INVALID | TOO_LARGE "policy document"."""
    account = caller.account
    _check(context, account, command.document)
    now_ms = context.clock.now_ms()

    def change(tx: Transaction) -> PolicyVersion:
        row = own(tx, context, account, command.policy)
        have = _versions(tx, account, row)
        if len(have) >= VERSIONS_MAX:
            old = next((version for version in have if version.version != row.default), None)
            if not command.rotate or old is None:
                raise Fault(Kind.TOO_MANY, "policy version", policy=command.policy, count_max=VERSIONS_MAX)
            tx.delete(rows.version(account, row.name, old.version))
        row.last += 1
        row.updated_ms = now_ms
        if command.make_default:
            row.default = row.last
            row.language = command.document.language
        version = rows.VersionRow(row.last, document_row(command.document), now_ms)
        _save_version(tx, account, row, version)
        _save(tx, account, row)
        return _shown_version(row, version)

    return await context.write(account, change)


async def get_policy_version(context: Context, caller: Caller, command: GetPolicyVersion) -> PolicyVersion:
    account = caller.account
    with context.store.view() as view:
        found = find(view, context, account, command.policy)
        if found.row is None:
            if command.version not in (None, 1):
                raise _no_version(command.policy, command.version or 0)
            return PolicyVersion(1, current(view, account, found), True, 0)
        row = found.row
        number = row.default if command.version is None else command.version
        return _shown_version(row, _version(view, account, row, number))


async def list_policy_versions(
    context: Context, caller: Caller, command: ListPolicyVersions
) -> tuple[PolicyVersion, ...]:
    with context.store.view() as view:
        return versions(view, caller.account, find(view, context, caller.account, command.policy))


async def set_default_policy_version(context: Context, caller: Caller, command: SetDefaultPolicyVersion) -> None:
    account = caller.account
    now_ms = context.clock.now_ms()

    def change(tx: Transaction) -> None:
        row = own(tx, context, account, command.policy)
        version = _version(tx, account, row, command.version)
        row.default, row.language, row.updated_ms = version.version, version.document.language, now_ms
        _save(tx, account, row)

    await context.write(account, change)


async def delete_policy_version(context: Context, caller: Caller, command: DeletePolicyVersion) -> None:
    account = caller.account

    def change(tx: Transaction) -> None:
        row = own(tx, context, account, command.policy)
        version = _version(tx, account, row, command.version)
        if version.version == row.default:
            raise Fault(Kind.CONFLICT, "policy version", "it is the default", policy=command.policy)
        tx.delete(rows.version(account, row.name, version.version))

    await context.write(account, change)


async def describe_policy(context: Context, caller: Caller, command: DescribePolicy) -> Policy:
    """Faults: MISSING "policy", INVALID "name"."""
    account, now_ms = caller.account, context.clock.now_ms()
    check_text("description", command.description, DESCRIPTION_CHARS_MAX)

    def change(tx: Transaction) -> Policy:
        row = own(tx, context, account, command.policy)
        row.description, row.updated_ms = command.description, now_ms
        _save(tx, account, row)
        return shown(tx, account, Found(row.path + row.name, row=row))

    return await context.write(account, change)


# --- parts ------------------------------------------------------------------------------------------------------------


def versions(view: View, account: str, found: Found) -> tuple[PolicyVersion, ...]:
    """All versions of a policy, newest first; a cloud's own has one."""
    row = found.row
    if row is None:
        return (PolicyVersion(1, current(view, account, found), True, 0),)
    return tuple(_shown_version(row, version) for version in reversed(_versions(view, account, row)))


def shown(view: View, account: str, found: Found) -> Policy:
    """A policy as callers see it."""
    attached = count(view, rows.attachments(account, found.policy, "a"))
    boundaries = count(view, rows.attachments(account, found.policy, "b"))
    if found.provided is not None:
        of = found.provided
        return Policy(
            policy=found.policy, name=of.name, path=of.path, id="", cloud=of.cloud, language=of.document.language,
            default=1, attachments=attached, created_ms=0, updated_ms=0, description=of.description,
            boundaries=boundaries,
        )  # fmt: skip
    row = found.row
    assert row is not None
    return Policy(
        policy=row.path + row.name, name=row.name, path=row.path, id=row.id, cloud="", language=row.language,
        default=row.default, attachments=attached, created_ms=row.created_ms, updated_ms=row.updated_ms,
        description=row.description, tags=row.tags, boundaries=boundaries,
    )  # fmt: skip


def _check(context: Context, account: str, document: Document) -> None:
    """Raises INVALID | TOO_LARGE "policy document"."""
    context.read(document, Purpose.IDENTITY, account)
    if document.size > CHARS_MAX:
        why = f"a managed policy has at most {CHARS_MAX} characters, spaces aside"
        raise Fault(Kind.TOO_LARGE, "policy document", why, size=document.size, size_max=CHARS_MAX)


def _shown_version(row: rows.PolicyRow, version: rows.VersionRow) -> PolicyVersion:
    document = Document(version.document.language, version.document.text)
    return PolicyVersion(version.version, document, version.version == row.default, version.created_ms)


def _save(tx: Transaction, account: str, row: rows.PolicyRow) -> None:
    tx.put(rows.policy(account, row.name), rows.encode(row))


def _save_version(tx: Transaction, account: str, row: rows.PolicyRow, version: rows.VersionRow) -> None:
    tx.put(rows.version(account, row.name, version.version), rows.encode(version))


def _versions(view: View, account: str, row: rows.PolicyRow) -> list[rows.VersionRow]:
    """Oldest first."""
    prefix = rows.versions(account, row.name)
    return [rows.decode_version(raw) for _, raw in view.scan(prefix, rows.after(prefix))]


def _version(view: View, account: str, row: rows.PolicyRow, number: int) -> rows.VersionRow:
    raw = view.get(rows.version(account, row.name, number)) if 0 < number <= row.last else None
    if raw is None:
        raise _no_version(row.path + row.name, number)
    return rows.decode_version(raw)


def _no_version(policy: str, number: int) -> Fault:
    return Fault(Kind.MISSING, "policy version", f"{policy} has no version {number}", policy=policy, version=number)
