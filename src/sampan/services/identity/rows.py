"""How identity lies in the Store: keys and rows.

Every key begins with `i`, for this service; the second letter says what it is. A "self" is the id of a user, group or
role, or for an account's root the account's number: what hangs on an entity stays where it is when it gets a new name,
and is gone for good when another is made under the old one. Names are kept in lower case in keys, as they are unique
whatever their case.

| key | row | what |
|---|---|---|
| `a` number | AccountRow | an account |
| `n` name | number | the account of that name |
| `s` alias | number | the account of that alias |
| `g` account | count | how often anything changed that bears on what callers may do |
| `e` account kind name | EntityRow | a user, group or role |
| `i` account id | kind name | where the entity of that id is |
| `m` account id id | empty | a user and a group that it is in; both ways round |
| `p` account name | PolicyRow | a managed policy |
| `v` account name 00 version | VersionRow | one of its versions |
| `t` account id policy | empty | a managed policy that is attached to an entity |
| `T` account policy 00 how id | empty | the same the other way round; `how` is `a`, or `b` for a boundary |
| `l` account id name | InlineRow | a policy of an entity's own |
| `k` key id | KeyRow | an access key, its secret sealed |
| `K` account self time key id | empty | the lasting keys of an entity, oldest first |
| `h` digest | ApiKeyRow | an API key, found by the SHA-256 of its secret |
| `y` key id | digest | the same by its id |
| `Y` account self time key id | empty | the API keys of an entity, oldest first |
| `u` key id, or role's id | UseRow | when it was used last |
| `x` time key id | empty | when a temporary key ends |
| `P` account | SettingsRow | the settings of an account |
| `r` | key id | the root's own key, which the data folder's credentials file names |
| `R` | key id | the root's own API key, from the same file |
| `w` account id | ProfileRow | a user's password |
| `d` account name | DeviceRow | a second factor |
| `f` account name | InstanceProfileRow | what carries a role to a machine |
| `o` account name | ProviderRow | an issuer of tokens |
"""

from __future__ import annotations

from typing import Any

import msgspec

from sampan.kernel.names import ACCOUNT_DIGITS
from sampan.services.identity.values import EntityKind, EntityRef, Language, Own, PasswordPolicy

ID_CHARS = 16
_KINDS = {EntityKind.USER: b"u", EntityKind.GROUP: b"g", EntityKind.ROLE: b"r"}
_OF_KIND = {letter: kind for kind, letter in _KINDS.items()}


class AccountRow(msgspec.Struct, array_like=True):
    number: str
    name: str
    created_ms: int
    alias: str | None = None


class DocumentRow(msgspec.Struct, array_like=True, frozen=True):
    language: Language
    text: str


class EntityRow(msgspec.Struct, array_like=True):
    kind: EntityKind
    name: str
    id: str
    path: str
    created_ms: int
    updated_ms: int
    description: str = ""
    trust: DocumentRow | None = None
    session_s_max: int = 3600
    boundary: str | None = None
    tags: dict[str, str] = {}
    note: dict[str, str] = {}
    service_linked: str = ""


class PolicyRow(msgspec.Struct, array_like=True):
    name: str
    path: str
    id: str
    language: Language
    default: int
    last: int
    created_ms: int
    updated_ms: int
    description: str
    tags: dict[str, str]


class VersionRow(msgspec.Struct, array_like=True):
    version: int
    document: DocumentRow
    created_ms: int


class InlineRow(msgspec.Struct, array_like=True):
    name: str
    document: DocumentRow


class SessionRow(msgspec.Struct, array_like=True, frozen=True):
    """What a temporary key was given beside its principal. `policies` are ids of managed ones. `limited`: without a
    session policy nothing is allowed (a federated user's)."""

    policy: DocumentRow | None = None
    policies: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    transitive: tuple[str, ...] = ()
    source_identity: str | None = None
    limited: bool = False


class KeyRow(msgspec.Struct, array_like=True):
    """`secret` and `token` are sealed; `token` is empty for a key that lasts. `id` is whose it is ("" for root); `kind`
    how it acts, and `session` under what name: a role's session, or a federated user."""

    account: str
    secret: bytes
    created_ms: int
    active: bool = True
    token: bytes = b""
    expires_ms: int | None = None
    kind: str = "root"
    id: str = ""
    name: str = ""
    session: str = ""
    mfa: bool = False
    given: SessionRow | None = None


