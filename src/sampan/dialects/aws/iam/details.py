"""GetAccountAuthorizationDetails: who there is and what they may, all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sampan.dialects.aws.iam import forms, names
from sampan.dialects.aws.iam.instances import write_instance
from sampan.dialects.aws.iam.policies import write_policy, write_version
from sampan.dialects.aws.wire.service import Call, Done
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity.model import (
    Document,
    EntityDetails,
    EntityKind,
    GetDetails,
    Page,
    Policy,
    PolicyDetails,
)

Shown = Mapping[str, Any]

_KINDS = {"User": EntityKind.USER, "Group": EntityKind.GROUP, "Role": EntityKind.ROLE}
_OWN, _CLOUDS = "LocalManagedPolicy", "AWSManagedPolicy"


def _bind(call: Call) -> GetDetails:
    wanted = set(call.params.get("Filter") or (*_KINDS, _OWN, _CLOUDS))
    unknown = wanted - {*_KINDS, _OWN, _CLOUDS}
    if unknown:
        raise Fault(Kind.INVALID, "argument", f"{sorted(unknown)[0][:64]} is no filter", name="filter")
    return GetDetails(
        kinds=frozenset(kind for word, kind in _KINDS.items() if word in wanted),
        own=_OWN in wanted,
        clouds=_CLOUDS in wanted,
        **forms.page(call),
    )


def _render(call: Call, page: Page[EntityDetails | PolicyDetails]) -> Shown:
    """Four lists, paged as one. Another cloud's policies are not told of, though one that is attached works."""
    entities = [item for item in page.items if isinstance(item, EntityDetails)]
    by_kind = {kind: [item for item in entities if item.entity.kind is kind] for kind in EntityKind}
    policies = [item for item in page.items if isinstance(item, PolicyDetails)]
    told = [item for item in policies if item.policy.cloud in ("", names.CLOUD)]
    lists = forms.listed("UserDetailList", page, lambda item: item)
    return {
        **lists,
        "UserDetailList": [_user(call, item) for item in by_kind[EntityKind.USER]],
        "GroupDetailList": [
            {**forms.write_group(item.entity), **_policies(call, "Group", item)} for item in by_kind[EntityKind.GROUP]
        ],
        "RoleDetailList": [_role(call, item) for item in by_kind[EntityKind.ROLE]],
        "Policies": [_policy(call, item) for item in told],
    }


def _user(call: Call, item: EntityDetails) -> Shown:
    return {**forms.write_user(item.entity), **_policies(call, "User", item), "GroupList": list(item.groups)}


def _role(call: Call, item: EntityDetails) -> Shown:
    role = {
        name: value
        for name, value in forms.write_role(item.entity).items()
        if name not in ("Description", "MaxSessionDuration")
    }
    return {
        **role,
        **_policies(call, "Role", item),
        "InstanceProfileList": [write_instance(call, profile) for profile in item.profiles],
    }


def _policies(call: Call, word: str, item: EntityDetails) -> Shown:
    return {
        f"{word}PolicyList": [_inline(name, document) for name, document in item.inline.items()],
        "AttachedManagedPolicies": _attached(call, item.attached),
    }


def _inline(name: str, document: Document) -> Shown:
    return {"PolicyName": name, "PolicyDocument": forms.write_document(document)}


def _attached(call: Call, found: Sequence[Policy]) -> list[Shown]:
    account = call.caller.account
    return [{"PolicyName": policy.name, "PolicyArn": names.policy_arn(policy.policy, account)} for policy in found]


def _policy(call: Call, item: PolicyDetails) -> Shown:
    policy = {name: value for name, value in write_policy(call, item.policy).items() if name != "Tags"}
    versions = [
        {"Document": forms.write_document(version.document), **write_version(version)} for version in item.versions
    ]
    return {**policy, "PolicyVersionList": versions}


def operations() -> dict[str, Done]:
    """The one operation of this file."""
    return {"GetAccountAuthorizationDetails": Done(_bind, _render)}
