"""API keys: one secret that a client sends with each request (RFC 6750), for the doors that know no signatures.

Only its SHA-256 is kept, and it is found by that. The secret has 264 bits that nobody can guess, so a digest without
salt or stretching gives nothing away, and how long a search takes says nothing about how near a guess was.
"""

from __future__ import annotations

import base64
import hashlib
import re

from sampan.kernel.caller import ApiKey as Bearer
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction, View
from sampan.kernel.remembered import Remembered
from sampan.services.identity import rows
from sampan.services.identity.context import ROOT, Context, count, entity_of_id
from sampan.services.identity.keys import CACHED_KEYS_MAX, KEY_ID_CHARS_MAX, holder_of
from sampan.services.identity.model import (
    CreateApiKey,
    DeleteApiKey,
    ListApiKeys,
    ResetApiKey,
    UpdateApiKey,
    UserCommand,
)
from sampan.services.identity.values import ApiKey, IssuedApiKey

FORMS = frozenset({"sk-", "ABSK"})
COUNT_MAX = 20  # of one user. IAM allows 2 for a service; here one user may give each of its tools a key of its own
SECRET_BYTES = 33  # 44 characters in Base64, without padding
TOKEN_CHARS_MAX = 512
DAY_MS = 24 * 3600 * 1000
LASTS_MS = (1000, 36_600 * DAY_MS)  # the longest is IAM's
SCOPES_MAX = 16
_SERVICE = re.compile(r"[a-z]{1,32}")


def new_token(context: Context, form: str) -> str:
    """A secret that begins with `form`; nobody's yet."""
    return form + base64.urlsafe_b64encode(context.chance.token(SECRET_BYTES)).decode()


def digest(token: str) -> str:
    """What a secret is found by."""
    return hashlib.sha256(token.encode()).hexdigest()


# --- commands ---------------------------------------------------------------------------------------------------------


async def create_api_key(context: Context, caller: Caller, command: CreateApiKey) -> IssuedApiKey:
    """Faults: MISSING "user", TOO_MANY "api key", INVALID "duration" (facts in seconds)."""
    assert command.form in FORMS, command.form
    assert len(command.scope) <= SCOPES_MAX, command.scope
    assert all(_SERVICE.fullmatch(service) for service in command.scope), command.scope
    account, now_ms = caller.account, context.clock.now_ms()
    low_ms, high_ms = LASTS_MS
    if command.lasts_ms is not None and not low_ms <= command.lasts_ms <= high_ms:
        low, high = low_ms // 1000, high_ms // 1000
        given = command.lasts_ms // 1000
        raise Fault(Kind.INVALID, "duration", f"from {low} to {high} s", given=given, min=low, max=high)
    row = rows.ApiKeyRow(
        _new_id(context),
        account,
        command.form,
        now_ms,
        expires_ms=None if command.lasts_ms is None else now_ms + command.lasts_ms,
        scope=command.scope,
    )
    token = new_token(context, command.form)

    def change(tx: Transaction) -> IssuedApiKey:
        name, self_id = holder_of(tx, caller, command.user)
        if count(tx, rows.api_keys_of(account, self_id)) >= COUNT_MAX:
            raise Fault(Kind.TOO_MANY, "api key", f"a user has at most {COUNT_MAX}", name=name, count_max=COUNT_MAX)
        if self_id:
            row.kind, row.id, row.name = "user", self_id, name
        _put(tx, row, token)
        return IssuedApiKey(_shown(tx, context, row, name), token)

    return await context.store.write(change)


async def list_api_keys(context: Context, caller: Caller, command: ListApiKeys) -> tuple[ApiKey, ...]:
    with context.store.view() as view:
        self_id = None
        if command.user is not None:
            _, self_id = holder_of(view, caller, command.user)
        prefix = rows.api_keys_of(caller.account, self_id)
        ids = [rows.api_key_id_of(key) for key, _ in view.scan(prefix, rows.after(prefix))]
        found = [row for key_id in ids if (row := _find(view, key_id)) is not None]
        found.sort(key=lambda row: row.created_ms)
        return tuple(_shown(view, context, row, _name(view, row)) for row in found)


async def update_api_key(context: Context, caller: Caller, command: UpdateApiKey) -> None:
    def change(tx: Transaction) -> None:
        row = _own(tx, caller, command, command.key_id)
        row.active = command.active
        place = tx.get(rows.api_key_place(row.key_id))
        assert place is not None, "it was found by this"
        tx.put(rows.api_key(place.decode()), rows.encode(row))

    await context.store.write(change)


