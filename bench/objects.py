"""Object servers side by side: `python -m bench.objects` (all of it), `--quick` (a smoke test), `--help`.

Every server gets the same requests from the same client (bench/load.c) in the same run, each request signed on its own
(AWS Signature V4 in the header, the body's SHA-256 signed too). Rounds are interleaved: each row is measured on one
server after the other before the next row begins, in turn forwards and backwards; servers that are not being measured
are stopped (SIGSTOP). Every answer's status is checked, every downloaded byte compared, uploads are sampled.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

from bench import guarantees, load, peers, report
from bench.load import Bodies, Body, Call, Outcome
from bench.peers import Peer
from bench.process import Process, free_ports
from bench.sign import Signer

KIB, MIB = 1024, 1024 * 1024
LISTED = 1000
SIZES = {"1 KiB": KIB, "64 KiB": 64 * KIB, "16 MiB": 16 * MIB}
STORED = {"1 KiB": LISTED, "64 KiB": 200, "16 MiB": 8}  # objects that GET draws from
POOL_BYTES_MAX = {"1 KiB": 64 * MIB, "64 KiB": 512 * MIB, "16 MiB": 1024 * MIB}  # what one PUT cell may write
WARM_BYTES = 64 * MIB
CONNECTIONS = (1, 32)
QUICK_CONNECTIONS = (1, 4)
ROWS = (
    "PUT 1 KiB", "DELETE", "PUT 64 KiB", "PUT 16 MiB",
    "GET 1 KiB", "GET 64 KiB", "GET 16 MiB", "HEAD", "LIST 1000",
)  # fmt: skip


@dataclass
class Cell:
    """What was measured for one row, one number of connections and one server: a value for each round."""

    per_second: list[float] = field(default_factory=list)
    p50_us: list[float] = field(default_factory=list)
    p99_us: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)  # the server's processor time for each request
    peak_bytes: list[int] = field(default_factory=list)
    bad: int = 0
    complaint: str = ""

    def add(self, outcome: Outcome, cpu_s: float, peak_bytes: int) -> None:
        self.per_second.append(outcome.per_second)
        self.p50_us.append(outcome.p50)
        self.p99_us.append(outcome.p99)
        self.cpu_us.append(cpu_s * 1e6 / max(1, outcome.good))
        self.peak_bytes.append(peak_bytes)
        self.bad += outcome.bad
        self.complaint = self.complaint or outcome.complaint


@dataclass
class Contestant:
    """A server in the run, with what is known of its state."""

    peer: Peer
    version: str
    process: Process
    folder: Path
    signer: Signer
    guarantees: guarantees.Guarantees | None = None
    cells: dict[str, Cell] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)  # requests a second seen last, to size the next pool
    written: list[Call] = field(default_factory=list)  # the DELETEs that undo the last PUT 1 KiB
    idle_bytes: int = 0

    def sign(self) -> Signer:
        """A signer of this moment: signatures must not be older than 15 minutes."""
        self.signer = Signer(self.peer.key_id, self.peer.secret, self.signer.host)
        return self.signer


class Run:
    """One benchmark run: its folder, its load generator, its bodies."""

    def __init__(self, folder: Path, seconds: float, quick: bool) -> None:
        self.folder = folder
        self.seconds = seconds
        self.quick = quick
        self.program = load.build(peers.cache())
        self.bodies = Bodies(folder / "bodies", max(SIZES.values()))
        self.serial = 0

    def start(self, peer: Peer, port: int) -> Process:
        folder = self.folder / peer.name.replace(" ", "-").replace(",", "")
        (folder / "data").mkdir(parents=True, exist_ok=True)
        command, environment = peer.command(folder, port), peer.environment(folder, port)
        peer.prepare(folder, port)
        return Process(command, port, folder / "log", environment, peer.start_s)

    def enter(self, peer: Peer, port: int) -> Contestant:
        """Start a server, fill it with what is read later, find out what it guarantees."""
        process = self.start(peer, port)
        signer = Signer(peer.key_id, peer.secret, f"127.0.0.1:{port}")
        one = Contestant(peer, peer.version(), process, self.folder, signer)
        try:
            if peer.object_server:
                for bucket in ("bench", "listing"):
                    self._make_bucket(one, bucket)
                if not self.quick:
                    one.guarantees, one.process = guarantees.probe(process, signer, lambda: self.start(peer, port))
                    for bucket in ("bench", "listing"):
                        self._make_bucket(one, bucket, again=True)
            one.idle_bytes = one.process.resident_bytes()
            for name, size in SIZES.items():
                calls = [Call("PUT", path, body=body) for path, body in self._stored(name, size)]
                self._send(one, calls, connections=4, seconds=120, what=f"filling with {name}")
        except BaseException:
            one.process.kill()
            raise
        return one

    def _make_bucket(self, one: Contestant, bucket: str, *, again: bool = False) -> None:
        status = guarantees.put(one.process.port, one.sign(), f"/{bucket}", b"")
        if not 200 <= status < 300 and not (again and status == 409):
            raise RuntimeError(f"{one.peer.name}: creating a bucket answered {status}")

    def _stored(self, name: str, size: int) -> Iterator[tuple[str, Body]]:
        """Paths and bodies of the objects that GET draws from."""
        bucket = "listing" if name == "1 KiB" else "bench"
        for number in range(STORED[name]):
            yield f"/{bucket}/{name.replace(' ', '')}-{number:05}", self.bodies.pick(number, size)

    def _send(self, one: Contestant, calls: list[Call], connections: int, seconds: float, what: str) -> Outcome:
        """Send all `calls` once, untimed, and insist that all succeed (but for clearing up, which is no matter)."""
        pool = self.folder / "pool"
        load.write_pool(pool, calls, one.sign())
        port = one.process.port
        outcome = load.run(self.program, port, connections, seconds, pool, self.bodies.path, loop=False)
        if outcome.good != len(calls) and what != "clearing up":
            raise RuntimeError(f"{one.peer.name}: {what}: {outcome.good} of {len(calls)}: {outcome.complaint[:200]}")
        return outcome

    def measure(self, one: Contestant, row: str, connections: int) -> None:
        """One row, one round."""
        name = f"{row} x{connections}"
        calls, loop = self._calls(one, row, connections)
        if not calls:
            return
        pool = self.folder / "pool"
        load.write_pool(pool, calls, one.sign())
        one.process.forget_peak()
        cpu_s = one.process.cpu_s()
        port = one.process.port
        outcome = load.run(self.program, port, connections, self.seconds, pool, self.bodies.path, loop=loop)
        cpu_s = one.process.cpu_s() - cpu_s
        one.cells.setdefault(name, Cell()).add(outcome, cpu_s, one.process.peak_bytes())
        one.rates[name] = max(outcome.per_second, 1.0)
        done = calls[: outcome.good] if not loop and not outcome.bad else []
        if row.startswith("PUT") and done:
            self._check_and_clear(one, row, done)
        elif row == "DELETE" and done:
            one.written = one.written[len(done) :]
            sample = done[:: max(1, len(done) // 20)]
            there = [call.path for call in sample if guarantees.get(port, one.sign(), call.path)[0] != 404]
            if there:
                one.cells[name].complaint = f"deleted and still there: {there[0]}"

    def _calls(self, one: Contestant, row: str, connections: int) -> tuple[list[Call], bool]:
        """The pool of a row, and whether it is repeated."""
        if row == "LIST 1000":
            if not one.peer.listing:
                return [], True
            return [Call("GET", "/listing", {"list-type": "2", "max-keys": str(LISTED)})], True
        if row == "DELETE":
            return list(one.written), False
        verb, _, size_name = row.partition(" ")
        size_name = size_name or "1 KiB"
        if verb != "PUT":
            return [Call(verb, path, want=body) for path, body in self._stored(size_name, SIZES[size_name])], True
        self.serial += 1
        rate = one.rates.get(f"{row} x{connections}") or self._guess(one, row, connections)
        count = int(rate * self.seconds * 1.5) + 4 * connections
        count = min(count, POOL_BYTES_MAX[size_name] // SIZES[size_name])
        return list(islice(self._puts(size_name, f"{self.serial}"), count)), False

    def _puts(self, size_name: str, serial: str) -> Iterator[Call]:
        number = 0
        while True:
            path = f"/bench/put{size_name.replace(' ', '')}-{serial}-{number:06}"
            yield Call("PUT", path, body=self.bodies.pick(number, SIZES[size_name]))
            number += 1

    def _guess(self, one: Contestant, row: str, connections: int) -> float:
        """A first idea of how fast PUT is, which warms the server up too."""
        size_name = row.partition(" ")[2]
        count = max(connections, min(8 * connections, WARM_BYTES // SIZES[size_name]))
        calls = list(islice(self._puts(size_name, f"w{self.serial}"), count))
        outcome = self._send(one, calls, connections, 60, "warming up")
        self._send(one, [Call("DELETE", call.path) for call in calls], 4, 60, "clearing up")
        return outcome.per_second * 2  # a cold start is slower than what follows

    def _check_and_clear(self, one: Contestant, row: str, done: list[Call]) -> None:
        """Read a sample of what was put, byte for byte, then delete it all (of 1 KiB, in the row DELETE)."""
        sample = [Call("GET", call.path, want=call.body) for call in done[:: max(1, len(done) // 20)]]
        self._send(one, sample, 2, 60, "reading back")
        deletes = [Call("DELETE", call.path) for call in done]
        if row == "PUT 1 KiB":
            one.written += deletes
        else:
            self._send(one, deletes, 8, 120, "clearing up")

    def check_list(self, one: Contestant) -> None:
        """The listing that is measured must name all objects."""
        headers = one.sign().headers("GET", "/listing", {"list-type": "2", "max-keys": str(LISTED)})
        query = f"list-type=2&max-keys={LISTED}"
        status, body = guarantees.ask(one.process.port, "GET", "/listing", headers, query=query)
        if status != 200 or body.count(b"<Key>") != LISTED:
            raise RuntimeError(f"{one.peer.name}: LIST answered {status} with {body.count(b'<Key>')} keys")


@contextmanager
def awake(one: Contestant) -> Iterator[None]:
    """Let this server run for as long as it is measured."""
    one.process.resume()
    try:
        yield
    finally:
        one.process.pause()


def options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.objects", description="Object servers side by side.")
    parser.add_argument("--quick", action="store_true", help="a smoke test: Sampan alone, one short round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each row, server and round")
    parser.add_argument("--only", action="append", default=[], help="servers whose name begins so; may be repeated")
    parser.add_argument("--rows", action="append", default=[], help="rows that begin so; may be repeated")
    parser.add_argument("--no-install", action="store_true", help="use what is installed")
    parser.add_argument("--folder", type=Path, help="where servers keep their data (default: the temporary folder)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--write", action="store_true", help="put the tables into bench/README.md")
    parser.set_defaults(connections=CONNECTIONS)
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        chosen.rounds, chosen.seconds, chosen.connections = 1, 0.2, QUICK_CONNECTIONS
        chosen.only = chosen.only or ["sampan, 1"]
    return chosen


def measure_all(chosen: argparse.Namespace, folder: Path) -> tuple[list[Contestant], dict[str, str]]:
    """All servers, rows and rounds. The second result names the servers that could not be measured, and why."""
    run = Run(folder, chosen.seconds, chosen.quick)
    absent: dict[str, str] = {}
    field_of: list[Contestant] = []
    rows = [row for row in ROWS if not chosen.rows or any(row.startswith(start) for start in chosen.rows)]
    ports = free_ports()
    try:
        for peer in peers.all_peers():
            if chosen.only and not any(peer.name.startswith(start) for start in chosen.only):
                continue
            why = peer.ready(install=not chosen.no_install)
            if not why:
                try:
                    one = run.enter(peer, next(ports))
                    field_of.append(one)
                    if peer.listing:
                        run.check_list(one)
                    one.process.pause()
                    say(f"{peer.name} {one.version}: {one.guarantees}")
                except RuntimeError as error:
                    why = str(error)
            if why:
                absent[peer.name] = why
                say(f"{peer.name}: not measured: {why}")
        for number in range(chosen.rounds):
            for connections in chosen.connections:
                for row in rows:
                    for one in field_of if number % 2 == 0 else reversed(field_of):
                        with awake(one):
                            run.measure(one, row, connections)
            say(f"round {number + 1} of {chosen.rounds} done")
    finally:
        for one in field_of:
            one.process.kill()
    return field_of, absent


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def summary(field_of: list[Contestant], absent: dict[str, str], chosen: argparse.Namespace) -> report.Figures:
    """The figures as one document: medians, spreads, guarantees, and where they were taken."""
    servers = []
    for one in field_of:
        rows = {}
        for name, cell in one.cells.items():
            rows[name] = {
                "per_second": statistics.median(cell.per_second),
                "low": min(cell.per_second),
                "high": max(cell.per_second),
                "p50_us": statistics.median(cell.p50_us),
                "p99_us": statistics.median(cell.p99_us),
                "cpu_us": statistics.median(cell.cpu_us),
                "peak_bytes": max(cell.peak_bytes),
                "bad": cell.bad,
                "complaint": cell.complaint,
            }
        servers.append(
            {
                "name": one.peer.name,
                "version": one.version,
                "object_server": one.peer.object_server,
                "storage": one.peer.storage,
                "guarantees": asdict(one.guarantees) if one.guarantees else {},
                "idle_bytes": one.idle_bytes,
                "rows": rows,
            }
        )
    return {
        "machine": report.machine(),
        "rounds": chosen.rounds,
        "seconds": chosen.seconds,
        "connections": list(chosen.connections),
        "absent": absent,
        "servers": servers,
    }


def main(arguments: list[str] | None = None) -> int:
    chosen = options(arguments)
    parent = chosen.folder or Path(tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix="sampan-bench-", dir=parent))
    try:
        figures = summary(*measure_all(chosen, folder), chosen)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n")
    tables = report.render(figures)
    print(tables)
    if chosen.write:
        report.write_into_readme(tables)
    failed = any(row["bad"] or row["complaint"] for one in figures["servers"] for row in one["rows"].values())
    return 1 if failed and chosen.quick else 0


if __name__ == "__main__":
    sys.exit(main())
