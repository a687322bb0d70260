"""Background work that one worker process does for all: batches, what ends by itself, what is to be removed."""

from __future__ import annotations

import asyncio
from itertools import islice

from sampan.kernel.fault import Fault
from sampan.kernel.ports import Transaction
from sampan.services.inference import backends, batch_runner, files, logs, names, rows, tasks
from sampan.services.inference.batch_runner import BatchRunner
from sampan.services.inference.context import Context

IDLE_S = 1.0
LOGS_EVERY = 60  # rounds
WARM_EVERY = 30
STEP = 256


async def maintain(context: Context) -> None:
    """Do it all, again and again, until cancelled."""
    runner = BatchRunner(context)
    warming: asyncio.Task[None] | None = None
    number = 0
    try:
        await files.reclaim(context)
        while True:
            runner.look()
            if number % WARM_EVERY == 0 and (warming is None or warming.done()):
                warming = asyncio.create_task(warm(context))
            try:
                await expire(context)
                await tasks.bury(context)
                await files.empty_trash(context)
                await batch_runner.forget_entries(context)
                if number % LOGS_EVERY == 0:
                    await logs.forget(context)
            except Fault:
                pass  # the disk is full or failing: there is time
            number += 1
            await asyncio.sleep(IDLE_S)
    finally:
        if warming is not None:
            warming.cancel()
        await runner.close()


async def expire(context: Context) -> None:
    """Remove turns, files and tasks whose time is over."""
    now_ms = context.clock.now_ms()
    prefix = rows.all_expiries()
    with context.store.view() as view:
        first = next(iter(view.scan(prefix, rows.successor(prefix))), None)
    if first is None or rows.of_expiry(first[0])[0] > now_ms:
        return

    def change(tx: Transaction) -> None:
        due = list(islice(tx.scan(prefix, prefix + (now_ms + 1).to_bytes(8, "big")), STEP))
        for key, _ in due:
            _, kind, account, thing_id = rows.of_expiry(key)
            tx.delete(key)
            if kind == "t":
                tx.delete(rows.turn(account, thing_id))
            elif kind == "j":
                tx.delete(rows.task(account, thing_id))
            else:
                _remove_file(tx, account, thing_id)

    await context.store.write(change)


def _remove_file(tx: Transaction, account: str, file_id: str) -> None:
    try:
        files.remove(tx, files.find(tx, account, file_id), account)
    except Fault:
        pass  # somebody did it before


async def warm(context: Context) -> None:
    """Load the models that are to be there before they are asked."""
    with context.store.view() as view:
        wanted = [one for one in names.deployments(context, view).values() if one.warm]
    for deployment in wanted:
        try:
            for place in backends.places(context, deployment):
                await place.engine.load(place.model)
        except Fault as fault:
            context.log.warning("%s cannot be loaded: %s", deployment.name, fault)
