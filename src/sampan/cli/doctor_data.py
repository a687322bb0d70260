"""What `sampan doctor` looks at in the data folder: the disk below it, who may read it, and whether it is whole."""

from __future__ import annotations

import os
import socket
import sqlite3
import stat
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from sampan import app
from sampan.cli.doctor_machine import BROKEN, FINE, LOOK, Finding
from sampan.cli.door import running_on
from sampan.config import Config
from sampan.kernel.limits import GIB, MIB

FREE_BYTES_MIN = 100 * MIB  # below, the next large object fails
FREE_BYTES_GOOD = 5 * GIB
FREE_INODES_MIN = 1000  # an object above 64 KiB is one
CHECK_S_MAX = 20  # about a gigabyte of database
SYNCS = 24
SYNC_US_HONEST = 15  # no disk is faster; memory, or a library that swallows fsync, is
SYNC_MS_GOOD = 20
CERTIFICATE_DAYS_MIN = 14

# What is between us and the disk. WAL wants memory that processes share, and flock that all of them respect.
REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "afpfs"})
MEMORY = frozenset({"tmpfs", "ramfs"})


def folder(config: Config) -> Iterator[Finding]:
    """All there is to say about the data folder. Writes nothing but one small temporary file."""
    data = config.data
    if not data.exists():
        yield Finding("data folder", FINE, f"{data} is not there yet", "the first `sampan up` makes it")
        parent = next(path for path in data.parents if path.exists())
        yield from disk(parent)
        return
    yield from access(config)
    yield from disk(data)
    if os.access(data, os.W_OK | os.X_OK):
        yield sync(data)
    yield from certificate(config)


def access(config: Config) -> Iterator[Finding]:
    """Who may read and write."""
    data = config.data
    if not data.is_dir() or not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("data folder", BROKEN, f"{data} cannot be written to", "give yourself the folder: chown, chmod")
        return
    mode = stat.S_IMODE(data.stat().st_mode)
    if mode & 0o077:
        yield Finding("data folder", LOOK, f"{data} is open to others ({mode:04o})", f"chmod 700 {data}")
    else:
        yield Finding("data folder", FINE, f"{data} ({mode:04o})")
    for path in (app.credentials_file(config), data / "secrets.key"):
        if not path.exists():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            yield Finding("secrets", BROKEN, f"{path.name} is open to others ({mode:04o})", f"chmod 600 {path}")
        elif not os.access(path, os.R_OK):
            yield Finding(
                "secrets", BROKEN, f"{path.name} cannot be read", f"it belongs to {path.owner()}: run as they"
            )
        else:
            yield Finding("secrets", FINE, f"{path.name} ({mode:04o})")


def disk(path: Path) -> Iterator[Finding]:
    """Room, and the kind of file system."""
    room = os.statvfs(path)
    free = room.f_bavail * room.f_frsize
    found = f"{free / GIB:.1f} GiB free" if free >= GIB else f"{free // MIB} MiB free"
    if free < FREE_BYTES_MIN or (room.f_files and room.f_favail < FREE_INODES_MIN):
        inodes = f", {room.f_favail} inodes free" if room.f_files else ""
        yield Finding("room", BROKEN, found + inodes, "make room, or choose another folder with --data")
    elif free < FREE_BYTES_GOOD:
        yield Finding("room", LOOK, found, "writes fail with the vendor's error when it is full; nothing else breaks")
    else:
        yield Finding("room", FINE, found)
    kind = _kind_of(path)
    if kind in REMOTE:
        mend = "SQLite's log and locks need a local file system: choose a local folder with --data"
        yield Finding("file system", BROKEN, kind, mend)
    elif kind in MEMORY:
        yield Finding(
            "file system", LOOK, f"{kind}: everything is gone after a reboot", "fine for tests; else use --data"
        )
    elif kind:
        yield Finding("file system", FINE, kind)


def sync(path: Path) -> Finding:
    """Whether fsync does something, and how long it takes: every acknowledged write waits for one."""
    taken_us = []
    with tempfile.TemporaryFile(dir=path) as file:
        for _ in range(SYNCS):
            file.write(b"sampan\n" * 512)
            file.flush()
            started = time.perf_counter()
            os.fsync(file.fileno())
            taken_us.append((time.perf_counter() - started) * 1e6)
    median_us = statistics.median(taken_us)
    found = f"{median_us / 1000:.2f} ms (slowest {max(taken_us) / 1000:.1f})"
    if median_us < SYNC_US_HONEST:
        mend = "no disk is that fast: what is acknowledged may not survive a loss of power (eatmydata? memory?)"
        return Finding("fsync", LOOK, found, mend)
    if median_us > SYNC_MS_GOOD * 1000:
        return Finding("fsync", LOOK, found, "a lone small write takes as long; a faster disk helps, or many writers")
    return Finding("fsync", FINE, found)


