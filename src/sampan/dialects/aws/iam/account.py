"""The account itself: its alias, its summary, and the providers of tokens that it trusts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sampan.dialects.aws.iam import forms, names
from sampan.dialects.aws.wire.service import Call, Done, nothing
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity.model import (
    DeleteProvider,
    GetAlias,
    GetProviders,
    GetSummary,
    Provider,
    PutProvider,
    SetAlias,
    Summary,
    TagProvider,
    UpdateProvider,
)

Shown = Mapping[str, Any]

# IAM's words for the core's counts.
_COUNTS: Mapping[str, str] = {
    "users": "Users", "users_max": "UsersQuota", "groups": "Groups", "groups_max": "GroupsQuota",
    "roles": "Roles", "roles_max": "RolesQuota", "policies": "Policies", "policies_max": "PoliciesQuota",
    "mfa_devices": "MFADevices", "mfa_devices_in_use": "MFADevicesInUse", "root_mfa": "AccountMFAEnabled",
    "instance_profiles": "InstanceProfiles", "instance_profiles_max": "InstanceProfilesQuota",
    "root_access_keys": "AccountAccessKeysPresent", "providers": "Providers",
    "access_keys_max": "AccessKeysPerUserQuota", "policy_versions_max": "VersionsPerPolicyQuota",
    "groups_of_user_max": "GroupsPerUserQuota",
}  # fmt: skip
_ATTACHED = ("User", "Group", "Role")


def _bind_alias(call: Call) -> SetAlias:
    return SetAlias(alias=call.params["AccountAlias"])


def _bind_no_alias(call: Call) -> SetAlias:
    return SetAlias(alias=None)


def _render_aliases(call: Call, alias: str | None) -> Shown:
    """One, or none."""
    return {"AccountAliases": [alias] if alias is not None else [], "IsTruncated": False}


def _render_summary(call: Call, summary: Summary) -> Shown:
    """What IAM counts and the core counts too."""
    told = {_COUNTS[name]: count for name, count in summary.counts.items() if name in _COUNTS}
    if "attachments_max" in summary.counts:
        told |= {f"AttachedPoliciesPer{word}Quota": summary.counts["attachments_max"] for word in _ATTACHED}
    return {"SummaryMap": told}


# --- providers --------------------------------------------------------------------------------------------------------


def _provider(call: Call) -> str:
    return names.provider_of(call.params["OpenIDConnectProviderArn"], call.caller.account)


def _bind_create_provider(call: Call) -> PutProvider:
    """A provider is named after its URL."""
    given = call.params
    scheme, _, rest = given["Url"].partition("://")
    if scheme != "https" or not rest.strip("/") or "?" in rest:
        raise Fault(Kind.INVALID, "argument", "Invalid Open ID Connect Provider URL", name="url")
    return PutProvider(
        create=True,
        name=rest.rstrip("/"),
        url=given["Url"],
        audiences=tuple(given.get("ClientIDList", ())),
        thumbprints=tuple(given.get("ThumbprintList", ())),
        tags=forms.read_tags(call),
    )


def _render_create_provider(call: Call, provider: Provider) -> Shown:
    arn = names.provider_arn(provider.name, call.caller.account)
    return {"OpenIDConnectProviderArn": arn, "Tags": forms.write_tags(provider.tags)}


def _bind_get_provider(call: Call) -> GetProviders:
    return GetProviders(name=_provider(call))


def _render_provider(call: Call, found: tuple[Provider, ...]) -> Shown:
    """The URL is told without its scheme."""
    (provider,) = found
    return {
        "Url": provider.url.partition("://")[2],
        "ClientIDList": list(provider.audiences),
        "ThumbprintList": list(provider.thumbprints),
        "CreateDate": provider.created_ms,
        "Tags": forms.write_tags(provider.tags),
    }


def _render_provider_tags(call: Call, found: tuple[Provider, ...]) -> Shown:
    (provider,) = found
    return forms.tags_page(call, provider.tags)


def _render_providers(call: Call, found: tuple[Provider, ...]) -> Shown:
    rows = [{"Arn": names.provider_arn(provider.name, call.caller.account)} for provider in found]
    return {"OpenIDConnectProviderList": rows}


def operations() -> dict[str, Done]:
    """IAM's operations on the account."""
    return {
        "CreateAccountAlias": Done(_bind_alias, nothing),
        "DeleteAccountAlias": Done(_bind_no_alias, nothing),
        "ListAccountAliases": Done(lambda _: GetAlias(), _render_aliases),
        "GetAccountSummary": Done(lambda _: GetSummary(), _render_summary),
        "CreateOpenIDConnectProvider": Done(_bind_create_provider, _render_create_provider),
        "AddClientIDToOpenIDConnectProvider": Done(
            lambda call: UpdateProvider(name=_provider(call), add=(call.params["ClientID"],)), nothing
        ),
        "RemoveClientIDFromOpenIDConnectProvider": Done(
            lambda call: UpdateProvider(name=_provider(call), remove=(call.params["ClientID"],)), nothing
        ),
        "UpdateOpenIDConnectProviderThumbprint": Done(
            lambda call: UpdateProvider(name=_provider(call), thumbprints=tuple(call.params["ThumbprintList"])), nothing
        ),
        "TagOpenIDConnectProvider": Done(
            lambda call: TagProvider(name=_provider(call), tags=forms.read_tags(call)), nothing
        ),
        "UntagOpenIDConnectProvider": Done(
            lambda call: TagProvider(name=_provider(call), remove=tuple(call.params["TagKeys"])), nothing
        ),
        "ListOpenIDConnectProviderTags": Done(_bind_get_provider, _render_provider_tags),
        "GetOpenIDConnectProvider": Done(_bind_get_provider, _render_provider),
        "ListOpenIDConnectProviders": Done(lambda _: GetProviders(), _render_providers),
        "DeleteOpenIDConnectProvider": Done(lambda call: DeleteProvider(name=_provider(call)), nothing),
    }
