"""Files: what was uploaded for a batch or a training, and what came out of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

from sampan.kernel.body import Bytes, Outflow
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.limits import GIB, KIB, MIB
from sampan.kernel.ports import Blob, Digester, Draft, Transaction, View
from sampan.services.inference import rows
from sampan.services.inference.context import Context
from sampan.services.inference.model import DeleteFile, File, FileContent, GetFile, ListFiles, PutFile, ReadFile

FILE_BYTES_MAX = 512 * MIB  # OpenAI's limit (API reference, "Files")
TOGETHER_BYTES_MAX = 100 * GIB  # an account's files; likewise
FILES_MAX = 100_000  # an account's
INLINE_BYTES_MAX = 64 * KIB  # up to here a file is a row: one sync for it and what is said of it
STEP_BYTES = MIB
NAME_CHARS_MAX = 512
LIST_MAX = 10_000
TRASH_AT_ONCE = 256


async def put_file(context: Context, caller: Caller, command: PutFile) -> File:
    for field, text in (("name", command.name), ("purpose", command.purpose), ("description", command.description)):
        if len(text) > NAME_CHARS_MAX or not text.isprintable():
            why = f"the {field} has at most {NAME_CHARS_MAX} printable characters"
            raise Fault(Kind.INVALID, "request", why, field=field)
    body = command.body
    if body.length is not None and body.length > FILE_BYTES_MAX:
        raise _too_large(FILE_BYTES_MAX)
    digester = context.digests.start({"md5", *body.algorithms})
    intake = Intake(context, digester)
    try:
        async for chunk in body.chunks():
            await intake.add(chunk)
        values = digester.values()
        for digest in body.digests():
            if values[digest.algorithm] != digest.value:
                raise digest.fault
        file = await intake.seal(
            caller.account, command.prefix, command.name, command.purpose, command.description, command.expires_s
        )
    except BaseException:
        await intake.discard()
        raise
    await write(context, intake.put, intake)
    return file


async def get_file(context: Context, caller: Caller, command: GetFile) -> File:
    with context.store.view() as view:
        return find(view, caller.account, command.file).file


async def read_file(context: Context, caller: Caller, command: ReadFile) -> FileContent:
    with context.store.view() as view:
        row = find(view, caller.account, command.file)
        return FileContent(row.file, _outflow(context, view, caller.account, row))


async def delete_file(context: Context, caller: Caller, command: DeleteFile) -> None:
    await context.store.write(lambda tx: remove(tx, find(tx, caller.account, command.file), caller.account))


async def list_files(context: Context, caller: Caller, command: ListFiles) -> tuple[File, ...]:
    limit = max(0, min(command.limit, LIST_MAX))
    found: list[File] = []
    with context.store.view() as view:
        after = find(view, caller.account, command.after).file.id if command.after else ""
        for _, raw in rows.listed(view, rows.files(caller.account), after, newest_first=not command.oldest_first):
            if len(found) == limit:
                break
            file = rows.decode_file(raw).file
            if command.purpose in ("", file.purpose):
                found.append(file)
    return tuple(found)


# --- for batches, and for what ends -----------------------------------------------------------------------------------


def find(view: View, account: str, file_id: str) -> rows.FileRow:
    """Raises Fault(MISSING, "file"), also for a file of another account."""
    raw = view.get(rows.file(account, file_id)) if rows.is_id(file_id) else None
    row = rows.decode_file(raw) if raw is not None else None
    if row is None or row.file.id != file_id:
        raise Fault(Kind.MISSING, "file", f"there is no file {file_id[:128]!r}", file=file_id[:128])
    return row


def remove(tx: Transaction, row: rows.FileRow, account: str) -> None:
    """Take a file away; its bytes are removed from disk later, so that who reads it reads on."""
    tx.delete(rows.file(account, row.file.id))
    if row.blob:
        tx.put(rows.trash(row.blob), b"")
    else:
        tx.delete(rows.content(account, row.file.id))
    _count(tx, account, -1, -row.file.size)


async def reading(context: Context, account: str, file_id: str) -> AsyncIterator[bytes]:
    """A file's bytes, in pieces. Raises Fault(MISSING, "file")."""
    with context.store.view() as view:
        flow = _outflow(context, view, account, find(view, account, file_id))
    try:
        async for chunk in flow.chunks():
            yield chunk
    finally:
        flow.close()