async def reset_api_key(context: Context, caller: Caller, command: ResetApiKey) -> IssuedApiKey:
    """The time that it has left stays as it was."""
    secret = context.chance.token(SECRET_BYTES)

    def change(tx: Transaction) -> IssuedApiKey:
        row = _own(tx, caller, command, command.key_id)
        token = row.form + base64.urlsafe_b64encode(secret).decode()
        _remove(tx, row)
        _put(tx, row, token)
        return IssuedApiKey(_shown(tx, context, row, _name(tx, row)), token)

    return await context.store.write(change)


async def delete_api_key(context: Context, caller: Caller, command: DeleteApiKey) -> None:
    def change(tx: Transaction) -> None:
        row = _own(tx, caller, command, command.key_id)
        _remove(tx, row)
        tx.delete(rows.use(row.key_id))

    await context.store.write(change)


# --- the root's own ---------------------------------------------------------------------------------------------------


def adopt(tx: Transaction, context: Context, account: str, token: str) -> None:
    """Make this secret the root's own API key, instead of the one that was. Raises EXISTS "key" if it is another's."""
    before = tx.get(rows.ROOT_API_KEY)
    row = _find(tx, before.decode()) if before is not None else None
    if row is not None:
        _remove(tx, row)
    if tx.get(rows.api_key(digest(token))) is not None:
        raise Fault(Kind.EXISTS, "key", "the root's API key belongs to somebody else")
    made = rows.ApiKeyRow(_new_id(context), account, "sk-", context.clock.now_ms())
    _put(tx, made, token)
    tx.put(rows.ROOT_API_KEY, made.key_id.encode())


# --- parts ------------------------------------------------------------------------------------------------------------


def _new_id(context: Context) -> str:
    """Twenty characters, as IAM's ids of such keys have."""
    return f"ACCA{context.new_id()}"


def _put(tx: Transaction, row: rows.ApiKeyRow, token: str) -> None:
    found_by = digest(token)
    tx.put(rows.api_key(found_by), rows.encode(row))
    tx.put(rows.api_key_place(row.key_id), found_by.encode())
    tx.put(rows.api_key_of(row), b"")


def _remove(tx: Transaction, row: rows.ApiKeyRow) -> None:
    place = rows.api_key_place(row.key_id)
    found_by = tx.get(place)
    assert found_by is not None, "it was found by this"
    tx.delete(rows.api_key(found_by.decode()))
    tx.delete(place)
    tx.delete(rows.api_key_of(row))


def _find(view: View, key_id: str) -> rows.ApiKeyRow | None:
    found_by = view.get(rows.api_key_place(key_id))
    raw = view.get(rows.api_key(found_by.decode())) if found_by is not None else None
    return rows.decode_api_key(raw) if raw is not None else None


def _own(view: View, caller: Caller, command: UserCommand, key_id: str) -> rows.ApiKeyRow:
    """A key of the user that a command names. Raises MISSING "user" | "api key"."""
    _, self_id = holder_of(view, caller, command.user)
    row = _find(view, key_id) if len(key_id) <= KEY_ID_CHARS_MAX and key_id.isascii() else None
    if row is None or (row.account, row.id) != (caller.account, self_id):
        shown = key_id[:KEY_ID_CHARS_MAX]
        raise Fault(Kind.MISSING, "api key", f"the user has no API key {shown}", key_id=shown)
    return row


def _name(view: View, row: rows.ApiKeyRow) -> str:
    """The name that its user has now."""
    entity = entity_of_id(view, row.account, row.id) if row.id else None
    return entity.name if entity is not None else row.name or ROOT


def _shown(view: View, context: Context, row: rows.ApiKeyRow, name: str) -> ApiKey:
    use = view.get(rows.use(row.key_id))
    return ApiKey(
        key_id=row.key_id,
        user=name,
        form=row.form,
        active=row.active,
        created_ms=row.created_ms,
        expires_ms=row.expires_ms,
        expired=row.expires_ms is not None and context.clock.now_ms() >= row.expires_ms,
        scope=row.scope,
        used_ms=rows.decode_use(use).used_ms if use is not None else None,
    )


# --- the keyring ------------------------------------------------------------------------------------------------------


class Bearers:
    """Finds API keys by their secrets, for use in one thread."""

    def __init__(self, context: Context) -> None:
        self._keys = Remembered(context.store, self._read, CACHED_KEYS_MAX)

    def find(self, token: str) -> Bearer | None:
        """The key of this secret, as every change that was acknowledged left it, in whatever worker."""
        if len(token) > TOKEN_CHARS_MAX or not token.isascii():
            return None
        return self._keys.find(rows.api_key(digest(token)))

    def _read(self, where: bytes, raw: bytes) -> Bearer:
        row = rows.decode_api_key(raw)
        caller = Caller(
            account=row.account,
            principal=row.name or ROOT,
            key_id=row.key_id,
            kind=row.kind,
            id=row.id,
            scope=row.scope,
        )
        return Bearer(row.key_id, caller, row.active, row.expires_ms)
