"""Who else may use a bucket: its policy and its ACL, and the ACLs of objects. One bind and one render for each."""

from __future__ import annotations

from sampan.dialects.aws.s3 import names
from sampan.dialects.aws.s3.exchange import S3Exchange
from sampan.dialects.aws.s3.page import document, owner
from sampan.gateway.http import Reply
from sampan.gateway.xml import Element, parse
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

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_GROUPS = "http://acs.amazonaws.com/groups/global/"
# The grants of each canned ACL besides the owner's.
_GRANTS = {
    Acl.PRIVATE: (),
    Acl.PUBLIC_READ: (("AllUsers", "READ"),),
    Acl.PUBLIC_READ_WRITE: (("AllUsers", "READ"), ("AllUsers", "WRITE")),
    Acl.AUTHENTICATED_READ: (("AuthenticatedUsers", "READ"),),
}


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


# --- access control lists --------------------------------------------------------------------------------------------
# A bucket has one of the canned ones. An object belongs to its owner alone: writing its ACL is accepted where it asks
# for just that.


def bind_get_acl(exchange: S3Exchange, _: bytes) -> GetBucketAcl:
    """GET /bucket?acl."""
    return GetBucketAcl(bucket=exchange.bucket, place=exchange.place)


def render_acl(exchange: S3Exchange, info: BucketInfo) -> Reply:
    """The owner's grant, and those of the canned ACL."""
    return acl(info.owner, info.acl)


def bind_put_acl(exchange: S3Exchange, body: bytes) -> PutBucketAcl:
    """PUT /bucket?acl. S3's ACL of a bucket says nothing of its objects."""
    check_acl(exchange, body)
    value = exchange.headers.get("x-amz-acl", "")
    canned = Acl(value) if value in set(Acl) else Acl.PRIVATE
    return PutBucketAcl(bucket=exchange.bucket, place=exchange.place, acl=canned, objects=False)


def acl(account: str, canned: Acl = Acl.PRIVATE) -> Reply:
    """An AccessControlPolicy that gives the owner full control, and others what the canned ACL does."""
    grantee = owner(account, "Grantee").replace(
        "<Grantee>", f'<Grantee xmlns:xsi="{_XSI}" xsi:type="CanonicalUser">', 1
    )
    return document(
        "AccessControlPolicy",
        f"{owner(account)}<AccessControlList><Grant>{grantee}<Permission>FULL_CONTROL</Permission></Grant>"
        + "".join(_grant(group, permission) for group, permission in _GRANTS[canned])
        + "</AccessControlList>",
    )


def check_acl(exchange: S3Exchange, body: bytes) -> None:
    """Raises Fault(NOT_DONE, "operation") for a list that gives anything to anybody else than the owner.

    The header x-amz-acl was checked with the other headers.
    """
    if not body:
        if "x-amz-acl" not in exchange.headers:
            raise Fault(Kind.INVALID, "document", "neither an ACL in the body nor one in x-amz-acl")
        return
    grants = parse(body, "AccessControlPolicy").find("AccessControlList")
    if grants is None:
        raise Fault(Kind.INVALID, "document", "AccessControlList is missing")
    mine = names.canonical_id(exchange.caller.account)
    for grant in grants.all("Grant"):
        grantee = grant.find("Grantee") or Element("Grantee")
        if grantee.get("ID") != mine or grant.get("Permission") != "FULL_CONTROL":
            raise Fault(Kind.NOT_DONE, "operation", operation="grants to others than the owner")


def _grant(group: str, permission: str) -> str:
    return (
        f'<Grant><Grantee xmlns:xsi="{_XSI}" xsi:type="Group"><URI>{_GROUPS}{group}</URI></Grantee>'
        f"<Permission>{permission}</Permission></Grant>"
    )
