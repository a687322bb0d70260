"""The commands on the settings of an account: what its passwords must be, and what its users may do for themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from sampan.services.identity.bases import IdentityCommand
from sampan.services.identity.values import Own, PasswordPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPasswordPolicy(IdentityCommand):
    """-> Settings, its `passwords` None if the account has no such policy."""

    action: ClassVar[str] = "identity:GetPasswordPolicy"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPasswordPolicy(IdentityCommand):
    """`policy` None takes it away (MISSING "password policy"). `own` says whether users may change their own
    passwords; None leaves that. Passwords that there are stay good. -> Settings."""

    action: ClassVar[str] = "identity:SetPasswordPolicy"
    policy: PasswordPolicy | None
    own: bool | None = None
    note: Mapping[str, str] = field(default_factory=dict)

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action if self.policy is not None else "identity:DeletePasswordPolicy", ""),)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPreferences(IdentityCommand):
    """-> Settings."""

    action: ClassVar[str] = "identity:GetPreferences"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPreferences(IdentityCommand):
    """What users may do for themselves without any policy of theirs; what is not named stays. -> Settings."""

    action: ClassVar[str] = "identity:SetPreferences"
    own: Mapping[Own, bool] = field(default_factory=dict)
    note: Mapping[str, str] = field(default_factory=dict)
