"""Memory stays flat whatever the object's size, and however slowly it is read."""

from __future__ import annotations

import http.client
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.process import forget_peak, status_bytes, tree
from bench.sign import Signer
from tests.crash.wire import Wire
from tests.harness import Server

MIB = 1024 * 1024
GROWTH_BYTES_MAX = 48 * MIB  # buffers of the server and of the sockets, not the object
PART = random.Random(1).randbytes(MIB)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data") as running:
        wire = Wire(running)
        assert wire.s3("PUT", "/large").good
        # Warm: what is loaded and allocated once is not growth.
        assert wire.s3("PUT", "/large/warm", body=PART * 4).good
        assert wire.s3("GET", "/large/warm").body == PART * 4
        wire.close()
        yield running


class Growth:
    """How far resident memory has risen above what it was at the beginning, at its highest."""

    def __init__(self, server: Server) -> None:
        self._pids = tree(server.pid)
        forget_peak(self._pids)
        self._before = sum(status_bytes(pid, "VmRSS") for pid in self._pids)

    @property
    def bytes(self) -> int:
        return sum(status_bytes(pid, "VmHWM") for pid in self._pids) - self._before


def put(server: Server, path: str, mib: int, pause_s: float = 0) -> None:
    """Upload `mib` times PART, without holding it as a whole."""

    def body() -> Iterator[bytes]:
        for number in range(mib):
            if pause_s and number % 16 == 0:
                time.sleep(pause_s)
            yield PART

    signer = Signer(server.key_id, server.secret, server.host)
    headers = signer.headers("PUT", path, payload_sha256="UNSIGNED-PAYLOAD")
    connection = http.client.HTTPConnection(server.host, timeout=120)
    connection.request("PUT", path, body=body(), headers={**headers, "content-length": str(mib * MIB)})
    reply = connection.getresponse()
    assert reply.status == 200, reply.read()
    connection.close()


def get(server: Server, path: str, mib: int, pause_s: float = 0) -> None:
    """Download it and compare every byte; at first read nothing for `pause_s`."""
    signer = Signer(server.key_id, server.secret, server.host)
    connection = http.client.HTTPConnection(server.host, timeout=120)
    connection.request("GET", path, headers=signer.headers("GET", path))
    reply = connection.getresponse()
    assert reply.status == 200
    time.sleep(pause_s)
    for _ in range(mib):
        assert reply.read(MIB) == PART
    assert reply.read() == b""
    connection.close()


def round_trip(server: Server, mib: int) -> None:
    growth = Growth(server)
    put(server, "/large/object", mib)
    uploaded = growth.bytes
    assert uploaded < GROWTH_BYTES_MAX, f"PUT of {mib} MiB took {uploaded / MIB:.0f} MiB"
    growth = Growth(server)
    get(server, "/large/object", mib)
    assert growth.bytes < GROWTH_BYTES_MAX, f"GET of {mib} MiB took {growth.bytes / MIB:.0f} MiB"


def test_memory_is_flat_for_a_large_object(server: Server) -> None:
    round_trip(server, 256)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_memory_is_flat_for_a_gigabyte(server: Server) -> None:
    round_trip(server, 1024)


def test_memory_is_flat_while_clients_read_slowly(server: Server) -> None:
    """Eight clients ask for 64 MiB each and then read nothing: the server must not read ahead of them."""
    put(server, "/large/slow", 64)
    growth = Growth(server)
    signer = Signer(server.key_id, server.secret, server.host)
    head = "".join(f"{name}: {value}\r\n" for name, value in signer.headers("GET", "/large/slow").items())
    idle = []
    for _ in range(8):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(f"GET /large/slow HTTP/1.1\r\n{head}\r\n".encode())
        idle.append(client)
    time.sleep(2)
    taken = growth.bytes
    for client in idle:
        client.close()
    assert taken < GROWTH_BYTES_MAX, f"eight clients that read nothing took {taken / MIB:.0f} MiB"
    get(server, "/large/slow", 64, pause_s=0.2)


def test_memory_is_flat_while_a_client_writes_slowly_or_leaves(server: Server) -> None:
    growth = Growth(server)
    put(server, "/large/slow", 64, pause_s=0.05)
    signer = Signer(server.key_id, server.secret, server.host)
    headers = signer.headers("PUT", "/large/gone", payload_sha256="UNSIGNED-PAYLOAD")
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    for _ in range(8):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(f"PUT /large/gone HTTP/1.1\r\n{head}content-length: {64 * MIB}\r\n\r\n".encode())
            for _ in range(8):
                client.sendall(PART)
    assert growth.bytes < GROWTH_BYTES_MAX, f"took {growth.bytes / MIB:.0f} MiB"
    wire = Wire(server)
    assert wire.s3("GET", "/large/gone").status == 404, "half an object is visible"
    wire.close()
