"""A model's process from inside: many connections to one model, bad frames, steps that fail, texts that wait."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sampan.llm.client import Client
from sampan.llm.engine import Engine, Options
from sampan.llm.errors import AnswerError, BusyError, RequestError
from sampan.llm.frames import ASK_BYTES_MAX
from sampan.llm.pace import Pace
from sampan.llm.pool import Pool
from sampan.llm.served import Generating
from sampan.llm.server import Server
from sampan.llm.talk import Talk
from sampan.llm.values import Ask, Message, Part, Piece, State, Wishes
from tests.llm import folders


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return folders.chat(tmp_path_factory.mktemp("served") / "chat")


def hello(text: str = "Hello", **sampling) -> Ask:
    return Ask(messages=(Message("user", (Part(text=text),)),), sampling=Wishes(**({"seed": 1} | sampling)))


def told(folder, tmp_path, story, **options) -> None:
    """Run a story against a server in this process; it is given the engine and what opens connections."""

    async def tell():
        engine = Engine.load(folder, options=Options(cache_bytes=32 << 20, **options))
        talk = Talk(engine, folder)
        server = Server(lambda server: Generating(talk, server.flush, server.broken))
        path = str(tmp_path / "s")
        listening = await asyncio.get_running_loop().create_unix_server(server.connection, path)
        try:
            await asyncio.wait_for(story(engine, talk, server, lambda: Client.connect(path, Piece)), 60)
        finally:
            listening.close()
            server._end(0)

    asyncio.run(tell())


async def read(client, ask) -> list[Piece]:
    return [piece async for piece in client.pieces(ask)]


def test_many_at_once_hear_what_each_alone_would(folder, tmp_path):
    async def story(engine, talk, server, connect):
        asks = [hello(f"Number {number}", seed=number, tokens_max=40) for number in range(40)]
        alone = [
            list(Talk(Engine.load(folder, options=Options(cache_bytes=32 << 20)), folder).say(one)) for one in asks[:3]
        ]
        clients = [await connect() for _ in range(4)]
        answers = await asyncio.gather(*(read(clients[i % 4], one) for i, one in enumerate(asks)))
        for answer, expected in zip(answers, alone, strict=False):
            assert [(piece.say, piece.text) for piece in answer] == [(piece.say, piece.text) for piece in expected]
        assert all(client.idle for client in clients)
        state = await clients[0].call("state", None, State)
        assert (state.running, state.waiting) == (0, 0)

    told(folder, tmp_path, story)


def test_who_comes_and_goes_leaves_nothing_behind(folder, tmp_path):
    """Hundreds of requests that are dropped at any moment: no slot, no block and no call stays."""

    async def story(engine, talk, server, connect):
        async def flighty(number: int) -> None:
            client = await connect() if number % 10 == 0 else shared
            pieces = client.pieces(hello(f"{number}", tokens_max=3500, ignore_end=True))
            try:
                async with asyncio.timeout(number % 17 / 200):
                    async for _ in pieces:
                        if number % 3 == 0:
                            break
            except TimeoutError:
                pass
            await pieces.aclose()
            if client is not shared:
                client.close()

        shared = await connect()
        await asyncio.gather(*(flighty(number) for number in range(200)))
        clients = [await connect() for _ in range(4)]
        begun = [client.pieces(hello(tokens_max=3500, ignore_end=True)) for client in clients]
        await asyncio.gather(*(anext(one) for one in begun))
        for client in clients:
            client.close()  # without a word
        left = asyncio.get_running_loop().time()
        while not server._model.idle or engine.busy:
            assert asyncio.get_running_loop().time() - left < 0.5
            await asyncio.sleep(0.005)
        assert engine.blocks.free == engine.blocks.count
        assert shared.idle
        assert len(server._peers) <= 2
        assert all(not peer.open and not peer.tasks for peer in server._peers.values())
        assert (await read(shared, hello()))[-1].finish == "stop"

    told(folder, tmp_path, story, sequences_max=8, waiting_max=500)


def test_a_step_that_fails_ends_all_answers_and_the_process(folder, tmp_path):
    async def story(engine, talk, server, connect):
        client = await connect()
        answering = client.pieces(hello(ignore_end=True))
        await anext(answering)
        engine.runner.hidden = lambda *_: 1 / 0
        with pytest.raises(AnswerError, match="ZeroDivisionError"):
            async for _ in answering:
                pass
        assert await server.ended == 1

    told(folder, tmp_path, story)


def test_bad_frames_hurt_their_sender_alone(folder, tmp_path):
    async def story(engine, talk, server, connect):
        good = await connect()
        for junk in (b"\0\0\0\5hello", b"\xff\xff\xff\xff", b"\0\0\0\1\xc0"):
            reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
            writer.write(junk)
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()
        with pytest.raises(RequestError, match="cannot be read"):
            await read(good, {"messages": 7})
        with pytest.raises(RequestError, match="does not dance"):
            await good.call("dance", None, str)
        with pytest.raises(RequestError, match="bytes"):
            await read(good, Ask(prompt="x" * (ASK_BYTES_MAX + 1)))
        assert await read(good, hello())

    told(folder, tmp_path, story)


def test_retiring_takes_nobody_by_surprise(folder, tmp_path):
    async def story(engine, talk, server, connect):
        client = await connect()
        answering = client.pieces(hello(ignore_end=True))
        await anext(answering)
        assert not await client.call("retire", None, bool)
        await answering.aclose()
        assert await client.call("retire", None, bool)
        assert await server.ended == 0

    told(folder, tmp_path, story)


def test_the_queue_is_bounded_and_says_when_to_come_back(folder, tmp_path):
    async def story(engine, talk, server, connect):
        client = await connect()
        await read(client, hello(tokens_max=5))
        asks = [client.pieces(hello(ignore_end=True, tokens_max=500)) for _ in range(8)]
        found = await asyncio.gather(*(anext(one) for one in asks), return_exceptions=True)
        refused = [one for one in found if isinstance(one, BusyError)]
        assert refused
        assert all(1 <= one.retry_after_s <= 600 for one in refused)
        assert sorted(one.retry_after_s for one in refused)[-1] > refused[0].retry_after_s or len(refused) == 1

    told(folder, tmp_path, story, sequences_max=1, waiting_max=2)


def test_waiting_times_follow_the_pace():
    now = [0.0]
    pace = Pace(lambda: now[0])
    for _ in range(30):  # an answer every two seconds
        now[0] += 2
        pace.finished()
        pace.step(100)
    assert pace.tokens_per_s == pytest.approx(50, rel=0.05)
    assert [pace.refused() for _ in range(3)] == pytest.approx([2, 4, 6], rel=0.1)
    now[0] += 4.5
    assert pace.refused() == pytest.approx(4, rel=0.2)  # two came back, one is ahead
    now[0] += 1000
    assert pace.tokens_per_s == 0
    assert 1 <= pace.refused() <= 600


def test_a_long_list_of_texts_holds_up_nobody():
    steps, gate = [], threading.Semaphore(0)

    def run(texts):
        gate.acquire()
        steps.append([text[0] for text in texts])
        return [text[0] for text in texts]

    pool = Pool(run, waiting_max=50)
    long = pool.put([[1] * 1000] * 20)
    short = pool.put([[2] * 1000])
    given_up = pool.put([[3] * 1000] * 20)
    with pytest.raises(BusyError):
        pool.put([[4]] * 30)
    given_up.cancel()
    gate.release(100)
    assert short.result(10) == [2]
    assert next(number for number, step in enumerate(steps) if 2 in step) <= 2
    assert long.result(10) == [1] * 20
    assert sum(3 in step for step in steps) <= 2
    bad = pool.put([[5]])
    pool._run = lambda texts: 1 / 0
    gate.release(100)
    assert bad.exception(10) is None or isinstance(bad.exception(), AnswerError)
    with pytest.raises(AnswerError):
        pool.put([[6]]).result(10)
    pool._run = run
    assert pool.put([[7]]).result(10) == [7]
    assert pool.put([]).result(1) == []
    pool.close()
