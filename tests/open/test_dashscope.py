"""Model Studio's own door, through its SDK: what is asked, what is answered, how it is streamed, how it is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dashscope
import pytest
import requests
from dashscope.tokenizers.tokenization import Tokenization

from sampan.dialects.aliyun.dashscope.dialect import DashScopeDialect
from sampan.kernel.asking import Ask, Finish, Logprob, Medium, Piece, Role, Say, ShapeKind, Tooling, Usage
from sampan.kernel.fault import Fault, Kind
from tests.inference.scripted import said
from tests.inference.world import World, fixed
from tests.open.world import KEY, OFF_KEY, OLD_KEY, URL, House

USER = [{"role": "user", "content": "Hi"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
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
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """The door over "qwen-plus" and models that embed and rank; the SDK's sockets end in it."""
    more = {name: fixed(name, f"/{name}") for name in ("vectors", "ranks")}
    more["org/qwen"] = fixed("org/qwen", "/qwen")
    world = World(tmp_path, **more)
    house = House(DashScopeDialect(), tmp_path, world)

    def send(_: Any, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        headers.pop("host", None)
        path = str(request.url).removeprefix(URL)
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        answer = house.send(str(request.method), path, body, key="", **headers)
        response = requests.Response()
        response.status_code, response.raw = answer.status, io.BytesIO(answer.body)
        response.headers.update(answer.headers)
        response.request, response.url = request, str(request.url)
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    monkeypatch.setattr(dashscope, "base_http_api_url", f"{URL}/api/v1")
    monkeypatch.setattr(dashscope, "api_key", KEY)
    yield house
    world.close()


def says(house: House, *pieces: Piece | Exception) -> None:
    """What the model answers from now on."""
    house.world.scripts["/qwen"].pieces = pieces


def asked(house: House) -> Ask:
    """What the engine was asked last."""
    return house.world.engine.asked[-1][1]


def create(**more: Any) -> Any:
    given = {"model": "qwen-plus", "messages": USER, "result_format": "message"} | more
    return dashscope.Generation.call(**given)


def post(house: House, path: str, body: Any, **headers: str) -> Any:
    """By hand."""
    return house.send("POST", f"/api/v1/{path}", body, **headers)


# --- answers ---------------------------------------------------------------------------------------------------------


def test_a_question_is_answered(house: House) -> None:
    answer = create()
    assert answer.status_code == 200
    choice = answer.output.choices[0]
    assert (choice.finish_reason, choice.message.role, choice.message.content) == ("stop", "assistant", "Hello, world")
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage["total_tokens"]) == (3, 3, 6)
    assert [len(part) for part in answer.request_id.split("-")] == [8, 4, 4, 4, 12]


def test_texts_are_the_default(house: House) -> None:
    answer = create(result_format=None)
    assert (answer.output.text, answer.output.finish_reason, answer.output.choices) == ("Hello, world", "stop", None)
    assert create(result_format=None, tools=[WEATHER]).output.choices


def test_thoughts_and_calls(house: House) -> None:
    says(house, *CALLING)
    answer = create(tools=[WEATHER])
    choice = answer.output.choices[0]
    assert (choice.finish_reason, choice.message.reasoning_content) == ("tool_calls", "Let me see.")
    call = choice.message.tool_calls[0]
    assert (call["id"], call["type"], call["index"]) == ("call_1", "function", 0)
    assert call["function"] == {"name": "weather", "arguments": '{"place": "Oslo"}'}
    assert answer.usage["output_tokens_details"] == {"reasoning_tokens": 2}
    assert answer.usage["prompt_tokens_details"] == {"cached_tokens": 4}


@pytest.mark.parametrize("texts", [False, True])
def test_a_stream_tells_all_so_far_or_what_is_new(house: House, texts: bool) -> None:
    form = "text" if texts else "message"

    def contents(incremental: bool) -> list[str]:
        events = list(create(stream=True, incremental_output=incremental, result_format=form))
        assert all(event.status_code == 200 for event in events)
        outputs = [event.output if texts else event.output.choices[0] for event in events]
        assert [one.finish_reason for one in outputs] == ["null", "null", "null", "stop"]
        return [one.text if texts else one.message.content for one in outputs]

    assert contents(True) == ["Hello", ", ", "world", ""]
    assert contents(False) == ["Hello", "Hello, ", "Hello, world", "Hello, world"]


