"""The vocabulary of identity, as far as the keel needs it: accounts, and access keys that sign for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from sampan.kernel.command import Command
from sampan.kernel.fault import Kind

FAULTS: frozenset[tuple[Kind, str]] = frozenset(
    {(Kind.EXISTS, "account"), (Kind.MISSING, "account"), (Kind.INVALID, "account"), (Kind.EXISTS, "key")}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateAccount(Command):
    """A new account with a root user. Its number is made up; its first access key is in the result."""

    action: ClassVar[str] = "identity:CreateAccount"
    name: str

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, ""),)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateKey(Command):
    """A new access key for an account's root. `expires_ms` makes it temporary: it then comes with a token."""

    action: ClassVar[str] = "identity:CreateKey"
    account: str
    expires_ms: int | None = None

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, ""),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAccounts(Command):
    """All accounts of this Sampan."""

    action: ClassVar[str] = "identity:ListAccounts"

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, ""),)


@dataclass(frozen=True, slots=True)
class Account:
    """`number` has 12 digits. `name` is for people, and unique."""

    number: str
    name: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """The only time that a secret is shown."""

    account: str
    key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_ms: int | None = None
