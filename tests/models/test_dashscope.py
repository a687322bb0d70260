"""Model Studio's unmodified SDK against a real server with tiny random models."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dashscope
import pytest

from tests.models.conftest import Cloud

HI = [{"role": "user", "content": "Say something."}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Köln", "上海"]}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA, "strict": True}}
TASK_S_MAX = 60


@pytest.fixture(autouse=True)
def sdk(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashscope, "base_http_api_url", f"{cloud.url}/api/v1")
    monkeypatch.setattr(dashscope, "api_key", cloud.key)


def said(**more: Any) -> Any:
    asked = {"model": "qwen-plus", "messages": HI, "seed": 7, "max_tokens": 24, "result_format": "message"}
    return dashscope.Generation.call(**asked | more)


def content(answer: Any) -> str:
    assert answer.status_code == 200, answer
    return str(answer.output.choices[0].message.content)


def test_streams_are_the_answer() -> None:
    whole = said()
    new = list(said(stream=True, incremental_output=True))
    assert "".join(map(content, new)) == content(whole)
    *_, all_so_far = said(stream=True, incremental_output=False)
    assert content(all_so_far) == content(whole)
    assert new[-1].usage.output_tokens == whole.usage.output_tokens <= 24
    assert said(result_format="text").output.text == content(whole)


def test_it_is_asked_without_waiting() -> None:
    async def ask() -> list[Any]:
        asked = {"model": "tiny", "messages": HI, "seed": 7, "max_tokens": 24, "result_format": "message"}
        return await asyncio.gather(*(dashscope.AioGeneration.call(**asked) for _ in range(4)))

    assert {content(answer) for answer in asyncio.run(ask())} == {content(said())}


def test_the_environment_is_enough(cloud: Cloud) -> None:
    """As a program that was written for Model Studio runs: with two variables, and no change."""
    program = (
        "import dashscope; print(dashscope.Generation.call(model='qwen-plus', prompt='Say something.', seed=7, "
        "max_tokens=24).output.text.encode())"
    )
    env = {"DASHSCOPE_HTTP_BASE_URL": f"{cloud.url}/api/v1", "DASHSCOPE_API_KEY": cloud.key, "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == repr(content(said()).encode())


def test_a_tool_is_called() -> None:
    forced = {"type": "function", "function": {"name": "weather"}}
    answer = said(tools=[TOOL], tool_choice=forced, max_tokens=200)
    choice = answer.output.choices[0]
    (call,) = choice.message.tool_calls
    assert (choice.finish_reason, call["function"]["name"]) == ("tool_calls", "weather")
    assert json.loads(call["function"]["arguments"])["city"] in ("Köln", "上海")


def test_an_answer_is_json() -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
    assert json.loads(content(said(response_format=shape, max_tokens=200)))["city"] in ("Köln", "上海")


def test_embeddings_and_rankings() -> None:
    found = dashscope.TextEmbedding.call(model="text-embedding-v4", input=["one", "two"], dimension=8)
    vectors = [one["embedding"] for one in found.output["embeddings"]]
    assert [len(vector) for vector in vectors] == [8, 8]
    assert abs(sum(x * x for x in vectors[0]) - 1) < 1e-3
    ranked = dashscope.TextReRank.call(model="gte-rerank-v2", query="a", documents=["b", "c", "d"], top_n=2)
    scores = [one.relevance_score for one in ranked.output.results]
    assert len(scores) == 2
    assert scores == sorted(scores, reverse=True)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text('{"a": 1}\n')
    up = dashscope.Files.upload(str(path), purpose="inference", description="notes")
    (file,) = up.output["uploaded_files"]
    told = dashscope.Files.get(file["file_id"]).output
    assert (told["name"], told["size"], told["description"]) == ("notes.jsonl", 9, "notes")
    listed = dashscope.Files.list(page_size=100).output
    assert file["file_id"] in [one["file_id"] for one in listed["files"]]
    assert dashscope.Files.delete(file["file_id"]).status_code == 200
    assert dashscope.Files.get(file["file_id"]).status_code == 404


def test_a_task_is_done_while_nobody_waits(cloud: Cloud) -> None:
    import requests

    headers = {"authorization": f"Bearer {cloud.key}", "x-dashscope-async": "enable"}
    body = {"model": "text-embedding-v4", "input": {"texts": ["one"]}, "parameters": {"dimension": 8}}
    path = "services/embeddings/text-embedding/text-embedding"
    begun = requests.post(f"{cloud.url}/api/v1/{path}", json=body, headers=headers, timeout=30).json()
    assert begun["output"]["task_status"] in ("PENDING", "RUNNING", "SUCCEEDED")
    end = time.monotonic() + TASK_S_MAX
    while True:
        task = requests.get(
            f"{cloud.url}/api/v1/tasks/{begun['output']['task_id']}", headers=headers, timeout=30
        ).json()
        if task["output"]["task_status"] == "SUCCEEDED":
            break
        assert task["output"]["task_status"] in ("PENDING", "RUNNING"), task
        assert time.monotonic() < end
        time.sleep(0.1)
    assert len(task["output"]["embeddings"][0]["embedding"]) == 8
    assert task["usage"]["total_tokens"] > 0
    listed = requests.get(f"{cloud.url}/api/v1/tasks", headers=headers, timeout=30).json()
    assert begun["output"]["task_id"] in [one["task_id"] for one in listed["data"]]


def test_models_and_keys(cloud: Cloud) -> None:
    assert dashscope.Models.get("tiny").output["capabilities"] == ["TG"]
    assert content(said(model="tuned")) != content(said())
    assert said(model="qwen-none").code == "ModelNotFound"
    assert said(api_key="sk-wrong").code == "InvalidApiKey"
