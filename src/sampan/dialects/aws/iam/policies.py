"""Managed policies, their versions, and what they are attached to; policies of an entity's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sampan.dialects.aws.iam import forms, names
from sampan.dialects.aws.wire import arns
from sampan.dialects.aws.wire.service import Call, Done, nothing
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity.model import (
    AttachPolicy,
    CreatePolicy,
    CreatePolicyVersion,
    DeletePolicy,
    DeletePolicyVersion,
    Document,
    Entity,
    EntityKind,
    EntityRef,
    GetInlinePolicies,
    GetPolicy,
    GetPolicyVersion,
    ListAttached,
    ListAttachments,
    ListPolicies,
    ListPolicyVersions,
    Page,
    Policy,
    PolicyVersion,
    PutInlinePolicy,
    SetDefaultPolicyVersion,
    TagPolicy,
)

Ref = Callable[[Call], EntityRef]
Shown = Mapping[str, Any]

_VERSION = re.compile(r"v([1-9][0-9]{0,8})").fullmatch
_REFS: Mapping[str, Ref] = {"User": forms.user, "Group": forms.group, "Role": forms.role}
_BOUNDARIES = "PermissionsBoundary"


def _policy(call: Call) -> str:
    return arns.policy_of(call.params["PolicyArn"], call.caller.account, "policyArn")


def _version(call: Call) -> int:
    """The number in "v3". Raises Fault(MISSING, "policy version")."""
    match = _VERSION(call.params["VersionId"])
    if match is None:
        raise Fault(
            Kind.MISSING, "policy version", policy=call.params["PolicyArn"], version=call.params["VersionId"][1:32]
        )
    return int(match[1])


# --- policies ---------------------------------------------------------------------------------------------------------


def _bind_create(call: Call) -> CreatePolicy:
    given = call.params
    return CreatePolicy(
        policy=f"{given.get('Path', '/')}{given['PolicyName']}",
        document=forms.document(given["PolicyDocument"]),
        description=given.get("Description", ""),
        tags=forms.read_tags(call),
    )


def write_policy(call: Call, policy: Policy) -> forms.Dict:
    """A policy, without its document."""
    return {
        "PolicyName": policy.name,
        "PolicyId": names.policy_id(policy),
        "Arn": names.policy_arn(policy.policy, call.caller.account),
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.default}",
        "AttachmentCount": policy.attachments,
        "PermissionsBoundaryUsageCount": policy.boundaries,
        "IsAttachable": True,
        "Description": policy.description or None,
        "CreateDate": policy.created_ms,
        "UpdateDate": policy.updated_ms,
        "Tags": forms.write_tags(policy.tags),
    }


def _render_policy(call: Call, policy: Policy) -> Shown:
    return {"Policy": write_policy(call, policy)}


def _bind_list(call: Call) -> ListPolicies:
    given = call.params
    if given.get("PolicyUsageFilter") == _BOUNDARIES:
        raise Fault(Kind.NOT_DONE, "operation", operation="ListPolicies with PolicyUsageFilter")
    scope = given.get("Scope", "All")
    return ListPolicies(
        own={"Local": True, "AWS": False}.get(scope),
        cloud=names.CLOUD if scope == "AWS" else "",
        attached_only=given.get("OnlyAttached", False),
        path_prefix=given.get("PathPrefix", "/"),
        **forms.page(call),
    )


def _render_list(call: Call, page: Page[Policy]) -> Shown:
    """Other clouds' policies are not told of, though one that is attached works."""
    told = Page(tuple(policy for policy in page.items if policy.cloud in ("", names.CLOUD)), page.next)
    return forms.listed("Policies", told, lambda policy: {**write_policy(call, policy), "Description": None})


def _render_tags(call: Call, policy: Policy) -> Shown:
    return forms.tags_page(call, policy.tags)


# --- versions ---------------------------------------------------------------------------------------------------------


def _bind_create_version(call: Call) -> CreatePolicyVersion:
    return CreatePolicyVersion(
        policy=_policy(call),
        document=forms.document(call.params["PolicyDocument"]),
        make_default=call.params.get("SetAsDefault", False),
    )


def write_version(version: PolicyVersion) -> forms.Dict:
    """A version, without its document."""
    return {
        "VersionId": f"v{version.version}",
        "IsDefaultVersion": version.default,
        "CreateDate": version.created_ms,
    }


def _render_create_version(call: Call, version: PolicyVersion) -> Shown:
    return {"PolicyVersion": write_version(version)}


def _render_version(call: Call, version: PolicyVersion) -> Shown:
    """With the document."""
    return {"PolicyVersion": {"Document": forms.write_document(version.document), **write_version(version)}}


def _render_versions(call: Call, versions: tuple[PolicyVersion, ...]) -> Shown:
    """There are so few that they are always told at once."""
    return {"Versions": [write_version(version) for version in versions], "IsTruncated": False}


# --- attachments ------------------------------------------------------------------------------------------------------


def _attach(ref: Ref, attached: bool) -> Callable[[Call], AttachPolicy]:
    return lambda call: AttachPolicy(ref=ref(call), policy=_policy(call), attached=attached)


def _list_attached(ref: Ref) -> Callable[[Call], ListAttached]:
    return lambda call: ListAttached(ref=ref(call), path_prefix=call.params.get("PathPrefix", "/"), **forms.page(call))


