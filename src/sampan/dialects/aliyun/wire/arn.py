"""Alibaba Cloud resource names, both ways: acs:ram::1000000000000001:role/builder. In the parameters of operations they
name one thing; in policies they may have wildcards.

Source: Alibaba Cloud RAM, "Policy elements" (Resource, Principal); OSS, "Policy syntax and elements" (bucket policies).
"""

from __future__ import annotations

import re

from sampan.kernel.actions import FOREIGN
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.language import NoEqual
from sampan.kernel.names import ACCOUNT_DIGITS, account_of_aliyun, aliyun_account
from sampan.kernel.policy import ANY, PrincipalPattern, ResourcePattern

CLOUD = "aliyun"
SYSTEM = "system"
"""The owner of the cloud's own policies."""
_SERVICES = {"oss": "objects", "ram": "identity", "sts": "identity", "sfm": "inference", "*": ANY}
_ACCOUNT = re.compile(r"[0-9]{12}|[0-9]{16}")
_OURS = re.compile(r"[0-9]{12}")
_KINDS = {"oidc-provider": "provider"}
_STS = frozenset({"assumed-role", "federated-user"})
_NUMBER = re.compile(r"[0-9]{12,16}")
_NAME = re.compile(r"[^\s:]{1,512}")
_WILD = re.compile(r"[*?$]")
_WORD = re.compile(r"[a-z0-9*?-]{1,64}")  # a service, a region, an account


def read(text: str, scheme: str = "acs") -> tuple[str, str, str, str]:
    """Service, region, account and the rest of an ARN, as they are written. Raises ValueError."""
    parts = text.split(":", 4)
    if len(parts) != 5 or parts[0] != scheme:
        raise ValueError("an ARN is written acs:service:region:account:resource")
    return parts[1], parts[2], parts[3], parts[4]


# --- in parameters ----------------------------------------------------------------------------------------------------


def identity(account: str, kind: str, name: str) -> str:
    """`acs:ram::1000000000000001:user/ann`. An assumed role is `assumed-role/ROLE/SESSION`."""
    return f"acs:ram::{aliyun_account(account)}:{kind}/{name}"


def root(account: str) -> str:
    """The ARN of the account's own identity."""
    return f"acs:ram::{aliyun_account(account)}:root"


def parse(text: str, kind: str, parameter: str) -> tuple[str, str]:
    """The account (12 digits) and the name in an ARN of that kind. Raises INVALID "argument"."""
    try:
        service, region, number, path = read(text)
    except ValueError:
        service, region, number, path = "", "", "", ""
    found, _, name = path.partition("/")
    known = service in ("ram", "sts") and not region and found == kind
    if not known or _NUMBER.fullmatch(number) is None or _NAME.fullmatch(name) is None:
        why = f"The parameter {parameter} is wrongly formed."
        raise Fault(Kind.INVALID, "argument", why, name=parameter, value=text[:128])
    account = account_of_aliyun(number)
    return (account if len(account) == ACCOUNT_DIGITS else number), name


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
    owner = account_of_aliyun(account) or ANY
    known = _SERVICES.get(service)
    if known is None:
        return ResourcePattern(f"{CLOUD}{FOREIGN}{service}", owner, f"{region}:{path}")
    if known == "identity":
        kind, slash, rest = path.partition("/")
        if kind == "policy" and account in (SYSTEM, "aws"):
            return ResourcePattern("identity", ANY, f"policy{CLOUD if account == SYSTEM else account}:/{rest}")
        path = f"{_KINDS.get(kind, kind)}{slash}{rest}"
    return ResourcePattern(known, owner, path)


def resource_text(pattern: ResourcePattern) -> str:
    """The inverse of `resource`. Raises NoEqual."""
    path = pattern.path
    if pattern.account != ANY and not _OURS.fullmatch(pattern.account):
        raise NoEqual(f"the account {pattern.account}")
    account = ANY if pattern.account == ANY else aliyun_account(pattern.account)
    cloud, mark, foreign = pattern.service.partition(FOREIGN)
    if mark:
        if cloud != CLOUD:
            raise NoEqual(f"the resources of {foreign}")
        region, _, path = path.partition(":")
        return f"acs:{foreign}:{region}:{account}:{path}"
    if pattern.service == ANY:
        return "*" if (account, path) == (ANY, ANY) else f"acs:*:*:{account}:{path}"
    if pattern.service in ("objects", "inference"):
        return f"acs:{'oss' if pattern.service == 'objects' else 'sfm'}:*:{account}:{path}"
    kind, slash, rest = path.partition("/")
    for owner, shown in ((CLOUD, SYSTEM), ("aws", "aws")):
        if kind == f"policy{owner}:":
            return f"acs:ram:*:{shown}:policy/{rest}"
    kind = next((name for name, core in _KINDS.items() if core == kind), kind)
    return f"acs:{'sts' if kind in _STS else 'ram'}:*:{account}:{kind}{slash}{rest}"


