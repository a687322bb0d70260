"""Access keys, passwords, second factors and the account in IAM's words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sampan.kernel.command import Command
from sampan.services.identity.model import (
    AccessKey,
    BindMfaDevice,
    CreateAccessKey,
    CreateMfaDevice,
    DeleteAccessKey,
    DeleteLoginProfile,
    DeleteMfaDevice,
    DeleteProvider,
    GetAccessKeyUse,
    GetLoginProfile,
    GetProviders,
    GetSummary,
    IssuedKey,
    KeyUse,
    ListAccessKeys,
    ListMfaDevices,
    LoginProfile,
    MfaDevice,
    Provider,
    PutLoginProfile,
    PutProvider,
    SetAccessKey,
    SetAlias,
    Summary,
    UnbindMfaDevice,
)
from tests.aws_identity.sdk import ACCOUNT, AT_MS, Door, catch, client

AT = datetime.fromtimestamp(AT_MS // 1000, UTC)
KEY = "AKIA234567A234567ABC"
PHONE = f"arn:aws:iam::{ACCOUNT}:mfa/phone"
ISSUER = "oidc.example.org/id/1"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"


@pytest.mark.parametrize(
    ("operation", "params", "command"),
    [
        ("create_access_key", {"UserName": "ann"}, CreateAccessKey(user="ann", form="AKIA")),
        ("create_access_key", {}, CreateAccessKey(user="", form="AKIA")),
        ("list_access_keys", {"UserName": "ann"}, ListAccessKeys(user="ann")),
        (
            "update_access_key",
            {"UserName": "ann", "AccessKeyId": KEY, "Status": "Inactive"},
            SetAccessKey(user="ann", key_id=KEY, active=False),
        ),
        ("update_access_key", {"AccessKeyId": KEY, "Status": "Active"}, SetAccessKey(user="", key_id=KEY, active=True)),
        ("delete_access_key", {"UserName": "ann", "AccessKeyId": KEY}, DeleteAccessKey(user="ann", key_id=KEY)),
        ("get_access_key_last_used", {"AccessKeyId": KEY}, GetAccessKeyUse(key_id=KEY)),
        (
            "create_login_profile",
            {"UserName": "ann", "Password": "p&=+ %w"},
            PutLoginProfile(user="ann", create=True, password="p&=+ %w", reset_required=False),
        ),
        (
            "update_login_profile",
            {"UserName": "ann", "PasswordResetRequired": True},
            PutLoginProfile(user="ann", create=False, reset_required=True),
        ),
        ("get_login_profile", {"UserName": "ann"}, GetLoginProfile(user="ann")),
        ("delete_login_profile", {"UserName": "ann"}, DeleteLoginProfile(user="ann")),
        ("create_virtual_mfa_device", {"VirtualMFADeviceName": "phone"}, CreateMfaDevice(name="phone")),
        (
            "enable_mfa_device",
            {
                "UserName": "ann", "SerialNumber": PHONE, "AuthenticationCode1": "123456",
                "AuthenticationCode2": "654321",
            },
            BindMfaDevice(user="ann", name="phone", codes=("123456", "654321")),
        ),
        (
            "deactivate_mfa_device",
            {"UserName": "ann", "SerialNumber": PHONE},
            UnbindMfaDevice(user="ann", name="phone"),
        ),
        ("delete_virtual_mfa_device", {"SerialNumber": PHONE}, DeleteMfaDevice(name="phone")),
        ("list_mfa_devices", {"UserName": "ann"}, ListMfaDevices(user="ann")),
        ("list_virtual_mfa_devices", {}, ListMfaDevices()),
        ("create_account_alias", {"AccountAlias": "harbour"}, SetAlias(alias="harbour")),
        ("delete_account_alias", {"AccountAlias": "harbour"}, SetAlias(alias=None)),
        ("get_account_summary", {}, GetSummary()),
        (
            "create_open_id_connect_provider",
            {"Url": f"https://{ISSUER}", "ClientIDList": ["sts.amazonaws.com"]},
            PutProvider(create=True, name=ISSUER, url=f"https://{ISSUER}", audiences=("sts.amazonaws.com",)),
        ),
        ("get_open_id_connect_provider", {"OpenIDConnectProviderArn": PROVIDER}, GetProviders(name=ISSUER)),
        ("delete_open_id_connect_provider", {"OpenIDConnectProviderArn": PROVIDER}, DeleteProvider(name=ISSUER)),
    ],
)  # fmt: skip
def test_a_request_becomes_a_command(iam: Door, operation: str, params: dict[str, Any], command: Command) -> None:
    assert iam.command(operation, **params) == command


def test_access_keys(iam: Door) -> None:
    issued = IssuedKey(ACCOUNT, KEY, "se/cr+et", user="ann", created_ms=AT_MS)
    assert iam.said("create_access_key", issued)["AccessKey"] == {
        "UserName": "ann", "AccessKeyId": KEY, "Status": "Active", "SecretAccessKey": "se/cr+et", "CreateDate": AT,
    }  # fmt: skip
    told = iam.said("list_access_keys", (AccessKey(KEY, "ann", False, AT_MS),))
    assert told == {
        "AccessKeyMetadata": [{"UserName": "ann", "AccessKeyId": KEY, "Status": "Inactive", "CreateDate": AT}],
        "IsTruncated": False,
    }
    assert iam.said("get_access_key_last_used", KeyUse("ann", None), AccessKeyId=KEY) == {
        "UserName": "ann",
        "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"},
    }
    used = iam.said("get_access_key_last_used", KeyUse("ann", AT_MS, "s3", "us-east-1"), AccessKeyId=KEY)
    assert used["AccessKeyLastUsed"] == {"LastUsedDate": AT, "ServiceName": "s3", "Region": "us-east-1"}


def test_a_password_is_told_to_nobody(iam: Door) -> None:
    assert iam.said("get_login_profile", LoginProfile("ann", AT_MS, True)) == {
        "LoginProfile": {"UserName": "ann", "CreateDate": AT, "PasswordResetRequired": True}
    }
    fault = iam.fault(catch(client("iam"), "create_login_profile", UserName="ann", Password="hush" * 33))
    assert "hush" not in str(fault)
    assert "'***' at 'password'" in iam.refused(fault)[2]


def test_second_factors(iam: Door) -> None:
    made = iam.said("create_virtual_mfa_device", MfaDevice("phone", None, None, "SEED2345"), VirtualMFADeviceName="p")
    assert made["VirtualMFADevice"] == {"SerialNumber": PHONE, "Base32StringSeed": b"SEED2345"}
    phone, spare = MfaDevice("phone", "ann", AT_MS), MfaDevice("spare", None, None)
    told = iam.said("list_mfa_devices", (phone,), UserName="ann")
    assert told["MFADevices"] == [{"UserName": "ann", "SerialNumber": PHONE, "EnableDate": AT}]
    for status, names in (("Any", ["phone", "spare"]), ("Assigned", ["phone"]), ("Unassigned", ["spare"])):
        told = iam.said("list_virtual_mfa_devices", (phone, spare), AssignmentStatus=status)
        assert [each["SerialNumber"].rpartition("/")[2] for each in told["VirtualMFADevices"]] == names
    told = iam.said("get_mfa_device", (phone, spare), SerialNumber=PHONE)
    assert told == {"UserName": "ann", "SerialNumber": PHONE, "EnableDate": AT}


def test_the_account(iam: Door) -> None:
    told = iam.said("get_account_summary", Summary({"users": 3, "groups_max": 300, "attachments_max": 20, "alias": 1}))
    assert told["SummaryMap"] == {
        "Users": 3, "GroupsQuota": 300, "AttachedPoliciesPerUserQuota": 20, "AttachedPoliciesPerGroupQuota": 20,
        "AttachedPoliciesPerRoleQuota": 20,
    }  # fmt: skip
    assert iam.said("list_account_aliases", "harbour")["AccountAliases"] == ["harbour"]
    assert iam.said("list_account_aliases", None) == {"AccountAliases": [], "IsTruncated": False}


def test_providers(iam: Door) -> None:
    provider = Provider(ISSUER, f"https://{ISSUER}", ("a", "b"), ("f" * 40,), AT_MS)
    assert iam.said("create_open_id_connect_provider", provider, Url=f"https://{ISSUER}") == {
        "OpenIDConnectProviderArn": PROVIDER
    }
    assert iam.said("get_open_id_connect_provider", (provider,), OpenIDConnectProviderArn=PROVIDER) == {
        "Url": ISSUER, "ClientIDList": ["a", "b"], "ThumbprintList": ["f" * 40], "CreateDate": AT,
    }  # fmt: skip
    assert iam.said("list_open_id_connect_providers", (provider,)) == {"OpenIDConnectProviderList": [{"Arn": PROVIDER}]}
    fault = iam.fault(catch(client("iam"), "create_open_id_connect_provider", Url="http://example.org"))
    assert iam.refused(fault) == (400, "ValidationError", "Invalid Open ID Connect Provider URL")
