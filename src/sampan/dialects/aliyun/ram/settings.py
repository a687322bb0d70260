"""What an account wants of passwords, and what its users may do for themselves."""

from __future__ import annotations

from sampan.dialects.aliyun.ram import members
from sampan.dialects.aliyun.ram.members import Members
from sampan.dialects.aliyun.wire.openapi import OpenApiExchange, Row
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity import model
from sampan.services.identity.model import Own, PasswordPolicy, Settings

_CHARS = (8, 32)  # the vendor's range of the least length
_ATTEMPTS, _ATTEMPTS_MAX = 5, 32
_HOURS, _HOURS_MAX = 6, 24
_MASKS_MAX = 512
# What Sampan keeps and shows, and does not act on: it has no console to sign in to.
_NOTE_ATTEMPTS, _NOTE_TICKET, _NOTE_KEYS = "ram:MaxLoginAttemps", "ram:EnableSaveMFATicket", "ram:PublicKeys"
_NOTE_HOURS, _NOTE_MASKS = "ram:LoginSessionDuration", "ram:LoginNetworkMasks"
_OWN = {
    "AllowUserToChangePassword": Own.PASSWORD,
    "AllowUserToManageAccessKeys": Own.ACCESS_KEYS,
    "AllowUserToManageMFADevices": Own.DEVICES,
}


def _number(x: OpenApiExchange, name: str, default: int, low: int, high: int) -> int:
    value: int = x.params.get(name, default)
    if not low <= value <= high:
        why = f"{name} must be from {low} to {high}."
        raise Fault(Kind.INVALID, "argument", why, name=name, value=str(value)[:64])
    return value


# --- passwords --------------------------------------------------------------------------------------------------------


def _set_policy(x: OpenApiExchange) -> model.SetPasswordPolicy:
    given = x.params
    policy = PasswordPolicy(
        chars_min=_number(x, "MinimumPasswordLength", _CHARS[0], *_CHARS),
        lower=given.get("RequireLowercaseCharacters", False),
        upper=given.get("RequireUppercaseCharacters", False),
        digits=given.get("RequireNumbers", False),
        symbols=given.get("RequireSymbols", False),
        days_max=_number(x, "MaxPasswordAge", 0, 0, 1095),
        reuse=_number(x, "PasswordReusePrevention", 0, 0, 24),
        hard=given.get("HardExpiry", False),
    )
    attempts = _number(x, "MaxLoginAttemps", _ATTEMPTS, 0, _ATTEMPTS_MAX)
    return model.SetPasswordPolicy(policy=policy, note={_NOTE_ATTEMPTS: str(attempts)})


def _policy(x: OpenApiExchange, found: Settings) -> Members:
    """Without one of its own, an account is shown the vendor's default."""
    policy = found.passwords or PasswordPolicy(chars_min=_CHARS[0])
    return {
        "PasswordPolicy": {
            "MinimumPasswordLength": policy.chars_min,
            "RequireLowercaseCharacters": policy.lower,
            "RequireUppercaseCharacters": policy.upper,
            "RequireNumbers": policy.digits,
            "RequireSymbols": policy.symbols,
            "HardExpiry": policy.hard,
            "MaxPasswordAge": policy.days_max,
            "PasswordReusePrevention": policy.reuse,
            "MaxLoginAttemps": int(found.note.get(_NOTE_ATTEMPTS, _ATTEMPTS)),
        }
    }


# --- preferences ------------------------------------------------------------------------------------------------------


def _set_preferences(x: OpenApiExchange) -> model.SetPreferences:
    given, note = x.params, {}
    for name, key in (("EnableSaveMFATicket", _NOTE_TICKET), ("AllowUserToManagePublicKeys", _NOTE_KEYS)):
        if name in given:
            note[key] = "true" if given[name] else ""
    if "LoginSessionDuration" in given:
        note[_NOTE_HOURS] = str(_number(x, "LoginSessionDuration", _HOURS, 1, _HOURS_MAX))
    if "LoginNetworkMasks" in given:
        note[_NOTE_MASKS] = given["LoginNetworkMasks"]
        if len(note[_NOTE_MASKS]) > _MASKS_MAX:
            why = f"LoginNetworkMasks has at most {_MASKS_MAX} characters."
            raise Fault(Kind.INVALID, "argument", why, name="LoginNetworkMasks", value="")
    own = {each: given[name] for name, each in _OWN.items() if name in given}
    return model.SetPreferences(own=own, note=note)


def _preferences(x: OpenApiExchange, found: Settings) -> Members:
    allowed = {name: each in found.own for name, each in _OWN.items()}
    return {
        "SecurityPreference": {
            "LoginProfilePreference": {
                "EnableSaveMFATicket": bool(found.note.get(_NOTE_TICKET)),
                "AllowUserToChangePassword": allowed["AllowUserToChangePassword"],
                "LoginSessionDuration": int(found.note.get(_NOTE_HOURS, _HOURS)),
                "LoginNetworkMasks": found.note.get(_NOTE_MASKS, ""),
            },
            "AccessKeyPreference": {"AllowUserToManageAccessKeys": allowed["AllowUserToManageAccessKeys"]},
            "MFAPreference": {"AllowUserToManageMFADevices": allowed["AllowUserToManageMFADevices"]},
            "PublicKeyPreference": {"AllowUserToManagePublicKeys": bool(found.note.get(_NOTE_KEYS))},
        }
    }


def _change_password(x: OpenApiExchange) -> model.ChangePassword:
    return model.ChangePassword(old=x.params["OldPassword"], new=x.params["NewPassword"])


_PASSWORDS = (
    "MinimumPasswordLength:int RequireLowercaseCharacters:bool RequireUppercaseCharacters:bool RequireNumbers:bool "
    "RequireSymbols:bool HardExpiry:bool MaxPasswordAge:int PasswordReusePrevention:int MaxLoginAttemps:int"
)
_PREFERENCES = (
    "EnableSaveMFATicket:bool AllowUserToChangePassword:bool AllowUserToManageAccessKeys:bool "
    "AllowUserToManageMFADevices:bool AllowUserToManagePublicKeys:bool LoginSessionDuration:int LoginNetworkMasks"
)

ROWS = (
    Row("ChangePassword", "OldPassword! NewPassword!", _change_password, members.nothing),
    Row("GetPasswordPolicy", "", lambda x: model.GetPasswordPolicy(), _policy),
    Row("SetPasswordPolicy", _PASSWORDS, _set_policy, _policy),
    Row("GetSecurityPreference", "", lambda x: model.GetPreferences(), _preferences),
    Row("SetSecurityPreference", _PREFERENCES, _set_preferences, _preferences),
)
