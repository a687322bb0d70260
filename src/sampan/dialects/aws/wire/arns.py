"""Amazon resource names of identities, both ways: arn:aws:iam::123456789012:role/team/builder."""

from __future__ import annotations

from dataclasses import dataclass

from sampan.kernel.fault import Fault, Kind

ACCOUNT_DIGITS = 12
CLOUDS = frozenset({"aws", "aliyun"})
"""Clouds whose own policies may be attached to an entity: each stands in an ARN in the place of an account."""


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


def parse(text: str, name: str, kind: str) -> Arn:
    """An ARN of IAM's that must be of a kind ("role"). `name` is the parameter's.

    Raises Fault(INVALID, "argument").
    """
    parts = text.split(":", 5)
    if len(parts) == 6 and parts[0] == "arn" and parts[1].startswith("aws") and parts[2] == "iam" and not parts[3]:
        found, slash, path = parts[5].partition("/")
        if found == kind and slash and path and parts[4]:
            return Arn("iam", parts[4], kind, f"/{path}")
    raise Fault(Kind.INVALID, "argument", f"ARN {text[:256]} is not valid.", name=name, value=text[:256])


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
