"""STS's words for the faults of identity.

Sources: the vendor's pages "AssumeRole" and "AssumeRoleWithOIDC", and its FAQ about the errors of STS.
"""

from __future__ import annotations

from sampan.dialects.aliyun.wire import ram_words
from sampan.dialects.aliyun.wire.openapi_words import Word, Words
from sampan.kernel.fault import Fault, Kind

_NO_PERMISSION = Word("NoPermission", 403, "You are not authorized to do this action. You should be authorized by RAM.")


def _duration(fault: Fault) -> Word:
    low, high = fault.facts.get("min", 900), fault.facts.get("max", 3600)
    text = f"The parameter DurationSeconds must be from {low} to {high} seconds."
    return Word("InvalidParameter.DurationSeconds", 400, text)


def _grammar(fault: Fault) -> Word:
    where = str(fault.facts.get("where") or "")
    text = "The parameter Policy has not passed grammar check. " + fault.why + (f" (at {where[:256]})" if where else "")
    return Word("InvalidParameter.PolicyGrammar", 400, text.strip())


WORDS: Words = {
    **ram_words.WORDS,
    (Kind.DENIED, "action"): _NO_PERMISSION,
    (Kind.DENIED, "assume role"): _NO_PERMISSION,
    (Kind.MISSING, "account"): Word("EntityNotExist.Role", 404, "The specified role does not exist."),
    (Kind.MISSING, "role"): Word("EntityNotExist.Role", 404, "The specified role does not exist."),
    (Kind.INVALID, "name"): Word("InvalidParameter.RoleArn", 400, "The parameter RoleArn is wrongly formed."),
    (Kind.INVALID, "session name"): Word(
        "InvalidParameter.RoleSessionName", 400, "The parameter RoleSessionName is wrongly formed."
    ),
    (Kind.INVALID, "duration"): _duration,
    (Kind.INVALID, "policy document"): _grammar,
    (Kind.TOO_LARGE, "policy document"): Word(
        "InvalidParameter.PolicySize", 400, "The parameter Policy is beyond the length limit."
    ),
    (Kind.INVALID, "identity token"): lambda fault: Word(
        "AuthenticationFail.OIDCToken.Invalid", 401, fault.why or "This OIDC token is invalid."
    ),
    (Kind.EXPIRED, "identity token"): Word(
        "AuthenticationFail.OIDCToken.Expired", 401, "This OIDC token is already expired."
    ),
}
