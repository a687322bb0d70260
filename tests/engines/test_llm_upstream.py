"""Models that other servers run: one that is well (another Sampan), and one that does everything wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from sampan.engines.llm_local import LocalEngine
from sampan.engines.llm_upstream import UpstreamEngine
from sampan.kernel.asking import (
    Ask,
    Call,
    Finish,
    Medium,
    Message,
    ModelRef,
    Part,
    Piece,
    Role,
    Sampling,
    Say,
    Shape,
    ShapeKind,
    Standing,
    Tool,
    Tooling,
)
from sampan.kernel.fault import Fault, Kind
from tests.harness import Server
from tests.llm import folders

KEY = "sk-test-key-that-nobody-may-see-anywhere"
needs_models = pytest.mark.skipif(bool(folders.missing()), reason=f"not installed: {', '.join(folders.missing())}")

Behaviour = Callable[["Asked"], Awaitable[None]]


class Asked:
    """One request that came in."""

    def __init__(self, head: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.head, self.document, self._writer = head, json.loads(body or b"null"), writer

    async def reply(self, status: int, document: Any, *headers: str, kind: str = "application/json") -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(body)}", *headers, "", ""]
        self._writer.write("\r\n".join(lines).encode() + body)
        await self._writer.drain()

    async def stream(self, *events: Any, end: bool = True) -> None:
        """A chunked reply of events; without its end if it is to break off."""
        self._writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for event in events:
            if isinstance(event, float):
                await self._writer.drain()
                await asyncio.sleep(event)
                continue
            text = event if isinstance(event, str) else json.dumps(event)
            data = f"data: {text}\n\n".encode()
            for part in (data[:7], data[7:]):  # cut where it hurts
                self._writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        if end:
            self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    def cut(self) -> None:
        self._writer.transport.abort()


@contextlib.asynccontextmanager
async def upstream(*behaviours: Behaviour) -> AsyncIterator[tuple[UpstreamEngine, ModelRef, list[Asked]]]:
    """A server that answers the first request by the first behaviour, and so on; the last one stays."""
    seen: list[Asked] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                sizes = [line.partition(":")[2] for line in head.splitlines() if line.lower().startswith("content-len")]
                seen.append(Asked(head, await reader.readexactly(int(sizes[0])) if sizes else b"", writer))
                await behaviours[min(len(seen), len(behaviours)) - 1](seen[-1])
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    engine = UpstreamEngine()
    settings = {"first_s": 0.6, "stall_s": 0.3}
    try:
        yield engine, ModelRef(f"http://127.0.0.1:{port}/v1", settings, upstream_name="m", secret=KEY), seen
    finally:
        await engine.close()
        server.close()


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, **more}]}


END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USED = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}


def ask(text: str = "Hello", **changes: Any) -> Ask:
    return Ask(messages=(Message(Role.USER, (Part(text=text),)),), **changes)


async def heard(pieces: AsyncIterator[Piece]) -> tuple[str, Fault | None]:
    """What was said, and how it broke off."""
    text = ""
    try:
        async for piece in pieces:
            text += piece.text
    except Fault as fault:
        assert KEY not in f"{fault!r} {fault} {fault.facts}"
        return text, fault
    return text, None


def replies(status: int, document: Any, *headers: str) -> Behaviour:
    return lambda asked: asked.reply(status, document, *headers)


def streams(*events: Any, end: bool = True) -> Behaviour:
    return lambda asked: asked.stream(*events, end=end)


def test_an_answer_is_handed_on_as_it_comes():
    async def story():
        thought = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "", "reasoning_content": "hm"}}]}
        async with upstream(streams(thought, said("你"), 0.2, said("好"), END, USED, "[DONE]")) as (
            engine,
            model,
            seen,
        ):
            times, pieces = [], []
            async for piece in engine.generate(model, ask(sampling=Sampling(seed=5, tokens_max=9))):
                times.append(asyncio.get_running_loop().time())
                pieces.append(piece)
            assert [(piece.say, piece.text) for piece in pieces] == [
                (Say.REASONING, "hm"), (Say.TEXT, "你"), (Say.TEXT, "好"), (Say.END, ""),
            ]  # fmt: skip
            assert times[2] - times[1] > 0.15
            assert (pieces[-1].usage.prompt_tokens, pieces[-1].usage.answer_tokens) == (7, 2)
            assert f"authorization: Bearer {KEY}" in seen[0].head
            assert seen[0].document == {
                "model": "m", "messages": [{"role": "user", "content": "Hello"}], "seed": 5,
                "max_completion_tokens": 9, "stream": True, "stream_options": {"include_usage": True},
            }  # fmt: skip

    asyncio.run(story())


def test_calls_and_several_answers():
    def call(index: int, **function: str) -> dict[str, Any]:
        made = {"index": 0, "function": function} | ({"id": f"c{index}"} if "name" in function else {})
        return {"choices": [{"index": index, "delta": {"tool_calls": [made]}}]}

    ends = [{"choices": [{"index": index, "delta": {}, "finish_reason": "tool_calls"}]} for index in (1, 0)]

    async def story():
        events = (call(0, name="f", arguments=""), call(1, name="g"), call(0, arguments="{}"), *ends, USED, "[DONE]")
        async with upstream(streams(*events)) as (engine, model, seen):
            given = ask(tools=(Tool("f"), Tool("g", strict=True)), tooling=Tooling.REQUIRED, sampling=Sampling(n=2))
            pieces = [piece async for piece in engine.generate(model, given)]
            assert [(one.index, one.say, one.name, one.id, one.text) for one in pieces] == [
                (0, Say.CALL, "f", "c0", ""), (1, Say.CALL, "g", "c1", ""), (0, Say.ARGUMENTS, "", "", "{}"),
                (1, Say.END, "", "", ""), (0, Say.END, "", "", ""),
            ]  # fmt: skip
            assert pieces[-1].finish is Finish.CALLS
            assert pieces[-1].usage.prompt_tokens == 7
            assert seen[0].document["tool_choice"] == "required"
            assert seen[0].document["tools"][1]["function"]["strict"] is True

    asyncio.run(story())


@pytest.mark.parametrize(
    ("behaviour", "text", "kind", "noun"),
    [
        (streams(said("a"), said("b"), end=False), "ab", Kind.UNAVAILABLE, "answer"),  # then silence
        (streams(said("a"), 5.0, said("b")), "a", Kind.UNAVAILABLE, "answer"),  # stalls
        (streams(5.0), "", Kind.UNAVAILABLE, "model"),
        (streams(said("a")), "a", Kind.UNAVAILABLE, "answer"),  # ends without an end
        (streams(), "", Kind.UNAVAILABLE, "model"),
        (streams(said("a"), "not json"), "a", Kind.UNAVAILABLE, "answer"),
        (streams(said("a"), {"error": {"message": f"boom {KEY}"}}), "a", Kind.UNAVAILABLE, "answer"),
        (streams({"error": {"message": "boom"}}), "", Kind.UNAVAILABLE, "model"),
        (replies(200, {"not": "a stream"}), "", Kind.UNAVAILABLE, "model"),
        (replies(500, b"<html>"), "", Kind.UNAVAILABLE, "model"),
        (replies(503, {"error": "busy"}), "", Kind.UNAVAILABLE, "model"),
        (replies(401, {"error": {"message": f"bad key {KEY[:9]}"}}), "", Kind.INVALID, "model"),
        (replies(404, {"error": {"message": "no model m"}}), "", Kind.MISSING, "model"),
        (replies(400, {"error": {"message": "bad", "param": "top_logprobs"}}), "", Kind.INVALID, "request"),
        (replies(302, b""), "", Kind.UNAVAILABLE, "model"),
    ],
)
def test_what_goes_wrong_is_told_and_nothing_is_said_twice(behaviour, text, kind, noun):
    async def story():
        async with upstream(behaviour) as (engine, model, seen):
            found, fault = await heard(engine.generate(model, ask()))
            assert found == text
            assert fault is not None
            assert (fault.kind, fault.noun) == (kind, noun), fault
            assert len(seen) == 1

    asyncio.run(story())


def test_a_server_that_dies_in_the_middle():
    async def dies(asked: Asked) -> None:
        await asked.stream(said("a"), said("b"), end=False)
        await asyncio.sleep(0.05)
        asked.cut()

    async def story():
        async with upstream(dies) as (engine, model, seen):
            found, fault = await heard(engine.generate(model, ask()))
            assert (found, fault.noun, len(seen)) == ("ab", "answer", 1)
        with pytest.raises(Fault) as refused:  # nobody is there any more
            await anext(UpstreamEngine().generate(model, ask()))
        assert (refused.value.kind, refused.value.noun) == (Kind.UNAVAILABLE, "model")

    asyncio.run(story())


def test_a_connection_that_was_closed_while_kept_is_opened_anew():
    async def once(asked: Asked) -> None:
        await asked.reply(200, {"prompt": "x"})

    async def cuts(asked: Asked) -> None:
        asked.cut()

    async def story():
        async with upstream(once, cuts, streams(said("a"), END, USED, "[DONE]")) as (engine, model, seen):
            assert await engine.detokenize(model, [1]) == "x"
            assert await heard(engine.generate(model, ask())) == ("a", None)
            assert len(seen) == 3

    asyncio.run(story())


def test_refusals_carry_what_the_server_told():
    async def story():
        long = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."
        bodies = [
            replies(429, {"error": {"message": "slow down"}}, "retry-after: 17"),
            replies(400, {"error": {"message": long}}),
            replies(400, {"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 90, "n_ctx": 64}}),
            replies(400, {"error": {"message": "x" * 10_000, "param": "temperature"}}),
        ]
        async with upstream(*bodies) as (engine, model, _):
            faults = [(await heard(engine.generate(model, ask())))[1] for _ in bodies]
        assert faults[0].facts["retry_after_s"] == 17
        assert faults[1].facts == {"tokens": 5000, "tokens_max": 4096}
        assert faults[2].facts == {"tokens": 90, "tokens_max": 64}
        assert faults[3].facts["field"] == "temperature"
        assert len(faults[3].why) < 600

    asyncio.run(story())


def test_leaving_early_closes_the_connection():
    gone = asyncio.Event()

    async def endless(asked: Asked) -> None:
        try:
            await asked.stream(*(part for _ in range(1000) for part in (said("a"), 0.01)))
        finally:
            gone.set()

    async def story():
        async with upstream(endless) as (engine, model, _):
            pieces = engine.generate(model, ask())
            await anext(pieces)
            await pieces.aclose()
            await asyncio.wait_for(gone.wait(), 0.5)

    with contextlib.suppress(ConnectionError):
        asyncio.run(story())


def test_a_deadline_ends_the_answer_in_good_order():
    async def story():
        async with upstream(streams(said("a"), 0.2, said("b"), 5.0)) as (engine, model, _):
            pieces = [piece async for piece in engine.generate(model, ask(deadline_s=0.3))]
            assert "".join(piece.text for piece in pieces) in ("a", "ab")
            assert pieces[-1].finish is Finish.DEADLINE

    asyncio.run(story())


def test_health_is_looked_at_and_remembered():
    async def story():
        listed = {"data": [{"id": "m", "max_model_len": 777}]}
        async with upstream(replies(500, {}), replies(200, listed)) as (engine, model, seen):
            condition = await engine.condition(model)
            assert (condition.standing, condition.why) == (Standing.FAILED, "the upstream answered with status 500")
            assert (await engine.condition(model)).standing is Standing.FAILED
            assert len(seen) == 1
            await engine.load(model)
            assert (await engine.condition(model)).standing is Standing.READY
            assert (await engine.abilities(model)).length_max == 777
            other = ModelRef(model.source, model.settings, upstream_name="other")
            with pytest.raises(Fault, match="no model 'other'"):
                await engine.load(other)

    asyncio.run(story())


def test_images_are_handed_on():
    async def story():
        async with upstream(streams(END, "[DONE]")) as (engine, model, seen):
            parts = (Part(text="see"), Part(Medium.IMAGE, data=b"\x89PNG", media_type="image/png"))
            history = (
                Message(Role.USER, parts),
                Message(Role.ASSISTANT, reasoning="hm", calls=(Call("1", "f", "{}"),)),
                Message(Role.TOOL, (Part(text="r"),), call_id="1"),
            )
            await heard(engine.generate(model, Ask(messages=history)))
            assert [one["role"] for one in seen[0].document["messages"]] == ["user", "assistant", "tool"]
            assert seen[0].document["messages"][0]["content"][1]["image_url"]["url"] == "data:image/png;base64,iVBORw=="
            assert seen[0].document["messages"][1]["tool_calls"][0]["function"]["name"] == "f"
            assert seen[0].document["messages"][2]["tool_call_id"] == "1"

    asyncio.run(story())


@needs_models
def test_another_sampan_says_the_same_as_the_engine_here(tmp_path):
    chat = folders.chat(tmp_path / "chat")
    tables = "\n".join(
        f'[models.{name}]\nsource = "{maker(tmp_path / name)}"\nthreads = 1\n'
        for name, maker in (("embeds", folders.embedding), ("ranks", folders.reranker))
    )
    tables += f'[models.chat]\nsource = "{chat}"\nthreads = 1\ncache_bytes = 33554432\n'
    config = tmp_path / "sampan.toml"
    config.write_text(tables)
    flags = ("--config", str(config))
    with Server(tmp_path / "data", *flags, env={"SAMPAN_ROOT_API_KEY": KEY}) as server:
        asyncio.run(_same(server, str(chat), tmp_path))


async def _same(server: Server, folder: str, root: Any) -> None:
    there, here = UpstreamEngine(), LocalEngine(server.data / "run")

    def named(name: str) -> ModelRef:
        return ModelRef(f"{server.url}/v1", upstream_name=name, secret=KEY)

    local = ModelRef(folder, {"threads": 1, "cache_bytes": 1 << 25})
    tool = Tool("f", "does", {"type": "object", "properties": {"x": {"enum": ["a", "b"]}}, "required": ["x"]})
    seeded = Sampling(seed=3, tokens_max=60)
    asks = [
        ask(sampling=seeded),
        ask(sampling=Sampling(seed=4, tokens_max=30, n=2, logprobs=1)),
        ask(tools=(tool,), forced="f", parallel_calls=False, sampling=seeded),
        ask(shape=Shape(ShapeKind.CHOICE, '["ja", "nein"]'), sampling=seeded),
        ask(shape=Shape(ShapeKind.REGEX, "[a-c]{3}"), sampling=seeded),
        ask(thinking=False, sampling=seeded),
        Ask(prompt="The river", echo=True, sampling=Sampling(seed=5, tokens_max=9, stop=("zzz",))),
        Ask(prompt=(70, 71, 72), sampling=seeded),
    ]
    for one in asks:
        told = [[piece async for piece in engine.generate(model, one)] for engine, model in
                ((there, named("chat")), (here, local))]  # fmt: skip
        texts = [
            [(index, say, "".join(p.text for p in pieces if (p.index, p.say) == (index, say)))
             for index in range(one.sampling.n) for say in Say] for pieces in told
        ]  # fmt: skip
        assert texts[0] == texts[1]
        assert told[0][-1].usage.answer_tokens == told[1][-1].usage.answer_tokens
        assert told[0][-1].finish is told[1][-1].finish
        assert sum(len(p.logprobs) for p in told[0]) == sum(len(p.logprobs) for p in told[1])
    assert await there.tokenize(named("chat"), asks[0]) == await here.tokenize(local, asks[0])
    assert await there.detokenize(named("chat"), [70, 71]) == await here.detokenize(local, [70, 71])
    found = await there.embed(named("embeds"), ["a", "b"], instruction="i", dimensions=8)
    same = await here.embed(ModelRef(str(root / "embeds"), {"threads": 1}), ["a", "b"], instruction="i", dimensions=8)
    assert found.vectors[1] == pytest.approx(same.vectors[1], abs=1e-6)
    ranked = await there.rank(named("ranks"), "q", ["a", "b"])
    assert ranked.scores == pytest.approx(
        (await here.rank(ModelRef(str(root / "ranks"), {"threads": 1}), "q", ["a", "b"])).scores
    )
    assert (await there.condition(named("chat"))).standing is Standing.READY
    assert (await there.abilities(named("chat"))).length_max == folders.LENGTH_MAX
    with pytest.raises(Fault) as refused:
        await there.embed(named("chat"), ["a"])
    assert refused.value.kind in (Kind.INVALID, Kind.MISMATCH)
    with pytest.raises(Fault) as refused:
        await anext(there.generate(named("chat"), ask("x" * 9000)))
    assert refused.value.facts["tokens"] > refused.value.facts["tokens_max"] == folders.LENGTH_MAX - 1
    await there.close()
    here.close()
