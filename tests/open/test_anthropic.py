"""Anthropic's door, through its own SDK: what is asked, what is answered, how it is streamed, how it is refused."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import anthropic
import pytest

from sampan.dialects.open.anthropic.dialect import AnthropicDialect
from sampan.kernel.asking import Ask, Finish, Medium, Piece, Role, Say, ShapeKind, Tooling, Usage
from sampan.kernel.fault import Fault, Kind
from tests.inference.scripted import said
from tests.inference.world import World, fixed
from tests.open.world import KEY, OFF_KEY, OLD_KEY, URL, House

T = TypeVar("T")
USER = [{"role": "user", "content": "Hi"}]
WEATHER = {
    "name": "weather",
    "description": "The weather of a place.",
    "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}},
}
USAGE = Usage(prompt_tokens=10, shared_tokens=4, answer_tokens=6, reasoning_tokens=2)
CALLING = (
    Piece(0, Say.REASONING, "Let me ", usage=Usage(10, 4, 1, 1)),
    Piece(0, Say.REASONING, "see.", usage=Usage(10, 4, 2, 2)),
    Piece(0, Say.TEXT, "I ask.", usage=Usage(10, 4, 3, 2)),
    Piece(0, Say.CALL, call=0, name="weather", id="call_1", usage=Usage(10, 4, 4, 2)),
    Piece(0, Say.ARGUMENTS, '{"place": ', call=0, usage=Usage(10, 4, 5, 2)),
    Piece(0, Say.ARGUMENTS, '"Oslo"}', call=0, usage=USAGE),
    Piece(0, Say.END, finish=Finish.CALLS, usage=USAGE),
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Anthropic's door over "qwen", "org/qwen" and two models that do not talk."""
    more = {name: fixed(name, source) for name, source in (("org/qwen", "/qwen"), ("vectors", "/vectors"))}
    world = World(tmp_path, **more)
    yield House(AnthropicDialect(), tmp_path, world)
    world.close()


def says(house: House, *pieces: Piece | Exception) -> None:
    """What the model answers from now on."""
    house.world.scripts["/qwen"].pieces = pieces


def asked(house: House) -> Ask:
    """What the engine was asked last."""
    return house.world.engine.asked[-1][1]


def call(house: House, use: Callable[[anthropic.AsyncAnthropic], Awaitable[T]], key: str = KEY) -> T:
    """Use the SDK."""

    async def go() -> T:
        async with house.http() as client:
            return await use(anthropic.AsyncAnthropic(api_key=key, base_url=URL, max_retries=0, http_client=client))

    return house.run(go())


def create(house: House, key: str = KEY, **more: Any) -> anthropic.types.Message:
    given = {"model": "qwen", "max_tokens": 64, "messages": USER} | more
    return call(house, lambda client: client.messages.create(**given), key)


def refused(house: House, key: str = KEY, **more: Any) -> anthropic.APIStatusError:
    with pytest.raises(anthropic.APIStatusError) as caught:
        create(house, key, **more)
    return caught.value


async def streamed(client: anthropic.AsyncAnthropic, **more: Any) -> anthropic.types.Message:
    async with client.messages.stream(model="qwen", max_tokens=64, messages=USER, **more) as stream:
        return await stream.get_final_message()


# --- answers ---------------------------------------------------------------------------------------------------------


def test_a_question_is_answered(house: House) -> None:
    answer = create(house)
    assert answer.id.startswith("msg_")
    assert (answer.model, answer.role, answer.type) == ("qwen", "assistant", "message")
    assert [block.type for block in answer.content] == ["text"]
    assert answer.content[0].text == "Hello, world"
    assert (answer.stop_reason, answer.stop_sequence) == ("end_turn", None)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (3, 3)
    assert answer._request_id.startswith("req_")


def test_thoughts_text_and_calls_are_blocks(house: House) -> None:
    says(house, *CALLING)
    answer = create(house, tools=[WEATHER])
    thought, text, use = answer.content
    assert (thought.type, thought.thinking) == ("thinking", "Let me see.")
    assert (text.type, text.text) == ("text", "I ask.")
    assert (use.type, use.id, use.name, use.input) == ("tool_use", "call_1", "weather", {"place": "Oslo"})
    assert answer.stop_reason == "tool_use"
    used = answer.usage
    assert (used.input_tokens, used.cache_read_input_tokens, used.output_tokens) == (6, 4, 6)
    assert used.output_tokens_details.thinking_tokens == 2


