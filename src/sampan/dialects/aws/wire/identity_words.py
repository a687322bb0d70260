"""The words of IAM and STS for the faults of the identity service.

Source: "Errors" of each action in their API references; texts as AWS sends them, since people search for them.
"""

from __future__ import annotations

from sampan.dialects.aws.wire.words import Word, Words
from sampan.kernel.fault import Kind

_LIMIT = "LimitExceeded"


def _missing(text: str) -> Word:
    return Word("NoSuchEntity", 404, text)


def _exists(text: str) -> Word:
    return Word("EntityAlreadyExists", 409, text)


def _conflict(text: str) -> Word:
    return Word("DeleteConflict", 409, text, telling=True)


IAM: Words = {
    (Kind.MISSING, "account"): _missing("The account cannot be found."),
    (Kind.MISSING, "user"): _missing("The user with name {name} cannot be found."),
    (Kind.MISSING, "group"): _missing("The group with name {name} cannot be found."),
    (Kind.MISSING, "role"): _missing("The role with name {name} cannot be found."),
    (Kind.MISSING, "policy"): _missing("Policy {policy} does not exist or is not attachable."),
    (Kind.MISSING, "policy version"): _missing(
        "Policy {policy} version v{version} does not exist or is not attachable."
    ),
    (Kind.MISSING, "access key"): _missing("The Access Key with id {key_id} cannot be found."),
    (Kind.MISSING, "api key"): _missing("The service specific credential with id {key_id} cannot be found."),
    (Kind.MISSING, "login profile"): _missing("Login Profile for User {name} cannot be found."),
    (Kind.MISSING, "mfa device"): _missing("MFA Device with name {name} does not exist."),
    (Kind.MISSING, "provider"): _missing("OpenIDConnect Provider not found for arn {name}"),
    (Kind.MISSING, "instance profile"): _missing("Instance Profile {name} cannot be found."),
    (Kind.MISSING, "alias"): _missing("The account alias does not exist."),
    (Kind.EXISTS, "account"): _exists("The account already exists."),
    (Kind.EXISTS, "user"): _exists("User with name {name} already exists."),
    (Kind.EXISTS, "group"): _exists("Group with name {name} already exists."),
    (Kind.EXISTS, "role"): _exists("Role with name {name} already exists."),
    (Kind.EXISTS, "policy"): _exists("A policy called {name} already exists. Duplicate names are not allowed."),
    (Kind.EXISTS, "login profile"): _exists("Login Profile for user {name} already exists."),
    (Kind.EXISTS, "mfa device"): _exists("MFADevice entity at the same path and name already exists."),
    (Kind.EXISTS, "provider"): _exists("Provider with url {name} already exists."),
    (Kind.EXISTS, "instance profile"): _exists("Instance Profile {name} already exists."),
    (Kind.EXISTS, "alias"): _exists("The account alias already exists."),
    (Kind.EXISTS, "key"): _exists("The access key already exists."),
    (Kind.CONFLICT, "user"): _conflict("Cannot delete entity, must remove what belongs to it first."),
    (Kind.CONFLICT, "group"): _conflict("Cannot delete entity, must remove what belongs to it first."),
    (Kind.CONFLICT, "role"): _conflict("Cannot delete entity, must remove what belongs to it first."),
    (Kind.CONFLICT, "instance profile"): _conflict(
        "Cannot delete entity, must remove roles from instance profile first."
    ),
    (Kind.CONFLICT, "policy"): _conflict("Cannot delete a policy attached to entities, or with versions."),
    (Kind.CONFLICT, "policy version"): _conflict("Cannot delete the default version of a policy."),
    (Kind.CONFLICT, "mfa device"): _conflict("MFA device is in use: it must be deactivated first."),
    (Kind.INVALID, "account"): Word("ValidationError", 400, "The account is not valid.", telling=True),
    (Kind.INVALID, "name"): Word("ValidationError", 400, "The specified value for {what} is invalid.", telling=True),
    (Kind.INVALID, "policy document"): Word("MalformedPolicyDocument", 400, "Syntax errors in policy.", telling=True),
    (Kind.TOO_LARGE, "policy document"): Word(_LIMIT, 409, "Cannot exceed quota for the size of policies: {size_max}"),
    (Kind.TOO_MANY, "policy version"): Word(
        _LIMIT,
        409,
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing "
        "version.",
    ),
    (Kind.TOO_MANY, "access key"): Word(_LIMIT, 409, "Cannot exceed quota for AccessKeysPerUser: {count_max}"),
    (Kind.TOO_MANY, "api key"): Word(
        _LIMIT, 409, "Cannot exceed quota for ServiceSpecificCredentialsPerUser: {count_max}"
    ),
    (Kind.TOO_MANY, "attachment"): Word(_LIMIT, 409, "Cannot exceed quota for attachments: {count_max}"),
    (Kind.TOO_MANY, "instance role"): Word(
        _LIMIT, 409, "Cannot exceed quota for InstanceSessionsPerInstanceProfile: {count_max}"
    ),
    (Kind.TOO_MANY, "entity"): Word(_LIMIT, 409, "Cannot exceed quota for entities of this account: {count_max}"),
    (Kind.TOO_MANY, "tags"): Word(_LIMIT, 409, "The number of tags has reached the maximum limit."),
    (Kind.INVALID, "tags"): Word("InvalidInput", 400, "A tag is not valid.", telling=True),
    (Kind.INVALID, "simulation"): Word("InvalidInput", 400, "The simulation's input is not valid.", telling=True),
    (Kind.INVALID, "password"): Word(
        "PasswordPolicyViolation", 400, "The password does not meet the requirements.", telling=True
    ),
    (Kind.DENIED, "password"): Word("AccessDenied", 403, "The old password was incorrect.", telling=True),
    (Kind.INVALID, "password policy"): Word("ValidationError", 400, "The password policy is not valid.", telling=True),
    (Kind.MISSING, "password policy"): _missing("The Password Policy with domain name {account} cannot be found."),
    (Kind.INVALID, "caller"): Word("InvalidUserType", 400, "Only a user can do this.", telling=True),
    (Kind.INVALID, "mfa code"): Word("InvalidAuthenticationCode", 403, "Authentication code for device is not valid."),
    (Kind.INVALID, "duration"): Word(
        "ValidationError", 400, "The duration must be from {min} to {max} seconds.", telling=True
    ),
    (Kind.INVALID, "session name"): Word("ValidationError", 400, "The session's name is not valid.", telling=True),
    (Kind.INVALID, "identity token"): Word(
        "InvalidIdentityToken", 400, "The ID Token provided is not a valid JWT.", telling=True
    ),
    (Kind.EXPIRED, "identity token"): Word("ExpiredTokenException", 400, "Token must be redeemed in time: it expired."),
    (Kind.INVALID, "denial"): Word(
        "InvalidAuthorizationMessageException", 400, "The message is not an authorization message of this account."
    ),
    (Kind.DENIED, "assume role"): Word(
        "AccessDenied", 403, "The caller is not authorized to perform: sts:AssumeRole on this resource"
    ),
}
"""IAM's words."""

STS: Words = {
    **IAM,
    # Whether a role is there is nobody's business who may not assume it.
    (Kind.MISSING, "role"): Word(
        "AccessDenied", 403, "The caller is not authorized to perform: sts:AssumeRole on this resource"
    ),
    (Kind.MISSING, "provider"): Word(
        "InvalidIdentityToken", 400, "No OpenIDConnect provider found in your account for {name}"
    ),
    (Kind.INVALID, "mfa code"): Word(
        "AccessDenied", 403, "MultiFactorAuthentication failed with invalid MFA one time pass code."
    ),
    (Kind.MISSING, "mfa device"): Word(
        "AccessDenied", 403, "MultiFactorAuthentication failed, unable to validate MFA code."
    ),
    (Kind.TOO_LARGE, "policy document"): Word(
        "PackedPolicyTooLarge", 400, "The session's policies and tags take more room than there is."
    ),
    (Kind.TOO_MANY, "tags"): Word("ValidationError", 400, "A session has at most 50 tags."),
    (Kind.INVALID, "tags"): Word("ValidationError", 400, "A tag is not valid.", telling=True),
}
"""STS's words, where they differ."""
