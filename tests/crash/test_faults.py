"""A disk that fails under the whole server: clients get the vendor's error, nothing breaks, and on it goes."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash import checks
from tests.crash.traffic import PLAIN, Load
from tests.crash.wire import Wire
from tests.faults import shim as faults
from tests.harness import Server

pytestmark = pytest.mark.skipif(not faults.available, reason="needs Linux and a C compiler")
WORKERS = 2


class Ailing:
    """A server on a disk that can be made to fail, with a load that expects errors."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)
        self.shim = faults.Shim(folder, self.data)
        self.seed = random.randrange(1 << 32)
        print(f"seed {self.seed}")
        self.server = Server(self.data, "--workers", str(WORKERS), env=dict(self.shim.env())).start()
        self.load = Load(self.seed)
        self.load.make_buckets(self.server)

    def work(self, seconds: float) -> None:
        """Let the load run for a while. No client may lose its connection, and none may hang."""
        before = self.load.requests
        self.load.start(self.server)
        time.sleep(seconds)
        self.load.end()
        assert self.load.requests > before
        assert not self.load.cut_off, "a connection broke where an error was to be told"

    def check(self) -> None:
        """All is as it must be: now, after SIGKILL on a healthy disk, and to the last byte."""
        self.shim.clear()
        checks.check_all(self.server, self.load)
        self.server.kill()
        self.server.start()
        checks.check_all(self.server, self.load)
        checks.check_space(self.data)


@pytest.fixture
def ailing(tmp_path: Path) -> Iterator[Ailing]:
    made = Ailing(tmp_path)
    yield made
    made.server.kill()


def test_failed_syncs(ailing: Ailing) -> None:
    ailing.work(0.3)
    ailing.load.tolerate_errors(True)
    for only in ("", ".db-wal"):
        for _ in range(3):
            ailing.shim.arm(sync_errors=3, only=only)
            ailing.work(0.3)
    assert ailing.shim.injected > 5
    assert ailing.load.errors > 5
    ailing.shim.clear()
    ailing.load.tolerate_errors(False)
    ailing.work(0.3)  # the fault has ended, and with it the errors
    ailing.check()


def test_a_full_disk(ailing: Ailing) -> None:
    ailing.work(0.3)
    ailing.load.tolerate_errors(True)
    for _ in range(3):
        ailing.shim.arm(full=True)
        ailing.work(0.3)
        ailing.shim.clear()
        ailing.work(0.2)
    assert ailing.load.errors > 5
    ailing.load.tolerate_errors(False)
    ailing.work(0.3)
    ailing.check()


def test_torn_writes(ailing: Ailing) -> None:
    """A process dies in the middle of a write: of the log, of the database, of a blob."""
    chance = random.Random(ailing.seed)
    for only in (".db-wal", "store.db", "", ".db-wal"):
        ailing.shim.arm(tear=chance.randint(1, 150), only=only)
        injected = ailing.shim.injected
        ailing.load.start(ailing.server)
        end = time.monotonic() + 2
        while ailing.shim.injected == injected and time.monotonic() < end:
            time.sleep(0.01)
        ailing.server.kill()
        ailing.load.end()
        ailing.shim.clear()
        ailing.server.start()
        checks.check_all(ailing.server, ailing.load)
        checks.check_space(ailing.data)
    assert ailing.shim.injected > 0


@pytest.mark.parametrize(("size", "what"), [(100, "sync"), (300_000, "sync"), (100, "full"), (300_000, "full")])
def test_the_error_is_the_vendors_own(ailing: Ailing, size: int, what: str) -> None:
    wire = Wire(ailing.server)
    body = b"x" * size
    assert wire.s3("PUT", f"/{PLAIN}/before", body=body).good
    ailing.shim.arm(sync_errors=1000 if what == "sync" else 0, full=what == "full")
    s3 = wire.s3("PUT", f"/{PLAIN}/refused", body=body)
    oss = wire.oss("PUT", f"/{PLAIN}/refused", body=body)
    for reply, request_id in ((s3, "x-amz-request-id"), (oss, "x-oss-request-id")):
        assert reply.status in (500, 503), reply
        assert reply.texts("Code"), reply
        assert reply.texts("RequestId") == [reply.headers[request_id]]
        assert b"Traceback" not in reply.body
        assert b"sqlite" not in reply.body.lower()
    # What was there can still be read, and what was refused is not there.
    assert wire.s3("GET", f"/{PLAIN}/before").body == body
    assert wire.s3("GET", f"/{PLAIN}/refused").status == 404
    ailing.shim.clear()
    assert wire.s3("PUT", f"/{PLAIN}/refused", body=body).good
    assert wire.oss("GET", f"/{PLAIN}/refused").body == body
    wire.close()