def test_a_streamed_answer_is_the_same(house: House) -> None:
    says(house, *CALLING)
    whole = create(house, tools=[WEATHER]).model_dump(exclude={"id"})
    pieces = call(house, lambda client: streamed(client, tools=[WEATHER])).model_dump(exclude={"id"})
    for one in (whole, pieces):
        one["content"] = [{k: v for k, v in block.items() if v is not None} for block in one["content"]]
    assert pieces["content"] == whole["content"]
    assert pieces["stop_reason"] == whole["stop_reason"]
    assert pieces["usage"]["output_tokens"] == whole["usage"]["output_tokens"]


def raw(house: House, **more: Any) -> list[tuple[str, Any]]:
    """The events as they are on the wire."""
    body = {"model": "qwen", "max_tokens": 64, "messages": USER, "stream": True} | more
    answer = house.send("POST", "/v1/messages", body, anthropic_version="2023-06-01")
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [(name, json.loads(data)) for name, data in answer.events]


def test_the_events_come_in_their_order(house: House) -> None:
    says(house, *CALLING)
    found = raw(house)
    assert [name for name, _ in found] == [
        "message_start", "ping",
        "content_block_start", "content_block_delta", "content_block_delta", "content_block_delta",
        "content_block_stop",
        "content_block_start", "content_block_delta", "content_block_stop",
        "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop",
        "message_delta", "message_stop",
    ]  # fmt: skip
    assert all(data["type"] == name for name, data in found)
    assert [data["index"] for name, data in found if name == "content_block_stop"] == [0, 1, 2]
    assert found[0][1]["message"]["usage"]["input_tokens"] == 6
    assert found[-2][1]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}


def test_a_fault_in_the_middle_is_an_error_event(house: House) -> None:
    says(house, *said("Hel", "lo")[:2], Fault(Kind.UNAVAILABLE, "answer"))
    found = raw(house)
    assert found[-1] == (
        "error",
        {"type": "error", "error": {"type": "api_error", "message": found[-1][1]["error"]["message"]}},
    )
    with pytest.raises(anthropic.APIStatusError):
        call(house, streamed)


def test_hidden_thoughts_are_hidden(house: House) -> None:
    says(house, *CALLING)
    wanted = {"type": "adaptive", "display": "omitted"}
    answer = create(house, thinking=wanted)
    assert answer.content[0].thinking == ""
    assert not any(data.get("delta", {}).get("thinking") for _, data in raw(house, thinking=wanted))


@pytest.mark.parametrize(
    ("finish", "stopped_by", "reason"),
    [
        (Finish.STOP, "", "end_turn"),
        (Finish.STOP, "\n\n", "stop_sequence"),
        (Finish.LENGTH, "", "max_tokens"),
        (Finish.DEADLINE, "", "max_tokens"),
        (Finish.CALLS, "", "tool_use"),
    ],
)
def test_why_it_ended(house: House, finish: Finish, stopped_by: str, reason: str) -> None:
    says(house, Piece(0, Say.TEXT, "x"), Piece(0, Say.END, finish=finish, stopped_by=stopped_by))
    answer = create(house)
    assert (answer.stop_reason, answer.stop_sequence) == (reason, stopped_by or None)


def test_arguments_that_are_no_json_are_not_lost(house: House) -> None:
    says(
        house,
        Piece(0, Say.CALL, call=0, name="weather", id="c"),
        Piece(0, Say.ARGUMENTS, "{oops", call=0),
        Piece(0, Say.END, finish=Finish.CALLS),
    )
    assert create(house).content[0].input == {"INVALID_JSON": "{oops"}


# --- questions -------------------------------------------------------------------------------------------------------


def test_what_sampling_is_asked(house: House) -> None:
    more = {"temperature": 0.5, "top_p": 0.9, "top_k": 7, "seed": 11}  # the newest SDKs name fewer than the API
    create(house, stop_sequences=["END"], extra_body=more)
    sampling = asked(house).sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.tokens_max) == (0.5, 0.9, 7, 64)
    assert (sampling.stop, sampling.seed, asked(house).thinking) == (("END",), 11, None)


def test_a_conversation_with_tools(house: House) -> None:
    create(
        house,
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        tools=[WEATHER],
        messages=[
            {"role": "user", "content": "Oslo?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": ""},
                    {"type": "text", "text": "I ask."},
                    {"type": "tool_use", "id": "c1", "name": "weather", "input": {"place": "Oslo"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "rain"}]},
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
    )
    system, first, assistant, result, last = asked(house).messages
    assert (system.role, system.text) == (Role.SYSTEM, "Be brief.")
    assert (first.role, first.text) == (Role.USER, "Oslo?")
    assert (assistant.reasoning, assistant.text) == ("Hm.", "I ask.")
    made = assistant.calls[0]
    assert (made.id, made.name, json.loads(made.arguments)) == ("c1", "weather", {"place": "Oslo"})
    assert (result.role, result.call_id, result.text) == (Role.TOOL, "c1", "rain")
    assert (last.role, last.text) == (Role.USER, "And now?")
    tool = asked(house).tools[0]
    assert (tool.name, tool.description, tool.schema) == ("weather", WEATHER["description"], WEATHER["input_schema"])


