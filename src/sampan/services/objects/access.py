"""Who may use a bucket besides its owner: its policy, the ACLs, and what forbids both to be public."""

from __future__ import annotations

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.policy import Purpose, Statement
from sampan.kernel.ports import Transaction
from sampan.services.identity.model import Document
from sampan.services.objects import rows, versions
from sampan.services.objects.buckets import bucket_info
from sampan.services.objects.context import Context, check_acl, find_bucket
from sampan.services.objects.model import (
    BucketInfo,
    DeleteBucketPolicy,
    GetBucketAcl,
    GetBucketPolicy,
    GetBucketPolicyStatus,
    PutBucketAcl,
    PutBucketBlock,
    PutBucketOwnership,
    PutBucketPolicy,
    PutObjectAcl,
    Versioning,
)
from sampan.services.objects.public import is_public


async def put_bucket_policy(context: Context, caller: Caller, command: PutBucketPolicy) -> None:
    def change(tx: Transaction) -> None:
        row = find_bucket(tx, command)
        found = read_policy(context, row, command.document)
        if row.block is not None and row.block.refuse_policy and is_public(found):
            raise Fault(Kind.DENIED, "public access", bucket=row.name)
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
        check_acl(row, command.acl)
        row.acl, row.acl_of_objects = command.acl, command.objects
        tx.put(rows.bucket(row.name), rows.encode(row))

    await context.store.write(change)


async def get_bucket_acl(context: Context, caller: Caller, command: GetBucketAcl) -> BucketInfo:
    with context.store.view() as view:
        return bucket_info(find_bucket(view, command))


async def get_bucket_policy_status(context: Context, caller: Caller, command: GetBucketPolicyStatus) -> bool:
    with context.store.view() as view:
        row = find_bucket(view, command)
    if row.policy is None:
        raise Fault(Kind.MISSING, "bucket policy", bucket=command.bucket)
    return is_public(read_policy(context, row, Document(*row.policy)))


async def put_object_acl(context: Context, caller: Caller, command: PutObjectAcl) -> str | None:
    def change(tx: Transaction) -> str | None:
        bucket = find_bucket(tx, command)
        check_acl(bucket, command.acl)
        row, _ = versions.find(tx, bucket, command.key, command.version)
        if row.delete_marker:
            modified_ms = row.modified_ms
            raise Fault(Kind.CONFLICT, "delete marker", key=command.key, version=row.version, modified_ms=modified_ms)
        row.acl = command.acl
        versions.rewrite(tx, bucket, command.key, row, row.size)
        return None if bucket.versioning == Versioning.NEVER else row.version

    return await context.store.write(change)


async def put_bucket_block(context: Context, caller: Caller, command: PutBucketBlock) -> None:
    def change(tx: Transaction) -> None:
        row = find_bucket(tx, command)
        row.block = command.block
        tx.put(rows.bucket(row.name), rows.encode(row))

    await context.store.write(change)


async def put_bucket_ownership(context: Context, caller: Caller, command: PutBucketOwnership) -> None:
    def change(tx: Transaction) -> None:
        row = find_bucket(tx, command)
        row.ownership = command.ownership
        tx.put(rows.bucket(row.name), rows.encode(row))

    await context.store.write(change)


def read_policy(context: Context, row: rows.BucketRow, document: Document) -> tuple[Statement, ...]:
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
