"""Bytes on their way in and out, never held as a whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sampan.kernel.fault import Fault


@dataclass(frozen=True, slots=True)
class Digest:
    """What the sender says the digest of the whole body is; `fault` is raised by the reader when it is not so.

    `algorithm` is one of "md5", "sha1", "sha256", "crc32", "crc32c", "crc64nvme", "crc64xz"; `value` the raw bytes
    (CRCs big-endian). `stored` says that the sender chose this checksum for the object, to be kept and given back.
    """

    algorithm: str
    value: bytes
    fault: Fault
    stored: bool = False


class Inflow(Protocol):
    """A request's body. Signatures of its chunks are verified as it flows: `chunks` raises the Fault."""

    @property
    def length(self) -> int | None:
        """How many bytes `chunks` will yield in all, or None where the sender did not say."""
        ...

    @property
    def algorithms(self) -> frozenset[str]:
        """The algorithms that `digests` will speak of. Known before the first byte, unlike the values."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes, decoded, in order. Raises Fault(TRUNCATED, "body") when the sender stops early."""
        ...

    def digests(self) -> Sequence[Digest]:
        """What the sender claims; complete only after `chunks` is exhausted (trailing checksums come last)."""
        ...


class Outflow(Protocol):
    """A reply's body: read once, then closed whatever happens."""

    @property
    def length(self) -> int | None:
        """How many bytes `chunks` will yield in all, or None where only time will tell: what is written while it is
        read. Such a flow is closed as soon as its reader leaves."""
        ...

    def chunks(self) -> AsyncIterator[bytes]: ...

    def close(self) -> None:
        """Free what the flow holds (open files). Safe to call twice, or without reading."""
        ...


class Bytes:
    """A body that is already here: an Inflow and an Outflow, for documents, tests and small objects."""

    __slots__ = ("_digests", "data")

    def __init__(self, data: bytes = b"", digests: Sequence[Digest] = ()) -> None:
        self.data = data
        self._digests = tuple(digests)

    @property
    def length(self) -> int:
        return len(self.data)

    @property
    def algorithms(self) -> frozenset[str]:
        return frozenset(digest.algorithm for digest in self._digests)

    async def chunks(self) -> AsyncIterator[bytes]:
        if self.data:
            yield self.data

    def digests(self) -> Sequence[Digest]:
        return self._digests

    def close(self) -> None:
        pass