def principal(text: str) -> PrincipalPattern:
    """Whom one entry of {"RAM": …}, or of a bucket policy's list, names. Raises ValueError."""
    if text == "*":
        return PrincipalPattern("any")
    if _ACCOUNT.fullmatch(text):
        return PrincipalPattern("account", account_of_aliyun(text))
    if re.fullmatch(r"[0-9]{5,20}", text):
        # The number of a user or a role: the core knows them by name.
        return PrincipalPattern("id", "", text)
    service, region, number, path = read(text, "arn" if text.startswith("arn:") else "acs")  # OSS writes both
    if region or not _ACCOUNT.fullmatch(number):
        raise ValueError("a principal is *, an account, or an ARN of RAM or STS")
    account = account_of_aliyun(number)
    kind, _, name = path.partition("/")
    if service == "ram" and path == "root":
        return PrincipalPattern("account", account)
    if service == "ram" and kind in ("user", "role") and name and not _WILD.search(name):
        return PrincipalPattern(kind, account, name)
    if service in ("sts", "ram") and kind == "assumed-role" and name.count("/") == 1:
        role, _, session = name.partition("/")
        if not _WILD.search(role) and session == "*":
            return PrincipalPattern("role", account, role)
        if not _WILD.search(name):
            return PrincipalPattern("session", account, name)
    raise ValueError("this ARN is of nobody")


def federated(text: str) -> PrincipalPattern:
    """Whom one entry of {"Federated": …} names: a provider. Raises ValueError."""
    found = re.fullmatch(r"acs:ram::([0-9]{12}|[0-9]{16}):((?:oidc|saml)-provider)/([^*?$:]{1,255})", text)
    if found is None:
        raise ValueError("a provider is an ARN of RAM: acs:ram::account:oidc-provider/name")
    name = found[3] if found[2] == "oidc-provider" else f"{found[2]}/{found[3]}"
    return PrincipalPattern("federated", account_of_aliyun(found[1]), name)


def principal_text(pattern: PrincipalPattern) -> tuple[str, str]:
    """The element ("RAM", "Service", "Federated") and the entry. Raises NoEqual."""
    account, name = aliyun_account(pattern.account), pattern.name
    provider = name if name.startswith("saml-provider/") else f"oidc-provider/{name}"
    entries = {
        "any": ("RAM", "*"),
        "account": ("RAM", f"acs:ram::{account}:root"),
        "user": ("RAM", f"acs:ram::{account}:user/{name}"),
        "role": ("RAM", f"acs:ram::{account}:role/{name}"),
        "session": ("RAM", f"acs:sts::{account}:assumed-role/{name}"),
        "service": ("Service", name),
        "federated": ("Federated", f"acs:ram::{account}:{provider}"),
        "id": ("RAM", name),
    }
    foreign = (pattern.kind == "service" and not name.endswith("aliyuncs.com")) or (
        pattern.kind == "federated" and not account
    )
    if pattern.kind not in entries or foreign:
        raise NoEqual(f"the principal {name or pattern.kind}")
    return entries[pattern.kind]


def bucket_principal_text(pattern: PrincipalPattern) -> str:
    """An entry of a bucket policy's list, where OSS knows accounts by number and roles by their sessions. Raises
    NoEqual, for users too: OSS wants their numbers, which no policy of another language has."""
    account, name = aliyun_account(pattern.account), pattern.name
    entries = {
        "any": "*",
        "account": account,
        "id": name,
        "role": f"arn:sts::{account}:assumed-role/{name}/*",
        "session": f"arn:sts::{account}:assumed-role/{name}",
    }
    if pattern.kind not in entries:
        raise NoEqual(f"the {pattern.kind} {name} as a principal of a bucket")
    return entries[pattern.kind]
