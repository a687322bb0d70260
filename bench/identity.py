"""What identity adds to a request: `python -m bench.identity`, `--quick` (a smoke test), `--help`.

The worst case that the goal names: a user with 50 attached policies (20 of its own, 15 of each of two groups) of 20
statements each, half of which speak of other actions, some of which deny and some of which have conditions. Requests
are signed one by one beforehand, by code that shares nothing with Sampan's, and every one is let in by one of the
thousand statements. Measured in one thread, without a network: `Dialect.open` (the signature, and which operation it
is) and `Guard.allow` (the policies), over a data folder as a server has it. Rounds are interleaved over schemes and
callers. Goal: less than 100 µs together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import report
from bench.sign import Signer
from bench.sign_aliyun import AcsSigner, OssSigner
from sampan import app
from sampan.config import Config
from sampan.gateway.contract import Dialect
from sampan.gateway.guard import Guard, facts_of
from sampan.gateway.http import Request
from sampan.kernel.body import Bytes
from sampan.kernel.caller import ANONYMOUS
from sampan.kernel.command import Command
from sampan.services.identity import model as im
from sampan.services.identity.service import Identity
from sampan.services.objects import model as om
from sampan.services.objects.service import Objects

POLICIES, STATEMENTS = 50, 20
GOAL_US = 100
HOST = "127.0.0.1:4566"
USER = im.EntityRef(im.EntityKind.USER, "ann")
GROUPS = [im.EntityRef(im.EntityKind.GROUP, name) for name in ("crew", "deck")]
BEGIN = "<!-- figures: written by bench/identity.py --write -->"
REQUESTS = 2000  # of each scheme and caller in a round, each signed by itself
QUICK_REQUESTS = 50


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way to sign. `make` gives the requests, `dialect` names who reads them."""

    name: str
    dialect: str
    make: Callable[[im.IssuedKey], Iterator[Request]]


@dataclass
class Cell:
    """Microseconds: of each round, the median of opening, of asking the guard, and of both; and the 99th percentile."""

    opened: list[float] = field(default_factory=list)
    allowed: list[float] = field(default_factory=list)
    both: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)


def _sigv4(key: im.IssuedKey) -> Iterator[Request]:
    signer = Signer(key.key_id, key.secret, HOST)
    for number in range(1_000_000):
        path = f"/books/team/7/{number}"
        yield Request("GET", path.encode(), b"", signer.headers("GET", path), client="127.0.0.1")


def _oss_v4(key: im.IssuedKey) -> Iterator[Request]:
    signer = OssSigner(key.key_id, key.secret, HOST)
    for number in range(1_000_000):
        path = f"/books/team/7/{number}"
        yield Request("GET", path.encode(), b"", signer.headers("GET", path), client="127.0.0.1")


def _acs3(key: im.IssuedKey) -> Iterator[Request]:
    signer = AcsSigner(key.key_id, key.secret, HOST, "2015-05-01")
    for number in range(1_000_000):
        name = {"UserName": f"team-7-{number}"}
        query = f"UserName={name['UserName']}".encode()
        yield Request("POST", b"/", query, signer.headers("GetUser", name), client="127.0.0.1")


SCHEMES = (
    Scheme("SigV4, GetObject of S3", "aws/s3", _sigv4),
    Scheme("OSS V4, GetObject of OSS", "aliyun/oss", _oss_v4),
    Scheme("ACS3, GetUser of RAM", "aliyun/ram", _acs3),
)


def documents() -> list[im.Document]:
    """The policies: in turn of IAM and of RAM. The seventh team's statements are the ones that let in."""
    found = []
    for number in range(POLICIES):
        statements: list[dict[str, Any]] = []
        for index in range(STATEMENTS):
            team = number * STATEMENTS + index
            statements.append(_iam(team) if number % 2 == 0 else _ram(team))
        language, version = (im.Language.IAM, "2012-10-17") if number % 2 == 0 else (im.Language.RAM, "1")
        found.append(im.Document(language, json.dumps({"Version": version, "Statement": statements})))
    return found


