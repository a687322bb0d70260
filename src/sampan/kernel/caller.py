"""Who is calling."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller, or nobody (`ANONYMOUS`).

    `account` is the owner of what the caller creates: the account's 12-digit number, which AWS's dialects show as
    it is and Alibaba Cloud's as 16 digits (see `kernel.names`). `key_id` is the access key that signed; it is
    public and may be logged. `principal` is the name of who acts inside the account ("root" until identity grows).
    """

    account: str
    principal: str
    key_id: str

    @property
    def anonymous(self) -> bool:
        return self.account == ""


ANONYMOUS = Caller(account="", principal="anonymous", key_id="")


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


class Keyring(Protocol):
    """Finds access keys."""

    def find(self, key_id: str) -> Key | None: ...
