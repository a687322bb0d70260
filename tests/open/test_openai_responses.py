"""Responses through the unmodified SDK, over the real service and a scripted engine."""

from __future__ import annotations

from typing import Any

import openai
import pydantic
import pytest
from openai.types.responses import Response

from sampan.kernel.asking import Call, Finish, Logprob, Piece, Role, Say, ShapeKind, Tooling
from sampan.kernel.fault import Fault, Kind
from tests.inference.scripted import said
from tests.open.test_openai_chat import THOUGHT_AND_CALLED, USED, asked, script, sdk
from tests.open.world import House

WEATHER: Any = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": True}
TIME: Any = {"type": "function", "name": "time", "parameters": None, "strict": False}


def respond(house: House, **more: Any) -> Response:
    return house.run(sdk(house).responses.create(**{"model": "qwen", "input": "Hi"} | more))


def events(house: House, **more: Any) -> list[Any]:
    async def run() -> list[Any]:
        stream = await sdk(house).responses.create(
            **{"model": "qwen", "input": "Hi", "stream": True} | more  # type: ignore[call-overload]
        )
        return [event async for event in stream]

    return house.run(run())


def strict(response: Response) -> None:
    """The SDK builds what it reads without looking; here it looks."""
    type(response).model_validate(response.model_dump(by_alias=True, warnings=False))


# --- at once ----------------------------------------------------------------------------------------------------------


def test_a_response(house: House) -> None:
    got = respond(house, metadata={"a": "b"}, instructions="Be brief.", temperature=0.5, max_output_tokens=50)
    strict(got)
    assert got.id.startswith("resp_")
    assert (got.object, got.status, got.model, got.created_at) == ("response", "completed", "qwen", 1_700_000_000)
    assert (got.output_text, got.error, got.incomplete_details) == ("Hello, world", None, None)
    assert (got.metadata, got.instructions, got.temperature) == ({"a": "b"}, "Be brief.", 0.5)
    assert (got.max_output_tokens, got.parallel_tool_calls, got.tool_choice, got.tools) == (50, True, "auto", [])
    assert (got.usage.input_tokens, got.usage.output_tokens, got.usage.total_tokens) == (3, 3, 6)
    (item,) = got.output
    assert (item.type, item.role, item.status) == ("message", "assistant", "completed")
    system, user = asked(house).messages
    assert (system.role, system.text, user.role, user.text) == (Role.SYSTEM, "Be brief.", Role.USER, "Hi")
    assert asked(house).sampling.tokens_max == 50


def test_thinking_and_calls(house: House) -> None:
    script(house, [*THOUGHT_AND_CALLED])
    got = respond(house, tools=[WEATHER, TIME], reasoning={"effort": "low"}, tool_choice="required")
    strict(got)
    thought, message, weather, time = got.output
    assert (thought.type, thought.content[0].text, thought.summary) == ("reasoning", "Let me see.", [])
    assert message.content[0].text == "I look."
    assert (weather.type, weather.call_id, weather.name, weather.arguments) == (
        "function_call", "call_a", "weather", '{"city": "Köln"}',
    )  # fmt: skip
    assert time.name == "time"
    assert len({item.id for item in got.output}) == 4
    assert (got.status, got.usage.output_tokens_details.reasoning_tokens) == ("completed", 3)
    ask = asked(house)
    assert (ask.thinking, ask.thinking_tokens_max, ask.tooling) == (True, 1024, Tooling.REQUIRED)
    assert [(tool.name, tool.strict) for tool in ask.tools] == [("weather", True), ("time", False)]
    assert got.tools[0].name == "weather"


