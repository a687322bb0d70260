"""Service-specific credentials, as the SDK makes and manages them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sampan.kernel.caller import bearer
from sampan.services.identity.service import ROOT_ACCOUNT
from tests.aws_identity.cloud import Cloud, policy
from tests.aws_identity.test_end_to_end import refused, user

BEDROCK = "bedrock.amazonaws.com"


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


@pytest.fixture
def iam(cloud: Cloud) -> Any:
    api = cloud.client("iam")
    api.create_user(UserName="ann")
    return api


def test_one_from_its_making_to_its_end(cloud: Cloud, iam: Any) -> None:
    made = iam.create_service_specific_credential(UserName="ann", ServiceName=BEDROCK, CredentialAgeDays=30)
    made = made["ServiceSpecificCredential"]
    token, key_id = made.pop("ServiceCredentialSecret"), made["ServiceSpecificCredentialId"]
    assert token.startswith("ABSK")
    assert (made["UserName"], made["Status"], made["ServiceName"]) == ("ann", "Active", BEDROCK)
    assert made["ServiceCredentialAlias"] == f"ann-at-{ROOT_ACCOUNT}"
    assert made["ExpirationDate"] - made["CreateDate"] == timedelta(days=30)
    caller = bearer(cloud.identity, token, cloud.clock.ms)
    assert (caller.account, caller.principal, caller.scope) == (ROOT_ACCOUNT, "ann", ("inference",))
    assert iam.list_service_specific_credentials(UserName="ann")["ServiceSpecificCredentials"] == [made]
    named = {"UserName": "ann", "ServiceSpecificCredentialId": key_id}
    iam.update_service_specific_credential(Status="Inactive", **named)
    reset = iam.reset_service_specific_credential(**named)["ServiceSpecificCredential"]
    assert (reset["Status"], reset["ServiceSpecificCredentialId"]) == ("Inactive", key_id)
    assert reset["ServiceCredentialSecret"] not in ("", token)
    assert refused(iam.delete_user, UserName="ann") == "DeleteConflict"
    iam.delete_service_specific_credential(**named)
    assert refused(iam.delete_service_specific_credential, **named) == "NoSuchEntity"
    iam.delete_user(UserName="ann")
    lines = str(cloud.audit.lines)
    assert token not in lines
    assert reset["ServiceCredentialSecret"] not in lines


def test_lists_are_filtered_and_cut(cloud: Cloud, iam: Any) -> None:
    iam.create_user(UserName="bob")
    for name in ("ann", "bob", "bob"):
        iam.create_service_specific_credential(UserName=name, ServiceName=BEDROCK)
    found = iam.list_service_specific_credentials(AllUsers=True, MaxItems=2)
    assert found["IsTruncated"]
    rest = iam.list_service_specific_credentials(AllUsers=True, Marker=found["Marker"])
    rows = [*found["ServiceSpecificCredentials"], *rest["ServiceSpecificCredentials"]]
    assert sorted(row["UserName"] for row in rows) == ["ann", "bob", "bob"]
    assert not rest["IsTruncated"]
    other = "cassandra.amazonaws.com"
    assert iam.list_service_specific_credentials(ServiceName=other, AllUsers=True)["ServiceSpecificCredentials"] == []
    assert iam.list_service_specific_credentials()["ServiceSpecificCredentials"] == []  # the root's own


def test_what_is_refused(cloud: Cloud, iam: Any) -> None:
    make = iam.create_service_specific_credential
    assert refused(make, UserName="ann", ServiceName="codecommit.amazonaws.com") == "NotImplemented"
    assert refused(make, UserName="zed", ServiceName=BEDROCK) == "NoSuchEntity"
    with pytest.raises(ClientError, match="36600"):
        make(UserName="ann", ServiceName=BEDROCK, CredentialAgeDays=36601)
    assert refused(iam.list_service_specific_credentials, UserName="ann", AllUsers=True) == "ValidationError"
    made = make(UserName="ann", ServiceName=BEDROCK)["ServiceSpecificCredential"]
    named = {"UserName": "ann", "ServiceSpecificCredentialId": made["ServiceSpecificCredentialId"]}
    assert refused(iam.update_service_specific_credential, Status="Expired", **named) == "ValidationError"
    keys = user(cloud, "bob")
    bob = cloud.client("iam", keys)
    assert refused(bob.create_service_specific_credential, UserName="bob", ServiceName=BEDROCK) == "AccessDenied"
    allowed = policy(
        {"Action": "iam:CreateServiceSpecificCredential", "Resource": f"arn:aws:iam::{ROOT_ACCOUNT}:user/bob"}
    )
    iam.put_user_policy(UserName="bob", PolicyName="own", PolicyDocument=allowed)
    bob.create_service_specific_credential(UserName="bob", ServiceName=BEDROCK)
    assert refused(bob.create_service_specific_credential, UserName="ann", ServiceName=BEDROCK) == "AccessDenied"
