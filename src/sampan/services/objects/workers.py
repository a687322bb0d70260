"""Background work: giving space back. Run by one worker process at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice

from sampan.kernel.fault import Fault
from sampan.kernel.ports import Transaction
from sampan.services.objects import rows
from sampan.services.objects.content import release
from sampan.services.objects.context import Context

IDLE_S = 1.0
BATCH = 256
READER_GRACE_MS = 10 * 60 * 1000  # a reader of a multipart object opens its blobs one by one, as it comes to them
COMPLETED_KEPT_MS = 24 * 3600 * 1000  # as long as a client may ask again for the answer to a completed upload


async def maintain(context: Context) -> None:
    """Reclaim what a crash left over, then take out the trash, until cancelled."""
    started_ms = context.clock.now_ms()
    await reclaim(context)
    while True:
        try:
            await expire_completed(context)
            while await empty_trash(context, started_ms):
                pass
        except Fault:
            pass  # the disk is full or failing: there is time
        await asyncio.sleep(IDLE_S)


async def reclaim(context: Context) -> int:
    """Delete blobs of earlier runs that no row refers to. -> how many."""
    count = 0
    stale = context.blobs.stale()
    while batch := await asyncio.to_thread(_take, stale):
        with context.store.view() as view:
            orphans = [blob_id for blob_id in batch if view.get(rows.blob(blob_id)) is None]
        for blob_id in orphans:
            await asyncio.to_thread(context.blobs.delete, blob_id)
        count += len(orphans)
    return count


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
                # Thrown away after this view began, or about to be: look again.
                with context.store.view() as now:
                    trash = rows.trash(rows.Content("b", blob_id))
                    yield blob_id, now.get(key) is None or now.get(trash) is not None


def _take(ids: Iterator[str]) -> list[str]:
    return list(islice(ids, BATCH))


async def empty_trash(context: Context, started_ms: int) -> bool:
    """Remove a batch of content that nothing refers to. -> whether there is more to do now.

    The bytes of a multipart object are kept for its readers for READER_GRACE_MS, unless they were thrown away before
    this run of the server began: then there are no readers left.
    """
    now_ms = context.clock.now_ms()
    blobs: list[bytes] = []
    extents: list[rows.Content] = []
    prefix = rows.all_trash()
    with context.store.view() as view:
        for key, raw in view.scan(prefix, rows.successor(prefix)):
            kind, content_id = chr(key[len(prefix)]), key[len(prefix) + 1 :].decode()
            thrown_ms = rows.decode_number(raw)
            if kind == "b":
                blobs.append(key)
            elif thrown_ms < started_ms or now_ms - thrown_ms > READER_GRACE_MS:
                extents.append(rows.Content(kind, content_id))
            if len(blobs) + len(extents) >= BATCH:
                break
    for key in blobs:
        await asyncio.to_thread(context.blobs.delete, key[len(prefix) + 1 :].decode())

    def change(tx: Transaction) -> None:
        for key in blobs:
            tx.delete(rows.blob(key[len(prefix) + 1 :].decode()))
            tx.delete(key)
        for content in extents:
            _release_extents(tx, content, now_ms)

    if blobs or extents:
        await context.store.write(change)
    return bool(blobs or extents)


def _release_extents(tx: Transaction, content: rows.Content, now_ms: int) -> None:
    """Let go of a batch of a list's extents, and of the list when there are no more."""
    start = rows.extents(content.id)
    batch = []
    for row in tx.scan(start, rows.successor(start)):
        batch.append(row)
        if len(batch) == BATCH:
            break
    for key, raw in batch:
        release(tx, rows.decode_part(raw).content, now_ms)
        tx.delete(key)
    if len(batch) < BATCH:
        tx.delete(rows.trash(content))


async def expire_completed(context: Context) -> None:
    """Forget the answers to uploads that were completed long ago."""
    limit_ms = context.clock.now_ms() - COMPLETED_KEPT_MS
    prefix = rows.all_completed()
    old: list[bytes] = []
    with context.store.view() as view:
        for key, raw in view.scan(prefix, rows.successor(prefix)):  # ids sort by the time the uploads began
            if rows.decode_completed(raw).modified_ms < limit_ms:
                old.append(key)
            elif rows.created_ms(key[len(prefix) :].decode()) > limit_ms:
                break
            if len(old) == BATCH:
                break

    def change(tx: Transaction) -> None:
        for key in old:
            tx.delete(key)

    if old:
        await context.store.write(change)
