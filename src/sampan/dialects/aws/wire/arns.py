"""Amazon resource names, both ways: arn:aws:iam::123456789012:role/team/builder. In the parameters of operations they
name one thing; in policies they may have wildcards and variables.

Source: AWS IAM User Guide, "Identify AWS resources with Amazon Resource Names (ARNs)" and "IAM identifiers".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sampan.kernel.actions import FOREIGN
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.language import NoEqual
from sampan.kernel.policy import ANY, PrincipalPattern, ResourcePattern

CLOUD = "aws"
ACCOUNT_DIGITS = 12
CLOUDS = frozenset({"aws", "aliyun"})
"""Clouds whose own policies may be attached to an entity: each stands in an ARN in the place of an account."""
_PARTITIONS = frozenset({"aws", "aws-cn", "aws-us-gov", "*"})
_SERVICES = {"s3": "objects", "iam": "identity", "sts": "identity", "bedrock": "inference", "*": ANY}
_ACCOUNT = re.compile(r"[0-9]{12}")
# Kinds of things whose IAM path is no part of the core's: names are unique without it.
_PATHLESS = frozenset({"user", "group", "role", "instance-profile"})
# The core's kinds by IAM's, where they differ; and those that are STS's.
_KINDS = {"oidc-provider": "provider"}
_STS = frozenset({"assumed-role", "federated-user"})
# Bedrock's kinds of things that are asked as one asks a model; and what it calls a batch.
_MODELS = frozenset({"foundation-model", "custom-model", "imported-model", "provisioned-model", "inference-profile"})
_JOB = "model-invocation-job"
_WILD = re.compile(r"[*?$]")
_WORD = re.compile(r"[a-z0-9*?-]{1,64}")  # a service, a region, an account


@dataclass(frozen=True, slots=True)
class Arn:
    """`kind` is what stands before the first "/" of the resource ("role"), `path` the rest ("/team/builder")."""

    service: str
    account: str
    kind: str
    path: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def __str__(self) -> str:
        return f"arn:aws:{self.service}::{self.account}:{self.kind}{self.path}"


def read(text: str) -> tuple[str, str, str, str]:
    """Service, region, account and the rest of an ARN, as they are written; in which partition is no matter. Raises
    ValueError."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[1] not in _PARTITIONS:
        raise ValueError("an ARN is written arn:aws:service:region:account:resource")
    return parts[2], parts[3], parts[4], parts[5]


# --- in parameters ----------------------------------------------------------------------------------------------------


def parse(text: str, name: str, kind: str) -> Arn:
    """An ARN of IAM's that must be of a kind ("role"). `name` is the parameter's.

    Raises Fault(INVALID, "argument").
    """
    try:
        service, region, account, rest = read(text)
    except ValueError:
        service, region, account, rest = "", "", "", ""
    found, slash, path = rest.partition("/")
    if (service, region, found) != ("iam", "", kind) or not (slash and path and account) or text.startswith("arn:*"):
        raise Fault(Kind.INVALID, "argument", f"ARN {text[:256]} is not valid.", name=name, value=text[:256])
    return Arn("iam", account, kind, f"/{path}")


def root(account: str) -> str:
    """An account's root."""
    return str(Arn("iam", account, "root", ""))


def policy_of(text: str, account: str, name: str) -> str:
    """The core's id of the managed policy that an ARN names: "/team/readers", "aws:/AdministratorAccess".

    Raises Fault(INVALID, "argument") or Fault(MISSING, "policy").
    """
    found = parse(text, name, "policy")
    if found.account == account:
        return found.path
    if found.account in CLOUDS:
        return f"{found.account}:{found.path}"
    raise Fault(Kind.MISSING, "policy", policy=text[:256])


# --- in policies ------------------------------------------------------------------------------------------------------


def resource(text: str) -> ResourcePattern:
    """What a Resource names. Raises ValueError."""
    if text == "*":
        return ResourcePattern(ANY, ANY, ANY)
    service, region, account, path = read(text)
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
    service, region, account, path = read(text)
    if region or text.startswith("arn:*"):
        raise ValueError("a principal is *, an account, or an ARN of IAM or STS")
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
    if text.startswith("arn:"):
        service, _, account, path = read(text)
        kind, _, name = path.partition("/")
        if service == "iam" and _ACCOUNT.fullmatch(account) and kind in ("oidc-provider", "saml-provider") and name:
            return PrincipalPattern("federated", account, name if kind == "oidc-provider" else path)
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
