"""Drives bench/load.c: makes its pool of signed requests, runs it, and reads what it saw."""

from __future__ import annotations

import array
import hashlib
import json
import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.sign import EMPTY_SHA256, Signer, target

ANY = 2**64 - 1
_RECORD = struct.Struct("<IIQQQQ")  # struct request of load.c
_PLACES = 16  # so many different bodies of a size: their hashes are computed once
_STEP = 4099  # bytes between the beginnings of two bodies; odd, so that no page of one equals a page of another


@dataclass(frozen=True, slots=True)
class Body:
    """A piece of the file of random bytes that all bodies are cut from."""

    at: int
    size: int
    sha256: str


class Bodies:
    """Random bytes on disk, shared with the load generator, and the pieces of it that serve as objects."""

    def __init__(self, path: Path, size_max: int) -> None:
        self.path = path
        self._data = random.Random(1).randbytes(size_max + _PLACES * _STEP)
        path.write_bytes(self._data)
        self._made: dict[tuple[int, int], Body] = {}

    def pick(self, number: int, size: int) -> Body:
        """The body of object `number`; neighbours differ."""
        place = number % _PLACES
        body = self._made.get((place, size))
        if body is None:
            at = place * _STEP
            body = Body(at, size, hashlib.sha256(self._data[at : at + size]).hexdigest())
            self._made[place, size] = body
        return body

    def bytes_of(self, body: Body) -> bytes:
        return self._data[body.at : body.at + body.size]


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a pool. `body` is sent; `want` must come back, byte for byte (of a HEAD: its length)."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    want: Body | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of the load generator saw. Times in microseconds unless the name says otherwise."""

    good: int
    bad: int
    elapsed_s: float
    p50: float
    p99: float
    reconnects: int
    complaint: str

    @property
    def per_second(self) -> float:
        return self.good / self.elapsed_s if self.elapsed_s > 0 else 0.0


def build(folder: Path) -> Path:
    """Compile load.c into `folder`, once for each version of the source."""
    source = Path(__file__).with_name("load.c")
    program = folder / f"load-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}"
    if not program.exists():
        draft = program.with_suffix(f".{os.getpid()}")
        try:
            subprocess.run(["cc", "-O2", "-o", draft, source], check=True)
        except FileNotFoundError:
            sys.exit("bench: a C compiler is needed for the load generator (apt-get install gcc)")
        draft.replace(program)
    return program


def write_pool(path: Path, calls: Iterable[Call], signer: Signer) -> None:
    """Sign `calls` and write them in the order in which they will be sent."""
    with path.open("wb", buffering=1 << 20) as out:
        for call in calls:
            payload = call.body.sha256 if call.body else EMPTY_SHA256
            headers = signer.headers(call.method, call.path, call.query, payload)
            if call.body or call.method == "PUT":
                headers["content-length"] = str(call.body.size if call.body else 0)
            lines = [f"{call.method} {target(call.path, call.query)} HTTP/1.1"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            head = ("\r\n".join(lines) + "\r\n\r\n").encode()
            sent = (call.body.at, call.body.size) if call.body else (0, 0)
            wanted = (call.want.at, call.want.size) if call.want else (ANY, ANY)
            record = _RECORD.pack(len(head), call.method == "HEAD", *sent, *wanted) + head
            out.write(record + b"\0" * (-len(record) % 8))


def run(program: Path, port: int, connections: int, seconds: float, pool: Path, bodies: Path, *, loop: bool) -> Outcome:
    """Send the pool. Each request at most once, unless `loop`."""
    latencies = pool.with_suffix(".latencies")
    numbers = [str(port), str(connections), f"{seconds:.3f}", str(int(loop))]
    done = subprocess.run(
        [program, *numbers, pool, bodies, latencies], check=True, capture_output=True, timeout=seconds + 120
    )
    seen = json.loads(done.stdout)
    micros = array.array("f", latencies.read_bytes())
    ranked = sorted(micros)
    complaint = f"{seen['first_bad_status']} {seen['first_bad']}".strip()
    return Outcome(
        good=seen["good"],
        bad=seen["bad_status"] + seen["bad_body"] + seen["broken"] + seen["unfinished"],
        elapsed_s=seen["elapsed_s"],
        p50=ranked[len(ranked) // 2] if ranked else 0.0,
        p99=ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))] if ranked else 0.0,
        reconnects=seen["reconnects"],
        complaint=complaint if complaint != "0" else "",
    )