def test_an_answer_that_was_cut(house: House) -> None:
    script(house, [*said("Hel")[:1], Piece(0, Say.END, finish=Finish.LENGTH)])
    got = respond(house)
    assert (got.status, got.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert got.output[0].status == "incomplete"


def test_nothing_was_said(house: House) -> None:
    script(house, [Piece(0, Say.REASONING, "Hm"), Piece(0, Say.END, finish=Finish.STOP)])
    assert [item.type for item in respond(house).output] == ["reasoning", "message"]
    last = events(house)[-1].response
    assert [item.type for item in last.output] == ["reasoning", "message"]


def test_a_conversation(house: House) -> None:
    respond(
        house,
        input=[
            {"role": "developer", "content": "Be brief."},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "Look"},
                {"type": "input_image", "detail": "auto", "image_url": "https://host/cat.png"},
            ]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
            {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [
                {"type": "output_text", "text": "I look.", "annotations": []}
            ]},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "time", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "rain"},
            {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "noon"}]},
            {"role": "assistant", "content": "Rain."},
            {"role": "assistant", "content": "At noon."},
        ],
    )  # fmt: skip
    told = asked(house).messages
    roles = " ".join(message.role for message in told)
    assert roles == "system user assistant tool tool assistant assistant"
    assert told[1].parts[1].url == "https://host/cat.png"
    assert (told[2].reasoning, told[2].text) == ("Hm.", "I look.")
    assert told[2].calls == (Call("c1", "weather", "{}"), Call("c2", "time", "{}"))
    assert [(message.call_id, message.text) for message in told[3:5]] == [("c1", "rain"), ("c2", "noon")]
    assert [message.text for message in told[5:]] == ["Rain.", "At noon."]


def test_logprobs(house: House) -> None:
    one = Logprob(5, "é", "é".encode(), -0.5, (Logprob(5, "é", "é".encode(), -0.5),))
    script(house, [Piece(0, Say.TEXT, "é", logprobs=(one,)), Piece(0, Say.END, finish=Finish.STOP)])
    got = respond(house, include=["message.output_text.logprobs"], top_logprobs=1)
    assert asked(house).sampling.logprobs == 1
    (token,) = got.output[0].content[0].logprobs
    assert (token.token, token.bytes, token.top_logprobs[0].logprob) == ("é", [0xC3, 0xA9], -0.5)
    told = events(house, top_logprobs=1)
    assert [event.logprobs[0].token for event in told if event.type == "response.output_text.delta"] == ["é"]
    assert told[-1].response.output[0].content[0].logprobs == [token]


class Step(pydantic.BaseModel):
    why: str
    value: int


def test_what_is_parsed(house: House) -> None:
    script(house, said('{"why": "so", ', '"value": 4}'))
    got = house.run(sdk(house).responses.parse(model="qwen", input="Hi", text_format=Step))
    assert got.output_parsed == Step(why="so", value=4)
    assert asked(house).shape.kind is ShapeKind.SCHEMA
    assert '"value"' in asked(house).shape.source
    chat: Any = sdk(house).chat.completions
    got = house.run(chat.parse(model="qwen", messages=[{"role": "user", "content": "Hi"}], response_format=Step))
    assert got.choices[0].message.parsed == Step(why="so", value=4)
    assert asked(house).shape.kind is ShapeKind.SCHEMA
    respond(house, text={"format": {"type": "json_object"}})
    assert asked(house).shape.kind is ShapeKind.JSON


def test_tokens_are_counted(house: House) -> None:
    got = house.run(sdk(house).responses.input_tokens.count(model="qwen", input="Hello"))
    assert (got.object, got.input_tokens) == ("response.input_tokens", 5)


# --- streams ----------------------------------------------------------------------------------------------------------