def test_a_streamed_answer_is_the_same(house: House) -> None:
    says(house, *CALLING)
    whole = create(tools=[WEATHER])
    *_, last = create(tools=[WEATHER], stream=True, incremental_output=False, model="org/qwen")
    assert last.output.choices[0].message == whole.output.choices[0].message
    assert last.usage == whole.usage


def test_several_answers(house: House) -> None:
    says(house, *said("a", index=0)[:1], *said("b", index=1), said("a", index=0)[-1])
    assert asked is not None
    answer = create(n=2)
    assert [choice.message.content for choice in answer.output.choices] == ["a", "b"]
    assert asked(house).sampling.n == 2
    found: dict[int, str] = {}
    for event in create(n=2, stream=True, incremental_output=True):
        for choice in event.output.choices:
            found[choice["index"]] = found.get(choice["index"], "") + choice.message.content
    assert found == {0: "a", 1: "b"}


def test_log_probabilities(house: House) -> None:
    other = Logprob(2, "Hi", b"Hi", -1.5)
    says(
        house,
        Piece(0, Say.TEXT, "Ho", logprobs=(Logprob(1, "Ho", b"Ho", -0.5, (other,)),)),
        Piece(0, Say.END, finish=Finish.STOP),
    )
    answer = create(logprobs=True, top_logprobs=1)
    told = answer.output.choices[0]["logprobs"]["content"][0]
    assert (told["token"], told["logprob"], told["bytes"]) == ("Ho", -0.5, [72, 111])
    assert told["top_logprobs"] == [{"token": "Hi", "logprob": -1.5, "bytes": [72, 105]}]


def test_the_events_on_the_wire(house: House) -> None:
    body = {"model": "qwen-plus", "input": {"prompt": "Hi"}, "parameters": {}}
    answer = post(house, "services/aigc/text-generation/generation", body, x_dashscope_sse="enable")
    assert answer.headers["content-type"].startswith("text/event-stream")
    first = answer.body.decode().split("\n\n")[0].split("\n")
    assert first[:3] == ["id:1", "event:result", ":HTTP_STATUS/200"]
    assert json.loads(first[3].removeprefix("data:"))["output"] == {"text": "Hello", "finish_reason": "null"}


def test_a_fault_in_the_middle_is_an_error_event(house: House) -> None:
    says(house, *said("Hel", "lo")[:2], Fault(Kind.UNAVAILABLE, "answer"))
    *_, last = create(stream=True, incremental_output=True)
    assert (last.status_code, last.code) == (400, "InternalError.Algo")  # the SDK knows no better than 400


def test_multimodal_contents_are_lists(house: House) -> None:
    content = [{"image": "https://example.com/a.png"}, {"text": "What is it?"}]
    messages = [{"role": "user", "content": content}]
    answer = dashscope.MultiModalConversation.call(model="qwen-plus", messages=messages)
    assert answer.output.choices[0].message.content == [{"text": "Hello, world"}]
    image, text = asked(house).messages[0].parts
    assert (image.medium, image.url, text.text) == (Medium.IMAGE, "https://example.com/a.png", "What is it?")


# --- questions -------------------------------------------------------------------------------------------------------


def test_what_sampling_is_asked(house: House) -> None:
    create(
        temperature=0.5, top_p=0.9, top_k=7, seed=11, max_tokens=64, stop=["END", [42]], repetition_penalty=1.1,
        presence_penalty=0.3,
    )  # fmt: skip
    sampling = asked(house).sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.seed) == (0.5, 0.9, 7, 11)
    assert (sampling.stop, sampling.stop_tokens, sampling.tokens_max) == (("END",), (42,), 64)
    assert (sampling.repetition_penalty, sampling.presence_penalty) == (1.1, 0.3)
    create(top_k=200)
    assert asked(house).sampling.top_k == 0


