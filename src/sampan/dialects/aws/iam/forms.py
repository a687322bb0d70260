"""What many of IAM's operations have in common: tags, documents, pages, and how entities are shown."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from sampan.dialects.aws.iam import names
from sampan.dialects.aws.wire.service import Call
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity.model import Document, Entity, EntityKind, EntityRef, Language, Page

T = TypeVar("T")
Dict = dict[str, Any]

ITEMS = 100  # in a page, if the caller does not say


# --- in ---------------------------------------------------------------------------------------------------------------


def user(call: Call) -> EntityRef:
    """The user that UserName names; where it may be left out, "" stands for the caller."""
    return EntityRef(EntityKind.USER, call.params.get("UserName", ""))


def group(call: Call) -> EntityRef:
    """The group that GroupName names."""
    return EntityRef(EntityKind.GROUP, call.params["GroupName"])


def role(call: Call) -> EntityRef:
    """The role that RoleName names."""
    return EntityRef(EntityKind.ROLE, call.params["RoleName"])


def read_tags(call: Call) -> dict[str, str]:
    """Tags as the core has them. Raises Fault(INVALID, "tags")."""
    tags: dict[str, str] = {}
    for tag in call.params.get("Tags", ()):
        if tag["Key"] in tags:
            raise Fault(
                Kind.INVALID, "tags", "Duplicate tag keys found. Please note that Tag keys are case insensitive."
            )
        tags[tag["Key"]] = tag["Value"]
    return tags


def document(text: str) -> Document:
    """A policy in IAM's language."""
    return Document(Language.IAM, text)


def page(call: Call) -> Dict:
    """`after` and `limit` of a listing. Raises Fault(INVALID, "argument") for a marker that is none."""
    marker = call.params.get("Marker", "")
    try:
        after = base64.urlsafe_b64decode(marker).decode()
    except (binascii.Error, ValueError):
        raise Fault(Kind.INVALID, "argument", f"Invalid Marker: {marker[:64]}", name="marker") from None
    return {"after": after, "limit": call.params.get("MaxItems", ITEMS)}


# --- out --------------------------------------------------------------------------------------------------------------


def listed(key: str, found: Page[T], show: Callable[[T], Any]) -> Dict:
    """A page. The marker is opaque to clients: the last name, encoded."""
    return {key: [show(item) for item in found.items], **_end(found.next)}


def cut(call: Call, items: Sequence[T], name: Callable[[T], str]) -> Page[T]:
    """A page of what the service gives as a whole, by `name`."""
    asked = page(call)
    rest = sorted((item for item in items if name(item) > asked["after"]), key=name)
    shown = rest[: asked["limit"]]
    return Page(tuple(shown), name(shown[-1]) if len(rest) > len(shown) else None)


def _end(after: str | None) -> Dict:
    if after is None:
        return {"IsTruncated": False}
    return {"IsTruncated": True, "Marker": base64.urlsafe_b64encode(after.encode()).decode()}


def write_document(written: Document | None) -> str | None:
    """A policy as IAM gives it back: percent-encoded (RFC 3986)."""
    return None if written is None else quote(written.text, safe="")


def write_tags(tags: Mapping[str, str]) -> list[Dict] | None:
    """None, which leaves the element out, if there are none."""
    return [{"Key": key, "Value": value} for key, value in tags.items()] or None


def tags_page(call: Call, tags: Mapping[str, str]) -> Dict:
    """A page of an entity's tags."""
    page_ = cut(call, list(tags.items()), lambda pair: pair[0])
    return listed("Tags", page_, lambda pair: {"Key": pair[0], "Value": pair[1]})


def write_user(entity: Entity) -> Dict:
    """A User of IAM's."""
    return {**_entity(entity, "User"), "PermissionsBoundary": _boundary(entity), "Tags": write_tags(entity.tags)}


def write_group(entity: Entity) -> Dict:
    """A Group of IAM's."""
    return _entity(entity, "Group")


def write_role(entity: Entity) -> Dict:
    """A Role of IAM's, with its trust policy."""
    used = {"LastUsedDate": entity.last_used_ms} if entity.last_used_ms is not None else {}
    return {
        **_entity(entity, "Role"),
        "AssumeRolePolicyDocument": write_document(entity.trust),
        "Description": entity.description or None,
        "MaxSessionDuration": entity.session_s_max,
        "PermissionsBoundary": _boundary(entity),
        "Tags": write_tags(entity.tags),
        "RoleLastUsed": used,
    }


def _entity(entity: Entity, word: str) -> Dict:
    return {
        "Path": entity.path,
        f"{word}Name": entity.name,
        f"{word}Id": names.entity_id(entity),
        "Arn": names.entity_arn(entity),
        "CreateDate": entity.created_ms,
    }


def _boundary(entity: Entity) -> Dict | None:
    if entity.boundary is None:
        return None
    return {
        "PermissionsBoundaryType": "Policy",
        "PermissionsBoundaryArn": names.policy_arn(entity.boundary, entity.account),
    }
