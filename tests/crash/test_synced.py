"""Acknowledged means synced. SIGKILL cannot show it, since the system's cache outlives a process: so look on.

strace writes down every sync, with its file's name, and every answer, in the order in which they happened.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.wire import Reply, Wire
from tests.harness import Server

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
ATTACH_S_MAX = 10
LARGE = b"x" * 300_000

# `fdatasync(7</data/store/store.db-wal>) = 0`; a call that another thread's line interrupts ends on a line of its own.
_CALL = re.compile(r"^(?P<pid>\d+) +(?:fsync|fdatasync)\(\d+<(?P<path>[^>]*)>(?P<done>\) += 0$)?")
_RESUMED = re.compile(r"^(?P<pid>\d+) +<\.\.\. (?:fsync|fdatasync) resumed>\) += 0$")
_ANSWER = re.compile(r"^\d+ +(?:writev|sendto|sendmsg|write)\(.*HTTP/1\.1 20")


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    with Server(tmp_path / "data") as server:
        yield server, tmp_path / "trace"


def synced_before_answer(server: Server, trace: Path, send: Callable[[Wire], Reply]) -> list[str]:
    """The files that were synced, in order, before the request was answered; paths below the data folder."""
    wire = Wire(server)
    wire.s3("HEAD", "/bucket")
    command = ["strace", "-f", "-y", "-s", "16", "-o", str(trace), "-e", "trace=fsync,fdatasync,writev,sendto,sendmsg"]
    tracer = subprocess.Popen(
        [*command, *[word for pid in server.workers() for word in ("-p", str(pid))]],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tracer.stderr is not None
    assert "attached" in tracer.stderr.readline()
    time.sleep(0.5)  # the other threads
    reply = send(wire)
    assert reply.good, reply
    time.sleep(0.1)
    tracer.terminate()
    tracer.communicate(timeout=ATTACH_S_MAX)
    wire.close()
    found, open_calls = [], {}
    for line in trace.read_text(errors="replace").splitlines():
        if _ANSWER.match(line):
            break
        call, resumed = _CALL.match(line), _RESUMED.match(line)
        if call is not None and call["done"]:
            found.append(call["path"])
        elif call is not None:
            open_calls[call["pid"]] = call["path"]
        elif resumed is not None and resumed["pid"] in open_calls:
            found.append(open_calls.pop(resumed["pid"]))
    else:
        pytest.fail("the answer was not seen")
    return [path.removeprefix(str(server.data.resolve()) + "/") for path in found]


def make_bucket(server: Server) -> None:
    wire = Wire(server)
    assert wire.s3("PUT", "/bucket").good
    assert wire.s3("PUT", "/bucket/old", body=b"old").good
    wire.close()


@pytest.mark.parametrize("send", [
    pytest.param(lambda wire: wire.s3("PUT", "/bucket/key", body=b"small"), id="put"),
    pytest.param(lambda wire: wire.s3("DELETE", "/bucket/old"), id="delete"),
    pytest.param(lambda wire: wire.s3("PUT", "/other"), id="create bucket"),
    pytest.param(lambda wire: wire.oss("POST", "/bucket/log", {"append": "", "position": "0"}, b"line"), id="append"),
])  # fmt: skip
def test_a_change_is_synced_before_it_is_acknowledged(
    traced: tuple[Server, Path], send: Callable[[Wire], Reply]
) -> None:
    server, trace = traced
    make_bucket(server)
    assert "store/store.db-wal" in synced_before_answer(server, trace, send)


@pytest.mark.parametrize("send", [
    pytest.param(lambda wire: wire.s3("PUT", "/bucket/key", body=LARGE), id="put"),
    pytest.param(lambda wire: wire.oss("POST", "/bucket/log", {"append": "", "position": "0"}, LARGE), id="append"),
])  # fmt: skip
def test_bytes_are_synced_before_what_refers_to_them(
    traced: tuple[Server, Path], send: Callable[[Wire], Reply]
) -> None:
    """The blob, the folder that names it, and only then the row."""
    server, trace = traced
    make_bucket(server)
    synced = synced_before_answer(server, trace, send)
    blobs = [path for path in synced if re.fullmatch(r"blobs/../[0-9a-f]{32}", path)]
    assert len(blobs) == 1, synced
    folder = blobs[0].rpartition("/")[0]
    last = len(synced) - 1 - synced[::-1].index("store/store.db-wal")
    assert synced.index(blobs[0]) < last, synced
    assert folder in synced[:last], synced
