"""Models on this machine: answers through their processes, memory, deaths, and slots that come free."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from sampan.engines.llm_host import hosting, socket_folder
from sampan.engines.llm_local import LocalEngine
from sampan.kernel.asking import Ask, Message, ModelRef, Part, Role, Sampling, Say, Standing, Task
from sampan.kernel.fault import Fault, Kind
from tests.llm import folders

pytestmark = pytest.mark.skipif(bool(folders.missing()), reason=f"not installed: {', '.join(folders.missing())}")
SETTINGS = {"threads": 1, "cache_bytes": 32 << 20}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders by name."""
    root = tmp_path_factory.mktemp("models")
    made = {"chat": folders.chat, "embedding": folders.embedding, "reranker": folders.reranker, "lora": folders.adapter}
    return {name: make(root / name) for name, make in made.items()}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A host that tests share."""
    run = tmp_path_factory.mktemp("run")
    with hosting(run):
        yield run


def chat(models, **settings) -> ModelRef:
    return ModelRef(str(models["chat"]), SETTINGS | settings)


def hello(text: str = "Hello", **sampling) -> Ask:
    return Ask(messages=(Message(Role.USER, (Part(text=text),)),), sampling=Sampling(**({"seed": 1} | sampling)))


async def read(engine, model, ask) -> str:
    return "".join([piece.text async for piece in engine.generate(model, ask)])


async def running(engine, model) -> None:
    """Return when it is answering somebody."""
    while (await engine.condition(model)).running == 0:  # noqa: ASYNC110 - of another process
        await asyncio.sleep(0.005)


@contextlib.contextmanager
def faulted(kind: Kind, noun: str):
    with pytest.raises(Fault) as raised:
        yield raised
    assert (raised.value.kind, raised.value.noun) == (kind, noun), raised.value


def run(folder, story) -> None:
    """Tell a story to an engine."""

    async def told():
        engine = LocalEngine(folder)
        try:
            await asyncio.wait_for(story(engine), 100)
        finally:
            engine.close()

    asyncio.run(told())


def test_workers_share_a_model(models, shared):
    async def story(engine):
        model, other = chat(models), LocalEngine(shared)
        assert (await engine.condition(model)).standing is Standing.COLD
        loading = asyncio.create_task(engine.load(model))
        while (condition := await other.condition(model)).standing is Standing.COLD:  # noqa: ASYNC110 - as below
            await asyncio.sleep(0.005)
        assert condition.standing is Standing.LOADING
        assert condition.why.startswith("loading ")
        await loading
        answers = await asyncio.gather(*(read(one, model, hello()) for one in (engine, other, engine)))
        assert len(set(answers)) == 1
        assert (await other.condition(model)).standing is Standing.READY
        assert (
            await read(engine, ModelRef(model.source, model.settings, adapter=str(models["lora"])), hello())
            not in answers
        )
        pieces = [piece async for piece in engine.generate(model, hello(n=2))]
        assert [piece.say for piece in pieces].count(Say.END) == 2
        assert "".join(piece.text for piece in pieces if piece.index == 0) == answers[0]
        assert pieces[-1].usage.prompt_tokens == len((await engine.tokenize(model, hello())).ids)
        assert (
            await engine.detokenize(model, (await engine.tokenize(model, Ask(prompt="天 <|im_end|>"))).ids)
            == "天 <|im_end|>"
        )
        other.close()

    run(shared, story)


def test_embedding_and_ranking(models, shared):
    async def story(engine):
        embeds, ranks = (ModelRef(str(models[name]), {"threads": 1}) for name in ("embedding", "reranker"))
        assert (await engine.abilities(embeds)).task is Task.EMBED
        assert (await engine.abilities(ranks)).task is Task.RANK
        whole = await engine.embed(embeds, ["one", "two", (5, 6)])
        short = await engine.embed(embeds, ["two"], dimensions=8)
        assert [len(vector) for vector in whole.vectors] == [64] * 3
        scale = sum(number**2 for number in whole.vectors[1][:8]) ** 0.5
        assert short.vectors[0] == pytest.approx([number / scale for number in whole.vectors[1][:8]], abs=1e-5)
        asked = await engine.embed(embeds, ["two"], instruction="find it")
        assert asked.vectors[0] == pytest.approx(
            (await engine.embed(embeds, ["Instruct: find it\nQuery:two"])).vectors[0], abs=1e-6
        )
        assert (await engine.embed(embeds, ["x" * 9000])).usage.prompt_tokens == folders.LENGTH_MAX
        with faulted(Kind.INVALID, "request") as refused:
            await engine.embed(embeds, ["x" * 9000], shorten=False)
        assert refused.value.facts["field"] == "texts"
        ranking = await engine.rank(ranks, "q", ["a", "b", "long " * 5000])
        assert all(0 < score < 1 for score in ranking.scores)
        assert (await engine.rank(ranks, "q", ["b"])).scores[0] == pytest.approx(ranking.scores[1], abs=1e-5)
        with faulted(Kind.TOO_LARGE, "prompt"):
            await engine.rank(ranks, "q" * 9000, ["a"])
        for wrong in (engine.embed(ranks, ["a"]), engine.rank(embeds, "a", ["b"]), read(engine, ranks, hello())):
            with faulted(Kind.INVALID, "request"):
                await wrong

    run(shared, story)


def test_refusals_come_before_the_first_piece(models, shared, tmp_path):
    async def story(engine):
        model = chat(models)
        with faulted(Kind.TOO_LARGE, "prompt") as refused:
            await read(engine, model, hello("x" * 9000))
        assert refused.value.facts["tokens"] > refused.value.facts["tokens_max"] == folders.LENGTH_MAX - 1
        with faulted(Kind.INVALID, "request") as refused:
            await read(engine, model, hello(temperature=-1.0))
        assert refused.value.facts["field"] == "temperature"
        with faulted(Kind.MISSING, "model"):
            await read(engine, ModelRef(str(tmp_path / "nobody")), hello())
        with faulted(Kind.INVALID, "model"):
            await read(engine, chat(models, colour="red"), hello())
        with faulted(Kind.INVALID, "model"):
            await read(engine, chat(models, weights="int3"), hello())
        broken = folders.chat(tmp_path / "broken")
        (broken / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
        with faulted(Kind.INVALID, "model"):
            await read(engine, ModelRef(str(broken)), hello())
        with faulted(Kind.INVALID, "model"):
            await read(engine, ModelRef(model.source, model.settings, adapter=str(tmp_path)), hello())

    run(shared, story)


def test_who_leaves_frees_the_place_within_100_ms(models, shared):
    async def story(engine):
        model = chat(models)
        for _ in range(3):
            answering = engine.generate(model, hello(ignore_end=True, tokens_max=4000))
            await anext(answering)
            assert (await engine.condition(model)).running == 1
            left = time.monotonic()
            await answering.aclose()
            while (await engine.condition(model)).running:
                assert time.monotonic() - left < 0.1
        task = asyncio.create_task(read(engine, model, hello(ignore_end=True, tokens_max=4000)))
        await running(engine, model)
        engine.close()  # a worker that dies takes its requests with it
        other = LocalEngine(shared)
        left = time.monotonic()
        while (await other.condition(model)).running:
            assert time.monotonic() - left < 0.1
        with faulted(Kind.UNAVAILABLE, "answer"):
            await task
        other.close()

    run(shared, story)


def test_a_process_that_is_killed_fails_its_requests_and_is_started_anew(models, tmp_path):
    async def story(engine):
        model = chat(models)
        whole = await read(engine, model, hello())
        answering = engine.generate(model, hello(ignore_end=True, tokens_max=4000))
        await anext(answering)
        [child] = children(tmp_path)
        os.kill(child, signal.SIGKILL)
        with faulted(Kind.UNAVAILABLE, "answer"):
            async for _ in answering:
                pass
        while (await engine.condition(model)).standing is not Standing.FAILED:  # noqa: ASYNC110 - the host's to see
            await asyncio.sleep(0.005)
        with faulted(Kind.UNAVAILABLE, "model") as refused:
            await read(engine, model, hello())
        assert 0 < refused.value.facts["retry_after_s"] <= 1
        await asyncio.sleep(refused.value.facts["retry_after_s"])
        assert await read(engine, model, hello()) == whole

    with hosting(tmp_path):
        run(tmp_path, story)


def children(folder: Path) -> list[int]:
    """The processes of models of a host's folder, wherever its sockets are."""
    sockets = f"{socket_folder(folder)}/"
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().decode().split("\0")
            if "--socket" in words and words[words.index("--socket") + 1].startswith(sockets):
                found.append(int(path.parent.name))
    return found


