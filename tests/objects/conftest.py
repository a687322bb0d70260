"""A world for the service of objects: the real service over memory and over the disk, with a clock that we move."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.engines.blobs_disk import DiskBlobs
from sampan.engines.blobs_memory import MemoryBlobs
from sampan.engines.clock_system import SystemChance
from sampan.engines.digests import LibraryDigests
from sampan.engines.store_memory import MemoryStore
from sampan.engines.store_sqlite import SqliteStore
from sampan.kernel.body import Bytes, Digest
from sampan.kernel.caller import Caller
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind
from sampan.services.objects import model as m
from sampan.services.objects import workers
from sampan.services.objects.context import Context
from sampan.services.objects.service import COMMANDS

ALICE = Caller("000000000001", "root", "AKIAALICE")
BOB = Caller("000000000002", "root", "AKIABOB")


class StillClock:
    """Time that moves only when told."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.ms


class World:
    """Runs commands, and looks under the floor."""

    def __init__(self, store: Any, blobs: Any) -> None:
        self.clock = StillClock()
        homes = {"aws": "us-east-1", "aliyun": "cn-hangzhou"}
        self.context = Context(store, blobs, self.clock, SystemChance(), LibraryDigests(), homes)
        self._runner = asyncio.Runner()

    def run(self, command: Command, caller: Caller = ALICE) -> Any:
        return self._runner.run(COMMANDS[type(command)](self.context, caller, command))

    def fault(self, command: Command, caller: Caller = ALICE) -> tuple[Kind, str]:
        """What the command fails with; it must fail."""
        with pytest.raises(Fault) as caught:
            self.run(command, caller)
        assert (caught.value.kind, caught.value.noun) in m.FAULTS
        return caught.value.kind, caught.value.noun

    def bucket(self, name: str = "photos", versioning: m.Versioning = m.Versioning.NEVER) -> str:
        self.run(m.CreateBucket(bucket=name))
        if versioning is not m.Versioning.NEVER:
            self.run(m.PutBucketVersioning(bucket=name, versioning=versioning))
        return name

    def put(self, key: str, data: bytes, bucket: str = "photos", **more: Any) -> m.Written:
        return self.run(m.PutObject(bucket=bucket, key=key, body=Bytes(data), **more))

    def read(self, key: str, bucket: str = "photos", **more: Any) -> bytes:
        return self.bytes_of(self.run(m.GetObject(bucket=bucket, key=key, **more)))

    def bytes_of(self, found: m.Found) -> bytes:
        async def gather() -> bytes:
            assert found.body is not None
            try:
                return b"".join([chunk async for chunk in found.body.chunks()])
            finally:
                found.body.close()

        return self._runner.run(gather())

    def empty_trash(self) -> None:
        """All of it, as if this run of the server had just begun."""

        async def empty() -> None:
            while await workers.empty_trash(self.context, self.clock.ms + 1):
                pass

        self.clock.ms += 1
        self._runner.run(empty())

    def reclaim(self) -> int:
        return self._runner.run(workers.reclaim(self.context))

    def rows(self, prefix: bytes) -> list[bytes]:
        with self.context.store.view() as view:
            return [key for key, _ in view.scan(prefix, prefix + b"\xff" * 16)]

    def listed(self, **more: Any) -> list[str]:
        page = self.run(m.ListObjects(bucket="photos", **more))
        return [found.key for found in page.objects]

    def close(self) -> None:
        self._runner.close()
        self.context.store.close()


def wrong_md5() -> Bytes:
    fault = Fault(Kind.MISMATCH, "digest", algorithm="md5")
    return Bytes(b"hello", [Digest("md5", b"\0" * 16, fault)])


@pytest.fixture(params=["memory", "disk"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "memory":
        made = World(MemoryStore(), MemoryBlobs(SystemChance()))
    else:
        made = World(SqliteStore(tmp_path), DiskBlobs(tmp_path / "blobs", 1, SystemChance()))
    yield made
    made.close()
