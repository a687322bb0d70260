"""Bytes: taking them in, referring to them, letting them go.

Small content lies in the Store, so that one sync makes bytes and row durable together. Larger content is a blob, made
durable before the row that refers to it. Content that several objects share (a copy moves no bytes) is counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

from sampan.kernel import limits
from sampan.kernel.body import Inflow
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Blob, Digester, Draft, Transaction, View
from sampan.services.objects import rows
from sampan.services.objects.context import Context

T = TypeVar("T")

STEP_BYTES = limits.MIB  # hashed and written at a time: large enough that thread hand-overs cost nothing


@dataclass(slots=True)
class Staged:
    """Bytes taken in and verified, durable if a blob, not yet referred to."""

    size: int
    md5: bytes
    crc64: int
    checksums: dict[str, bytes]
    content: rows.Content
    inline: bytes = b""
    draft: Draft | None = None

    def commit(self, tx: Transaction) -> None:
        """Write the rows that make the content exist. The caller refers to it in the same transaction."""
        if self.content.kind == "d":
            tx.put(rows.data(self.content.id), self.inline)
        elif self.content.kind == "b":
            tx.put(rows.blob(self.content.id), b"")

    async def discard(self) -> None:
        """Forget the bytes: the transaction failed."""
        if self.draft is not None:
            await self.draft.discard()


async def write_staged(context: Context, staged: Staged, change: Callable[[Transaction], T]) -> T:
    """Run the transaction that refers to `staged`, which is forgotten if it fails.

    If the caller is cancelled meanwhile, the transaction is not: whether it was written decides about the bytes.
    """
    if staged.draft is None:
        return await context.store.write(change)  # nothing lies anywhere else
    writing = asyncio.ensure_future(_write_or_discard(context, staged, change))
    return await asyncio.shield(writing)


async def _write_or_discard(context: Context, staged: Staged, change: Callable[[Transaction], T]) -> T:
    try:
        return await context.store.write(change)
    except BaseException:
        await staged.discard()
        raise


async def take_in(context: Context, body: Inflow, size_max: int, also: tuple[str, ...] = ()) -> Staged:
    """Read the body to its end, check what it claims of itself, and make a large one durable.

    `also` are checksums to compute and keep beside those that the sender chose. Raises TOO_LARGE "object", the faults
    of the body's own digests, and the Store's.
    """
    if body.length is not None and body.length > size_max:
        raise Fault(Kind.TOO_LARGE, "object", size=body.length, size_max=size_max)
    digester = context.digests.start({"md5", "crc64xz", *body.algorithms, *also})
    intake = _Intake(context, digester, size_max)
    try:
        async for chunk in body.chunks():
            await intake.add(chunk)
        size = await intake.finish()
        values = digester.values()
        kept = dict.fromkeys(also, b"")
        for digest in body.digests():
            if values[digest.algorithm] != digest.value:
                raise digest.fault
            if digest.stored:
                kept[digest.algorithm] = b""
        if intake.draft is not None:
            await intake.draft.seal()
    except BaseException:
        await intake.abandon()
        raise
    draft = intake.draft
    if draft is not None:
        content = rows.Content("b", draft.blob_id)
    elif size:
        content = rows.Content("d", context.fresh_id(context.clock.now_ms()))
    else:
        content = rows.Content()
    checksums = {algorithm: values[algorithm] for algorithm in kept}
    crc64 = int.from_bytes(values["crc64xz"], "big")
    return Staged(size, values["md5"], crc64, checksums, content, bytes(intake.buffer) if draft is None else b"", draft)


class _Intake:
    """Gathers chunks; once there are more than fit inline, hashes and writes them by steps while more arrive."""

    def __init__(self, context: Context, digester: Digester, size_max: int) -> None:
        self.buffer = bytearray()
        self.draft: Draft | None = None
        self._context = context
        self._digester = digester
        self._size = 0
        self._size_max = size_max
        self._step: asyncio.Task[None] | None = None

    async def add(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._size_max:
            raise Fault(Kind.TOO_LARGE, "object", size_max=self._size_max)
        self.buffer += chunk
        if len(self.buffer) >= STEP_BYTES:
            await self._begin_step()

    async def finish(self) -> int:
        """All is hashed, and written if it is a blob. The size."""
        if self._size <= limits.INLINE_BYTES_MAX:
            self._digester.update(bytes(self.buffer))
        else:
            if self.buffer:
                await self._begin_step()
            await self._settle()
        return self._size

    async def abandon(self) -> None:
        if self._step is not None:
            self._step.cancel()
            await asyncio.gather(self._step, return_exceptions=True)
        if self.draft is not None:
            await self.draft.discard()

    async def _begin_step(self) -> None:
        await self._settle()
        if self.draft is None:
            self.draft = self._context.blobs.draft()
        piece, self.buffer = bytes(self.buffer), bytearray()
        self._step = asyncio.create_task(self._hash_and_write(self.draft, piece))

    async def _settle(self) -> None:
        if self._step is not None:
            step, self._step = self._step, None
            await step

    async def _hash_and_write(self, draft: Draft, piece: bytes) -> None:
        # In a thread, since MD5 takes more than a millisecond a MiB; it lets go of the interpreter meanwhile.
        hashing = asyncio.get_running_loop().run_in_executor(None, self._digester.update, piece)
        try:
            await draft.write(piece)
        finally:
            await hashing


def retain(tx: Transaction, content: rows.Content) -> None:
    """One more row refers to `content`."""
    if content.kind:
        key = rows.references(content)
        tx.put(key, rows.encode(_count(tx.get(key)) + 1))


def release(tx: Transaction, content: rows.Content, now_ms: int) -> None:
    """One row less refers to `content`; the last one makes it trash. What lies in the Store goes at once."""
    if not content.kind:
        return
    key = rows.references(content)
    count = _count(tx.get(key))
    if count > 2:
        tx.put(key, rows.encode(count - 1))
    elif count == 2:
        tx.delete(key)
    elif content.kind == "d":
        tx.delete(rows.data(content.id))
    else:
        tx.put(rows.trash(content), rows.encode(now_ms))


def _count(raw: bytes | None) -> int:
    """Content without a row is referred to once."""
    return 1 if raw is None else rows.decode_number(raw)


def pieces(view: View, content: rows.Content, size: int, first: int, length: int) -> list[Piece]:
    """Where bytes `first` to `first + length` of content of `size` bytes are, in order."""
    if length == 0:
        return []
    if content.kind != "x":
        return [Piece(content, first, length)]
    start = rows.extents(content.id)
    end = rows.extent(content.id, first + length)
    # The extent that holds `first` begins at or before it.
    begin = next(iter(view.scan(start, rows.extent(content.id, first + 1), reverse=True)))[0]
    found = []
    offset = int.from_bytes(begin[-8:], "big")
    for _, raw in view.scan(begin, end):
        part = rows.decode_part(raw)
        low = max(first - offset, 0)
        high = min(first + length - offset, part.size)
        if high > low:
            found.append(Piece(part.content, low, high - low))
        offset += part.size
    return found


@dataclass(frozen=True, slots=True)
class Piece:
    """`length` bytes of `content` (a row or a blob) from `offset`."""

    content: rows.Content
    offset: int
    length: int


class Flow:
    """An Outflow over pieces, opened one after the other as they are reached; the first at once, so that a reader
    who found a blob's row keeps the blob even if it is deleted the next moment. Raises KeyError if it is gone already.
    """

    def __init__(self, context: Context, found: list[Piece]) -> None:
        self._context = context
        self._pieces = found
        self._blob: Blob | None = None
        self.length = sum(piece.length for piece in found)
        if found and found[0].content.kind == "b":
            self._blob = context.blobs.open(found[0].content.id)

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if piece.content.kind == "d":
                yield self._row(piece)
                continue
            if self._blob is None:
                self._blob = self._context.blobs.open(piece.content.id)
            async for chunk in self._blob.chunks(piece.offset, piece.length):
                yield chunk
            self.close()

    def close(self) -> None:
        if self._blob is not None:
            self._blob.close()
            self._blob = None

    def _row(self, piece: Piece) -> bytes:
        with self._context.store.view() as view:
            data = view.get(rows.data(piece.content.id))
        if data is None:
            raise Fault(Kind.INTERNAL, "blob", "bytes went away while they were read")
        return data[piece.offset : piece.offset + piece.length]
