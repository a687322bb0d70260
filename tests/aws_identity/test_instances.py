"""Instance profiles, as the SDK makes and reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sampan.services.identity.service import ROOT_ACCOUNT
from tests.aws_identity.cloud import Cloud, policy
from tests.aws_identity.test_end_to_end import refused, user

DECK = {"InstanceProfileName": "deck"}


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


@pytest.fixture
def iam(cloud: Cloud) -> Any:
    api = cloud.client("iam")
    trust = policy({"Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}})
    for name in ("helm", "mast"):
        api.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    return api


def test_a_profile_from_its_making_to_its_end(iam: Any) -> None:
    made = iam.create_instance_profile(**DECK, Path="/ship/", Tags=[{"Key": "k", "Value": "v"}])["InstanceProfile"]
    assert made["Arn"] == f"arn:aws:iam::{ROOT_ACCOUNT}:instance-profile/ship/deck"
    assert (made["InstanceProfileId"][:4], made["Roles"], made["Tags"]) == ("AIPA", [], [{"Key": "k", "Value": "v"}])
    assert refused(iam.create_instance_profile, **DECK) == "EntityAlreadyExists"
    assert refused(iam.add_role_to_instance_profile, **DECK, RoleName="nobody") == "NoSuchEntity"
    iam.add_role_to_instance_profile(**DECK, RoleName="helm")
    assert refused(iam.add_role_to_instance_profile, **DECK, RoleName="mast") == "LimitExceeded"
    (role,) = iam.get_instance_profile(**DECK)["InstanceProfile"]["Roles"]
    assert (role["RoleName"], role["AssumeRolePolicyDocument"]["Version"]) == ("helm", "2012-10-17")
    assert iam.list_instance_profiles_for_role(RoleName="mast")["InstanceProfiles"] == []
    assert len(iam.list_instance_profiles_for_role(RoleName="helm")["InstanceProfiles"]) == 1
    iam.tag_instance_profile(**DECK, Tags=[{"Key": "l", "Value": "w"}])
    iam.untag_instance_profile(**DECK, TagKeys=["k"])
    assert iam.list_instance_profile_tags(**DECK)["Tags"] == [{"Key": "l", "Value": "w"}]
    assert refused(iam.delete_instance_profile, **DECK) == "DeleteConflict"
    assert refused(iam.delete_role, RoleName="helm") == "DeleteConflict"
    assert refused(iam.remove_role_from_instance_profile, **DECK, RoleName="mast") == "NoSuchEntity"
    iam.remove_role_from_instance_profile(**DECK, RoleName="helm")
    iam.delete_role(RoleName="helm")
    iam.delete_instance_profile(**DECK)
    assert refused(iam.get_instance_profile, **DECK) == "NoSuchEntity"


def test_lists_are_cut_and_filtered(iam: Any) -> None:
    for number in range(5):
        iam.create_instance_profile(InstanceProfileName=f"p{number}", Path="/odd/" if number % 2 else "/even/")
    pages = iam.get_paginator("list_instance_profiles").paginate(PaginationConfig={"PageSize": 2})
    found = [row["InstanceProfileName"] for page in pages for row in page["InstanceProfiles"]]
    assert found == [f"p{number}" for number in range(5)]
    odd = iam.list_instance_profiles(PathPrefix="/odd/")["InstanceProfiles"]
    assert [row["InstanceProfileName"] for row in odd] == ["p1", "p3"]


def test_a_role_is_passed_on_by_permission(cloud: Cloud, iam: Any) -> None:
    """Else whoever may fill profiles would have whatever any role may."""
    ann = cloud.client("iam", user(cloud, "ann"))
    iam.create_instance_profile(**DECK)
    own = {"UserName": "ann", "PolicyName": "own"}
    adding = {"Action": "iam:AddRoleToInstanceProfile"}
    iam.put_user_policy(**own, PolicyDocument=policy(adding))
    assert refused(ann.add_role_to_instance_profile, **DECK, RoleName="helm") == "AccessDenied"
    passing = {"Action": "iam:PassRole", "Resource": f"arn:aws:iam::{ROOT_ACCOUNT}:role/mast"}
    iam.put_user_policy(**own, PolicyDocument=policy(adding, passing))
    assert refused(ann.add_role_to_instance_profile, **DECK, RoleName="helm") == "AccessDenied"
    ann.add_role_to_instance_profile(**DECK, RoleName="mast")
