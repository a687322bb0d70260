"""Instance profiles: what carries a role to a machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sampan.dialects.aws.iam import forms, names
from sampan.dialects.aws.wire.service import Call, Done, nothing
from sampan.services.identity.model import (
    CreateInstanceProfile,
    DeleteInstanceProfile,
    GetInstanceProfile,
    InstanceProfile,
    ListInstanceProfiles,
    Page,
    SetInstanceRole,
    TagInstanceProfile,
)

Shown = Mapping[str, Any]

_ID_PREFIX = "AIPA"


def _name(call: Call) -> str:
    return str(call.params["InstanceProfileName"])


def _bind_create(call: Call) -> CreateInstanceProfile:
    return CreateInstanceProfile(name=_name(call), path=call.params.get("Path", "/"), tags=forms.read_tags(call))


def _bind_get(call: Call) -> GetInstanceProfile:
    return GetInstanceProfile(name=_name(call))


def _bind_list(call: Call) -> ListInstanceProfiles:
    return ListInstanceProfiles(
        role=call.params.get("RoleName"), path_prefix=call.params.get("PathPrefix", "/"), **forms.page(call)
    )


def _set(present: bool) -> Callable[[Call], SetInstanceRole]:
    return lambda call: SetInstanceRole(name=_name(call), role=call.params["RoleName"], present=present)


def write_instance(call: Call, profile: InstanceProfile) -> Shown:
    """An InstanceProfile of IAM's, with the role that it carries."""
    role = {} if profile.role is None else forms.write_role(profile.role)
    return {
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": _ID_PREFIX + profile.id,
        "Arn": names.instance_arn(profile, call.caller.account),
        "CreateDate": profile.created_ms,
        "Roles": [{name: value for name, value in role.items() if name != "RoleLastUsed"}] if role else [],
        "Tags": forms.write_tags(profile.tags),
    }


def _render(call: Call, profile: InstanceProfile) -> Shown:
    return {"InstanceProfile": write_instance(call, profile)}


def _render_list(call: Call, page: Page[InstanceProfile]) -> Shown:
    return forms.listed("InstanceProfiles", page, lambda profile: write_instance(call, profile))


def _render_tags(call: Call, profile: InstanceProfile) -> Shown:
    return forms.tags_page(call, profile.tags)


def operations() -> dict[str, Done]:
    """IAM's operations on instance profiles."""
    return {
        "CreateInstanceProfile": Done(_bind_create, _render),
        "GetInstanceProfile": Done(_bind_get, _render),
        "DeleteInstanceProfile": Done(lambda call: DeleteInstanceProfile(name=_name(call)), nothing),
        "ListInstanceProfiles": Done(_bind_list, _render_list),
        "ListInstanceProfilesForRole": Done(_bind_list, _render_list),
        "AddRoleToInstanceProfile": Done(_set(True), nothing),
        "RemoveRoleFromInstanceProfile": Done(_set(False), nothing),
        "TagInstanceProfile": Done(
            lambda call: TagInstanceProfile(name=_name(call), tags=forms.read_tags(call)), nothing
        ),
        "UntagInstanceProfile": Done(
            lambda call: TagInstanceProfile(name=_name(call), remove=tuple(call.params["TagKeys"])), nothing
        ),
        "ListInstanceProfileTags": Done(_bind_get, _render_tags),
    }
