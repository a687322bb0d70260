"""Issuers of OpenID Connect tokens that an account trusts, and what a token of theirs says.

Sources: RFC 7519 (JSON Web Tokens), RFC 7517 (JWK sets), OpenID Connect Core, section 3.1.3.7. Nobody is asked on the
network: a provider's keys are what the account has put there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import msgspec

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction, View
from sampan.services.identity import rows
from sampan.services.identity.context import Context, check_room, check_tags, with_tags
from sampan.services.identity.model import DeleteProvider, GetProviders, PutProvider, TagProvider, UpdateProvider
from sampan.services.identity.values import Provider

COUNT_MAX = 100  # an account's: both clouds
AUDIENCES_MAX = 100
KEYS_CHARS_MAX = 64 * 1024
TOKEN_CHARS_MAX = 20_000  # both clouds
URL_CHARS_MAX = 255
# Signatures that only the issuer can make; never one by a secret that both sides share.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_LEEWAY_MS = 5000
_NAME = re.compile(r"[A-Za-z0-9+=,.@_:/~-]{1,255}")  # IAM names providers after their URLs


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says of its holder."""

    provider: str
    issuer: str
    subject: str
    audience: str

    def context(self) -> Mapping[str, tuple[str, ...]]:
        """For the conditions of trust policies."""
        return {"token/iss": (self.issuer,), "token/sub": (self.subject,), "token/aud": (self.audience,)}


async def put_provider(context: Context, caller: Caller, command: PutProvider) -> Provider:
    """Faults: EXISTS | MISSING "provider", INVALID "name" (its fact `what` may be "url", "audience", "keys"),
    INVALID | TOO_MANY "tags"."""
    _check(command)
    check_tags(command.tags)
    where, now_ms = rows.provider(caller.account, command.name), context.clock.now_ms()

    def change(tx: Transaction) -> rows.ProviderRow:
        raw = tx.get(where)
        if command.create and raw is not None:
            raise Fault(Kind.EXISTS, "provider", f"there is a provider {command.name}", name=command.name)
        if raw is None and not command.create:
            raise _missing(command.name)
        if raw is None:
            check_room(tx, rows.provider(caller.account), COUNT_MAX, what="provider")
        before = rows.decode_provider(raw) if raw is not None else None
        row = rows.ProviderRow(
            command.name,
            command.url,
            command.audiences,
            command.thumbprints,
            now_ms if before is None else before.created_ms,
            command.keys,
            dict(command.tags) if before is None else before.tags,
        )
        tx.put(where, rows.encode(row))
        return row

    return _shown(await context.write(caller.account, change))


async def update_provider(context: Context, caller: Caller, command: UpdateProvider) -> Provider:
    """Faults: MISSING "provider", INVALID "name" as `put_provider`."""

    def change(tx: Transaction) -> rows.ProviderRow:
        row = _find(tx, caller.account, command.name)
        kept = (audience for audience in (*row.audiences, *command.add) if audience not in command.remove)
        row.audiences = tuple(dict.fromkeys(kept))
        row.thumbprints = row.thumbprints if command.thumbprints is None else command.thumbprints
        row.keys = row.keys if command.keys is None else command.keys
        _check(row)
        tx.put(rows.provider(caller.account, row.name), rows.encode(row))
        return row

    return _shown(await context.write(caller.account, change))


async def tag_provider(context: Context, caller: Caller, command: TagProvider) -> None:
    def change(tx: Transaction) -> None:
        row = _find(tx, caller.account, command.name)
        row.tags = with_tags(row.tags, command.tags, command.remove)
        tx.put(rows.provider(caller.account, row.name), rows.encode(row))

    await context.write(caller.account, change)


async def get_providers(context: Context, caller: Caller, command: GetProviders) -> tuple[Provider, ...]:
    with context.store.view() as view:
        if command.name is not None:
            return (_shown(_find(view, caller.account, command.name)),)
        return tuple(_shown(row) for row in _all(view, caller.account))


async def delete_provider(context: Context, caller: Caller, command: DeleteProvider) -> None:
    def change(tx: Transaction) -> None:
        row = _find(tx, caller.account, command.name)
        tx.delete(rows.provider(caller.account, row.name))

    await context.write(caller.account, change)


# --- tokens -----------------------------------------------------------------------------------------------------------


def verify(view: View, account: str, token: str, provider: str | None, now_ms: int) -> Claims:
    """What a token says, if a provider of the account made it for one of its audiences and it is of today.

    Without a `provider` it is the token's issuer that finds it. Raises INVALID | EXPIRED "identity token".
    """
    if len(token) > TOKEN_CHARS_MAX or not token.isascii():
        raise _refused("it is too long, or no token")
    try:
        header = jwt.get_unverified_header(token)
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError):
        raise _refused("it cannot be read") from None
    row = _provider_of(view, account, issuer, provider)
    claims = _decode(token, _key(row, header), row)
    _check_times(claims, now_ms)
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    audience = next(name for name in audiences if name in row.audiences)
    return Claims(row.name, str(claims["iss"]), claims["sub"], audience)


