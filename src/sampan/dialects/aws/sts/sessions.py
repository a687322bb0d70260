"""Sessions, and who the caller is: one bind and one render for each operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sampan.dialects.aws.wire import arns, denials
from sampan.dialects.aws.wire.arns import Arn
from sampan.dialects.aws.wire.policy import GRAMMAR
from sampan.dialects.aws.wire.service import Call, Done
from sampan.kernel.denial import Denial
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity.model import (
    AssumeRole,
    AssumeRoleWithToken,
    DecodeDenial,
    Document,
    GetCallerIdentity,
    GetFederationToken,
    GetKeyAccount,
    GetSessionToken,
    Language,
    Session,
    WhoAmI,
)

Shown = Mapping[str, Any]


# --- in ---------------------------------------------------------------------------------------------------------------


def _policy(call: Call) -> Document | None:
    text = call.params.get("Policy")
    return None if text is None else Document(Language.IAM, text)


def _policies(call: Call) -> tuple[str, ...]:
    """Managed policies that limit a session: the core's ids. Raises Fault(INVALID, "argument")."""
    given = call.params.get("PolicyArns", ())
    return tuple(arns.policy_of(each.get("arn", ""), call.caller.account, "policyArns") for each in given)


def _tags(call: Call) -> dict[str, str]:
    tags: dict[str, str] = {}
    for tag in call.params.get("Tags", ()):
        if tag["Key"] in tags:
            raise Fault(
                Kind.INVALID, "tags", "Duplicate tag keys found. Please note that Tag keys are case insensitive."
            )
        tags[tag["Key"]] = tag["Value"]
    return tags


def _role(call: Call) -> tuple[str, str]:
    """The account and the name of the role that is asked for."""
    arn = arns.parse(call.params["RoleArn"], "roleArn", "role")
    if len(arn.account) != arns.ACCOUNT_DIGITS or not arn.account.isdigit():
        raise Fault(Kind.INVALID, "argument", f"{call.params['RoleArn'][:256]} is invalid", name="roleArn")
    return arn.account, arn.name


def _bind_assume_role(call: Call) -> AssumeRole:
    given = call.params
    account, role = _role(call)
    if given.get("ProvidedContexts"):
        raise Fault(Kind.NOT_DONE, "operation", operation="AssumeRole with ProvidedContexts")
    return AssumeRole(
        account=account,
        role=role,
        session=given["RoleSessionName"],
        duration_s=given.get("DurationSeconds"),
        policy=_policy(call),
        policies=_policies(call),
        tags=_tags(call),
        transitive=tuple(given.get("TransitiveTagKeys", ())),
        external_id=given.get("ExternalId"),
        source_identity=given.get("SourceIdentity"),
        mfa_code=given.get("TokenCode"),
    )


def _bind_with_token(call: Call) -> AssumeRoleWithToken:
    given = call.params
    if given.get("PolicyArns"):
        raise Fault(Kind.NOT_DONE, "operation", operation="AssumeRoleWithWebIdentity with PolicyArns")
    account, role = _role(call)
    return AssumeRoleWithToken(
        account=account,
        role=role,
        session=given["RoleSessionName"],
        token=given["WebIdentityToken"],
        duration_s=given.get("DurationSeconds"),
        policy=_policy(call),
    )


def _bind_session_token(call: Call) -> GetSessionToken:
    return GetSessionToken(duration_s=call.params.get("DurationSeconds"), mfa_code=call.params.get("TokenCode"))


def _bind_federation(call: Call) -> GetFederationToken:
    given = call.params
    if given.get("PolicyArns"):
        raise Fault(Kind.NOT_DONE, "operation", operation="GetFederationToken with PolicyArns")
    return GetFederationToken(
        name=given["Name"], duration_s=given.get("DurationSeconds"), policy=_policy(call), tags=_tags(call)
    )


def _bind_who(call: Call) -> GetCallerIdentity:
    return GetCallerIdentity()


# --- out --------------------------------------------------------------------------------------------------------------


def _credentials(session: Session) -> Shown:
    return {
        "AccessKeyId": session.key_id,
        "SecretAccessKey": session.secret,
        "SessionToken": session.token,
        "Expiration": session.expires_ms,
    }


def _assumed(account: str, role: str, role_id: str, session: str) -> tuple[str, str]:
    """Id and ARN of a role's session."""
    return f"AROA{role_id}:{session}", str(Arn("sts", account, "assumed-role", f"/{role}/{session}"))


def _assumed_user(session: Session) -> Shown:
    user_id, arn = _assumed(session.account, session.role or "", session.role_id or "", session.session)
    return {"AssumedRoleId": user_id, "Arn": arn}


def _render_assume_role(call: Call, session: Session) -> Shown:
    """Credentials, and who one is with them."""
    return {
        "Credentials": _credentials(session),
        "AssumedRoleUser": _assumed_user(session),
        "PackedPolicySize": session.packed_percent or None,
        "SourceIdentity": session.source_identity,
    }


def _render_with_token(call: Call, session: Session) -> Shown:
    """The same, and what the token said."""
    return {
        **_render_assume_role(call, session),
        "SubjectFromWebIdentityToken": session.subject,
        "Provider": session.provider,
        "Audience": session.audience,
    }


def _render_session_token(call: Call, session: Session) -> Shown:
    return {"Credentials": _credentials(session)}


def _render_federation(call: Call, session: Session) -> Shown:
    user_id, arn = _federated(session.account, session.session)
    return {
        "Credentials": _credentials(session),
        "FederatedUser": {"FederatedUserId": user_id, "Arn": arn},
        "PackedPolicySize": session.packed_percent or None,
    }


def _federated(account: str, name: str) -> tuple[str, str]:
    return f"{account}:{name}", str(Arn("sts", account, "federated-user", f"/{name}"))


def _render_who(call: Call, who: WhoAmI) -> Shown:
    """The ARN says what kind of caller it is."""
    match who.kind:
        case "user":
            user_id, arn = f"AIDA{who.id}", str(Arn("iam", who.account, "user", f"{who.path}{who.name}"))
        case "role":
            user_id, arn = _assumed(who.account, who.name, who.id, who.session)
        case "federated":
            user_id, arn = _federated(who.account, who.name)
        case _:
            user_id, arn = who.account, arns.root(who.account)
    return {"UserId": user_id, "Account": who.account, "Arn": arn}


def _bind_decode(call: Call) -> DecodeDenial:
    return DecodeDenial(message=call.params["EncodedMessage"])


def _render_decoded(call: Call, denial: Denial) -> Shown:
    return {"DecodedMessage": denials.decoded(denial, GRAMMAR.keys.called)}


def operations() -> dict[str, Done]:
    """STS's operations that are done."""
    return {
        "AssumeRole": Done(_bind_assume_role, _render_assume_role),
        "AssumeRoleWithWebIdentity": Done(_bind_with_token, _render_with_token),
        "GetSessionToken": Done(_bind_session_token, _render_session_token),
        "GetFederationToken": Done(_bind_federation, _render_federation),
        "GetCallerIdentity": Done(_bind_who, _render_who),
        "GetAccessKeyInfo": Done(
            lambda call: GetKeyAccount(key_id=call.params["AccessKeyId"]), lambda _, account: {"Account": account}
        ),
        "DecodeAuthorizationMessage": Done(_bind_decode, _render_decoded),
    }
