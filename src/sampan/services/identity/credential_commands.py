"""The commands on what users prove themselves with: access keys, API keys, passwords and second factors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from sampan.services.identity.bases import IdentityCommand


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCommand(IdentityCommand):
    """A command on one user; `user` "" is the caller (the account's root has keys, too)."""

    user: str

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"user/{self.user}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateAccessKey(UserCommand):
    """At most two. `form` is "AKIA" or "LTAI", the beginning of its id; either works with both clouds. -> IssuedKey."""

    action: ClassVar[str] = "identity:CreateAccessKey"
    form: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAccessKeys(UserCommand):
    """-> tuple[AccessKey, ...], oldest first."""

    action: ClassVar[str] = "identity:ListAccessKeys"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAccessKey(UserCommand):
    """Activate or deactivate. -> None."""

    action: ClassVar[str] = "identity:SetAccessKey"
    key_id: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAccessKey(UserCommand):
    """-> None."""

    action: ClassVar[str] = "identity:DeleteAccessKey"
    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAccessKeyUse(IdentityCommand):
    """-> KeyUse."""

    action: ClassVar[str] = "identity:GetAccessKeyUse"
    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetKeyAccount(IdentityCommand):
    """Whose account a key is of, a temporary one too, and whichever account: it is no secret. -> str, the number."""

    action: ClassVar[str] = "identity:GetKeyAccount"
    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCredentials(IdentityCommand):
    """What everybody of the account proves itself with. -> CredentialReport."""

    action: ClassVar[str] = "identity:ReportCredentials"


# --- API keys ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApiKey(UserCommand):
    """A secret that is sent with each request, for the doors that know no signatures (RFC 6750).

    `form` is "sk-" or "ABSK", the beginning of it; either works at every such door. `scope` names the services that it
    may be used for, () is all. `lasts_ms` None: until it is deleted. -> IssuedApiKey."""

    action: ClassVar[str] = "identity:CreateApiKey"
    form: str
    scope: tuple[str, ...] = ()
    lasts_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListApiKeys(IdentityCommand):
    """Of one user ("" is the caller), or of the account (`user` None). -> tuple[ApiKey, ...], oldest first."""

    action: ClassVar[str] = "identity:ListApiKeys"
    user: str | None

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, "user/*" if self.user is None else f"user/{self.user}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateApiKey(UserCommand):
    """Activate or deactivate. -> None."""

    action: ClassVar[str] = "identity:UpdateApiKey"
    key_id: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetApiKey(UserCommand):
    """A new secret under the same id, at once; the old one is good no more. -> IssuedApiKey."""

    action: ClassVar[str] = "identity:ResetApiKey"
    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteApiKey(UserCommand):
    """-> None."""

    action: ClassVar[str] = "identity:DeleteApiKey"
    key_id: str


# --- passwords and second factors -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PutLoginProfile(UserCommand):
    """`create` True: there must be none; False: there must be one. `password` None keeps it. -> LoginProfile."""

    action: ClassVar[str] = "identity:PutLoginProfile"
    create: bool
    password: str | None = field(default=None, repr=False)
    reset_required: bool | None = None

    def touches(self) -> tuple[tuple[str, str], ...]:
        return (("identity:CreateLoginProfile" if self.create else "identity:UpdateLoginProfile", f"user/{self.user}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLoginProfile(UserCommand):
    """-> LoginProfile."""

    action: ClassVar[str] = "identity:GetLoginProfile"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteLoginProfile(UserCommand):
    """-> None."""

    action: ClassVar[str] = "identity:DeleteLoginProfile"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePassword(IdentityCommand):
    """The caller's own, who shows the old one. -> None."""

    action: ClassVar[str] = "identity:ChangePassword"
    old: str = field(repr=False)
    new: str = field(repr=False)

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, "user/"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateMfaDevice(IdentityCommand):
    """A virtual device with a new seed, nobody's yet. -> MfaDevice, with its seed, shown only now."""

    action: ClassVar[str] = "identity:CreateMfaDevice"
    name: str

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"mfa/{self.name}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class BindMfaDevice(UserCommand):
    """Give a device to a user, who proves it by two consecutive codes (RFC 6238). -> None."""

    action: ClassVar[str] = "identity:BindMfaDevice"
    name: str
    codes: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnbindMfaDevice(UserCommand):
    """`name` "" is whichever the user has. -> None."""

    action: ClassVar[str] = "identity:UnbindMfaDevice"
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteMfaDevice(IdentityCommand):
    """-> None."""

    action: ClassVar[str] = "identity:DeleteMfaDevice"
    name: str

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"mfa/{self.name}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMfaDevices(IdentityCommand):
    """Of one user, or of the account (`user` None). -> tuple[MfaDevice, ...], without seeds."""

    action: ClassVar[str] = "identity:ListMfaDevices"
    user: str | None = None

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, "mfa/*" if self.user is None else f"user/{self.user}"),)
