"""Models whose process is killed, clients that vanish, a server that is killed: what is told, and what is left."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.engines.llm_host import socket_folder
from sampan.engines.llm_local import LocalEngine
from sampan.kernel.asking import Condition, ModelRef, Standing
from tests.harness import Server
from tests.llm import folders

pytestmark = pytest.mark.skipif(bool(folders.missing()), reason=f"not installed: {', '.join(folders.missing())}")
KEY = "sk-test-key-of-the-root-account"
SETTINGS = {"threads": 1, "cache_bytes": 32 << 20}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Server, ModelRef]]:
    """A server of the test's own with one model."""
    folder = folders.chat(tmp_path / "tiny")
    config = tmp_path / "sampan.toml"
    lines = [f'source = "{folder}"', *(f"{name} = {value}" for name, value in SETTINGS.items())]
    config.write_text("[models.tiny]\n" + "\n".join(lines) + "\n")
    flags = ("--config", str(config), "--workers", "2")
    with Server(tmp_path / "data", *flags, env={"SAMPAN_ROOT_API_KEY": KEY}) as server:
        yield server, ModelRef(str(folder), SETTINGS)


def ask(server: Server, **changes: object) -> http.client.HTTPConnection:
    """Ask for a chat completion; its answer is to be read by who asked."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    document = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}], "seed": 1} | changes
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(document), headers)
    return connection


def condition(server: Server, model: ModelRef) -> Condition:
    async def asked() -> Condition:
        engine = LocalEngine(server.data / "run")
        try:
            return await engine.condition(model)
        finally:
            engine.close()

    return asyncio.run(asked())


def processes(server: Server) -> list[int]:
    """Those that run models for this server."""
    sockets = f"{socket_folder(server.data / 'run')}/"
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().decode().split("\0")
            if "--socket" in words and words[words.index("--socket") + 1].startswith(sockets):
                found.append(int(path.parent.name))
    return found


def eventually(what, seconds: float) -> float:
    """How long it took until it was so."""
    started = time.monotonic()
    while not what():
        assert time.monotonic() - started < seconds
        time.sleep(0.002)
    return time.monotonic() - started


LONG = {"stream": True, "ignore_eos": True, "max_tokens": 4000}


def test_killed_and_left(served):
    server, model = served
    whole = json.loads(ask(server).getresponse().read())["choices"][0]["message"]["content"]

    # A client that vanishes frees its place at once.
    for abort in (False, True):
        connection = ask(server, **LONG)
        connection.getresponse().readline()
        assert condition(server, model).running == 1
        if abort:  # no goodbye, as when a machine crashes behind a proxy that resets
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
        connection.sock = None
        assert eventually(lambda: condition(server, model).running == 0, 2) < 0.2  # some of it is this test's own

    # A process that is killed ends its answer with an error, in the stream's own form.
    reply = ask(server, **LONG).getresponse()
    reply.readline()
    [process] = processes(server)
    os.kill(process, signal.SIGKILL)
    events = [line[6:] for line in reply.read().decode().splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    assert json.loads(events[-2])["error"]["code"] == "engine_failed"

    # The server is as well as before, says when to come back, and then the model answers as it did.
    eventually(lambda: condition(server, model).standing is Standing.FAILED, 5)
    refused = ask(server).getresponse()
    refused.read()
    assert refused.status in (429, 503)
    time.sleep(float(refused.headers["retry-after"]))
    assert json.loads(ask(server).getresponse().read())["choices"][0]["message"]["content"] == whole

    # Nothing outlives the server, however it ends.
    assert len(processes(server)) == 1
    server.kill()
    eventually(lambda: processes(server) == [], 5)
    server.start()
    assert json.loads(ask(server).getresponse().read())["choices"][0]["message"]["content"] == whole
    server.stop()
    assert processes(server) == []
