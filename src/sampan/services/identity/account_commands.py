"""The commands on accounts: the operator's own, which no dialect offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sampan.services.identity.bases import IdentityCommand


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateAccount(IdentityCommand):
    """A new account with a root user. -> IssuedKey, its first access key."""

    action: ClassVar[str] = "identity:CreateAccount"
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateKey(IdentityCommand):
    """A new access key for an account's root. `expires_ms` makes it temporary, with a token. -> IssuedKey."""

    action: ClassVar[str] = "identity:CreateKey"
    account: str
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAccounts(IdentityCommand):
    """All accounts of this Sampan. -> tuple[Account, ...]."""

    action: ClassVar[str] = "identity:ListAccounts"