class ApiKeyRow(msgspec.Struct, array_like=True):
    """`id` and `name` are whose it is, as in `KeyRow`."""

    key_id: str
    account: str
    form: str
    created_ms: int
    active: bool = True
    expires_ms: int | None = None
    kind: str = "root"
    id: str = ""
    name: str = ""
    scope: tuple[str, ...] = ()


class UseRow(msgspec.Struct, array_like=True):
    used_ms: int
    service: str
    region: str


class SecretRow(msgspec.Struct, array_like=True, frozen=True):
    """`digest` is scrypt's, of a password and `salt`, at cost `n`."""

    digest: bytes
    salt: bytes
    n: int


class ProfileRow(msgspec.Struct, array_like=True):
    """The password's digest as in `SecretRow`; `earlier` are those before it, newest first. `set_ms` 0: when the
    profile was made."""

    digest: bytes
    salt: bytes
    n: int
    created_ms: int
    reset_required: bool
    set_ms: int = 0
    earlier: tuple[SecretRow, ...] = ()


class SettingsRow(msgspec.Struct, array_like=True):
    passwords: PasswordPolicy | None = None
    own: tuple[Own, ...] = ()
    note: dict[str, str] = {}


class DeviceRow(msgspec.Struct, array_like=True):
    """`seed` is sealed. `step` is the last time step whose code was accepted: no code is good twice."""

    name: str
    seed: bytes
    user: str | None = None
    bound_ms: int | None = None
    step: int = 0


class InstanceProfileRow(msgspec.Struct, array_like=True):
    """`role_id` "": it carries none."""

    name: str
    path: str
    id: str
    created_ms: int
    role_id: str = ""
    tags: dict[str, str] = {}


class ProviderRow(msgspec.Struct, array_like=True):
    name: str
    url: str
    audiences: tuple[str, ...]
    thumbprints: tuple[str, ...]
    created_ms: int
    keys: str | None
    tags: dict[str, str] = {}


ROOT_KEY = b"ir"
ROOT_API_KEY = b"iR"
ACCOUNTS = (b"ia", b"ib")
"""Start and end of the rows of all accounts."""
ENDS = b"ix"
"""The beginning of the rows that say when temporary keys end."""

_encode = msgspec.msgpack.Encoder().encode
decode_account = msgspec.msgpack.Decoder(AccountRow).decode
decode_entity = msgspec.msgpack.Decoder(EntityRow).decode
decode_policy = msgspec.msgpack.Decoder(PolicyRow).decode
decode_version = msgspec.msgpack.Decoder(VersionRow).decode
decode_inline = msgspec.msgpack.Decoder(InlineRow).decode
decode_key = msgspec.msgpack.Decoder(KeyRow).decode
decode_api_key = msgspec.msgpack.Decoder(ApiKeyRow).decode
decode_use = msgspec.msgpack.Decoder(UseRow).decode
decode_profile = msgspec.msgpack.Decoder(ProfileRow).decode
decode_settings = msgspec.msgpack.Decoder(SettingsRow).decode
decode_device = msgspec.msgpack.Decoder(DeviceRow).decode
decode_instance_profile = msgspec.msgpack.Decoder(InstanceProfileRow).decode
decode_provider = msgspec.msgpack.Decoder(ProviderRow).decode


def encode(row: Any) -> bytes:
    """The bytes of any row of this file."""
    return _encode(row)


def after(prefix: bytes) -> bytes:
    """The end of the keys that begin with `prefix`: no key has FF in it."""
    return prefix + b"\xff"


def account(number: str) -> bytes:
    return b"ia" + number.encode()


def name(of: str) -> bytes:
    return b"in" + of.encode()


def alias(of: str) -> bytes:
    return b"is" + of.encode()


def generation(account: str) -> bytes:
    return b"ig" + account.encode()


def entities(account: str, kind: EntityKind) -> bytes:
    """The prefix of an account's users, groups or roles."""
    return b"ie" + account.encode() + _KINDS[kind]


def entity(account: str, ref: EntityRef) -> bytes:
    return entities(account, ref.kind) + ref.name.lower().encode()


def place(account: str, entity_id: str) -> bytes:
    return b"ii" + account.encode() + entity_id.encode()


def placed(ref: EntityRef) -> bytes:
    """The value of a `place`."""
    return _KINDS[ref.kind] + ref.name.lower().encode()


def ref_of(raw: bytes) -> EntityRef:
    """The inverse of `placed`."""
    return EntityRef(_OF_KIND[raw[:1]], raw[1:].decode())