def certificate(config: Config) -> Iterator[Finding]:
    """Whether the certificate that TLS shows is valid for a while."""
    path = config.tls_cert or app.authority_file(config).with_name("server.pem")
    if not path.exists():
        if config.tls_cert:
            yield Finding("certificate", BROKEN, f"{path} is not there", "name the file with --tls-cert")
        return
    try:
        ends = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        yield Finding("certificate", BROKEN, f"{path}: {error}", "remove it, and the next start makes a new one")
        return
    left_days = (ends - datetime.fromtimestamp(time.time(), UTC)).days
    found = f"valid until {ends:%Y-%m-%d}"
    if left_days >= CERTIFICATE_DAYS_MIN:
        yield Finding("certificate", FINE, found)
        return
    grade = BROKEN if left_days < 0 else LOOK
    yield Finding(
        "certificate", grade, found, "renew it" if config.tls_cert else "start Sampan again: it renews its own"
    )


def port(config: Config) -> Finding:
    """Whether the port is free, or whose it is."""
    running = running_on(config)
    if running is not None:
        return Finding("server", FINE, f"runs at {running.get('url')}, process {running.get('pid')}")
    where = f"{config.host}:{config.port}"
    if config.port == 0:
        return Finding("port", FINE, "any free one")
    try:
        address = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        return Finding("port", BROKEN, f"{where}: {error.strerror}", "name an address of this machine with --host")
    with socket.socket(address[0], address[1]) as probe:
        # As a server would: a port that only waits for its last packets is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address[4])
        except OSError as error:
            holder = _holder(config.port)
            mend = f"stop {holder or 'what listens there'}, or choose another port with --port"
            return Finding("port", BROKEN, f"{where}: {error.strerror}", mend)
    return Finding("port", FINE, f"{where} is free")


def _kind_of(path: Path) -> str:
    """The file system's name, or "" where the system does not tell (all but Linux)."""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return ""
    found, kind = Path("/"), ""
    for line in lines:
        before, _, after = line.partition(" - ")
        point = Path(before.split()[4].replace("\\040", " "))
        # The deepest mount above the path counts, and of several on one point the last.
        if path.resolve().is_relative_to(point) and len(point.parts) >= len(found.parts):
            found, kind = point, after.split()[0]
    return kind


def _holder(number: int) -> str:
    """Who listens on a port: "nginx (process 4711)", or "" if it cannot be told (another user's, or not Linux)."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        try:
            rows = [line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
        except OSError:
            return ""
        inodes |= {
            f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == number
        }
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(link) in inodes for link in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue
    return ""


def contents(config: Config, *, thorough: bool) -> Iterator[Finding]:
    """Whether the database is whole, and every file that it refers to is there."""
    path = config.data / "store" / "store.db"
    within_s = None if thorough else CHECK_S_MAX
    if path.exists():
        whole = database(path, within_s)
        yield whole
        if whole.grade == BROKEN:
            return
    elif not config.data.is_dir() or (config.data / "format").exists() or not any(config.data.iterdir()):
        return
    try:
        with app.open_objects(config) as objects:
            yield blobs("blobs", objects.referred_blobs(), within_s)
        if (config.data / "files").is_dir():
            with app.open_files(config) as referred:
                yield blobs("files", referred, within_s)
    except app.Trouble as trouble:
        yield Finding("data folder", BROKEN, str(trouble), "use the Sampan that wrote it, or another folder: --data")


def blobs(folder: str, referred: Iterator[tuple[str, bool]], within_s: float | None) -> Finding:
    """Whether the files that the database refers to are in their folder."""
    ends_s = None if within_s is None else time.monotonic() + within_s
    n_seen, lost = 0, []
    for blob_id, there in referred:
        n_seen += 1
        if not there:
            lost.append(blob_id)
        if ends_s is not None and time.monotonic() > ends_s:
            break
    if lost:
        mend = f"restore the folder `{folder}` from a backup"
        return Finding(folder, BROKEN, f"{len(lost)} of {n_seen} files are gone, {lost[0]} for one", mend)
    if ends_s is not None and time.monotonic() > ends_s:
        return Finding(folder, LOOK, f"the first {n_seen} are there", "`sampan doctor --thorough` looks at all")
    return Finding(folder, FINE, f"all {n_seen} files are there")


def database(path: Path, within_s: float | None) -> Finding:
    """SQLite's own check of pages, order and counts. Reads all of it, beside a running server if there is one."""
    ends_s = None if within_s is None else time.monotonic() + within_s
    size = f"{-(-path.stat().st_size // 1024):,} KiB"
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        connection.set_progress_handler(lambda: ends_s is not None and time.monotonic() > ends_s, 100_000)
        problems = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return Finding(
                "database", LOOK, f"{size}, not read to its end", "`sampan doctor --thorough` takes the time"
            )
        return Finding("database", BROKEN, f"{path}: {error}", "restore the data folder from a backup")
    except sqlite3.DatabaseError as error:
        return Finding("database", BROKEN, f"{path}: {error}", "restore the data folder from a backup")
    finally:
        connection.close()
    if problems != ["ok"]:
        return Finding("database", BROKEN, f"{size}; {problems[0]}", "restore the data folder from a backup")
    return Finding("database", FINE, f"{size}, whole")
