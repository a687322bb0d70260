"""Users, groups and roles: made, shown, changed, tagged and listed. One bind and one render for each operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sampan.dialects.aws.iam import forms
from sampan.dialects.aws.wire import arns
from sampan.dialects.aws.wire.service import Call, Done, nothing
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity.model import (
    CreateEntity,
    DeleteEntity,
    Entity,
    EntityKind,
    EntityRef,
    GetEntity,
    ListEntities,
    ListMembers,
    Members,
    Page,
    SetBoundary,
    SetMember,
    TagEntity,
    UpdateEntity,
)

Ref = Callable[[Call], EntityRef]
Shown = Mapping[str, Any]

SERVICE_ROLE_PATH = "/aws-service-role/"
SERVICE_SESSION_S = 3600


# --- what all three have ----------------------------------------------------------------------------------------------


def _get(ref: Ref) -> Callable[[Call], GetEntity]:
    return lambda call: GetEntity(ref=ref(call))


def _delete(ref: Ref) -> Callable[[Call], DeleteEntity]:
    return lambda call: DeleteEntity(ref=ref(call))


def _list(kind: EntityKind) -> Callable[[Call], ListEntities]:
    return lambda call: ListEntities(kind=kind, path_prefix=call.params.get("PathPrefix", "/"), **forms.page(call))


def _shown(word: str, write: Callable[[Entity], forms.Dict]) -> Callable[[Call, Entity], Shown]:
    return lambda _, entity: {word: write(entity)}


def _all(word: str, write: Callable[[Entity], forms.Dict]) -> Callable[[Call, Page[Entity]], Shown]:
    return lambda _, found: forms.listed(word, found, write)


def _tag(ref: Ref) -> Callable[[Call], TagEntity]:
    return lambda call: TagEntity(ref=ref(call), tags=forms.read_tags(call))


def _untag(ref: Ref) -> Callable[[Call], TagEntity]:
    return lambda call: TagEntity(ref=ref(call), remove=tuple(call.params["TagKeys"]))


def _render_tags(call: Call, entity: Entity) -> Shown:
    return forms.tags_page(call, entity.tags)


def _bound(ref: Ref) -> Callable[[Call], SetBoundary]:
    def bind(call: Call) -> SetBoundary:
        arn = call.params["PermissionsBoundary"]
        return SetBoundary(ref=ref(call), policy=arns.policy_of(arn, call.caller.account, "permissionsBoundary"))

    return bind


def _unbound(ref: Ref) -> Callable[[Call], SetBoundary]:
    return lambda call: SetBoundary(ref=ref(call), policy=None)


def _boundary(call: Call) -> str | None:
    arn = call.params.get("PermissionsBoundary")
    return None if arn is None else arns.policy_of(arn, call.caller.account, "permissionsBoundary")


def _rename(ref: Ref, word: str) -> Callable[[Call], UpdateEntity]:
    return lambda call: UpdateEntity(
        ref=ref(call), new_name=call.params.get(f"New{word}Name"), new_path=call.params.get("NewPath")
    )


# --- each by itself ---------------------------------------------------------------------------------------------------


def _bind_create_user(call: Call) -> CreateEntity:
    return CreateEntity(
        ref=forms.user(call),
        path=call.params.get("Path", "/"),
        boundary=_boundary(call),
        tags=forms.read_tags(call),
    )


def _bind_create_group(call: Call) -> CreateEntity:
    return CreateEntity(ref=forms.group(call), path=call.params.get("Path", "/"))


def _bind_create_role(call: Call) -> CreateEntity:
    given = call.params
    return CreateEntity(
        ref=forms.role(call),
        path=given.get("Path", "/"),
        description=given.get("Description", ""),
        trust=forms.document(given["AssumeRolePolicyDocument"]),
        session_s_max=given.get("MaxSessionDuration", SERVICE_SESSION_S),
        boundary=_boundary(call),
        tags=forms.read_tags(call),
    )


def _bind_create_service_role(call: Call) -> CreateEntity:
    """A role that a service of AWS uses for itself. Its name and path follow from the service's."""
    service = call.params["AWSServiceName"]
    first, dot, _ = service.partition(".")
    if not dot or not first.replace("-", "").isalnum():
        raise Fault(Kind.INVALID, "argument", f"{service[:128]} is not the name of a service", name="aWSServiceName")
    suffix = call.params.get("CustomSuffix")
    trusted = f'{{"Service":"{service}"}}'
    trust = (
        f'{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{trusted},"Action":"sts:AssumeRole"}}]}}'
    )
    word = "".join(part.capitalize() for part in first.split("-"))
    return CreateEntity(
        ref=EntityRef(EntityKind.ROLE, f"AWSServiceRoleFor{word}{f'_{suffix}' if suffix else ''}"),
        path=f"{SERVICE_ROLE_PATH}{service}/",
        description=call.params.get("Description", ""),
        trust=forms.document(trust),
        service_linked=service,
    )