def test_a_conversation_with_tools(house: House) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Oslo"}'}}
    create(
        tools=[WEATHER],
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Oslo?"},
            {"role": "assistant", "content": "", "tool_calls": [call], "reasoning_content": "Hm."},
            {"role": "tool", "content": "rain", "tool_call_id": "c1"},
        ],
    )
    system, user, assistant, result = asked(house).messages
    assert (system.role, system.text, user.text) == (Role.SYSTEM, "Be brief.", "Oslo?")
    assert (assistant.reasoning, assistant.calls[0].id, assistant.calls[0].name) == ("Hm.", "c1", "weather")
    assert (result.role, result.call_id, result.text) == (Role.TOOL, "c1", "rain")
    assert asked(house).tools[0].schema == WEATHER["function"]["parameters"]  # type: ignore[index]


def test_prompts_with_a_history(house: House) -> None:
    dashscope.Generation.call(model="qwen-plus", prompt="And now?", history=[{"user": "Hi", "bot": "Hello"}])
    assert [(message.role, message.text) for message in asked(house).messages] == [
        (Role.USER, "Hi"), (Role.ASSISTANT, "Hello"), (Role.USER, "And now?"),
    ]  # fmt: skip


def test_which_tool_must_be_called(house: House) -> None:
    create(tools=[WEATHER], tool_choice={"type": "function", "function": {"name": "weather"}})
    assert (asked(house).tooling, asked(house).forced) == (Tooling.REQUIRED, "weather")
    create(tools=[WEATHER], tool_choice="none", parallel_tool_calls=True)
    assert (asked(house).tooling, asked(house).parallel_calls) == (Tooling.NONE, True)


def test_shapes_thinking_and_what_is_gone_on_with(house: House) -> None:
    create(response_format={"type": "json_object"}, enable_thinking=True, thinking_budget=99)
    found = asked(house)
    assert found.shape is not None
    assert (found.shape.kind, found.thinking, found.thinking_tokens_max) == (ShapeKind.JSON, True, 99)
    create(messages=[*USER, {"role": "assistant", "content": "I", "partial": True}])
    assert asked(house).continues


def test_tokens_are_counted(house: House) -> None:
    answer = Tokenization.call(model="qwen-plus", messages=USER)
    assert (answer.output["token_ids"], answer.output["tokens"]) == ([72, 105], ["H", "i"])
    assert answer.usage["input_tokens"] == 2


# --- texts -----------------------------------------------------------------------------------------------------------


def test_embeddings(house: House) -> None:
    answer = dashscope.TextEmbedding.call(model="vectors", input=["one", "three"], text_type="query", dimension=1)
    assert answer.output == {
        "embeddings": [{"text_index": 0, "embedding": [3.0]}, {"text_index": 1, "embedding": [5.0]}]
    }
    assert answer.usage == {"total_tokens": 2}


def test_rankings(house: House) -> None:
    answer = dashscope.TextReRank.call(
        model="ranks", query="b", documents=["a", "ab", "c"], top_n=2, return_documents=True
    )
    first, second = answer.output.results
    assert (first.index, first.relevance_score) == (1, 1.0)
    assert (second.index, second.relevance_score) == (0, 0.0)
    body = {"model": "ranks", "input": {"query": "b", "documents": ["ab"]}, "parameters": {"return_documents": True}}
    told = post(house, "services/rerank/text-rerank/text-rerank", body).json["output"]["results"]
    assert told == [{"index": 0, "relevance_score": 1.0, "document": {"text": "ab"}}]


# --- lists -----------------------------------------------------------------------------------------------------------


def test_models_are_listed_in_pages(house: House) -> None:
    found = dashscope.Models.list(page=1, page_size=2).output
    assert (found["total"], [one["model"] for one in found["models"]]) == (5, ["org/qwen", "qwen"])
    assert dashscope.Models.get("ranks").output["capabilities"] == ["TR"]
    assert dashscope.Models.get("nothing").status_code == 404


