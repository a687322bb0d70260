"""Buckets and objects as the guard asks for them: whose they are, and whom policies and ACLs let in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from sampan.kernel.caller import Caller
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault
from sampan.kernel.policy import ANY, Effect, Named, Owned, PrincipalPattern, ResourcePattern, Ruleset, Statement
from sampan.kernel.remembered import Remembered
from sampan.kernel.ruleset import Compiled
from sampan.services.identity.model import Document
from sampan.services.objects import rows, versions
from sampan.services.objects.access import read_policy
from sampan.services.objects.context import BUCKETS_REMEMBERED_MAX, Context
from sampan.services.objects.model import (
    Acl,
    Block,
    CopyObject,
    CopyPart,
    DeleteBucketPolicy,
    DeleteObjects,
    Form,
    GetBucketPolicy,
    GetSymlink,
    Ownership,
    PutBucketPolicy,
)
from sampan.services.objects.public import is_public

_LISTING = frozenset({"objects:ListObjects", "objects:ListVersions", "objects:ListUploads", "objects:HeadBucket"})
_READING = frozenset({"objects:GetObject", "objects:GetObjectVersion"})
_WRITING = frozenset({"objects:PutObject", "objects:DeleteObject", "objects:AbortUpload"})
# A policy may shut out its own writer: the owner's root can always mend that (S3 User Guide, bucket policies).
_MENDING = frozenset({PutBucketPolicy.action, GetBucketPolicy.action, DeleteBucketPolicy.action})
_OPEN = Block()


class _Bucket:
    """A bucket's row, and what follows from it for as long as it does not change."""

    __slots__ = ("_named", "by_acl", "owned", "row")

    def __init__(self, context: Context, row: rows.BucketRow) -> None:
        self.row = row
        self._named: list[Named] = []
        if row.policy is not None:
            found = read_policy(context, row, Document(*row.policy))
            self._named.append(Named("bucket", found))
            if (row.block or _OPEN).restrict and is_public(found):
                self._named.append(Named("block", (_others_denied(row),)))
        # With an ACL of its own, an object is no matter of the bucket's.
        self.by_acl = {acl: self._compiled(object_statements(row, acl)) for acl in Acl}
        tags = {f"resource-tag/{name.lower()}": (value,) for name, value in row.tags.items()}
        self.owned = Owned(row.owner, self._compiled(statements(row)), context=tags)

    def _compiled(self, acl: Iterable[Statement]) -> Ruleset | None:
        ignored = self.row.ownership is Ownership.ENFORCED or (self.row.block or _OPEN).ignore_acls
        found = () if ignored else tuple(acl)
        named = [Named("acl", found), *self._named] if found else self._named
        return Compiled(named) if named else None


