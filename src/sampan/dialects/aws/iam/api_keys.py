"""Service-specific credentials, of which Sampan makes those that are API keys: Amazon Bedrock's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sampan.dialects.aws.iam import forms
from sampan.dialects.aws.wire.service import Call, Done, nothing
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity.model import (
    ApiKey,
    CreateApiKey,
    DeleteApiKey,
    IssuedApiKey,
    ListApiKeys,
    ResetApiKey,
    UpdateApiKey,
)

Shown = Mapping[str, Any]

BEDROCK = "bedrock.amazonaws.com"
FORM = "ABSK"
SCOPE = ("inference",)
_DAY_MS = 24 * 3600 * 1000
_ACTIVE, _INACTIVE, _EXPIRED = "Active", "Inactive", "Expired"


def _user(call: Call) -> str:
    """ "" stands for the caller."""
    return str(call.params.get("UserName", ""))


def _key_id(call: Call) -> str:
    return str(call.params["ServiceSpecificCredentialId"])


def _bind_create(call: Call) -> CreateApiKey:
    """Of the services that have such credentials, only Bedrock is here."""
    service, days = call.params["ServiceName"], call.params.get("CredentialAgeDays")
    if service != BEDROCK:
        raise Fault(Kind.NOT_DONE, "operation", operation=f"CreateServiceSpecificCredential for {service[:64]}")
    lasts_ms = None if days is None else days * _DAY_MS
    return CreateApiKey(user=_user(call), form=FORM, scope=SCOPE, lasts_ms=lasts_ms)


def _render_issued(call: Call, issued: IssuedApiKey) -> Shown:
    """The only time that the secret is told."""
    shown = {**_shown(call, issued.key), "ServiceCredentialSecret": issued.token}
    return {"ServiceSpecificCredential": shown}


def _shown(call: Call, key: ApiKey) -> dict[str, Any]:
    """Every API key is good for Bedrock, whoever's form it has."""
    return {
        "UserName": key.user,
        "Status": _EXPIRED if key.expired else _ACTIVE if key.active else _INACTIVE,
        "CreateDate": key.created_ms,
        "ExpirationDate": key.expires_ms,
        "ServiceName": BEDROCK,
        "ServiceSpecificCredentialId": key.key_id,
        "ServiceCredentialAlias": f"{key.user}-at-{call.caller.account}",
    }


def _bind_list(call: Call) -> ListApiKeys:
    everybody = call.params.get("AllUsers", False)
    if everybody and "UserName" in call.params:
        raise Fault(Kind.INVALID, "argument", "AllUsers and UserName cannot be given together", name="allUsers")
    return ListApiKeys(user=None if everybody else _user(call))


def _render_list(call: Call, keys: tuple[ApiKey, ...]) -> Shown:
    wanted = keys if call.params.get("ServiceName", BEDROCK) == BEDROCK else ()
    page = forms.cut(call, wanted, lambda key: key.key_id)
    return forms.listed("ServiceSpecificCredentials", page, lambda key: _shown(call, key))


def _bind_update(call: Call) -> UpdateApiKey:
    status = call.params["Status"]
    if status not in (_ACTIVE, _INACTIVE):
        raise Fault(Kind.INVALID, "argument", f"Status cannot be set to {status}", name="status")
    return UpdateApiKey(user=_user(call), key_id=_key_id(call), active=status == _ACTIVE)


def operations() -> dict[str, Done]:
    """IAM's operations on service-specific credentials."""
    return {
        "CreateServiceSpecificCredential": Done(_bind_create, _render_issued),
        "ListServiceSpecificCredentials": Done(_bind_list, _render_list),
        "UpdateServiceSpecificCredential": Done(_bind_update, nothing),
        "ResetServiceSpecificCredential": Done(
            lambda call: ResetApiKey(user=_user(call), key_id=_key_id(call)), _render_issued
        ),
        "DeleteServiceSpecificCredential": Done(
            lambda call: DeleteApiKey(user=_user(call), key_id=_key_id(call)), nothing
        ),
    }
