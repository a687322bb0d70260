"""The vocabulary of identity: commands in, values out. One set of users, roles, keys and policies for every dialect.

Everything belongs to the caller's account; names are unique in it, per kind, whatever their case. The values are in
`values`, the operator's commands in `account_commands`, those on credentials in `credential_commands` and
`session_commands`, and all can be had from here: this is what dialects import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from sampan.kernel.command import Command as Command
from sampan.kernel.fault import Kind
from sampan.services.identity.account_commands import CreateAccount as CreateAccount
from sampan.services.identity.account_commands import CreateKey as CreateKey
from sampan.services.identity.account_commands import ListAccounts as ListAccounts
from sampan.services.identity.bases import IdentityCommand as IdentityCommand
from sampan.services.identity.bases import asked_tags as asked_tags
from sampan.services.identity.credential_commands import BindMfaDevice as BindMfaDevice
from sampan.services.identity.credential_commands import ChangePassword as ChangePassword
from sampan.services.identity.credential_commands import CreateAccessKey as CreateAccessKey
from sampan.services.identity.credential_commands import CreateApiKey as CreateApiKey
from sampan.services.identity.credential_commands import CreateMfaDevice as CreateMfaDevice
from sampan.services.identity.credential_commands import DeleteAccessKey as DeleteAccessKey
from sampan.services.identity.credential_commands import DeleteApiKey as DeleteApiKey
from sampan.services.identity.credential_commands import DeleteLoginProfile as DeleteLoginProfile
from sampan.services.identity.credential_commands import DeleteMfaDevice as DeleteMfaDevice
from sampan.services.identity.credential_commands import GetAccessKeyUse as GetAccessKeyUse
from sampan.services.identity.credential_commands import GetKeyAccount as GetKeyAccount
from sampan.services.identity.credential_commands import GetLoginProfile as GetLoginProfile
from sampan.services.identity.credential_commands import ListAccessKeys as ListAccessKeys
from sampan.services.identity.credential_commands import ListApiKeys as ListApiKeys
from sampan.services.identity.credential_commands import ListMfaDevices as ListMfaDevices
from sampan.services.identity.credential_commands import PutLoginProfile as PutLoginProfile
from sampan.services.identity.credential_commands import ReportCredentials as ReportCredentials
from sampan.services.identity.credential_commands import ResetApiKey as ResetApiKey
from sampan.services.identity.credential_commands import SetAccessKey as SetAccessKey
from sampan.services.identity.credential_commands import UnbindMfaDevice as UnbindMfaDevice
from sampan.services.identity.credential_commands import UpdateApiKey as UpdateApiKey
from sampan.services.identity.credential_commands import UserCommand as UserCommand
from sampan.services.identity.instance_commands import CreateInstanceProfile as CreateInstanceProfile
from sampan.services.identity.instance_commands import DeleteInstanceProfile as DeleteInstanceProfile
from sampan.services.identity.instance_commands import GetInstanceProfile as GetInstanceProfile
from sampan.services.identity.instance_commands import ListInstanceProfiles as ListInstanceProfiles
from sampan.services.identity.instance_commands import SetInstanceRole as SetInstanceRole
from sampan.services.identity.instance_commands import TagInstanceProfile as TagInstanceProfile
from sampan.services.identity.session_commands import AssumeRole as AssumeRole
from sampan.services.identity.session_commands import AssumeRoleWithToken as AssumeRoleWithToken
from sampan.services.identity.session_commands import DecodeDenial as DecodeDenial
from sampan.services.identity.session_commands import GetCallerIdentity as GetCallerIdentity
from sampan.services.identity.session_commands import GetFederationToken as GetFederationToken
from sampan.services.identity.session_commands import GetSessionToken as GetSessionToken
from sampan.services.identity.settings_commands import GetPasswordPolicy as GetPasswordPolicy
from sampan.services.identity.settings_commands import GetPreferences as GetPreferences
from sampan.services.identity.settings_commands import SetPasswordPolicy as SetPasswordPolicy
from sampan.services.identity.settings_commands import SetPreferences as SetPreferences
from sampan.services.identity.simulation_commands import GetContextKeys as GetContextKeys
from sampan.services.identity.simulation_commands import SimulatePolicies as SimulatePolicies
from sampan.services.identity.values import AccessKey as AccessKey
from sampan.services.identity.values import Account as Account
from sampan.services.identity.values import ApiKey as ApiKey
from sampan.services.identity.values import CredentialReport as CredentialReport
from sampan.services.identity.values import Document as Document
from sampan.services.identity.values import Entity as Entity
from sampan.services.identity.values import EntityDetails as EntityDetails
from sampan.services.identity.values import EntityKind as EntityKind
from sampan.services.identity.values import EntityRef as EntityRef
from sampan.services.identity.values import InstanceProfile as InstanceProfile
from sampan.services.identity.values import IssuedApiKey as IssuedApiKey
from sampan.services.identity.values import IssuedKey as IssuedKey
from sampan.services.identity.values import KeyUse as KeyUse
from sampan.services.identity.values import Language as Language
from sampan.services.identity.values import LoginProfile as LoginProfile
from sampan.services.identity.values import MatchedStatement as MatchedStatement
from sampan.services.identity.values import Members as Members
from sampan.services.identity.values import MfaDevice as MfaDevice
from sampan.services.identity.values import Own as Own
from sampan.services.identity.values import Page as Page
from sampan.services.identity.values import PasswordPolicy as PasswordPolicy
from sampan.services.identity.values import Policy as Policy
from sampan.services.identity.values import PolicyDetails as PolicyDetails
from sampan.services.identity.values import PolicyVersion as PolicyVersion
from sampan.services.identity.values import Provided as Provided
from sampan.services.identity.values import Provider as Provider
from sampan.services.identity.values import Session as Session
from sampan.services.identity.values import Settings as Settings
from sampan.services.identity.values import Simulated as Simulated
from sampan.services.identity.values import Summary as Summary
from sampan.services.identity.values import UserCredentials as UserCredentials
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
        (Kind.MISSING, "api key"),
        (Kind.MISSING, "login profile"),
        (Kind.MISSING, "mfa device"),
        (Kind.MISSING, "provider"),
        (Kind.MISSING, "instance profile"),
        (Kind.EXISTS, "instance profile"),
        (Kind.CONFLICT, "instance profile"),  # it carries a role
        (Kind.TOO_MANY, "instance role"),
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
        (Kind.TOO_MANY, "api key"),
        (Kind.TOO_MANY, "attachment"),
        (Kind.TOO_MANY, "entity"),  # the account's limit of users, roles ...
        (Kind.TOO_MANY, "tags"),
        (Kind.INVALID, "tags"),
        (Kind.INVALID, "simulation"),  # what cannot be asked, or no policy
        (Kind.INVALID, "password"),
        (Kind.DENIED, "password"),  # the old one is another, or too old to be changed
        (Kind.INVALID, "password policy"),
        (Kind.MISSING, "password policy"),
        (Kind.INVALID, "caller"),  # the root, or a session, where only a user can be meant
        (Kind.INVALID, "mfa code"),
        (Kind.INVALID, "duration"),  # of a session; facts: given, min, max
        (Kind.INVALID, "session name"),
        (Kind.INVALID, "identity token"),  # a JWT that cannot be verified; facts: why
        (Kind.EXPIRED, "identity token"),
        (Kind.INVALID, "denial"),  # a sealed message that is none, or another account's
        (Kind.DENIED, "assume role"),  # the trust policy does not allow it; facts: role
    }
)


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

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_tags(self.tags)


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

    def touches(self) -> tuple[tuple[str, str], ...]:
        # Who may assume a role is a permission of its own.
        trust = (
            ()
            if self.trust is None
            else ((f"identity:SetTrust{self.ref.kind.title()}", f"{self.ref.kind}/{self.ref.name}"),)
        )
        rest = (self.new_name, self.new_path, self.description, self.session_s_max, self.note)
        return trust if trust and all(value is None for value in rest) else (*EntityCommand.touches(self), *trust)


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
        return ((f"{self.action}{self.kind.title()}s", f"{self.kind}/*"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBoundary(EntityCommand):
    """The permission boundary of a user or a role; `policy` None takes it away. -> None."""

    action: ClassVar[str] = "identity:SetBoundary"
    policy: str | None

    def touches(self) -> tuple[tuple[str, str], ...]:
        action = self.action if self.policy is not None else "identity:RemoveBoundary"
        return ((f"{action}{self.ref.kind.title()}", f"{self.ref.kind}/{self.ref.name}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagEntity(EntityCommand):
    """Add or replace `tags`, and remove those named in `remove`. -> None."""

    action: ClassVar[str] = "identity:Tag"
    tags: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_tags(self.tags, self.remove)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMember(IdentityCommand):
    """Put a user into a group, or take it out. Neither minds if it is so already. -> None."""

    action: ClassVar[str] = "identity:SetMember"
    group: str
    user: str
    member: bool

    def touches(self) -> tuple[tuple[str, str], ...]:
        action = "identity:AddMember" if self.member else "identity:RemoveMember"
        return ((action, f"group/{self.group}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMembers(IdentityCommand):
    """The users of a group, or the groups of a user. -> Members."""

    action: ClassVar[str] = "identity:ListMembers"
    of: EntityRef
    after: str = ""
    limit: int = 100

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((f"{self.action}Of{self.of.kind.title()}", f"{self.of.kind}/{self.of.name}"),)


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

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_tags(self.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPolicy(PolicyCommand):
    """-> Policy."""

    action: ClassVar[str] = "identity:GetPolicy"


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribePolicy(PolicyCommand):
    """-> Policy."""

    action: ClassVar[str] = "identity:DescribePolicy"
    description: str


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

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, "policy/*"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagPolicy(PolicyCommand):
    """-> None."""

    action: ClassVar[str] = "identity:TagPolicy"
    tags: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_tags(self.tags, self.remove)


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

    def touches(self) -> tuple[tuple[str, str], ...]:
        action = self.action if self.attached else "identity:DetachPolicyFrom"
        return ((f"{action}{self.ref.kind.title()}", f"{self.ref.kind}/{self.ref.name}"),)


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

    def touches(self) -> tuple[tuple[str, str], ...]:
        action = self.action if self.document is not None else "identity:DeletePolicyOf"
        return ((f"{action}{self.ref.kind.title()}", f"{self.ref.kind}/{self.ref.name}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetInlinePolicies(EntityCommand):
    """All by name, or the one called `name` (MISSING "policy"). -> Mapping[str, Document]."""

    action: ClassVar[str] = "identity:GetPoliciesOf"
    name: str | None = None

    def touches(self) -> tuple[tuple[str, str], ...]:
        action = "identity:GetPolicyOf" if self.name is not None else "identity:ListInlinePoliciesOf"
        return ((f"{action}{self.ref.kind.title()}", f"{self.ref.kind}/{self.ref.name}"),)


# --- the account ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAlias(IdentityCommand):
    """One for an account, unique among all. `alias` None removes it. -> None."""

    action: ClassVar[str] = "identity:SetAlias"
    alias: str | None

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action if self.alias is not None else "identity:RemoveAlias", ""),)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAlias(IdentityCommand):
    """-> str | None. Whoever may see the account's summary may see this."""

    action: ClassVar[str] = "identity:GetAlias"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDetails(IdentityCommand):
    """All of some kinds of entities, and with `own` the account's managed policies, with `clouds` those of the clouds
    that are attached to something: users, groups, roles, then policies, each by name, greater than `after`.
    -> Page[EntityDetails | PolicyDetails]."""

    action: ClassVar[str] = "identity:GetDetails"
    kinds: frozenset[EntityKind] = frozenset(EntityKind)
    own: bool = True
    clouds: bool = True
    after: str = ""
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSummary(IdentityCommand):
    """-> Summary."""

    action: ClassVar[str] = "identity:GetSummary"


