"""Chat completions through the unmodified SDK, over the real service and a scripted engine."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from sampan.kernel.asking import Call, Finish, Logprob, Medium, Piece, Role, Say, ShapeKind, Tooling, Usage
from sampan.kernel.fault import Fault, Kind
from tests.inference.scripted import Script, said
from tests.open.world import KEY, URL, House

HI: list[Any] = [{"role": "user", "content": "Hi"}]
USED = Usage(prompt_tokens=7, shared_tokens=2, answer_tokens=5, reasoning_tokens=3)
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {"name": "weather", "description": "Of a city", "parameters": PARAMETERS},
}  # fmt: skip
TIME: dict[str, Any] = {"type": "function", "function": {"name": "time"}}
THOUGHT_AND_CALLED = [
    Piece(0, Say.REASONING, "Let me "),
    Piece(0, Say.REASONING, "see."),
    Piece(0, Say.TEXT, "I look."),
    Piece(0, Say.CALL, call=0, name="weather", id="call_a"),
    Piece(0, Say.ARGUMENTS, '{"city": ', call=0),
    Piece(0, Say.ARGUMENTS, '"Köln"}', call=0),
    Piece(0, Say.CALL, call=1, name="time", id="call_b"),
    Piece(0, Say.ARGUMENTS, "{}", call=1),
    Piece(0, Say.END, finish=Finish.CALLS, usage=USED),
]


def sdk(house: House, key: str = KEY) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key=key, base_url=f"{URL}/v1", http_client=house.http(), max_retries=0)


def chat(house: House, **more: Any) -> Any:
    """A completion, as the SDK reads it."""
    return house.run(sdk(house).chat.completions.create(**{"model": "qwen", "messages": HI} | more))


def chunks(house: House, **more: Any) -> list[Any]:
    async def run() -> list[Any]:
        stream = await sdk(house).chat.completions.create(
            **{"model": "qwen", "messages": HI, "stream": True} | more  # type: ignore[call-overload]
        )
        return [chunk async for chunk in stream]

    return house.run(run())


def script(house: House, pieces: list[Piece | Exception]) -> None:
    house.world.scripts["/qwen"] = Script(pieces)


def asked(house: House) -> Any:
    """What the engine was asked last."""
    return house.world.engine.asked[-1][1]


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def function(**more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f"} | more}


# --- answers ----------------------------------------------------------------------------------------------------------


def test_an_answer(house: House) -> None:
    got = chat(house)
    assert got.id.startswith("chatcmpl-")
    assert (got.object, got.model, got.created) == ("chat.completion", "qwen", 1_700_000_000)
    (choice,) = got.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", "Hello, world", "stop")
    assert choice.logprobs is None
    assert choice.message.tool_calls is None
    assert (got.usage.prompt_tokens, got.usage.completion_tokens, got.usage.total_tokens) == (3, 3, 6)


def test_thinking_and_calls(house: House) -> None:
    script(house, [*THOUGHT_AND_CALLED])
    got = chat(house, tools=[WEATHER, TIME])
    message = got.choices[0].message
    assert got.choices[0].finish_reason == "tool_calls"
    assert (message.reasoning_content, message.content) == ("Let me see.", "I look.")
    assert [(call.id, call.type, call.function.name, call.function.arguments) for call in message.tool_calls] == [
        ("call_a", "function", "weather", '{"city": "Köln"}'),
        ("call_b", "function", "time", "{}"),
    ]
    assert got.usage.prompt_tokens_details.cached_tokens == 2
    assert got.usage.completion_tokens_details.reasoning_tokens == 3


def test_calls_without_text_have_no_content(house: House) -> None:
    script(house, THOUGHT_AND_CALLED[3:])
    assert chat(house, tools=[WEATHER, TIME]).choices[0].message.content is None


def test_many_answers_in_order(house: House) -> None:
    first, second = said("a", "b"), said("c", "d", index=1)
    script(house, [piece for pair in zip(second, first, strict=True) for piece in pair])
    assert [(c.index, c.message.content) for c in chat(house, n=2).choices] == [(0, "ab"), (1, "cd")]
    assert asked(house).sampling.n == 2
    texts = {0: "", 1: ""}
    roles = []
    for chunk in chunks(house, n=2):
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
        roles += [chunk.choices[0].index] if chunk.choices[0].delta.role == "assistant" else []
    assert texts == {0: "ab", 1: "cd"}
    assert sorted(roles) == [0, 1]


def test_logprobs(house: House) -> None:
    one = Logprob(5, "é", "é".encode(), -0.5, (Logprob(5, "é", "é".encode(), -0.5), Logprob(6, "�", b"\xc3", -1.5)))
    script(house, [Piece(0, Say.TEXT, "é", logprobs=(one,)), Piece(0, Say.END, finish=Finish.LENGTH)])
    got = chat(house, logprobs=True, top_logprobs=2)
    assert got.choices[0].finish_reason == "length"
    (token,) = got.choices[0].logprobs.content
    assert (token.token, token.bytes, token.logprob) == ("é", [0xC3, 0xA9], -0.5)
    assert [(top.token, top.bytes, top.logprob) for top in token.top_logprobs] == [
        ("é", [0xC3, 0xA9], -0.5), ("�", [0xC3], -1.5),
    ]  # fmt: skip
    assert asked(house).sampling.logprobs == 2
    streamed = [chunk.choices[0].logprobs for chunk in chunks(house, logprobs=True, top_logprobs=2)]
    assert [lp.content for lp in streamed if lp is not None] == [got.choices[0].logprobs.content]
    chat(house, logprobs=True)
    assert asked(house).sampling.logprobs == 0


# --- streams ----------------------------------------------------------------------------------------------------------


def test_a_stream_says_what_an_answer_says(house: House) -> None:
    script(house, [*THOUGHT_AND_CALLED])
    whole = chat(house, tools=[WEATHER, TIME]).choices[0].message
    got = chunks(house, tools=[WEATHER, TIME], stream_options={"include_usage": True})
    deltas = [chunk.choices[0].delta for chunk in got[:-1]]
    assert (deltas[0].role, deltas[0].content) == ("assistant", "")
    assert "".join(delta.content or "" for delta in deltas) == whole.content
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == whole.reasoning_content
    calls: dict[int, list[str]] = {}
    for delta in deltas:
        for call in delta.tool_calls or ():
            made = calls.setdefault(call.index, ["", "", ""])
            made[0] += call.id or ""
            made[1] += call.function.name or ""
            made[2] += call.function.arguments or ""
    assert calls == {i: [c.id, c.function.name, c.function.arguments] for i, c in enumerate(whole.tool_calls)}
    assert [chunk.choices[0].finish_reason for chunk in got[:-1]][-2:] == [None, "tool_calls"]
    assert got[-1].choices == []
    assert (got[-1].usage.total_tokens, got[-1].usage.completion_tokens_details.reasoning_tokens) == (12, 3)
    assert len({chunk.id for chunk in got}) == 1


def test_usage_is_told_if_asked(house: House) -> None:
    assert all(chunk.usage is None for chunk in chunks(house))
    every = chunks(house, stream_options={"include_usage": True, "continuous_usage_stats": True})
    assert [chunk.usage.completion_tokens for chunk in every] == [1, 1, 2, 3, 3, 3]
    last = house.send("POST", "/v1/chat/completions", {"model": "qwen", "messages": HI, "stream": True}).events[-1]
    assert last == ("", "[DONE]")


def test_the_engine_dies_in_the_middle(house: House) -> None:
    script(house, [*said("Hel", "lo")[:2], Fault(Kind.UNAVAILABLE, "answer")])
    heard = []

    async def run() -> None:
        stream = await sdk(house).chat.completions.create(model="qwen", messages=HI, stream=True)
        async for chunk in stream:
            heard.append(chunk.choices[0].delta.content)  # noqa: PERF401 - what came before the error is wanted, too

    with pytest.raises(openai.APIError, match="stopped in the middle") as caught:
        house.run(run())
    assert caught.value.code == "engine_failed"
    assert heard == ["", "Hel", "lo"]
    assert house.world.engine.open == 0
    with pytest.raises(openai.InternalServerError):
        chat(house)


def test_what_is_refused_is_refused_before_the_stream(house: House) -> None:
    script(house, [Fault(Kind.TOO_LARGE, "prompt", tokens=9000, tokens_max=4096)])
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError, match=r"4096 tokens\. However, your request has 9000") as caught:
            chat(house, stream=stream)
        assert caught.value.code == "context_length_exceeded"


# --- questions --------------------------------------------------------------------------------------------------------


def test_a_conversation(house: House) -> None:
    png = "data:image/png;base64,iVBORw0="
    called = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    chat(
        house,
        tools=[WEATHER],
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "name": "ann", "content": [{"type": "text", "text": "Look"}, image(png)]},
            {"role": "assistant", "content": None, "reasoning_content": "Hm.", "tool_calls": [called]},
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "rain"}]},
            {"role": "user", "content": [image("https://host/cat.png")]},
        ],
    )  # fmt: skip
    system, user, assistant, tool, last = asked(house).messages
    assert (system.role, system.text) == (Role.SYSTEM, "Be brief.")
    assert (user.role, user.text, user.name) == (Role.USER, "Look", "ann")
    assert (user.parts[1].medium, user.parts[1].media_type) == (Medium.IMAGE, "image/png")
    assert user.parts[1].data == b"\x89PNG\r"
    assert (assistant.parts, assistant.reasoning, assistant.calls) == ((), "Hm.", (Call("c1", "weather", "{}"),))
    assert (tool.role, tool.call_id, tool.text) == (Role.TOOL, "c1", "rain")
    assert last.parts[0].url == "https://host/cat.png"
    (given,) = asked(house).tools
    assert (given.name, given.description, given.strict) == ("weather", "Of a city", False)
    assert given.schema == WEATHER["function"]["parameters"]


def test_every_knob(house: House) -> None:
    chat(
        house,
        temperature=0.3, top_p=0.9, n=1, stop=["a", "b"], max_tokens=9, max_completion_tokens=5, presence_penalty=0.1,
        frequency_penalty=-0.2, logit_bias={"42": -100, "7": 1.5}, seed=11, parallel_tool_calls=False,
        extra_body={
            "top_k": 20, "min_p": 0.05, "typical_p": 0.8, "repetition_penalty": 1.1, "min_tokens": 2,
            "stop_token_ids": [3, 4], "ignore_eos": True, "prompt_logprobs": 1, "priority": 5,
            "chat_template_kwargs": {"style": {"a": [1]}}, "length_penalty": 1.0, "unheard_of": {"x": 1},
        },
        user="u", service_tier="auto", store=False, prompt_cache_key="k",
    )  # fmt: skip
    ask = asked(house)
    s = ask.sampling
    assert (s.temperature, s.top_p, s.top_k, s.min_p, s.typical_p) == (0.3, 0.9, 20, 0.05, 0.8)
    assert (s.repetition_penalty, s.frequency_penalty, s.presence_penalty) == (1.1, -0.2, 0.1)
    assert (s.logit_bias, s.seed, s.tokens_max, s.tokens_min) == ({42: -100.0, 7: 1.5}, 11, 5, 2)
    assert (s.stop, s.stop_tokens, s.ignore_end, s.prompt_logprobs) == (("a", "b"), (3, 4), True, 1)
    assert (ask.priority, ask.parallel_calls, ask.template) == (-5, False, {"style": {"a": [1]}})


def test_what_is_not_said_is_left_to_the_model(house: House) -> None:
    chat(house)
    ask, plain = asked(house), asked(house).sampling.__class__()
    assert ask.sampling == plain
    assert (ask.shape, ask.thinking, ask.thinking_tokens_max, ask.tools, ask.continues) == (None, None, None, (), False)
    chat(house, extra_body={"top_k": -1, "stop": None, "seed": -1}, top_p=0)
    s = asked(house).sampling
    assert (s.top_k, s.stop, s.seed) == (0, (), (1 << 63) - 1)
    assert 0 < s.top_p < 1e-6


@pytest.mark.parametrize(
    ("choice", "tooling", "forced"),
    [
        (None, Tooling.AUTO, ""),
        ("auto", Tooling.AUTO, ""),
        ("none", Tooling.NONE, ""),
        ("required", Tooling.REQUIRED, ""),
        ({"type": "function", "function": {"name": "time"}}, Tooling.REQUIRED, "time"),
    ],
)
def test_whether_tools_are_called(house: House, choice: Any, tooling: Tooling, forced: str) -> None:
    chat(house, tools=[WEATHER, TIME], **({} if choice is None else {"tool_choice": choice}))
    assert (asked(house).tooling, asked(house).forced) == (tooling, forced)
    assert len(asked(house).tools) == 2


def test_only_some_tools_are_allowed(house: House) -> None:
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TIME]}}
    chat(house, tools=[WEATHER, TIME], tool_choice=allowed)
    assert [tool.name for tool in asked(house).tools] == ["time"]
    assert asked(house).tooling is Tooling.REQUIRED


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
TEXT = json.dumps(SCHEMA, separators=(",", ":"))
NAMED = {"name": "x", "schema": SCHEMA, "strict": True}


@pytest.mark.parametrize(
    ("body", "kind", "source"),
    [
        ({"response_format": {"type": "json_object"}}, ShapeKind.JSON, ""),
        ({"response_format": {"type": "json_schema", "json_schema": NAMED}}, ShapeKind.SCHEMA, TEXT),
        ({"response_format": {"type": "text"}, "guided_json": SCHEMA}, ShapeKind.SCHEMA, TEXT),
        ({"guided_json": json.dumps(SCHEMA)}, ShapeKind.SCHEMA, TEXT),
        ({"guided_regex": "a+"}, ShapeKind.REGEX, "a+"),
        ({"guided_choice": ["ja", "nein"]}, ShapeKind.CHOICE, '["ja","nein"]'),
        ({"guided_grammar": "start: /a/"}, ShapeKind.GRAMMAR, "start: /a/"),
        ({"structured_outputs": {"choice": ["x"]}}, ShapeKind.CHOICE, '["x"]'),
        ({"structured_outputs": {"json": SCHEMA}}, ShapeKind.SCHEMA, TEXT),
        ({"structured_outputs": {"json_object": True}}, ShapeKind.JSON, ""),
    ],
)  # fmt: skip
def test_shapes(house: House, body: dict[str, Any], kind: ShapeKind, source: str) -> None:
    chat(house, extra_body=body)
    assert (asked(house).shape.kind, asked(house).shape.source) == (kind, source)


@pytest.mark.parametrize(
    ("body", "thinking", "tokens"),
    [
        ({"reasoning_effort": "none"}, False, None),
        ({"reasoning_effort": "low"}, True, 1024),
        ({"reasoning_effort": "high"}, True, None),
        ({"chat_template_kwargs": {"enable_thinking": False}}, False, None),
        ({"enable_thinking": True, "thinking_budget": 50}, True, 50),
        ({"thinking": {"type": "disabled"}}, False, None),
        ({"thinking": {"type": "enabled", "budget_tokens": 70}, "reasoning_effort": "low"}, True, 70),
        ({"thinking": {"type": "auto"}}, None, None),
    ],
)
def test_thinking(house: House, body: dict[str, Any], thinking: bool | None, tokens: int | None) -> None:
    chat(house, extra_body=body)
    assert (asked(house).thinking, asked(house).thinking_tokens_max) == (thinking, tokens)


@pytest.mark.parametrize(
    "body",
    [
        {"continue_final_message": True, "add_generation_prompt": False},
        {"messages": [*HI, {"role": "assistant", "content": "He", "prefix": True}]},
        {"messages": [*HI, {"role": "assistant", "content": "He", "partial": True}]},
    ],
)
def test_an_answer_is_continued(house: House, body: dict[str, Any]) -> None:
    chat(house, extra_body={"messages": [*HI, {"role": "assistant", "content": "He"}]} | body)
    assert asked(house).continues
    assert asked(house).messages[-1].text == "He"


# --- what is refused --------------------------------------------------------------------------------------------------

DEEP: Any = {}
for _ in range(100):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"model": None}, "model", "invalid_value"),
        ({"model": ""}, "model", "invalid_value"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": "Hi"}, "messages", "invalid_value"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_value"),
        ({"messages": user({"type": "text"})}, "messages[0].content[0]", "invalid_value"),
        ({"messages": user({"type": "hologram"})}, "messages[0].content[0]", "invalid_value"),
        ({"messages": user(image("file:///x"))}, "messages[0].content[0].image_url", "invalid_value"),
        ({"messages": user(image("data:image/png;base64,*"))}, "messages[0].content[0].image_url", "invalid_value"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id", "missing_required_parameter"),
        ({"messages": [{"role": "function", "name": "f", "content": "x"}]}, "messages[0]", "unsupported_parameter"),
        ({"temperature": 2.1}, "temperature", "invalid_value"),
        ({"temperature": "hot"}, "temperature", "invalid_value"),
        ({"temperature": True}, "temperature", "invalid_value"),
        ({"top_p": -0.1}, "top_p", "invalid_value"),
        ({"n": 0}, "n", "invalid_value"),
        ({"n": 129}, "n", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"max_completion_tokens": -1}, "max_completion_tokens", "invalid_value"),
        ({"max_tokens": 1 << 40}, "max_tokens", "invalid_value"),
        ({"seed": 1 << 80}, "seed", "invalid_value"),
        ({"stop": ["x"] * 17}, "stop", "invalid_value"),
        ({"presence_penalty": 3}, "presence_penalty", "invalid_value"),
        ({"logit_bias": {"a": 1}}, "logit_bias", "invalid_value"),
        ({"logit_bias": {"1": 101}}, "logit_bias[...]", "invalid_value"),
        ({"top_logprobs": 2}, "top_logprobs", "invalid_value"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "invalid_value"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type", "unsupported_parameter"),
        ({"tools": [function(name="no spaces")]}, "tools[0].function.name", "invalid_value"),
        ({"tools": [WEATHER, WEATHER]}, "tools", "invalid_value"),
        ({"tools": [WEATHER] * 129}, "tools", "invalid_value"),
        ({"tools": [function(parameters=[1])]}, "tools[0].function.parameters", "invalid_value"),
        ({"tools": [function(parameters=DEEP)]}, "tools[0].function.parameters", "invalid_value"),
        ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
        ({"tools": [TIME], "tool_choice": function(name="weather")}, "tool_choice", "invalid_value"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "missing_required_parameter"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
        ({"response_format": {"type": "json_object"}, "guided_regex": "a"}, "response_format", "invalid_value"),
        ({"guided_json": "no json"}, "guided_json", "invalid_value"),
        ({"guided_json": 5}, "guided_json", "invalid_value"),
        ({"reasoning_effort": "huge"}, "reasoning_effort", "invalid_value"),
        ({"reasoning_effort": "none", "enable_thinking": True}, "reasoning_effort", "invalid_value"),
        ({"modalities": ["text", "audio"]}, "modalities", "unsupported_parameter"),
        ({"audio": {"voice": "ash", "format": "wav"}}, "audio", "unsupported_parameter"),
        ({"web_search_options": {}}, "web_search_options", "unsupported_parameter"),
        ({"functions": [{"name": "f"}]}, "functions", "unsupported_parameter"),
        ({"continue_final_message": True}, "continue_final_message", "invalid_value"),
        ({"continue_final_message": True, "add_generation_prompt": True}, "continue_final_message", "invalid_value"),
        ({"chat_template": "{{ x }}"}, "chat_template", "unsupported_parameter"),
        ({"best_of": 1, "n": 2}, "best_of", "invalid_value"),
        ({"chat_template_kwargs": [1]}, "chat_template_kwargs", "invalid_value"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(house: House, body: dict[str, Any], param: str, code: str) -> None:
    reply = house.send("POST", "/v1/chat/completions", {"model": "qwen", "messages": HI} | body)
    assert reply.status == 400, reply.body
    error = reply.json["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)
    assert house.world.engine.asked == []


def test_what_is_null_is_not_said(house: House) -> None:
    names = (
        "temperature", "top_p", "n", "stop", "max_tokens", "max_completion_tokens", "seed", "logit_bias", "tools",
        "tool_choice", "response_format", "reasoning_effort", "modalities", "audio", "functions", "function_call",
        "stream", "stream_options", "logprobs", "top_logprobs", "user", "guided_json", "structured_outputs", "metadata",
    )  # fmt: skip
    reply = house.send("POST", "/v1/chat/completions", {"model": "qwen", "messages": HI} | dict.fromkeys(names))
    assert reply.status == 200, reply.body
