"""Password policies and security preferences of a real Sampan, in RAM's words, seen and enforced in IAM's, too."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from alibabacloud_ram20150501 import models as ram
from alibabacloud_ram20150501.client import Client as Ram

from tests.aliyun_openapi.test_end_to_end import config, refused
from tests.harness import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("settings") / "data") as server:
        yield server


def test_passwords(server: Server) -> None:
    client = Ram(config(server))
    found = client.get_password_policy().body.password_policy
    assert (found.minimum_password_length, found.max_login_attemps, found.hard_expiry) == (8, 5, False)
    wanted = ram.SetPasswordPolicyRequest(
        minimum_password_length=12, require_numbers=True, password_reuse_prevention=3, max_login_attemps=7
    )
    set_ = client.set_password_policy(wanted).body.password_policy
    assert (set_.minimum_password_length, set_.require_numbers, set_.max_login_attemps) == (12, True, 7)
    iam = boto3.client(
        "iam", endpoint_url=server.url, region_name="us-east-1",
        aws_access_key_id=server.key_id, aws_secret_access_key=server.secret,
    )  # fmt: skip
    seen = iam.get_account_password_policy()["PasswordPolicy"]
    assert (seen["MinimumPasswordLength"], seen["RequireNumbers"], seen["PasswordReusePrevention"]) == (12, True, 3)
    iam.update_account_password_policy(MinimumPasswordLength=9)
    assert client.get_password_policy().body.password_policy.max_login_attemps == 7
    client.create_user(ram.CreateUserRequest(user_name="ann"))
    weak = ram.CreateLoginProfileRequest(user_name="ann", password="Short-12")
    assert refused(client.create_login_profile, weak) == "InvalidParameter.Password.TooWeak"
    client.create_login_profile(ram.CreateLoginProfileRequest(user_name="ann", password="Long-Enough-1"))
    for wrong in ({"minimum_password_length": 7}, {"max_password_age": 2000}, {"max_login_attemps": 33}):
        code = refused(client.set_password_policy, ram.SetPasswordPolicyRequest(**wrong))
        assert code.startswith("InvalidParameter")


def test_preferences(server: Server) -> None:
    client = Ram(config(server))
    found = client.get_security_preference().body.security_preference
    assert found.login_profile_preference.allow_user_to_change_password is False
    assert found.login_profile_preference.login_session_duration == 6
    client.create_user(ram.CreateUserRequest(user_name="bob"))
    key = client.create_access_key(ram.CreateAccessKeyRequest(user_name="bob")).body.access_key
    client.create_login_profile(ram.CreateLoginProfileRequest(user_name="bob", password="Long-Enough-1"))
    bob = Ram(config(server, key.access_key_id, key.access_key_secret))
    change = ram.ChangePasswordRequest(old_password="Long-Enough-1", new_password="Long-Enough-2")
    assert refused(bob.change_password, change) == "NoPermission"
    assert refused(bob.list_access_keys, ram.ListAccessKeysRequest()) == "NoPermission"
    wanted = ram.SetSecurityPreferenceRequest(
        allow_user_to_change_password=True, allow_user_to_manage_access_keys=True, login_session_duration=8,
        login_network_masks="10.0.0.0/8", enable_save_mfaticket=True,
    )  # fmt: skip
    set_ = client.set_security_preference(wanted).body.security_preference
    assert set_.access_key_preference.allow_user_to_manage_access_keys is True
    assert set_.mfapreference.allow_user_to_manage_mfadevices is False
    login = client.get_security_preference().body.security_preference.login_profile_preference
    assert (login.login_session_duration, login.login_network_masks, login.enable_save_mfaticket) == (
        8, "10.0.0.0/8", True,
    )  # fmt: skip
    assert refused(bob.change_password, ram.ChangePasswordRequest("guess", "Long-Enough-2")) != "NoPermission"
    bob.change_password(change)
    assert refused(bob.change_password, change) == "InvalidParameter.OldPassword"
    assert len(bob.list_access_keys(ram.ListAccessKeysRequest()).body.access_keys.access_key) == 1
    assert refused(client.change_password, change) == "InvalidOperation.Caller"
    assert refused(bob.set_security_preference, wanted) == "NoPermission"
    wrong = ram.SetSecurityPreferenceRequest(login_session_duration=25)
    assert refused(client.set_security_preference, wrong).startswith("InvalidParameter")
