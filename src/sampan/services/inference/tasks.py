"""Tasks: commands that run without anybody waiting, in the worker that was asked.

A worker says every few seconds that its tasks are alive. One that nobody has said so of for a while has failed: its
worker was killed, or stopped.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction, View
from sampan.services.inference import asking, rows
from sampan.services.inference.context import Context
from sampan.services.inference.model import CancelTask, Defer, Deferred, GetTask, ListTasks, TaskState

WAITING_MAX = 1000  # of an account, at once
ALIVE_S = 5.0
DEAD_MS = 20_000
KEPT_MS = 24 * 3600 * 1000  # after it was made: as long as Model Studio keeps results ("Manage asynchronous tasks")
LIST_MAX = 1000
ENDED = frozenset({TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED})


async def defer(context: Context, caller: Caller, command: Defer) -> Deferred:
    if command.door not in context.doors:
        raise Fault(Kind.INVALID, "request", f"no tasks come through {command.door!r}", field="door")
    now_ms = context.clock.now_ms()
    task = Deferred(context.fresh_id(command.prefix, now_ms), TaskState.PENDING, now_ms)

    def change(tx: Transaction) -> None:
        prefix = rows.active_tasks()
        mine = sum(raw == caller.account.encode() for _, raw in tx.scan(prefix, rows.successor(prefix)))
        if mine >= WAITING_MAX:
            why = f"at most {WAITING_MAX} tasks of an account at once"
            raise Fault(Kind.TOO_MANY, "requests", why, limit=WAITING_MAX, retry_after_s=5.0)
        tx.put(rows.task(caller.account, task.id), rows.encode(rows.TaskRow(task, command.door, now_ms)))
        tx.put(rows.active_task(task.id), caller.account.encode())
        tx.put(rows.expiry(now_ms + KEPT_MS, "j", caller.account, task.id), b"")

    await context.store.write(change)
    context.tasks[task.id] = caller.account, asyncio.create_task(_run(context, caller, command, task.id))
    return task


async def get_task(context: Context, caller: Caller, command: GetTask) -> Deferred:
    with context.store.view() as view:
        return find(view, caller.account, command.task).task


async def cancel_task(context: Context, caller: Caller, command: CancelTask) -> None:
    def change(tx: Transaction) -> None:
        row = find(tx, caller.account, command.task)
        if row.task.state is not TaskState.PENDING:
            raise Fault(Kind.CONFLICT, "task", f"it is {row.task.state}", task=command.task)
        _end(tx, caller.account, row, TaskState.CANCELLED, b"", context.clock.now_ms())

    await context.store.write(change)


async def list_tasks(context: Context, caller: Caller, command: ListTasks) -> tuple[Deferred, ...]:
    limit = max(0, min(command.limit, LIST_MAX))
    found: list[Deferred] = []
    with context.store.view() as view:
        after = find(view, caller.account, command.after).task.id if command.after else ""
        for _, raw in rows.listed(view, rows.tasks(caller.account), after):
            if len(found) == limit:
                break
            task = rows.decode_task(raw).task
            if command.state in (None, task.state):
                found.append(task)
    return tuple(found)


def find(view: View, account: str, task_id: str) -> rows.TaskRow:
    """Raises Fault(MISSING, "task"), also for a task of another account."""
    raw = view.get(rows.task(account, task_id)) if rows.is_id(task_id) else None
    row = rows.decode_task(raw) if raw is not None else None
    if row is None or row.task.id != task_id:
        raise Fault(Kind.MISSING, "task", f"there is no task {task_id[:128]!r}", task=task_id[:128])
    return row


# --- running ----------------------------------------------------------------------------------------------------------


async def _run(context: Context, caller: Caller, command: Defer, task_id: str) -> None:
    try:
        async with context.task_places:
            if await _begin(context, caller.account, task_id):
                await _work(context, caller, command, task_id)
    except Fault as fault:
        # It cannot be written down how it ended: nobody says that it is alive, and so it will have failed.
        context.log.warning("task %s is lost: %s", task_id, fault)
    finally:
        context.tasks.pop(task_id, None)


async def _begin(context: Context, account: str, task_id: str) -> bool:
    """Whether it is still to be done."""

    def change(tx: Transaction) -> bool:
        row = find(tx, account, task_id)
        if row.task.state is not TaskState.PENDING:
            return False
        row.task = replace(row.task, state=TaskState.RUNNING, started_ms=context.clock.now_ms())
        tx.put(rows.task(account, task_id), rows.encode(row))
        return True

    return await context.store.write(change)


async def _work(context: Context, caller: Caller, command: Defer, task_id: str) -> None:
    door = context.doors[command.door]
    state = TaskState.DONE
    try:
        note = door.result(command.command, await asking.run(context, caller, command.command))
    except Fault as fault:
        state, note = TaskState.FAILED, door.refusal(fault)

    def change(tx: Transaction) -> None:
        row = find(tx, caller.account, task_id)
        if row.task.state not in ENDED:
            _end(tx, caller.account, row, state, note, context.clock.now_ms())

    await context.store.write(change)


def _end(tx: Transaction, account: str, row: rows.TaskRow, state: TaskState, note: bytes, now_ms: int) -> None:
    row.task = replace(row.task, state=state, note=note, ended_ms=now_ms)
    tx.put(rows.task(account, row.task.id), rows.encode(row))
    tx.delete(rows.active_task(row.task.id))


# --- background -------------------------------------------------------------------------------------------------------


async def keep_alive(context: Context) -> None:
    """Say that this worker's tasks are alive, until cancelled; then end them."""
    try:
        while True:
            await asyncio.sleep(ALIVE_S)
            with suppress(Fault):  # there is time for another try
                await say_alive(context)
    finally:
        running = [task for _, task in context.tasks.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def say_alive(context: Context) -> None:
    """Say it once."""
    mine = [(account, task_id) for task_id, (account, _) in context.tasks.items()]
    now_ms = context.clock.now_ms()

    def change(tx: Transaction) -> None:
        for account, task_id in mine:
            with suppress(Fault):
                row = find(tx, account, task_id)
                row.alive_ms = now_ms
                tx.put(rows.task(account, task_id), rows.encode(row))

    if mine:
        await context.store.write(change)


async def bury(context: Context) -> None:
    """End the tasks whose workers have died."""
    now_ms = context.clock.now_ms()
    fault = Fault(Kind.UNAVAILABLE, "answer", "the server was stopped in the middle of it")

    def change(tx: Transaction) -> None:
        for key, raw in list(tx.scan(prefix, rows.successor(prefix))):
            account = raw.decode()
            try:
                row = find(tx, account, rows.id_of_active(key))
            except Fault:
                tx.delete(key)
                continue
            if now_ms - row.alive_ms > DEAD_MS:
                door = context.doors.get(row.door)
                _end(tx, account, row, TaskState.FAILED, door.refusal(fault) if door else b"", now_ms)

    prefix = rows.active_tasks()
    with context.store.view() as view:
        some = next(iter(view.scan(prefix, rows.successor(prefix))), None) is not None
    if some:
        await context.store.write(change)
