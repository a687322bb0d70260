"""Every command of every service: refused without permission, allowed with exactly the right one, and never across
accounts."""

from __future__ import annotations

from typing import Any

import pytest

from sampan.kernel.body import Bytes
from sampan.kernel.command import Command
from sampan.kernel.fault import Kind
from sampan.services.identity import model as im
from sampan.services.identity.service import COMMANDS as IDENTITY
from sampan.services.objects import model as om
from sampan.services.objects.service import COMMANDS as OBJECTS
from tests.identity.test_access import Library, ref
from tests.identity.world import allow, refused, say

# What each command is given where its name alone does not say it.
SAMPLES: dict[str, Any] = {
    "bucket": "books", "key": "a/1", "source": om.Source("books", "a/2"), "tags": {}, "body": Bytes(b""),
    "block": om.Block(), "ownership": None,
    "versioning": om.Versioning.ENABLED, "document": say(), "acl": om.Acl.PRIVATE, "objects": True,
    "targets": (om.Target("a/1"), om.Target("a/2")), "target": "t", "upload": "u", "number": 1, "position": 0,
    "parts": None, "part_bytes_min": 1,
    "ref": ref("ann"), "kind": im.EntityKind.USER, "of": ref("ann"), "policy": "/p", "group": "g", "user": "ann",
    "member": True, "form": "AKIA", "key_id": "AKIA", "active": True, "create": True, "name": "n", "version": 1,
    "codes": ("1", "2"), "make_default": True, "attached": True, "alias": "alias", "url": "https://x",
    "audiences": (), "account": "", "role": "r", "session": "s1", "token": "x.y.z", "actions": (), "resources": (),
    "old": "o", "new": "n", "message": "m", "description": "d", "present": True,
}  # fmt: skip

# Free for whoever can sign, asked by a role's trust policy, or always about the caller: tests of their own.
APART = {im.ChangePassword, im.GetCallerIdentity, im.GetSessionToken, im.AssumeRole, im.AssumeRoleWithToken}
EVERY = sorted((set(IDENTITY) | set(OBJECTS)) - APART, key=lambda command: command.__name__)


def sample(kind: type[Command], bucket: str = "books") -> Command:
    fields = {
        field.name: SAMPLES[field.name]
        for field in kind.__dataclass_fields__.values()  # type: ignore[attr-defined]
        if field.name in SAMPLES and field.default is field.default_factory  # both are MISSING: it must be given
    }
    if "bucket" in fields:
        fields["bucket"] = bucket
    return kind(**fields)


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_exactly_the_right_permission(kind: type[Command]) -> None:
    world = Library()
    command = sample(kind)
    touched = sorted(set(command.touches()))
    assert touched, "a command that asks for no permission"
    for action, _ in touched:
        service, _, name = action.partition(":")
        assert service in ("objects", "identity")
        assert name
    ref_ = ref("zed")
    zed = world.user(world.root, "zed")
    assert not world.may(zed, command)

    def given(*statements: dict[str, Any]) -> bool:
        world.act(world.root, im.PutInlinePolicy(ref=ref_, name="p", document=say(*statements)))
        return world.may(zed, command)

    right = [allow(action, on=f"{action.partition(':')[0]}:{path}") for action, path in touched]
    assert given(*right)
    for one in range(len(right)):
        assert not given(*right[:one], *right[one + 1 :]), f"{touched[one]} is not asked for"
    elsewhere = [allow(action, on=f"{action.partition(':')[0]}:{path}x") for action, path in touched]
    assert not given(*elsewhere), "the path does not count"


ON_BUCKETS = [kind for kind in EVERY if kind in OBJECTS and kind is not om.ListBuckets]


@pytest.mark.parametrize("kind", ON_BUCKETS, ids=lambda kind: kind.__name__)
def test_never_across_accounts(kind: type[Command]) -> None:
    world = Library()
    tom = world.user(world.stranger, "tom", allow("*"))
    if kind is om.CreateBucket:
        with pytest.raises(Exception, match="exists"):
            world.act(tom, sample(kind))
        return
    for who in (tom, world.stranger, None):
        assert refused(lambda who=who: world.act(who, sample(kind))) == (Kind.DENIED, "action")
    token = world.act(tom, im.GetSessionToken()).key_id
    assert not world.may(token, sample(kind))


@pytest.mark.parametrize("kind", [kind for kind in EVERY if kind in IDENTITY], ids=lambda k: k.__name__)
def test_nobody_may_nothing(kind: type[Command]) -> None:
    assert not Library().may(None, sample(kind))
