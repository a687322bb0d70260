"""IAM's names for what the core names in its own words: ids and ARNs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from sampan.dialects.aws.wire import arns
from sampan.dialects.aws.wire.arns import Arn
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity.model import Entity, EntityKind, InstanceProfile, Policy

CLOUD = "aws"
SERVICES: Mapping[str, str] = {"objects": "s3", "identity": "iam", "inference": "bedrock"}
"""What AWS calls the services whose use is noted."""
ID_PREFIXES: Mapping[EntityKind, str] = {EntityKind.USER: "AIDA", EntityKind.GROUP: "AGPA", EntityKind.ROLE: "AROA"}
_POLICY_PREFIX = "ANPA"
_ID_CHARS = 16


def entity_id(entity: Entity) -> str:
    """AIDA... for a user, AGPA... for a group, AROA... for a role; an account's root has the account's number."""
    return entity.id if entity.id == entity.account else ID_PREFIXES[entity.kind] + entity.id


def entity_arn(entity: Entity) -> str:
    """arn:aws:iam::123456789012:user/path/name."""
    if entity.id == entity.account:
        return arns.root(entity.account)
    return str(Arn("iam", entity.account, str(entity.kind), f"{entity.path}{entity.name}"))


def instance_arn(profile: InstanceProfile, account: str) -> str:
    """An instance profile's ARN."""
    return str(Arn("iam", account, "instance-profile", f"{profile.path}{profile.name}"))


def policy_id(policy: Policy) -> str:
    """ANPA...; one of a cloud's own, which nobody made, has one that follows from its name."""
    if policy.id:
        return _POLICY_PREFIX + policy.id
    return _POLICY_PREFIX + base64.b32encode(hashlib.sha256(policy.policy.encode()).digest()).decode()[:_ID_CHARS]


def policy_arn(policy: str, account: str) -> str:
    """The ARN of a policy by the core's id: "/team/readers", "aws:/AdministratorAccess"."""
    cloud, _, path = policy.rpartition(":")
    return str(Arn("iam", cloud or account, "policy", path))


def device_arn(device: str, account: str) -> str:
    """A virtual second factor's serial number."""
    return str(Arn("iam", account, "mfa", f"/{device}"))


def device_of(serial: str, account: str) -> str:
    """The name of the device of a serial number. Raises Fault(INVALID, "argument") or Fault(MISSING, "mfa device")."""
    found = arns.parse(serial, "serialNumber", "mfa")
    if found.account != account:
        raise Fault(Kind.MISSING, "mfa device", name=serial[:256])
    return found.name


def provider_arn(provider: str, account: str) -> str:
    """An OpenID Connect provider: its name is the host and path of its URL."""
    return str(Arn("iam", account, "oidc-provider", f"/{provider}"))


def provider_of(arn: str, account: str) -> str:
    """The name of the provider of an ARN. Raises Fault(INVALID, "argument") or Fault(MISSING, "provider")."""
    found = arns.parse(arn, "openIDConnectProviderArn", "oidc-provider")
    if found.account != account:
        raise Fault(Kind.MISSING, "provider", name=arn[:256])
    return found.path[1:]
