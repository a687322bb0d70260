"""Unkind clients, and a model's process that is killed under them: afterwards nothing is held for who is gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sampan.engines.llm_local import LocalEngine
from sampan.kernel.asking import Condition, ModelRef
from tests.harness import Server
from tests.models.conftest import api_keys
from tests.models.unkind import LONG, Refused, Talker, status

SETTINGS = {"threads": 1, "cache_bytes": 16 << 20, "waiting_max": 8}
PLACES = {"tiny": 4, "narrow": 1}  # two models of the same folder, by how many they answer at once
CLIENTS = 12
QUIET_S_MAX = 5.0
FREED_S_MAX = 0.1
FILES_MORE_MAX = 4  # a connection to the host or to a model may be open that was not
GROWTH_KIB_MAX = 32 << 10


@dataclass(frozen=True)
class Watched:
    """A server whose processes are looked at."""

    server: Server
    talker: Talker
    model: ModelRef

    def condition(self) -> Condition:
        """What the model's process says of itself."""

        async def ask() -> Condition:
            engine = LocalEngine(self.server.data / "run")
            try:
                return await engine.condition(self.model)
            finally:
                engine.close()

        return asyncio.run(ask())

    def process(self) -> int | None:
        """The model's process, if there is one."""
        places = f'"sequences_max": {PLACES[self.talker.model]}'.encode()
        return next((pid for pid in self.server.workers() if places in _command(pid)), None)

    def pids(self) -> list[int]:
        """The workers and the model's process; not the parent."""
        return self.server.workers()

    def files(self) -> dict[int, int]:
        """How many descriptors each has open."""
        return {pid: len(os.listdir(f"/proc/{pid}/fd")) for pid in [self.server.pid, *self.pids()]}

    def memory(self) -> dict[int, int]:
        """Resident memory of each, in KiB."""
        return {pid: _resident_kib(pid) for pid in [self.server.pid, *self.pids()]}

    def quiet(self) -> float:
        """Wait until the engine has nobody to answer. -> how long that took"""
        began = time.monotonic()
        while True:
            with contextlib.suppress(Exception):  # loading
                found = self.condition()
                if (found.running, found.waiting, found.standing) == (0, 0, "ready"):
                    return time.monotonic() - began
            assert time.monotonic() - began < QUIET_S_MAX, found
            time.sleep(0.05)


def _command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


@pytest.fixture(scope="module")
def server(models_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str, str]]:
    """Two workers, two models with few places, to be killed; and API keys."""
    data = tmp_path_factory.mktemp("soaked") / "data"
    data.mkdir()
    settings = "".join(f"{name} = {value}\n" for name, value in SETTINGS.items())
    tables = [
        f'[models.{name}]\nsource = "{models_folder}/tiny"\n{settings}sequences_max = {places}\n'
        for name, places in PLACES.items()
    ]
    (data / "sampan.toml").write_text("\n".join(tables))
    with Server(data, "--workers", "2") as running:
        yield running, *api_keys(data)


def watch(server: tuple[Server, str, str], models_folder: Path, model: str) -> Watched:
    """One of the models, loaded."""
    running, key, other_key = server
    talker = Talker(running.port, key, other_key, model)
    assert status(talker.exchange(talker.chat())) == 200
    settings = SETTINGS | {"sequences_max": PLACES[model]}
    return Watched(running, talker, ModelRef(str(models_folder / "tiny"), settings))


@pytest.fixture
def watched(server: tuple[Server, str, str], models_folder: Path) -> Watched:
    return watch(server, models_folder, "tiny")


@pytest.fixture
def narrow(server: tuple[Server, str, str], models_folder: Path) -> Watched:
    return watch(server, models_folder, "narrow")


def crowd(talker: Talker, seconds: float, seed: int = 0) -> Counter[str]:
    """Many clients at once, each behaving as it likes, for a while. -> what came of it; raises what went wrong"""
    end = time.monotonic() + seconds
    wrong: list[BaseException] = []
    seen: list[Counter[str]] = []

    def run(number: int) -> None:
        mine = Talker(talker.port, talker.key, talker.other_key, chance=random.Random(seed * 100 + number))
        seen.append(mine.seen)
        try:
            while time.monotonic() < end and not wrong:
                try:
                    mine.chance.choice(mine.ways)()
                except (ConnectionError, Refused):
                    mine.seen["cut off"] += 1
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]
    return sum(seen, Counter())


def soak(watched: Watched, seconds: float) -> Counter[str]:
    """Unkind clients for a while, the model's process killed after the first third; then everything is looked at."""
    crowd(watched.talker, seconds / 6)
    killed = watched.process()
    assert killed is not None
    killing = threading.Timer(seconds / 12, os.kill, (killed, signal.SIGKILL))
    killing.start()
    seen = crowd(watched.talker, seconds / 3, 1)
    killing.join()
    watched.quiet()
    assert watched.process() not in (None, killed)
    crowd(watched.talker, seconds / 6, 2)
    watched.quiet()
    files, memory = watched.files(), watched.memory()
    seen += crowd(watched.talker, seconds / 3, 3)
    watched.quiet()
    assert b"[DONE]" in watched.talker.exchange(watched.talker.chat())
    time.sleep(0.2)  # the last connection is closed
    for pid, count in watched.files().items():
        assert count <= files[pid] + FILES_MORE_MAX, (pid, files, watched.files())
    for pid, kib in watched.memory().items():
        assert kib <= memory[pid] + GROWTH_KIB_MAX, (pid, memory, watched.memory())
    print(dict(sorted(seen.items())))
    print("files", files, watched.files(), "memory, KiB", memory, watched.memory())
    assert "Traceback" not in watched.server.log, watched.server.log[-3000:]
    return seen


def test_unkind_clients_and_a_kill_leave_nothing_behind(watched: Watched) -> None:
    seen = soak(watched, 9)
    assert seen["listen: answered"] > 5
    assert seen["vanish: left"] + seen["stall: left"] + seen["leave at once"] > 5


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_unkind_clients_for_minutes(watched: Watched) -> None:
    soak(watched, 300)


def test_a_flood_is_answered_or_told_to_come_later(watched: Watched) -> None:
    talker = watched.talker
    got: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: got.append(talker.exchange(talker.chat(max_tokens=200)))) for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = Counter(map(status, got))
    assert statuses.keys() == {200, 429} and statuses[200] >= PLACES["tiny"], statuses
    for reply in got:
        if status(reply) == 429:
            assert b'"error":{' in reply
            head = reply.partition(b"\r\n\r\n")[0].lower()
            assert 1 <= int(head.partition(b"retry-after: ")[2].partition(b"\r")[0]) <= 600
    watched.quiet()


def test_a_place_is_free_soon_after_a_client_has_left(narrow: Watched) -> None:
    """With one place: who waits for it hears the first word that much after the one before has left."""
    talker, took = narrow.talker, []
    for _ in range(5):
        first = talker.begin(talker.chat(**LONG))
        begun = threading.Event()

        def wait(begun: threading.Event = begun) -> None:
            with talker.begin(talker.chat()):
                begun.set()

        waiting = threading.Thread(target=wait)
        waiting.start()
        while narrow.condition().waiting == 0:
            time.sleep(0.01)
        assert not begun.is_set()
        left = time.perf_counter()
        first.close()
        assert begun.wait(30)
        took.append(time.perf_counter() - left)
        waiting.join()
    print("seconds until the next one was answered:", [round(one, 4) for one in took], statistics.median(took))
    assert min(took) < FREED_S_MAX, took
    narrow.quiet()
