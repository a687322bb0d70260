"""Password policies and changed passwords in IAM's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sampan.services.identity.service import ROOT_ACCOUNT
from tests.aws_identity.cloud import Cloud
from tests.aws_identity.test_end_to_end import refused, user


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def test_a_policy_from_its_making_to_its_end(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    with pytest.raises(iam.exceptions.NoSuchEntityException, match=ROOT_ACCOUNT):
        iam.get_account_password_policy()
    iam.update_account_password_policy(
        MinimumPasswordLength=12, RequireSymbols=True, MaxPasswordAge=90, PasswordReusePrevention=5, HardExpiry=True
    )
    assert iam.get_account_password_policy()["PasswordPolicy"] == {
        "MinimumPasswordLength": 12,
        "RequireSymbols": True,
        "RequireNumbers": False,
        "RequireUppercaseCharacters": False,
        "RequireLowercaseCharacters": False,
        "AllowUsersToChangePassword": False,
        "ExpirePasswords": True,
        "MaxPasswordAge": 90,
        "PasswordReusePrevention": 5,
        "HardExpiry": True,
    }
    # What is left out goes back to the default.
    iam.update_account_password_policy(RequireNumbers=True)
    found = iam.get_account_password_policy()["PasswordPolicy"]
    assert (found["MinimumPasswordLength"], found["RequireSymbols"], "MaxPasswordAge" in found) == (6, False, False)
    assert found["ExpirePasswords"] is False
    with pytest.raises(ClientError, match="128"):
        iam.update_account_password_policy(MinimumPasswordLength=129)
    iam.delete_account_password_policy()
    assert refused(iam.delete_account_password_policy) == "NoSuchEntity"


def test_it_is_enforced_and_users_change_theirs(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    ann = cloud.client("iam", user(cloud, "ann"))
    iam.update_account_password_policy(MinimumPasswordLength=12, AllowUsersToChangePassword=True)
    assert refused(iam.create_login_profile, UserName="ann", Password="Secret-1") == "PasswordPolicyViolation"
    iam.create_login_profile(UserName="ann", Password="Secret-Word-1", PasswordResetRequired=True)
    change: dict[str, Any] = {"OldPassword": "Secret-Word-1", "NewPassword": "Secret-Word-2"}
    assert refused(ann.change_password, **{**change, "OldPassword": "guess"}) == "AccessDenied"
    assert refused(ann.change_password, **{**change, "NewPassword": "short"}) == "PasswordPolicyViolation"
    ann.change_password(**change)
    assert iam.get_login_profile(UserName="ann")["LoginProfile"]["PasswordResetRequired"] is False
    assert ann.get_account_password_policy()["PasswordPolicy"]["AllowUsersToChangePassword"]
    assert refused(ann.update_account_password_policy) == "AccessDenied"
    iam.update_account_password_policy(MinimumPasswordLength=12)
    assert refused(ann.change_password, OldPassword="Secret-Word-2", NewPassword="Secret-Word-3") == "AccessDenied"
    assert refused(iam.change_password, **change) == "InvalidUserType"
    assert "Secret-Word" not in str(cloud.audit.lines)
