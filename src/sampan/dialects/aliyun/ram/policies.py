"""Policies, their versions, and what they are attached to."""

from __future__ import annotations

import re
from collections.abc import Callable

from sampan.dialects.aliyun.ram import members
from sampan.dialects.aliyun.ram.members import Members
from sampan.dialects.aliyun.wire.dates import iso_seconds
from sampan.dialects.aliyun.wire.openapi import OpenApiExchange, Row
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity import model
from sampan.services.identity.model import Entity, EntityKind, EntityRef, Page, Policy, PolicyVersion

_VERSION = re.compile(r"v([1-9][0-9]{0,8})")
_ROTATE = "DeleteOldestNonDefaultVersionWhenLimitExceeded"


def _own(x: OpenApiExchange) -> str:
    return members.policy_id(x.params["PolicyName"], members.OWN)


def _any(x: OpenApiExchange) -> str:
    return members.policy_id(x.params["PolicyName"], x.params["PolicyType"])


def _version(x: OpenApiExchange) -> int:
    text: str = x.params["VersionId"]
    match = _VERSION.fullmatch(text)
    if match is None:
        why = 'The format of the parameter "VersionId" is incorrect.'
        raise Fault(Kind.INVALID, "argument", why, name="VersionId", code="Format", value=text[:64])
    return int(match[1])


# --- policies ---------------------------------------------------------------------------------------------------------


def _create(x: OpenApiExchange) -> model.CreatePolicy:
    return model.CreatePolicy(
        policy=_own(x),
        document=members.document(x.params["PolicyDocument"]),
        description=members.comment(x, "Description") or "",
        tags=members.tags(x),
    )


def _made(x: OpenApiExchange, made: Policy) -> Members:
    names = ("PolicyName", "PolicyType", "Description", "DefaultVersion", "CreateDate")
    return {"Policy": members.only(members.policy_members(made), *names)}


def _policy(x: OpenApiExchange, found: Policy) -> Members:
    reply: Members = {"Policy": members.policy_members(found)}
    if found.document is not None:
        reply["Policy"]["PolicyDocument"] = found.document.text
        reply["DefaultPolicyVersion"] = {
            "VersionId": f"v{found.default}",
            "IsDefaultVersion": True,
            "PolicyDocument": found.document.text,
            "CreateDate": iso_seconds(found.updated_ms),
        }
    return reply


def _list(x: OpenApiExchange) -> model.ListPolicies:
    kind: str | None = x.params.get("PolicyType")
    if kind not in (None, members.OWN, members.CLOUDS):
        why = f"PolicyType must be {members.CLOUDS} or {members.OWN}."
        raise Fault(Kind.INVALID, "argument", why, name="PolicyType", value=str(kind)[:64])
    return model.ListPolicies(
        own=None if kind is None else kind == members.OWN,
        cloud="aliyun",
        after=members.after(x),
        limit=members.limit(x),
    )


def _policies(x: OpenApiExchange, found: Page[Policy]) -> Members:
    wanted = members.tags(x)
    policies = [
        {**members.policy_members(policy), **members.tag_members(policy.tags)}
        for policy in found.items
        if members.tagged(policy.tags, wanted)
    ]
    return members.page("Policy", policies, found)


# --- versions ---------------------------------------------------------------------------------------------------------


def _create_version(x: OpenApiExchange) -> model.CreatePolicyVersion:
    strategy = x.params.get("RotateStrategy", "None")
    if strategy not in ("None", _ROTATE):
        why = f"RotateStrategy must be None or {_ROTATE}."
        raise Fault(Kind.INVALID, "argument", why, name="RotateStrategy", value=strategy[:64])
    return model.CreatePolicyVersion(
        policy=_own(x),
        document=members.document(x.params["PolicyDocument"]),
        make_default=x.params.get("SetAsDefault", False),
        rotate=strategy == _ROTATE,
    )


def _version_members(version: PolicyVersion) -> Members:
    return {
        "VersionId": f"v{version.version}",
        "IsDefaultVersion": version.default,
        "PolicyDocument": version.document.text,
        "CreateDate": iso_seconds(version.created_ms),
    }


def _version_found(x: OpenApiExchange, found: PolicyVersion) -> Members:
    return {"PolicyVersion": _version_members(found)}


def _versions(x: OpenApiExchange, found: tuple[PolicyVersion, ...]) -> Members:
    return members.listed("PolicyVersion", [_version_members(version) for version in found])


