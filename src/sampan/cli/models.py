"""`sampan models`: the models of this cloud, what they are called, and who may use how much of them."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sampan import app, config
from sampan.cli import door, fetch, serving
from sampan.config import Config
from sampan.kernel.caller import Caller
from sampan.kernel.command import Handlers
from sampan.kernel.fault import Fault
from sampan.services.inference import model

# Whoever can read the data folder's key file is the operator, and needs no access key.
OPERATOR = Caller(account="000000000000", principal="operator", key_id="")
SECRET_VARIABLE = "SAMPAN_UPSTREAM_KEY"  # noqa: S105 - its name


def add(subparsers: Any) -> None:
    """Add the command to the program's."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "models",
        help="fetch, serve, name and limit models, and see who used what",
        description="What is changed here lasts, and a running server knows it at once. "
        "Models of the configuration file are listed, and changed there.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_models(actions)
    _add_use(actions)
    for action in actions.choices.values():
        config.add_flags(action, "data")


def _add_models(actions: Any) -> None:
    actions.add_parser("ls", help="list models, their other names, and whether they are in memory")
    serving.add(actions)
    adding = actions.add_parser("add", help="make a model available", epilog=f"{SECRET_VARIABLE} is an upstream's key.")
    adding.add_argument("name")
    adding.add_argument("source", nargs="*", help="a folder, a .gguf file or a base URL; more to fall back on")
    adding.add_argument("--base", default="", help="instead of a source: the model that --adapter is for")
    adding.add_argument("--adapter", default="", metavar="FOLDER", help="a LoRA adapter")
    adding.add_argument("--upstream-name", default="", metavar="NAME", help="what it is called there")
    adding.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", type=_setting, help="for its engine"
    )
    adding.add_argument("--warm", action="store_true", help="load it when the server starts")
    adding.add_argument("--private", action="store_true", help="for the root's account alone")
    adding.add_argument("--keep-s", type=int, metavar="SECONDS", help="how long it stays in memory unasked")
    adding.add_argument("--description", default="")
    adding.add_argument("--replace", action="store_true", help="if there is one of that name already")
    for name, help_text in (
        ("rm", "take a model away; its files stay, unless `pull` has fetched them"),
        ("load", "load a model now"),
        ("unload", "give a model's memory back"),
        ("unalias", "take another name away"),
    ):
        actions.add_parser(name, help=help_text).add_argument("name")
    alias = actions.add_parser("alias", help="let a model be asked for by another name, too")
    alias.add_argument("alias")
    alias.add_argument("name", help="the model")


def _add_use(actions: Any) -> None:
    quota = actions.add_parser("quota", help="limit accounts, keys and models; without a limit, take it away")
    for name in ("account", "key", "model"):
        quota.add_argument(f"--{name}", default="", help="whom it is for (default: all together)")
    quota.add_argument("--requests", type=int, metavar="N", help="requests a minute")
    quota.add_argument("--tokens", type=int, metavar="N", help="tokens a minute, of prompts and answers")
    quota.add_argument("--in-flight", type=int, metavar="N", help="requests at once")
    actions.add_parser("quotas", help="list limits")
    price = actions.add_parser("price", help="say what a million tokens of a model cost from now on")
    for name in ("name", "currency", "prompt", "answer"):
        price.add_argument(name)
    price.add_argument("--shared", help="for prompt tokens that were in the cache (default: as others)")
    actions.add_parser("prices", help="list prices")
    usage = actions.add_parser("usage", help="who used what, by day")
    usage.add_argument("--account", default="*", help="(default: all)")
    usage.add_argument("--days", type=int, default=30, help="how many, up to today (default: 30)")
    logging = actions.add_parser("logging", help="which requests are written to the request log")
    logging.add_argument("share", type=float, help="from 0 (none) to 1 (all)")
    logging.add_argument("--texts", action="store_true", help="with what was asked and said, secrets masked")
    log = actions.add_parser("log", help="list the request log, newest first")
    log.add_argument("--account", default="", help="(default: all)")
    log.add_argument("--limit", type=int, default=100)


def _setting(text: str) -> tuple[str, str | int | float | bool]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ValueError
    if value in ("true", "false"):
        return name, value == "true"
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value


def run(args: argparse.Namespace) -> int:
    """Exit code 1, with one line, if it cannot be done."""
    try:
        settings = config.load({"config": args.config, "data": args.data}, os.environ, Path.cwd())
        settings = replace(settings, data=settings.data.absolute())
        running = door.running_on(settings) is not None
        with app.open_inference(settings, running=running) as inference:
            found = asyncio.run(_ask(inference.handlers, _commands(args, settings, running)))
        if args.action == "rm":
            fetch.forget(args.name, settings.data / "models")
        show = _SHOWN.get(args.action)
        if show is not None:
            _print(*show(found))
        if args.action in serving.ACTIONS:
            print(serving.told(found, running), file=sys.stderr)
        elif args.action == "ls" and not found:
            print(serving.NONE_YET, file=sys.stderr)
        return 0
    except (config.Misconfigured, app.Trouble, fetch.Unfetched) as trouble:
        print(f"sampan models: {trouble}", file=sys.stderr)
    except Fault as fault:
        print(f"sampan models: {fault.why or fault}", file=sys.stderr)
    return 1


async def _ask(handlers: Handlers, commands: Iterable[model.Command]) -> Any:
    """Run them all, and give what the last one gave."""
    found = None
    for command in commands:
        found = await handlers[type(command)](OPERATOR, command)
    return found


