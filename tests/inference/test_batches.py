"""Batches: every line is answered once, whatever stops in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sampan.engines.store_memory import MemoryStore
from sampan.kernel.body import Bytes
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference import batch_runner, batches, lines, rows
from sampan.services.inference import model as m
from sampan.services.inference.batch_runner import BatchRunner
from sampan.services.inference.model import BatchState
from tests.inference.scripted import Script, ScriptedDoor, said
from tests.inference.test_files import read
from tests.inference.world import ALICE, BOB, OPERATOR, World, until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_runner, "LOOK_S", 0.01)
    monkeypatch.setattr(batch_runner, "PAUSE_S_MAX", 0.01)
    monkeypatch.setattr(batch_runner, "LINES_AT_ONCE", 4)


def create(world: World, text: bytes, caller: Any = ALICE, **more: Any) -> str:
    file = world.run(m.PutFile(name="in", purpose="batch", body=Bytes(text), prefix="file-"), caller)
    more = {"door": "test", "endpoint": "chat", "window_s": 3600, "prefix": "batch_"} | more
    return world.run(m.CreateBatch(input_file=file.id, **more), caller).id


def finish(world: World) -> None:
    """Let the runner do all there is to do."""

    async def run() -> None:
        runner = BatchRunner(world.context)
        await until(lambda: runner.idle and not world.rows(rows.active_batches()), runner.look)
        await runner.close()

    world.wait(run())


def ended(world: World, batch: str, caller: Any = ALICE) -> tuple[m.Batch, list[str], list[str]]:
    """The batch, the lines of its output and those of its errors."""
    found = world.run(m.GetBatch(batch=batch), caller)
    texts = [read(world, file, caller).decode() if file else "" for file in (found.output_file, found.error_file)]
    return found, texts[0].splitlines(), texts[1].splitlines()


def rows_left(world: World) -> list[bytes]:
    """What is kept of batches beside the batches and their files."""

    async def forget() -> None:
        for _ in range(20):
            await batch_runner.forget_entries(world.context)

    world.wait(forget())
    with world.store.view() as view:
        return [key for key, _ in view.scan(b"M", b"N") if key[1:2] in b"wey"]


def test_lines_become_lines(world: World) -> None:
    batch = create(world, b"one qwen Hi\r\ntwo none Hi\n\nthree qwen nonsense\nfour qwen Hi")
    first = world.run(m.GetBatch(batch=batch))
    assert (first.state, first.total, first.expires_ms) == (BatchState.CHECKING, 0, first.created_ms + 3_600_000)
    finish(world)
    found, output, errors = ended(world, batch)
    assert (found.state, found.total, found.done, found.failed) == (BatchState.DONE, 4, 2, 2)
    assert found.started_ms is not None and found.ended_ms is not None
    assert output == ["one: Hello, world", "four: Hello, world"]
    assert errors == ["two: model missing", "three: request invalid"]
    output_file = world.run(m.GetFile(file=found.output_file))
    assert output_file.id.startswith("file-") and output_file.purpose == "batch_output"
    assert rows_left(world) == []
    assert {ask.priority for _, ask in world.engine.asked} == {-1}  # behind who waits


def test_the_endpoint_is_the_doors_affair(world: World) -> None:
    world.fixed["vectors"] = m.Deployment("vectors", OPERATOR.account, 0, world.fixed["qwen"].backends)
    world.scripts["/qwen"].task = m.Task.EMBED
    batch = create(world, b"one vectors abc", endpoint="vectors")
    finish(world)
    assert ended(world, batch)[1] == ["one: ((3.0, 0.0),)"]


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (b"", ("the file has no lines",)),
        (b"\n \n", ("the file has no lines",)),
        (b"one qwen a\nbad\none qwen b", ("line 2: three words", "line 3: there is another line called 'one'")),
        (b"x" * (lines.LINE_BYTES_MAX + 1), (f"a line has more than {lines.LINE_BYTES_MAX} bytes",)),
    ],
)
def test_a_file_that_is_no_batch_fails_as_a_whole(world: World, text: bytes, errors: tuple[str, ...]) -> None:
    batch = create(world, text)
    finish(world)
    found, output, failures = ended(world, batch)
    assert (found.state, found.errors, output, failures) == (BatchState.FAILED, errors, [], [])
    assert world.engine.asked == [] and rows_left(world) == []


def test_too_many_lines_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_runner, "LINES_MAX", 2)
    batch = create(world, b"a qwen x\nb qwen x\nc qwen x")
    finish(world)
    assert ended(world, batch)[0].errors == ("at most 2 lines",)


def test_a_file_that_went_away_fails_the_batch(world: World) -> None:
    batch = create(world, b"a qwen x")
    world.run(m.DeleteFile(file=world.run(m.GetBatch(batch=batch)).input_file))
    finish(world)
    assert ended(world, batch)[0].state is BatchState.FAILED


def test_the_guard_is_asked_for_each_line(world: World) -> None:
    world.denied = {"qwen"}
    batch = create(world, b"a qwen x")
    finish(world)
    assert ended(world, batch)[2] == ["a: action denied"]
    assert world.engine.asked == []


def test_overload_and_quotas_are_waited_for(world: World) -> None:
    world.run(m.SetQuota(quota=m.Quota(ALICE.account, requests_per_minute=2)), OPERATOR)
    world.scripts["/qwen"].pieces = [Fault(Kind.UNAVAILABLE, "model", retry_after_s=0.001)]
    batch = create(world, b"a qwen x\nb qwen x\nc qwen x")

    async def run() -> None:
        runner = BatchRunner(world.context)
        runner.look()
        await until(lambda: len(world.engine.asked) == 2)
        world.scripts["/qwen"].pieces = said("at last")
        await until(lambda: runner.idle, lambda: setattr(world.clock, "ms", world.clock.ms + 1000))

    world.wait(run())
    assert ended(world, batch)[1] == ["a: at last", "b: at last", "c: at last"]


@pytest.mark.parametrize("failing", range(2, 30, 3))
def test_a_disk_that_is_full_for_a_while_costs_no_line(
    world: World, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    batch = create(world, "\n".join(f"n{n} qwen Hi" for n in range(20)).encode())
    real, writes = MemoryStore.write, 0

    async def write(self: MemoryStore, change: Any) -> Any:
        nonlocal writes
        writes += 1
        if failing <= writes < failing + 3:
            raise Fault(Kind.FULL, "store")
        return await real(self, change)

    monkeypatch.setattr(MemoryStore, "write", write)
    finish(world)
    found, output, _ = ended(world, batch)
    assert (found.state, found.done) == (BatchState.DONE, 20)
    assert output == [f"n{n}: Hello, world" for n in range(20)]
    assert len(world.run(m.ListFiles())) == 2 and not world.blobs._blobs


def test_a_mistake_of_ours_ends_the_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> bytes:
        raise RuntimeError("planted")

    monkeypatch.setattr(ScriptedDoor, "entry", breaks)
    batch = create(world, b"a qwen x")
    finish(world)
    assert (ended(world, batch)[0].state, ended(world, batch)[0].errors) == (
        BatchState.FAILED,
        ("an error of the server",),
    )


def test_a_line_that_kills_the_engine_is_given_up(world: World) -> None:
    world.scripts["/qwen"].pieces = [Fault(Kind.UNAVAILABLE, "answer")]
    batch = create(world, b"a qwen x")
    finish(world)
    assert ended(world, batch)[2] == ["a: answer unavailable"]
    assert len(world.engine.asked) == batch_runner.DEATHS_MAX


@pytest.mark.parametrize("how", ["cancel", "expire"])
def test_what_was_answered_before_the_end_is_kept(world: World, how: str) -> None:
    gate = asyncio.Event()
    world.scripts["/slow"] = Script(said("slow"), gate=gate)
    world.fixed["slow"] = m.Deployment("slow", "", 0, (m.Backend(m.EngineKind.LOCAL, "/slow"),))
    batch = create(world, b"a qwen x\nb slow x\nc qwen x")

    async def run() -> None:
        runner = BatchRunner(world.context)
        runner.look()
        await until(lambda: batches.find(world.store._rows, ALICE.account, batch).batch.done == 2)
        if how == "cancel":
            cancel = m.CancelBatch(batch=batch)
            found = await world.service.handlers[m.CancelBatch](ALICE, cancel)
            assert found.state is BatchState.CANCELLING
        else:
            world.clock.ms += 3_600_000
        await until(lambda: runner.idle)

    world.wait(run())
    found, output, errors = ended(world, batch)
    assert found.state is (BatchState.CANCELLED if how == "cancel" else BatchState.EXPIRED)
    assert (output, errors, world.engine.open) == (["a: Hello, world", "c: Hello, world"], [], 0)
    assert world.fault(m.CancelBatch(batch=batch)).kind is Kind.CONFLICT
    assert rows_left(world) == []


def test_a_batch_is_cancelled_before_it_began(world: World) -> None:
    batch = create(world, b"a qwen x")
    world.run(m.CancelBatch(batch=batch))
    finish(world)
    assert ended(world, batch)[0].state is BatchState.CANCELLED
    assert world.engine.asked == []


def test_batches_are_listed_by_age_and_are_their_accounts_alone(world: World) -> None:
    made = []
    for _ in range(3):
        world.clock.ms += 1
        made.append(create(world, b"a qwen x"))
    assert [batch.id for batch in world.run(m.ListBatches())] == made[::-1]
    assert [batch.id for batch in world.run(m.ListBatches(after=made[2], limit=1))] == [made[1]]
    assert world.run(m.ListBatches(), BOB) == ()
    file = world.run(m.GetBatch(batch=made[0])).input_file
    theirs = m.CreateBatch(door="test", endpoint="chat", input_file=file, window_s=60)
    assert world.fault(theirs, BOB).noun == "file"
    for command in (m.GetBatch(batch=made[0]), m.CancelBatch(batch=made[0]), m.ListBatches(after=made[0])):
        fault = world.fault(command, BOB)
        assert (fault.kind, fault.noun) == (Kind.MISSING, "batch")


def test_what_makes_no_sense_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    file = world.run(m.PutFile(name="in", purpose="batch", body=Bytes(b"a qwen x"))).id

    def fault(**more: Any) -> Fault:
        more = {"door": "test", "endpoint": "chat", "input_file": file, "window_s": 60} | more
        return world.fault(m.CreateBatch(**more))

    assert fault(door="none").facts["field"] == "door"
    assert fault(window_s=0).facts["field"] == "window_s"
    assert fault(metadata={"a": "x" * 2000}).facts["field"] == "metadata"
    assert fault(input_file="file-none").kind is Kind.MISSING
    monkeypatch.setattr(batches, "ACTIVE_MAX", 1)
    create(world, b"a qwen x", BOB)
    create(world, b"a qwen x")
    assert fault().kind is Kind.TOO_MANY


def test_two_runners_at_once_answer_each_line_once(world: World) -> None:
    """A worker that lost its election may be slow to notice."""
    batch = create(world, "\n".join(f"n{n} qwen Hi" for n in range(50)).encode())

    async def run() -> None:
        runners = [BatchRunner(world.context), BatchRunner(world.context)]
        for runner in runners:
            runner.look()
        await until(lambda: all(runner.idle for runner in runners))

    world.wait(run())
    found, output, _ = ended(world, batch)
    assert (found.state, found.done, found.failed) == (BatchState.DONE, 50, 0)
    assert output == [f"n{n}: Hello, world" for n in range(50)]
    assert len(world.run(m.ListFiles())) == 2


@given(
    crashes=st.lists(st.integers(0, 80), max_size=5),
    count=st.integers(1, 40),
    bad=st.sets(st.integers(0, 39), max_size=5),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_line_is_there_once_whatever_was_killed(
    make_world: Callable[..., World], crashes: list[int], count: int, bad: set[int]
) -> None:
    world = make_world()
    text = "\n".join(f"n{n} {'none' if n in bad else 'qwen'} text{n}" for n in range(count))
    batch = create(world, text.encode())

    async def run_for(steps: int) -> None:
        """Some turns of the loop, and then as a process that is killed: nobody tidies up."""
        runner = BatchRunner(world.context)
        for _ in range(steps):
            runner.look()
            await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    def answered() -> set[int]:
        with world.store.view() as view:
            prefix = rows.entries(batch)
            return {rows.entry_number(key) - 1 for key, _ in view.scan(prefix, rows.successor(prefix))}

    for steps in crashes:
        world.wait(run_for(steps))
        world.restart()
        known, so_far = answered(), len(world.engine.asked)
    finish(world)
    if crashes:
        # What was written down is not asked again.
        again = {ask.messages[0].text for _, ask in world.engine.asked[so_far:]}
        assert again.isdisjoint(f"text{n}" for n in known)
    found, output, errors = ended(world, batch)
    good = [f"n{n}: Hello, world" for n in range(count) if n not in bad]
    assert (found.state, output) == (BatchState.DONE, good)
    assert errors == [f"n{n}: model missing" for n in sorted(bad) if n < count]
    assert (found.done, found.failed, found.total) == (len(output), len(errors), count)
    assert rows_left(world) == []
    assert len(world.run(m.ListFiles())) == 1 + bool(output) + bool(errors)


@given(chunks=st.lists(st.binary(max_size=20).map(lambda raw: raw.replace(b"a", b"\n")), max_size=20))
@settings(max_examples=200, deadline=None)
def test_lines_are_lines_wherever_chunks_end(chunks: list[bytes]) -> None:
    async def flow() -> Any:
        for chunk in chunks:
            yield chunk

    async def gather() -> list[bytes]:
        return [line async for line in lines.lines(flow())]

    whole = b"".join(chunks).split(b"\n")
    assert asyncio.run(gather()) == [line.removesuffix(b"\r") for line in whole if line.strip()]
