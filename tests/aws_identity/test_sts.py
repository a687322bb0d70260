"""STS: the SDK's requests become commands, results become what the SDK reads."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sampan.kernel.fault import Kind
from sampan.services.identity.model import (
    AssumeRole,
    AssumeRoleWithToken,
    Document,
    GetCallerIdentity,
    GetFederationToken,
    GetSessionToken,
    Language,
    Session,
    WhoAmI,
)
from tests.aws.sdk import Sent
from tests.aws_identity.sdk import ACCOUNT, AT_MS, Door, catch, client

AT = datetime.fromtimestamp(AT_MS // 1000, UTC)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/team/builder"
POLICY = '{"Version":"2012-10-17","Statement":[]}'


@pytest.mark.parametrize(
    ("who", "user_id", "arn"),
    [
        (WhoAmI(ACCOUNT, "root", "root", ""), ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"),
        (
            WhoAmI(ACCOUNT, "user", "ann", "A234567A234567AB", path="/team/"),
            "AIDAA234567A234567AB",
            f"arn:aws:iam::{ACCOUNT}:user/team/ann",
        ),
        (
            WhoAmI(ACCOUNT, "role", "builder", "A234567A234567AB", "night"),
            "AROAA234567A234567AB:night",
            f"arn:aws:sts::{ACCOUNT}:assumed-role/builder/night",
        ),
        (
            WhoAmI(ACCOUNT, "federated", "bob", "A234567A234567AB", "bob"),
            f"{ACCOUNT}:bob",
            f"arn:aws:sts::{ACCOUNT}:federated-user/bob",
        ),
    ],
)
def test_who_am_i(sts: Door, who: WhoAmI, user_id: str, arn: str) -> None:
    assert sts.command("get_caller_identity") == GetCallerIdentity()
    assert sts.said("get_caller_identity", who) == {"UserId": user_id, "Account": ACCOUNT, "Arn": arn}


def test_assume_role_says_all(sts: Door) -> None:
    assert sts.command(
        "assume_role",
        RoleArn=ROLE,
        RoleSessionName="night",
        DurationSeconds=900,
        Policy=POLICY,
        PolicyArns=[
            {"arn": f"arn:aws:iam::{ACCOUNT}:policy/readers"},
            {"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
        ],
        Tags=[{"Key": "team", "Value": "a b&c=d"}, {"Key": "empty", "Value": ""}],
        TransitiveTagKeys=["team"],
        ExternalId="outside",
        SerialNumber=f"arn:aws:iam::{ACCOUNT}:mfa/phone",
        TokenCode="123456",
        SourceIdentity="ann",
    ) == AssumeRole(
        account=ACCOUNT,
        role="builder",
        session="night",
        duration_s=900,
        policy=Document(Language.IAM, POLICY),
        policies=("/readers", "aws:/ReadOnlyAccess"),
        tags={"team": "a b&c=d", "empty": ""},
        transitive=("team",),
        external_id="outside",
        source_identity="ann",
        mfa_code="123456",
    )
    assert sts.command("assume_role", RoleArn=ROLE, RoleSessionName="night", Tags=[]) == AssumeRole(
        account=ACCOUNT, role="builder", session="night"
    )


SESSION = Session(
    ACCOUNT, "ASIAKEY", "secret", "token+/=<&>", AT_MS, "night", role="builder", role_id="A234567A234567AB",
    packed_percent=3, source_identity="ann",
)  # fmt: skip
CREDENTIALS = {
    "AccessKeyId": "ASIAKEY", "SecretAccessKey": "secret", "SessionToken": "token+/=<&>", "Expiration": AT,
}  # fmt: skip
ASSUMED = {
    "AssumedRoleId": "AROAA234567A234567AB:night",
    "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/builder/night",
}


def test_a_session_of_a_role(sts: Door) -> None:
    assert sts.said("assume_role", SESSION, RoleArn=ROLE, RoleSessionName="night") == {
        "Credentials": CREDENTIALS,
        "AssumedRoleUser": ASSUMED,
        "PackedPolicySize": 3,
        "SourceIdentity": "ann",
    }


def test_whoever_has_a_token_need_not_sign(sts: Door) -> None:
    asked = catch(
        client("sts", signed=False),
        "assume_role_with_web_identity",
        RoleArn=ROLE, RoleSessionName="night", WebIdentityToken="head.body.sign",
    )  # fmt: skip
    assert "authorization" not in asked.headers
    exchange, command = sts.bind(asked)
    assert command == AssumeRoleWithToken(account=ACCOUNT, role="builder", session="night", token="head.body.sign")
    assert exchange.caller.anonymous
    assert "head.body.sign" not in repr(command)


def test_everything_else_must_be_signed(sts: Door) -> None:
    fault = sts.fault(catch(client("sts", signed=False), "get_caller_identity"))
    assert (fault.kind, fault.noun) == (Kind.ABSENT, "authorization")
    assert sts.refused(fault)[:2] == (403, "MissingAuthenticationToken")


def test_sessions_of_ones_own(sts: Door) -> None:
    assert sts.command("get_session_token", DurationSeconds=900, TokenCode="123456") == GetSessionToken(
        duration_s=900, mfa_code="123456"
    )
    assert sts.said("get_session_token", SESSION) == {"Credentials": CREDENTIALS}
    assert sts.command("get_federation_token", Name="bob", Policy=POLICY) == GetFederationToken(
        name="bob", policy=Document(Language.IAM, POLICY)
    )
    told = sts.said("get_federation_token", Session(ACCOUNT, "ASIAKEY", "s", "t", AT_MS, "bob"), Name="bob")
    assert told["FederatedUser"] == {
        "FederatedUserId": f"{ACCOUNT}:bob", "Arn": f"arn:aws:sts::{ACCOUNT}:federated-user/bob",
    }  # fmt: skip


def test_a_presigned_url_says_who_its_maker_is(sts: Door) -> None:
    """What tools for Kubernetes hand over as a token."""
    url = client("sts").generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    asked = Sent("GET", "/", url.partition("?")[2], {"host": "127.0.0.1:4566"})
    exchange, command = sts.bind(asked)
    assert command == GetCallerIdentity()
    assert exchange.caller.key_id == "AK"
