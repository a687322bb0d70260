"""`sampan models`: which models there are, fetch some, serve them, take them away; at once, while a server runs too."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sampan import app, config
from sampan.cli import door, fetch
from sampan.config import Config
from sampan.kernel.caller import Caller
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault
from sampan.services.inference.model import (
    Backend,
    Deploy,
    EngineKind,
    ListModels,
    LoadModel,
    Model,
    SetModelAlias,
    Standing,
    Undeploy,
)

# Whoever can read the data folder is the operator, and needs no key.
OPERATOR = Caller(account="000000000000", principal="operator", key_id="")
_WEIGHTS = ("auto", "int8", "int4")


def add(subparsers: Any) -> None:
    """Add the command to the program's."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "models",
        help="list, fetch, serve and take away models",
        description="Models that every door answers with. Works while the server runs, at once.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("ls", help="list models, and how they do")
    pulling = actions.add_parser("pull", help="fetch a model from Hugging Face (or HF_ENDPOINT), and serve it")
    pulling.add_argument("source", metavar="NAME", help="the repository: Qwen/Qwen3-0.6B")
    pulling.add_argument("--revision", help="a branch, a tag or a commit (default: the newest)")
    running = actions.add_parser("run", help="serve a model, and load it now if a server runs")
    running.add_argument("source", metavar="MODEL", help="a folder, a .gguf file, an upstream's URL, or a name from ls")
    for action in (pulling, running):
        action.add_argument("--name", help="what it is called (default: by its source)")
        action.add_argument("--alias", action="append", default=[], help="another name for it, again and again")
        action.add_argument("--weights", choices=_WEIGHTS, default="auto", help="how its weights are kept")
    running.add_argument("--adapter", metavar="FOLDER", help="a LoRA adapter over the model MODEL, as one of its own")
    running.add_argument("--upstream-name", default="", help="what an upstream calls the model")
    running.add_argument("--key-from", metavar="VARIABLE", help="the environment variable with the upstream's key")
    stopping = actions.add_parser("stop", help="give a model's memory back; it loads again when it is asked")
    removing = actions.add_parser("rm", help="take a model away; files of a folder of yours stay")
    for action in (stopping, removing):
        action.add_argument("name")
    for action in (listing, pulling, running, stopping, removing):
        config.add_flags(action, "data")


def run(args: argparse.Namespace) -> int:
    """Exit code 1, with one line, if it cannot be done."""
    try:
        settings = config.load(vars(args), os.environ, Path.cwd())
        settings = replace(settings, data=settings.data.absolute())
        running = door.running_on(settings) is not None
        with app.open_inference(settings, running=running) as inference:
            asyncio.run(_Action(settings, inference.handlers, running).take(args))
            return 0
    except (config.Misconfigured, app.Trouble, fetch.Unfetched) as trouble:
        print(f"sampan models: {trouble}", file=sys.stderr)
    except Fault as fault:
        print(f"sampan models: {fault.why or fault}", file=sys.stderr)
    return 1


class _Action:
    """One call of the command."""

    def __init__(self, settings: Config, handlers: Any, running: bool) -> None:
        self._settings, self._handlers, self._running = settings, handlers, running

    async def _ask(self, command: Command) -> Any:
        return await self._handlers[type(command)](OPERATOR, command)

    async def take(self, args: argparse.Namespace) -> None:
        """Do what was asked. Raises Fault, Trouble, Unfetched."""
        match args.action:
            case "ls":
                _show(await self._ask(ListModels(conditions=True)))
            case "pull":
                folder = fetch.fetch(args.source, args.revision, self._settings.data / "models")
                print(f"{args.source} is in {folder}")
                await self._serve(args.name or args.source, args, folder=folder)
            case "run":
                await self._run(args)
            case "stop":
                await self._ask(LoadModel(model=args.name, loaded=False))
            case "rm":
                await self._ask(Undeploy(model=args.name))
                fetch.forget(args.name, self._settings.data / "models")

    async def _run(self, args: argparse.Namespace) -> None:
        path = _path(args.source)
        if args.adapter:
            adapter = _path(args.adapter)
            name = args.name or adapter.name
            await self._ask(Deploy(model=name, base=args.source, adapter=str(adapter), replace=True))
            await self._told(name, args.alias)
        elif args.source.startswith(("http://", "https://")):
            name = args.name or args.upstream_name or re.sub(r"^https?://|[/:].*$", "", args.source)
            secret = os.environ.get(args.key_from or "", "")
            backend = Backend(EngineKind.OPENAI, args.source, args.upstream_name or name, secret)
            await self._ask(Deploy(model=name, backends=(backend,), replace=True))
            await self._told(name, args.alias)
        elif path.exists():
            await self._serve(args.name or (path.stem if path.suffix == ".gguf" else path.name), args, path)
        else:
            await self._told(args.source, args.alias)

    async def _serve(self, name: str, args: argparse.Namespace, folder: Path) -> None:
        given: dict[str, str | int | float | bool] = {} if args.weights == "auto" else {"weights": args.weights}
        backend = Backend(EngineKind.LOCAL, str(folder), settings=given)
        await self._ask(Deploy(model=name, backends=(backend,), replace=True))
        await self._told(name, args.alias)

    async def _told(self, name: str, aliases: Sequence[str]) -> None:
        """Load it, if there is a server to load it for, give it its other names, and say how to ask it."""
        for alias in aliases:
            await self._ask(SetModelAlias(model=name, alias=alias))
        if self._running:
            await self._ask(LoadModel(model=name))
            print(f"{name} is ready: sampan chat {name}")
        else:
            print(f"{name} will be served by the next `sampan up`; sampan chat {name} talks to it now")


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _show(models: Sequence[Model]) -> None:
    """A table, each deployment once."""
    own = [model for model in models if model.name == model.deployment.name]
    if not own:
        print("no models yet: `sampan models run FOLDER` serves one, `sampan models pull NAME` fetches one")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("NAME", "DOES", "STATE", "PARAMETERS", "CONTEXT", "MEMORY", "ALSO CALLED"):
        table.add_column(title, overflow="fold")
    for model in own:
        able, condition = model.abilities, model.condition
        standing = condition.standing if condition is not None else Standing.COLD
        why = f": {condition.why}" if condition is not None and condition.why else ""
        table.add_row(
            model.name,
            str(able.task),
            f"{standing}{why}",
            _short(able.parameters),
            str(able.length_max or ""),
            _mib(condition.memory_bytes if condition is not None else 0),
            " ".join(model.aliases),
        )
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _short(count: int) -> str:
    """A number of parameters as people say it: 596M, 8.2B."""
    if count >= 1_000_000_000:
        return f"{count / 1e9:.1f}B"
    return f"{count / 1e6:.0f}M" if count >= 1_000_000 else str(count or "")


def _mib(count: int) -> str:
    return f"{count / (1 << 20):.0f} MiB" if count else ""
