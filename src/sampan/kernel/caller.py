"""Who is calling."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from sampan.kernel.fault import Fault, Kind


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller, or nobody (`ANONYMOUS`).

    `account` is the owner of what the caller creates: the account's 12-digit number, which AWS's dialects show as
    it is and Alibaba Cloud's as 16 digits (see `kernel.names`). `key_id` is the access key that signed; it is
    public and may be logged.

    `kind` is "root", "user", "role", "federated" or "anonymous", and `principal` the name of who acts inside the
    account: "root", the user's, the role's, or that of the federated user. `id` is never used again for another of the
    same name ("" for root); `session` the name of a role's session. `issued_ms` is set for temporary credentials, and
    `mfa` says whether they were got with a second factor. `scope` names the services that it may call, whatever its
    policies say; () is all.
    """

    account: str
    principal: str
    key_id: str
    kind: str = "root"
    id: str = ""
    session: str = ""
    issued_ms: int | None = None
    mfa: bool = False
    scope: tuple[str, ...] = ()

    @property
    def anonymous(self) -> bool:
        return self.account == ""


ANONYMOUS = Caller(account="", principal="anonymous", key_id="", kind="anonymous")


@dataclass(frozen=True, slots=True)
class Key:
    """An access key with what is needed to verify what it signed. `repr` never shows the secret.

    `token` is set for temporary credentials: the request must carry exactly this session token, and is refused after
    `expires_ms`. A long-term key has neither, and a request that carries a token with it is refused.
    """

    key_id: str
    secret: str = field(repr=False)
    caller: Caller
    active: bool = True
    token: str | None = field(default=None, repr=False)
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key, whose whole secret was shown by who calls: there is nothing left to verify but that it may be used.
    `expires_ms` None: it lasts."""

    key_id: str
    caller: Caller
    active: bool = True
    expires_ms: int | None = None


class Keyring(Protocol):
    """Finds keys: those that sign by their ids, and those that are sent along by what is sent."""

    def find(self, key_id: str) -> Key | None: ...

    def bearer(self, token: str) -> ApiKey | None: ...


def bearer(keys: Keyring, token: str, now_ms: int) -> Caller:
    """Who sends an API key. Raises Fault(MISSING | CONFLICT, "key") or Fault(EXPIRED, "token"); never tells it."""
    key = keys.bearer(token)
    if key is None:
        raise Fault(Kind.MISSING, "key", key_id="")
    if not key.active:
        raise Fault(Kind.CONFLICT, "key", key_id=key.key_id)
    if key.expires_ms is not None and now_ms >= key.expires_ms:
        raise Fault(Kind.EXPIRED, "token", key_id=key.key_id)
    return key.caller