@dataclass(frozen=True, slots=True, kw_only=True)
class PutProvider(IdentityCommand):
    """An issuer of OpenID Connect tokens that is trusted. `keys` is its JWK set as JSON: Sampan asks nobody on the
    network unless the operator allows it. One that was there keeps its tags. -> Provider."""

    action: ClassVar[str] = "identity:PutProvider"
    create: bool
    name: str
    url: str
    audiences: tuple[str, ...]
    thumbprints: tuple[str, ...] = ()
    keys: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def touches(self) -> tuple[tuple[str, str], ...]:
        return (("identity:CreateProvider" if self.create else "identity:UpdateProvider", f"provider/{self.name}"),)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_tags(self.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateProvider(IdentityCommand):
    """Add and remove audiences, neither of which minds if it is so already; what is None stays. -> Provider."""

    action: ClassVar[str] = "identity:UpdateProvider"
    name: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    thumbprints: tuple[str, ...] | None = None
    keys: str | None = None

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"provider/{self.name}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagProvider(IdentityCommand):
    """Add or replace `tags`, and remove those named in `remove`. -> None."""

    action: ClassVar[str] = "identity:TagProvider"
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"provider/{self.name}"),)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_tags(self.tags, self.remove)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetProviders(IdentityCommand):
    """All, or the one called `name`. -> tuple[Provider, ...]."""

    action: ClassVar[str] = "identity:GetProviders"
    name: str | None = None

    def touches(self) -> tuple[tuple[str, str], ...]:
        action = "identity:ListProviders" if self.name is None else "identity:GetProvider"
        return ((action, f"provider/{self.name or '*'}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteProvider(IdentityCommand):
    """-> None."""

    action: ClassVar[str] = "identity:DeleteProvider"
    name: str

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"provider/{self.name}"),)
