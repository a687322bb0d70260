"""RAM's words for the faults of identity, which STS takes over where it has none of its own.

Sources: the vendor's page "Error messages" of RAM, and what tools that manage RAM look for.
"""

from __future__ import annotations

from collections.abc import Callable

from sampan.dialects.aliyun.wire.openapi_words import Word, Words
from sampan.kernel.fault import Fault, Kind

_PARAMETERS = {
    "user": "UserName",
    "group": "GroupName",
    "role": "RoleName",
    "policy": "PolicyName",
    "mfa device": "VirtualMFADeviceName",
    "alias": "AccountAlias",
}
_HELD = {
    # What a thing still has, by a word in the fault's sentence, and what RAM calls it; the first that is found counts.
    "user": (
        ("in use", "VirtualMFADevice.User"),
        ("API key", "User.ApiKey"),
        ("key", "User.AccessKey"),
        ("polic", "User.Policy"),
        ("group", "User.Group"),
        ("factor", "User.MFADevice"),
        ("", "User.LoginProfile"),
    ),
    "group": (("polic", "Group.Policy"), ("", "Group.User")),
    "role": (("instance", "Role.InstanceProfile"), ("", "Role.Policy")),
    "policy": (("version", "Policy.Version"), ("", "Policy.User")),
}
_COUNTED = {"mfa device": "VirtualMFADevice", "policy": "Policy", "user": "User", "group": "Group", "role": "Role"}


def _name(fault: Fault) -> Word:
    """A name that cannot be one: too long, or of other characters."""
    parameter = _PARAMETERS.get(str(fault.facts.get("what")), "Name")
    if len(str(fault.facts.get("name") or "")) >= 64 or "at most" in fault.why:
        return Word(f"InvalidParameter.{parameter}.Length", 400, f'The parameter "{parameter}" is too long.')
    code = f"InvalidParameter.{parameter}.InvalidChars"
    return Word(code, 400, f'The parameter "{parameter}" contains invalid characters.')


def _missing(code: str, what: str) -> Word:
    return Word(f"EntityNotExist.{code}", 404, f"The {what} does not exist.")


def _exists(code: str, what: str) -> Word:
    return Word(f"EntityAlreadyExists.{code}", 409, f"The {what} does already exist.")


def _held(what: str) -> Callable[[Fault], Word]:
    """`DeleteConflict.User.Policy` and the like."""

    def word(fault: Fault) -> Word:
        # Without the name of the thing, which may be any of the words that are looked for.
        why = fault.why.removeprefix(str(fault.facts.get("name") or fault.facts.get("policy") or "")).strip()
        code = next(code for part, code in _HELD[what] if part in why)
        return Word(f"DeleteConflict.{code}", 409, f"The {what} cannot be deleted: it {why or 'is still in use'}.")

    return word


def _too_many(fault: Fault) -> Word:
    """`LimitExceeded.User` and the like."""
    what = str(fault.facts.get("what") or "")
    return Word(f"LimitExceeded.{_COUNTED.get(what, 'Entity')}", 409, f"There are too many of this: {fault.why}")


def _attachment(fault: Fault) -> Word:
    code = "LimitExceeded.User.Group" if fault.facts.get("what") == "group" else "LimitExceeded.User.Policy"
    return Word(code, 409, f"There are too many of this: {fault.why}")


def _document(fault: Fault) -> Word:
    """What is wrong with a policy, and where, for its writer to see."""
    where = str(fault.facts.get("where") or "")
    text = f"{fault.why or 'The policy document is malformed.'}" + (f" (at {where[:256]})" if where else "")
    return Word("MalformedPolicyDocument", 400, text)


