"""Passwords, and what an account wants of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sampan.dialects.aws.wire.service import Call, Done, nothing
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity.model import (
    ChangePassword,
    DeleteLoginProfile,
    GetLoginProfile,
    GetPasswordPolicy,
    LoginProfile,
    Own,
    PasswordPolicy,
    PutLoginProfile,
    SetPasswordPolicy,
    Settings,
)

Shown = Mapping[str, Any]


def _user(call: Call) -> str:
    """ "" stands for the caller."""
    return str(call.params.get("UserName", ""))


def _put_profile(create: bool) -> Callable[[Call], PutLoginProfile]:
    def bind(call: Call) -> PutLoginProfile:
        given = call.params
        if create and "Password" not in given:
            raise Fault(Kind.INVALID, "argument", "Password is missing", name="password")
        return PutLoginProfile(
            user=_user(call),
            create=create,
            password=given.get("Password"),
            reset_required=given.get("PasswordResetRequired", False if create else None),
        )

    return bind


def _render_profile(call: Call, profile: LoginProfile) -> Shown:
    return {
        "LoginProfile": {
            "UserName": profile.user,
            "CreateDate": profile.created_ms,
            "PasswordResetRequired": profile.reset_required,
        }
    }


# --- the account's policy ---------------------------------------------------------------------------------------------


def _bind_policy(call: Call) -> SetPasswordPolicy:
    """What is not given becomes IAM's default, whatever it was."""
    given = call.params
    policy = PasswordPolicy(
        chars_min=given.get("MinimumPasswordLength", 6),
        lower=given.get("RequireLowercaseCharacters", False),
        upper=given.get("RequireUppercaseCharacters", False),
        digits=given.get("RequireNumbers", False),
        symbols=given.get("RequireSymbols", False),
        days_max=given.get("MaxPasswordAge", 0),
        reuse=given.get("PasswordReusePrevention", 0),
        hard=given.get("HardExpiry", False),
    )
    return SetPasswordPolicy(policy=policy, own=given.get("AllowUsersToChangePassword", False))


def _render_policy(call: Call, settings: Settings) -> Shown:
    """Raises Fault(MISSING, "password policy")."""
    policy = settings.passwords
    if policy is None:
        raise Fault(Kind.MISSING, "password policy", account=call.caller.account)
    return {
        "PasswordPolicy": {
            "MinimumPasswordLength": policy.chars_min,
            "RequireLowercaseCharacters": policy.lower,
            "RequireUppercaseCharacters": policy.upper,
            "RequireNumbers": policy.digits,
            "RequireSymbols": policy.symbols,
            "AllowUsersToChangePassword": Own.PASSWORD in settings.own,
            "ExpirePasswords": policy.days_max > 0,
            "MaxPasswordAge": policy.days_max or None,
            "PasswordReusePrevention": policy.reuse or None,
            "HardExpiry": policy.hard,
        }
    }


def _bind_change(call: Call) -> ChangePassword:
    return ChangePassword(old=call.params["OldPassword"], new=call.params["NewPassword"])


def operations() -> dict[str, Done]:
    """IAM's operations on passwords."""
    return {
        "CreateLoginProfile": Done(_put_profile(True), _render_profile),
        "UpdateLoginProfile": Done(_put_profile(False), nothing),
        "GetLoginProfile": Done(lambda call: GetLoginProfile(user=_user(call)), _render_profile),
        "DeleteLoginProfile": Done(lambda call: DeleteLoginProfile(user=_user(call)), nothing),
        "ChangePassword": Done(_bind_change, nothing),
        "UpdateAccountPasswordPolicy": Done(_bind_policy, nothing),
        "GetAccountPasswordPolicy": Done(lambda _: GetPasswordPolicy(), _render_policy),
        "DeleteAccountPasswordPolicy": Done(lambda _: SetPasswordPolicy(policy=None, own=False), nothing),
    }
