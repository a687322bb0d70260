"""An account as a whole, as those see it who audit it; and when a role was used last."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.exceptions import ClientError

from sampan.services.identity.service import ROOT_ACCOUNT
from tests.aws_identity.cloud import Cloud, policy

READ = policy({"Action": "s3:GetObject"})
LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def document(text: Any) -> Any:
    """botocore reads some documents and leaves others alone."""
    return json.loads(unquote(text)) if isinstance(text, str) else text


@pytest.fixture
def iam(cloud: Cloud) -> Any:
    api = cloud.client("iam")
    for name in ("zoe", "ann"):
        api.create_user(UserName=name, Path="/team/", Tags=[{"Key": "k", "Value": name}])
    api.create_group(GroupName="crew")
    api.add_user_to_group(GroupName="crew", UserName="ann")
    trust = policy({"Action": "sts:AssumeRole", "Principal": {"AWS": ROOT_ACCOUNT}})
    api.create_role(RoleName="helm", AssumeRolePolicyDocument=trust)
    arn = api.create_policy(PolicyName="read", PolicyDocument=READ)["Policy"]["Arn"]
    api.create_policy_version(PolicyArn=arn, PolicyDocument=policy({"Action": "s3:*"}))
    own = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    api.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=READ)
    api.put_group_policy(GroupName="crew", PolicyName="all", PolicyDocument=READ)
    for name in (arn, own):
        api.attach_role_policy(RoleName="helm", PolicyArn=name)
    api.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=arn)
    api.create_instance_profile(InstanceProfileName="deck")
    api.add_role_to_instance_profile(InstanceProfileName="deck", RoleName="helm")
    return api


def test_everything_at_once(iam: Any) -> None:
    found = iam.get_account_authorization_details()
    assert not found["IsTruncated"]
    ann, zoe = found["UserDetailList"]
    assert (ann["UserName"], ann["GroupList"], zoe["UserName"], zoe["GroupList"]) == ("ann", ["crew"], "zoe", [])
    assert ann["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith("policy/read")
    assert ann["Tags"] == [{"Key": "k", "Value": "ann"}]
    (inline,) = ann["UserPolicyList"]
    assert (inline["PolicyName"], document(inline["PolicyDocument"])) == ("own", json.loads(READ))
    (crew,) = found["GroupDetailList"]
    assert [row["PolicyName"] for row in crew["GroupPolicyList"]] == ["all"]
    (helm,) = found["RoleDetailList"]
    assert sorted(row["PolicyName"] for row in helm["AttachedManagedPolicies"]) == ["AmazonS3ReadOnlyAccess", "read"]
    assert document(helm["AssumeRolePolicyDocument"])["Statement"][0]["Action"] == "sts:AssumeRole"
    assert [row["InstanceProfileName"] for row in helm["InstanceProfileList"]] == ["deck"]
    read, theirs = found["Policies"]
    assert [(row["VersionId"], row["IsDefaultVersion"]) for row in read["PolicyVersionList"]] == [
        ("v2", False), ("v1", True),
    ]  # fmt: skip
    assert document(read["PolicyVersionList"][1]["Document"]) == json.loads(READ)
    assert (read["AttachmentCount"], read["PermissionsBoundaryUsageCount"]) == (1, 1)
    assert theirs["Arn"] == "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def test_pages_hold_each_once(iam: Any) -> None:
    whole = iam.get_account_authorization_details()
    wanted = [row["Arn"] for name in LISTS for row in whole[name]]
    for size in (1, 2, 5):
        pages = iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": size})
        found = list(pages)
        assert [row["Arn"] for name in LISTS for page in found for row in page[name]] == wanted
        assert all(sum(len(page[name]) for name in LISTS) <= size for page in found)


@pytest.mark.parametrize(
    ("filters", "counts"),
    [
        (["User"], [2, 0, 0, 0]),
        (["Group", "Role"], [0, 1, 1, 0]),
        (["LocalManagedPolicy"], [0, 0, 0, 1]),
        (["AWSManagedPolicy"], [0, 0, 0, 1]),
    ],
)
def test_filters(iam: Any, filters: list[str], counts: list[int]) -> None:
    found = iam.get_account_authorization_details(Filter=filters)
    assert [len(found[name]) for name in LISTS] == counts


def test_what_is_no_filter(iam: Any) -> None:
    with pytest.raises(ClientError, match="ValidationError"):
        iam.get_account_authorization_details(Filter=["Cat"])


def test_when_a_role_was_used(cloud: Cloud, iam: Any) -> None:
    assert iam.get_role(RoleName="helm")["Role"]["RoleLastUsed"] == {}
    # A root takes no role on: ann does.
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    iam.delete_user_permissions_boundary(UserName="ann")
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=policy({"Action": "sts:AssumeRole"}))
    arn = f"arn:aws:iam::{ROOT_ACCOUNT}:role/helm"
    given = cloud.client("sts", key).assume_role(RoleArn=arn, RoleSessionName="night")["Credentials"]
    asyncio.run(cloud.identity.flush())
    assert iam.get_role(RoleName="helm")["Role"]["RoleLastUsed"] == {}
    cloud.client("sts", given).get_caller_identity()
    asyncio.run(cloud.identity.flush())
    used = datetime.fromtimestamp(cloud.clock.ms // 1000, UTC)
    assert iam.get_role(RoleName="helm")["Role"]["RoleLastUsed"] == {"LastUsedDate": used}
    (helm,) = iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
    assert helm["RoleLastUsed"] == {"LastUsedDate": used}
    # A role that is gone meanwhile is not remembered.
    cloud.client("sts", given).get_caller_identity()
    for name in ("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess", f"arn:aws:iam::{ROOT_ACCOUNT}:policy/read"):
        iam.detach_role_policy(RoleName="helm", PolicyArn=name)
    iam.remove_role_from_instance_profile(InstanceProfileName="deck", RoleName="helm")
    iam.delete_role(RoleName="helm")
    asyncio.run(cloud.identity.flush())