# --- what is asked ----------------------------------------------------------------------------------------------------


def _commands(args: argparse.Namespace, settings: Config, running: bool) -> Sequence[model.Command]:
    if args.action in serving.ACTIONS:
        return serving.commands(args, settings.data / "models", running)
    return [_COMMANDS[args.action](args)]


def _deploy(args: argparse.Namespace) -> model.Deploy:
    secret = os.environ.get(SECRET_VARIABLE, "")
    return model.Deploy(
        model=args.name,
        backends=tuple(_backend(source, args, secret) for source in args.source),
        base=args.base,
        adapter=str(Path(args.adapter).expanduser().absolute()) if args.adapter else "",
        shared=not args.private,
        warm=args.warm,
        keep_s=args.keep_s,
        description=args.description,
        replace=args.replace,
    )


def _backend(source: str, args: argparse.Namespace, secret: str) -> model.Backend:
    if source.startswith(("http://", "https://")):
        return model.Backend(model.EngineKind.OPENAI, source, args.upstream_name, secret, dict(args.set))
    path = str(Path(source).expanduser().absolute())
    return model.Backend(model.EngineKind.LOCAL, path, settings=dict(args.set))


def _usage(args: argparse.Namespace) -> model.ListUsage:
    today = datetime.now(UTC).date()
    first = today - timedelta(max(1, args.days) - 1)
    return model.ListUsage(first_day=first.isoformat(), last_day=today.isoformat(), account=args.account)


_COMMANDS: dict[str, Callable[[argparse.Namespace], model.Command]] = {
    "ls": lambda args: model.ListModels(conditions=True),
    "add": _deploy,
    "rm": lambda args: model.Undeploy(model=args.name),
    "load": lambda args: model.LoadModel(model=args.name),
    "unload": lambda args: model.LoadModel(model=args.name, loaded=False),
    "alias": lambda args: model.SetModelAlias(model=args.name, alias=args.alias),
    "unalias": lambda args: model.SetModelAlias(model=args.name, alias=None),
    "quota": lambda args: model.SetQuota(
        quota=model.Quota(args.account, args.key, args.model, args.requests, args.tokens, args.in_flight)
    ),
    "quotas": lambda args: model.ListQuotas(),
    "price": lambda args: model.SetPrice(
        price=model.Price(args.name, args.currency, args.prompt, args.answer, args.shared)
    ),
    "prices": lambda args: model.ListPrices(),
    "usage": _usage,
    "logging": lambda args: model.SetLogging(logging=model.Logging(args.share, args.texts)),
    "log": lambda args: model.ListLogged(account=args.account, limit=args.limit),
}


# --- what is shown ----------------------------------------------------------------------------------------------------

_Shown = tuple[Sequence[str], Iterable[Sequence[object]]]


def _models(found: Sequence[model.Model]) -> _Shown:
    return ("model", "is", "for", "room", "size", "standing"), [
        (
            one.name,
            one.deployment.name if one.deployment.name != one.name else _places(one.deployment),
            one.abilities.task,
            one.abilities.length_max or "",
            f"{one.abilities.size_bytes / (1 << 30):.1f} GiB" if one.abilities.size_bytes else "",
            f"{one.condition.standing} {one.condition.why}".strip() if one.condition is not None else "",
        )
        for one in found
    ]


def _places(deployment: model.Deployment) -> str:
    if deployment.base:
        return f"{deployment.base} with {deployment.adapter}"
    return ", ".join(backend.source for backend in deployment.backends)


def _limit(limit: int | None) -> object:
    return "" if limit is None else limit


_SHOWN: dict[str, Callable[[Any], _Shown]] = {
    "ls": _models,
    "add": lambda found: _models([found]),
    "run": lambda found: _models([found]),
    "pull": lambda found: _models([found]),
    "load": lambda found: _models([found]),
    "unload": lambda found: _models([found]),
    "quotas": lambda found: (
        ("account", "key", "model", "requests/min", "tokens/min", "at once"),
        [
            (
                one.account or "all",
                one.key_id or "all",
                one.model or "all",
                *map(_limit, (one.requests_per_minute, one.tokens_per_minute, one.in_flight)),
            )
            for one in found
        ],
    ),
    "prices": lambda found: (
        ("model", "currency", "prompt", "answer", "shared"),
        [(one.model, one.currency, one.prompt, one.answer, one.shared or one.prompt) for one in found],
    ),
    "usage": lambda found: (
        ("day", "account", "key", "model", "requests", "prompt", "shared", "answer", "cost"),
        [
            (
                one.day,
                one.account,
                one.key_id,
                one.model,
                one.requests,
                one.usage.prompt_tokens,
                one.usage.shared_tokens,
                one.usage.answer_tokens,
                f"{one.cost} {one.currency}".strip(),
            )
            for one in found
        ],
    ),
    "log": lambda found: (
        ("time", "account", "key", "model", "ms", "tokens", "finish", "asked", "said"),
        [
            (
                datetime.fromtimestamp(one.time_ms / 1000, UTC).isoformat(timespec="milliseconds"),
                one.account,
                one.key_id,
                one.model,
                one.ms,
                one.usage.tokens,
                one.finish,
                one.asked,
                one.said,
            )
            for one in found
        ],
    ),
}


def _print(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        # What others wrote is no markup, and no sequence that a terminal obeys.
        table.add_row(*("".join(c if c.isprintable() else " " for c in str(cell)) for cell in row))
    Console(markup=False, highlight=False).print(table)
