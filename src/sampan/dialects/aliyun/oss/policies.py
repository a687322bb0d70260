"""Who else may use a bucket: the operations on its policy and its ACL."""

from __future__ import annotations

from sampan.dialects.aliyun.oss import names, replies
from sampan.dialects.aliyun.oss.exchange import OssExchange, invalid, required
from sampan.gateway.contract import Operation
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
    PutBucketAcl,
    PutBucketBlock,
    PutBucketPolicy,
)

_BLOCKED = Block(refuse_acls=True, ignore_acls=True, refuse_policy=True, restrict=True)


def bind_get_policy(x: OssExchange, _: bytes) -> GetBucketPolicy:
    return GetBucketPolicy(bucket=x.bucket, place=x.place)


def render_policy(x: OssExchange, policy: Document) -> Reply:
    """The policy as it was written, in whatever language."""
    return Reply(200, [("content-type", "application/json")], policy.text.encode())


def bind_put_policy(x: OssExchange, document: bytes) -> PutBucketPolicy:
    try:
        text = document.decode()
    except UnicodeDecodeError:
        raise Fault(Kind.INVALID, "policy document", "the policy is not UTF-8", where="") from None
    return PutBucketPolicy(bucket=x.bucket, place=x.place, document=Document(Language.RAM, text))


def bind_delete_policy(x: OssExchange, _: bytes) -> DeleteBucketPolicy:
    return DeleteBucketPolicy(bucket=x.bucket, place=x.place)


def render_done(x: OssExchange, _: object) -> Reply:
    return replies.empty()


def render_deleted(x: OssExchange, _: object) -> Reply:
    return replies.empty(204)


def bind_get_acl(x: OssExchange, _: bytes) -> GetBucketAcl:
    return GetBucketAcl(bucket=x.bucket, place=x.place)


def render_get_acl(x: OssExchange, info: BucketInfo) -> Reply:
    return acl(info.owner, names.acl(info.acl))


def bind_put_acl(x: OssExchange, _: bytes) -> PutBucketAcl:
    """OSS's ACL of a bucket is its objects' as well."""
    if "x-oss-acl" not in x.request.headers:
        raise invalid("x-oss-acl", "", "x-oss-acl is required.")
    return PutBucketAcl(bucket=x.bucket, place=x.place, acl=bucket_acl(x), objects=True)


def bucket_acl(x: OssExchange) -> Acl:
    """The header x-oss-acl, private if it is not there. Raises INVALID "argument"."""
    value = x.request.headers.get("x-oss-acl", "private")
    if value not in names.ACLS:
        raise invalid("x-oss-acl", value)
    return names.ACLS[value]


def acl(account: str, grant: str) -> Reply:
    """OSS's ACL is a word, not a list."""
    return replies.xml(
        "AccessControlPolicy",
        f"{replies.owner(account)}<AccessControlList><Grant>{grant}</Grant></AccessControlList>",
    )


def bind_policy_status(x: OssExchange, _: bytes) -> GetBucketPolicyStatus:
    return GetBucketPolicyStatus(bucket=x.bucket, place=x.place)


def render_policy_status(x: OssExchange, public: bool) -> Reply:
    return replies.xml("PolicyStatus", f"<IsPublic>{replies.boolean(public)}</IsPublic>")


# --- what forbids a bucket to be public: all at once in OSS, one by one in S3 -----------------------------------------


def bind_get_block(x: OssExchange, _: bytes) -> HeadBucket:
    return HeadBucket(bucket=x.bucket, place=x.place, needs="GetBucketBlock")


def render_get_block(x: OssExchange, info: BucketInfo) -> Reply:
    value = replies.boolean(blocked(info))
    return replies.xml("PublicAccessBlockConfiguration", f"<BlockPublicAccess>{value}</BlockPublicAccess>")


def bind_put_block(x: OssExchange, document: bytes) -> PutBucketBlock:
    value = required(parse(document, "PublicAccessBlockConfiguration"), "BlockPublicAccess").strip().lower()
    if value not in ("true", "false"):
        raise Fault(Kind.INVALID, "document", "BlockPublicAccess is neither true nor false.")
    return PutBucketBlock(bucket=x.bucket, place=x.place, block=_BLOCKED if value == "true" else Block())


def bind_delete_block(x: OssExchange, _: bytes) -> PutBucketBlock:
    return PutBucketBlock(bucket=x.bucket, place=x.place, block=None)


def blocked(info: BucketInfo) -> bool:
    """Whether all is forbidden."""
    return info.block == _BLOCKED


GET_BUCKET_POLICY = Operation("GetBucketPolicy", bind_get_policy, render_policy)
PUT_BUCKET_POLICY = Operation("PutBucketPolicy", bind_put_policy, render_done, document=True)
DELETE_BUCKET_POLICY = Operation("DeleteBucketPolicy", bind_delete_policy, render_deleted)
GET_BUCKET_ACL = Operation("GetBucketAcl", bind_get_acl, render_get_acl)
PUT_BUCKET_ACL = Operation("PutBucketAcl", bind_put_acl, render_done)
GET_BUCKET_POLICY_STATUS = Operation("GetBucketPolicyStatus", bind_policy_status, render_policy_status)
GET_BUCKET_BLOCK = Operation("GetBucketPublicAccessBlock", bind_get_block, render_get_block)
PUT_BUCKET_BLOCK = Operation("PutBucketPublicAccessBlock", bind_put_block, render_done, document=True)
DELETE_BUCKET_BLOCK = Operation("DeleteBucketPublicAccessBlock", bind_delete_block, render_deleted)
