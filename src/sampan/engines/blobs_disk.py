"""Blobs on local disk: one file each.

A blob's id is the run of the server that made it (8 hexadecimal digits; see `folder.DataFolder.run`) and 24 random
ones; the last two choose among 256 folders, so that none grows too large. A draft is written in place: nothing refers
to it until a row of the Store does, which is written after `seal`.

Writing and syncing happen in threads. Reading happens on the event loop when the kernel has the bytes in memory, which
it is asked for without waiting (RWF_NOWAIT), and in a thread otherwise: handing over to a thread costs as much as
reading 256 KiB from memory, while waiting for a disk would hold up everybody.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from sampan.engines.disk import Pusher, fault_of, sync_file, sync_folder
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.limits import CHUNK_BYTES, MIB
from sampan.kernel.ports import Chance

T = TypeVar("T")

THREADS_MAX = 32  # syncs take milliseconds and are done by the disk, several at once
AHEAD_BYTES = 4 * MIB  # ask the disk for so much before it is needed
RUN_DIGITS = 8
_RANDOM_BYTES = 12
_FOLDERS = [f"{n:02x}" for n in range(256)]
_ID = re.compile(r"[0-9a-f]{32}")
_NO_WAIT = getattr(os, "RWF_NOWAIT", 0)  # Linux


class DiskBlobs:
    """Implements `kernel.ports.Blobs` in a folder, which it makes. `run` is the present run of the server, the same in
    all its worker processes. Raises OSError if the folder cannot be used."""

    def __init__(self, folder: Path, run: int, chance: Chance) -> None:
        assert 0 <= run < 16**RUN_DIGITS
        self._folder = folder
        self._run = f"{run:0{RUN_DIGITS}x}"
        self._chance = chance
        self._pusher = Pusher()
        self._pool = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="blobs")
        _make_folders(folder)

    def draft(self) -> DiskDraft:
        blob_id = self._run + self._chance.token(_RANDOM_BYTES).hex()
        return DiskDraft(blob_id, self._path(blob_id), self._pusher, self._pool)

    def open(self, blob_id: str) -> DiskBlob:
        if not _ID.fullmatch(blob_id):
            raise KeyError(blob_id)
        try:
            return DiskBlob(os.open(self._path(blob_id), os.O_RDONLY | os.O_CLOEXEC), self._pool)
        except FileNotFoundError:
            raise KeyError(blob_id) from None
        except OSError as error:
            raise fault_of(error) from error

    def delete(self, blob_id: str) -> None:
        """Not synced: if a crash brings the file back, `stale` lists it."""
        if _ID.fullmatch(blob_id):
            try:
                os.unlink(self._path(blob_id))
            except FileNotFoundError:
                pass
            except OSError as error:
                raise fault_of(error) from error

    def stale(self) -> Iterator[str]:
        for folder in _FOLDERS:
            with os.scandir(self._folder / folder) as entries:
                for entry in entries:
                    if _ID.fullmatch(entry.name) and entry.name[:RUN_DIGITS] != self._run:
                        yield entry.name

    def close(self) -> None:
        """Finish what is being written."""
        self._pool.shutdown()

    def _path(self, blob_id: str) -> str:
        return f"{self._folder}/{blob_id[-2:]}/{blob_id}"


def _make_folders(folder: Path) -> None:
    """The 256 folders; made at the first start only."""
    if (folder / _FOLDERS[-1]).is_dir():  # the last to be made
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _FOLDERS:
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder)


class DiskDraft:
    """Implements `kernel.ports.Draft`. The file is made by the first write."""

    def __init__(self, blob_id: str, path: str, pusher: Pusher, pool: ThreadPoolExecutor) -> None:
        self.blob_id = blob_id
        self._path = path
        self._pusher = pusher
        self._pool = pool
        self._lock = threading.Lock()  # a thread may still be writing when its caller was cancelled and discards
        self._fd = -1
        self._size = 0
        self._over = False

    async def write(self, data: bytes) -> None:
        await self._in_thread(lambda: self._write(data))

    async def seal(self) -> None:
        await self._in_thread(self._seal)

    async def discard(self) -> None:
        await self._in_thread(self._discard)

    async def _in_thread(self, work: Callable[[], None]) -> None:
        def locked() -> None:
            with self._lock:
                work()

        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, locked)
        except OSError as error:
            raise fault_of(error) from error

    def _write(self, data: bytes) -> None:
        if self._over:
            raise RuntimeError("the draft was sealed or discarded")
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        self._pusher.push(self._fd, self._size, len(data))
        self._size += len(data)

    def _seal(self) -> None:
        self._write(b"")  # an empty blob is a file, too
        sync_file(self._fd)
        self._close()
        sync_folder(Path(self._path).parent)

    def _discard(self) -> None:
        self._close()
        with suppress(FileNotFoundError):
            os.unlink(self._path)

    def _close(self) -> None:
        self._over = True
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


class DiskBlob:
    """Implements `kernel.ports.Blob` over an open file."""

    def __init__(self, fd: int, pool: ThreadPoolExecutor) -> None:
        self._fd = fd
        self._pool = pool
        self._closed = False

    async def chunks(self, offset: int, length: int) -> AsyncIterator[bytes]:
        end = offset + length
        while offset < end:
            if self._closed:
                raise RuntimeError("the blob is closed")
            size = min(CHUNK_BYTES, end - offset)
            try:
                if self._in_memory(offset, size):
                    data = os.pread(self._fd, size, offset)
                else:
                    data = await self._read_in_thread(offset, size, min(AHEAD_BYTES, end - offset))
            except OSError as error:
                raise fault_of(error) from error
            if not data:
                raise Fault(Kind.INTERNAL, "blob", "the file is shorter than the blob")
            offset += len(data)
            yield data

    def _in_memory(self, offset: int, size: int) -> bool:
        """Whether the first and the last byte are, which tells of those between: the kernel reads ahead in order.

        Asking for all of it that way would cost a copy, since `preadv` wants a buffer.
        """
        if not _NO_WAIT:
            return True
        probe = bytearray(1)
        try:
            for position in (offset + size - 1, offset):
                os.preadv(self._fd, (probe,), position, _NO_WAIT)
        except BlockingIOError:
            return False
        except OSError:  # a file system that does not know the flag (EOPNOTSUPP)
            return False
        return True

    async def _read_in_thread(self, offset: int, size: int, ahead: int) -> bytes:
        fd = os.dup(self._fd)  # the thread's own: the reader may be cancelled, and close, while it waits for the disk

        def read() -> bytes:
            if hasattr(os, "posix_fadvise"):  # not on macOS
                os.posix_fadvise(fd, offset, ahead, os.POSIX_FADV_WILLNEED)
            return os.pread(fd, size, offset)

        future = self._pool.submit(read)
        future.add_done_callback(lambda _: os.close(fd))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            os.close(self._fd)
