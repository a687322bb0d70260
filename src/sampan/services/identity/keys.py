"""Access keys: how they are made, kept and found. One key pair works with every scheme of both clouds."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from sampan.kernel.caller import Caller, Key
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction, View
from sampan.kernel.remembered import Remembered
from sampan.services.identity import rows
from sampan.services.identity.context import ROOT, Context, count, entity_of_id, find_entity
from sampan.services.identity.model import (
    CreateAccessKey,
    DeleteAccessKey,
    GetAccessKeyUse,
    GetKeyAccount,
    ListAccessKeys,
    SetAccessKey,
    UserCommand,
)
from sampan.services.identity.values import AccessKey, EntityKind, EntityRef, IssuedKey, KeyUse

COUNT_MAX = 2  # of one user: both clouds
KEY_ID_CHARS_MAX = 128
CACHED_KEYS_MAX = 4096  # about 2 MB
ENDED_KEPT_MS = 24 * 3600 * 1000  # so that a client hears "expired", and not "unknown"
SWEEP_MAX = 8  # ended keys removed whenever one is made: more than come
USE_STEP_MS = 60_000  # how exact the last use is: AWS's is known to the quarter of an hour


@dataclass(frozen=True, slots=True)
class Issued:
    """A key just made, before it is sealed."""

    key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a key is, in the words of `rows.KeyRow`."""

    kind: str = "root"
    id: str = ""
    name: str = ""
    session: str = ""
    mfa: bool = False
    given: rows.SessionRow | None = None


ROOT_HOLDER = Holder()


def issue(context: Context, form: str, expires_ms: int | None = None) -> Issued:
    """A new key whose id begins with `form` and has 20 characters as AWS's do; 40 of secret; a token if it ends."""
    key_id = form + base64.b32encode(context.chance.token(10)).decode()
    secret = base64.b64encode(context.chance.token(30)).decode()
    if expires_ms is None:
        return Issued(key_id, secret)
    return Issued(key_id, secret, base64.b64encode(context.chance.token(48)).decode(), expires_ms)


def put(tx: Transaction, context: Context, account: str, issued: Issued, holder: Holder = ROOT_HOLDER) -> None:
    """Keep a key, its secrets sealed. A temporary one takes the place of some that ended long ago."""
    where, now_ms = rows.key(issued.key_id), context.clock.now_ms()
    row = rows.KeyRow(
        account,
        context.seal(issued.secret, where),
        now_ms,
        token=context.seal(issued.token, where) if issued.token else b"",
        expires_ms=issued.expires_ms,
        kind=holder.kind,
        id=holder.id,
        name=holder.name,
        session=holder.session,
        mfa=holder.mfa,
        given=holder.given,
    )
    tx.put(where, rows.encode(row))
    if issued.expires_ms is None:
        tx.put(rows.key_of(account, holder.id, now_ms, issued.key_id), b"")
    else:
        _sweep(tx, now_ms)
        tx.put(rows.end(max(0, issued.expires_ms), issued.key_id), b"")


def remove(tx: Transaction, key_id: str) -> None:
    """Forget a key. Fine if there is none."""
    raw = tx.get(rows.key(key_id))
    if raw is None:
        return
    row = rows.decode_key(raw)
    tx.delete(rows.key(key_id))
    tx.delete(rows.use(key_id))
    if row.expires_ms is None:
        tx.delete(rows.key_of(row.account, row.id, row.created_ms, key_id))
    else:
        tx.delete(rows.end(max(0, row.expires_ms), key_id))


def _sweep(tx: Transaction, now_ms: int) -> None:
    ended: list[str] = []
    for key, _ in tx.scan(rows.ENDS, rows.end(max(0, now_ms - ENDED_KEPT_MS))):
        if len(ended) == SWEEP_MAX:
            break
        ended.append(rows.key_id_of_end(key))
    for key_id in ended:
        remove(tx, key_id)


# --- commands ---------------------------------------------------------------------------------------------------------


async def create_access_key(context: Context, caller: Caller, command: CreateAccessKey) -> IssuedKey:
    """Faults: MISSING "user", TOO_MANY "access key"."""
    account, now_ms = caller.account, context.clock.now_ms()
    # Alibaba Cloud's ids have 24 characters, where AWS's have 20.
    form = "AKIA" if command.form == "AKIA" else "LTAI" + "5t" + base64.b32encode(context.chance.token(2)).decode()[:2]
    issued = issue(context, form)

    def change(tx: Transaction) -> IssuedKey:
        name, self_id = holder_of(tx, caller, command.user)
        if count(tx, rows.keys_of(account, self_id)) >= COUNT_MAX:
            raise Fault(Kind.TOO_MANY, "access key", f"a user has at most {COUNT_MAX}", name=name, count_max=COUNT_MAX)
        holder = Holder(kind="user", id=self_id, name=name) if self_id else ROOT_HOLDER
        put(tx, context, account, issued, holder)
        return IssuedKey(account, issued.key_id, issued.secret, user=name, created_ms=now_ms)

    return await context.write(account, change)


async def list_access_keys(context: Context, caller: Caller, command: ListAccessKeys) -> tuple[AccessKey, ...]:
    account = caller.account
    with context.store.view() as view:
        name, self_id = holder_of(view, caller, command.user)
        prefix = rows.keys_of(account, self_id)
        ids = [rows.key_id_of(key, prefix) for key, _ in view.scan(prefix, rows.after(prefix))]
        found = [(key_id, rows.decode_key(raw)) for key_id in ids if (raw := view.get(rows.key(key_id))) is not None]
    return tuple(AccessKey(key_id, name, row.active, row.created_ms) for key_id, row in found)


