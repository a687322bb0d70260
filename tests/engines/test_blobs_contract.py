"""What `kernel.ports.Blobs` promises, asked of every engine."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.engines.blobs_disk import DiskBlobs
from sampan.engines.blobs_memory import MemoryBlobs
from sampan.engines.clock_system import SystemChance
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.limits import CHUNK_BYTES, MIB
from sampan.kernel.ports import Blobs


@pytest.fixture(params=["disk", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DiskBlobs | MemoryBlobs]:
    made = DiskBlobs(tmp_path, 7, SystemChance()) if request.param == "disk" else MemoryBlobs(SystemChance(), 7)
    yield made
    made.close()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*/*") if path.is_file()]


async def keep(blobs: Blobs, *pieces: bytes) -> str:
    draft = blobs.draft()
    for piece in pieces:
        await draft.write(piece)
    await draft.seal()
    return draft.blob_id


async def read(blobs: Blobs, blob_id: str, offset: int, length: int) -> bytes:
    blob = blobs.open(blob_id)
    try:
        return b"".join([chunk async for chunk in blob.chunks(offset, length)])
    finally:
        blob.close()


def test_what_was_sealed_is_read(blobs: Blobs) -> None:
    data = os.urandom(3 * MIB + 17)

    async def main() -> None:
        blob_id = await keep(blobs, data[:100], data[100:MIB], data[MIB:])
        assert await read(blobs, blob_id, 0, len(data)) == data
        assert await read(blobs, blob_id, 5, 0) == b""
        for offset, length in [(0, 1), (len(data) - 1, 1), (CHUNK_BYTES - 1, 2), (99, CHUNK_BYTES * 2 + 3)]:
            assert await read(blobs, blob_id, offset, length) == data[offset : offset + length]

    asyncio.run(main())


def test_chunks_are_bounded_and_readers_are_apart(blobs: Blobs) -> None:
    data = os.urandom(MIB)

    async def main() -> None:
        blob = blobs.open(await keep(blobs, data))
        one, two = blob.chunks(0, len(data)), blob.chunks(10, len(data) - 10)
        pairs = [(await anext(one), await anext(two)) for _ in range(4)]
        assert b"".join(first for first, _ in pairs) == data
        assert b"".join(second for _, second in pairs) == data[10:]
        assert max(len(chunk) for pair in pairs for chunk in pair) <= CHUNK_BYTES
        blob.close()
        blob.close()

    asyncio.run(main())


def test_an_empty_blob_is_a_blob(blobs: Blobs) -> None:
    async def main() -> None:
        assert await read(blobs, await keep(blobs), 0, 0) == b""

    asyncio.run(main())


def test_a_shorter_blob_is_our_fault(blobs: Blobs) -> None:
    async def main() -> None:
        with pytest.raises(Fault) as caught:
            await read(blobs, await keep(blobs, b"12345"), 0, 6)
        assert (caught.value.kind, caught.value.noun) == (Kind.INTERNAL, "blob")

    asyncio.run(main())


def test_deleting(blobs: Blobs) -> None:
    async def main() -> None:
        blob_id = await keep(blobs, b"x" * MIB)
        blob = blobs.open(blob_id)
        chunks = blob.chunks(0, MIB)
        got = [await anext(chunks)]
        blobs.delete(blob_id)
        blobs.delete(blob_id)
        with pytest.raises(KeyError):
            blobs.open(blob_id)
        got += [chunk async for chunk in chunks]
        assert b"".join(got) == b"x" * MIB
        blob.close()

    asyncio.run(main())


@pytest.mark.parametrize("blob_id", ["", "../../etc/passwd", "0" * 31, "0" * 32, "0" * 32 + "\n", "G" * 32, "é" * 32])
def test_no_such_blob(blobs: Blobs, blob_id: str) -> None:
    blobs.delete(blob_id)
    with pytest.raises(KeyError):
        blobs.open(blob_id)


def test_a_discarded_draft_leaves_nothing(blobs: Blobs) -> None:
    async def main() -> None:
        draft = blobs.draft()
        await draft.discard()
        draft = blobs.draft()
        await draft.write(b"data")
        await draft.discard()
        await draft.discard()
        with pytest.raises(KeyError):
            blobs.open(draft.blob_id)
        with pytest.raises(RuntimeError):
            await draft.write(b"more")

    asyncio.run(main())


def test_nothing_is_written_after_the_seal(blobs: Blobs) -> None:
    async def main() -> None:
        draft = blobs.draft()
        await draft.write(b"data")
        await draft.seal()
        with pytest.raises(RuntimeError):
            await draft.write(b"more")
        assert await read(blobs, draft.blob_id, 0, 4) == b"data"

    asyncio.run(main())


def test_ids_are_unlike_and_sort_by_run(blobs: Blobs) -> None:
    ids = {blobs.draft().blob_id for _ in range(1000)}
    assert len(ids) == 1000
    assert all(blob_id.startswith("00000007") for blob_id in ids)


def test_stale_are_those_of_other_runs_drafts_included(tmp_path: Path) -> None:
    async def main() -> None:
        before, now = DiskBlobs(tmp_path, 1, SystemChance()), DiskBlobs(tmp_path, 2, SystemChance())
        sealed = await keep(before, b"sealed")
        draft = before.draft()
        await draft.write(b"draft")
        mine = now.draft()
        await mine.write(b"present")
        (tmp_path / "00" / "lost+found").touch()
        assert sorted(now.stale()) == sorted([sealed, draft.blob_id])
        for blob_id in now.stale():
            now.delete(blob_id)
        assert list(now.stale()) == []
        assert list(before.stale()) == [mine.blob_id]
        before.close()
        now.close()

    asyncio.run(main())


def test_a_discard_waits_for_the_write_whose_caller_was_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the thread would write to a file that was closed; in its place there may be another by then."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(fd: int, data: bytes) -> int:
        begun.set()
        go_on.wait()
        return real(fd, data)

    async def main() -> None:
        blobs = DiskBlobs(tmp_path, 1, SystemChance())
        draft = blobs.draft()
        monkeypatch.setattr("os.write", slow)
        task = asyncio.create_task(draft.write(b"data"))
        await asyncio.to_thread(begun.wait)
        monkeypatch.undo()
        task.cancel()
        discarding = asyncio.create_task(draft.discard())
        await asyncio.wait([task, discarding], timeout=0.1)
        waited = task.cancelled() and not discarding.done()
        go_on.set()
        await discarding
        assert waited
        assert files(tmp_path) == []
        blobs.close()

    real = os.write
    asyncio.run(main())


def test_a_blob_that_is_not_in_memory_is_read_as_well(tmp_path: Path) -> None:
    """Also by a reader who gives up meanwhile."""
    data = os.urandom(4 * MIB)

    async def main() -> None:
        blobs = DiskBlobs(tmp_path, 1, SystemChance())
        blob_id = await keep(blobs, data)
        path = tmp_path / blob_id[-2:] / blob_id
        descriptors = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            assert await read(blobs, blob_id, 1, MIB) == data[1 : MIB + 1]
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            task = asyncio.create_task(read(blobs, blob_id, 0, len(data)))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        blobs.close()
        assert len(os.listdir("/proc/self/fd")) == descriptors

    asyncio.run(main())
