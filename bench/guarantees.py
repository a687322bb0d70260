"""What a server promises, found out by trying: does it check signatures, and is an acknowledged object on disk?"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from bench.process import Process
from bench.sign import EMPTY_SHA256, Signer, target

# A finished, successful sync in strace's output, whether it was interrupted by another thread's line or not.
_SYNC = re.compile(r"\b(fsync|fdatasync|sync_file_range|msync|syncfs)(\(| resumed>).*= 0$")
_ANSWER = re.compile(r"HTTP/1\.[01] 20[01]")


@dataclass(frozen=True, slots=True)
class Guarantees:
    """Each as a word for the table, established by a probe.

    `signature`: which of five requests that must be refused were refused. `payload`: whether a body other than the
    signed one was refused. `synced`: whether a PUT is synced before its answer, or "not traced". `survives`: whether
    objects acknowledged just before SIGKILL are there after a restart.
    """

    signature: str
    payload: str
    synced: str
    survives: str


def ask(
    port: int, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"", query: str = ""
) -> tuple[int, bytes]:
    """One request on a connection of its own. (0, b"") if the server hung up."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, target(path) + (f"?{query}" if query else ""), body=body, headers=headers or {})
        reply = connection.getresponse()
        return reply.status, reply.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def put(port: int, signer: Signer, path: str, body: bytes) -> int:
    """A well-signed PUT; returns the status."""
    return ask(port, "PUT", path, signer.headers("PUT", path, None, hashlib.sha256(body).hexdigest()), body)[0]


def get(port: int, signer: Signer, path: str) -> tuple[int, bytes]:
    """A well-signed GET."""
    return ask(port, "GET", path, signer.headers("GET", path))


def probe(server: Process, signer: Signer, restart: Callable[[], Process]) -> tuple[Guarantees, Process]:
    """Try everything. The server is killed and started again by `restart`, whose process is returned."""
    port = server.port
    signature, payload = _signatures(port, signer), _payload(port, signer)
    synced = _synced(server, signer)
    survives, server = _survives(server, signer, restart)
    return Guarantees(signature, payload, synced, survives), server


def _signatures(port: int, signer: Signer) -> str:
    """GET of an object that is there, in five ways that must not work, after one that must."""
    path = "/bench/probe"
    put(port, signer, path, b"probe")
    if get(port, signer, path) != (200, b"probe"):
        return "cannot be probed"
    moved = signer.headers("GET", "/bench/other")
    attempts = {
        "wrong secret": replace(signer, secret="not-the-secret").headers("GET", path),
        "unknown key": replace(signer, key_id="NOSUCHKEY00000000001").headers("GET", path),
        "signed for another path": moved,
        "an hour old": replace(signer, when=signer.when - timedelta(hours=1)).headers("GET", path),
        "unsigned": {},
    }
    refused = {name for name, headers in attempts.items() if ask(port, "GET", path, headers)[0] in (400, 401, 403)}
    if len(refused) == len(attempts):
        return "yes"
    if not refused:
        return "no"
    return "partly: accepts " + ", ".join(name for name in attempts if name not in refused)


def _payload(port: int, signer: Signer) -> str:
    headers = signer.headers("PUT", "/bench/payload", None, EMPTY_SHA256)
    status = ask(port, "PUT", "/bench/payload", headers, b"other bytes")[0]
    return "yes" if 400 <= status < 500 else "no"


def _synced(server: Process, signer: Signer) -> str:
    """Trace the server through one small and one large PUT, and look for a sync between request and answer."""
    if not shutil.which("strace"):
        return "not traced"
    verdicts = []
    for name, size in (("small", 1024), ("large", 1 << 20)):
        with tempfile.NamedTemporaryFile("r", suffix=".strace") as out:
            arguments = ["strace", "-f", "-qq", "-e", "trace=desc,network", "-e", "signal=none", "-o", out.name]
            for pid in server.tree():
                arguments += ["-p", str(pid)]
            tracer = subprocess.Popen(arguments, stderr=subprocess.DEVNULL, start_new_session=True)
            time.sleep(1.0)  # until it has attached to every thread
            status = put(server.port, signer, f"/bench/sync-{name}", b"x" * size)
            time.sleep(0.1)
            tracer.terminate()
            tracer.wait()
            if tracer.returncode not in (0, -15, 143) or not 200 <= status < 300:
                return "not traced"
            lines = Path(out.name).read_text(errors="replace").splitlines()
        answer = next((n for n, line in enumerate(lines) if _ANSWER.search(line)), len(lines))
        verdicts.append(any(_SYNC.search(line) for line in lines[:answer]))
    if all(verdicts):
        return "yes"
    return "large only" if verdicts[1] else "small only" if verdicts[0] else "no"


def _survives(server: Process, signer: Signer, restart: Callable[[], Process]) -> tuple[str, Process]:
    bodies = {f"/bench/kill-{number}": bytes([number]) * 5000 for number in range(20)}
    for path, body in bodies.items():
        put(server.port, signer, path, body)
    server.kill()
    server = restart()
    there = 0
    for path, body in bodies.items():
        with contextlib.suppress(OSError):
            there += get(server.port, signer, path) == (200, body)
    return ("yes" if there == len(bodies) else "no" if there == 0 else f"{there} of {len(bodies)}"), server