def _provider_of(view: View, account: str, issuer: Any, provider: str | None) -> rows.ProviderRow:
    for row in _all(view, account):
        if provider is not None and row.name.lower() != provider.lower():
            continue
        if isinstance(issuer, str) and _same(row.url, issuer):
            return row
    raise _refused("its issuer is no provider of the account")


def _key(row: rows.ProviderRow, header: Mapping[str, Any]) -> jwt.PyJWK:
    """The provider's key that the token's header names."""
    if header.get("alg") not in _ALGORITHMS:
        raise _refused("its algorithm is not accepted")
    for key in _key_set(row.keys or '{"keys": []}'):
        named = "kid" not in header or key.key_id == header["kid"]
        if named and key.key_type != "oct" and key.algorithm_name == header["alg"]:
            return key
    raise _refused("the provider has no such key")


def _decode(token: str, key: jwt.PyJWK, row: rows.ProviderRow) -> dict[str, Any]:
    # Times are checked by our own clock.
    options: Any = {
        "require": ["iss", "sub", "aud", "exp"],
        "verify_exp": False,
        "verify_nbf": False,
        "verify_iat": False,
    }
    try:
        return jwt.decode(token, key, [key.algorithm_name], options, audience=list(row.audiences))
    except jwt.InvalidAudienceError:
        raise _refused("it was made for another audience") from None
    except jwt.InvalidSignatureError:
        raise _refused("its signature is wrong") from None
    except (jwt.PyJWTError, ValueError, TypeError):
        raise _refused("it lacks a claim that it must have") from None


def _check_times(claims: Mapping[str, Any], now_ms: int) -> None:
    times = {name: claims[name] for name in ("exp", "nbf") if name in claims}
    if not all(isinstance(value, int | float) for value in times.values()):
        raise _refused("its times are no numbers")
    if now_ms >= times["exp"] * 1000 + _LEEWAY_MS:
        raise Fault(Kind.EXPIRED, "identity token", "the token has expired")
    if now_ms < times.get("nbf", 0) * 1000 - _LEEWAY_MS:
        raise _refused("it is not valid yet")


def _refused(why: str) -> Fault:
    return Fault(Kind.INVALID, "identity token", f"the token is refused: {why}")


# --- parts ------------------------------------------------------------------------------------------------------------


def _check(command: PutProvider | rows.ProviderRow) -> None:
    def refuse(what: str, why: str) -> Fault:
        return Fault(Kind.INVALID, "name", why, name="", what=what)

    if not _NAME.fullmatch(command.name):
        raise refuse("provider", "a provider's name has at most 255 letters, digits and characters of +=,.@_:/~-")
    if not command.url.startswith(("https://", "http://")) or len(command.url) > URL_CHARS_MAX:
        raise refuse("url", "an issuer is a URL of at most 255 characters")
    if not command.url.isascii() or not command.url.isprintable():
        raise refuse("url", "an issuer is a URL of ASCII characters")
    texts = (*command.audiences, *command.thumbprints)
    if len(texts) > AUDIENCES_MAX or not all(0 < len(text) <= 255 and text.isprintable() for text in texts):
        raise refuse("audience", f"at most {AUDIENCES_MAX} audiences of 1 to 255 printable characters")
    if command.keys is not None:
        try:
            if len(command.keys) > KEYS_CHARS_MAX or not _key_set(command.keys):
                raise ValueError
        except (Fault, ValueError):
            raise refuse("keys", f"a JWK set of at most {KEYS_CHARS_MAX} characters with a public key") from None


def _key_set(keys: str) -> list[jwt.PyJWK]:
    try:
        return jwt.PyJWKSet.from_dict(msgspec.json.decode(keys, type=dict)).keys if keys != '{"keys": []}' else []
    except (jwt.PyJWTError, msgspec.DecodeError, ValueError, TypeError, KeyError, AttributeError):
        raise _refused("the provider's keys cannot be read") from None


def _same(url: str, issuer: str) -> bool:
    return url.rstrip("/") == issuer.rstrip("/")


def _all(view: View, account: str) -> list[rows.ProviderRow]:
    prefix = rows.provider(account)
    return [rows.decode_provider(raw) for _, raw in view.scan(prefix, rows.after(prefix))]


def _find(view: View, account: str, name: str) -> rows.ProviderRow:
    raw = view.get(rows.provider(account, name)) if name and name.isascii() else None
    if raw is None:
        raise _missing(name)
    return rows.decode_provider(raw)


def _missing(name: str) -> Fault:
    return Fault(Kind.MISSING, "provider", f"there is no provider {name}", name=name)


def _shown(row: rows.ProviderRow) -> Provider:
    return Provider(row.name, row.url, tuple(row.audiences), tuple(row.thumbprints), row.created_ms, row.keys, row.tags)
