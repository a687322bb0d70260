"""`sampan tour`: real SDKs of several vendors against a running Sampan, and a table of what they proved."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sampan import config
from sampan.cli import env
from sampan.cli.door import Door, Shut, context, find

if TYPE_CHECKING:
    from sampan.cli.tour_traveller import Step, Traveller

HEALTH_S_MAX = 5  # a Sampan that is alive answers within milliseconds


@dataclass(slots=True)
class Outcome:
    """What came of one step: what it proved, or why it did not, or what it could not be taken for want of."""

    step: Step
    proved: str = ""
    error: str = ""
    missing: str = ""
    took_s: float = 0


def add(subparsers: Any) -> None:
    """Add the command to the program's."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "tour",
        help="drive a running Sampan with the clouds' own SDKs, and show what that proved",
        description="Write with one cloud's SDK, read with the other's, try to cheat, ask a model if one is served, "
        "and clean up. Starts nothing.",
    )
    config.add_flags(parser, "data", "host", "port", "tls")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 if every step proved what it set out to prove, else 1."""
    console = Console()
    try:
        door = find(args)
        release = _release(door)
    except (config.Misconfigured, Shut) as reason:
        print(f"sampan tour: {reason}", file=sys.stderr)
        return 1
    _settle(door)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oss2's source makes newer Pythons warn about its escapes
            from sampan.cli.tour_steps import STEPS
            from sampan.cli.tour_traveller import Traveller
    except ImportError as missing:
        print(
            f"sampan tour: it drives Sampan with boto3 and oss2, and {missing.name} is not installed; "
            "install them with: pip install 'sampan[tour]'",
            file=sys.stderr,
        )
        return 1
    console.print(f"Sampan {release} at [bold]{door.url}[/], boto3 {version('boto3')}, oss2 {version('oss2')}\n")
    outcomes = _travel(console, Traveller(door), STEPS)
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        console.print(f"\n[red]✗ {outcome.step.title}[/]\n  {outcome.error}", highlight=False)
    took_s = sum(outcome.took_s for outcome in outcomes)
    if failed:
        console.print(f"\n[bold red]{len(failed)} of {len(outcomes)} steps failed[/] in {took_s:.1f} s")
        return 1
    n_taken = sum(not outcome.missing for outcome in outcomes)
    console.print(f"\n[bold green]All {n_taken} steps hold[/], in {took_s:.1f} s. Nothing was left behind.")
    return 0


def _travel(console: Console, traveller: Traveller, steps: tuple[Step, ...]) -> list[Outcome]:
    """Take all the steps, a failed one included, with the table growing on the way."""
    from sampan.cli.tour_traveller import Missing

    outcomes: list[Outcome] = []
    with Live(_table(outcomes), console=console, refresh_per_second=8, vertical_overflow="visible") as live:
        closed = ""  # the chapter that cannot be gone on with
        for step in steps:
            if step.chapter == closed:
                continue
            outcome = Outcome(step)
            started = time.perf_counter()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # an SDK's, which would fall into the table
                    outcome.proved = step.take(traveller)
            except ModuleNotFoundError as absent:
                outcome.missing = f"{absent.name} is not installed"
            except Missing as what:
                outcome.missing, closed = str(what), step.chapter
            except Exception as failure:  # one broken step must not hide what the others show
                outcome.error = f"{type(failure).__name__}: {failure}"
            outcome.took_s = time.perf_counter() - started
            outcomes.append(outcome)
            live.update(_table(outcomes))
    return outcomes


def _table(outcomes: list[Outcome]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column("what was done", ratio=5)
    table.add_column("by", style="cyan", no_wrap=True)
    table.add_column("what was checked", ratio=6)
    table.add_column("ms", justify="right", style="dim")
    chapter = ""
    for outcome in outcomes:
        if outcome.step.chapter != chapter:
            if chapter:
                table.add_section()
            chapter = outcome.step.chapter
            table.add_row("", Text(chapter, style="bold"), "", "", "")
        took = "" if outcome.missing else f"{outcome.took_s * 1000:.0f}"
        table.add_row(*_shown(outcome), took)
    return table


def _shown(outcome: Outcome) -> tuple[Text, Text, str, Text]:
    """The cells of a row, but for its time."""
    if outcome.error:
        mark, found = Text("✗", style="bold red"), Text(outcome.error.splitlines()[0], style="red")
    elif outcome.missing:
        mark, found = Text("–", style="dim"), Text(outcome.missing, style="dim")
    else:
        mark, found = Text("✓", style="bold green"), Text(outcome.proved)
    return mark, Text(outcome.step.title), outcome.step.by, found


def _release(door: Door) -> str:
    """The version of the Sampan that answers there. Raises Shut if none does."""
    try:
        with urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context(door))
        ).open(f"{door.url}/_sampan/health", timeout=HEALTH_S_MAX) as reply:
            return str(json.load(reply).get("version", ""))
    except (OSError, urllib.error.URLError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise Shut(
            f"no Sampan answers at {door.url} ({reason}); start one with `sampan up`, "
            "or say where it is with --host and --port"
        ) from None


def _settle(door: Door) -> None:
    """Give the SDKs what `sampan env` would have given them, and nothing of the person's own setup."""
    for name in env.STALE:
        os.environ.pop(name, None)
    os.environ.update(env.variables(door, os.environ))
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
