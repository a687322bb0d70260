"""The values of identity: what commands carry and what they give back. Times are milliseconds since 1970 in UTC."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sampan.kernel.policy import Outcome

T = TypeVar("T")


class Language(enum.StrEnum):
    """The languages that policies are written in."""

    IAM = "iam"
    RAM = "ram"


class EntityKind(enum.StrEnum):
    """What can have policies."""

    USER = "user"
    GROUP = "group"
    ROLE = "role"


@dataclass(frozen=True, slots=True)
class EntityRef:
    """How commands name a user, group or role."""

    kind: EntityKind
    name: str


@dataclass(frozen=True, slots=True)
class Document:
    """A policy as its writer wrote it: the JSON text, and its language."""

    language: Language
    text: str

    @property
    def size(self) -> int:
        """How many characters count: all but white space."""
        return sum(map(len, self.text.split()))


@dataclass(frozen=True, slots=True)
class Account:
    """`number` has 12 digits. `name` is for people, and unique. `alias` is for sign-in addresses."""

    number: str
    name: str
    created_ms: int
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """The only time that a secret is shown."""

    account: str
    key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_ms: int | None = None
    user: str = ""
    created_ms: int = 0


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A lasting key, without its secret."""

    key_id: str
    user: str
    active: bool
    created_ms: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key, without its secret. `used_ms` None: never; else to the minute. `expired`: its time is over."""

    key_id: str
    user: str
    form: str
    active: bool
    created_ms: int
    expires_ms: int | None = None
    expired: bool = False
    scope: tuple[str, ...] = ()
    used_ms: int | None = None


@dataclass(frozen=True, slots=True)
class IssuedApiKey:
    """The only time that the secret is shown: `token` is all that a client needs."""

    key: ApiKey
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyUse:
    """`used_ms` None: never. `service` and `region` as the dialect named them."""

    user: str
    used_ms: int | None
    service: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """A user, group or role. `id` is made once and never used again: 16 characters of A-Z and 2-7, to which a dialect
    adds its own beginning (AIDA, AROA) or which it turns into digits."""

    kind: EntityKind
    name: str
    id: str
    account: str
    path: str
    created_ms: int
    updated_ms: int
    description: str = ""
    trust: Document | None = None
    session_s_max: int = 3600
    boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    note: Mapping[str, str] = field(default_factory=dict)
    service_linked: str = ""
    last_used_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`next` is the `after` of the next page, or None at the end."""

    items: tuple[T, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Members(Page[Entity]):
    """The users of a group, or the groups of a user, with the one that they are of."""

    of: Entity


class Own(enum.StrEnum):
    """What an account may let its users do for themselves."""

    PASSWORD = "password"  # noqa: S105 - what it is called
    ACCESS_KEYS = "access keys"
    DEVICES = "devices"


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """What an account's passwords must be. `days_max` 0: they do not age; `reuse` is how many earlier ones may not come
    back. `hard`: who let one grow too old cannot change it any more."""

    chars_min: int = 6
    lower: bool = False
    upper: bool = False
    digits: bool = False
    symbols: bool = False
    days_max: int = 0
    reuse: int = 0
    hard: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """An account's settings. `note` is what dialects want to read back."""

    passwords: PasswordPolicy | None
    own: frozenset[Own]
    note: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LoginProfile:
    """That a user has a password; `reset_required` at the next sign-in."""

    user: str
    created_ms: int
    reset_required: bool


@dataclass(frozen=True, slots=True)
class MfaDevice:
    """`seed` is Base32, and shown only when the device is made."""

    name: str
    user: str | None
    bound_ms: int | None
    seed: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """A managed policy. `cloud` is the cloud whose own it is, or "" for an account's. `document` is that of the default
    version, which CreatePolicy and GetPolicy tell."""

    policy: str
    name: str
    path: str
    id: str
    cloud: str
    language: Language
    default: int
    attachments: int
    created_ms: int
    updated_ms: int
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    boundaries: int = 0
    document: Document | None = None


@dataclass(frozen=True, slots=True)
class Provided:
    """A managed policy of a cloud's own, as that cloud's dialects provide it. Its id is the cloud, a colon, the path
    and the name: "aws:/AdministratorAccess"."""

    cloud: str
    path: str
    name: str
    document: Document
    description: str = ""

    @property
    def policy(self) -> str:
        return f"{self.cloud}:{self.path}{self.name}"


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One version of a managed policy; the default one is in force."""

    version: int
    document: Document
    default: bool
    created_ms: int


@dataclass(frozen=True, slots=True)
class PolicyDetails:
    """A managed policy with all its versions, newest first."""

    policy: Policy
    versions: tuple[PolicyVersion, ...]


@dataclass(frozen=True, slots=True)
class InstanceProfile:
    """What carries a role to a machine. `id` is as an entity's."""

    name: str
    path: str
    id: str
    created_ms: int
    role: Entity | None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EntityDetails:
    """An entity with all that it may: the policies of its own by name, the managed ones, a user's
    groups, and the instance profiles that carry a role."""

    entity: Entity
    inline: Mapping[str, Document]
    attached: tuple[Policy, ...]
    groups: tuple[str, ...] = ()
    profiles: tuple[InstanceProfile, ...] = ()


@dataclass(frozen=True, slots=True)
class UserCredentials:
    """What a user, or the root (`name` "root"), proves itself with. `password_ms` is when the password was set (None:
    there is none), `rotate_ms` when it will be too old. The keys are oldest first, each with its last use."""

    user: Entity
    password_ms: int | None
    rotate_ms: int | None
    mfa: bool
    keys: tuple[tuple[AccessKey, KeyUse], ...]


@dataclass(frozen=True, slots=True)
class CredentialReport:
    """What everybody of an account proves itself with at that time, the root first."""

    made_ms: int
    users: tuple[UserCredentials, ...]


@dataclass(frozen=True, slots=True)
class MatchedStatement:
    """A statement that decided. `kind` is that of its policy (identity, resource, boundary), `policy` its name: a
    managed one's id, "user/ann:own" for one of an entity's own, "input.1" and so on for what was given. `start` and
    `end` are line and column in its text, from 1; the end is just beyond."""

    kind: str
    policy: str
    start: tuple[int, int]
    end: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Simulated:
    """What policies say of one action on one resource. `missing` are condition keys, by core name, that had no value;
    `boundary` says whether the permission boundary lets it through, if there is one."""

    outcome: Outcome
    matched: tuple[MatchedStatement, ...] = ()
    missing: tuple[str, ...] = ()
    boundary: bool | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """A trusted issuer of OpenID Connect tokens. `keys` is its JWK set as JSON."""

    name: str
    url: str
    audiences: tuple[str, ...]
    thumbprints: tuple[str, ...]
    created_ms: int
    keys: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Session:
    """Temporary credentials. `role_id` and `role` are set if it is a role's; `subject` and so on if a token made it."""

    account: str
    key_id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    expires_ms: int = 0
    session: str = ""
    role: str | None = None
    role_id: str | None = None
    packed_percent: int = 0  # how much of the room for session policy and tags is used
    source_identity: str | None = None
    subject: str | None = None
    audience: str | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts and limits of the account, by core names: users, users_max, groups, ..., mfa_devices, root_mfa."""

    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class WhoAmI:
    """`kind`: root, user, role or federated. `name` is the user, or the role's; `session` its session; `path` a
    user's."""

    account: str
    kind: str
    name: str
    id: str
    session: str = ""
    path: str = "/"
