"""Who else may use a bucket: the operations on its policy and its ACL."""

from __future__ import annotations

from sampan.dialects.aliyun.oss import replies
from sampan.dialects.aliyun.oss.exchange import OssExchange, invalid
from sampan.gateway.contract import Operation
from sampan.gateway.http import Reply
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity.model import Document, Language
from sampan.services.objects.model import (
    Acl,
    BucketInfo,
    DeleteBucketPolicy,
    GetBucketAcl,
    GetBucketPolicy,
    PutBucketAcl,
    PutBucketPolicy,
)

# S3's fourth, for whoever has signed, is not public: OSS has no word for it.
_ACLS = {"private": Acl.PRIVATE, "public-read": Acl.PUBLIC_READ, "public-read-write": Acl.PUBLIC_READ_WRITE}


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
    return acl(info.owner, grant(info))


def bind_put_acl(x: OssExchange, _: bytes) -> PutBucketAcl:
    """OSS's ACL of a bucket is its objects' as well."""
    value = x.request.headers.get("x-oss-acl", "")
    if value not in _ACLS:
        raise invalid("x-oss-acl", value, "" if value else "x-oss-acl is required.")
    return PutBucketAcl(bucket=x.bucket, place=x.place, acl=_ACLS[value], objects=True)


def grant(info: BucketInfo) -> str:
    """OSS's word for a bucket's ACL."""
    return next((word for word, canned in _ACLS.items() if canned is info.acl), "private")


def acl(account: str, grant: str) -> Reply:
    """OSS's ACL is a word, not a list."""
    return replies.xml(
        "AccessControlPolicy",
        f"{replies.owner(account)}<AccessControlList><Grant>{grant}</Grant></AccessControlList>",
    )


GET_BUCKET_POLICY = Operation("GetBucketPolicy", bind_get_policy, render_policy)
PUT_BUCKET_POLICY = Operation("PutBucketPolicy", bind_put_policy, render_done, document=True)
DELETE_BUCKET_POLICY = Operation("DeleteBucketPolicy", bind_delete_policy, render_deleted)
GET_BUCKET_ACL = Operation("GetBucketAcl", bind_get_acl, render_get_acl)
PUT_BUCKET_ACL = Operation("PutBucketAcl", bind_put_acl, render_done)
