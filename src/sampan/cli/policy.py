"""`sampan policy`: policies from one cloud's language to the other's, and why a request would be allowed or not.

Works on files, without a server.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sampan import translate
from sampan.kernel.document import Unreadable
from sampan.kernel.document import read as read_json
from sampan.kernel.explain import Policies, explain
from sampan.kernel.fault import Fault
from sampan.kernel.names import Resource
from sampan.kernel.policy import Decision, Named, Outcome, Principal, Purpose, Question

FILE_BYTES_MAX = 1 << 20
ACCOUNT = "000000000000"


def add(subparsers: Any) -> None:
    """Add the command to the program's."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "policy",
        help="translate policies between IAM and RAM, and explain decisions",
        description="Policies of both clouds as files; the language is seen by the Version. - reads standard input.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    translating = actions.add_parser(
        "translate",
        help="write a policy in the other cloud's language",
        description="The translation goes to standard output; what has no equal there, a line each, to standard error. "
        "It never allows more than the original. Exit code 3 if something had no equal.",
    )
    translating.add_argument("--to", required=True, choices=sorted(translate.GRAMMARS), help="the language wanted")
    translating.add_argument("--purpose", choices=[str(purpose) for purpose in Purpose], help=_PURPOSE_HELP)
    translating.add_argument("file", metavar="FILE")
    explaining = actions.add_parser(
        "explain",
        help="say whether policies allow a request, and which statement decides",
        description="The caller holds the policies of FILE. Exit code 0 if the request is allowed, 3 if it is not.",
    )
    explaining.add_argument("files", metavar="FILE", nargs="+", help="a policy of the caller's")
    explaining.add_argument("--action", dest="wanted", required=True, help="s3:GetObject, oss:GetObject, ...")
    explaining.add_argument("--resource", required=True, help="an ARN of either cloud")
    explaining.add_argument("--boundary", metavar="FILE", help="the caller's permission boundary")
    explaining.add_argument("--session", metavar="FILE", action="append", default=[], help="a session policy")
    explaining.add_argument("--resource-policy", metavar="FILE", help="the resource's own policy")
    explaining.add_argument("--user", default="somebody", help="the caller's name")
    explaining.add_argument("--account", default=ACCOUNT, help="the caller's account, 12 digits")
    explaining.add_argument("--owner", help="the account that owns the resource, if it is another")
    explaining.add_argument(
        "--context",
        metavar="JSON|FILE",
        help='condition keys of either cloud, as a JSON object: {"aws:SourceIp": "10.0.0.1"}',
    )


_PURPOSE_HELP = "identity (for users, groups and roles), resource (a bucket's) or trust (a role's); else it is guessed"


def run(args: argparse.Namespace) -> int:
    """Exit code 1, with one line, if it cannot be done."""
    try:
        return _translate(args) if args.action == "translate" else _explain(args)
    except Fault as fault:
        print(f"sampan policy: {fault.why}", file=sys.stderr)
    except BrokenPipeError:  # the program's main knows what to do
        raise
    except (OSError, UnicodeDecodeError, ValueError) as trouble:
        print(f"sampan policy: {trouble}", file=sys.stderr)
    return 1


def _read(name: str) -> str:
    """A file's text, bounded."""
    if name == "-":
        raw = sys.stdin.buffer.read(FILE_BYTES_MAX + 1)
    else:
        with Path(name).open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    if len(raw) > FILE_BYTES_MAX:
        raise ValueError(f"{name} has more than {FILE_BYTES_MAX} bytes")
    return raw.decode()


# --- translate --------------------------------------------------------------------------------------------------------


def _translate(args: argparse.Namespace) -> int:
    text = _read(args.file)
    purpose = Purpose(args.purpose) if args.purpose else translate.purpose_of(text)
    done = translate.translate(text, args.to, purpose)
    if done.text:
        print(done.text)
    for line in done.lost:
        print(line, file=sys.stderr)
    return 3 if done.lost else 0


# --- explain ----------------------------------------------------------------------------------------------------------


def _explain(args: argparse.Namespace) -> int:
    actions = translate.actions_of(args.wanted)
    resource = translate.resource_of(args.resource)
    policies = Policies(
        identity=[_named(name, Purpose.IDENTITY) for name in args.files],
        boundary=[_named(args.boundary, Purpose.IDENTITY)] if args.boundary else None,
        sessions=[[_named(name, Purpose.IDENTITY)] for name in args.session],
        resource=[_named(args.resource_policy, Purpose.RESOURCE)] if args.resource_policy else None,
    )
    context = _context(args)
    principal = Principal("user", args.account, args.user)
    allowed = True
    for action in sorted(actions):
        question = Question(
            principal, action, Resource(resource.service, resource.path, args.owner or args.account), context
        )
        found = explain(question, policies)
        allowed = allowed and found.decision.allowed
        print(_told(args.wanted if len(actions) == 1 else action, found.decision))
        if found.missing:
            print(f"  without a value of {', '.join(map(translate.key_text, found.missing))}: give it with --context")
    return 0 if allowed else 3


def _named(name: str, purpose: Purpose) -> Named:
    return Named(name, tuple(translate.statements(_read(name), purpose)))


def _context(args: argparse.Namespace) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {
        "account": (args.account,),
        "principal-kind": ("user",),
        "username": (args.user,),
    }
    if not args.context:
        return found
    text = args.context if args.context.lstrip().startswith("{") else _read(args.context)
    try:
        given = read_json(text)
    except Unreadable as wrong:
        raise ValueError(f"--context: {wrong}") from None
    if not isinstance(given, dict):
        raise ValueError("--context: a JSON object of condition keys is wanted")
    for key, value in given.items():
        found[translate.key_of(key)] = tuple(_values(value))
    return found


def _values(value: Any) -> Sequence[str]:
    rows = value if isinstance(value, list) else [value]
    for row in rows:
        if not isinstance(row, str | bool):
            raise ValueError("--context: each key has a text, a number, true or false, or an array of those")
    return [json.dumps(row) if isinstance(row, bool) else str(row) for row in rows]


_KINDS = {
    "identity": "the caller's policies",
    "resource": "the resource's policy",
    "boundary": "the permission boundary",
    "session": "a session policy",
}


def _told(action: str, decision: Decision) -> str:
    """One line: what, and why."""
    if decision.index is not None:
        sid = f" ({decision.sid})" if decision.sid else ""
        return f"{action}: {decision.outcome} by statement {decision.index + 1}{sid} of {decision.policy}"
    if decision.outcome is Outcome.ALLOWED:
        return f"{action}: {decision.outcome}"
    return f"{action}: {decision.outcome}: nothing in {_KINDS.get(decision.kind, 'any policy')} allows it"
