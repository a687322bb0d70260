"""The vocabulary of identity: commands in, values out. One set of users, roles, keys and policies for every dialect.

Everything belongs to the caller's account; names are unique in it, per kind, whatever their case. The values are in
`values`, and can all be had from here: this is what dialects import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from sampan.kernel.command import Command
from sampan.kernel.fault import Kind
from sampan.services.identity.values import AccessKey as AccessKey
from sampan.services.identity.values import Account as Account
from sampan.services.identity.values import Document as Document
from sampan.services.identity.values import Entity as Entity
from sampan.services.identity.values import EntityKind as EntityKind
from sampan.services.identity.values import EntityRef as EntityRef
from sampan.services.identity.values import IssuedKey as IssuedKey
from sampan.services.identity.values import KeyUse as KeyUse
from sampan.services.identity.values import Language as Language
from sampan.services.identity.values import LoginProfile as LoginProfile
from sampan.services.identity.values import MfaDevice as MfaDevice
from sampan.services.identity.values import Page as Page
from sampan.services.identity.values import Policy as Policy
from sampan.services.identity.values import PolicyVersion as PolicyVersion
from sampan.services.identity.values import Provider as Provider
from sampan.services.identity.values import Session as Session
from sampan.services.identity.values import Summary as Summary
from sampan.services.identity.values import WhoAmI as WhoAmI

FAULTS: frozenset[tuple[Kind, str]] = frozenset(
    {
        (Kind.EXISTS, "account"),
        (Kind.MISSING, "account"),
        (Kind.INVALID, "account"),
        (Kind.INVALID, "name"),  # of a user, group, role, policy ...; facts: name, what
        (Kind.MISSING, "user"),
        (Kind.MISSING, "group"),
        (Kind.MISSING, "role"),
        (Kind.MISSING, "policy"),
        (Kind.MISSING, "policy version"),
        (Kind.MISSING, "access key"),
        (Kind.MISSING, "login profile"),
        (Kind.MISSING, "mfa device"),
        (Kind.MISSING, "provider"),
        (Kind.MISSING, "alias"),
        (Kind.EXISTS, "user"),
        (Kind.EXISTS, "group"),
        (Kind.EXISTS, "role"),
        (Kind.EXISTS, "policy"),
        (Kind.EXISTS, "login profile"),
        (Kind.EXISTS, "mfa device"),
        (Kind.EXISTS, "provider"),
        (Kind.EXISTS, "alias"),
        (Kind.EXISTS, "key"),
        (Kind.CONFLICT, "user"),  # still has keys, policies, groups ...; facts: why
        (Kind.CONFLICT, "group"),
        (Kind.CONFLICT, "role"),
        (Kind.CONFLICT, "policy"),  # attached, or has versions
        (Kind.CONFLICT, "policy version"),  # is the default
        (Kind.INVALID, "policy document"),  # facts: where (a JSON pointer), language
        (Kind.TOO_LARGE, "policy document"),
        (Kind.TOO_MANY, "policy version"),
        (Kind.TOO_MANY, "access key"),
        (Kind.TOO_MANY, "attachment"),
        (Kind.TOO_MANY, "entity"),  # the account's limit of users, roles ...
        (Kind.TOO_MANY, "tags"),
        (Kind.INVALID, "tags"),
        (Kind.INVALID, "password"),
        (Kind.INVALID, "mfa code"),
        (Kind.INVALID, "duration"),  # of a session; facts: given, min, max
        (Kind.INVALID, "session name"),
        (Kind.INVALID, "identity token"),  # a JWT that cannot be verified; facts: why
        (Kind.EXPIRED, "identity token"),
        (Kind.DENIED, "assume role"),  # the trust policy does not allow it; facts: role
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityCommand(Command):
    """A command on something of the caller's account. The path that the guard asks about is the kind and the name."""

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, ""),)


# --- accounts: the operator's own -------------------------------------------------------------------------------------


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