def _iam(team: int) -> dict[str, Any]:
    match team % 5:
        case 0:
            return {"Effect": "Allow", "Action": ["s3:PutObject", "s3:DeleteObject"], "Resource": _arn(team)}
        case 1:
            return {"Effect": "Deny", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::books/closed/{team}/*"}
        case 2:
            return {"Effect": "Allow", "Action": ["s3:Get*", "iam:GetUser"], "Resource": [_arn(team), _people(team)]}
        case 3:
            only = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "Bool": {"aws:SecureTransport": "true"}}
            return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*/open/*", "Condition": only}
        case _:
            return {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": f"arn:aws:sqs:*:*:queue-{team}"}


def _arn(team: int) -> str:
    return f"arn:aws:s3:::books/team/{team}/*"


def _people(team: int) -> str:
    return f"arn:aws:iam::*:user/team-{team}-*"


def _ram(team: int) -> dict[str, Any]:
    resource = f"acs:oss:*:*:books/team/{team}/*"
    match team % 4:
        case 0:
            return {"Effect": "Allow", "Action": ["oss:PutObject"], "Resource": resource}
        case 1:
            return {"Effect": "Allow", "Action": ["oss:GetObject", "oss:GetObjectAcl"], "Resource": resource}
        case 2:
            only = {"StringNotLike": {"acs:UserAgent": ["curl*"]}}
            return {"Effect": "Deny", "Action": "oss:Get*", "Resource": "acs:oss:*:*:secrets/*", "Condition": only}
        case _:
            return {"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}


class World:
    """A data folder with a bucket and with whoever asks: "root", "user" (who has all the policies), and "role" (whose
    session has them too, below a boundary and a session policy)."""

    def __init__(self, config: Config, stack: ExitStack) -> None:
        self._config = config
        root = stack.enter_context(app.prepare(config)).root
        self.identity = stack.enter_context(app.open_identity(config))
        self.objects = stack.enter_context(app.open_objects(config))
        self._other = stack.enter_context(app.open_identity(config))  # as another worker is
        self.dialects: Mapping[str, Dialect] = {dialect.name: dialect for dialect in app.dialects(config)}
        self.guard = self.new_guard(self.identity)
        self.keys = {"root": im.IssuedKey(root.account, root.access_key_id, root.access_key_secret)}
        self._furnish(root.account)

    def new_guard(self, identity: Identity) -> Guard:
        resources = {"objects": self.objects.owned, "identity": identity.owned}
        return Guard(resources, identity.standing, identity.used)

    def act(self, command: Command, who: str = "root", service: Identity | Objects | None = None) -> Any:
        """Run a command, without asking the guard."""
        key = self.identity.find(self.keys[who].key_id)
        service = service or (self.objects if isinstance(command, om.BucketCommand) else self.identity)
        return asyncio.run(service.handlers[type(command)](key.caller if key else ANONYMOUS, command))

    def _furnish(self, account: str) -> None:
        act = self.act
        act(om.CreateBucket(bucket="books"))
        act(om.PutObject(bucket="books", key="team/7/0", body=Bytes(b"x")))
        everybody = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
        trust = im.Document(im.Language.IAM, json.dumps({"Version": "2012-10-17", "Statement": [everybody]}))
        role = im.EntityRef(im.EntityKind.ROLE, "helm")
        act(im.CreateEntity(ref=role, trust=trust))
        act(im.CreateEntity(ref=USER))
        for group in GROUPS:
            act(im.CreateEntity(ref=group))
            act(im.SetMember(group=group.name, user=USER.name, member=True))
        for number, document in enumerate(documents()):
            act(im.CreatePolicy(policy=f"/p{number}", document=document))
            whose = USER if number < 20 else GROUPS[number % 2]
            act(im.AttachPolicy(ref=whose, policy=f"/p{number}", attached=True))
            if number < 20:
                act(im.AttachPolicy(ref=role, policy=f"/p{number}", attached=True))
        act(im.SetBoundary(ref=role, policy="/p0"))
        self.keys["user"] = act(im.CreateAccessKey(user=USER.name, form="AKIA"))

    def cold_ms(self) -> float:
        """The first request of a user in a worker that has just begun: all is read, parsed and compiled."""
        with app.open_identity(self._config) as fresh:
            return self._first_ms(self.new_guard(fresh))

    def changed_ms(self, number: int) -> float:
        """The first request after a policy was changed by another worker."""
        own = im.Document(im.Language.IAM, json.dumps({"Version": "2012-10-17", "Statement": [_iam(5000 + number)]}))
        self.act(im.PutInlinePolicy(ref=USER, name="own", document=own), service=self._other)
        return self._first_ms(self.guard)

    def _first_ms(self, guard: Guard) -> float:
        request = next(_sigv4(self.keys["user"]))
        begun = time.perf_counter_ns()
        ask(self, guard, self.dialects["aws/s3"], request)
        return (time.perf_counter_ns() - begun) / 1e6


def ask(world: World, guard: Guard, dialect: Dialect, request: Request) -> tuple[int, int]:
    """One request as the gateway treats it, as far as identity goes: nanoseconds of opening, and of the guard."""
    begun = time.perf_counter_ns()
    exchange = dialect.open(request, "0" * 24, world.identity, _now())
    opened = time.perf_counter_ns()
    assert exchange.operation is not None
    assert exchange.operation.bind is not None
    command = exchange.operation.bind(exchange, b"")
    bound = time.perf_counter_ns()
    guard.allow(exchange.caller, command, lambda: facts_of(request, _now), exchange.owners)
    return opened - begun, time.perf_counter_ns() - bound


def _now() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def opened(folder: Path) -> Iterator[World]:
    """A world in a folder of its own."""
    with ExitStack() as stack:
        yield World(Config(data=folder / "data", audit="off"), stack)


def measure(world: World, cells: Mapping[str, Cell], requests: int) -> None:
    """One round: every scheme and caller in turn."""
    for scheme in SCHEMES:
        for who in ("root", "user"):
            made = scheme.make(world.keys[who])
            pool = [next(made) for _ in range(requests)]
            dialect = world.dialects[scheme.dialect]
            for request in pool[: requests // 10]:
                ask(world, world.guard, dialect, request)
            seen = [ask(world, world.guard, dialect, request) for request in pool[requests // 10 :]]
            cell, both = cells[f"{scheme.name}, {who}"], sorted((a + b) / 1000 for a, b in seen)
            cell.opened.append(statistics.median(a for a, _ in seen) / 1000)
            cell.allowed.append(statistics.median(b for _, b in seen) / 1000)
            cell.both.append(statistics.median(both))
            cell.p99.append(both[len(both) * 99 // 100])


def figures_of(chosen: argparse.Namespace, folder: Path) -> report.Figures:
    """All that is measured, as one document."""
    cells = {f"{scheme.name}, {who}": Cell() for scheme in SCHEMES for who in ("root", "user")}
    firsts: dict[str, list[float]] = {"cold": [], "changed": []}
    with opened(folder) as world:
        for number in range(chosen.rounds):
            measure(world, cells, chosen.requests)
            firsts["cold"].append(world.cold_ms())
            firsts["changed"].append(world.changed_ms(number))
    rows = {
        name: {
            part: {"median": statistics.median(values), "low": min(values), "high": max(values)}
            for part, values in vars(cell).items()
        }
        for name, cell in cells.items()
    }
    found = {name: {"median": statistics.median(ms), "low": min(ms), "high": max(ms)} for name, ms in firsts.items()}
    return {
        "machine": report.machine(),
        "rounds": chosen.rounds,
        "requests": chosen.requests,
        "rows": rows,
        "firsts_ms": found,
        "worst_us": max(row["both"]["median"] for name, row in rows.items() if name.endswith("user")),
    }


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.identity", description="What identity adds to a request.")
    parser.add_argument("--quick", action="store_true", help="a smoke test: one short round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=REQUESTS, help="for each scheme, caller and round")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--write", action="store_true", help="put the table into bench/README.md")
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        chosen.rounds, chosen.requests = 1, QUICK_REQUESTS
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = options(arguments)
    with tempfile.TemporaryDirectory(prefix="sampan-bench-") as folder:
        figures = figures_of(chosen, Path(folder))
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n")
    table = report.render_identity(figures, GOAL_US)
    print(table)
    if chosen.write:
        report.write_into_readme(table, BEGIN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