def test_deployments_tell_how_they_do(house: House) -> None:
    found = dashscope.Deployments.list(page_size=10).output
    assert {one["deployed_model"]: one["status"] for one in found["deployments"]}["qwen"] == "PENDING"
    assert "qwen-plus" not in [one["deployed_model"] for one in found["deployments"]]


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"model": "nothing"}, 404, "ModelNotFound"),
        ({"model": "vectors"}, 400, "InvalidParameter"),
        ({"temperature": 2}, 400, "InvalidParameter"),
        ({"top_p": 0}, 400, "InvalidParameter"),
        ({"max_tokens": 0}, 400, "InvalidParameter"),
        ({"n": 0}, 400, "InvalidParameter"),
        ({"stop": [[1, 2]]}, 400, "InvalidParameter"),
        ({"messages": [{"role": "robot", "content": "x"}]}, 400, "InvalidParameter"),
        ({"messages": [{"role": "user"}]}, 400, "InvalidParameter"),
        ({"messages": [{"role": "user", "content": [{"image": "file:///etc/passwd"}]}]}, 400, "InvalidParameter"),
        ({"tools": [{"type": "web"}]}, 400, "InvalidParameter"),
        ({"tools": [WEATHER, WEATHER]}, 400, "InvalidParameter"),
        ({"tool_choice": "required"}, 400, "InvalidParameter"),
        ({"enable_search": True}, 400, "InvalidParameter"),
    ],
)
def test_what_cannot_be_asked(house: House, more: dict[str, Any], status: int, code: str) -> None:
    answer = create(**more)
    assert (answer.status_code, answer.code) == (status, code), answer
    assert answer.message
    assert answer.request_id
    assert not house.world.engine.asked


@pytest.mark.parametrize("key", ["sk-wrong", OLD_KEY, OFF_KEY])
def test_keys_that_are_none(house: House, key: str) -> None:
    answer = create(api_key=key)
    assert (answer.status_code, answer.code) == (401, "InvalidApiKey")
    assert key not in answer.message


def test_what_is_not_allowed(house: House) -> None:
    house.denied.add("inference:Generate")
    answer = create()
    assert (answer.status_code, answer.code) == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("fault", "status", "code", "retry"),
    [
        (Fault(Kind.UNAVAILABLE, "model", retry_after_s=2.2), 429, "Throttling", "3"),
        (Fault(Kind.TOO_LARGE, "prompt", tokens=9, tokens_max=8), 400, "InvalidParameter", None),
        (Fault(Kind.TOO_MANY, "requests", limit=5, retry_after_s=60), 429, "Throttling.RateQuota", "60"),
        (Fault(Kind.TOO_MANY, "tokens", limit=5, retry_after_s=60), 429, "Throttling.AllocationQuota", "60"),
        (RuntimeError("oops"), 500, "InternalError", None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_an_engine_refuses(
    house: House, fault: Exception, status: int, code: str, retry: str | None, stream: bool
) -> None:
    """Before the first word there is still a status to say it with."""
    says(house, fault)
    answer = next(iter(create(stream=True, incremental_output=True))) if stream else create()
    assert (answer.status_code, answer.code) == (status, code)
    assert answer.headers.get("retry-after") == retry
    assert "oops" not in answer.message


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "services/aigc/text-generation/generation", b"", 404, "InvalidURL"),
        ("POST", "services/aigc/text-generation/generation", b"{", 400, "InvalidParameter"),
        ("POST", "services/aigc/text-generation/generation", b"[" * 99999, 400, "InvalidParameter"),
        ("POST", "services/aigc/text-generation/generation", b"\xff", 400, "InvalidParameter"),
        ("POST", "services/aigc/text2image/image-synthesis", b"{}", 501, "UnsupportedOperation"),
        ("GET", "models?page_no=0", b"", 400, "InvalidParameter"),
        ("GET", "tasks?status=x", b"", 400, "InvalidParameter"),
    ],
)
def test_what_no_sdk_sends(house: House, method: str, path: str, body: bytes, status: int, code: str) -> None:
    answer = house.send(method, f"/api/v1/{path}", body)
    assert (answer.status, answer.json["code"]) == (status, code)
