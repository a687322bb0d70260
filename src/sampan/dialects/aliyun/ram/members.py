"""What RAM's replies are made of: users, groups, roles and policies as their members are named, and shared readers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sampan.dialects.aliyun.wire import arn, ram_names
from sampan.dialects.aliyun.wire.dates import iso_seconds
from sampan.dialects.aliyun.wire.openapi import OpenApiExchange
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity.model import Document, Entity, EntityKind, EntityRef, Language, Page, Policy

Members = dict[str, Any]

ITEMS_MAX = 1000  # of one page of a list
ITEMS = 100  # of a page, if the client does not say
COMMENT_CHARS_MAX = 1024

USER_NOTES = {"DisplayName": "display-name", "MobilePhone": "mobile-phone", "Email": "email"}
"""What RAM's users have beside those of other clouds, and the notes in which an Entity keeps it."""

OWN, CLOUDS = "Custom", "System"
_CLOUD = "aliyun:/"


def nothing(x: OpenApiExchange, result: object) -> Members:
    """For operations that only do."""
    return {}


def user(name: str) -> EntityRef:
    """The user of that name; "" is the caller."""
    return EntityRef(EntityKind.USER, name)


def group(name: str) -> EntityRef:
    """The group of that name."""
    return EntityRef(EntityKind.GROUP, name)


def role(name: str) -> EntityRef:
    """The role of that name."""
    return EntityRef(EntityKind.ROLE, name)


def document(text: str) -> Document:
    """A policy as RAM's clients write it."""
    return Document(Language.RAM, text)


# --- reading ----------------------------------------------------------------------------------------------------------


def limit(x: OpenApiExchange, name: str = "MaxItems") -> int:
    """How many items a page shall have. Raises INVALID "argument"."""
    value: int = x.params.get(name, ITEMS)
    if not 1 <= value <= ITEMS_MAX:
        why = f"{name} must be a number from 1 to {ITEMS_MAX}."
        raise Fault(Kind.INVALID, "argument", why, name=name, value=str(value))
    return value


def after(x: OpenApiExchange) -> str:
    """Where the last page ended. Raises INVALID "argument"."""
    return ram_names.after(x.params.get("Marker"))


def comment(x: OpenApiExchange, name: str) -> str | None:
    """A comment or a description, None if there is none. Raises INVALID "argument"."""
    value: str | None = x.params.get(name)
    if value is not None and len(value) > COMMENT_CHARS_MAX:
        why = f'The parameter "{name}" is longer than {COMMENT_CHARS_MAX} characters.'
        raise Fault(Kind.INVALID, "argument", why, name=name, code="Length", value=value[:64])
    return value


def tags(x: OpenApiExchange) -> dict[str, str]:
    """The parameter Tag. Raises INVALID "tags" if a key is given twice."""
    pairs = [(tag["Key"], tag.get("Value", "")) for tag in x.params.get("Tag", ())]
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Fault(Kind.INVALID, "tags", "A tag's key may be given only once.")
    return found


def tagged(have: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether all wanted tags are there; an empty value stands for any."""
    return all(key in have and value in ("", have[key]) for key, value in wanted.items())


def policy_id(name: str, kind: str) -> str:
    """The core's id of a policy that RAM names by name and type. Policies that other clouds' APIs made may have a path:
    it is part of their name here. Raises INVALID "argument"."""
    if kind == OWN:
        return "/" + name
    if kind != CLOUDS:
        why = f"PolicyType must be {CLOUDS} or {OWN}."
        raise Fault(Kind.INVALID, "argument", why, name="PolicyType", value=kind[:64])
    cloud, slash, rest = name.partition("/")
    return f"{cloud}:/{rest}" if slash else _CLOUD + name


def policy_name(policy: Policy) -> str:
    """The inverse: what RAM calls a policy."""
    return policy.policy.removeprefix(_CLOUD).removeprefix("/").replace(":/", "/", 1)


# --- writing ----------------------------------------------------------------------------------------------------------


def page(name: str, items: Iterable[Members], found: Page[Any]) -> Members:
    """`Users.User[]` and the like, with what leads to the next page."""
    end: Members = {"IsTruncated": found.next is not None}
    if found.next is not None:
        end["Marker"] = ram_names.marker(found.next)
    return {**end, **listed(name, items)}


def listed(name: str, items: Iterable[Members]) -> Members:
    """A list as RAM nests it: `{"Users": {"User": [...]}}`."""
    plural = "Policies" if name == "Policy" else name + "s"
    return {plural: {name: list(items)}}


def user_members(entity: Entity) -> Members:
    """A user, in full."""
    return {
        "UserId": ram_names.number("user", entity.id),
        "UserName": entity.name,
        **{member: entity.note.get(note, "") for member, note in USER_NOTES.items()},
        "Comments": entity.description,
        "CreateDate": iso_seconds(entity.created_ms),
        "UpdateDate": iso_seconds(entity.updated_ms),
    }


def group_members(entity: Entity) -> Members:
    """A group, in full."""
    return {
        "GroupId": ram_names.number("group", entity.id),
        "GroupName": entity.name,
        "Comments": entity.description,
        "CreateDate": iso_seconds(entity.created_ms),
        "UpdateDate": iso_seconds(entity.updated_ms),
    }


def role_members(entity: Entity) -> Members:
    """A role, but for its trust policy."""
    members: Members = {
        "RoleId": ram_names.number("role", entity.id),
        "RoleName": entity.name,
        "Arn": arn.identity(entity.account, "role", entity.name),
        "Description": entity.description,
        "MaxSessionDuration": entity.session_s_max,
        "CreateDate": iso_seconds(entity.created_ms),
        "UpdateDate": iso_seconds(entity.updated_ms),
    }
    if entity.service_linked:
        members["IsServiceLinkedRole"] = True
    return members


def policy_members(policy: Policy) -> Members:
    """A policy, but for its document."""
    return {
        "PolicyName": policy_name(policy),
        "PolicyType": CLOUDS if policy.cloud else OWN,
        "Description": policy.description,
        "DefaultVersion": f"v{policy.default}",
        "AttachmentCount": policy.attachments,
        "CreateDate": iso_seconds(policy.created_ms),
        "UpdateDate": iso_seconds(policy.updated_ms),
    }


def tag_members(tags: Mapping[str, str]) -> Members:
    """The tags of an item of a list; nothing if it has none."""
    items = [{"TagKey": key, "TagValue": value} for key, value in sorted(tags.items())]
    return {"Tags": {"Tag": items}} if items else {}


def only(members: Members, *names: str) -> Members:
    """Those members that an operation's reply has of a thing."""
    return {name: members[name] for name in names if name in members}
