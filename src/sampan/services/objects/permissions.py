"""Who may use a bucket besides its owner: its policy and its ACL, and what the guard is told of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sampan.kernel.caller import Caller
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.policy import (
    Effect,
    Named,
    Owned,
    PrincipalPattern,
    Purpose,
    ResourcePattern,
    Statement,
)
from sampan.kernel.ports import Transaction
from sampan.kernel.remembered import Remembered
from sampan.kernel.ruleset import Compiled
from sampan.services.identity.model import Document
from sampan.services.objects import rows
from sampan.services.objects.buckets import bucket_info
from sampan.services.objects.context import BUCKETS_REMEMBERED_MAX, Context, find_bucket
from sampan.services.objects.model import (
    Acl,
    BucketInfo,
    DeleteBucketPolicy,
    GetBucketAcl,
    GetBucketPolicy,
    PutBucketAcl,
    PutBucketPolicy,
)

_LISTING = frozenset({"objects:ListObjects", "objects:ListVersions", "objects:ListUploads", "objects:HeadBucket"})
_READING = frozenset({"objects:GetObject", "objects:GetObjectVersion"})
_WRITING = frozenset({"objects:PutObject", "objects:DeleteObject", "objects:AbortUpload"})
# A policy may shut out its own writer: the owner's root can always mend that (S3 User Guide, bucket policies).
_MENDING = frozenset({PutBucketPolicy.action, GetBucketPolicy.action, DeleteBucketPolicy.action})


async def put_bucket_policy(context: Context, caller: Caller, command: PutBucketPolicy) -> None:
    def change(tx: Transaction) -> None:
        row = find_bucket(tx, command)
        _read(context, row, command.document)
        row.policy = (command.document.language, command.document.text)
        tx.put(rows.bucket(row.name), rows.encode(row))

    await context.store.write(change)


async def get_bucket_policy(context: Context, caller: Caller, command: GetBucketPolicy) -> Document:
    with context.store.view() as view:
        policy = find_bucket(view, command).policy
    if policy is None:
        raise Fault(Kind.MISSING, "bucket policy", bucket=command.bucket)
    return Document(*policy)


async def delete_bucket_policy(context: Context, caller: Caller, command: DeleteBucketPolicy) -> None:
    def change(tx: Transaction) -> None:
        row = find_bucket(tx, command)
        row.policy = None
        tx.put(rows.bucket(row.name), rows.encode(row))

    await context.store.write(change)


async def put_bucket_acl(context: Context, caller: Caller, command: PutBucketAcl) -> None:
    def change(tx: Transaction) -> None:
        row = find_bucket(tx, command)
        row.acl, row.acl_of_objects = command.acl, command.objects
        tx.put(rows.bucket(row.name), rows.encode(row))

    await context.store.write(change)


async def get_bucket_acl(context: Context, caller: Caller, command: GetBucketAcl) -> BucketInfo:
    with context.store.view() as view:
        return bucket_info(find_bucket(view, command))


# --- for the guard ----------------------------------------------------------------------------------------------------


class Permissions:
    """Buckets as the guard asks for them, each compiled once for as long as its row does not change."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._buckets = Remembered(context.store, self._read, BUCKETS_REMEMBERED_MAX)

    def owned(self, caller: Caller, command: Command, path: str) -> Owned | None:
        """The bucket of a path, or None if there is none."""
        name = path.partition("/")[0]
        if not name or not name.isascii():
            return None
        found = self._buckets.find(rows.bucket(name))
        if found is None or found.policy is None or command.action not in _MENDING:
            return found
        mending = caller.kind == "root" and caller.account == found.owner
        return replace(found, policy=None) if mending else found

    def _read(self, _: bytes, raw: bytes) -> Owned:
        row = rows.decode_bucket(raw)
        policies = [Named("acl", tuple(statements(row)))] if row.acl is not Acl.PRIVATE else []
        if row.policy is not None:
            policies.append(Named("bucket", _read(self._context, row, Document(*row.policy))))
        tags = {f"resource-tag/{name.lower()}": (value,) for name, value in row.tags.items()}
        return Owned(row.owner, Compiled(policies) if policies else None, context=tags)


def statements(row: rows.BucketRow) -> Iterable[Statement]:
    """A bucket's ACL as a policy would say it."""
    if row.acl is Acl.PRIVATE:
        return
    who = PrincipalPattern("account", "*") if row.acl is Acl.AUTHENTICATED_READ else PrincipalPattern("any")
    actions = set(_LISTING)
    writes = _WRITING if row.acl is Acl.PUBLIC_READ_WRITE else frozenset()
    yield _allow(who, frozenset(actions), row, row.name)
    objects = writes | (_READING if row.acl_of_objects else frozenset())
    if objects:
        yield _allow(who, objects, row, f"{row.name}/*")


def _allow(who: PrincipalPattern, actions: frozenset[str], row: rows.BucketRow, path: str) -> Statement:
    return Statement(
        Effect.ALLOW, actions, (ResourcePattern("objects", row.owner, path),), principals=(who,), sid=str(row.acl)
    )


def _read(context: Context, row: rows.BucketRow, document: Document) -> tuple[Statement, ...]:
    """Raises INVALID | TOO_LARGE "policy document", also for what speaks of other buckets."""
    reader = context.readers.get(document.language)
    if reader is None:
        raise Fault(Kind.INVALID, "policy document", f"no policies are read in {document.language}", where="")
    found = reader.read(document.text, Purpose.RESOURCE, row.owner)
    for index, statement in enumerate(found):
        for pattern in statement.resources:
            if pattern.path.partition("/")[0] != row.name:
                where = f"/Statement/{index}/Resource"
                why = f"a policy of {row.name} speaks of that bucket and its objects alone"
                raise Fault(Kind.INVALID, "policy document", why, where=where)
    return found