# --- attachments ------------------------------------------------------------------------------------------------------


def _attach(kind: EntityKind, attached: bool) -> Callable[[OpenApiExchange], model.AttachPolicy]:
    def bind(x: OpenApiExchange) -> model.AttachPolicy:
        return model.AttachPolicy(ref=_ref(x, kind), policy=_any(x), attached=attached)

    return bind


def _ref(x: OpenApiExchange, kind: EntityKind) -> EntityRef:
    return EntityRef(kind, x.params[f"{kind.title()}Name"])


def _attached(kind: EntityKind) -> Callable[[OpenApiExchange], model.ListAttached]:
    return lambda x: model.ListAttached(ref=_ref(x, kind), limit=members.ITEMS_MAX)


def _policies_of(x: OpenApiExchange, found: Page[Policy]) -> Members:
    names = ("PolicyName", "PolicyType", "Description", "DefaultVersion")
    return members.listed("Policy", [members.only(members.policy_members(one), *names) for one in found.items])


def _entities(x: OpenApiExchange, found: tuple[Entity, ...]) -> Members:
    users = [one for one in found if one.kind == EntityKind.USER]
    groups = [one for one in found if one.kind == EntityKind.GROUP]
    roles = [one for one in found if one.kind == EntityKind.ROLE]
    role_names = ("RoleId", "RoleName", "Arn", "Description")
    return {
        **members.listed(
            "User", [members.only(members.user_members(one), "UserId", "UserName", "DisplayName") for one in users]
        ),
        **members.listed(
            "Group", [members.only(members.group_members(one), "GroupName", "Comments") for one in groups]
        ),
        **members.listed("Role", [members.only(members.role_members(one), *role_names) for one in roles]),
    }


_ATTACH = "PolicyType! PolicyName! ResourceGroupId"


def _attachment_rows() -> list[Row]:
    rows = []
    for kind in EntityKind:
        title = kind.title()
        name = f"{title}Name!"
        rows += [
            Row(f"AttachPolicyTo{title}", f"{_ATTACH} {name}", _attach(kind, True), members.nothing),
            Row(f"DetachPolicyFrom{title}", f"{_ATTACH} {name}", _attach(kind, False), members.nothing),
            Row(f"ListPoliciesFor{title}", name, _attached(kind), _policies_of),
        ]
    return rows


def rows() -> list[Row]:
    """The operations of this file."""
    return [
        Row("CreatePolicy", "PolicyName! PolicyDocument! Description Tag[Key! Value]", _create, _made),
        Row("GetPolicy", "PolicyName! PolicyType!", lambda x: model.GetPolicy(policy=_any(x)), _policy),
        Row(
            "DeletePolicy",
            "PolicyName! CascadingDelete:bool",
            lambda x: model.DeletePolicy(policy=_own(x), versions=x.params.get("CascadingDelete", False)),
            members.nothing,
        ),
        Row("ListPolicies", "PolicyType Marker MaxItems:int Tag[Key! Value]", _list, _policies),
        Row(
            "UpdatePolicyDescription",
            "PolicyName! NewDescription!",
            lambda x: model.DescribePolicy(policy=_own(x), description=members.comment(x, "NewDescription") or ""),
            lambda x, found: {"Policy": members.policy_members(found)},
        ),
        Row(
            "CreatePolicyVersion",
            "PolicyName! PolicyDocument! SetAsDefault:bool RotateStrategy",
            _create_version,
            _version_found,
        ),
        Row(
            "GetPolicyVersion",
            "PolicyName! PolicyType! VersionId!",
            lambda x: model.GetPolicyVersion(policy=_any(x), version=_version(x)),
            _version_found,
        ),
        Row(
            "ListPolicyVersions",
            "PolicyName! PolicyType!",
            lambda x: model.ListPolicyVersions(policy=_any(x)),
            _versions,
        ),
        Row(
            "SetDefaultPolicyVersion",
            "PolicyName! VersionId!",
            lambda x: model.SetDefaultPolicyVersion(policy=_own(x), version=_version(x)),
            members.nothing,
        ),
        Row(
            "DeletePolicyVersion",
            "PolicyName! VersionId!",
            lambda x: model.DeletePolicyVersion(policy=_own(x), version=_version(x)),
            members.nothing,
        ),
        Row(
            "ListEntitiesForPolicy",
            "PolicyName! PolicyType!",
            lambda x: model.ListAttachments(policy=_any(x)),
            _entities,
        ),
        *_attachment_rows(),
    ]
