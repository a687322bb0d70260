"""Amazon resource names as policies have them, with wildcards and variables, both ways.

Source: AWS IAM User Guide, "Identify AWS resources with Amazon Resource Names (ARNs)" and "IAM identifiers".
"""

from __future__ import annotations

import re

from sampan.kernel.actions import FOREIGN
from sampan.kernel.language import NoEqual
from sampan.kernel.policy import ANY, PrincipalPattern, ResourcePattern

CLOUD = "aws"
_PARTITIONS = frozenset({"aws", "aws-cn", "aws-us-gov", "*"})
_SERVICES = {"s3": "objects", "iam": "identity", "sts": "identity", "bedrock": "inference", "*": ANY}
_ACCOUNT = re.compile(r"[0-9]{12}")
# Kinds of things whose IAM path is no part of the core's: names are unique without it.
_PATHLESS = frozenset({"user", "group", "role"})
# The core's kinds by IAM's, where they differ; and those that are STS's.
_KINDS = {"oidc-provider": "provider"}
_STS = frozenset({"assumed-role", "federated-user"})
# Bedrock's kinds of things that are asked as one asks a model; and what it calls a batch.
_MODELS = frozenset({"foundation-model", "custom-model", "imported-model", "provisioned-model", "inference-profile"})
_JOB = "model-invocation-job"
_WILD = re.compile(r"[*?$]")
_WORD = re.compile(r"[a-z0-9*?-]{1,64}")  # a service, a region, an account


def resource(text: str) -> ResourcePattern:
    """What a Resource names. Raises ValueError."""
    if text == "*":
        return ResourcePattern(ANY, ANY, ANY)
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[1] not in _PARTITIONS:
        raise ValueError("a resource is * or an ARN: arn:aws:service:region:account:resource")
    service, region, account, path = parts[2], parts[3], parts[4], parts[5]
    if not _WORD.fullmatch(service) or not path:
        raise ValueError("an ARN names a service and a resource")
    if not (_WORD.fullmatch(region or ANY) and _WORD.fullmatch(account or ANY)):
        raise ValueError("an ARN has variables in its resource alone")
    known = _SERVICES.get(service)
    if known is None:
        return ResourcePattern(f"{CLOUD}{FOREIGN}{service}", account or ANY, f"{region}:{path}")
    if known == "identity":
        return _identity(account, path)
    if known == "inference":
        kind, slash, rest = path.partition("/")
        kind = "model" if kind in _MODELS else "batch" if kind == _JOB else kind
        return ResourcePattern(known, account or ANY, f"{kind}{slash}{rest}")
    return ResourcePattern(known, account or ANY, path)


def _identity(account: str, path: str) -> ResourcePattern:
    kind, slash, rest = path.partition("/")
    if kind == "policy" and account in (CLOUD, "aliyun"):
        return ResourcePattern("identity", ANY, f"policy{account}:/{rest}")
    if kind in _PATHLESS and not _WILD.search(rest.rpartition("/")[0]) and not rest.endswith(("/*", "/?")):
        rest = rest.rpartition("/")[2]
    return ResourcePattern("identity", account or ANY, f"{_KINDS.get(kind, kind)}{slash}{rest}")


