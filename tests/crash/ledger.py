"""What may be read back after a crash.

Each write is entered before it is sent and confirmed when its answer has come. A value may be read if its write was
begun and no other write, confirmed, was begun after this one was confirmed. So an acknowledged write must be there
unless a later one took its place, and one that was never acknowledged may be there, whole, or not.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
from dataclasses import dataclass, field

NEVER = float("inf")


@dataclass(frozen=True)
class Piece:
    """Bytes that can be made again from a number."""

    seed: int
    size: int

    def made(self) -> bytes:
        return random.Random(self.seed).randbytes(self.size)

    @property
    def etag(self) -> str:
        """As an object or a part of its own."""
        return hashlib.md5(self.made()).hexdigest()


@dataclass(frozen=True)
class Value:
    """An object's bytes, and the mark in its metadata that was sent with them: both must be of the same write."""

    pieces: tuple[Piece, ...]
    mark: str

    def made(self) -> bytes:
        return b"".join(piece.made() for piece in self.pieces)

    @property
    def size(self) -> int:
        return sum(piece.size for piece in self.pieces)


@dataclass
class Write:
    """`value` None is a deletion. Of a version: `version` is its id, once known; `gone` the id that it removes."""

    value: Value | None
    version: str = ""
    gone: str = ""
    began: float = field(default_factory=time.monotonic)
    confirmed: float = NEVER

    @property
    def sure(self) -> bool:
        return self.confirmed < NEVER


class Ledger:
    """The writes to every key of a bucket without versions, by any number of threads."""

    def __init__(self) -> None:
        self._writes: dict[str, list[Write]] = {}
        self._lock = threading.Lock()

    def begin(self, key: str, value: Value | None) -> Write:
        write = Write(value)
        with self._lock:
            self._writes.setdefault(key, []).append(write)
        return write

    def confirm(self, write: Write) -> None:
        write.confirmed = time.monotonic()

    def refuse(self, key: str, write: Write) -> None:
        """It was answered with an error: it must not have been done."""
        with self._lock:
            self._writes[key].remove(write)

    def all_keys(self) -> list[str]:
        return sorted(self._writes)

    def allowed(self, key: str) -> list[Value | None]:
        """What may be read now, while nobody writes."""
        writes = self._writes.get(key, [])
        sure = [write for write in writes if write.sure]
        found = [write.value for write in writes if not any(other.began > write.confirmed for other in sure)]
        return found if sure else [*found, None]

    def settle(self, key: str, value: Value | None) -> None:
        """This was read: from now on it is certain."""
        now = time.monotonic()
        self._writes[key] = [Write(value, began=now, confirmed=now)]

    def known(self, key: str) -> Value | None:
        """The value of a key that one thread alone writes, between its writes."""
        writes = [write for write in self._writes.get(key, []) if write.sure]
        return writes[-1].value if writes else None


class History:
    """The versions of one key of a versioned bucket, written by one thread: oldest first."""

    def __init__(self) -> None:
        self.versions: list[Write] = []
        self.pending: Write | None = None

    def begin(self, value: Value | None, gone: str = "") -> Write:
        self.pending = Write(value, gone=gone)
        return self.pending

    def confirm(self, version: str) -> None:
        assert self.pending is not None
        self.pending.version = version
        if self.pending.gone:
            self.versions = [write for write in self.versions if write.version != self.pending.gone]
        else:
            self.versions.append(self.pending)
        self.pending = None

    def settle(self, seen: list[str]) -> str:
        """Take over what a listing shows (ids, oldest first). "" or what is wrong with it."""
        ids = [write.version for write in self.versions]
        pending, self.pending = self.pending, None
        if seen == ids:
            return ""
        if pending is None:
            return f"listed {seen}, acknowledged {ids}"
        if pending.gone:
            rest = [version for version in ids if version != pending.gone]
            if seen != rest:
                return f"listed {seen}, acknowledged {ids} and perhaps not {pending.gone}"
            self.versions = [write for write in self.versions if write.version != pending.gone]
            return ""
        if seen[:-1] != ids:
            return f"listed {seen}, acknowledged {ids} and perhaps one more"
        pending.version = seen[-1]
        self.versions.append(pending)
        return ""
