"""Batches, as callers see them; `batch_runner` answers their lines."""

from __future__ import annotations

from dataclasses import replace

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction, View
from sampan.services.inference import files, rows
from sampan.services.inference.context import Context
from sampan.services.inference.model import (
    Batch,
    BatchState,
    CancelBatch,
    CreateBatch,
    GetBatch,
    ListBatches,
)

ACTIVE_MAX = 100  # of an account, at once
WINDOW_S_MAX = 30 * 24 * 3600
LIST_MAX = 1000
METADATA_MAX = 64
TEXT_CHARS_MAX = 1024
ENDED = frozenset({BatchState.FAILED, BatchState.DONE, BatchState.EXPIRED, BatchState.CANCELLED})


async def create_batch(context: Context, caller: Caller, command: CreateBatch) -> Batch:
    _check(context, command)
    now_ms = context.clock.now_ms()
    batch = Batch(
        context.fresh_id(command.prefix, now_ms),
        command.door,
        command.endpoint,
        command.input_file,
        BatchState.CHECKING,
        now_ms,
        now_ms + command.window_s * 1000,
        command.window_s,
        metadata=dict(command.metadata),
    )

    def change(tx: Transaction) -> None:
        files.find(tx, caller.account, command.input_file)
        prefix = rows.active_batches()
        mine = sum(raw == caller.account.encode() for _, raw in tx.scan(prefix, rows.successor(prefix)))
        if mine >= ACTIVE_MAX:
            why = f"at most {ACTIVE_MAX} batches of an account at once"
            raise Fault(Kind.TOO_MANY, "requests", why, limit=ACTIVE_MAX, retry_after_s=60.0)
        put(tx, caller.account, rows.BatchRow(batch, caller))
        tx.put(rows.active_batch(batch.id), caller.account.encode())

    await context.store.write(change)
    return batch


async def get_batch(context: Context, caller: Caller, command: GetBatch) -> Batch:
    with context.store.view() as view:
        return find(view, caller.account, command.batch).batch


async def cancel_batch(context: Context, caller: Caller, command: CancelBatch) -> Batch:
    def change(tx: Transaction) -> Batch:
        row = find(tx, caller.account, command.batch)
        if row.batch.state in ENDED:
            raise Fault(Kind.CONFLICT, "batch", f"it has ended: {row.batch.state}", batch=command.batch)
        row.batch = replace(row.batch, state=BatchState.CANCELLING)
        put(tx, caller.account, row)
        return row.batch

    return await context.store.write(change)


async def list_batches(context: Context, caller: Caller, command: ListBatches) -> tuple[Batch, ...]:
    limit = max(0, min(command.limit, LIST_MAX))
    found: list[Batch] = []
    with context.store.view() as view:
        after = find(view, caller.account, command.after).batch.id if command.after else ""
        for _, raw in rows.listed(view, rows.batches(caller.account), after):
            if len(found) == limit:
                break
            found.append(rows.decode_batch(raw).batch)
    return tuple(found)


def find(view: View, account: str, batch_id: str) -> rows.BatchRow:
    """Raises Fault(MISSING, "batch"), also for a batch of another account."""
    raw = view.get(rows.batch(account, batch_id)) if rows.is_id(batch_id) else None
    row = rows.decode_batch(raw) if raw is not None else None
    if row is None or row.batch.id != batch_id:
        raise Fault(Kind.MISSING, "batch", f"there is no batch {batch_id[:128]!r}", batch=batch_id[:128])
    return row


def put(tx: Transaction, account: str, row: rows.BatchRow) -> None:
    """Write a batch's row."""
    tx.put(rows.batch(account, row.batch.id), rows.encode(row))


def _check(context: Context, command: CreateBatch) -> None:
    if command.door not in context.doors:
        raise Fault(Kind.INVALID, "request", f"no batches come through {command.door!r}", field="door")
    if not 1 <= command.window_s <= WINDOW_S_MAX:
        raise Fault(Kind.INVALID, "request", f"a window has 1 to {WINDOW_S_MAX} seconds", field="window_s")
    texts = (command.endpoint, *command.metadata, *command.metadata.values())
    if len(command.metadata) > METADATA_MAX or any(len(text) > TEXT_CHARS_MAX for text in texts):
        why = f"at most {METADATA_MAX} texts of {TEXT_CHARS_MAX} characters are kept with a batch"
        raise Fault(Kind.INVALID, "request", why, field="metadata")
