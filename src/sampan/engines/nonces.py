"""Nonces that were used, for all worker processes: a table of fixed size in a file that all of them share.

A file and no database: a nonce is worth remembering for half an hour, and not worth a sync. The table is a row of
sets of 16 slots; a nonce's hash chooses its set, and a slot holds 8 more bytes of the hash and the time of use. A
set that is full forgets its oldest nonce: with 2 million slots, that takes over a thousand signed calls a second for
half an hour. The file is sparse, and outlives the server, so that a restart forgets nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
from pathlib import Path

from sampan.engines.disk import fault_of

WAYS = 16
_SLOTS = struct.Struct("=" + "Qq" * WAYS)  # hash and milliseconds, 16 times


class NonceTable:
    """The table. `path` is its file, opened, and made if it is not there, when the first nonce comes; `kept_ms` is how
    long a nonce counts as used."""

    def __init__(self, path: Path, kept_ms: int, sets: int = 1 << 17) -> None:
        self._path = path
        self._sets = sets
        self._kept_ms = kept_ms
        self._opened: int | None = None

    def spend(self, key_id: str, nonce: str, now_ms: int) -> bool:
        """Whether this key has not used the nonce in the last `kept_ms`; from now on it has. A false "no" has odds of
        one in 2**60. Raises Fault(FULL | UNAVAILABLE, "store")."""
        text = f"{key_id}\n{nonce}".encode("utf-8", "surrogateescape")
        choice, mark = struct.unpack("=QQ", hashlib.blake2b(text, digest_size=16).digest())
        offset = choice % self._sets * _SLOTS.size
        try:
            if self._opened is None:
                self._opened = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            # Bytes of a file may be locked one set at a time: workers hardly ever wait for each other.
            fcntl.lockf(self._opened, fcntl.LOCK_EX, _SLOTS.size, offset)
            try:
                return self._spend(self._opened, mark, offset, now_ms)
            finally:
                fcntl.lockf(self._opened, fcntl.LOCK_UN, _SLOTS.size, offset)
        except OSError as error:
            raise fault_of(error) from None

    def _spend(self, descriptor: int, mark: int, offset: int, now_ms: int) -> bool:
        # Read and written by calls, not mapped: a full disk then is an error, and not the end of the process.
        slots = list(_SLOTS.unpack(os.pread(descriptor, _SLOTS.size, offset).ljust(_SLOTS.size, b"\0")))
        marks, times = slots[::2], slots[1::2]
        if any(known == mark and now_ms - at < self._kept_ms for known, at in zip(marks, times, strict=True)):
            return False
        oldest = 2 * times.index(min(times))
        slots[oldest : oldest + 2] = mark, now_ms
        os.pwrite(descriptor, _SLOTS.pack(*slots), offset)
        return True

    def close(self) -> None:
        """Let go of the file."""
        if self._opened is not None:
            os.close(self._opened)
            self._opened = None