def _render_attached(call: Call, page: Page[Policy]) -> Shown:
    def show(policy: Policy) -> Shown:
        return {"PolicyName": policy.name, "PolicyArn": names.policy_arn(policy.policy, call.caller.account)}

    return forms.listed("AttachedPolicies", page, show)


def _bind_entities(call: Call) -> ListAttachments:
    return ListAttachments(policy=_policy(call), boundary=call.params.get("PolicyUsageFilter") == _BOUNDARIES)


def _render_entities(call: Call, entities: tuple[Entity, ...]) -> Shown:
    """Three lists, paged as one."""
    given = call.params
    kind = {"User": EntityKind.USER, "Group": EntityKind.GROUP, "Role": EntityKind.ROLE}.get(
        given.get("EntityFilter", "")
    )
    prefix = given.get("PathPrefix", "/")
    wanted = [each for each in entities if (kind is None or each.kind is kind) and each.path.startswith(prefix)]
    page = forms.cut(call, wanted, lambda entity: f"{entity.kind}/{entity.name}")
    if given.get("EntityFilter") in ("LocalManagedPolicy", "AWSManagedPolicy"):
        raise Fault(Kind.INVALID, "argument", "EntityFilter must be User, Role or Group", name="entityFilter")
    lists: forms.Dict = forms.listed("PolicyUsers", page, lambda entity: entity)
    for word, kind_ in (("User", EntityKind.USER), ("Group", EntityKind.GROUP), ("Role", EntityKind.ROLE)):
        lists[f"Policy{word}s"] = [
            {f"{word}Name": entity.name, f"{word}Id": names.entity_id(entity)}
            for entity in page.items
            if entity.kind is kind_
        ]
    return lists


# --- policies of one's own --------------------------------------------------------------------------------------------


def _put_own(ref: Ref) -> Callable[[Call], PutInlinePolicy]:
    return lambda call: PutInlinePolicy(
        ref=ref(call), name=call.params["PolicyName"], document=forms.document(call.params["PolicyDocument"])
    )


def _delete_own(ref: Ref) -> Callable[[Call], PutInlinePolicy]:
    return lambda call: PutInlinePolicy(ref=ref(call), name=call.params["PolicyName"], document=None)


def _get_own(ref: Ref) -> Callable[[Call], GetInlinePolicies]:
    return lambda call: GetInlinePolicies(ref=ref(call), name=call.params["PolicyName"])


def _list_own(ref: Ref) -> Callable[[Call], GetInlinePolicies]:
    return lambda call: GetInlinePolicies(ref=ref(call))


def _render_own(word: str) -> Callable[[Call, Mapping[str, Document]], Shown]:
    def render(call: Call, found: Mapping[str, Document]) -> Shown:
        ((name, written),) = found.items()
        return {
            f"{word}Name": call.params[f"{word}Name"],
            "PolicyName": name,
            "PolicyDocument": forms.write_document(written),
        }

    return render


def _render_list_own(call: Call, found: Mapping[str, Document]) -> Shown:
    return forms.listed("PolicyNames", forms.cut(call, list(found), str), str)


def managed() -> dict[str, Done]:
    """IAM's operations on managed policies."""
    return {
        "CreatePolicy": Done(_bind_create, _render_policy),
        "GetPolicy": Done(lambda call: GetPolicy(policy=_policy(call)), _render_policy),
        "DeletePolicy": Done(lambda call: DeletePolicy(policy=_policy(call)), nothing),
        "ListPolicies": Done(_bind_list, _render_list),
        "TagPolicy": Done(lambda call: TagPolicy(policy=_policy(call), tags=forms.read_tags(call)), nothing),
        "UntagPolicy": Done(
            lambda call: TagPolicy(policy=_policy(call), remove=tuple(call.params["TagKeys"])), nothing
        ),
        "ListPolicyTags": Done(lambda call: GetPolicy(policy=_policy(call)), _render_tags),
        "CreatePolicyVersion": Done(_bind_create_version, _render_create_version),
        "GetPolicyVersion": Done(
            lambda call: GetPolicyVersion(policy=_policy(call), version=_version(call)), _render_version
        ),
        "ListPolicyVersions": Done(lambda call: ListPolicyVersions(policy=_policy(call)), _render_versions),
        "SetDefaultPolicyVersion": Done(
            lambda call: SetDefaultPolicyVersion(policy=_policy(call), version=_version(call)), nothing
        ),
        "DeletePolicyVersion": Done(
            lambda call: DeletePolicyVersion(policy=_policy(call), version=_version(call)), nothing
        ),
        "ListEntitiesForPolicy": Done(_bind_entities, _render_entities),
    }


def of_entities() -> dict[str, Done]:
    """IAM's operations on what users, groups and roles have, the same for each."""
    done: dict[str, Done] = {}
    for word, ref in _REFS.items():
        done |= {
            f"Attach{word}Policy": Done(_attach(ref, True), nothing),
            f"Detach{word}Policy": Done(_attach(ref, False), nothing),
            f"ListAttached{word}Policies": Done(_list_attached(ref), _render_attached),
            f"Put{word}Policy": Done(_put_own(ref), nothing),
            f"Delete{word}Policy": Done(_delete_own(ref), nothing),
            f"Get{word}Policy": Done(_get_own(ref), _render_own(word)),
            f"List{word}Policies": Done(_list_own(ref), _render_list_own),
        }
    return done