# --- users, groups and roles ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityCommand(IdentityCommand):
    """A command on one user, group or role. `ref.name` "" stands for the calling user, where the APIs allow it."""

    ref: EntityRef

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((f"{self.action}{self.ref.kind.title()}", f"{self.ref.kind}/{self.ref.name}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateEntity(EntityCommand):
    """`trust` is a role's trust policy and must be given for a role alone; `note` what a dialect wants to read back
    (a display name, comments). -> Entity."""

    action: ClassVar[str] = "identity:Create"
    path: str = "/"
    description: str = ""
    trust: Document | None = None
    session_s_max: int = 3600
    boundary: str | None = None  # the policy's id
    tags: Mapping[str, str] = field(default_factory=dict)
    note: Mapping[str, str] = field(default_factory=dict)
    service_linked: str = ""  # the service that a service-linked role is for


@dataclass(frozen=True, slots=True, kw_only=True)
class GetEntity(EntityCommand):
    """-> Entity."""

    action: ClassVar[str] = "identity:Get"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateEntity(EntityCommand):
    """What is None stays. -> Entity."""

    action: ClassVar[str] = "identity:Update"
    new_name: str | None = None
    new_path: str | None = None
    description: str | None = None
    trust: Document | None = None
    session_s_max: int | None = None
    note: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteEntity(EntityCommand):
    """Must be empty (CONFLICT): no keys, policies, members, login profile. -> None."""

    action: ClassVar[str] = "identity:Delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntities(IdentityCommand):
    """By name, greater than `after`. -> Page[Entity]."""

    action: ClassVar[str] = "identity:List"
    kind: EntityKind
    path_prefix: str = "/"
    after: str = ""
    limit: int = 100

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((f"{self.action}{self.kind.title()}s", ""),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBoundary(EntityCommand):
    """The permission boundary of a user or a role; `policy` None takes it away. -> None."""

    action: ClassVar[str] = "identity:SetBoundary"
    policy: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TagEntity(EntityCommand):
    """Add or replace `tags`, and remove those named in `remove`. -> None."""

    action: ClassVar[str] = "identity:Tag"
    tags: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMember(IdentityCommand):
    """Put a user into a group, or take it out. Neither minds if it is so already. -> None."""

    action: ClassVar[str] = "identity:SetMember"
    group: str
    user: str
    member: bool

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"group/{self.group}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMembers(IdentityCommand):
    """The users of a group, or the groups of a user. -> Page[Entity]."""

    action: ClassVar[str] = "identity:ListMembers"
    of: EntityRef
    after: str = ""
    limit: int = 100

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"{self.of.kind}/{self.of.name}"),)


# --- access keys, passwords, second factors ---------------------------------------------------------------------------


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
class PutLoginProfile(UserCommand):
    """`create` True: there must be none; False: there must be one. `password` None keeps it. -> LoginProfile."""

    action: ClassVar[str] = "identity:PutLoginProfile"
    create: bool
    password: str | None = field(default=None, repr=False)
    reset_required: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLoginProfile(UserCommand):
    """-> LoginProfile."""

    action: ClassVar[str] = "identity:GetLoginProfile"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteLoginProfile(UserCommand):
    """-> None."""

    action: ClassVar[str] = "identity:DeleteLoginProfile"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateMfaDevice(IdentityCommand):
    """A virtual device with a new seed, nobody's yet. -> MfaDevice, with its seed, shown only now."""

    action: ClassVar[str] = "identity:CreateMfaDevice"
    name: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMfaDevices(IdentityCommand):
    """Of one user, or of the account (`user` None). -> tuple[MfaDevice, ...], without seeds."""

    action: ClassVar[str] = "identity:ListMfaDevices"
    user: str | None = None


# --- policies ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCommand(IdentityCommand):
    """A command on one managed policy. `policy` is its id: its path and name ("/team/readers", "/readers"); the
    clouds' own policies are "aws:/AdministratorAccess", "aliyun:/AliyunOSSFullAccess"."""

    policy: str

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"policy{self.policy}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePolicy(PolicyCommand):
    """The document is validated; INVALID "policy document" names the place. -> Policy."""

    action: ClassVar[str] = "identity:CreatePolicy"
    document: Document
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPolicy(PolicyCommand):
    """-> Policy."""

    action: ClassVar[str] = "identity:GetPolicy"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePolicy(PolicyCommand):
    """Attached to nothing. `versions` True removes its other versions too; else they must be gone. -> None."""

    action: ClassVar[str] = "identity:DeletePolicy"
    versions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPolicies(IdentityCommand):
    """`own` True: the account's; False: the clouds'; None: both. `cloud` keeps one cloud's. -> Page[Policy]."""

    action: ClassVar[str] = "identity:ListPolicies"
    own: bool | None = None
    cloud: str = ""
    attached_only: bool = False
    path_prefix: str = "/"
    after: str = ""
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TagPolicy(PolicyCommand):
    """-> None."""

    action: ClassVar[str] = "identity:TagPolicy"
    tags: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePolicyVersion(PolicyCommand):
    """At most five; `rotate` True drops the oldest that is not the default. -> PolicyVersion."""

    action: ClassVar[str] = "identity:CreatePolicyVersion"
    document: Document
    make_default: bool
    rotate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPolicyVersion(PolicyCommand):
    """`version` None: the default. -> PolicyVersion."""

    action: ClassVar[str] = "identity:GetPolicyVersion"
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPolicyVersions(PolicyCommand):
    """-> tuple[PolicyVersion, ...], newest first."""

    action: ClassVar[str] = "identity:ListPolicyVersions"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDefaultPolicyVersion(PolicyCommand):
    """-> None."""

    action: ClassVar[str] = "identity:SetDefaultPolicyVersion"
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePolicyVersion(PolicyCommand):
    """-> None."""

    action: ClassVar[str] = "identity:DeletePolicyVersion"
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachPolicy(EntityCommand):
    """Attach, or detach (`attached` False; MISSING "policy" if it was not). -> None."""

    action: ClassVar[str] = "identity:AttachPolicyTo"
    policy: str
    attached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAttached(EntityCommand):
    """The managed policies of an entity. -> Page[Policy]."""

    action: ClassVar[str] = "identity:ListPoliciesOf"
    path_prefix: str = "/"
    after: str = ""
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAttachments(PolicyCommand):
    """What a managed policy is attached to (as a boundary, if `boundary`). -> tuple[Entity, ...]."""

    action: ClassVar[str] = "identity:ListAttachments"
    boundary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PutInlinePolicy(EntityCommand):
    """`document` None deletes it (MISSING "policy" if there is none). -> None."""

    action: ClassVar[str] = "identity:PutPolicyOf"
    name: str
    document: Document | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetInlinePolicies(EntityCommand):
    """All by name, or the one called `name` (MISSING "policy"). -> Mapping[str, Document]."""

    action: ClassVar[str] = "identity:GetPoliciesOf"
    name: str | None = None


# --- the account ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAlias(IdentityCommand):
    """One for an account, unique among all. `alias` None removes it. -> None."""

    action: ClassVar[str] = "identity:SetAlias"
    alias: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAlias(IdentityCommand):
    """-> str | None. Whoever may see the account's summary may see this."""

    action: ClassVar[str] = "identity:GetSummary"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSummary(IdentityCommand):
    """-> Summary."""

    action: ClassVar[str] = "identity:GetSummary"


@dataclass(frozen=True, slots=True, kw_only=True)
class PutProvider(IdentityCommand):
    """An issuer of OpenID Connect tokens that is trusted. `keys` is its JWK set as JSON: Sampan asks nobody on the
    network unless the operator allows it. -> Provider."""

    action: ClassVar[str] = "identity:PutProvider"
    create: bool
    name: str
    url: str
    audiences: tuple[str, ...]
    thumbprints: tuple[str, ...] = ()
    keys: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetProviders(IdentityCommand):
    """All, or the one called `name`. -> tuple[Provider, ...]."""

    action: ClassVar[str] = "identity:GetProviders"
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteProvider(IdentityCommand):
    """-> None."""

    action: ClassVar[str] = "identity:DeleteProvider"
    name: str


# --- sessions ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumeRole(IdentityCommand):
    """Temporary credentials of a role, maybe of another account. Allowed if the role's trust policy names the caller
    (and, within one account, the caller's own policies do not forbid; across accounts they must allow it, too).
    -> Session."""

    action: ClassVar[str] = "identity:AssumeRole"
    account: str
    role: str
    session: str
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumeRoleWithToken(IdentityCommand):
    """The same for whoever holds a JSON Web Token of a trusted provider; the caller may be anonymous. -> Session."""

    action: ClassVar[str] = "identity:AssumeRoleWithToken"
    account: str
    role: str
    session: str
    token: str = field(repr=False)
    provider: str | None = None
    duration_s: int | None = None
    policy: Document | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCallerIdentity(IdentityCommand):
    """Allowed to everybody who can sign. -> WhoAmI."""

    action: ClassVar[str] = "identity:GetCallerIdentity"
