"""Users and groups, and who is in which."""

from __future__ import annotations

from sampan.dialects.aliyun.ram import members
from sampan.dialects.aliyun.ram.members import Members
from sampan.dialects.aliyun.wire.openapi import OpenApiExchange, Row
from sampan.services.identity import model
from sampan.services.identity.model import Entity, EntityKind, Page

_USER = ["UserId", "UserName", "DisplayName", "MobilePhone", "Email", "Comments", "CreateDate"]
_GROUP = ["GroupId", "GroupName", "Comments", "CreateDate"]


# --- users ------------------------------------------------------------------------------------------------------------


def _create_user(x: OpenApiExchange) -> model.CreateEntity:
    note = {note: x.params[name] for name, note in members.USER_NOTES.items() if name in x.params}
    description = members.comment(x, "Comments") or ""
    return model.CreateEntity(ref=members.user(x.params["UserName"]), description=description, note=note)


def _user_made(x: OpenApiExchange, made: Entity) -> Members:
    return {"User": members.only(members.user_members(made), *_USER)}


def _user(x: OpenApiExchange, found: Entity) -> Members:
    return {"User": members.user_members(found)}


def _update_user(x: OpenApiExchange) -> model.UpdateEntity:
    note = {note: x.params["New" + name] for name, note in members.USER_NOTES.items() if "New" + name in x.params}
    return model.UpdateEntity(
        ref=members.user(x.params["UserName"]),
        new_name=x.params.get("NewUserName"),
        description=members.comment(x, "NewComments"),
        note=note or None,
    )


def _list_users(x: OpenApiExchange) -> model.ListEntities:
    return model.ListEntities(kind=EntityKind.USER, after=members.after(x), limit=members.limit(x))


def _users(x: OpenApiExchange, found: Page[Entity]) -> Members:
    return members.page("User", [members.user_members(entity) for entity in found.items], found)


# --- groups -----------------------------------------------------------------------------------------------------------


def _create_group(x: OpenApiExchange) -> model.CreateEntity:
    description = members.comment(x, "Comments") or ""
    return model.CreateEntity(ref=members.group(x.params["GroupName"]), description=description)


def _group_made(x: OpenApiExchange, made: Entity) -> Members:
    return {"Group": members.only(members.group_members(made), *_GROUP)}


def _group(x: OpenApiExchange, found: Entity) -> Members:
    return {"Group": members.group_members(found)}


def _update_group(x: OpenApiExchange) -> model.UpdateEntity:
    return model.UpdateEntity(
        ref=members.group(x.params["GroupName"]),
        new_name=x.params.get("NewGroupName"),
        description=members.comment(x, "NewComments"),
    )


def _list_groups(x: OpenApiExchange) -> model.ListEntities:
    return model.ListEntities(kind=EntityKind.GROUP, after=members.after(x), limit=members.limit(x))


def _groups(x: OpenApiExchange, found: Page[Entity]) -> Members:
    return members.page("Group", [members.group_members(entity) for entity in found.items], found)


# --- who is in which --------------------------------------------------------------------------------------------------


def _member(x: OpenApiExchange, member: bool) -> model.SetMember:
    return model.SetMember(group=x.params["GroupName"], user=x.params["UserName"], member=member)


def _list_members(x: OpenApiExchange) -> model.ListMembers:
    return model.ListMembers(of=members.group(x.params["GroupName"]), after=members.after(x), limit=members.limit(x))


def _members(x: OpenApiExchange, found: Page[Entity]) -> Members:
    users = [members.only(members.user_members(entity), "UserName", "DisplayName") for entity in found.items]
    return members.page("User", users, found)


def _list_groups_of(x: OpenApiExchange) -> model.ListMembers:
    return model.ListMembers(of=members.user(x.params["UserName"]), limit=members.ITEMS_MAX)


def _groups_of(x: OpenApiExchange, found: Page[Entity]) -> Members:
    groups = [members.only(members.group_members(one), "GroupId", "GroupName", "Comments") for one in found.items]
    return members.listed("Group", groups)


ROWS = (
    Row("CreateUser", "UserName! DisplayName MobilePhone Email Comments", _create_user, _user_made),
    Row("GetUser", "UserName!", lambda x: model.GetEntity(ref=members.user(x.params["UserName"])), _user),
    Row(
        "UpdateUser",
        "UserName! NewUserName NewDisplayName NewMobilePhone NewEmail NewComments",
        _update_user,
        _user,
    ),
    Row(
        "DeleteUser",
        "UserName!",
        lambda x: model.DeleteEntity(ref=members.user(x.params["UserName"])),
        members.nothing,
    ),
    Row("ListUsers", "Marker MaxItems:int", _list_users, _users),
    Row("CreateGroup", "GroupName! Comments", _create_group, _group_made),
    Row("GetGroup", "GroupName!", lambda x: model.GetEntity(ref=members.group(x.params["GroupName"])), _group),
    Row("UpdateGroup", "GroupName! NewGroupName NewComments", _update_group, _group),
    Row(
        "DeleteGroup",
        "GroupName!",
        lambda x: model.DeleteEntity(ref=members.group(x.params["GroupName"])),
        members.nothing,
    ),
    Row("ListGroups", "Marker MaxItems:int", _list_groups, _groups),
    Row("AddUserToGroup", "GroupName! UserName!", lambda x: _member(x, True), members.nothing),
    Row("RemoveUserFromGroup", "GroupName! UserName!", lambda x: _member(x, False), members.nothing),
    Row("ListUsersForGroup", "GroupName! Marker MaxItems:int", _list_members, _members),
    Row("ListGroupsForUser", "UserName!", _list_groups_of, _groups_of),
)