def memberships(account: str, entity_id: str) -> bytes:
    """The prefix of a user's groups, or of a group's users."""
    return b"im" + account.encode() + entity_id.encode()


def membership(account: str, entity_id: str, other: str) -> bytes:
    return memberships(account, entity_id) + other.encode()


def policies(account: str) -> bytes:
    """The prefix of an account's own managed policies."""
    return b"ip" + account.encode()


def policy(account: str, policy_name: str) -> bytes:
    return policies(account) + policy_name.lower().encode()


def versions(account: str, policy_name: str) -> bytes:
    """The prefix of the versions of a policy."""
    return b"iv" + account.encode() + policy_name.lower().encode() + b"\0"


def version(account: str, policy_name: str, number: int) -> bytes:
    return versions(account, policy_name) + f"{number:08x}".encode()


def attached(account: str, entity_id: str, policy_id: str = "") -> bytes:
    """An attachment, or without a policy the prefix of all of an entity's."""
    return b"it" + account.encode() + entity_id.encode() + policy_id.encode()


def attachments(account: str, policy_id: str, how: str, entity_id: str = "") -> bytes:
    """The same by policy; `how` "a" for attached, "b" for a boundary."""
    return b"iT" + account.encode() + policy_id.lower().encode() + b"\0" + how.encode() + entity_id.encode()


def inline(account: str, entity_id: str, policy_name: str = "") -> bytes:
    """An entity's own policy, or without a name the prefix of all of them."""
    return b"il" + account.encode() + entity_id.encode() + policy_name.lower().encode()


def key(key_id: str) -> bytes:
    return b"ik" + key_id.encode()


def key_id(where: bytes) -> str:
    """The inverse of `key`."""
    return where[2:].decode()


def keys_of(account: str, self_id: str) -> bytes:
    """The prefix of the lasting keys of a user, or of the root (`self_id` "")."""
    return b"iK" + account.encode() + (self_id or account.rjust(ID_CHARS, "-")).encode()


def key_of(account: str, self_id: str, created_ms: int, key_id: str) -> bytes:
    return keys_of(account, self_id) + f"{created_ms:012x}".encode() + key_id.encode()


def key_id_of(where: bytes, prefix: bytes) -> str:
    """The key id at the end of a `key_of` that begins with `prefix`."""
    return where[len(prefix) + 12 :].decode()


def api_key(digest: str) -> bytes:
    """`digest` is the SHA-256 of the secret, in hexadecimal digits."""
    return b"ih" + digest.encode()


def api_key_place(key_id: str) -> bytes:
    return b"iy" + key_id.encode()


def api_keys_of(account: str, self_id: str | None) -> bytes:
    """The prefix of the API keys of a user or of the root (`self_id` ""), or of all of the account (None)."""
    whose = "" if self_id is None else (self_id or account.rjust(ID_CHARS, "-"))
    return b"iY" + account.encode() + whose.encode()


def api_key_of(row: ApiKeyRow) -> bytes:
    return api_keys_of(row.account, row.id) + f"{row.created_ms:012x}".encode() + row.key_id.encode()


def api_key_id_of(where: bytes) -> str:
    """The key id at the end of an `api_key_of`."""
    return where[len(b"iY") + ACCOUNT_DIGITS + ID_CHARS + 12 :].decode()


def use(key_id: str) -> bytes:
    return b"iu" + key_id.encode()


def end(expires_ms: int, key_id: str = "") -> bytes:
    return ENDS + f"{expires_ms:012x}".encode() + key_id.encode()


def key_id_of_end(where: bytes) -> str:
    """The key id at the end of an `end`."""
    return where[len(ENDS) + 12 :].decode()


def profile(account: str, user_id: str) -> bytes:
    return b"iw" + account.encode() + user_id.encode()


def settings(account: str) -> bytes:
    return b"iP" + account.encode()


def device(account: str, device_name: str = "") -> bytes:
    """A device, or without a name the prefix of an account's."""
    return b"id" + account.encode() + device_name.lower().encode()


def instance_profile(account: str, profile_name: str = "") -> bytes:
    """An instance profile, or without a name the prefix of an account's."""
    return b"if" + account.encode() + profile_name.lower().encode()


def provider(account: str, provider_name: str = "") -> bytes:
    """A provider, or without a name the prefix of an account's."""
    return b"io" + account.encode() + provider_name.lower().encode()