def test_the_events_of_a_response(house: House) -> None:
    script(house, [*THOUGHT_AND_CALLED])
    told = events(house, tools=[WEATHER, TIME])
    assert [event.sequence_number for event in told] == list(range(len(told)))
    assert [event.type.removeprefix("response.") for event in told] == [
        "created", "in_progress",
        "output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.delta",
        "reasoning_text.done", "content_part.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    for event in told:
        type(event).model_validate(event.model_dump(by_alias=True, warnings=False))
    last = told[-1].response
    assert [item.type for item in last.output] == ["reasoning", "message", "function_call", "function_call"]
    done = [event.item for event in told if event.type == "response.output_item.done"]
    assert done == last.output
    added = [event.item.id for event in told if event.type == "response.output_item.added"]
    assert added == [item.id for item in last.output]
    assert told[0].response.status == "in_progress"
    assert last.usage.total_tokens == USED.tokens
    strict(last)


@pytest.mark.parametrize(
    "pieces",
    [said("Hel", "lo"), THOUGHT_AND_CALLED, said(), THOUGHT_AND_CALLED[3:]],
    ids=["text", "all", "nothing", "calls"],
)
def test_a_stream_ends_as_an_answer_would_be(house: House, pieces: list[Piece | Exception]) -> None:
    script(house, pieces)
    whole, last = respond(house, tools=[WEATHER, TIME]), events(house, tools=[WEATHER, TIME])[-1].response
    differing = {"id"}
    assert last.model_dump(exclude=differing | {"output"}) == whole.model_dump(exclude=differing | {"output"})
    assert [item.model_dump(exclude={"id"}) for item in last.output] == [
        item.model_dump(exclude={"id"}) for item in whole.output
    ]


def test_the_sdk_follows_a_stream(house: House) -> None:
    script(house, said('{"why": "so", ', '"value": 4}'))

    async def run() -> Any:
        async with sdk(house).responses.stream(model="qwen", input="Hi", text_format=Step) as stream:
            async for _ in stream:
                pass
            return await stream.get_final_response()

    assert house.run(run()).output_parsed == Step(why="so", value=4)


def test_the_engine_dies_in_the_middle(house: House) -> None:
    script(house, [*said("Hel", "lo")[:2], Fault(Kind.UNAVAILABLE, "answer")])
    last = events(house)[-1]
    assert (last.type, last.response.status, last.response.error.code) == ("response.failed", "failed", "server_error")
    assert last.response.output[0].content[0].text == "Hello"
    script(house, [Fault(Kind.MISSING, "model", model="qwen")])
    with pytest.raises(openai.NotFoundError):
        events(house)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"input": None}, "input", "invalid_value"),
        ({"input": ""}, "input", "invalid_value"),
        ({"input": []}, "input", "invalid_value"),
        ({"input": [{"role": "user"}]}, "input[0].content", "missing_required_parameter"),
        ({"input": [{"content": "x"}]}, "input[0].role", "missing_required_parameter"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type", "unsupported_parameter"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0]", "missing_required_parameter"),
        ({"input": [{"type": "function_call_output"}]}, "input[0].call_id", "missing_required_parameter"),
        ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input[0].content[0]", "invalid_value"),
        ({"background": True}, "background", "unsupported_parameter"),
        ({"conversation": "conv_1"}, "conversation", "unsupported_parameter"),
        ({"prompt": {"id": "p"}}, "prompt", "unsupported_parameter"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type", "unsupported_parameter"),
        ({"tools": [{"type": "function"}]}, "tools[0].name", "invalid_value"),
        (
            {"text": {"format": {"type": "json_schema", "name": "x"}}},
            "text.format.schema",
            "missing_required_parameter",
        ),
        ({"n": 2}, "n", "invalid_value"),
        ({"max_output_tokens": 0}, "max_output_tokens", "invalid_value"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort", "invalid_value"),
        ({"metadata": {"a": 1}}, "metadata[...]", "invalid_value"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata", "invalid_value"),
    ],
)
def test_what_cannot_be_asked(house: House, body: dict[str, Any], param: str, code: str) -> None:
    reply = house.send("POST", "/v1/responses", {"model": "qwen", "input": "Hi"} | body)
    assert reply.status == 400, reply.body
    assert (reply.json["error"]["param"], reply.json["error"]["code"]) == (param, code)


def test_what_is_null_is_not_said(house: House) -> None:
    names = (
        "instructions", "metadata", "tools", "tool_choice", "parallel_tool_calls", "temperature", "top_p", "include",
        "top_logprobs", "max_output_tokens", "max_tool_calls", "previous_response_id", "reasoning", "text", "user",
        "truncation", "store", "stream", "background", "conversation", "prompt",
    )  # fmt: skip
    reply = house.send("POST", "/v1/responses", {"model": "qwen", "input": "Hi"} | dict.fromkeys(names))
    assert reply.status == 200, reply.body
    assert (reply.json["tools"], reply.json["tool_choice"], reply.json["metadata"]) == ([], "auto", {})
