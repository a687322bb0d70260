"""Blobs in memory: for tests and simulation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from sampan.kernel.fault import Fault, Kind
from sampan.kernel.limits import CHUNK_BYTES
from sampan.kernel.ports import Chance


class MemoryBlobs:
    """Implements `kernel.ports.Blobs`. `restart` begins another run, as if the server had been killed."""

    def __init__(self, chance: Chance, run: int = 1) -> None:
        self._chance = chance
        self._run = run
        self._blobs: dict[str, bytearray] = {}

    def draft(self) -> MemoryDraft:
        return MemoryDraft(f"{self._run:08x}{self._chance.token(12).hex()}", self._blobs)

    def open(self, blob_id: str) -> MemoryBlob:
        return MemoryBlob(self._blobs[blob_id])

    def delete(self, blob_id: str) -> None:
        self._blobs.pop(blob_id, None)

    def stale(self) -> Iterator[str]:
        present = f"{self._run:08x}"
        return iter([blob_id for blob_id in self._blobs if not blob_id.startswith(present)])

    def restart(self) -> None:
        self._run += 1

    def close(self) -> None:
        pass


class MemoryDraft:
    """Implements `kernel.ports.Draft`."""

    def __init__(self, blob_id: str, blobs: dict[str, bytearray]) -> None:
        self.blob_id = blob_id
        self._blobs = blobs
        self._over = False

    async def write(self, data: bytes) -> None:
        await asyncio.sleep(0)
        if self._over:
            raise RuntimeError("the draft was sealed or discarded")
        self._blobs.setdefault(self.blob_id, bytearray()).extend(data)

    async def seal(self) -> None:
        await self.write(b"")
        self._over = True

    async def discard(self) -> None:
        self._over = True
        self._blobs.pop(self.blob_id, None)


class MemoryBlob:
    """Implements `kernel.ports.Blob`."""

    def __init__(self, data: bytearray) -> None:
        self._data = data
        self._closed = False

    async def chunks(self, offset: int, length: int) -> AsyncIterator[bytes]:
        end = offset + length
        while offset < end:
            await asyncio.sleep(0)
            if self._closed:
                raise RuntimeError("the blob is closed")
            data = bytes(self._data[offset : min(offset + CHUNK_BYTES, end)])
            if not data:
                raise Fault(Kind.INTERNAL, "blob", "the blob is shorter than was asked for")
            offset += len(data)
            yield data

    def close(self) -> None:
        self._closed = True
