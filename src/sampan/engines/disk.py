"""What every engine on local files needs: syncing, taking turns, and faults for what the disk says."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import sys
from pathlib import Path
from types import TracebackType

from sampan.kernel.fault import Fault, Kind

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def fault_of(error: OSError) -> Fault:
    """FULL or UNAVAILABLE, "store". The reason is the system's word for the error; paths are not told to callers."""
    why = os.strerror(error.errno) if error.errno is not None else type(error).__name__
    return Fault(Kind.FULL if error.errno in _FULL else Kind.UNAVAILABLE, "store", why)


def sync_file(fd: int) -> None:
    """Return when the bytes of `fd`, and what is needed to read them back, are on the disk.

    On macOS fsync(2) leaves them in the drive's cache, and F_FULLFSYNC is what its manual page names instead.
    """
    if sys.platform == "darwin":
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(fd)


class Pusher:
    """Starts the writing back of bytes that were written, so that the sync at the end finds little left to do.

    sync_file_range(2) with SYNC_FILE_RANGE_WRITE, which is Linux's own and which Python does not offer; elsewhere this
    does nothing. It makes nothing durable. Measured: a new file of 16 MiB is durable in 32 ms instead of 40.
    """

    _WRITE = 2

    def __init__(self) -> None:
        self._call = getattr(ctypes.CDLL(None), "sync_file_range", None)
        if self._call is not None:
            self._call.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]

    def push(self, fd: int, offset: int, length: int) -> None:
        if self._call is not None:
            self._call(fd, offset, length, self._WRITE)  # an error will come back from the sync


def sync_folder(folder: Path) -> None:
    """Return when the names in `folder` are on the disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Turn:
    """Mutual exclusion between processes, in turns: `with turn:`.

    flock(2) alone lets the one who unlocks lock again before those who wait have woken up. Here two locks make a
    turnstile: whoever waits for the turn itself stands in the gate, and a latecomer waits behind it. The kernel
    releases both when a process dies. One object is one visitor: a thread that wants to take turns with another
    thread of its process needs an object of its own.
    """

    __slots__ = ("_gate", "_turn")

    def __init__(self, path: Path) -> None:
        self._gate = os.open(f"{path}.gate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._turn = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> None:
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fcntl.flock(self._turn, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._gate)
        os.close(self._turn)
