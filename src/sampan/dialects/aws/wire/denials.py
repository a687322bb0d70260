"""What AWS says of a refusal: who may not do what, and for want of which policy.

Source: AWS IAM User Guide, "Troubleshoot access denied error messages"; STS API Reference, DecodeAuthorizationMessage.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sampan.dialects.aws.wire import arns
from sampan.dialects.aws.wire.actions import ACTIONS
from sampan.dialects.aws.wire.arns import Arn
from sampan.kernel.denial import Denial
from sampan.kernel.language import NoEqual
from sampan.kernel.policy import ANY, Outcome, Principal, ResourcePattern

_ALLOWING = {
    "identity": "no identity-based policy",
    "boundary": "no permissions boundary",
    "session": "no session policy",
    "resource": "no resource-based policy",
}
_DENYING = {
    "identity": "an identity-based policy",
    "boundary": "a permissions boundary",
    "session": "a session policy",
    "resource": "a resource-based policy",
}
_PREFIXES = {"user": "AIDA", "role": "AROA"}


def sentence(denial: Denial, quote: str = "") -> str:
    """The message of an AccessDenied. `quote` stands around the resource."""
    action = ACTIONS.called(denial.action)
    told = f"User: {principal_arn(denial.principal)} is not authorized to perform: {action}"
    told += f" on resource: {quote}{resource_arn(denial)}{quote}"
    kind = denial.decision.kind
    if denial.action.startswith("identity:AssumeRole"):
        return told  # whom a role trusts is not told
    if denial.decision.outcome is Outcome.EXPLICIT and kind in _DENYING:
        return f"{told} with an explicit deny in {_DENYING[kind]}"
    return f"{told} because {_ALLOWING[kind]} allows the {action} action" if kind in _ALLOWING else told


def principal_arn(principal: Principal) -> str:
    """Who asked, as messages name it."""
    account, name = principal.account, principal.name
    match principal.kind:
        case "root":
            return arns.root(account)
        case "role":
            return str(Arn("sts", account, "assumed-role", f"/{name}/{principal.session}"))
        case "federated" if account:
            return str(Arn("sts", account, "federated-user", f"/{name}"))
        case "user":
            return str(Arn("iam", account, "user", f"/{name}"))
    return principal.kind


def resource_arn(denial: Denial) -> str:
    """What was asked for; * for what has no name."""
    resource = denial.resource
    if not resource.path:
        return ANY
    owner = ANY if resource.service == "objects" else resource.owner or denial.principal.account or ANY
    try:
        return arns.resource_text(ResourcePattern(resource.service, owner, resource.path))
    except NoEqual:
        return resource.path


def decoded(denial: Denial, called: Callable[[str], str]) -> str:
    """The document that DecodeAuthorizationMessage gives. `called` tells what a condition key is called."""
    decision = denial.decision
    explicit = decision.outcome is Outcome.EXPLICIT
    matched = {"statementId": decision.sid, "effect": "DENY", "sourcePolicyId": decision.policy}
    prefix = _PREFIXES.get(denial.principal.kind, "")
    return json.dumps(
        {
            "allowed": False,
            "explicitDeny": explicit,
            "matchedStatements": _items([matched] if decision.index is not None else []),
            "failures": _items([]),
            "context": {
                "principal": {
                    "id": f"{prefix}{denial.id}" if denial.id else denial.principal.account,
                    "arn": principal_arn(denial.principal),
                },
                "action": ACTIONS.called(denial.action),
                "resource": resource_arn(denial),
                "conditions": _items(
                    [
                        {"key": called(key), "values": _items([{"value": value} for value in values])}
                        for key, values in sorted(denial.context.items())
                    ]
                ),
            },
        }
    )


def _items(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"items": rows}
