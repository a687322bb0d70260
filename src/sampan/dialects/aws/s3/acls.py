"""How access control lists are written in requests: S3's grants, as far as one of the canned ACLs says the same.

Source: Amazon S3 User Guide, "Access control list (ACL) overview". What is in a bucket belongs to its owner here,
whoever wrote it: what an ACL gives to the bucket's owner holds anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sampan.dialects.aws.s3 import names
from sampan.dialects.aws.s3.exchange import S3Exchange
from sampan.gateway.xml import Element, parse
from sampan.kernel.fault import Fault, Kind
from sampan.services.objects.model import Acl

HEADER = "x-amz-acl"
GRANTS = "x-amz-grant-"
GROUPS = "http://acs.amazonaws.com/groups/global/"
_OWNERS = frozenset({"bucket-owner-read", "bucket-owner-full-control"})
_UNDONE = frozenset({"aws-exec-read", "log-delivery-write"})
# The grants of each canned ACL besides the owner's.
CANNED: Mapping[Acl, tuple[tuple[str, str], ...]] = {
    Acl.PRIVATE: (),
    Acl.PUBLIC_READ: (("AllUsers", "READ"),),
    Acl.PUBLIC_READ_WRITE: (("AllUsers", "READ"), ("AllUsers", "WRITE")),
    Acl.AUTHENTICATED_READ: (("AuthenticatedUsers", "READ"),),
}
_PERMISSIONS = {
    "x-amz-grant-read": "READ",
    "x-amz-grant-write": "WRITE",
    "x-amz-grant-read-acp": "READ_ACP",
    "x-amz-grant-write-acp": "WRITE_ACP",
    "x-amz-grant-full-control": "FULL_CONTROL",
}
_GRANTEE = re.compile(r'\s*(id|uri|emailAddress)\s*=\s*"?([^",]+)"?\s*').fullmatch


def read(exchange: S3Exchange, body: bytes = b"") -> Acl | None:
    """The ACL in the headers, or in the body; None if there is none, or one that is for the bucket's owner alone.

    Raises Fault(INVALID, "argument" | "document"), Fault(NOT_DONE, "operation") for grants that no canned ACL has.
    """
    canned, granted = exchange.headers.get(HEADER), [name for name in exchange.headers if name.startswith(GRANTS)]
    if (canned is not None) + bool(granted) + bool(body) > 1:
        why = "Specifying both Canned ACLs and Header Grants is not allowed"
        raise Fault(Kind.INVALID, "argument", why, name=HEADER, value=canned or "")
    if canned is not None:
        return _canned(canned)
    if granted:
        return _of(exchange, set(_in_headers(exchange, granted)))
    return _of(exchange, set(_in_document(body))) if body else None


def read_object(exchange: S3Exchange, body: bytes = b"") -> Acl | None:
    """The same for an object, where WRITE means nothing."""
    acl = read(exchange, body)
    return Acl.PUBLIC_READ if acl is Acl.PUBLIC_READ_WRITE else acl


def required(exchange: S3Exchange, body: bytes) -> None:
    """Raises Fault(INVALID, "document") if there is no ACL at all."""
    if not body and not any(name == HEADER or name.startswith(GRANTS) for name in exchange.headers):
        raise Fault(Kind.INVALID, "document", "neither an ACL in the body nor one in a header")


def _canned(word: str) -> Acl | None:
    if word in set(Acl):
        return Acl(word)
    if word in _OWNERS:
        return None
    if word in _UNDONE:
        raise Fault(Kind.NOT_DONE, "operation", operation=f"the ACL {word}", header=HEADER)
    raise Fault(Kind.INVALID, "argument", name=HEADER, value=word[:64])


def _in_headers(exchange: S3Exchange, granted: list[str]) -> Iterator[tuple[str, str]]:
    """Who is given what: a canonical id, or a group's URI; and the permission."""
    for name in granted:
        permission = _PERMISSIONS.get(name)
        if permission is None:
            raise Fault(Kind.INVALID, "argument", name=name, value="")
        for part in exchange.headers[name].split(","):
            found = _GRANTEE(part)
            if found is None:
                raise Fault(Kind.INVALID, "argument", "Argument format not recognized", name=name, value=part[:128])
            yield found[2], permission


def _in_document(body: bytes) -> Iterator[tuple[str, str]]:
    grants = parse(body, "AccessControlPolicy").find("AccessControlList")
    if grants is None:
        raise Fault(Kind.INVALID, "document", "AccessControlList is missing")
    for grant in grants.all("Grant"):
        grantee = grant.find("Grantee") or Element("Grantee")
        yield grantee.get("ID") or grantee.get("URI") or grantee.get("EmailAddress"), grant.get("Permission")


def _of(exchange: S3Exchange, grants: set[tuple[str, str]]) -> Acl:
    """The canned ACL that says the same."""
    mine = names.canonical_id(exchange.caller.account)
    others = {(who.removeprefix(GROUPS), permission) for who, permission in grants if who != mine}
    for acl, given in CANNED.items():
        if others == set(given):
            return acl
    raise Fault(Kind.NOT_DONE, "operation", operation="grants that no canned ACL has")
