"""Users, groups and roles in IAM's words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sampan.kernel.command import Command
from sampan.services.identity.model import (
    CreateEntity,
    DeleteEntity,
    Document,
    Entity,
    EntityKind,
    EntityRef,
    GetEntity,
    Language,
    ListEntities,
    ListMembers,
    Members,
    Page,
    SetBoundary,
    SetMember,
    TagEntity,
    UpdateEntity,
)
from tests.aws_identity.sdk import ACCOUNT, AT_MS, Door

AT = datetime.fromtimestamp(AT_MS // 1000, UTC)
USER, GROUP, ROLE = EntityKind
ANN, CREW, BUILDER = EntityRef(USER, "ann"), EntityRef(GROUP, "crew"), EntityRef(ROLE, "builder")
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/limits/harbour"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}, indent=1)


def entity(kind: EntityKind, name: str, **more: Any) -> Entity:
    return Entity(kind, name, "A234567A234567AB", ACCOUNT, more.pop("path", "/team/"), AT_MS, AT_MS, **more)


def shown(word: str, prefix: str, name: str) -> dict[str, Any]:
    return {
        "Path": "/team/",
        f"{word}Name": name,
        f"{word}Id": f"{prefix}A234567A234567AB",
        "Arn": f"arn:aws:iam::{ACCOUNT}:{word.lower()}/team/{name}",
        "CreateDate": AT,
    }


@pytest.mark.parametrize(
    ("operation", "params", "command"),
    [
        (
            "create_user",
            {
                "UserName": "ann", "Path": "/team/", "Tags": [{"Key": "a", "Value": "1"}],
                "PermissionsBoundary": BOUNDARY,
            },
            CreateEntity(ref=ANN, path="/team/", boundary="/limits/harbour", tags={"a": "1"}),
        ),
        ("create_user", {"UserName": "ann"}, CreateEntity(ref=ANN)),
        ("get_user", {"UserName": "ann"}, GetEntity(ref=ANN)),
        ("get_user", {}, GetEntity(ref=EntityRef(USER, ""))),
        (
            "update_user",
            {"UserName": "ann", "NewUserName": "anna", "NewPath": "/x/"},
            UpdateEntity(ref=ANN, new_name="anna", new_path="/x/"),
        ),
        ("delete_user", {"UserName": "ann"}, DeleteEntity(ref=ANN)),
        (
            "list_users",
            {"PathPrefix": "/team/", "MaxItems": 5, "Marker": "YW5u"},
            ListEntities(kind=USER, path_prefix="/team/", after="ann", limit=5),
        ),
        ("tag_user", {"UserName": "ann", "Tags": [{"Key": "a", "Value": ""}]}, TagEntity(ref=ANN, tags={"a": ""})),
        ("untag_user", {"UserName": "ann", "TagKeys": ["a", "b"]}, TagEntity(ref=ANN, remove=("a", "b"))),
        (
            "put_user_permissions_boundary",
            {"UserName": "ann", "PermissionsBoundary": "arn:aws:iam::aws:policy/job-function/Billing"},
            SetBoundary(ref=ANN, policy="aws:/job-function/Billing"),
        ),
        ("delete_user_permissions_boundary", {"UserName": "ann"}, SetBoundary(ref=ANN, policy=None)),
        ("list_groups_for_user", {"UserName": "ann"}, ListMembers(of=ANN)),
        ("create_group", {"GroupName": "crew", "Path": "/team/"}, CreateEntity(ref=CREW, path="/team/")),
        ("get_group", {"GroupName": "crew"}, ListMembers(of=CREW)),
        ("update_group", {"GroupName": "crew", "NewGroupName": "hands"}, UpdateEntity(ref=CREW, new_name="hands")),
        ("delete_group", {"GroupName": "crew"}, DeleteEntity(ref=CREW)),
        ("list_groups", {}, ListEntities(kind=GROUP)),
        (
            "add_user_to_group",
            {"GroupName": "crew", "UserName": "ann"},
            SetMember(group="crew", user="ann", member=True),
        ),
        (
            "remove_user_from_group",
            {"GroupName": "crew", "UserName": "ann"},
            SetMember(group="crew", user="ann", member=False),
        ),
        (
            "create_role",
            {
                "RoleName": "builder", "AssumeRolePolicyDocument": TRUST, "Description": "Builds.",
                "MaxSessionDuration": 7200, "PermissionsBoundary": BOUNDARY,
            },
            CreateEntity(
                ref=BUILDER, trust=Document(Language.IAM, TRUST), description="Builds.", session_s_max=7200,
                boundary="/limits/harbour",
            ),
        ),
        ("get_role", {"RoleName": "builder"}, GetEntity(ref=BUILDER)),
        ("update_role", {"RoleName": "builder", "Description": ""}, UpdateEntity(ref=BUILDER, description="")),
        (
            "update_assume_role_policy",
            {"RoleName": "builder", "PolicyDocument": TRUST},
            UpdateEntity(ref=BUILDER, trust=Document(Language.IAM, TRUST)),
        ),
        ("delete_role", {"RoleName": "builder"}, DeleteEntity(ref=BUILDER)),
        ("list_roles", {}, ListEntities(kind=ROLE)),
        ("untag_role", {"RoleName": "builder", "TagKeys": ["a"]}, TagEntity(ref=BUILDER, remove=("a",))),
    ],
)  # fmt: skip
def test_a_request_becomes_a_command(iam: Door, operation: str, params: dict[str, Any], command: Command) -> None:
    assert iam.command(operation, **params) == command


def test_a_user_is_shown(iam: Door) -> None:
    ann = entity(USER, "ann", boundary="/limits/harbour", tags={"a<b": "c&d"})
    assert iam.said("get_user", ann)["User"] == {
        **shown("User", "AIDA", "ann"),
        "PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": BOUNDARY},
        "Tags": [{"Key": "a<b", "Value": "c&d"}],
    }
    assert iam.reply.headers[0] == ("Content-Type", "text/xml")
    assert iam.said("delete_user", None, UserName="ann") == {}


def test_the_root_is_shown_as_the_account(iam: Door) -> None:
    root = Entity(USER, "root", ACCOUNT, ACCOUNT, "/", AT_MS, AT_MS)
    told = iam.said("get_user", root)["User"]
    assert told["UserId"] == ACCOUNT
    assert told["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"


def test_pages_go_on_where_they_ended(iam: Door) -> None:
    told = iam.said("list_users", Page((entity(USER, "ann"),), "ann"), MaxItems=1)
    assert told["Users"] == [shown("User", "AIDA", "ann")]
    assert told["IsTruncated"] is True
    assert iam.command("list_users", Marker=told["Marker"]).after == "ann"
    assert iam.said("list_users", Page((), None)) == {"Users": [], "IsTruncated": False}


def test_a_group_and_its_users(iam: Door) -> None:
    members = Members((entity(USER, "ann"),), None, of=entity(GROUP, "crew"))
    assert iam.said("get_group", members, GroupName="crew") == {
        "Group": shown("Group", "AGPA", "crew"),
        "Users": [shown("User", "AIDA", "ann")],
        "IsTruncated": False,
    }


def test_a_role_and_its_trust_policy(iam: Door) -> None:
    builder = entity(ROLE, "builder", trust=Document(Language.IAM, TRUST), description="Builds.", session_s_max=7200)
    told = iam.said("get_role", builder, RoleName="builder")["Role"]
    assert "%" in told["AssumeRolePolicyDocument"]  # what SDKs decode as a URL's part, and then as JSON
    assert b"%22Version%22" in iam.reply.body  # type: ignore[operator]
    del told["AssumeRolePolicyDocument"], told["RoleLastUsed"]
    assert told == {**shown("Role", "AROA", "builder"), "Description": "Builds.", "MaxSessionDuration": 7200}


def test_tags_are_paged(iam: Door) -> None:
    ann = entity(USER, "ann", tags={"b": "2", "a": "1", "c": "3"})
    told = iam.said("list_user_tags", ann, UserName="ann", MaxItems=2)
    assert [tag["Key"] for tag in told["Tags"]] == ["a", "b"]
    rest = iam.said("list_user_tags", ann, UserName="ann", Marker=told["Marker"])
    assert rest == {"Tags": [{"Key": "c", "Value": "3"}], "IsTruncated": False}


def test_the_role_of_a_service_is_named_after_it(iam: Door) -> None:
    made = iam.command("create_service_linked_role", AWSServiceName="elastic-beanstalk.amazonaws.com")
    assert made.ref == EntityRef(ROLE, "AWSServiceRoleForElasticBeanstalk")
    assert made.path == "/aws-service-role/elastic-beanstalk.amazonaws.com/"
    assert json.loads(made.trust.text)["Statement"][0]["Principal"] == {"Service": "elastic-beanstalk.amazonaws.com"}
