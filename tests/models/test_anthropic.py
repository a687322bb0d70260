"""Anthropic's unmodified SDK against a real server with tiny random models."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anthropic
import pytest

from tests.models.conftest import Cloud

HI: Any = [{"role": "user", "content": "Say something."}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Köln", "上海"]}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER: Any = {"name": "weather", "description": "The weather.", "input_schema": SCHEMA}


@pytest.fixture(scope="module")
def sdk(cloud: Cloud) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key=cloud.key, base_url=cloud.url)


def said(sdk: anthropic.Anthropic, **more: Any) -> anthropic.types.Message:
    asked = {"model": "claude-sonnet-4-5", "max_tokens": 24, "messages": HI, "extra_body": {"seed": 7}}
    return sdk.messages.create(**asked | more)


def told(message: anthropic.types.Message) -> list[dict[str, Any]]:
    return [{k: v for k, v in block.model_dump().items() if v is not None} for block in message.content]


def test_a_stream_is_the_answer(sdk: anthropic.Anthropic) -> None:
    whole = said(sdk)
    with sdk.messages.stream(model="claude-sonnet-4-5", max_tokens=24, messages=HI, extra_body={"seed": 7}) as stream:
        text = "".join(stream.text_stream)
        last = stream.get_final_message()
    assert told(last) == told(whole)
    assert text == "".join(block.text for block in whole.content if block.type == "text")
    assert (last.stop_reason, last.usage.output_tokens) == (whole.stop_reason, whole.usage.output_tokens)
    assert whole.usage.output_tokens <= 24
    assert whole.model == "claude-sonnet-4-5"


def test_it_is_asked_without_waiting(cloud: Cloud, sdk: anthropic.Anthropic) -> None:
    async def ask() -> list[anthropic.types.Message]:
        async with anthropic.AsyncAnthropic(api_key=cloud.key, base_url=cloud.url) as client:
            asked = {"model": "tiny", "max_tokens": 24, "messages": HI, "extra_body": {"seed": 7}}
            return await asyncio.gather(*(client.messages.create(**asked) for _ in range(4)))  # type: ignore[call-overload]

    expected = told(said(sdk))
    assert [told(message) for message in asyncio.run(ask())] == [expected] * 4


def test_a_tool_is_called_and_answered(sdk: anthropic.Anthropic) -> None:
    asked = said(sdk, tools=[WEATHER], tool_choice={"type": "tool", "name": "weather"}, max_tokens=200)
    (use,) = [block for block in asked.content if block.type == "tool_use"]
    assert (asked.stop_reason, use.name) == ("tool_use", "weather")
    assert use.input["city"] in ("Köln", "上海")
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "rain"}
    answer = said(
        sdk,
        tools=[WEATHER],
        messages=[*HI, {"role": "assistant", "content": asked.content}, {"role": "user", "content": [result]}],
    )
    assert answer.usage.input_tokens + (answer.usage.cache_read_input_tokens or 0) > asked.usage.input_tokens


def test_an_answer_has_its_shape(sdk: anthropic.Anthropic) -> None:
    form: Any = {"format": {"type": "json_schema", "schema": SCHEMA}}
    answer = said(sdk, output_config=form, max_tokens=200)
    assert json.loads(answer.content[-1].text)["city"] in ("Köln", "上海")


def test_tokens_are_counted_as_they_are_used(sdk: anthropic.Anthropic) -> None:
    counted = sdk.messages.count_tokens(model="tiny", messages=HI).input_tokens
    used = said(sdk).usage
    assert counted == used.input_tokens + (used.cache_read_input_tokens or 0)


def test_a_prompt_that_is_too_long(sdk: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match=r"prompt is too long: \d+ tokens > \d+ maximum"):
        said(sdk, messages=[{"role": "user", "content": "word " * 5000}])


def test_models_and_keys(cloud: Cloud, sdk: anthropic.Anthropic) -> None:
    assert {"tiny", "tuned", "claude-sonnet-4-5"} <= {model.id for model in sdk.models.list(limit=1000)}
    assert told(said(sdk, model="tuned")) != told(said(sdk))
    with pytest.raises(anthropic.NotFoundError):
        said(sdk, model="claude-opus-9")
    with pytest.raises(anthropic.AuthenticationError):
        said(anthropic.Anthropic(api_key="sk-wrong", base_url=cloud.url))