def _bind_update_role(call: Call) -> UpdateEntity:
    given = call.params
    return UpdateEntity(
        ref=forms.role(call), description=given.get("Description"), session_s_max=given.get("MaxSessionDuration")
    )


def _bind_update_trust(call: Call) -> UpdateEntity:
    return UpdateEntity(ref=forms.role(call), trust=forms.document(call.params["PolicyDocument"]))


def _bind_list_group(call: Call) -> ListMembers:
    return ListMembers(of=forms.group(call), **forms.page(call))


def _render_list_group(call: Call, found: Members) -> Shown:
    """GetGroup tells of the group and of its users."""
    return {"Group": forms.write_group(found.of), **forms.listed("Users", found, forms.write_user)}


def _bind_groups_of_user(call: Call) -> ListMembers:
    return ListMembers(of=forms.user(call), **forms.page(call))


def _member(member: bool) -> Callable[[Call], SetMember]:
    return lambda call: SetMember(group=call.params["GroupName"], user=call.params["UserName"], member=member)


def users() -> dict[str, Done]:
    """IAM's operations on users."""
    ref = forms.user
    return {
        "CreateUser": Done(_bind_create_user, _shown("User", forms.write_user)),
        "GetUser": Done(_get(ref), _shown("User", forms.write_user)),
        "UpdateUser": Done(_rename(ref, "User"), nothing),
        "DeleteUser": Done(_delete(ref), nothing),
        "ListUsers": Done(_list(EntityKind.USER), _all("Users", forms.write_user)),
        "TagUser": Done(_tag(ref), nothing),
        "UntagUser": Done(_untag(ref), nothing),
        "ListUserTags": Done(_get(ref), _render_tags),
        "PutUserPermissionsBoundary": Done(_bound(ref), nothing),
        "DeleteUserPermissionsBoundary": Done(_unbound(ref), nothing),
        "ListGroupsForUser": Done(_bind_groups_of_user, _all("Groups", forms.write_group)),
    }


def groups() -> dict[str, Done]:
    """IAM's operations on groups."""
    ref = forms.group
    return {
        "CreateGroup": Done(_bind_create_group, _shown("Group", forms.write_group)),
        "GetGroup": Done(_bind_list_group, _render_list_group),
        "UpdateGroup": Done(_rename(ref, "Group"), nothing),
        "DeleteGroup": Done(_delete(ref), nothing),
        "ListGroups": Done(_list(EntityKind.GROUP), _all("Groups", forms.write_group)),
        "AddUserToGroup": Done(_member(True), nothing),
        "RemoveUserFromGroup": Done(_member(False), nothing),
    }


def roles() -> dict[str, Done]:
    """IAM's operations on roles."""
    ref = forms.role
    return {
        "CreateRole": Done(_bind_create_role, _shown("Role", forms.write_role)),
        "CreateServiceLinkedRole": Done(_bind_create_service_role, _shown("Role", forms.write_role)),
        "GetRole": Done(_get(ref), _shown("Role", forms.write_role)),
        "UpdateRole": Done(_bind_update_role, nothing),
        "UpdateRoleDescription": Done(_bind_update_role, _shown("Role", forms.write_role)),
        "UpdateAssumeRolePolicy": Done(_bind_update_trust, nothing),
        "DeleteRole": Done(_delete(ref), nothing),
        "ListRoles": Done(_list(EntityKind.ROLE), _all("Roles", forms.write_role)),
        "TagRole": Done(_tag(ref), nothing),
        "UntagRole": Done(_untag(ref), nothing),
        "ListRoleTags": Done(_get(ref), _render_tags),
        "PutRolePermissionsBoundary": Done(_bound(ref), nothing),
        "DeleteRolePermissionsBoundary": Done(_unbound(ref), nothing),
    }
