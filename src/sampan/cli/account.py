"""`sampan account`: accounts and access keys of a data folder, also while a server runs on it."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from sampan import app, config
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault
from sampan.services.identity import model

# Whoever can read the data folder's key file is the operator, and needs no access key.
OPERATOR = Caller(account="000000000000", principal="operator", key_id="")


def add(subparsers: Any) -> None:
    """Add the command to the program's."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "account",
        help="add and list accounts, and make access keys",
        description="Accounts are walls: what one owns, no other sees. Works while the server runs, at once.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    adding = actions.add_parser("add", help="make an account, and its first access key")
    adding.add_argument("name")
    listing = actions.add_parser("ls", help="list accounts")
    key = actions.add_parser("key", help="make another access key for an account")
    key.add_argument("name", help="the account's name or number")
    for action in (adding, listing, key):
        config.add_flags(action, "data")


def run(args: argparse.Namespace) -> int:
    """Exit code 1, with one line, if it cannot be done."""
    try:
        settings = config.load(vars(args), os.environ, Path.cwd())
        with app.open_identity(settings) as identity:
            return asyncio.run(_act(args, identity.handlers))
    except (config.Misconfigured, app.Trouble) as trouble:
        print(f"sampan account: {trouble}", file=sys.stderr)
    except Fault as fault:
        print(f"sampan account: {fault.why}", file=sys.stderr)
    return 1


async def _act(args: argparse.Namespace, handlers: Any) -> int:
    accounts = await handlers[model.ListAccounts](OPERATOR, model.ListAccounts())
    if args.action == "ls":
        for account in accounts:
            print(f"{account.number}  {account.name}")
        return 0
    if args.action == "add":
        issued = await handlers[model.CreateAccount](OPERATOR, model.CreateAccount(name=args.name))
    else:
        number = next((a.number for a in accounts if args.name in (a.name, a.number)), args.name)
        issued = await handlers[model.CreateKey](OPERATOR, model.CreateKey(account=number))
    print(f"account            {issued.account}")
    print(f"access key id      {issued.key_id}")
    print(f"access key secret  {issued.secret}   (shown only now)")
    return 0