@pytest.mark.parametrize(
    ("choice", "tooling", "forced", "parallel"),
    [
        ({"type": "auto"}, Tooling.AUTO, "", True),
        ({"type": "any", "disable_parallel_tool_use": True}, Tooling.REQUIRED, "", False),
        ({"type": "tool", "name": "weather"}, Tooling.REQUIRED, "weather", True),
        ({"type": "none"}, Tooling.NONE, "", True),
    ],
)
def test_which_tool_must_be_called(
    house: House, choice: dict[str, Any], tooling: Tooling, forced: str, parallel: bool
) -> None:
    create(house, tools=[WEATHER], tool_choice=choice)
    assert (asked(house).tooling, asked(house).forced, asked(house).parallel_calls) == (tooling, forced, parallel)


def test_words_in_the_assistants_mouth_are_gone_on_from(house: House) -> None:
    create(house, messages=[*USER, {"role": "assistant", "content": "I"}])
    assert asked(house).continues
    create(house)
    assert not asked(house).continues


def test_thinking_and_its_budget(house: House) -> None:
    create(house, max_tokens=4000, thinking={"type": "enabled", "budget_tokens": 2000})
    assert (asked(house).thinking, asked(house).thinking_tokens_max) == (True, 2000)
    create(house, thinking={"type": "adaptive"}, output_config={"effort": "low"})
    assert (asked(house).thinking, asked(house).thinking_tokens_max) == (True, 1024)
    create(house, thinking={"type": "disabled"})
    assert (asked(house).thinking, asked(house).thinking_tokens_max) == (False, None)


def test_an_answer_of_a_shape(house: House) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    create(house, output_config={"format": {"type": "json_schema", "schema": schema}})
    shape = asked(house).shape
    assert shape is not None
    assert (shape.kind, json.loads(shape.source)) == (ShapeKind.SCHEMA, schema)


def test_pictures_and_documents(house: House) -> None:
    content = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAEC"}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {
            "type": "document",
            "title": "Note",
            "source": {"type": "text", "media_type": "text/plain", "data": "All is well."},
        },
        {"type": "text", "text": "What is it?"},
    ]
    create(house, messages=[{"role": "user", "content": content}])
    parts = asked(house).messages[0].parts
    assert (parts[0].medium, parts[0].data, parts[0].media_type) == (Medium.IMAGE, b"\0\1\2", "image/png")
    assert parts[1].url == "https://example.com/a.png"
    assert "".join(part.text for part in parts[2:]) == "Note\nAll is well.What is it?"


def test_tokens_are_counted(house: House) -> None:
    found = call(house, lambda client: client.messages.count_tokens(model="qwen", messages=USER))
    assert found.input_tokens == 2


# --- models ----------------------------------------------------------------------------------------------------------


def test_models_are_listed_and_told(house: House) -> None:
    names = [model.id for model in call(house, lambda client: client.models.list()).data]
    assert names == ["org/qwen", "qwen", "qwen-plus"]
    one = call(house, lambda client: client.models.retrieve("qwen"))
    assert (one.id, one.max_input_tokens, one.created_at.year) == ("qwen", 4096, 1970)
    assert call(house, lambda client: client.models.retrieve("org/qwen")).id == "org/qwen"
    with pytest.raises(anthropic.NotFoundError):
        call(house, lambda client: client.models.retrieve("vectors"))