WORDS: Words = {
    (Kind.DENIED, "action"): Word("NoPermission", 403, "You are not authorized to do this action."),
    (Kind.INVALID, "name"): _name,
    (Kind.MISSING, "account"): _missing("Account", "account"),
    (Kind.MISSING, "user"): _missing("User", "user"),
    (Kind.MISSING, "group"): _missing("Group", "group"),
    (Kind.MISSING, "role"): _missing("Role", "role"),
    (Kind.MISSING, "policy"): _missing("Policy", "policy"),
    (Kind.MISSING, "policy version"): _missing("Policy.Version", "policy version"),
    (Kind.MISSING, "access key"): _missing("User.AccessKey", "access key of the user"),
    (Kind.MISSING, "api key"): _missing("User.ApiKey", "API key of the user"),
    (Kind.MISSING, "login profile"): _missing("User.LoginProfile", "login profile of the user"),
    (Kind.MISSING, "mfa device"): lambda fault: (
        _missing("User.MFADevice", "MFA device of the user")
        if fault.facts.get("user")
        else _missing("VirtualMFADevice", "virtual MFA device")
    ),
    (Kind.MISSING, "provider"): _missing("OIDCProvider", "OIDC provider"),
    (Kind.MISSING, "instance profile"): _missing("InstanceProfile", "instance profile"),
    (Kind.EXISTS, "instance profile"): _exists("InstanceProfile", "instance profile"),
    (Kind.CONFLICT, "instance profile"): Word("DeleteConflict.InstanceProfile", 409, "It carries a role."),
    (Kind.TOO_MANY, "instance role"): Word("LimitExceeded.InstanceProfile.Role", 409, "It carries a role already."),
    (Kind.MISSING, "alias"): _missing("AccountAlias", "account alias"),
    (Kind.EXISTS, "account"): _exists("Account", "account"),
    (Kind.EXISTS, "user"): _exists("User", "user"),
    (Kind.EXISTS, "group"): _exists("Group", "group"),
    (Kind.EXISTS, "role"): _exists("Role", "role"),
    (Kind.EXISTS, "policy"): _exists("Policy", "policy"),
    (Kind.EXISTS, "login profile"): _exists("User.LoginProfile", "login profile of the user"),
    (Kind.EXISTS, "mfa device"): _exists("VirtualMFADevice", "virtual MFA device"),
    (Kind.EXISTS, "provider"): _exists("OIDCProvider", "OIDC provider"),
    (Kind.EXISTS, "alias"): _exists("AccountAlias", "account alias"),
    (Kind.EXISTS, "key"): _exists("User.AccessKey", "access key"),
    (Kind.CONFLICT, "user"): _held("user"),
    (Kind.CONFLICT, "group"): _held("group"),
    (Kind.CONFLICT, "role"): _held("role"),
    (Kind.CONFLICT, "policy"): _held("policy"),
    (Kind.CONFLICT, "policy version"): Word(
        "DeleteConflict.Policy.Version.Default", 409, "The default policy version cannot be deleted."
    ),
    (Kind.INVALID, "account"): Word("InvalidParameter.Account", 400, "The account is not valid."),
    (Kind.INVALID, "policy document"): _document,
    (Kind.TOO_LARGE, "policy document"): Word(
        "InvalidParameter.PolicyDocument.Length", 400, 'The parameter "PolicyDocument" is beyond the length limit.'
    ),
    (Kind.TOO_MANY, "policy version"): Word(
        "LimitExceeded.Policy.Version", 409, "The count of policy versions is beyond the current limit."
    ),
    (Kind.TOO_MANY, "access key"): Word(
        "LimitExceeded.User.AccessKey", 409, "The count of the user's access keys is beyond the current limit."
    ),
    (Kind.TOO_MANY, "api key"): Word(
        "LimitExceeded.User.ApiKey", 409, "The count of the user's API keys is beyond the current limit."
    ),
    (Kind.TOO_MANY, "attachment"): _attachment,
    (Kind.TOO_MANY, "entity"): _too_many,
    (Kind.TOO_MANY, "tags"): Word("LimitExceeded.Tag", 409, "The count of tags is beyond the current limit."),
    (Kind.INVALID, "tags"): lambda fault: Word("InvalidParameter.Tag", 400, fault.why or "A tag is not valid."),
    (Kind.INVALID, "simulation"): lambda fault: Word(
        "InvalidParameter.PolicyDocument", 400, fault.why or "The simulation's input is not valid."
    ),
    (Kind.INVALID, "password"): Word(
        "InvalidParameter.Password.TooWeak", 400, 'The parameter "Password" does not comply with the password policy.'
    ),
    (Kind.DENIED, "password"): lambda fault: Word("InvalidParameter.OldPassword", 400, fault.why),
    (Kind.INVALID, "password policy"): lambda fault: Word("InvalidParameter.PasswordPolicy", 400, fault.why),
    (Kind.MISSING, "password policy"): _missing("PasswordPolicy", "password policy"),
    (Kind.INVALID, "caller"): lambda fault: Word("InvalidOperation.Caller", 400, fault.why),
    (Kind.INVALID, "denial"): Word(
        "InvalidParameter.EncodedDiagnosticMessage", 400, 'The parameter "EncodedDiagnosticMessage" is not valid.'
    ),
    (Kind.DENIED, "assume role"): Word("NoPermission", 403, "You are not authorized to do this action."),
    (Kind.INVALID, "duration"): Word("InvalidParameter.DurationSeconds", 400, "The duration is not allowed."),
    (Kind.INVALID, "session name"): Word("InvalidParameter.RoleSessionName", 400, "The session's name is not valid."),
    (Kind.INVALID, "identity token"): Word("AuthenticationFail.OIDCToken.Invalid", 401, "The OIDC token is invalid."),
    (Kind.EXPIRED, "identity token"): Word("AuthenticationFail.OIDCToken.Expired", 401, "The OIDC token is expired."),
    (Kind.INVALID, "mfa code"): Word("CheckAuthenticationCodeFail", 403, "The authentication code is incorrect."),
}