class Permissions:
    """What the guard is told, each bucket compiled once for as long as its row does not change."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._buckets = Remembered(
            context.store, lambda _, raw: _Bucket(context, rows.decode_bucket(raw)), BUCKETS_REMEMBERED_MAX
        )

    def owned(self, caller: Caller, command: Command, path: str) -> Owned | None:
        """The bucket of a path, or None if there is none."""
        name = path.partition("/")[0]
        if not name or not name.isascii():
            return None
        bucket = self._buckets.find(rows.bucket(name))
        if bucket is None:
            return None
        own = caller.kind == "root" and caller.account == bucket.row.owner
        if own and (bucket.owned.policy is None or command.action in _MENDING):
            # Nobody has anything to say to the owner's root, then: not even an object.
            return bucket.owned if bucket.owned.policy is None else replace(bucket.owned, policy=None)
        return replace(bucket.owned, each=partial(self._each, bucket, command))

    def _each(self, bucket: _Bucket, command: Command, action: str, path: str) -> Owned:
        """An object, there or not, or the bucket itself."""
        key = path.partition("/")[2]
        row = self._row(bucket, command, action, key) if key else None
        if row is None or (row.acl is None and not row.tags and row.form is not Form.SYMLINK):
            return bucket.owned
        policy = bucket.owned.policy if row.acl is None else bucket.by_acl[row.acl]
        context = bucket.owned.context
        if row.tags:
            context = {**context, **{f"objects:tag/{name.lower()}": (value,) for name, value in row.tags.items()}}
        return replace(bucket.owned, policy=policy, context=context, also=tuple(_also(command, action, path, row)))

    def _row(self, bucket: _Bucket, command: Command, action: str, key: str) -> rows.ObjectRow | None:
        """The version that the command is about."""
        version = _version(command, action, key)
        try:
            if version is None:
                return self._context.objects.find(rows.current(bucket.row.id, key))
            with self._context.store.view() as view:
                return versions.find(view, bucket.row, key, version)[0]
        except (Fault, UnicodeEncodeError):
            return None  # for the service to say


def _version(command: Command, action: str, key: str) -> str | None:
    if isinstance(command, CopyObject | CopyPart):
        return command.source.version if action in _READING else None
    if isinstance(command, DeleteObjects):
        named = (target.version for target in command.targets if target.key == key and target.version is not None)
        return next(named, None) if action.endswith("Version") else None
    return getattr(command, "version", None)


def _also(command: Command, action: str, path: str, row: rows.ObjectRow) -> Iterator[tuple[str, str]]:
    """Who reads a link reads its target; who copies an object and says nothing of tags copies them, too."""
    if action not in _READING:
        return
    if row.form is Form.SYMLINK and row.target is not None and not isinstance(command, GetSymlink):
        yield "objects:GetObject", f"{path.partition('/')[0]}/{row.target}"
    if isinstance(command, CopyObject) and command.tags is None and row.tags:
        yield "objects:GetObjectTags" + action.removeprefix("objects:GetObject"), path
        yield "objects:PutObjectTags", f"{command.bucket}/{command.key}"


# --- ACLs as a policy would say them ----------------------------------------------------------------------------------


def statements(row: rows.BucketRow) -> Iterable[Statement]:
    """What a bucket's ACL allows."""
    if row.acl is Acl.PRIVATE:
        return
    yield _allow(row, row.acl, _LISTING, row.name)
    actions = _WRITING if row.acl is Acl.PUBLIC_READ_WRITE else frozenset()
    if row.acl_of_objects:
        actions |= _READING
    if actions:
        yield _allow(row, row.acl, actions, f"{row.name}/*")


def object_statements(row: rows.BucketRow, acl: Acl) -> Iterable[Statement]:
    """What an object's own ACL allows. The bucket's is still good for writing where it speaks of the bucket alone: to
    write into a bucket is a matter of the bucket in S3, whatever is there."""
    path = f"{row.name}/*"
    if acl is not Acl.PRIVATE:
        yield _allow(row, acl, _READING | (_WRITING if acl is Acl.PUBLIC_READ_WRITE else frozenset()), path)
    if row.acl is Acl.PUBLIC_READ_WRITE and not row.acl_of_objects:
        yield _allow(row, row.acl, _WRITING, path)


def _allow(row: rows.BucketRow, acl: Acl, actions: frozenset[str], path: str) -> Statement:
    who = PrincipalPattern("account", ANY) if acl is Acl.AUTHENTICATED_READ else PrincipalPattern("any")
    return Statement(
        Effect.ALLOW, actions, (ResourcePattern("objects", row.owner, path),), principals=(who,), sid=str(acl)
    )


def _others_denied(row: rows.BucketRow) -> Statement:
    """Nobody of another account, and nobody at all: what a bucket with a public policy is restricted to."""
    everything = tuple(ResourcePattern("objects", row.owner, path) for path in (row.name, f"{row.name}/*"))
    mine = PrincipalPattern("account", row.owner)
    return Statement(Effect.DENY, frozenset({ANY}), everything, principals=(mine,), but_principals=True, sid="block")
