"""Who else may use a bucket: its policy, its ACL, and what forbids both. One bind and one render for each."""

from __future__ import annotations

from sampan.dialects.aws.s3 import acls
from sampan.dialects.aws.s3.exchange import S3Exchange
from sampan.dialects.aws.s3.page import document, owner, truth
from sampan.gateway.http import Reply
from sampan.gateway.xml import parse
from sampan.kernel.fault import Fault, Kind
from sampan.services.objects.model import (
    Acl,
    Block,
    BucketInfo,
    DeleteBucketPolicy,
    Document,
    GetBucketAcl,
    GetBucketPolicy,
    GetBucketPolicyStatus,
    HeadBucket,
    Language,
    Ownership,
    PutBucketAcl,
    PutBucketBlock,
    PutBucketOwnership,
    PutBucketPolicy,
)

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
OWNERSHIPS = {
    "BucketOwnerEnforced": Ownership.ENFORCED,
    "BucketOwnerPreferred": Ownership.PREFERRED,
    "ObjectWriter": Ownership.WRITER,
}
# The elements of a PublicAccessBlockConfiguration, in the order of the core's fields.
_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


# --- policies --------------------------------------------------------------------------------------------------------


def bind_get_policy(exchange: S3Exchange, _: bytes) -> GetBucketPolicy:
    """GET /bucket?policy."""
    return GetBucketPolicy(bucket=exchange.bucket, place=exchange.place)


def render_policy(exchange: S3Exchange, policy: Document) -> Reply:
    """The policy as it was written, in whatever language."""
    return Reply(200, [("content-type", "application/json")], policy.text.encode())


def bind_put_policy(exchange: S3Exchange, body: bytes) -> PutBucketPolicy:
    """PUT /bucket?policy."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Fault(Kind.INVALID, "policy document", "the policy is not UTF-8", where="") from None
    return PutBucketPolicy(bucket=exchange.bucket, place=exchange.place, document=Document(Language.IAM, text))


def bind_delete_policy(exchange: S3Exchange, _: bytes) -> DeleteBucketPolicy:
    """DELETE /bucket?policy."""
    return DeleteBucketPolicy(bucket=exchange.bucket, place=exchange.place)


def bind_get_policy_status(exchange: S3Exchange, _: bytes) -> GetBucketPolicyStatus:
    """GET /bucket?policyStatus."""
    return GetBucketPolicyStatus(bucket=exchange.bucket, place=exchange.place)


def render_policy_status(exchange: S3Exchange, public: bool) -> Reply:
    """Whether the policy opens the bucket to the public."""
    return document("PolicyStatus", f"<IsPublic>{truth(public)}</IsPublic>")


# --- access control lists --------------------------------------------------------------------------------------------


def bind_get_acl(exchange: S3Exchange, _: bytes) -> GetBucketAcl:
    """GET /bucket?acl."""
    return GetBucketAcl(bucket=exchange.bucket, place=exchange.place)


def render_acl(exchange: S3Exchange, info: BucketInfo) -> Reply:
    """The owner's grant, and those of the canned ACL."""
    return acl(info.owner, info.acl)


def bind_put_acl(exchange: S3Exchange, body: bytes) -> PutBucketAcl:
    """PUT /bucket?acl. S3's ACL of a bucket says nothing of its objects."""
    acls.required(exchange, body)
    canned = acls.read(exchange, body) or Acl.PRIVATE
    return PutBucketAcl(bucket=exchange.bucket, place=exchange.place, acl=canned, objects=False)


def acl(account: str, canned: Acl) -> Reply:
    """An AccessControlPolicy that gives the owner full control, and others what the canned ACL does."""
    grantee = owner(account, "Grantee").replace(
        "<Grantee>", f'<Grantee xmlns:xsi="{_XSI}" xsi:type="CanonicalUser">', 1
    )
    return document(
        "AccessControlPolicy",
        f"{owner(account)}<AccessControlList><Grant>{grantee}<Permission>FULL_CONTROL</Permission></Grant>"
        + "".join(_grant(group, permission) for group, permission in acls.CANNED[canned])
        + "</AccessControlList>",
    )


def _grant(group: str, permission: str) -> str:
    return (
        f'<Grant><Grantee xmlns:xsi="{_XSI}" xsi:type="Group"><URI>{acls.GROUPS}{group}</URI></Grantee>'
        f"<Permission>{permission}</Permission></Grant>"
    )


# --- what forbids a bucket to be public -------------------------------------------------------------------------------


def bind_get_block(exchange: S3Exchange, _: bytes) -> HeadBucket:
    """GET /bucket?publicAccessBlock."""
    return HeadBucket(bucket=exchange.bucket, place=exchange.place, needs="GetBucketBlock")


def render_block(exchange: S3Exchange, info: BucketInfo) -> Reply:
    """Raises Fault(MISSING, "public access block")."""
    block = info.block
    if block is None:
        raise Fault(Kind.MISSING, "public access block", bucket=info.name)
    values = (block.refuse_acls, block.ignore_acls, block.refuse_policy, block.restrict)
    rows = "".join(f"<{name}>{truth(value)}</{name}>" for name, value in zip(_BLOCKS, values, strict=True))
    return document("PublicAccessBlockConfiguration", rows)


def bind_put_block(exchange: S3Exchange, body: bytes) -> PutBucketBlock:
    """PUT /bucket?publicAccessBlock. What is not named is off."""
    root = parse(body, "PublicAccessBlockConfiguration")
    values = [root.get(name).strip().lower() for name in _BLOCKS]
    if not set(values) <= {"", "true", "false"}:
        raise Fault(Kind.INVALID, "document", "true or false is wanted")
    return PutBucketBlock(
        bucket=exchange.bucket, place=exchange.place, block=Block(*(value == "true" for value in values))
    )


def bind_delete_block(exchange: S3Exchange, _: bytes) -> PutBucketBlock:
    """DELETE /bucket?publicAccessBlock."""
    return PutBucketBlock(bucket=exchange.bucket, place=exchange.place, block=None)


def bind_get_ownership(exchange: S3Exchange, _: bytes) -> HeadBucket:
    """GET /bucket?ownershipControls."""
    return HeadBucket(bucket=exchange.bucket, place=exchange.place, needs="GetBucketOwnership")


def render_ownership(exchange: S3Exchange, info: BucketInfo) -> Reply:
    """Raises Fault(MISSING, "ownership controls")."""
    word = next((word for word, value in OWNERSHIPS.items() if value is info.ownership), None)
    if word is None:
        raise Fault(Kind.MISSING, "ownership controls", bucket=info.name)
    return document("OwnershipControls", f"<Rule><ObjectOwnership>{word}</ObjectOwnership></Rule>")


def bind_put_ownership(exchange: S3Exchange, body: bytes) -> PutBucketOwnership:
    """PUT /bucket?ownershipControls: one rule."""
    rules = list(parse(body, "OwnershipControls").all("Rule"))
    word = rules[0].get("ObjectOwnership").strip() if len(rules) == 1 else ""
    if word not in OWNERSHIPS:
        raise Fault(Kind.INVALID, "document", "one rule with an ObjectOwnership is wanted")
    return PutBucketOwnership(bucket=exchange.bucket, place=exchange.place, ownership=OWNERSHIPS[word])


def bind_delete_ownership(exchange: S3Exchange, _: bytes) -> PutBucketOwnership:
    """DELETE /bucket?ownershipControls."""
    return PutBucketOwnership(bucket=exchange.bucket, place=exchange.place, ownership=None)