class Intake:
    """Bytes on their way to become a file: add them, seal it, put it in a transaction; or discard it."""

    def __init__(self, context: Context, digester: Digester) -> None:
        self._context = context
        self._digester = digester
        self._buffer = bytearray()
        self._draft: Draft | None = None
        self._sealed: tuple[str, File]
        self.size = 0

    async def add(self, data: bytes) -> None:
        """Append. Raises Fault(TOO_LARGE, "file") and the faults of the disk."""
        self.size += len(data)
        if self.size > FILE_BYTES_MAX:
            raise _too_large(FILE_BYTES_MAX)
        self._buffer += data
        if len(self._buffer) >= STEP_BYTES:
            await self._step()

    async def seal(
        self, account: str, prefix: str, name: str, purpose: str, description: str = "", expires_s: int | None = None
    ) -> File:
        """Make the bytes durable. They are a file of this kind once `put` has been part of a transaction."""
        now_ms = self._context.clock.now_ms()
        if self.size > INLINE_BYTES_MAX:
            await self._step()
        else:
            self._digester.update(bytes(self._buffer))
        if self._draft is not None:
            await self._draft.seal()
        file = File(
            self._context.fresh_id(prefix, now_ms),
            name,
            purpose,
            self.size,
            now_ms,
            self._digester.values()["md5"],
            None if expires_s is None else now_ms + expires_s * 1000,
            description,
        )
        self._sealed = account, file
        return file

    def put(self, tx: Transaction) -> None:
        """Write the rows that make the file. Raises Fault(TOO_LARGE, "file") if the account has too many."""
        account, file = self._sealed
        _count(tx, account, 1, file.size)
        blob_id = self._draft.blob_id if self._draft is not None else ""
        tx.put(rows.file(account, file.id), rows.encode(rows.FileRow(file, blob_id)))
        if blob_id:
            tx.put(rows.blob(blob_id), b"")
        else:
            tx.put(rows.content(account, file.id), bytes(self._buffer))
        if file.expires_ms is not None:
            tx.put(rows.expiry(file.expires_ms, "f", account, file.id), b"")

    async def discard(self) -> None:
        """Forget the bytes. Safe to call twice."""
        if self._draft is not None:
            draft, self._draft = self._draft, None
            await draft.discard()

    async def _step(self) -> None:
        """Hash and write what has gathered, beside each other: the digests let go of the interpreter."""
        if self._draft is None:
            self._draft = self._context.blobs.draft()
        piece, self._buffer = bytes(self._buffer), bytearray()
        hashing = asyncio.get_running_loop().run_in_executor(None, self._digester.update, piece)
        try:
            await self._draft.write(piece)
        finally:
            await hashing


async def write(context: Context, change: Callable[[Transaction], None], *intakes: Intake) -> None:
    """Run the transaction that `put`s intakes, which are forgotten if it fails.

    Whether it was written decides about the bytes, and not whether somebody still waits for it.
    """

    async def finished() -> None:
        try:
            await context.store.write(change)
        except BaseException:
            for intake in intakes:
                await intake.discard()
            raise

    await asyncio.shield(asyncio.ensure_future(finished()))


class _BlobFlow:
    """An Outflow over a blob, opened at once: who found its row has it even if it is deleted the next moment."""

    def __init__(self, blob: Blob, length: int) -> None:
        self._blob = blob
        self.length = length

    def chunks(self) -> AsyncIterator[bytes]:
        return self._blob.chunks(0, self.length)

    def close(self) -> None:
        self._blob.close()


def _outflow(context: Context, view: View, account: str, row: rows.FileRow) -> Outflow:
    if not row.blob:
        return Bytes(view.get(rows.content(account, row.file.id)) or b"")
    try:
        return _BlobFlow(context.blobs.open(row.blob), row.file.size)
    except KeyError:
        raise Fault(Kind.MISSING, "file", "it was deleted just now", file=row.file.id) from None


def _count(tx: Transaction, account: str, files: int, size: int) -> None:
    """Add to what an account's files are together. Raises Fault(TOO_LARGE, "file")."""
    raw = tx.get(rows.together(account))
    count, together = rows.decode_together(raw) if raw is not None else (0, 0)
    count, together = count + files, together + size
    if files > 0 and (count > FILES_MAX or together > TOGETHER_BYTES_MAX):
        raise Fault(
            Kind.TOO_LARGE,
            "file",
            f"an account has at most {FILES_MAX} files, of {TOGETHER_BYTES_MAX} bytes together",
            size_max=TOGETHER_BYTES_MAX,
        )
    tx.put(rows.together(account), rows.encode((count, together)))


def _too_large(size_max: int) -> Fault:
    return Fault(Kind.TOO_LARGE, "file", f"a file has at most {size_max} bytes", size_max=size_max)


# --- background -------------------------------------------------------------------------------------------------------


def referred_blobs(context: Context) -> Iterator[tuple[str, bool]]:
    """Each blob that rows refer to, and whether it is there: all are, unless somebody else removed files."""
    prefix = rows.blob("")
    with context.store.view() as view:
        for key, _ in view.scan(prefix, rows.successor(prefix)):
            blob_id = key[len(prefix) :].decode()
            try:
                context.blobs.open(blob_id).close()
                yield blob_id, True
            except KeyError:
                # Deleted after this view began, or about to be: look again.
                yield blob_id, context.store.get(key) is None or context.store.get(rows.trash(blob_id)) is not None


async def reclaim(context: Context) -> int:
    """Delete blobs of earlier runs that no row refers to: what a crash left over. -> how many."""
    stale = await asyncio.to_thread(list, context.blobs.stale())
    with context.store.view() as view:
        orphans = [blob_id for blob_id in stale if view.get(rows.blob(blob_id)) is None]
    for blob_id in orphans:
        await asyncio.to_thread(context.blobs.delete, blob_id)
    return len(orphans)


async def empty_trash(context: Context) -> None:
    """Remove the bytes of files that were taken away."""
    prefix = rows.trash("")
    with context.store.view() as view:
        found = []
        for key, _ in view.scan(prefix, rows.successor(prefix)):
            found.append(key[len(prefix) :].decode())
            if len(found) == TRASH_AT_ONCE:
                break
    for blob_id in found:
        await asyncio.to_thread(context.blobs.delete, blob_id)

    def change(tx: Transaction) -> None:
        for blob_id in found:
            tx.delete(rows.blob(blob_id))
            tx.delete(rows.trash(blob_id))

    if found:
        await context.store.write(change)
