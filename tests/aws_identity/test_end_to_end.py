"""The SDK against the real services: who may what, under whose keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec

from sampan.dialects.aws.iam.provided import PROVIDED
from sampan.kernel.caller import Caller
from sampan.services.identity.model import PutProvider
from sampan.services.identity.service import ROOT_ACCOUNT
from tests.aws_identity.cloud import KEY_ID, Cloud, policy

ROLE = f"arn:aws:iam::{ROOT_ACCOUNT}:role/team/builder"


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def refused(act: Callable[..., Any], **params: Any) -> str:
    """The code of the error that comes of a call."""
    with pytest.raises(ClientError) as caught:
        act(**params)
    return str(caught.value.response["Error"]["Code"])


def user(cloud: Cloud, name: str, **params: Any) -> dict[str, Any]:
    """A new user's keys."""
    iam = cloud.client("iam")
    iam.create_user(UserName=name, **params)
    return dict(iam.create_access_key(UserName=name)["AccessKey"])


def test_ids_in_policies_are_those_that_iam_tells(cloud: Cloud) -> None:
    """The pattern of bucket policies that let one role in, whatever its session, and nobody else."""
    iam, s3, keys = cloud.client("iam"), cloud.client("s3"), user(cloud, "ann")
    s3.create_bucket(Bucket="harbour")
    for key in ("log", f"{iam.get_user(UserName='ann')['User']['UserId']}/own"):
        s3.put_object(Bucket="harbour", Key=key, Body=b"calm")
    trust = policy({"Action": "sts:AssumeRole", "Principal": {"AWS": ROOT_ACCOUNT}})
    role = iam.create_role(RoleName="helm", AssumeRolePolicyDocument=trust)["Role"]
    everything = policy({"Action": "*"})
    iam.put_role_policy(RoleName="helm", PolicyName="own", PolicyDocument=everything)
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=everything)
    condition = {"StringNotLike": {"aws:userId": [f"{role['RoleId']}:*", ROOT_ACCOUNT]}}
    shut = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::harbour/log"}
    s3.put_bucket_policy(Bucket="harbour", Policy=policy({**shut, "Condition": condition}))
    given = cloud.client("sts", keys).assume_role(RoleArn=role["Arn"], RoleSessionName="night")["Credentials"]
    ann = cloud.client("s3", keys)
    assert refused(ann.get_object, Bucket="harbour", Key="log") == "AccessDenied"
    assert cloud.client("s3", given).get_object(Bucket="harbour", Key="log")["Body"].read() == b"calm"
    own = policy({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::harbour/${aws:userid}/*"})
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=own)
    ann.get_object(Bucket="harbour", Key=f"{iam.get_user(UserName='ann')['User']['UserId']}/own")
    assert refused(ann.get_object, Bucket="harbour", Key="log") == "AccessDenied"


def test_a_provider_changes(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    print_ = "0123456789" * 4
    tags = [{"Key": "a", "Value": "b"}]
    arn = iam.create_open_id_connect_provider(Url="https://issuer.example.org/x", ClientIDList=["one"], Tags=tags)
    assert arn["Tags"] == tags
    named = {"OpenIDConnectProviderArn": arn["OpenIDConnectProviderArn"]}
    for _ in range(2):
        iam.add_client_id_to_open_id_connect_provider(**named, ClientID="two")
    assert iam.get_open_id_connect_provider(**named)["ClientIDList"] == ["one", "two"]
    for _ in range(2):
        iam.remove_client_id_from_open_id_connect_provider(**named, ClientID="one")
    iam.update_open_id_connect_provider_thumbprint(**named, ThumbprintList=[print_])
    found = iam.get_open_id_connect_provider(**named)
    assert (found["ClientIDList"], found["ThumbprintList"], found["Tags"]) == (["two"], [print_], tags)
    iam.tag_open_id_connect_provider(**named, Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_open_id_connect_provider(**named, TagKeys=["a"])
    assert iam.list_open_id_connect_provider_tags(**named)["Tags"] == [{"Key": "c", "Value": "d"}]
    iam.delete_open_id_connect_provider(**named)
    assert refused(iam.add_client_id_to_open_id_connect_provider, **named, ClientID="two") == "NoSuchEntity"
    assert cloud.client("sts").get_access_key_info(AccessKeyId=KEY_ID)["Account"] == ROOT_ACCOUNT


def test_a_user_may_what_a_policy_allows(cloud: Cloud) -> None:
    root = cloud.client("s3")
    root.create_bucket(Bucket="harbour")
    root.put_object(Bucket="harbour", Key="log", Body=b"calm")
    keys = user(cloud, "ann", Path="/team/")
    assert cloud.client("sts", keys).get_caller_identity()["Arn"] == f"arn:aws:iam::{ROOT_ACCOUNT}:user/team/ann"
    s3, iam = cloud.client("s3", keys), cloud.client("iam")
    assert refused(s3.get_object, Bucket="harbour", Key="log") == "AccessDenied"
    assert refused(cloud.client("iam", keys).list_users) == "AccessDenied"
    made = iam.create_policy(
        PolicyName="readers", PolicyDocument=policy({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::harbour/*"})
    )["Policy"]
    iam.attach_user_policy(UserName="ann", PolicyArn=made["Arn"])
    assert s3.get_object(Bucket="harbour", Key="log")["Body"].read() == b"calm"
    assert refused(s3.put_object, Bucket="harbour", Key="log", Body=b"storm") == "AccessDenied"
    assert refused(iam.delete_policy, PolicyArn=made["Arn"]) == "DeleteConflict"
    iam.detach_user_policy(UserName="ann", PolicyArn=made["Arn"])
    assert refused(s3.get_object, Bucket="harbour", Key="log") == "AccessDenied"


def test_a_role_is_assumed_by_whom_it_trusts(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    cloud.client("s3").create_bucket(Bucket="harbour")
    keys = user(cloud, "ann", Path="/team/")
    trust = policy({"Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ROOT_ACCOUNT}:user/team/ann"}})
    role = iam.create_role(RoleName="builder", Path="/team/", AssumeRolePolicyDocument=trust)["Role"]
    assert role["Arn"] == ROLE
    iam.put_role_policy(RoleName="builder", PolicyName="own", PolicyDocument=policy({"Action": "s3:*"}))
    assert refused(cloud.client("sts").assume_role, RoleArn=ROLE, RoleSessionName="night") == "AccessDenied"
    got = cloud.client("sts", keys).assume_role(RoleArn=ROLE, RoleSessionName="night", DurationSeconds=900)
    assert got["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ROOT_ACCOUNT}:assumed-role/builder/night"
    assert got["AssumedRoleUser"]["AssumedRoleId"] == f"{role['RoleId']}:night"
    session = got["Credentials"]
    assert cloud.client("sts", session).get_caller_identity()["Arn"] == got["AssumedRoleUser"]["Arn"]
    s3 = cloud.client("s3", session)
    s3.put_object(Bucket="harbour", Key="log", Body=b"calm")
    cloud.clock.ms += 900_000  # over, and the SDK's clock is not yet too wrong
    assert refused(s3.put_object, Bucket="harbour", Key="log", Body=b"storm") == "ExpiredToken"
    assert refused(cloud.client("sts", session).get_caller_identity) == "ExpiredToken"


def test_a_stranger_needs_the_right_word(cloud: Cloud) -> None:
    """An external id, and a session that is allowed less than its role."""
    iam = cloud.client("iam")
    cloud.client("s3").create_bucket(Bucket="harbour")
    trust = policy(
        {
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": ROOT_ACCOUNT},
            "Condition": {"StringEquals": {"sts:ExternalId": "outside"}},
        }
    )
    iam.create_role(RoleName="builder", Path="/team/", AssumeRolePolicyDocument=trust)
    iam.attach_role_policy(RoleName="builder", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    keys = user(cloud, "ann")
    iam.put_user_policy(
        UserName="ann", PolicyName="own", PolicyDocument=policy({"Action": "sts:AssumeRole", "Resource": ROLE})
    )
    sts = cloud.client("sts", keys)
    asked = {"RoleArn": ROLE, "RoleSessionName": "night", "Policy": policy({"Action": "s3:ListBucket"})}
    assert refused(sts.assume_role, **asked) == "AccessDenied"
    assert refused(sts.assume_role, ExternalId="inside", **asked) == "AccessDenied"
    got = sts.assume_role(ExternalId="outside", **asked)
    assert got["PackedPolicySize"] > 0
    s3 = cloud.client("s3", got["Credentials"])
    assert s3.list_objects_v2(Bucket="harbour")["KeyCount"] == 0
    assert refused(s3.put_object, Bucket="harbour", Key="log", Body=b"") == "AccessDenied"


def test_awss_own_policies_say_what_they_are_called_for(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    cloud.client("s3").create_bucket(Bucket="harbour")
    own = iam.list_policies(Scope="AWS")["Policies"]
    assert len(own) == len(PROVIDED)
    document = iam.get_policy_version(PolicyArn=own[0]["Arn"], VersionId="v1")["PolicyVersion"]["Document"]
    assert document["Statement"][0]["Action"] == ["*"]
    keys = user(cloud, "ann")
    may = {
        "ListUsers": lambda: cloud.client("iam", keys).list_users(),
        "CreateGroup": lambda: cloud.client("iam", keys).create_group(GroupName="crew"),
        "ListObjects": lambda: cloud.client("s3", keys).list_objects_v2(Bucket="harbour"),
        "PutObject": lambda: cloud.client("s3", keys).put_object(Bucket="harbour", Key="log", Body=b""),
    }
    allowed = {
        "PowerUserAccess": {"ListObjects", "PutObject"},
        "AmazonS3FullAccess": {"ListObjects", "PutObject"},
        "AmazonS3ReadOnlyAccess": {"ListObjects"},
        "IAMReadOnlyAccess": {"ListUsers"},
        "IAMFullAccess": {"ListUsers", "CreateGroup"},
    }
    for name, want in allowed.items():
        arn = f"arn:aws:iam::aws:policy/{name}"
        iam.attach_user_policy(UserName="ann", PolicyArn=arn)
        assert {what for what, act in may.items() if not _refuses(act)} == want, name
        iam.detach_user_policy(UserName="ann", PolicyArn=arn)


def _refuses(act: Callable[[], Any]) -> bool:
    try:
        act()
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied"
        return True
    return False


def test_groups_give_what_they_have(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    cloud.client("s3").create_bucket(Bucket="harbour")
    keys = user(cloud, "ann")
    iam.create_group(GroupName="crew")
    iam.put_group_policy(GroupName="crew", PolicyName="own", PolicyDocument=policy({"Action": "s3:*"}))
    iam.add_user_to_group(GroupName="crew", UserName="ann")
    told = iam.get_group(GroupName="crew")
    assert (told["Group"]["GroupName"], [each["UserName"] for each in told["Users"]]) == ("crew", ["ann"])
    assert [each["GroupName"] for each in iam.list_groups_for_user(UserName="ann")["Groups"]] == ["crew"]
    s3 = cloud.client("s3", keys)
    s3.list_objects_v2(Bucket="harbour")
    iam.remove_user_from_group(GroupName="crew", UserName="ann")
    assert refused(s3.list_objects_v2, Bucket="harbour") == "AccessDenied"
    iam.delete_group_policy(GroupName="crew", PolicyName="own")
    iam.delete_group(GroupName="crew")
    assert refused(iam.get_group, GroupName="crew") == "NoSuchEntity"


def test_errors_as_people_know_them(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    user(cloud, "ann")
    assert refused(iam.create_user, UserName="Ann") == "EntityAlreadyExists"
    assert refused(iam.get_user, UserName="bob") == "NoSuchEntity"
    assert refused(iam.delete_user, UserName="ann") == "DeleteConflict"
    iam.create_access_key(UserName="ann")
    assert refused(iam.create_access_key, UserName="ann") == "LimitExceeded"
    assert refused(iam.create_policy, PolicyName="p", PolicyDocument="no JSON") == "MalformedPolicyDocument"
    assert refused(iam.get_policy, PolicyArn=f"arn:aws:iam::{ROOT_ACCOUNT}:policy/none") == "NoSuchEntity"
    assert refused(iam.create_login_profile, UserName="ann", Password="x") == "PasswordPolicyViolation"
    assert refused(iam.get_login_profile, UserName="ann") == "NoSuchEntity"
    assert refused(iam.list_saml_providers) == "NotImplemented"
    with pytest.raises(iam.exceptions.NoSuchEntityException, match="The user with name bob cannot be found"):
        iam.get_user(UserName="bob")


def test_pages_of_users(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    names = [f"user-{number}" for number in range(5)]
    for name in names:
        iam.create_user(UserName=name, Path="/a/" if name < "user-3" else "/b/")
    pages = list(iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Users"]) for page in pages] == [2, 2, 1]
    assert [each["UserName"] for page in pages for each in page["Users"]] == names
    assert len(iam.list_users(PathPrefix="/b/")["Users"]) == 2


def test_versions_of_a_policy(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=policy({"Action": "s3:*"}))["Policy"]["Arn"]
    text = policy({"Action": "iam:*"})
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=text, SetAsDefault=True)["PolicyVersion"]
    assert (made["VersionId"], made["IsDefaultVersion"]) == ("v2", True)
    told = iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]
    assert told["Document"] == json.loads(text)
    assert refused(iam.delete_policy_version, PolicyArn=arn, VersionId="v2") == "DeleteConflict"
    assert refused(iam.delete_policy, PolicyArn=arn) == "DeleteConflict"
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy(PolicyArn=arn)


def test_the_accounts_own_things(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    assert iam.get_user()["User"]["Arn"] == f"arn:aws:iam::{ROOT_ACCOUNT}:root"
    iam.create_account_alias(AccountAlias="harbour")
    assert iam.list_account_aliases()["AccountAliases"] == ["harbour"]
    assert iam.get_account_summary()["SummaryMap"]["UsersQuota"] == 5000
    arn = iam.create_open_id_connect_provider(Url="https://oidc.example.org/id/1", ClientIDList=["a"])
    arn = arn["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::{ROOT_ACCOUNT}:oidc-provider/oidc.example.org/id/1"
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == [{"Arn": arn}]
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["Url"] == "oidc.example.org/id/1"
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    serial, codes = made["SerialNumber"], {"AuthenticationCode1": "000000", "AuthenticationCode2": "000000"}
    assert refused(iam.enable_mfa_device, UserName="nobody", SerialNumber=serial, **codes) == "NoSuchEntity"
    iam.delete_virtual_mfa_device(SerialNumber=serial)


def test_a_token_that_nobody_trusts(cloud: Cloud) -> None:
    sts = cloud.client("sts", signed=False)
    asked = {"RoleArn": ROLE, "RoleSessionName": "night", "WebIdentityToken": "head.body.sign"}
    assert refused(sts.assume_role_with_web_identity, **asked) == "InvalidIdentityToken"
    assert refused(sts.get_caller_identity) == "MissingAuthenticationToken"


def test_a_token_of_a_trusted_provider_is_worth_a_role(cloud: Cloud) -> None:
    iam, issuer = cloud.client("iam"), "https://oidc.example.org/id/1"
    arn = iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["sampan"])["OpenIDConnectProviderArn"]
    secret, public = signing_key()
    # IAM has no word for a provider's keys, which AWS fetches; the operator puts them there.
    keys = PutProvider(
        create=False,
        name="oidc.example.org/id/1",
        url=issuer,
        audiences=("sampan",),
        keys=json.dumps({"keys": [public]}),
    )
    asyncio.run(cloud.identity.handlers[PutProvider](Caller(ROOT_ACCOUNT, "root", KEY_ID), keys))
    trust = policy(
        {
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": arn},
            "Condition": {"StringEquals": {"oidc.example.org/id/1:sub": "night"}},
        }
    )
    iam.create_role(RoleName="builder", Path="/team/", AssumeRolePolicyDocument=trust)
    sts = cloud.client("sts", signed=False)

    def assume(subject: str, audience: str = "sampan", lasts_s: int = 600) -> dict[str, Any]:
        claims = {"iss": issuer, "sub": subject, "aud": audience, "exp": cloud.clock.ms // 1000 + lasts_s}
        token = jwt.encode(claims, secret, "ES256", {"kid": public["kid"]})
        return dict(sts.assume_role_with_web_identity(RoleArn=ROLE, RoleSessionName="night", WebIdentityToken=token))

    got = assume("night")
    assert (got["SubjectFromWebIdentityToken"], got["Audience"]) == ("night", "sampan")
    who = cloud.client("sts", got["Credentials"]).get_caller_identity()
    assert who["Arn"] == f"arn:aws:sts::{ROOT_ACCOUNT}:assumed-role/builder/night"
    assert refused(assume, subject="day") == "AccessDenied"
    assert refused(assume, subject="night", audience="another") == "InvalidIdentityToken"
    assert refused(assume, subject="night", lasts_s=-60) == "ExpiredTokenException"


def signing_key() -> tuple[Any, dict[str, Any]]:
    """A new key of an issuer: its secret half, and the public one as a JWK."""
    secret = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(secret.public_key()))
    return secret, {**public, "kid": "one", "alg": "ES256", "use": "sig"}


def test_the_audit_names_the_operation_and_the_caller(cloud: Cloud) -> None:
    cloud.client("iam").create_user(UserName="ann")
    line = json.loads(cloud.audit.lines[-1])
    assert (line["dialect"], line["operation"], line["account"]) == ("aws/iam", "CreateUser", ROOT_ACCOUNT)
