"""The engine in a process of its own, and the command line: the same answers, errors that arrive, nothing left."""

from __future__ import annotations

import asyncio
import functools
import os
import signal

import pytest

from sampan.llm.__main__ import main
from sampan.llm.engine import Engine, Options
from sampan.llm.errors import ModelError, RequestError
from sampan.llm.process import EngineProcess
from sampan.llm.request import Request, Sampling
from tests.llm import reference

COUNT = 12


def start(folder) -> functools.partial:
    return functools.partial(Engine.load, folder, dtype="float32", options=Options(cache_bytes=8 << 20))


def ask(prompt, **changes) -> Request:
    return Request(tuple(prompt), Sampling(**({"temperature": 0, "tokens_max": COUNT, "ignore_end": True} | changes)))


def test_a_process_answers_many_and_outlives_bad_requests(models):
    folder = models("qwen3")
    process = EngineProcess(start(folder))

    async def read(prompt, **changes):
        return [token async for update in process.generate(ask(prompt, **changes)) for token in update.tokens]

    async def story():
        prompts = [reference.prompt(10, seed) for seed in range(4)]
        answers = await asyncio.gather(*(read(prompt) for prompt in prompts))
        assert answers == [reference.greedy(folder, prompt, COUNT) for prompt in prompts]
        with pytest.raises(RequestError, match="empty"):
            await read([])
        with pytest.raises(ModelError):
            await process.register("x", "/nowhere")
        stream = process.generate(ask(prompts[0], tokens_max=200))
        await anext(stream)
        await stream.aclose()  # cancelled: the next answer does not wait for it
        assert await read(prompts[1]) == answers[1]
        figures = await process.metrics()
        assert figures["answered_tokens"] < 5 * COUNT + 200
        assert figures["blocks_held"] == 0

    try:
        asyncio.run(story())
    finally:
        process.close()
    process.close()


def test_a_process_that_dies_is_told(models):
    process = EngineProcess(start(models("qwen3")))

    async def story():
        stream = process.generate(ask(reference.prompt(10), tokens_max=200))
        await anext(stream)
        os.kill(process._process.pid, signal.SIGKILL)
        updates = [update async for update in stream]
        assert updates[-1].finished == "error"
        with pytest.raises(ModelError):
            async for _ in process.generate(ask([5])):
                pass

    asyncio.run(asyncio.wait_for(story(), 150))
    process.close()


def test_a_model_that_cannot_be_loaded_is_told(tmp_path):
    with pytest.raises(ModelError, match=r"config\.json"):
        EngineProcess(start(tmp_path))


def test_the_command_line(models, bytewise, tmp_path, capsys):
    folder = tmp_path / "model"
    reference.model("qwen3", vocab_size=2100).save_pretrained(folder)
    bytewise._tokenizer.save(str(folder / "tokenizer.json"))
    options = ["--dtype", "float32", "--cache-mib", "8", "--tokens", "5"]
    assert main(["generate", str(folder), "Hello", "--temperature", "0", *options]) == 0
    assert capsys.readouterr().out.strip("\n")
    assert main(["bench", str(folder), "--requests", "1", "3", "--prompt", "20", *options]) == 0
    assert capsys.readouterr().out.count("tokens/s") == 4
    assert main(["chat", str(folder), *options]) == 1
    assert "chat template" in capsys.readouterr().err
    assert main(["generate", str(tmp_path / "no"), "x"]) == 1
