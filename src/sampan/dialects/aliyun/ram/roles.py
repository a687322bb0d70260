"""Roles, those that services make for themselves included."""

from __future__ import annotations

import json
import re

from sampan.dialects.aliyun.ram import members
from sampan.dialects.aliyun.ram.members import Members
from sampan.dialects.aliyun.wire import arn
from sampan.dialects.aliyun.wire.openapi import OpenApiExchange, Row
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity import model
from sampan.services.identity.model import Entity, EntityKind, Page

SESSION_S_MIN, SESSION_S_MAX = 3600, 43200
_SERVICE = re.compile(r"([a-z0-9-]{1,40}(?:\.[a-z0-9-]{1,40})?)\.aliyuncs\.com")
_SUFFIX = re.compile(r"[A-Za-z0-9-]{1,64}")


def _session_s(x: OpenApiExchange, name: str) -> int | None:
    value: int | None = x.params.get(name)
    if value is not None and not SESSION_S_MIN <= value <= SESSION_S_MAX:
        why = f"{name} must be from {SESSION_S_MIN} to {SESSION_S_MAX} seconds."
        raise Fault(Kind.INVALID, "argument", why, name=name, value=str(value))
    return value


def _create(x: OpenApiExchange) -> model.CreateEntity:
    return model.CreateEntity(
        ref=members.role(x.params["RoleName"]),
        description=members.comment(x, "Description") or "",
        trust=members.document(x.params["AssumeRolePolicyDocument"]),
        session_s_max=_session_s(x, "MaxSessionDuration") or SESSION_S_MIN,
        tags=members.tags(x),
    )


def _role(x: OpenApiExchange, found: Entity) -> Members:
    trust = found.trust.text if found.trust is not None else ""
    return {"Role": {**members.role_members(found), "AssumeRolePolicyDocument": trust}}


def _made(x: OpenApiExchange, made: Entity) -> Members:
    role = _role(x, made)["Role"]
    return {"Role": {name: value for name, value in role.items() if name != "UpdateDate"}}


def _update(x: OpenApiExchange) -> model.UpdateEntity:
    trust: str | None = x.params.get("NewAssumeRolePolicyDocument")
    return model.UpdateEntity(
        ref=members.role(x.params["RoleName"]),
        description=members.comment(x, "NewDescription"),
        trust=members.document(trust) if trust is not None else None,
        session_s_max=_session_s(x, "NewMaxSessionDuration"),
    )


def _list(x: OpenApiExchange) -> model.ListEntities:
    return model.ListEntities(kind=EntityKind.ROLE, after=members.after(x), limit=members.limit(x))


def _roles(x: OpenApiExchange, found: Page[Entity]) -> Members:
    wanted = members.tags(x)
    roles = [
        {**members.role_members(entity), **members.tag_members(entity.tags)}
        for entity in found.items
        if members.tagged(entity.tags, wanted)
    ]
    return members.page("Role", roles, found)


def _create_linked(x: OpenApiExchange) -> model.CreateEntity:
    """The role that a service is to have: named after it, and trusting it alone."""
    service = x.params["ServiceName"]
    match = _SERVICE.fullmatch(service)
    if match is None:
        why = "ServiceName is not the name of a service."
        raise Fault(Kind.INVALID, "argument", why, name="ServiceName", value=service[:64])
    name = "AliyunServiceRoleFor" + "".join(part.capitalize() for part in re.split(r"[.-]", match[1]))
    suffix: str | None = x.params.get("CustomSuffix")
    if suffix is not None:
        if _SUFFIX.fullmatch(suffix) is None:
            raise Fault(Kind.INVALID, "argument", name="CustomSuffix", value=suffix[:64])
        name += "_" + suffix
    trust = {
        "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": [service]}}],
        "Version": "1",
    }
    return model.CreateEntity(
        ref=members.role(name),
        description=members.comment(x, "Description") or "",
        trust=members.document(json.dumps(trust)),
        service_linked=service,
    )


def _linked(x: OpenApiExchange, made: Entity) -> Members:
    role = _made(x, made)["Role"]
    return {"Role": {name: value for name, value in role.items() if name != "MaxSessionDuration"}}


def _deleting(x: OpenApiExchange, result: object) -> Members:
    """The vendor's service has to agree first, and so it answers with a task; here it is done by now."""
    return {"DeletionTaskId": f"task/role/{x.params['RoleName']}/{x.request_id}"}


def _delete(x: OpenApiExchange) -> model.DeleteEntity:
    return model.DeleteEntity(ref=members.role(x.params["RoleName"]))


def _role_got(x: OpenApiExchange, found: Entity) -> Members:
    principal = f"{found.name}@role.{arn.identity(found.account, '', '').split(':')[3]}.onaliyunservice.com"
    return {"Role": {**_role(x, found)["Role"], "RolePrincipalName": principal}}


ROWS = (
    Row(
        "CreateRole",
        "RoleName! AssumeRolePolicyDocument! Description MaxSessionDuration:int AllowConsoleLogin:bool Tag[Key! Value]",
        _create,
        _made,
    ),
    Row("GetRole", "RoleName!", lambda x: model.GetEntity(ref=members.role(x.params["RoleName"])), _role_got),
    Row(
        "UpdateRole",
        "RoleName! NewAssumeRolePolicyDocument NewDescription NewMaxSessionDuration:int NewAllowConsoleLogin:bool",
        _update,
        _role,
    ),
    Row("DeleteRole", "RoleName!", _delete, members.nothing),
    Row("ListRoles", "Marker MaxItems:int Tag[Key! Value]", _list, _roles),
    Row("CreateServiceLinkedRole", "ServiceName! CustomSuffix Description", _create_linked, _linked),
    Row("DeleteServiceLinkedRole", "RoleName!", _delete, _deleting),
    Row("GetServiceLinkedRoleTemplate", "ServiceName!"),
)
