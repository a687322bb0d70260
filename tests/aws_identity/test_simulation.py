"""The policy simulator, as the SDK asks it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sampan.services.identity.service import ROOT_ACCOUNT
from tests.aws_identity.cloud import Cloud, policy
from tests.aws_identity.test_end_to_end import refused, user

ANN = f"arn:aws:iam::{ROOT_ACCOUNT}:user/ann"
BOOKS = "arn:aws:s3:::books/*"
BOOK = "arn:aws:s3:::books/a"
READ = {"Action": "s3:GetObject", "Resource": BOOKS}


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


@pytest.fixture
def iam(cloud: Cloud) -> Any:
    return cloud.client("iam")


def custom(iam: Any, *documents: str, actions: tuple[str, ...] = ("s3:GetObject",), **more: Any) -> list[Any]:
    found = iam.simulate_custom_policy(PolicyInputList=list(documents), ActionNames=list(actions), **more)
    return list(found["EvaluationResults"])


def test_what_documents_say_and_where(iam: Any) -> None:
    text = json.dumps(json.loads(policy({"Action": "s3:Put*"}, READ)), indent=2)
    (row,) = custom(iam, policy({"Action": "ec2:*"}), text, ResourceArns=[BOOK])
    (match,) = row["MatchedStatements"]
    assert (row["EvalActionName"], row["EvalResourceName"], row["EvalDecision"]) == ("s3:GetObject", BOOK, "allowed")
    assert (match["SourcePolicyId"], match["SourcePolicyType"]) == ("PolicyInputList.2", "IAM Policy")
    lines = text.split("\n")
    start, end = match["StartPosition"], match["EndPosition"]
    assert (start["Column"], end["Column"]) == (5, 6)
    found = "\n".join(lines[start["Line"] - 1 : end["Line"]]).strip(" ,\n")
    assert json.loads(found)["Action"] == "s3:GetObject"
    assert row["ResourceSpecificResults"][0]["MatchedStatements"] == [match]


@pytest.mark.parametrize(
    ("document", "action", "resource", "decision"),
    [
        (policy(READ), "s3:GetObject", BOOK, "allowed"),
        (policy(READ), "s3:GetObject", "arn:aws:s3:::films/a", "implicitDeny"),
        (policy(READ), "s3:PutObject", BOOK, "implicitDeny"),
        (policy(READ, {"Effect": "Deny", "Action": "*"}), "s3:GetObject", BOOK, "explicitDeny"),
        (policy({"Action": "s3:ListBucket"}), "s3:ListBucket", "arn:aws:s3:::books", "allowed"),
        (policy({"Action": "iam:GetUser", "Resource": ANN}), "iam:GetUser", ANN, "allowed"),
        (
            policy({"Action": "ec2:Run*"}),
            "ec2:RunInstances",
            "arn:aws:ec2:us-east-1:000000000000:instance/*",
            "allowed",
        ),
        (policy({"Action": "ec2:Run*"}), "ec2:StopInstances", "*", "implicitDeny"),
        (policy(READ), "s3:GetObject", "*", "implicitDeny"),
        (policy({"Action": "s3:GetObject"}), "s3:GetObject", "*", "allowed"),
    ],
)
def test_decisions(iam: Any, document: str, action: str, resource: str, decision: str) -> None:
    (row,) = custom(iam, document, actions=(action,), ResourceArns=[resource])
    assert row["EvalDecision"] == decision
    assert bool(row["MatchedStatements"]) == (decision != "implicitDeny")


def test_the_worst_of_several_resources_is_told_first(iam: Any) -> None:
    films = "arn:aws:s3:::films/a"
    (row,) = custom(iam, policy(READ), ResourceArns=[BOOK, films])
    assert (row["EvalDecision"], row["EvalResourceName"], row["MatchedStatements"]) == ("implicitDeny", "*", [])
    first, second = row["ResourceSpecificResults"]
    assert (first["EvalResourceName"], first["EvalResourceDecision"]) == (BOOK, "allowed")
    assert (second["EvalResourceName"], second["EvalResourceDecision"]) == (films, "implicitDeny")


def test_conditions_and_what_they_would_like_to_know(iam: Any) -> None:
    document = policy(
        {
            **READ,
            "Resource": "arn:aws:s3:::books/${aws:username}",
            "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "Bool": {"aws:SecureTransport": "true"}},
        },
        {"Action": "s3:PutObject", "Condition": {"StringEquals": {"aws:UserAgent": "x"}}},
    )
    (row,) = custom(iam, document, ResourceArns=[BOOK])
    asked = ["aws:SecureTransport", "aws:SourceIp", "aws:username"]
    assert (row["EvalDecision"], row["MissingContextValues"]) == ("implicitDeny", asked)
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[document])["ContextKeyNames"] == sorted(
        [*asked, "aws:UserAgent"], key=str
    )
    entries = [
        {"ContextKeyName": "aws:sourceIp", "ContextKeyType": "ip", "ContextKeyValues": ["10.1.1.1"]},
        {"ContextKeyName": "aws:SecureTransport", "ContextKeyType": "boolean", "ContextKeyValues": ["True"]},
        {"ContextKeyName": "aws:username", "ContextKeyType": "string", "ContextKeyValues": ["a"]},
    ]
    (row,) = custom(iam, document, ResourceArns=[BOOK], ContextEntries=entries)
    assert (row["EvalDecision"], row["MissingContextValues"]) == ("allowed", [])
    wrong = [{"ContextKeyName": "aws:SourceIp", "ContextKeyType": "ip", "ContextKeyValues": ["here"]}]
    with pytest.raises(iam.exceptions.InvalidInputException, match="no value of type ip"):
        custom(iam, document, ContextEntries=wrong)


def test_a_user_s_policies_and_its_groups_and_its_boundary(cloud: Cloud, iam: Any) -> None:
    keys = user(cloud, "ann")
    iam.create_group(GroupName="readers")
    iam.add_user_to_group(GroupName="readers", UserName="ann")
    iam.put_group_policy(GroupName="readers", PolicyName="read", PolicyDocument=policy(READ))
    made = iam.create_policy(PolicyName="lists", Path="/team/", PolicyDocument=policy({"Action": "s3:ListBucket"}))
    iam.attach_user_policy(UserName="ann", PolicyArn=made["Policy"]["Arn"])
    actions = ["s3:GetObject", "s3:ListBucket", "s3:PutObject"]

    def said(**more: Any) -> list[Any]:
        asked = {"PolicySourceArn": ANN, "ActionNames": actions, "ResourceArns": [BOOK], **more}
        return list(iam.simulate_principal_policy(**asked)["EvaluationResults"])

    found = said()
    assert [row["EvalDecision"] for row in found] == ["allowed", "allowed", "implicitDeny"]
    assert [match["SourcePolicyId"] for row in found for match in row["MatchedStatements"]] == [
        "group_readers_read", "lists",
    ]  # fmt: skip
    assert all("PermissionsBoundaryDecisionDetail" not in row for row in found)
    found = said(PolicyInputList=[policy({"Action": "s3:PutObject"})])
    assert found[2]["MatchedStatements"][0]["SourcePolicyId"] == "PolicyInputList.1"
    boundary = iam.create_policy(PolicyName="bound", PolicyDocument=policy({"Action": "s3:List*"}))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=boundary)
    found = said()
    assert [row["EvalDecision"] for row in found] == ["implicitDeny", "allowed", "implicitDeny"]
    assert [row["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"] for row in found] == [
        False, True, False,
    ]  # fmt: skip
    found = said(PermissionsBoundaryPolicyInputList=[policy(READ)])
    assert [row["EvalDecision"] for row in found] == ["allowed", "implicitDeny", "implicitDeny"]
    # What is said is what happens.
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="books")
    s3.put_object(Bucket="books", Key="a", Body=b"x")
    ann = cloud.client("s3", keys)
    assert refused(ann.get_object, Bucket="books", Key="a") == "AccessDenied"
    ann.list_objects_v2(Bucket="books")


def test_a_user_is_known_by_name_and_tags(cloud: Cloud, iam: Any) -> None:
    iam.create_user(UserName="ann", Tags=[{"Key": "Team", "Value": "books"}])
    home = policy({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::${aws:PrincipalTag/team}/${aws:username}"})
    iam.put_user_policy(UserName="ann", PolicyName="home", PolicyDocument=home)
    asked = {"PolicySourceArn": ANN, "ActionNames": ["s3:GetObject"]}
    resources = ["arn:aws:s3:::books/ann", BOOK]
    (row,) = iam.simulate_principal_policy(**asked, ResourceArns=resources)["EvaluationResults"]
    assert [one["EvalResourceDecision"] for one in row["ResourceSpecificResults"]] == ["allowed", "implicitDeny"]
    assert row["MissingContextValues"] == []
    found = iam.get_context_keys_for_principal_policy(PolicySourceArn=ANN)
    assert found["ContextKeyNames"] == ["aws:PrincipalTag/team", "aws:username"]


def test_a_resource_s_own_policy(iam: Any) -> None:
    other = "arn:aws:iam::111122223333:user/zoe"
    own = policy({"Action": "s3:GetObject", "Resource": BOOKS, "Principal": {"AWS": [ANN, other]}})
    (row,) = custom(iam, policy({"Action": "s3:List*"}), ResourceArns=[BOOK], ResourcePolicy=own, CallerArn=ANN)
    assert row["EvalDecision"] == "allowed"
    assert row["MatchedStatements"][0]["SourcePolicyId"] == "ResourcePolicy"
    # Across accounts both must allow.
    for document, decision in ((policy({"Action": "s3:List*"}), "implicitDeny"), (policy(READ), "allowed")):
        asked = {"ResourceArns": [BOOK], "ResourcePolicy": own, "ResourceOwner": ROOT_ACCOUNT}
        (row,) = custom(iam, document, CallerArn=other, **asked)
        assert row["EvalDecision"] == decision
    with pytest.raises(iam.exceptions.InvalidInputException, match="CallerArn"):
        custom(iam, policy(READ), ResourcePolicy=own)


def test_pages(iam: Any) -> None:
    actions = [f"ec2:Do{number}" for number in range(25)]
    pages = list(iam.get_paginator("simulate_custom_policy").paginate(
        PolicyInputList=[policy({"Action": "ec2:Do1?"})], ActionNames=actions, PaginationConfig={"PageSize": 10},
    ))  # fmt: skip
    rows = [row for page in pages for row in page["EvaluationResults"]]
    assert [row["EvalActionName"] for row in rows] == actions
    assert [index for index, row in enumerate(rows) if row["EvalDecision"] == "allowed"] == list(range(10, 20))
    assert len(pages) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"PolicyInputList": ["{}"]},
        {"PolicyInputList": [policy(READ) + "x"]},
        {"ActionNames": ["GetObject"]},
        {"ActionNames": ["s3:*"]},
        {"ResourceArns": ["books"]},
        {"CallerArn": "arn:aws:sts::000000000000:assumed-role/r/s"},
        {"ResourceOwner": "somebody"},
        {"ContextEntries": [{"ContextKeyName": "nocolon", "ContextKeyType": "string", "ContextKeyValues": ["x"]}]},
        {"PermissionsBoundaryPolicyInputList": [policy(READ), policy(READ)]},
        {"ResourcePolicy": policy(READ), "CallerArn": ANN},
        {"ActionNames": [f"s3:Get{number}" for number in range(60)], "ResourceArns": [BOOK] * 20},
    ],
)
def test_what_cannot_be_asked(iam: Any, wrong: dict[str, Any]) -> None:
    given = {"PolicyInputList": [policy(READ)], "ActionNames": ["s3:GetObject"], **wrong}
    with pytest.raises(iam.exceptions.InvalidInputException):
        iam.simulate_custom_policy(**given)


def test_whom_it_is_for(cloud: Cloud, iam: Any) -> None:
    keys = user(cloud, "ann")
    iam.create_user(UserName="bob")
    ann = cloud.client("iam", keys)
    asked: dict[str, Any] = {"ActionNames": ["s3:GetObject"]}
    assert refused(ann.simulate_custom_policy, PolicyInputList=[policy(READ)], **asked) == "AccessDenied"
    own = policy({"Action": "iam:SimulatePrincipalPolicy", "Resource": ANN})
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=own)
    assert ann.simulate_principal_policy(PolicySourceArn=ANN, **asked)["EvaluationResults"]
    bob = f"arn:aws:iam::{ROOT_ACCOUNT}:user/bob"
    assert refused(ann.simulate_principal_policy, PolicySourceArn=bob, **asked) == "AccessDenied"
    for source, code in (
        (f"arn:aws:iam::{ROOT_ACCOUNT}:user/zed", "NoSuchEntity"),
        ("arn:aws:iam::111122223333:user/ann", "NoSuchEntity"),
        (f"arn:aws:iam::{ROOT_ACCOUNT}:policy/p", "InvalidInput"),
    ):
        assert refused(iam.simulate_principal_policy, PolicySourceArn=source, **asked) == code
    with pytest.raises(ClientError, match="PolicyExclusionList"):
        iam.simulate_principal_policy(PolicySourceArn=ANN, PolicyExclusionList=[{"PolicyType": "inline"}], **asked)
