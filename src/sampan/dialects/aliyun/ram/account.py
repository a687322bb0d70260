"""The account as a whole: its alias, its settings, and the tags of what it has."""

from __future__ import annotations

from typing import Any

from sampan.dialects.aliyun.ram import members
from sampan.dialects.aliyun.ram.members import Members
from sampan.dialects.aliyun.wire import denials
from sampan.dialects.aliyun.wire.openapi import OpenApiExchange, Row
from sampan.dialects.aliyun.wire.policy import GRAMMAR
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity import model
from sampan.services.identity.model import Entity, EntityKind, EntityRef, Page, Policy

_KINDS = {"user": EntityKind.USER, "group": EntityKind.GROUP, "role": EntityKind.ROLE}


def _alias(x: OpenApiExchange, found: str | None) -> Members:
    if found is None:
        raise Fault(Kind.MISSING, "alias")
    return {"AccountAlias": found}


# --- tags -------------------------------------------------------------------------------------------------------------


def _kind(x: OpenApiExchange) -> EntityKind | None:
    """Of what the tags are; None for policies. Raises INVALID "argument"."""
    kind: str = x.params["ResourceType"]
    if kind not in _KINDS and kind != "policy":
        why = "ResourceType must be role, policy, user or group."
        raise Fault(Kind.INVALID, "argument", why, name="ResourceType", value=kind[:64])
    return _KINDS.get(kind)


def _name(x: OpenApiExchange) -> str:
    """The one resource that is named. Several at once would have to change all together: that is not done yet."""
    names: list[str] = x.params["ResourceNames"]
    if len(names) != 1:
        raise Fault(Kind.NOT_DONE, "operation", "More than one of ResourceNames at once is not done by Sampan yet.")
    return names[0]


def _change(x: OpenApiExchange, tags: dict[str, str], remove: tuple[str, ...]) -> Command:
    kind, name = _kind(x), _name(x)
    if kind is None:
        return model.TagPolicy(policy=members.policy_id(name, members.OWN), tags=tags, remove=remove)
    return model.TagEntity(ref=EntityRef(kind, name), tags=tags, remove=remove)


def _untag(x: OpenApiExchange) -> Command:
    if x.params.get("All"):
        raise Fault(Kind.NOT_DONE, "operation", "All is not done by Sampan yet: name the TagKeys.")
    if "TagKeys" not in x.params:
        raise Fault(Kind.ABSENT, "argument", name="TagKeys")
    return _change(x, {}, tuple(x.params["TagKeys"]))


def _list_tags(x: OpenApiExchange) -> Command:
    kind, names = _kind(x), x.params.get("ResourceNames", [])
    if len(names) == 1:
        if kind is None:
            return model.GetPolicy(policy=members.policy_id(names[0], members.OWN))
        return model.GetEntity(ref=EntityRef(kind, names[0]))
    after, limit = x.params.get("NextToken", ""), members.limit(x, "PageSize")
    if kind is None:
        return model.ListPolicies(own=True, after=after, limit=limit)
    return model.ListEntities(kind=kind, after=after, limit=limit)


def _tags(x: OpenApiExchange, found: Any) -> Members:
    """One row for each tag of each resource; a page is one of resources."""
    things = found.items if isinstance(found, Page) else (found,)
    names, wanted = x.params.get("ResourceNames", []), members.tags(x)
    rows = [
        {"ResourceType": x.params["ResourceType"], "ResourceName": name, "TagKey": key, "TagValue": value}
        for thing in things
        if (name := _named(thing)) in names or not names
        if members.tagged(thing.tags, wanted)
        for key, value in sorted(thing.tags.items())
    ]
    return {"TagResources": rows, "NextToken": found.next if isinstance(found, Page) else None}


def _named(thing: Entity | Policy) -> str:
    return thing.name if isinstance(thing, Entity) else members.policy_name(thing)


ROWS = (
    Row("SetAccountAlias", "AccountAlias!", lambda x: model.SetAlias(alias=x.params["AccountAlias"]), members.nothing),
    Row("GetAccountAlias", "", lambda x: model.GetAlias(), _alias),
    Row("ClearAccountAlias", "", lambda x: model.SetAlias(alias=None), members.nothing),
    Row(
        "TagResources",
        "ResourceType! ResourceNames![] Tag![Key! Value]",
        lambda x: _change(x, members.tags(x), ()),
        members.nothing,
    ),
    Row("UntagResources", "ResourceType! ResourceNames![] TagKeys[] All:bool", _untag, members.nothing),
    Row("ListTagResources", "ResourceType! ResourceNames[] Tag[Key! Value] NextToken PageSize:int", _list_tags, _tags),
    Row(
        "DecodeDiagnosticMessage",
        "EncodedDiagnosticMessage!",
        lambda x: model.DecodeDenial(message=x.params["EncodedDiagnosticMessage"]),
        lambda x, found: {"DecodedDiagnosticMessage": denials.decoded(found, GRAMMAR.keys.called)},
    ),
)
