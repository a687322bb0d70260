"""The program `sampan`: one subcommand a file, imported only when it is asked for."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from sampan import __version__

COMMANDS = {
    "up": "start the cloud",
    "env": "print what points every SDK at it",
    "tour": "drive a running Sampan with the real SDKs, and show what it does",
    "doctor": "check the machine and the data folder",
    "account": "add and list accounts, and make access keys",
    "models": "fetch, serve, name and limit models, and see who used what",
    "chat": "talk to a model",
    "policy": "translate policies between IAM and RAM, and explain decisions",
    "version": "print the version",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code: 0 for success, 1 for what a person has to mend, 2 for a wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="sampan", description="An AI cloud that you own.")
    parser.add_argument("--version", action="version", version=f"sampan {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    wanted = next((word for word in given if not word.startswith("-")), "")
    module: ModuleType | None = None
    for name, help_text in COMMANDS.items():
        if name != wanted or name == "version":
            subparsers.add_parser(name, help=help_text)
            continue
        try:
            module = importlib.import_module(f"sampan.cli.{name}")
        except ModuleNotFoundError as missing:
            # A client's library, of an extra that was not installed.
            print(f"sampan {name}: {missing.name} is not installed: pip install 'sampan[{name}]'", file=sys.stderr)
            return 1
        module.add(subparsers)
    args = parser.parse_args(given)
    if args.command == "version":
        print(f"sampan {__version__}")
        return 0
    if module is None:
        parser.print_help()
        return 2
    try:
        return int(module.run(args))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `sampan env | head -1`
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
