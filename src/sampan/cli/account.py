"""`sampan account`: accounts and keys of a data folder, also while a server runs on it."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sampan import app, config
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault
from sampan.services.identity import model

# Whoever can read the data folder's key file is the operator, and needs no access key.
OPERATOR = Caller(account="000000000000", principal="operator", key_id="")
DAY_MS = 24 * 3600 * 1000
FILE_BYTES_MAX = 1 << 17
ONCE = "(shown only now)"


def add(subparsers: Any) -> None:
    """Add the command to the program's."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "account",
        help="add and list accounts, and make keys",
        description="Accounts are walls: what one owns, no other sees. Works while the server runs, at once.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    adding = actions.add_parser("add", help="make an account, and its first access key")
    adding.add_argument("name")
    listing = actions.add_parser("ls", help="list accounts")
    key = actions.add_parser("key", help="make another access key for an account")
    making = actions.add_parser("api-key", help="make an API key, which clients of models send")
    making.add_argument("--days", type=_days, help="how long it is good (default: until it is deleted)")
    making.add_argument("--only", action="append", default=[], metavar="SERVICE", type=_service,
                        help="what it may be used for, and nothing else: models, objects, ...")  # fmt: skip
    keys = actions.add_parser("api-keys", help="list the API keys of an account")
    ending = actions.add_parser("end-api-key", help="delete an API key")
    trusting = actions.add_parser("oidc-keys", help="say with which keys a provider of tokens signs")
    for action in (key, making, keys, ending, trusting):
        action.add_argument("name", help="the account's name or number")
    for action in (making, ending):
        action.add_argument("--user", default="", help="whose it is (default: the account's root)")
    ending.add_argument("id", help="the key's id, as api-keys lists it")
    trusting.add_argument("provider", help="the provider's name: its URL without https://")
    trusting.add_argument("file", help="its JWK set, as JSON; - reads standard input")
    for action in (adding, listing, key, making, keys, ending, trusting):
        config.add_flags(action, "data")


def _days(text: str) -> int:
    days = int(text)
    if days < 1:
        raise ValueError
    return days


def _service(text: str) -> str:
    if not (text.isascii() and text.isalpha() and text.islower() and len(text) <= 32):
        raise ValueError
    return text


def run(args: argparse.Namespace) -> int:
    """Exit code 1, with one line, if it cannot be done."""
    try:
        settings = config.load(vars(args), os.environ, Path.cwd())
        with app.open_identity(settings) as identity:
            asyncio.run(_act(args, identity.handlers))
            return 0
    except (config.Misconfigured, app.Trouble) as trouble:
        print(f"sampan account: {trouble}", file=sys.stderr)
    except Fault as fault:
        print(f"sampan account: {fault.why or fault}", file=sys.stderr)
    return 1


async def _act(args: argparse.Namespace, handlers: Any) -> None:
    async def ask(command: Any, caller: Caller = OPERATOR) -> Any:
        return await handlers[type(command)](caller, command)

    if args.action == "add":
        _print_key(await ask(model.CreateAccount(name=args.name)))
        return
    accounts = await ask(model.ListAccounts())
    if args.action == "ls":
        for account in accounts:
            print(f"{account.number}  {account.name}")
        return
    number = next((a.number for a in accounts if args.name in (a.name, a.number)), args.name)
    if args.action == "key":
        _print_key(await ask(model.CreateKey(account=number)))
        return
    if all(account.number != number for account in accounts):
        raise app.Trouble(f"there is no account {number}")
    root = Caller(account=number, principal="operator", key_id="")
    if args.action == "api-keys":
        for found in await ask(model.ListApiKeys(user=None), root):
            print(_told(found))
    elif args.action == "oidc-keys":
        await ask(model.UpdateProvider(name=args.provider, keys=_read(args.file)), root)
    elif args.action == "end-api-key":
        await ask(model.DeleteApiKey(user=args.user, key_id=args.id), root)
    else:
        lasts_ms = None if args.days is None else args.days * DAY_MS
        wanted = model.CreateApiKey(user=args.user, form="sk-", scope=tuple(args.only), lasts_ms=lasts_ms)
        issued = await ask(wanted, root)
        print(f"id       {issued.key.key_id}")
        print(f"API key  {issued.token}   {ONCE}")


def _read(name: str) -> str:
    """A file's text, bounded. Raises Trouble."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(FILE_BYTES_MAX).decode()
        with Path(name).open("rb") as file:
            return file.read(FILE_BYTES_MAX).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise app.Trouble(f"{name}: {error}") from None


def _print_key(issued: model.IssuedKey) -> None:
    print(f"account            {issued.account}")
    print(f"access key id      {issued.key_id}")
    print(f"access key secret  {issued.secret}   {ONCE}")


def _told(key: model.ApiKey) -> str:
    """One line: the id, whose it is, its state, and since when and how long."""
    state = "expired" if key.expired else "active" if key.active else "inactive"
    days: Mapping[str, int | None] = {"made": key.created_ms, "ends": key.expires_ms, "used": key.used_ms}
    dates = [f"{what} {_day(at_ms)}" for what, at_ms in days.items() if at_ms is not None]
    return "  ".join((key.key_id, key.user, state, *dates, *key.scope))


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
