"""The commands for temporary credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from sampan.services.identity.bases import IdentityCommand, asked_tags
from sampan.services.identity.values import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumeRole(IdentityCommand):
    """Temporary credentials of a role, maybe of another account. `form` is "ASIA" or "STS.", the beginning of the key's
    id; either works at every door. Allowed if the role's trust policy names the caller
    (and, within one account, the caller's own policies do not forbid; across accounts they must allow it, too).
    -> Session."""

    action: ClassVar[str] = "identity:AssumeRole"
    account: str
    role: str
    session: str
    form: str = "ASIA"
    duration_s: int | None = None
    policy: Document | None = None
    policies: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive: tuple[str, ...] = ()
    external_id: str | None = None
    source_identity: str | None = None
    mfa_code: str | None = None

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"role/{self.role}"),)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        said = {"session-name": (self.session,)}
        if self.external_id is not None:
            said["external-id"] = (self.external_id,)
        if self.source_identity is not None:
            said["source-identity"] = (self.source_identity,)
        return {**asked_tags(self.tags), **said}


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumeRoleWithToken(IdentityCommand):
    """The same for whoever holds a JSON Web Token of a trusted provider; the caller may be anonymous. -> Session."""

    action: ClassVar[str] = "identity:AssumeRoleWithToken"
    account: str
    role: str
    session: str
    token: str = field(repr=False)
    provider: str | None = None
    form: str = "ASIA"
    duration_s: int | None = None
    policy: Document | None = None

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"role/{self.role}"),)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return {"session-name": (self.session,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSessionToken(IdentityCommand):
    """Temporary credentials of the caller itself. -> Session."""

    action: ClassVar[str] = "identity:GetSessionToken"
    duration_s: int | None = None
    mfa_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFederationToken(IdentityCommand):
    """Temporary credentials for somebody else, with at most what the caller and `policy` both allow. -> Session."""

    action: ClassVar[str] = "identity:GetFederationToken"
    name: str
    duration_s: int | None = None
    policy: Document | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_tags(self.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeDenial(IdentityCommand):
    """What the guard has told, sealed, to who was refused in this account. -> kernel.denial.Denial."""

    action: ClassVar[str] = "identity:DecodeDenial"
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCallerIdentity(IdentityCommand):
    """Allowed to everybody who can sign. -> WhoAmI."""

    action: ClassVar[str] = "identity:GetCallerIdentity"
