"""`sampan doctor`: looks at the machine and the data folder, says what is wrong and how to mend it. Mends nothing."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sampan import config
from sampan.cli import doctor_data, doctor_machine
from sampan.cli.doctor_machine import BROKEN, FINE, LOOK, Finding

MARKS = {FINE: ("✓", "green"), LOOK: ("!", "yellow"), BROKEN: ("✗", "bold red")}


def add(subparsers: Any) -> None:
    """Add the command to the program's."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "doctor",
        help="check the machine and the data folder",
        description="Look at the machine and the data folder; say what is wrong and how to mend it. Changes nothing.",
    )
    parser.add_argument("--json", action="store_true", help="findings as JSON, for programs")
    parser.add_argument("--thorough", action="store_true", help="take the time that a large database needs")
    config.add_flags(parser, "data", "host", "port", "tls", "tls_cert", "tls_key", "domains")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 1 if something is broken, 0 if not; what is merely worth a look does not count."""
    try:
        settings = config.load(vars(args), os.environ, Path.cwd())
    except config.Misconfigured as reason:
        print(f"sampan doctor: {reason}", file=sys.stderr)
        return 1
    findings = [
        *_all("machine", lambda: doctor_machine.machine(settings)),
        *_all("port", lambda: [doctor_data.port(settings)]),
        *_all("data folder", lambda: doctor_data.folder(settings)),
        *_all("database", lambda: doctor_data.contents(settings, thorough=args.thorough)),
    ]
    broken = sum(finding.grade == BROKEN for finding in findings)
    if args.json:
        print(json.dumps({"broken": broken, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        _show(findings)
    return 1 if broken else 0


def _all(what: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What a part of the examination finds; that it could not be finished is a finding as well."""
    try:
        yield from look()
    except Exception as error:  # a doctor that faints tells nobody what is wrong
        yield Finding(what, BROKEN, f"could not be examined: {type(error).__name__}: {error}", "please report this")


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column()
    for finding in findings:
        mark, style = MARKS[finding.grade]
        found = Text(finding.found)
        if finding.mend:
            found.append(f"\n→ {finding.mend}", style="default" if finding.grade != FINE else "dim")
        table.add_row(Text(mark, style=style), finding.what, found)
    console = Console()
    console.print(table)
    counts = {grade: sum(finding.grade == grade for finding in findings) for grade in MARKS}
    if counts[BROKEN]:
        console.print(f"\n[bold red]{counts[BROKEN]} broken[/]: mend what is marked ✗")
    elif counts[LOOK]:
        console.print(f"\n[green]Nothing is broken[/], {counts[LOOK]} worth a look")
    else:
        console.print("\n[bold green]All is well[/]")
