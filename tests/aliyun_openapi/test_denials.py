"""Refusals in RAM's words, against a real server; a message that one cloud's door gave is read at the other's."""

from __future__ import annotations

import json

import boto3
import pytest
from alibabacloud_ram20150501 import models as ram
from alibabacloud_ram20150501.client import Client as Ram
from darabonba.exceptions import DaraException

from tests.aliyun_openapi.test_end_to_end import NUMBER, config, policy, refused
from tests.harness import Server


def test_a_refusal_is_told_and_sealed(server: Server) -> None:
    root = Ram(config(server))
    made = root.create_user(ram.CreateUserRequest(user_name="refused")).body.user
    key = root.create_access_key(ram.CreateAccessKeyRequest(user_name="refused")).body.access_key
    own = Ram(config(server, key.access_key_id, key.access_key_secret))
    with pytest.raises(DaraException) as caught:
        own.list_roles(ram.ListRolesRequest())
    assert caught.value.code == "NoPermission"
    detail = caught.value.accessDeniedDetail
    sealed = detail.pop("EncodedDiagnosticMessage")
    assert detail == {
        "AuthAction": "ram:ListRoles",
        "AuthPrincipalDisplayName": made.user_id,
        "AuthPrincipalOwnerId": NUMBER,
        "AuthPrincipalType": "SubUser",
        "NoPermissionType": "ImplicitDeny",
        "PolicyType": "AccountLevelIdentityBasedPolicy",
    }
    asked = ram.DecodeDiagnosticMessageRequest(encoded_diagnostic_message=sealed)
    found = root.decode_diagnostic_message(asked).body.decoded_diagnostic_message
    assert (found.auth_action, found.auth_resource) == ("ram:ListRoles", f"acs:ram:*:{NUMBER}:role/*")
    assert (found.explicit_deny, found.auth_principal.auth_principal_display_name) == (False, made.user_id)
    keys = {row.condition_key for row in found.auth_conditions}
    assert "acs:SourceIp" in keys
    sts = boto3.client(
        "sts", endpoint_url=server.url, region_name="us-east-1",
        aws_access_key_id=server.key_id, aws_secret_access_key=server.secret,
    )  # fmt: skip
    theirs = json.loads(sts.decode_authorization_message(EncodedMessage=sealed)["DecodedMessage"])
    assert theirs["context"]["action"] == "iam:ListRoles"
    wrong = ram.DecodeDiagnosticMessageRequest(encoded_diagnostic_message="x")
    assert refused(root.decode_diagnostic_message, wrong) == "InvalidParameter.EncodedDiagnosticMessage"
    assert refused(own.decode_diagnostic_message, asked) == "NoPermission"
    deny = ram.CreatePolicyRequest(
        policy_name="refused-deny", policy_document=policy({"Effect": "Deny", "Action": "ram:*", "Resource": "*"})
    )
    root.create_policy(deny)
    root.attach_policy_to_user(
        ram.AttachPolicyToUserRequest(user_name="refused", policy_name="refused-deny", policy_type="Custom")
    )
    with pytest.raises(DaraException) as caught:
        own.list_roles(ram.ListRolesRequest())
    assert caught.value.accessDeniedDetail["NoPermissionType"] == "ExplicitDeny"