async def set_access_key(context: Context, caller: Caller, command: SetAccessKey) -> None:
    def change(tx: Transaction) -> None:
        row = _own(tx, caller, command, command.key_id)
        row.active = command.active
        tx.put(rows.key(command.key_id), rows.encode(row))

    await context.write(caller.account, change)


async def delete_access_key(context: Context, caller: Caller, command: DeleteAccessKey) -> None:
    def change(tx: Transaction) -> None:
        _own(tx, caller, command, command.key_id)
        remove(tx, command.key_id)

    await context.write(caller.account, change)


async def get_access_key_use(context: Context, caller: Caller, command: GetAccessKeyUse) -> KeyUse:
    with context.store.view() as view:
        row = _lasting(view, caller.account, command.key_id)
        raw = view.get(rows.use(command.key_id))
        entity = entity_of_id(view, caller.account, row.id) if row.id else None
    name = entity.name if entity is not None else ROOT
    if raw is None:
        return KeyUse(name, None)
    use = rows.decode_use(raw)
    return KeyUse(name, use.used_ms, use.service, use.region)


async def get_key_account(context: Context, caller: Caller, command: GetKeyAccount) -> str:
    """Faults: MISSING "access key"."""
    shown = command.key_id[:KEY_ID_CHARS_MAX]
    raw = context.store.get(rows.key(shown)) if shown == command.key_id and shown.isascii() else None
    if raw is None:
        raise Fault(Kind.MISSING, "access key", f"there is no access key {shown}", key_id=shown)
    return rows.decode_key(raw).account


def holder_of(view: View, caller: Caller, user: str) -> tuple[str, str]:
    """The name and the id of a user, or of who calls (`user` ""). Raises MISSING "user"."""
    if user:
        found = find_entity(view, caller.account, EntityRef(EntityKind.USER, user))
        return found.name, found.id
    if caller.kind == "root":
        return ROOT, ""
    own = entity_of_id(view, caller.account, caller.id) if caller.kind == "user" else None
    if own is None:
        raise Fault(Kind.MISSING, "user", "the caller is no user, and must name one", name="")
    return own.name, own.id


def _lasting(view: View, account: str, key_id: str) -> rows.KeyRow:
    """A lasting key of the account. Raises MISSING "access key"."""
    raw = view.get(rows.key(key_id)) if len(key_id) <= KEY_ID_CHARS_MAX and key_id.isascii() else None
    row = rows.decode_key(raw) if raw is not None else None
    if row is None or row.account != account or row.expires_ms is not None:
        raise Fault(Kind.MISSING, "access key", f"there is no access key {key_id[:KEY_ID_CHARS_MAX]}", key_id=key_id)
    return row


def _own(view: View, caller: Caller, command: UserCommand, key_id: str) -> rows.KeyRow:
    """A lasting key of the user that a command names. Raises MISSING "user" | "access key"."""
    _, self_id = holder_of(view, caller, command.user)
    row = _lasting(view, caller.account, key_id)
    if row.id != self_id:
        raise Fault(Kind.MISSING, "access key", f"the user has no access key {key_id}", key_id=key_id)
    return row


# --- the keyring ------------------------------------------------------------------------------------------------------


class Keys:
    """The Keyring of all dialects, for use in one thread, and the notes of when keys were used."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._opened: dict[bytes, tuple[bytes, Key]] = {}
        self._keys = Remembered(context.store, self._read, CACHED_KEYS_MAX)
        self._used: dict[str, tuple[tuple[bytes, ...], rows.UseRow]] = {}
        self._noted: dict[str, int] = {}

    def find(self, key_id: str) -> Key | None:
        """The access key of this id, as every change that was acknowledged left it, in whatever worker."""
        if len(key_id) > KEY_ID_CHARS_MAX or not key_id.isascii():
            return None
        return self._keys.find(rows.key(key_id))

    def _read(self, where: bytes, raw: bytes) -> Key:
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
        key_id, opened = rows.key_id(where), self._context.sealer.open
        return Key(
            key_id=key_id,
            secret=opened(row.secret, where),
            caller=Caller(
                account=row.account,
                principal=row.name or ROOT,
                key_id=key_id,
                kind=row.kind,
                id=row.id,
                session=row.session,
                issued_ms=row.created_ms if row.expires_ms is not None else None,
                mfa=row.mfa,
            ),
            active=row.active,
            token=opened(row.token, where) if row.token else None,
            expires_ms=row.expires_ms,
        )

    # --- last use -----------------------------------------------------------------------------------------------------

    def used(self, caller: Caller, service: str, region: str = "") -> None:
        """Remember that a lasting key, or a role, was used now; written by `flush`, once a minute at most for each."""
        lasting = caller.issued_ms is None
        if not lasting and caller.kind != "role":
            return
        used, now_ms = caller.key_id if lasting else caller.id, self._context.clock.now_ms()
        if now_ms - self._noted.get(used, 0) < USE_STEP_MS:
            return
        if len(self._noted) >= CACHED_KEYS_MAX:
            self._noted.clear()
        self._noted[used] = now_ms
        # What is gone when it is written is not to be remembered.
        places = (rows.key(used), rows.api_key_place(used)) if lasting else (rows.place(caller.account, used),)
        self._used[used] = places, rows.UseRow(now_ms, service, region)

    async def flush(self) -> None:
        """Write the last uses that were not written yet."""
        found, self._used = self._used, {}

        def change(tx: Transaction) -> None:
            for used, (places, row) in found.items():
                if any(tx.get(place) is not None for place in places):
                    tx.put(rows.use(used), rows.encode(row))

        if found:
            await self._context.store.write(change)
