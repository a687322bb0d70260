"""Text of every language comes whole through Anthropic's door and Model Studio's, cut at every character by the engine
and, at Anthropic's, at every byte beyond ASCII by the network; OpenAI's is in `test_openai_languages`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anthropic
import httpx2

from sampan.dialects.aliyun.dashscope.dialect import DashScopeDialect
from sampan.dialects.open.anthropic.dialect import AnthropicDialect
from tests.inference.scripted import Script
from tests.inference.world import World
from tests.open.test_openai_languages import CASES, Dribbling, pieces
from tests.open.world import KEY, URL, House


def test_anthropics_door(tmp_path: Path) -> None:
    world = World(tmp_path)
    house = House(AnthropicDialect(), tmp_path, world)

    async def told(client: anthropic.AsyncAnthropic, text: str) -> tuple[str, str, Any]:
        world.scripts["/qwen"] = Script(pieces(text))
        messages: Any = [{"role": "user", "content": text or "x"}]
        async with client.messages.stream(model="qwen", max_tokens=9, messages=messages) as stream:
            thought, said, use = (await stream.get_final_message()).content
        assert world.engine.asked[-1][1].messages[0].text == text
        return thought.thinking, said.text, use.input  # type: ignore[union-attr]

    async def every() -> None:
        async with httpx2.AsyncClient(transport=Dribbling(house), base_url=URL) as http:
            client = anthropic.AsyncAnthropic(api_key=KEY, base_url=URL, http_client=http, max_retries=0)
            for code, text in CASES.items():
                assert await told(client, text) == (text, text, {"text": text}), code

    world.wait(every())
    world.close()


def test_model_studios_door(tmp_path: Path) -> None:
    world = World(tmp_path)
    house = House(DashScopeDialect(), tmp_path, world)
    for code, text in CASES.items():
        world.scripts["/qwen"] = Script(pieces(text))
        body = {
            "model": "qwen",
            "input": {"messages": [{"role": "user", "content": text}]},
            "parameters": {"result_format": "message", "incremental_output": True},
        }
        path = "/api/v1/services/aigc/text-generation/generation"
        raw = house.send("POST", path, body, x_dashscope_sse="enable").body
        lines = [line[5:] for line in raw.split(b"\n") if line.startswith(b"data:")]
        told = [json.loads(line)["output"]["choices"][0]["message"] for line in lines]
        assert "".join(message["content"] for message in told) == text, code
        assert "".join(message.get("reasoning_content", "") for message in told) == text, code
        calls = [call["function"]["arguments"] for message in told for call in message.get("tool_calls", ())]
        assert json.loads("".join(calls)) == {"text": text}, code
    world.close()
