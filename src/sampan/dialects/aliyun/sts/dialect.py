"""STS: who am I, and temporary credentials of roles, as one product of the OpenAPI gateway."""

from __future__ import annotations

import re

from sampan.dialects.aliyun.sts.words import WORDS
from sampan.dialects.aliyun.wire import arn, ram_names
from sampan.dialects.aliyun.wire.dates import iso_seconds
from sampan.dialects.aliyun.wire.openapi import OpenApiDialect, OpenApiExchange, Product, Row
from sampan.dialects.aliyun.wire.openapi_signature import Nonces
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import aliyun_account
from sampan.services.identity import model
from sampan.services.identity.model import Document, Language, Session, WhoAmI

Members = dict[str, object]

FORM = "STS."
POLICY_CHARS_MAX = 2048
_SESSION = re.compile(r"[A-Za-z0-9.@_-]{2,64}")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9=,.@:/_+-]{2,1224}")


def _session(x: OpenApiExchange) -> str:
    name: str = x.params["RoleSessionName"]
    if _SESSION.fullmatch(name) is None:
        raise Fault(Kind.INVALID, "session name")
    return name


def _policy(x: OpenApiExchange) -> Document | None:
    text: str | None = x.params.get("Policy")
    if text is None:
        return None
    if len(text) > POLICY_CHARS_MAX:
        raise Fault(Kind.TOO_LARGE, "policy document")
    return Document(Language.RAM, text)


def _assume_role(x: OpenApiExchange) -> model.AssumeRole:
    account, role = arn.parse(x.params["RoleArn"], "role", "RoleArn")
    external_id: str | None = x.params.get("ExternalId")
    if external_id is not None and _EXTERNAL_ID.fullmatch(external_id) is None:
        raise Fault(Kind.INVALID, "argument", name="ExternalId", value="")
    return model.AssumeRole(
        account=account,
        role=role,
        session=_session(x),
        form=FORM,
        duration_s=x.params.get("DurationSeconds"),
        policy=_policy(x),
        external_id=external_id,
        source_identity=x.params.get("SourceIdentity"),
    )


def _with_oidc(x: OpenApiExchange) -> model.AssumeRoleWithToken:
    account, role = arn.parse(x.params["RoleArn"], "role", "RoleArn")
    of, provider = arn.parse(x.params["OIDCProviderArn"], "oidc-provider", "OIDCProviderArn")
    if of != account:
        why = "The OIDC provider and the role are not of one account."
        raise Fault(Kind.INVALID, "argument", why, name="OIDCProviderArn", value="")
    return model.AssumeRoleWithToken(
        account=account,
        role=role,
        session=_session(x),
        form=FORM,
        token=x.params["OIDCToken"],
        provider=provider,
        duration_s=x.params.get("DurationSeconds"),
        policy=_policy(x),
    )


def _assumed(x: OpenApiExchange, made: Session) -> Members:
    role, session = made.role or "", made.session
    members: Members = {
        "AssumedRoleUser": {
            "Arn": arn.identity(made.account, "role", f"{role}/{session}"),
            "AssumedRoleId": f"{ram_names.number('role', made.role_id or '')}:{session}",
        },
        "Credentials": {
            "AccessKeyId": made.key_id,
            "AccessKeySecret": made.secret,
            "SecurityToken": made.token,
            "Expiration": iso_seconds(made.expires_ms),
        },
    }
    if made.source_identity is not None:
        members["SourceIdentity"] = made.source_identity
    return members


def _assumed_with_oidc(x: OpenApiExchange, made: Session) -> Members:
    token = {
        "Subject": made.subject,
        "Issuer": made.provider,
        "ClientIds": made.audience,
        "VerificationInfo": "Success",
    }
    return {**_assumed(x, made), "OIDCTokenInfo": token}


def _identity(x: OpenApiExchange, found: WhoAmI) -> Members:
    account = aliyun_account(found.account)
    members: Members = {"AccountId": account}
    match found.kind:
        case "root":
            more = {"IdentityType": "Account", "Arn": arn.root(found.account)}
            more |= {"UserId": account, "PrincipalId": account}
        case "user":
            number = ram_names.number("user", found.id)
            more = {"IdentityType": "RAMUser", "Arn": arn.identity(found.account, "user", found.name)}
            more |= {"UserId": number, "PrincipalId": number}
        case "role":
            number = ram_names.number("role", found.id)
            assumed = arn.identity(found.account, "assumed-role", f"{found.name}/{found.session}")
            more = {"IdentityType": "AssumedRoleUser", "Arn": assumed}
            more |= {"RoleId": number, "PrincipalId": f"{number}:{found.session}"}
        case _:
            # Only AWS's STS makes such callers; RAM has no word for them.
            more = {"IdentityType": "FederatedUser", "Arn": arn.identity(found.account, "federated-user", found.name)}
            more |= {"PrincipalId": f"{account}:{found.name}"}
    return {**members, **more}


_ASSUME = "RoleArn! RoleSessionName! DurationSeconds:int Policy"

ROWS = (
    Row("AssumeRole", f"{_ASSUME} ExternalId SourceIdentity", _assume_role, _assumed),
    Row(
        "AssumeRoleWithOIDC",
        f"{_ASSUME} OIDCProviderArn! OIDCToken!",
        _with_oidc,
        _assumed_with_oidc,
        anonymous=True,
    ),
    Row(
        "AssumeRoleWithSAML",
        "SAMLProviderArn! RoleArn! SAMLAssertion! DurationSeconds:int Policy",
        anonymous=True,
    ),
    Row("GetCallerIdentity", "", lambda x: model.GetCallerIdentity(), _identity),
)


class AliyunStsDialect(OpenApiDialect):
    """The dialect. `region` is what a request that names none is taken to name; credentials hold in all of them."""

    def __init__(self, region: str, nonces: Nonces) -> None:
        host = r"sts(-vpc)?(\.[a-z0-9-]+)?\.aliyuncs\.com"
        super().__init__(Product("sts", "2015-04-01", host, ROWS, WORDS), region, nonces)