def test_the_longest_unused_gives_way_and_who_answers_stays(models, tmp_path):
    budget = 2 * (600 << 20) + (80 << 20)  # two models of some 630 MiB as they are counted

    async def story(engine):
        first, second, third = (chat(models, waiting_max=100 + number) for number in range(3))
        for model in (first, second):
            await read(engine, model, hello())
        await read(engine, first, hello())
        await read(engine, third, hello())
        standing = [(await engine.condition(model)).standing for model in (first, second, third)]
        assert standing == [Standing.READY, Standing.COLD, Standing.READY]
        answering = [engine.generate(model, hello(ignore_end=True, tokens_max=4000)) for model in (first, third)]
        for one in answering:
            await anext(one)
        with faulted(Kind.UNAVAILABLE, "model") as refused:
            await read(engine, second, hello())
        assert refused.value.facts["retry_after_s"] > 0
        for one in answering:
            await one.aclose()
        with faulted(Kind.INVALID, "model") as refused:
            await read(engine, chat(models, cache_bytes=1 << 40, length_max=4000, sequences_max=100_000), hello())
        assert "GiB" in refused.value.why

    with hosting(tmp_path, budget):
        run(tmp_path, story)


def test_models_leave_when_nobody_asks_and_when_they_are_told(models, tmp_path):
    async def story(engine):
        model = chat(models, keep_s=0.2)
        await read(engine, model, hello())
        until = time.monotonic() + 5
        while (await engine.condition(model)).standing is not Standing.COLD:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
        model = chat(models)
        answering = asyncio.create_task(read(engine, model, hello(ignore_end=True, tokens_max=300)))
        await running(engine, model)
        await engine.unload(model)
        assert answering.done()
        assert await answering
        assert (await engine.condition(model)).standing is Standing.COLD

    with hosting(tmp_path):
        run(tmp_path, story)
    assert children(tmp_path) == []


def test_a_long_path_has_its_sockets_elsewhere(tmp_path):
    run_folder = tmp_path / ("x" * 100)
    run_folder.mkdir()
    folder = socket_folder(run_folder)
    assert len(str(folder)) < 70
    assert folder.stat().st_mode & 0o777 == 0o700
    assert socket_folder(run_folder) == folder
    folder.chmod(0o755)
    with pytest.raises(PermissionError):
        socket_folder(run_folder)
    folder.rmdir()
