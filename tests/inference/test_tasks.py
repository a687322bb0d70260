"""Deferred commands: they run by themselves, and one whose worker died has failed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sampan.kernel.fault import Fault, Kind
from sampan.services.inference import model as m
from sampan.services.inference import tasks, upkeep
from sampan.services.inference.model import TaskState
from tests.inference.scripted import Script, said
from tests.inference.world import ALICE, BOB, World, question, until

ASKED = m.Generate(model="qwen", ask=question())


def defer(world: World, command: m.Command = ASKED, caller: Any = ALICE) -> m.Deferred:
    return world.run(m.Defer(command=command, door="test"), caller)


def settle(world: World) -> None:
    world.wait(until(lambda: not world.context.tasks))


def get(world: World, task: m.Deferred, caller: Any = ALICE) -> m.Deferred:
    return world.run(m.GetTask(task=task.id), caller)


def test_a_command_runs_without_anybody_waiting(world: World) -> None:
    task = defer(world)
    assert task.state is TaskState.PENDING
    settle(world)
    found = get(world, task)
    assert (found.state, found.note) == (TaskState.DONE, b"Hello, world")
    assert found.started_ms is not None and found.ended_ms is not None
    world.restart()
    assert get(world, task) == found


def test_a_fault_is_noted_and_the_guard_asked(world: World) -> None:
    missing = defer(world, m.Generate(model="none", ask=question()))
    streamed = defer(world, m.Generate(model="qwen", ask=question(), stream=True))
    settle(world)
    assert (get(world, missing).state, get(world, missing).note) == (TaskState.FAILED, b"model missing")
    assert get(world, streamed).note == b"request invalid"
    world.denied = {"qwen"}
    denied = defer(world)
    settle(world)
    assert get(world, denied).note == b"action denied"
    assert world.engine.asked == []


def slow(world: World) -> asyncio.Event:
    gate = asyncio.Event()
    world.scripts["/qwen"] = Script(said("slow"), gate=gate)
    return gate


def test_only_what_has_not_begun_can_be_cancelled(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = slow(world)
    object.__setattr__(world.context, "task_places", asyncio.Semaphore(1))
    first, second = defer(world), defer(world)
    world.wait(until(lambda: world.engine.open == 1))
    assert [get(world, task).state for task in (first, second)] == [TaskState.RUNNING, TaskState.PENDING]
    assert world.fault(m.CancelTask(task=first.id)).kind is Kind.CONFLICT
    world.run(m.CancelTask(task=second.id))
    gate.set()
    settle(world)
    assert [get(world, task).state for task in (first, second)] == [TaskState.DONE, TaskState.CANCELLED]
    assert len(world.engine.asked) == 1


def test_a_task_whose_worker_died_has_failed(world: World) -> None:
    slow(world)
    task = defer(world)

    async def kill() -> None:
        for _, one in world.context.tasks.values():
            one.cancel()
        await asyncio.sleep(0)

    world.wait(asyncio.sleep(0.01))
    world.clock.ms += tasks.DEAD_MS
    world.wait(tasks.say_alive(world.context))
    world.wait(kill())
    world.restart()
    for ms, state in ((tasks.DEAD_MS, TaskState.RUNNING), (1, TaskState.FAILED)):
        world.clock.ms += ms
        world.wait(tasks.bury(world.context))
        assert get(world, task).state is state
    assert get(world, task).note == b"answer unavailable"
    assert world.engine.open == 0


def test_a_worker_that_stops_ends_its_tasks(world: World) -> None:
    slow(world)
    defer(world)

    async def stop() -> None:
        work = asyncio.create_task(world.service.accompany())
        await asyncio.sleep(0.01)
        assert world.engine.open == 1
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    world.wait(stop())
    assert world.engine.open == 0


def test_tasks_are_listed_by_age_and_are_their_accounts_alone(world: World) -> None:
    made = []
    for _ in range(3):
        world.clock.ms += 1
        made.append(defer(world).id)
    settle(world)
    assert [task.id for task in world.run(m.ListTasks())] == made[::-1]
    assert [task.id for task in world.run(m.ListTasks(after=made[2], limit=1))] == [made[1]]
    assert world.run(m.ListTasks(state=TaskState.PENDING)) == ()
    assert world.run(m.ListTasks(), BOB) == ()
    for command in (m.GetTask(task=made[0]), m.CancelTask(task=made[0]), m.ListTasks(after=made[0])):
        fault = world.fault(command, BOB)
        assert (fault.kind, fault.noun) == (Kind.MISSING, "task")


def test_a_task_is_forgotten_after_a_day(world: World) -> None:
    task = defer(world)
    settle(world)
    world.clock.ms += tasks.KEPT_MS
    world.wait(upkeep.expire(world.context))
    assert world.fault(m.GetTask(task=task.id)).kind is Kind.MISSING


def test_there_are_not_too_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "WAITING_MAX", 1)
    slow(world)
    defer(world)
    defer(world, caller=BOB)
    assert world.fault(m.Defer(command=ASKED, door="test")).kind is Kind.TOO_MANY
    assert world.fault(m.Defer(command=ASKED, door="none")).facts["field"] == "door"


def test_turns_end_after_a_month(world: World) -> None:
    turn = world.ask(keep=True).id
    world.clock.ms += 30 * 24 * 3600 * 1000
    world.wait(upkeep.expire(world.context))
    assert world.fault(m.GetTurn(turn=turn)).kind is Kind.MISSING


def test_upkeep_does_it_all_and_stops(world: World) -> None:
    world.fixed["warm"] = m.Deployment("warm", "", 0, world.fixed["qwen"].backends, warm=True)
    world.fixed["broken"] = m.Deployment("broken", "", 0, (m.Backend(m.EngineKind.LOCAL, "/broken"),), warm=True)
    world.scripts["/broken"] = Script(refuses=Fault(Kind.INVALID, "model"))

    async def run() -> None:
        work = asyncio.create_task(world.service.maintain())
        await until(lambda: world.engine.loaded == ["/qwen"])
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    world.wait(run())
