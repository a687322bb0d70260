"""The tables of actions speak of every permission that there is, and of none that there is not."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from sampan.dialects.aliyun.wire.actions import ACTIONS as RAM
from sampan.dialects.aws.wire.actions import ACTIONS as IAM
from sampan.kernel.actions import Actions
from sampan.kernel.command import Command
from sampan.services.identity import model as identity
from sampan.services.inference import model as inference
from sampan.services.objects import model as objects

# Done by the guard and the tables before a command of its own asks for it.
AHEAD = {
    "objects:GetBucketPolicy", "objects:PutBucketPolicy", "objects:DeleteBucketPolicy",
    "objects:PutObjectAclVersion", "objects:GetObjectAclVersion", "objects:RestoreObjectVersion",
}  # fmt: skip
KINDS = [identity.EntityRef(kind, "n") for kind in identity.EntityKind]
BUCKETS = [
    "",
    "GetBucketInfo",
    "GetBucketLocation",
    "GetBucketVersioning",
    "GetBucketAcl",
    "GetBucketBlock",
    "GetBucketOwnership",
]
OBJECTS = ["", "GetObjectAcl", "PutObjectAcl", "RestoreObject"]


def choices(command: type[Command], field: dataclasses.Field[Any]) -> list[Any]:
    """Values of a field, as many as may ask for another permission."""
    if field.name == "needs":
        return BUCKETS if command is objects.HeadBucket else OBJECTS
    if field.name in ("ref", "of"):
        return [None, *KINDS] if "None" in str(field.type) else KINDS
    if field.name == "kind":
        return list(identity.EntityKind)
    if field.name == "source":
        return [objects.Source("b", "k"), objects.Source("b", "k", "v")]
    if field.name == "targets":
        return [(objects.Target("k"), objects.Target("k", "v"))]
    if field.name == "tags":
        return [{}, {"a": "b"}]
    if field.name == "command":
        return [inference.GetModel(model="n")]
    if field.name in ("member", "attached", "create", "present", "stream"):
        return [True, False]
    if field.name in ("version", "name", "policy", "user", "role", "alias", "document", "trust", "new_name"):
        optional = "None" in str(field.type)
        return [None, "n"] if optional else ["n"]
    if field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING:
        return []
    return ["n"]


def commands(module: ModuleType) -> Iterator[Command]:
    """Every command of a service, in every way that asks for another permission."""
    for found in vars(module).values():
        if not (inspect.isclass(found) and issubclass(found, Command) and hasattr(found, "action")):
            continue
        given = {field.name: choices(found, field) for field in dataclasses.fields(found)}
        given = {name: values for name, values in given.items() if values}
        for values in itertools.product(*given.values()):
            yield found(**dict(zip(given, values, strict=True)))


ASKED = {
    action
    for module in (objects, identity, inference)
    for command in commands(module)
    for action, _ in command.touches()
    # Groups are not trusted or bounded, and only roles are trusted.
    if action
    not in {
        "identity:SetBoundaryGroup", "identity:RemoveBoundaryGroup", "identity:SetTrustUser",
        "identity:SetTrustGroup", "identity:ListMembersOfRole",
    }
}  # fmt: skip


@pytest.mark.parametrize("actions", [IAM, RAM], ids=["iam", "ram"])
def test_all_products_together_are_all_permissions(actions: Actions) -> None:
    known = frozenset().union(*(product.everything for product in actions.products.values()))
    assert known - AHEAD == ASKED - AHEAD
    also = frozenset().union(*(cores for product in actions.products.values() for cores in product.also.values()))
    assert also <= known


def test_both_clouds_have_the_same_products() -> None:
    for aws, aliyun in (("s3", "oss"), ("iam", "ram"), ("sts", "sts")):
        assert IAM.products[aws].everything == RAM.products[aliyun].everything


@pytest.mark.parametrize("actions", [IAM, RAM], ids=["iam", "ram"])
def test_every_name_goes_there_and_back(actions: Actions) -> None:
    for product, table in actions.products.items():
        for name in table.actions:
            names, missing = actions.write(actions.read(f"{product}:{name.upper()}"))
            assert (names, missing) == ((f"{product}:{name}",), frozenset())
        assert actions.write(actions.read(f"{product}:*")) == ((f"{product}:*",), frozenset())


def test_wildcards() -> None:
    assert IAM.read("*") == {"*"}
    assert IAM.read("s3:GetObjec?") == IAM.read("s3:getobject") == {"objects:GetObject"}
    assert IAM.read("s3:*ObjectVersion") == {"objects:GetObjectVersion", "objects:DeleteObjectVersion"}
    assert IAM.read("ec2:*") == {"aws!ec2:*"}
    assert RAM.read("oss:PutBucketCors") == {"aliyun!oss:PutBucketCors"}
    assert "objects:MeasureBucket" in RAM.read("oss:GetB*") and "objects:GetObject" not in RAM.read("oss:GetB*")


@pytest.mark.parametrize("text", ["", "GetObject", "s3:", ":GetObject", "s*:GetObject", "s3:Get Object", "s3:a:b"])
def test_what_is_no_action(text: str) -> None:
    with pytest.raises(ValueError, match="product:Action"):
        IAM.read(text)


def test_what_one_cloud_alone_has_is_told() -> None:
    names, missing = RAM.write({"identity:PutPolicyOfUser", "objects:GetObject", "aws!ec2:RunInstances"})
    assert names == ("oss:GetObject",)
    assert missing == {"identity:PutPolicyOfUser", "aws!ec2:RunInstances"}
    # UpdateRole in RAM also changes whom a role trusts: it may not stand for less.
    assert RAM.write({"identity:UpdateRole"}) == ((), {"identity:UpdateRole"})
    assert IAM.write(RAM.read("ram:UpdateRole")) == (("iam:UpdateRole", "iam:UpdateAssumeRolePolicy"), frozenset())
