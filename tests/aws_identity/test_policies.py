"""Policies in IAM's words: managed ones, their versions, what they are attached to, and an entity's own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sampan.kernel.command import Command
from sampan.kernel.fault import Kind
from sampan.services.identity.model import (
    AttachPolicy,
    CreatePolicy,
    CreatePolicyVersion,
    DeletePolicy,
    DeletePolicyVersion,
    Document,
    EntityKind,
    EntityRef,
    GetInlinePolicies,
    GetPolicy,
    GetPolicyVersion,
    Language,
    ListAttached,
    ListAttachments,
    ListPolicies,
    ListPolicyVersions,
    Page,
    Policy,
    PolicyVersion,
    PutInlinePolicy,
    SetDefaultPolicyVersion,
    TagPolicy,
)
from tests.aws_identity.sdk import ACCOUNT, AT_MS, Door, catch, client
from tests.aws_identity.test_users import entity

AT = datetime.fromtimestamp(AT_MS // 1000, UTC)
USER, GROUP, ROLE = EntityKind
ANN, CREW, BUILDER = EntityRef(USER, "ann"), EntityRef(GROUP, "crew"), EntityRef(ROLE, "builder")
ARN = f"arn:aws:iam::{ACCOUNT}:policy/team/readers"
AWS = "arn:aws:iam::aws:policy/AdministratorAccess"
TEXT = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::a b+c%/*"}]}
)
WRITTEN = Document(Language.IAM, TEXT)
READERS = Policy(
    "/team/readers", "readers", "/team/", "A234567A234567AB", "", Language.IAM, 2, 3, AT_MS, AT_MS,
    description="Who reads.", tags={"a": "1"}, boundaries=1,
)  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "params", "command"),
    [
        (
            "create_policy",
            {
                "PolicyName": "readers", "Path": "/team/", "PolicyDocument": TEXT, "Description": "Who reads.",
                "Tags": [{"Key": "a", "Value": "1"}],
            },
            CreatePolicy(policy="/team/readers", document=WRITTEN, description="Who reads.", tags={"a": "1"}),
        ),
        (
            "create_policy",
            {"PolicyName": "readers", "PolicyDocument": TEXT},
            CreatePolicy(policy="/readers", document=WRITTEN),
        ),
        ("get_policy", {"PolicyArn": ARN}, GetPolicy(policy="/team/readers")),
        ("get_policy", {"PolicyArn": AWS}, GetPolicy(policy="aws:/AdministratorAccess")),
        (
            "get_policy",
            {"PolicyArn": "arn:aws:iam::aliyun:policy/AliyunOSSFullAccess"},
            GetPolicy(policy="aliyun:/AliyunOSSFullAccess"),
        ),
        ("delete_policy", {"PolicyArn": ARN}, DeletePolicy(policy="/team/readers")),
        (
            "list_policies",
            {"Scope": "Local", "OnlyAttached": True, "PathPrefix": "/team/", "MaxItems": 7},
            ListPolicies(own=True, attached_only=True, path_prefix="/team/", limit=7),
        ),
        ("list_policies", {"Scope": "AWS"}, ListPolicies(own=False, cloud="aws")),
        ("list_policies", {}, ListPolicies()),
        ("untag_policy", {"PolicyArn": ARN, "TagKeys": ["a"]}, TagPolicy(policy="/team/readers", remove=("a",))),
        (
            "create_policy_version",
            {"PolicyArn": ARN, "PolicyDocument": TEXT, "SetAsDefault": True},
            CreatePolicyVersion(policy="/team/readers", document=WRITTEN, make_default=True),
        ),
        (
            "create_policy_version",
            {"PolicyArn": ARN, "PolicyDocument": TEXT},
            CreatePolicyVersion(policy="/team/readers", document=WRITTEN, make_default=False),
        ),
        (
            "get_policy_version",
            {"PolicyArn": ARN, "VersionId": "v3"},
            GetPolicyVersion(policy="/team/readers", version=3),
        ),
        ("list_policy_versions", {"PolicyArn": ARN}, ListPolicyVersions(policy="/team/readers")),
        (
            "set_default_policy_version",
            {"PolicyArn": ARN, "VersionId": "v1"},
            SetDefaultPolicyVersion(policy="/team/readers", version=1),
        ),
        (
            "delete_policy_version",
            {"PolicyArn": ARN, "VersionId": "v1"},
            DeletePolicyVersion(policy="/team/readers", version=1),
        ),
        (
            "attach_user_policy",
            {"UserName": "ann", "PolicyArn": AWS},
            AttachPolicy(ref=ANN, policy="aws:/AdministratorAccess", attached=True),
        ),
        (
            "detach_role_policy",
            {"RoleName": "builder", "PolicyArn": ARN},
            AttachPolicy(ref=BUILDER, policy="/team/readers", attached=False),
        ),
        ("list_attached_group_policies", {"GroupName": "crew"}, ListAttached(ref=CREW)),
        (
            "list_entities_for_policy",
            {"PolicyArn": ARN, "PolicyUsageFilter": "PermissionsBoundary"},
            ListAttachments(policy="/team/readers", boundary=True),
        ),
        (
            "put_role_policy",
            {"RoleName": "builder", "PolicyName": "own", "PolicyDocument": TEXT},
            PutInlinePolicy(ref=BUILDER, name="own", document=WRITTEN),
        ),
        (
            "delete_group_policy",
            {"GroupName": "crew", "PolicyName": "own"},
            PutInlinePolicy(ref=CREW, name="own", document=None),
        ),
        ("get_user_policy", {"UserName": "ann", "PolicyName": "own"}, GetInlinePolicies(ref=ANN, name="own")),
        ("list_user_policies", {"UserName": "ann"}, GetInlinePolicies(ref=ANN)),
    ],
)  # fmt: skip
def test_a_request_becomes_a_command(iam: Door, operation: str, params: dict[str, Any], command: Command) -> None:
    assert iam.command(operation, **params) == command


def test_a_policy_is_shown(iam: Door) -> None:
    assert iam.said("get_policy", READERS, PolicyArn=ARN)["Policy"] == {
        "PolicyName": "readers", "PolicyId": "ANPAA234567A234567AB", "Arn": ARN, "Path": "/team/",
        "DefaultVersionId": "v2", "AttachmentCount": 3, "PermissionsBoundaryUsageCount": 1, "IsAttachable": True,
        "Description": "Who reads.", "CreateDate": AT, "UpdateDate": AT, "Tags": [{"Key": "a", "Value": "1"}],
    }  # fmt: skip


def test_a_clouds_own_policy_is_shown(iam: Door) -> None:
    own = Policy("aws:/AdministratorAccess", "AdministratorAccess", "/", "", "aws", Language.IAM, 1, 0, 0, 0)
    told = iam.said("get_policy", own, PolicyArn=AWS)["Policy"]
    assert told["Arn"] == AWS
    assert len(told["PolicyId"]) == 20
    assert told["PolicyId"] == iam.said("get_policy", own, PolicyArn=AWS)["Policy"]["PolicyId"]


def test_a_listing_leaves_other_clouds_out(iam: Door) -> None:
    other = Policy("aliyun:/AliyunOSSFullAccess", "AliyunOSSFullAccess", "/", "", "aliyun", Language.RAM, 1, 0, 0, 0)
    told = iam.said("list_policies", Page((READERS, other), "aliyun:/AliyunOSSFullAccess"))
    assert [policy["Arn"] for policy in told["Policies"]] == [ARN]
    assert iam.command("list_policies", Marker=told["Marker"]).after == "aliyun:/AliyunOSSFullAccess"


def test_documents_come_back_as_they_were_written(iam: Door) -> None:
    version = PolicyVersion(3, WRITTEN, True, AT_MS)
    told = iam.said("get_policy_version", version, PolicyArn=ARN, VersionId="v3")["PolicyVersion"]
    assert told.pop("Document") == TEXT.replace("%", "%25").replace(" ", "%20").translate(
        {ord(letter): f"%{ord(letter):02X}" for letter in '{}[]":,/*+'}
    )
    assert told == {"VersionId": "v3", "IsDefaultVersion": True, "CreateDate": AT}
    own = iam.said("get_user_policy", {"own": WRITTEN}, UserName="ann", PolicyName="own")
    assert (own["UserName"], own["PolicyName"]) == ("ann", "own")
    assert "%22Version%22" in own["PolicyDocument"]


def test_versions_are_listed(iam: Door) -> None:
    versions = (PolicyVersion(2, WRITTEN, True, AT_MS), PolicyVersion(1, WRITTEN, False, AT_MS))
    told = iam.said("list_policy_versions", versions, PolicyArn=ARN)
    assert [version["VersionId"] for version in told["Versions"]] == ["v2", "v1"]
    assert told["IsTruncated"] is False


def test_what_is_attached(iam: Door) -> None:
    told = iam.said("list_attached_user_policies", Page((READERS,), None), UserName="ann")
    assert told == {"AttachedPolicies": [{"PolicyName": "readers", "PolicyArn": ARN}], "IsTruncated": False}


def test_whom_a_policy_is_attached_to(iam: Door) -> None:
    entities = (entity(GROUP, "crew"), entity(ROLE, "builder"), entity(USER, "ann"), entity(USER, "bob", path="/"))
    users = [{"UserName": name, "UserId": "AIDAA234567A234567AB"} for name in ("ann", "bob")]
    told = iam.said("list_entities_for_policy", entities, PolicyArn=ARN)
    assert told == {
        "PolicyGroups": [{"GroupName": "crew", "GroupId": "AGPAA234567A234567AB"}],
        "PolicyRoles": [{"RoleName": "builder", "RoleId": "AROAA234567A234567AB"}],
        "PolicyUsers": users,
        "IsTruncated": False,
    }
    told = iam.said("list_entities_for_policy", entities, PolicyArn=ARN, EntityFilter="User", PathPrefix="/team/")
    assert (told["PolicyUsers"], told["PolicyGroups"]) == (users[:1], [])
    first = iam.said("list_entities_for_policy", entities, PolicyArn=ARN, MaxItems=3)
    rest = iam.said("list_entities_for_policy", entities, PolicyArn=ARN, Marker=first["Marker"])
    assert (rest["PolicyUsers"], rest["PolicyGroups"]) == (users[1:], [])


def test_names_of_an_entitys_own_policies(iam: Door) -> None:
    told = iam.said("list_role_policies", {"b": WRITTEN, "a": WRITTEN}, RoleName="builder")
    assert told == {"PolicyNames": ["a", "b"], "IsTruncated": False}


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("arn:aws:iam::999999999999:policy/readers", "NoSuchEntity"),
        (f"arn:aws:iam::{ACCOUNT}:role/readers-and-writers", "ValidationError"),
        (f"arn:aws:iam::{ACCOUNT}:policy", "ValidationError"),
        ("no arn at all, but long enough", "ValidationError"),
    ],
)
def test_arns_that_name_no_policy_of_the_account(iam: Door, arn: str, code: str) -> None:
    assert iam.refused(iam.fault(catch(client("iam"), "get_policy", PolicyArn=arn)))[1] == code


def test_a_version_that_cannot_be(iam: Door) -> None:
    fault = iam.fault(catch(client("iam"), "get_policy_version", PolicyArn=ARN, VersionId="v1.draft"))
    assert (fault.kind, fault.noun) == (Kind.MISSING, "policy version")
