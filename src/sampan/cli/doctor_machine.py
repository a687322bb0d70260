"""What `sampan doctor` looks at on the machine: programs, clocks, limits, names and leftovers of other setups."""

from __future__ import annotations

import os
import resource
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from sampan.cli.env import PROXIES, STALE
from sampan.config import Config

FINE, LOOK, BROKEN = "fine", "look", "broken"

PYTHON_MIN = (3, 11)
SQLITE_MIN = (3, 35, 0)  # RETURNING and a WAL that survives what older ones did not; Debian 12 has 3.40
FILES_MIN = 1024  # a connection is one, and so are an open blob and a reader of the database
FILES_GOOD = 4096
BORN_S = 1_700_000_000  # November 2023: a clock before that was never set


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `mend` says what to do about it, and is empty when it is fine."""

    what: str
    grade: str
    found: str
    mend: str = ""


def machine(config: Config) -> Iterator[Finding]:
    """All there is to say about the machine. Reads only."""
    yield python()
    yield sqlite()
    yield clock()
    yield files()
    yield from leftovers()
    yield names(config)


def python() -> Finding:
    """The interpreter's version."""
    found = sys.version.split()[0]
    if sys.version_info < PYTHON_MIN:
        return Finding("Python", BROKEN, found, f"use Python {PYTHON_MIN[0]}.{PYTHON_MIN[1]} or newer")
    return Finding("Python", FINE, found)


def sqlite() -> Finding:
    """The library behind `sqlite3`, and whether threads may share it."""
    found = f"{sqlite3.sqlite_version}, threadsafety {sqlite3.threadsafety}"
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        return Finding("SQLite", BROKEN, found, "use a Python whose SQLite is 3.35 or newer")
    if sqlite3.threadsafety == 0:
        return Finding("SQLite", BROKEN, found, "use a Python whose SQLite was compiled for threads")
    return Finding("SQLite", FINE, found)


def clock() -> Finding:
    """Whether the wall clock can be right. Both clouds refuse requests that are 15 minutes off."""
    now_s = time.time()
    found = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now_s))
    if now_s < BORN_S:
        return Finding("clock", BROKEN, found, "set the clock: clients' signatures would be refused as skewed")
    return Finding("clock", FINE, found)


def files() -> Finding:
    """How many files a process may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = f"{soft} open files a process"
    raise_it = f"raise it before `sampan up`: ulimit -n {min(hard, 65536) if hard > 0 else 65536}"
    if soft < FILES_MIN:
        return Finding("limits", BROKEN, found, raise_it)
    if soft < FILES_GOOD:
        return Finding("limits", LOOK, found, f"enough for a few hundred connections; {raise_it}")
    return Finding("limits", FINE, found)


def leftovers() -> Iterator[Finding]:
    """Variables that would send an SDK elsewhere, or make it sign with something else."""
    stale = [name for name in STALE if os.environ.get(name)]
    if stale:
        yield Finding("variables", LOOK, f"set: {', '.join(stale)}", 'eval "$(sampan env)" clears them for this shell')
    spared = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    proxies = [name for name in PROXIES if os.environ.get(name)]
    if proxies and "127.0.0.1" not in spared and spared != "*":
        mend = "most SDKs would ask the proxy for 127.0.0.1 too: set no_proxy=127.0.0.1,localhost (`sampan env` does)"
        yield Finding("proxy", LOOK, f"set: {', '.join(proxies)}", mend)
    if not stale and not proxies:
        yield Finding("variables", FINE, "nothing that would mislead an SDK")


def names(config: Config) -> Finding:
    """Whether a bucket can be a host name here: `photos.localhost` resolves with some resolvers only."""
    domain = config.domains[0] if config.domains else "localhost"
    name = f"sampan-doctor.{domain}"
    try:
        address = socket.getaddrinfo(name, config.port, proto=socket.IPPROTO_TCP)[0][4][0]
    except OSError:
        mend = "only clients that put the bucket into the host name need it; use path style, as docs/clients.md shows"
        return Finding("host names", LOOK, f"*.{domain} does not resolve", mend)
    return Finding("host names", FINE, f"*.{domain} resolves to {address}")