def resource_text(pattern: ResourcePattern) -> str:
    """The inverse of `resource`. Raises NoEqual."""
    path, account = pattern.path, pattern.account
    cloud, mark, foreign = pattern.service.partition(FOREIGN)
    if mark:
        if cloud != CLOUD:
            raise NoEqual(f"the resources of {foreign}")
        region, _, path = path.partition(":")
        return f"arn:aws:{foreign}:{region}:{account}:{path}"
    if pattern.service == ANY:
        return "*" if (account, path) == (ANY, ANY) else f"arn:aws:*:*:{account}:{path}"
    if pattern.service == "objects":
        if account != ANY:
            # A bucket's name belongs to one account at a time: the name alone says nearly the same, but not quite.
            raise NoEqual(f"{path} only while account {account} owns it: an ARN of S3 names no account")
        return f"arn:aws:s3:::{path}"
    kind, slash, rest = path.partition("/")
    if pattern.service == "inference":
        kind = {"model": "foundation-model", "batch": _JOB}.get(kind, kind)
        owner = "" if account == ANY and kind == "foundation-model" else account
        return f"arn:aws:bedrock:*:{owner}:{kind}{slash}{rest}"
    for owner in (CLOUD, "aliyun"):
        if kind == f"policy{owner}:":
            return f"arn:aws:iam::{owner}:policy/{rest}"
    kind = next((name for name, core in _KINDS.items() if core == kind), kind)
    return f"arn:aws:{'sts' if kind in _STS else 'iam'}::{account}:{kind}{slash}{rest}"


def principal(text: str) -> PrincipalPattern:
    """Whom one entry of {"AWS": …} names. Raises ValueError."""
    if text == "*":
        return PrincipalPattern("any")
    if _ACCOUNT.fullmatch(text):
        return PrincipalPattern("account", text)
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[1] not in _PARTITIONS - {"*"} or parts[3]:
        raise ValueError("a principal is *, an account, or an ARN of IAM or STS")
    service, account, path = parts[2], parts[4], parts[5]
    kind, _, name = path.partition("/")
    if not _ACCOUNT.fullmatch(account) or _WILD.search(path):
        raise ValueError("a principal's ARN names one account, and has no wildcards")
    if (service, path) == ("iam", "root"):
        return PrincipalPattern("account", account)
    if service == "iam" and kind in ("user", "role") and name.rpartition("/")[2]:
        return PrincipalPattern(kind, account, name.rpartition("/")[2])
    if service == "sts" and kind == "assumed-role" and name.count("/") == 1:
        return PrincipalPattern("session", account, name)
    if service == "sts" and kind == "federated-user" and name:
        return PrincipalPattern("federated", account, name)
    raise ValueError("this ARN is of nobody")


def federated(text: str) -> PrincipalPattern:
    """Whom one entry of {"Federated": …} names: a provider. Raises ValueError."""
    parts = text.split(":", 5)
    if len(parts) == 6 and parts[0] == "arn" and parts[2] == "iam" and _ACCOUNT.fullmatch(parts[4]):
        kind, _, name = parts[5].partition("/")
        if kind in ("oidc-provider", "saml-provider") and name:
            return PrincipalPattern("federated", parts[4], name if kind == "oidc-provider" else parts[5])
    if re.fullmatch(r"[a-z0-9.-]{1,128}", text):
        return PrincipalPattern("federated", "", text)  # one of the web's own: accounts.google.com
    raise ValueError("a provider is a domain name, or an ARN of IAM")


def principal_text(pattern: PrincipalPattern) -> tuple[str, str]:
    """The element ("AWS", "Service", "Federated", "CanonicalUser") and the entry. Raises NoEqual."""
    account, name = pattern.account, pattern.name
    provider = name if name.startswith("saml-provider/") else f"oidc-provider/{name}"
    entries = {
        "any": ("AWS", "*"),
        "account": ("AWS", f"arn:aws:iam::{account}:root"),
        "user": ("AWS", f"arn:aws:iam::{account}:user/{name}"),
        "role": ("AWS", f"arn:aws:iam::{account}:role/{name}"),
        "session": ("AWS", f"arn:aws:sts::{account}:assumed-role/{name}"),
        "service": ("Service", name),
        "federated": ("Federated", f"arn:aws:iam::{account}:{provider}" if account else name),
        "canonical": ("CanonicalUser", name),
    }
    if (
        pattern.kind not in entries
        or _WILD.search(name)
        or (pattern.kind == "service" and name.endswith("aliyuncs.com"))
    ):
        raise NoEqual(f"the principal {name or pattern.kind}")
    return entries[pattern.kind]