def test_models_come_in_pages(house: House) -> None:
    async def every(client: anthropic.AsyncAnthropic) -> list[str]:
        return [model.id async for model in client.models.list(limit=1)]

    assert call(house, every) == ["org/qwen", "qwen", "qwen-plus"]
    page = call(house, lambda client: client.models.list(limit=1, before_id="qwen-plus"))
    assert ([model.id for model in page.data], page.has_more) == (["qwen"], True)


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "status", "kind"),
    [
        ({"model": "nothing"}, 404, "not_found_error"),
        ({"model": "vectors"}, 400, "invalid_request_error"),
        ({"max_tokens": 0}, 400, "invalid_request_error"),
        ({"extra_body": {"temperature": 1.5}}, 400, "invalid_request_error"),
        ({"messages": []}, 400, "invalid_request_error"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, 400, "invalid_request_error"),
        ({"messages": [{"role": "robot", "content": "x"}]}, 400, "invalid_request_error"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, 400, "invalid_request_error"),
        ({"tools": [WEATHER, WEATHER]}, 400, "invalid_request_error"),
        ({"tool_choice": {"type": "any"}}, 400, "invalid_request_error"),
        ({"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "x"}}, 400, "invalid_request_error"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, 400, "invalid_request_error"),
        ({"thinking": {"type": "enabled"}}, 400, "invalid_request_error"),
        ({"stop_sequences": [" "]}, 400, "invalid_request_error"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": "%"}}]}]},
         400, "invalid_request_error"),
        ({"extra_body": {"mcp_servers": [{"url": "x"}]}}, 400, "invalid_request_error"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(house: House, more: dict[str, Any], status: int, kind: str) -> None:
    error = refused(house, **more)
    assert (error.status_code, error.body["error"]["type"]) == (status, kind)
    assert error.body["request_id"] == error.response.headers["request-id"]
    assert not house.world.engine.asked


@pytest.mark.parametrize("key", ["sk-wrong", OLD_KEY, OFF_KEY])
def test_keys_that_are_none(house: House, key: str) -> None:
    error = refused(house, key)
    assert (error.status_code, error.body["error"]["type"]) == (401, "authentication_error")
    assert key not in error.response.text


def test_what_is_not_allowed(house: House) -> None:
    house.denied.add("inference:Generate")
    error = refused(house)
    assert (error.status_code, error.body["error"]["type"]) == (403, "permission_error")


def test_a_key_may_be_a_bearer_token(house: House) -> None:
    async def ask(client: anthropic.AsyncAnthropic) -> anthropic.types.Message:
        other = client.copy(api_key=None, auth_token=KEY)
        return await other.messages.create(model="qwen", max_tokens=9, messages=USER)

    assert call(house, ask).content


@pytest.mark.parametrize(
    ("fault", "status", "kind", "retry"),
    [
        (Fault(Kind.UNAVAILABLE, "model", retry_after_s=2.2), 529, "overloaded_error", "3"),
        (Fault(Kind.TOO_LARGE, "prompt", tokens=9, tokens_max=8), 400, "invalid_request_error", None),
        (Fault(Kind.TOO_MANY, "requests", limit=5, retry_after_s=60), 429, "rate_limit_error", "60"),
        (Fault(Kind.INVALID, "request", "it cannot see", field="image"), 400, "invalid_request_error", None),
        (RuntimeError("oops"), 500, "api_error", None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_an_engine_refuses(
    house: House, fault: Exception, status: int, kind: str, retry: str | None, stream: bool
) -> None:
    """Before the first word there is still a status to say it with."""
    says(house, fault)
    error = refused(house, stream=stream)
    assert (error.status_code, error.body["error"]["type"]) == (status, kind)
    assert error.response.headers.get("retry-after") == retry
    assert "oops" not in error.response.text
    if "tokens" in getattr(fault, "facts", {}):
        assert "9 tokens > 8 maximum" in error.body["error"]["message"]


def test_what_is_not_done_says_so(house: House) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        call(house, lambda client: client.messages.batches.list())
    assert caught.value.status_code == 501


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("POST", "/v1/messages", {"x_api_key": KEY}, b"{}", 400),
        ("POST", "/v1/messages", {"anthropic_version": "2023-06-01"}, b"{}", 401),
        ("GET", "/v1/messages", {"x_api_key": KEY, "anthropic_version": "2023-06-01"}, b"", 404),
        ("POST", "/v1/messages", {"x_api_key": KEY, "anthropic_version": "2023-06-01"}, b"{", 400),
        ("POST", "/v1/messages", {"x_api_key": KEY, "anthropic_version": "x"}, b"[" * 99999, 400),
        ("POST", "/v1/messages", {"x_api_key": KEY, "anthropic_version": "x"}, b"\xff", 400),
        ("GET", "/v1/models?limit=0", {"x_api_key": KEY, "anthropic_version": "x"}, b"", 400),
        ("GET", "/v1/models?after_id=x", {"x_api_key": KEY, "anthropic_version": "x"}, b"", 400),
    ],
)
def test_what_no_sdk_sends(
    house: House, method: str, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = house.send(method, path, body, key="", **headers)
    assert answer.status == status, answer.body
    assert answer.json["type"] == "error"
