"""Where a deployment can be had: its backends in their order, and going on to the next when one cannot answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from sampan.kernel.asking import Abilities, Ask, ModelRef, Piece, Task
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Engine
from sampan.services.inference import names
from sampan.services.inference.context import Context
from sampan.services.inference.values import Backend, Deployment, EngineKind

T = TypeVar("T")

# Faults that another backend need not have: the rest are about what was asked, and every backend would say the same.
_PASSING = frozenset(
    {(Kind.UNAVAILABLE, "model"), (Kind.MISSING, "model"), (Kind.INVALID, "model"), (Kind.UNAVAILABLE, "answer")}
)


@dataclass(frozen=True, slots=True)
class Place:
    """A backend that can be asked. `key` tells it from others."""

    engine: Engine
    model: ModelRef
    key: tuple[object, ...]


def places(context: Context, deployment: Deployment) -> tuple[Place, ...]:
    """The deployment's backends, in order. Raises Fault(INVALID, "model") if nothing here can run it."""
    adapter = ""
    found = deployment
    if deployment.base:
        base = names.deployment(context, deployment.base)
        if base is None or base.base:
            raise Fault(Kind.INVALID, "model", f"its base {deployment.base!r} is not there", model=deployment.name)
        found, adapter = base, deployment.adapter
    usable = tuple(
        _place(context, deployment, backend, adapter) for backend in found.backends if backend.engine in context.engines
    )
    if not usable:
        raise Fault(Kind.INVALID, "model", "nothing here can run it: is sampan[llm] installed?", model=deployment.name)
    return usable


def _place(context: Context, deployment: Deployment, backend: Backend, adapter: str) -> Place:
    settings = backend.settings
    if deployment.keep_s is not None and backend.engine is EngineKind.LOCAL:
        settings = {**settings, "keep_s": deployment.keep_s}
    model = ModelRef(backend.source, settings, adapter, backend.upstream_name, backend.secret)
    return Place(context.engines[backend.engine], model, key(backend, adapter))


def key(backend: Backend, adapter: str = "") -> tuple[object, ...]:
    """What tells a backend from others."""
    return (backend.engine, backend.source, adapter, backend.upstream_name, *sorted(backend.settings.items()))


def in_turn(context: Context, deployment: Deployment) -> Iterator[Place]:
    """The backends to try: those that failed lately come last, the one that has rested longest first."""
    found = places(context, deployment)
    if len(found) == 1:
        return iter(found)
    now_ms = context.clock.now_ms()
    return iter(sorted(found, key=lambda place: context.health.resting(place.key, now_ms)))


async def ask(context: Context, deployment: Deployment, call: Callable[[Engine, ModelRef], Awaitable[T]]) -> T:
    """What the first backend says that can answer. Raises the last one's fault."""
    last: Fault | None = None
    for place in in_turn(context, deployment):
        try:
            found = await call(place.engine, place.model)
        except Fault as fault:
            last = passed(context, place, fault)
        else:
            context.health.answered(place.key)
            return found
    assert last is not None
    last.facts.setdefault("model", deployment.name)
    raise last


async def whole(context: Context, deployment: Deployment, question: Ask) -> list[Piece]:
    """All of an answer, of the first backend that gives one. Of one that dies in the middle nothing was told yet."""

    async def call(engine: Engine, model: ModelRef) -> list[Piece]:
        pieces = engine.generate(model, question)
        try:
            return [piece async for piece in pieces]
        finally:
            await end(pieces)

    return await ask(context, deployment, call)


async def begin(context: Context, deployment: Deployment, question: Ask) -> tuple[Piece, AsyncIterator[Piece]]:
    """The first piece of an answer, and the rest of it, of the first backend that gives one.

    Once a piece is here no other backend is asked: nothing is said twice.
    """

    async def call(engine: Engine, model: ModelRef) -> tuple[Piece, AsyncIterator[Piece]]:
        pieces = engine.generate(model, question)
        try:
            return await anext(pieces), pieces
        except StopAsyncIteration:
            raise Fault(Kind.UNAVAILABLE, "answer", "the model said nothing at all") from None
        except BaseException:
            await end(pieces)
            raise

    return await ask(context, deployment, call)


async def end(pieces: AsyncIterator[Piece]) -> None:
    """Close an engine's answer: what it holds is free when this returns."""
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()


def passed(context: Context, place: Place, fault: Fault) -> Fault:
    """Note that a backend could not answer. -> the fault; raises it if no other backend should be asked."""
    if (fault.kind, fault.noun) not in _PASSING:
        raise fault
    retry_after_s = fault.facts.get("retry_after_s")
    retry_after_ms = round(float(retry_after_s) * 1000) if isinstance(retry_after_s, int | float) else None
    context.health.failed(place.key, context.clock.now_ms(), retry_after_ms)
    return fault


async def check_task(context: Context, deployment: Deployment, task: Task) -> None:
    """Raises Fault(MISMATCH, "model") if the model is known to be for something else."""
    abilities = await known_abilities(context, deployment)
    if abilities is not None and abilities.task is not task:
        why = f"{deployment.name} is not made to {task.value}, but to {abilities.task.value}"
        raise Fault(Kind.MISMATCH, "model", why, model=deployment.name, task=abilities.task.value)


async def known_abilities(context: Context, deployment: Deployment) -> Abilities | None:
    """What the model can do, or None while nobody can tell. Remembered for a while."""
    for place in in_turn(context, deployment):
        now_ms = context.clock.now_ms()
        abilities = context.abilities.get(place.key, now_ms)
        if abilities is None:
            try:
                abilities = await place.engine.abilities(place.model)
            except Fault:
                continue
            context.abilities.put(place.key, abilities, now_ms)
        return abilities
    return None
