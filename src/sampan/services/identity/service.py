"""Identity: accounts, and the access keys that sign for them. One key pair works with every scheme of both clouds."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Protocol

from sampan.kernel.caller import Caller, Key
from sampan.kernel.command import Handlers
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import ACCOUNT_DIGITS
from sampan.kernel.ports import Chance, Clock, Store, Transaction
from sampan.kernel.remembered import Remembered
from sampan.services.identity import model, rows

ROOT = "root"
ROOT_ACCOUNT = "0" * ACCOUNT_DIGITS
"""The first account's number. Always the same, so that ARNs and URLs that hold it may be written down; and this one,
because tools for local clouds take it for granted."""

KEY_ID_CHARS_MAX = 128
NAME_CHARS_MAX = 64
CACHED_KEYS_MAX = 4096  # about 2 MB


class Sealer(Protocol):
    """Encrypts small secrets at rest. What is sealed for one row opens for no other."""

    def seal(self, secret: str, row: bytes, nonce: bytes) -> bytes:
        """`nonce`: 12 bytes, never used twice."""
        ...

    def open(self, sealed: bytes, row: bytes) -> str:
        """Raises ValueError if it was not sealed with this key for this row."""
        ...


class Identity:
    """The service, and the Keyring of all dialects."""

    def __init__(self, store: Store, clock: Clock, chance: Chance, sealer: Sealer) -> None:
        self._store = store
        self._clock = clock
        self._chance = chance
        self._sealer = sealer
        self._opened: dict[bytes, tuple[bytes, Key]] = {}
        self._keys = Remembered(store, self._read_key, CACHED_KEYS_MAX)
        self.handlers: Handlers = {
            model.CreateAccount: self.create_account,
            model.CreateKey: self.create_key,
            model.ListAccounts: self.list_accounts,
        }

    # --- commands -----------------------------------------------------------------------------------------------------

    async def create_account(self, caller: Caller, command: model.CreateAccount) -> model.IssuedKey:
        """Faults: EXISTS "account", INVALID "account"."""
        if not 1 <= len(command.name) <= NAME_CHARS_MAX or not command.name.isprintable():
            raise Fault(Kind.INVALID, "account", f"a name has 1 to {NAME_CHARS_MAX} printable characters")
        number, issued = self._new_number(), self._issue(None)

        def change(transaction: Transaction) -> None:
            if transaction.get(rows.name(command.name)) is not None:
                raise Fault(Kind.EXISTS, "account", f"there is an account named {command.name}")
            self._put_account(transaction, number, command.name)
            self._put_key(transaction, number, issued)

        await self._store.write(change)
        return model.IssuedKey(number, issued.key_id, issued.secret)

    async def create_key(self, caller: Caller, command: model.CreateKey) -> model.IssuedKey:
        """Faults: MISSING "account"."""
        issued = self._issue(command.expires_ms)

        def change(transaction: Transaction) -> None:
            if transaction.get(rows.account(command.account)) is None:
                raise Fault(Kind.MISSING, "account", f"there is no account {command.account}")
            self._put_key(transaction, command.account, issued)

        await self._store.write(change)
        return model.IssuedKey(command.account, issued.key_id, issued.secret, issued.token, issued.expires_ms)

    async def list_accounts(self, caller: Caller, command: model.ListAccounts) -> tuple[model.Account, ...]:
        """All, by number."""
        with self._store.view() as view:
            found = [rows.decode_account(value) for _, value in view.scan(*rows.ACCOUNTS)]
        return tuple(model.Account(row.number, row.name, row.created_ms) for row in found)

    # --- the start ----------------------------------------------------------------------------------------------------

    async def adopt_root(self, key_id: str, secret: str) -> None:
        """Make this the root's own key, instead of the one that was; make the root's account if there is none.

        Raises Fault(EXISTS, "key") if the id is another account's key.
        """

        def change(transaction: Transaction) -> None:
            if transaction.get(rows.account(ROOT_ACCOUNT)) is None:
                self._put_account(transaction, ROOT_ACCOUNT, ROOT)
            before = transaction.get(rows.ROOT_KEY)
            if before is not None and before != key_id.encode():
                transaction.delete(rows.key(before.decode()))
            have = transaction.get(rows.key(key_id))
            if have is not None and rows.decode_key(have).account != ROOT_ACCOUNT:
                raise Fault(Kind.EXISTS, "key", f"{key_id} belongs to another account")
            transaction.put(rows.ROOT_KEY, key_id.encode())
            self._put_key(transaction, ROOT_ACCOUNT, _Issued(key_id, secret))

        key = self.find(key_id)
        if key is not None and key.secret == secret and self._root_key_id() == key_id:
            return
        await self._store.write(change)

    def new_credentials(self) -> tuple[str, str]:
        """An access key's id and secret in the form that both clouds' tools accept; nobody's yet."""
        issued = self._issue(None)
        return issued.key_id, issued.secret

    def _root_key_id(self) -> str | None:
        with self._store.view() as view:
            raw = view.get(rows.ROOT_KEY)
        return raw.decode() if raw is not None else None

    # --- the keyring --------------------------------------------------------------------------------------------------

    def find(self, key_id: str) -> Key | None:
        """The access key of this id, as every change that was acknowledged left it, in whatever worker."""
        if len(key_id) > KEY_ID_CHARS_MAX or not key_id.isascii():
            return None
        return self._keys.find(rows.key(key_id))

    def _read_key(self, where: bytes, raw: bytes) -> Key:
        """The key of a row. Its secret is opened once, for as long as the row's bytes stay the same."""
        opened = self._opened.get(where)
        if opened is not None and opened[0] == raw:
            return opened[1]
        key = self._open(where, rows.decode_key(raw))
        if len(self._opened) >= CACHED_KEYS_MAX:
            self._opened.clear()
        self._opened[where] = (raw, key)
        return key

    def _open(self, where: bytes, row: rows.KeyRow) -> Key:
        key_id = rows.key_id(where)
        return Key(
            key_id=key_id,
            secret=self._sealer.open(row.secret, where),
            caller=Caller(account=row.account, principal=ROOT, key_id=key_id),
            active=row.active,
            token=self._sealer.open(row.token, where) if row.token else None,
            expires_ms=row.expires_ms,
        )

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _put_account(self, transaction: Transaction, number: str, name: str) -> None:
        row = rows.AccountRow(number, name, self._clock.now_ms())
        transaction.put(rows.account(number), rows.encode(row))
        transaction.put(rows.name(name), number.encode())

    def _put_key(self, transaction: Transaction, account: str, issued: _Issued) -> None:
        where = rows.key(issued.key_id)
        seal: Callable[[str], bytes] = lambda text: self._sealer.seal(text, where, self._chance.token(12))  # noqa: E731
        row = rows.KeyRow(
            account,
            seal(issued.secret),
            self._clock.now_ms(),
            token=seal(issued.token) if issued.token else b"",
            expires_ms=issued.expires_ms,
        )
        transaction.put(where, rows.encode(row))

    def _issue(self, expires_ms: int | None) -> _Issued:
        """AWS's form: 20 characters, AKIA for keys that last and ASIA for those that don't; 40 of secret."""
        name = base64.b32encode(self._chance.token(10)).decode()
        secret = base64.b64encode(self._chance.token(30)).decode()
        if expires_ms is None:
            return _Issued("AKIA" + name, secret)
        return _Issued("ASIA" + name, secret, base64.b64encode(self._chance.token(48)).decode(), expires_ms)

    def _new_number(self) -> str:
        """12 digits, the first not 0: the Alibaba form of it keeps its length, and it is never the root's."""
        span = 9 * 10 ** (ACCOUNT_DIGITS - 1)
        return str(10 ** (ACCOUNT_DIGITS - 1) + int.from_bytes(self._chance.token(16), "big") % span)


class _Issued:
    """A key just made, before it is sealed."""

    __slots__ = ("expires_ms", "key_id", "secret", "token")

    def __init__(self, key_id: str, secret: str, token: str | None = None, expires_ms: int | None = None) -> None:
        self.key_id = key_id
        self.secret = secret
        self.token = token
        self.expires_ms = expires_ms
