"""`sampan models run` and `pull`: the short way from a folder, or a name on a hub, to a model that answers."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sampan.cli import fetch
from sampan.services.inference.model import (
    Backend,
    Command,
    Deploy,
    EngineKind,
    GetModel,
    LoadModel,
    Model,
    SetModelAlias,
)

ACTIONS = ("run", "pull")
NONE_YET = "no models yet: `sampan models run FOLDER` serves one, `sampan models pull NAME` fetches one"
_WEIGHTS = ("auto", "int8", "int4")


def add(actions: Any) -> None:
    """Add the two to `sampan models`."""
    running = actions.add_parser("run", help="serve a model, and load it now if a server runs")
    running.add_argument("source", metavar="MODEL", help="a folder, a .gguf file, an upstream's URL, or a name from ls")
    running.add_argument("--adapter", metavar="FOLDER", help="a LoRA adapter over it, as a model of its own")
    pulling = actions.add_parser("pull", help="fetch a model from Hugging Face (or HF_ENDPOINT), and serve it")
    pulling.add_argument("source", metavar="NAME", help="the repository: Qwen/Qwen3-0.6B")
    pulling.add_argument("--revision", help="a branch, a tag or a commit (default: the newest)")
    for action in (running, pulling):
        action.add_argument("--name", help="what it is called (default: by its source)")
        action.add_argument("--alias", action="append", default=[], help="another name for it, again and again")
        action.add_argument("--weights", choices=_WEIGHTS, default="auto", help="how its weights are kept")


def commands(args: argparse.Namespace, folder: Path, running: bool) -> Sequence[Command]:
    """What brings it about. Models that are fetched go below `folder`. Raises Unfetched."""
    path = Path(args.source).expanduser().absolute()
    found: list[Command] = []
    if args.action == "pull":
        name = args.name or args.source
        found.append(_deploy(name, fetch.fetch(args.source, args.revision, folder), args.weights))
    elif args.adapter:
        adapter = Path(args.adapter).expanduser().absolute()
        name = args.name or adapter.name
        found.append(Deploy(model=name, base=args.source, adapter=str(adapter), replace=True))
    elif args.source.startswith(("http://", "https://")):
        name = args.name or re.sub(r"^https?://|[/:].*$", "", args.source)
        backend = Backend(EngineKind.OPENAI, args.source, name)
        found.append(Deploy(model=name, backends=(backend,), replace=True))
    elif path.exists():
        name = args.name or (path.stem if path.suffix == ".gguf" else path.name)
        found.append(_deploy(name, path, args.weights))
    else:
        name = args.source
    found += [SetModelAlias(model=name, alias=alias) for alias in args.alias]
    return [*found, LoadModel(model=name) if running else GetModel(model=name)]


def told(found: Model, running: bool) -> str:
    """What may be done next."""
    if running:
        return f"{found.name} is ready: sampan chat {found.name}"
    return f"{found.name} will be served by the next `sampan up`; sampan chat {found.name} talks to it now"


def _deploy(name: str, folder: Path, weights: str) -> Deploy:
    settings: dict[str, str | int | float | bool] = {} if weights == "auto" else {"weights": weights}
    return Deploy(model=name, backends=(Backend(EngineKind.LOCAL, str(folder), settings=settings),), replace=True)
