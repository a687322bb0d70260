"""What RAM says of a refusal: the AccessDeniedDetail of a reply, and what DecodeDiagnosticMessage makes of its message.

Source: Alibaba Cloud RAM, "Diagnose access denied errors", and the page of DecodeDiagnosticMessage.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sampan.dialects.aliyun.wire import arn, ram_names
from sampan.dialects.aliyun.wire.actions import ACTIONS
from sampan.kernel.denial import Denial
from sampan.kernel.language import NoEqual
from sampan.kernel.names import aliyun_account
from sampan.kernel.policy import ANY, Outcome, ResourcePattern

_TYPES = {"user": "SubUser", "role": "AssumedRoleUser", "federated": "FederatedUser", "root": "Account"}
_POLICIES = {
    "session": "SessionPolicy",
    "resource": "ResourceBasedPolicy",
    "trust": "AssumeRolePolicy",
}


def detail(denial: Denial, told: str) -> dict[str, Any]:
    """`told` is the denial, sealed."""
    return {
        "AuthAction": ACTIONS.called(denial.action),
        "AuthPrincipalDisplayName": _display(denial),
        "AuthPrincipalOwnerId": aliyun_account(denial.principal.account),
        "AuthPrincipalType": _TYPES.get(denial.principal.kind, "Anonymous"),
        "EncodedDiagnosticMessage": told or None,
        "NoPermissionType": "ExplicitDeny" if _explicit(denial) else "ImplicitDeny",
        "PolicyType": _policy_type(denial),
    }


def decoded(denial: Denial, called: Callable[[str], str]) -> dict[str, Any]:
    """What the message holds, for who may read it. `called` tells what a condition key is called."""
    decision = denial.decision
    matched = {"Effect": "Deny", "PolicyIdentifier": decision.policy, "PolicyType": _policy_type(denial)}
    return {
        "AuthAction": ACTIONS.called(denial.action),
        "AuthResource": _resource(denial),
        "AuthPrincipal": {
            "AuthPrincipalDisplayName": _display(denial),
            "AuthPrincipalOwnerId": aliyun_account(denial.principal.account),
            "AuthPrincipalType": _TYPES.get(denial.principal.kind, "Anonymous"),
        },
        "AuthConditions": [
            {"ConditionKey": called(key), "ConditionValues": list(values)}
            for key, values in sorted(denial.context.items())
        ],
        "ExplicitDeny": _explicit(denial),
        "NoPermissionPolicyType": _policy_type(denial),
        "MatchedPolicies": [matched] if decision.index is not None else [],
    }


def _explicit(denial: Denial) -> bool:
    return denial.decision.outcome is Outcome.EXPLICIT


def _policy_type(denial: Denial) -> str:
    trust = denial.action.startswith("identity:AssumeRole") and denial.decision.kind == "resource"
    return _POLICIES.get("trust" if trust else denial.decision.kind, "AccountLevelIdentityBasedPolicy")


def _display(denial: Denial) -> str:
    """A user's number, or a role's name and session."""
    principal = denial.principal
    match principal.kind:
        case "user":
            return ram_names.number("user", denial.id)
        case "role":
            return f"{principal.name}:{principal.session}"
    return principal.name or aliyun_account(principal.account)


def _resource(denial: Denial) -> str:
    resource = denial.resource
    if not resource.path:
        return ANY
    owner = ANY if resource.service == "objects" else resource.owner or denial.principal.account or ANY
    try:
        return arn.resource_text(ResourcePattern(resource.service, owner, resource.path))
    except NoEqual:
        return resource.path
