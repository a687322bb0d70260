"""Answering batches: one worker process at a time does it.

What became of a line is a row, written before anything else is done with it; a line that has one is not asked again.
So after a crash the lines that were under way are asked once more, and in the output each is there once. When all have
a row the output is written from them, and made a file in the transaction that ends the batch.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction
from sampan.services.inference import asking, files, rows
from sampan.services.inference.batches import ENDED, find, put
from sampan.services.inference.context import Context
from sampan.services.inference.doors import Door
from sampan.services.inference.files import Intake
from sampan.services.inference.lines import lines
from sampan.services.inference.model import Batch, BatchState

BATCHES_AT_ONCE = 4
LINES_AT_ONCE = 32  # of a batch: as many as fill an engine
LINES_MAX = 50_000  # OpenAI's limit (Batch API guide)
ERRORS_MAX = 100  # that are told of a file which cannot be read
LOOK_S = 0.5  # how soon a cancellation is seen
PAUSE_S_MAX = 30.0
DEATHS_MAX = 3  # answers that the engine died in, of one line
STEP = 256
OUTPUT = "batch_output"


class BatchRunner:
    """Runs the batches that there are. `look` begins new ones; `close` leaves all as they are."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._running: dict[str, asyncio.Task[None]] = {}

    def look(self) -> None:
        """Begin batches that wait, the oldest first."""
        self._running = {batch_id: task for batch_id, task in self._running.items() if not task.done()}
        prefix = rows.active_batches()
        with self._context.store.view() as view:
            for key, account in view.scan(prefix, rows.successor(prefix)):
                if len(self._running) >= BATCHES_AT_ONCE:
                    break
                batch_id = rows.id_of_active(key)
                if batch_id not in self._running:
                    run = _Run(self._context, account.decode(), batch_id)
                    self._running[batch_id] = asyncio.create_task(run.run())

    @property
    def idle(self) -> bool:
        """Whether nothing runs."""
        return all(task.done() for task in self._running.values())

    async def close(self) -> None:
        """Stop; whoever comes next goes on."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)


class _Run:
    """One batch, from where it is to its end."""

    def __init__(self, context: Context, account: str, batch_id: str) -> None:
        self._context = context
        self._account = account
        self._id = batch_id

    async def run(self) -> None:
        try:
            state = self._row().batch.state
            if state is BatchState.CHECKING:
                state = await self._check()
            if state is BatchState.RUNNING:
                state = await self._answer()
            elif state is BatchState.CANCELLING:
                state = BatchState.CANCELLED
            elif state is BatchState.FINISHING:
                state = BatchState.DONE
            await self._finish(state)
        except Fault as fault:
            if fault.kind is Kind.CONFLICT:
                return
            # The disk is full or failing, say: the runner looks again soon.
            self._context.log.warning("batch %s has to wait: %s", self._id, fault)
            await asyncio.sleep(LOOK_S)
        except Exception:
            self._context.log.exception("batch %s failed by a mistake of ours", self._id)
            with suppress(Fault):
                await self._finish(BatchState.FAILED, ("an error of the server",))

    # --- its row ------------------------------------------------------------------------------------------------------

    def _row(self) -> rows.BatchRow:
        with self._context.store.view() as view:
            return find(view, self._account, self._id)

    def _open(self, tx: Transaction) -> rows.BatchRow:
        """The row, to be changed. Raises Fault(CONFLICT, "batch") if another process has ended the batch."""
        row = find(tx, self._account, self._id)
        if row.batch.state in ENDED:
            raise Fault(Kind.CONFLICT, "batch", "another process ended it")
        return row

    async def _change(self, **changes: object) -> Batch:
        """Change the row; one that is being cancelled stays so."""

        def change(tx: Transaction) -> Batch:
            row = self._open(tx)
            if row.batch.state is BatchState.CANCELLING:
                changes.pop("state", None)
            row.batch = replace(row.batch, **changes)  # type: ignore[arg-type]
            put(tx, self._account, row)
            return row.batch

        return await self._context.store.write(change)

    # --- the steps ----------------------------------------------------------------------------------------------------

    async def _check(self) -> BatchState:
        """Look at every line before the first is answered."""
        row = self._row()
        door = self._context.doors.get(row.batch.door)
        errors: list[str] = []
        names: set[str] = set()
        number = 0
        try:
            if door is None:
                raise Fault(Kind.INVALID, "file", f"no batches come through {row.batch.door}")
            async for line in lines(files.reading(self._context, self._account, row.batch.input_file)):
                number += 1
                if number > LINES_MAX:
                    raise Fault(Kind.INVALID, "file", f"at most {LINES_MAX} lines")
                why = _looked_at(door, line, names)
                if why and len(errors) < ERRORS_MAX:
                    errors.append(f"line {number}: {why}")
                if number % STEP == 0:
                    await asyncio.sleep(0)
        except Fault as fault:
            if fault.kind in (Kind.FULL, Kind.UNAVAILABLE):
                raise
            errors.append(fault.why or str(fault))
        if not number and not errors:
            errors.append("the file has no lines")
        if errors:
            await self._finish(BatchState.FAILED, tuple(errors))
            return BatchState.FAILED
        now_ms = self._context.clock.now_ms()
        return (await self._change(state=BatchState.RUNNING, total=number, started_ms=now_ms)).state

    async def _answer(self) -> BatchState:
        """Answer every line that was not answered. -> how the batch is to end."""
        working = asyncio.create_task(self._answer_all())
        try:
            while True:
                await asyncio.wait({working}, timeout=LOOK_S)
                batch = self._row().batch
                if working.done():
                    await working
                    return BatchState.CANCELLED if batch.state is BatchState.CANCELLING else BatchState.DONE
                if batch.state is BatchState.CANCELLING:
                    return BatchState.CANCELLED
                if self._context.clock.now_ms() >= batch.expires_ms:
                    return BatchState.EXPIRED
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(working, return_exceptions=True)

    async def _answer_all(self) -> None:
        row = self._row()
        prefix = rows.entries(self._id)
        with self._context.store.view() as view:
            known = {rows.entry_number(key) for key, _ in view.scan(prefix, rows.successor(prefix))}
        places = asyncio.Semaphore(LINES_AT_ONCE)
        number = 0
        try:
            async with asyncio.TaskGroup() as group:
                async for line in lines(files.reading(self._context, self._account, row.batch.input_file)):
                    number += 1
                    if number in known:
                        continue
                    await places.acquire()
                    task = group.create_task(self._answer_line(row, number, line))
                    task.add_done_callback(lambda _: places.release())
        except ExceptionGroup as several:
            raise several.exceptions[0] from None  # one that could not be written is like another

    async def _answer_line(self, row: rows.BatchRow, number: int, line: bytes) -> None:
        context, door = self._context, self._context.doors[row.batch.door]
        fault: Fault | None = None
        try:
            command = door.command(row.batch.endpoint, line)
            document = door.result(command, await self._patiently(row, door, line))
        except Fault as refused:
            fault, document = refused, door.refusal(refused)
        entry_id = context.fresh_id("", context.clock.now_ms())
        entry = rows.EntryRow(fault is not None, door.entry(entry_id, line, document, fault))
        assert b"\n" not in entry.line, "an entry is one line"

        def change(tx: Transaction) -> None:
            key = rows.entry(self._id, number)
            found = find(tx, self._account, self._id)
            if tx.get(key) is not None or found.batch.state in ENDED:
                return
            tx.put(key, rows.encode(entry))
            batch = found.batch
            found.batch = replace(batch, done=batch.done + (fault is None), failed=batch.failed + (fault is not None))
            put(tx, self._account, found)

        await context.store.write(change)

    async def _patiently(self, row: rows.BatchRow, door: Door, line: bytes) -> object:
        """The result of a line. Nobody waits for it: while a model is overloaded or a quota used up, we do."""
        deaths, pause_s = 0, 1.0
        while True:
            command = door.command(row.batch.endpoint, line)
            try:
                return await asking.run(self._context, row.caller, command, behind=True)
            except Fault as fault:
                deaths += (fault.kind, fault.noun) == (Kind.UNAVAILABLE, "answer")
                if fault.kind not in (Kind.UNAVAILABLE, Kind.TOO_MANY) or deaths >= DEATHS_MAX:
                    raise
                wait_s = float(fault.facts.get("retry_after_s") or pause_s)
                pause_s = min(2 * pause_s, PAUSE_S_MAX)
            await asyncio.sleep(min(wait_s, PAUSE_S_MAX))

    async def _finish(self, state: BatchState, errors: tuple[str, ...] = ()) -> None:
        """Write what became of the lines into files, and end the batch."""
        batch = self._row().batch
        if batch.state in ENDED:
            return
        if state is BatchState.DONE:
            batch = await self._change(state=BatchState.FINISHING)
        output, failures = await self._gathered()
        made = [intake for intake in (output, failures) if intake.size]
        prefix = batch.input_file[: -rows.ORDER_CHARS]
        ids = {}
        try:
            for intake, what in ((output, "output"), (failures, "error")):
                if intake.size:
                    file = await intake.seal(self._account, prefix, f"{self._id}_{what}.jsonl", OUTPUT)
                    ids[what] = file.id
        except BaseException:
            for intake in made:
                await intake.discard()
            raise

        def change(tx: Transaction) -> None:
            row = self._open(tx)
            for intake in made:
                intake.put(tx)
            row.batch = replace(
                row.batch,
                state=state,
                output_file=ids.get("output", ""),
                error_file=ids.get("error", ""),
                ended_ms=self._context.clock.now_ms(),
                errors=errors,
            )
            put(tx, self._account, row)
            tx.delete(rows.active_batch(self._id))
            tx.put(rows.spent_entries(self._id), b"")

        await files.write(self._context, change, *made)

    async def _gathered(self) -> tuple[Intake, Intake]:
        """The lines of the output and of the errors, in the order of the input."""
        context = self._context
        output = Intake(context, context.digests.start({"md5"}))
        failures = Intake(context, context.digests.start({"md5"}))
        prefix = rows.entries(self._id)
        start, end = prefix, rows.successor(prefix)
        try:
            while True:
                found = []
                with context.store.view() as view:
                    for key, raw in view.scan(start, end):
                        found.append(rows.decode_entry(raw))
                        start = key + b"\0"
                        if len(found) == STEP:
                            break
                if not found:
                    return output, failures
                for entry in found:
                    await (failures if entry.failed else output).add(entry.line + b"\n")
        except BaseException:
            await output.discard()
            await failures.discard()
            raise


def _looked_at(door: Door, line: bytes, names: set[str]) -> str:
    """What is wrong with a line of a file, or ""."""
    try:
        name = door.name(line)
    except Fault as fault:
        return fault.why or str(fault)
    if name in names:
        return f"there is another line called {name[:128]!r}"
    names.add(name)
    return ""


async def forget_entries(context: Context) -> None:
    """Remove what became of the lines of batches that have ended: it is in files now."""
    spent = rows.all_spent_entries()
    found: list[bytes] = []
    with context.store.view() as view:
        first = next(iter(view.scan(spent, rows.successor(spent))), None)
        if first is None:
            return
        prefix = rows.entries(first[0][len(spent) :].decode())
        for key, _ in view.scan(prefix, rows.successor(prefix)):
            found.append(key)
            if len(found) == STEP:
                break

    def change(tx: Transaction) -> None:
        for key in found:
            tx.delete(key)
        if len(found) < STEP:
            tx.delete(first[0])

    await context.store.write(change)
