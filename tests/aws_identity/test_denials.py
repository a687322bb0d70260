"""Refusals that say who may not do what, for want of which policy; and what is sealed of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sampan.services.identity.service import ROOT_ACCOUNT
from tests.aws_identity.cloud import KEY_ID, SECRET, Cloud, policy
from tests.aws_identity.test_end_to_end import user

ANN = f"arn:aws:iam::{ROOT_ACCOUNT}:user/ann"
USERS = f"arn:aws:iam::{ROOT_ACCOUNT}:user/*"


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def told(act: Any, **params: Any) -> tuple[str, str]:
    """The message of a refusal, and what is sealed of it."""
    with pytest.raises(ClientError) as caught:
        act(**params)
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    return str(caught.value.response["Error"]["Message"]), str(headers.get("x-sampan-denial", ""))


def test_each_kind_of_policy_is_named(cloud: Cloud) -> None:
    root, keys = cloud.client("iam"), user(cloud, "ann")
    ann = cloud.client("iam", keys)
    head = f"User: {ANN} is not authorized to perform: iam:ListUsers on resource: {USERS}"
    assert told(ann.list_users)[0] == f"{head} because no identity-based policy allows the iam:ListUsers action"
    own = {"UserName": "ann", "PolicyName": "own"}
    root.put_user_policy(**own, PolicyDocument=policy({"Action": "*", "Effect": "Deny"}))
    assert told(ann.list_users)[0] == f"{head} with an explicit deny in an identity-based policy"
    root.put_user_policy(**own, PolicyDocument=policy({"Action": "*"}))
    bound = root.create_policy(PolicyName="bound", PolicyDocument=policy({"Action": "sts:*"}))["Policy"]["Arn"]
    root.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=bound)
    assert told(ann.list_users)[0] == f"{head} because no permissions boundary allows the iam:ListUsers action"
    root.delete_user_permissions_boundary(UserName="ann")
    token = cloud.client("sts", keys).get_federation_token(Name="guest", Policy=policy({"Action": "s3:*"}))
    guest = cloud.client("iam", token["Credentials"])
    message = told(guest.list_users)[0]
    assert f"User: arn:aws:sts::{ROOT_ACCOUNT}:federated-user/guest is not" in message
    assert message.endswith("because no session policy allows the iam:ListUsers action")


def test_what_a_role_trusts_is_not_told(cloud: Cloud) -> None:
    keys = user(cloud, "ann")
    trust = policy({"Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}})
    arn = cloud.client("iam").create_role(RoleName="helm", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    assume = cloud.client("sts", keys).assume_role
    message, _ = told(assume, RoleArn=arn, RoleSessionName="night")
    assert message == f"User: {ANN} is not authorized to perform: sts:AssumeRole on resource: {arn}"
    missing = arn.replace("helm", "none")
    assert told(assume, RoleArn=missing, RoleSessionName="night")[0] == message.replace("helm", "none")


def test_s3_tells_its_own_account_why(cloud: Cloud) -> None:
    root, keys = cloud.client("s3"), user(cloud, "ann")
    root.create_bucket(Bucket="books")
    root.put_object(Bucket="books", Key="a", Body=b"x")
    message, _ = told(cloud.client("s3", keys).get_object, Bucket="books", Key="a")
    assert message == (
        f'User: {ANN} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::books/a" because no '
        "identity-based policy allows the s3:GetObject action"
    )
    message, _ = told(cloud.client("s3", signed=False).get_object, Bucket="books", Key="a")
    assert message == "Access Denied"


def test_a_sealed_message_is_for_who_may_read_it(cloud: Cloud) -> None:
    root, keys = cloud.client("iam"), user(cloud, "ann")
    ann, sts = cloud.client("iam", keys), cloud.client("sts")
    own = {"UserName": "ann", "PolicyName": "own"}
    deny = json.loads(policy({"Action": "*"}, {"Sid": "NoUsers", "Action": "iam:ListUsers", "Effect": "Deny"}))
    root.put_user_policy(**own, PolicyDocument=json.dumps(deny))
    _, sealed = told(ann.list_users)
    assert "ListUsers" not in sealed
    found = json.loads(sts.decode_authorization_message(EncodedMessage=sealed)["DecodedMessage"])
    assert (found["allowed"], found["explicitDeny"]) == (False, True)
    (match,) = found["matchedStatements"]["items"]
    assert match == {"statementId": "NoUsers", "effect": "DENY", "sourcePolicyId": "user/ann:own"}
    context = found["context"]
    assert (context["action"], context["resource"], context["principal"]["arn"]) == ("iam:ListUsers", USERS, ANN)
    assert context["principal"]["id"] == root.get_user(UserName="ann")["User"]["UserId"]
    conditions = {row["key"]: row["values"]["items"] for row in context["conditions"]["items"]}
    assert conditions["aws:username"] == [{"value": "ann"}]
    assert conditions["aws:SourceIp"] == [{"value": "127.0.0.1"}]
    assert keys["SecretAccessKey"] not in str(found)
    # Another account, somebody without the permission, and whoever made one up.
    with pytest.raises(ClientError, match="InvalidAuthorizationMessage"):
        sts.decode_authorization_message(EncodedMessage=sealed[:-3] + "AAA")
    for text in ("x", "é", "A" * 10240, sealed[:20]):
        with pytest.raises(ClientError, match="InvalidAuthorizationMessage"):
            sts.decode_authorization_message(EncodedMessage=text)
    root.put_user_policy(**own, PolicyDocument=policy({"Action": "s3:*"}))
    told(cloud.client("sts", keys).decode_authorization_message, EncodedMessage=sealed)
    assert (keys["AccessKeyId"], keys["SecretAccessKey"]) != (KEY_ID, SECRET)
