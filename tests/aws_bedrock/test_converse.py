"""Converse, ConverseStream and CountTokens, asked by boto3."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError

from sampan.kernel.asking import Finish, Medium, Piece, Role, Say, ShapeKind, Tooling, Usage
from sampan.kernel.fault import Fault, Kind
from tests.aws_bedrock.house import BEARER, House
from tests.inference.scripted import said
from tests.open.world import Wire

USER = [{"role": "user", "content": [{"text": "Hi"}]}]
USED = Usage(prompt_tokens=7, answer_tokens=5)
THINKS = (
    Piece(0, Say.REASONING, "Well", usage=Usage(7, 0, 1)),
    Piece(0, Say.REASONING, ", hm", usage=Usage(7, 0, 2)),
    Piece(0, Say.TEXT, "Grüße", usage=Usage(7, 0, 3)),
    Piece(0, Say.CALL, call=0, name="weather", id="call-1", usage=Usage(7, 0, 4)),
    Piece(0, Say.ARGUMENTS, '{"city": ', call=0, usage=Usage(7, 0, 4)),
    Piece(0, Say.ARGUMENTS, '"Paris"}', call=0, usage=Usage(7, 0, 5)),
    Piece(0, Say.CALL, call=1, name="time", id="call-2", usage=Usage(7, 0, 5)),
    Piece(0, Say.ARGUMENTS, "{}", call=1, usage=USED),
    Piece(0, Say.END, finish=Finish.CALLS, usage=USED),
)
TOOLS = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": {"type": "object"}}, "strict": True}}]}


def refused(call: Any, **params: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    told = caught.value.response
    return told["ResponseMetadata"]["HTTPStatusCode"], told["Error"]["Code"], told["Error"]["Message"]


def test_an_answer(house: House) -> None:
    told = house.client().converse(modelId="qwen", messages=USER)
    assert told["output"] == {"message": {"role": "assistant", "content": [{"text": "Hello, world"}]}}
    assert told["stopReason"] == "end_turn"
    assert told["usage"] == {"inputTokens": 3, "outputTokens": 3, "totalTokens": 6}
    assert told["metrics"]["latencyMs"] >= 0


def test_thoughts_and_calls(house: House) -> None:
    house.says(*THINKS)
    told = house.client().converse(modelId="qwen", messages=USER, toolConfig=TOOLS)
    assert told["output"]["message"]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "Well, hm"}}},
        {"text": "Grüße"},
        {"toolUse": {"toolUseId": "call-1", "name": "weather", "input": {"city": "Paris"}}},
        {"toolUse": {"toolUseId": "call-2", "name": "time", "input": {}}},
    ]
    assert told["stopReason"] == "tool_use"


def test_a_stream_says_the_same(house: House) -> None:
    house.says(*THINKS)
    told = list(house.client().converse_stream(modelId="qwen", messages=USER, toolConfig=TOOLS)["stream"])
    assert told.pop()["metadata"]["usage"] == {"inputTokens": 7, "outputTokens": 5, "totalTokens": 12}
    assert told == [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"reasoningContent": {"text": "Well"}}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"reasoningContent": {"text": ", hm"}}, "contentBlockIndex": 0}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"text": "Grüße"}, "contentBlockIndex": 1}},
        {"contentBlockStop": {"contentBlockIndex": 1}},
        {
            "contentBlockStart": {
                "start": {"toolUse": {"toolUseId": "call-1", "name": "weather"}},
                "contentBlockIndex": 2,
            }
        },
        {"contentBlockDelta": {"delta": {"toolUse": {"input": '{"city": '}}, "contentBlockIndex": 2}},
        {"contentBlockDelta": {"delta": {"toolUse": {"input": '"Paris"}'}}, "contentBlockIndex": 2}},
        {"contentBlockStop": {"contentBlockIndex": 2}},
        {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "call-2", "name": "time"}}, "contentBlockIndex": 3}},
        {"contentBlockDelta": {"delta": {"toolUse": {"input": "{}"}}, "contentBlockIndex": 3}},
        {"contentBlockStop": {"contentBlockIndex": 3}},
        {"messageStop": {"stopReason": "tool_use"}},
    ]


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (Piece(0, Say.END, finish=Finish.STOP), "end_turn"),
        (Piece(0, Say.END, finish=Finish.STOP, stopped_by="###"), "stop_sequence"),
        (Piece(0, Say.END, finish=Finish.LENGTH), "max_tokens"),
    ],
)
def test_why_an_answer_ended(house: House, end: Piece, reason: str) -> None:
    house.says(Piece(0, Say.TEXT, "x"), end)
    api = house.client()
    assert api.converse(modelId="qwen", messages=USER)["stopReason"] == reason
    events = list(api.converse_stream(modelId="qwen", messages=USER)["stream"])
    assert {"messageStop": {"stopReason": reason}} in events


def test_what_is_asked(house: House) -> None:
    house.client().converse(
        modelId="arn:aws:bedrock:us-east-1::foundation-model/org/qwen:8b",
        system=[{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
        messages=[
            {
                "role": "user",
                "content": [
                    {"text": "What is this?"},
                    {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}},
                    {"document": {"format": "txt", "name": "notes", "source": {"bytes": "grün".encode()}}},
                    {"document": {"format": "pdf", "name": "paper", "source": {"bytes": b"%PDF"}}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "Hm"}}},
                    {"text": "I look."},
                    {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"city": "Paris"}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "t1", "content": [{"json": {"sun": 1}}, {"text": "!"}]}},
                    {"text": "And?"},
                ],
            },
        ],
        inferenceConfig={"maxTokens": 9, "temperature": 0.5, "topP": 0.75, "stopSequences": ["###"]},
        toolConfig={**TOOLS, "toolChoice": {"tool": {"name": "weather"}}},
        additionalModelRequestFields={"top_k": 5, "seed": 7, "thinking": {"type": "enabled", "budget_tokens": 64}},
        outputConfig={"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{}"}}}},
    )
    ask = house.asked
    system, user, assistant, tool, again = ask.messages
    assert (system.role, system.text) == (Role.SYSTEM, "Be brief.")
    assert user.text == "What is this?notes\ngrünpaper\n"
    media = [(part.medium, part.data, part.media_type) for part in user.parts if part.medium is not Medium.TEXT]
    assert media == [(Medium.IMAGE, b"\x89PNG", "image/png"), (Medium.FILE, b"%PDF", "application/pdf")]
    assert (assistant.text, assistant.reasoning) == ("I look.", "Hm")
    assert [(each.id, each.name, each.arguments) for each in assistant.calls] == [("t1", "weather", '{"city":"Paris"}')]
    assert (tool.role, tool.call_id, tool.text) == (Role.TOOL, "t1", '{"sun":1}!')
    assert (again.role, again.text) == (Role.USER, "And?")
    sampling = ask.sampling
    assert (sampling.tokens_max, sampling.temperature, sampling.top_p) == (9, 0.5, 0.75)
    assert (sampling.stop, sampling.top_k, sampling.seed) == (("###",), 5, 7)
    assert (ask.tooling, ask.forced, ask.tools[0].name, ask.tools[0].strict) == (
        Tooling.REQUIRED, "weather", "weather", True,
    )  # fmt: skip
    assert (ask.thinking, ask.thinking_tokens_max, ask.continues) == (True, 64, False)
    assert ask.shape is not None
    assert (ask.shape.kind, ask.shape.source) == (ShapeKind.SCHEMA, "{}")


def test_words_put_into_the_models_mouth(house: House) -> None:
    house.client().converse(modelId="qwen", messages=[*USER, {"role": "assistant", "content": [{"text": "Well,"}]}])
    assert house.asked.continues


def test_an_api_key_is_as_good_as_a_signature(house: House) -> None:
    assert house.client(signed=False).converse(modelId="qwen", messages=USER)["stopReason"] == "end_turn"
    assert house.client("bedrock", signed=False).list_foundation_models()["modelSummaries"]
    assert refused(house.client(secret="wrong").converse, modelId="qwen", messages=USER)[:2] == (
        403, "InvalidSignatureException",
    )  # fmt: skip


def test_tokens_are_counted(house: House) -> None:
    api = house.client()
    assert api.count_tokens(modelId="qwen", input={"converse": {"messages": USER}})["inputTokens"] == 2
    body = b'{"prompt": "Hello"}'
    assert api.count_tokens(modelId="qwen", input={"invokeModel": {"body": body}})["inputTokens"] == 5


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"modelId": "nobody"}, "The provided model identifier is invalid."),
        ({"modelId": "arn:aws:bedrock:us-east-1:1:prompt/qwen"}, "The provided model identifier is invalid."),
        ({"messages": []}, "A conversation must start with a user message"),
        ({"messages": [{"role": "assistant", "content": [{"text": "x"}]}]}, "must start with a user message"),
        ({"inferenceConfig": {"temperature": 7.0}}, "Member must have value less than or equal to 1"),
        ({"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}}, "guardrails"),
        ({"additionalModelRequestFields": {"topology": 1}}, "unknown field `topology`"),
        ({"toolConfig": {**TOOLS, "toolChoice": {"tool": {"name": "other"}}}}, "none of toolConfig.tools"),
        ({"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}}, "tools that Bedrock runs itself"),
        (
            {"messages": [{"role": "user", "content": [
                {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/key"}}}}]}]},
            "send their bytes",
        ),
        ({"modelId": "vectors"}, "not made to generate"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_asked(house: House, params: dict[str, Any], message: str) -> None:
    asked = {"modelId": "qwen", "messages": USER, **params}
    for call in (house.client().converse, house.client().converse_stream):
        status, code, told = refused(call, **asked)
        assert (status, code) == (400, "ValidationException")
        assert message in told


@pytest.mark.parametrize(
    ("fault", "status", "code", "message"),
    [
        (
            Fault(Kind.TOO_LARGE, "prompt", tokens=9000, tokens_max=4096),
            400,
            "ValidationException",
            "9000 tokens > 4096",
        ),
        (Fault(Kind.UNAVAILABLE, "model", retry_after_s=3), 429, "ThrottlingException", "Too many requests"),
        (Fault(Kind.INVALID, "request", "no images", field="messages"), 400, "ValidationException", "no images"),
    ],
)
def test_what_the_engine_refuses(house: House, fault: Fault, status: int, code: str, message: str) -> None:
    house.says(fault)
    for call in (house.client().converse, house.client().converse_stream):
        with pytest.raises(ClientError) as caught:
            call(modelId="qwen", messages=USER)
        told = caught.value.response
        assert (told["ResponseMetadata"]["HTTPStatusCode"], told["Error"]["Code"]) == (status, code)
        assert message in told["Error"]["Message"]
        headers = told["ResponseMetadata"]["HTTPHeaders"]
        assert ("retry-after" in headers) == ("retry_after_s" in fault.facts)


def test_an_engine_that_dies_in_the_middle(house: House) -> None:
    house.says(*said("Hello", ", ")[:2], Fault(Kind.UNAVAILABLE, "answer"))
    assert refused(house.client().converse, modelId="qwen", messages=USER)[:2] == (500, "InternalServerException")
    events = house.client().converse_stream(modelId="qwen", messages=USER)["stream"]
    heard: list[Any] = []
    with pytest.raises(EventStreamError, match="internalServerException"):
        heard.extend(events)
    assert heard[1] == {"contentBlockDelta": {"delta": {"text": "Hello"}, "contentBlockIndex": 0}}
    assert house.world.engine.open == 0


# --- clients that leave, mistakes of ours -----------------------------------------------------------------------------


def test_a_client_that_leaves_frees_the_engine(house: House) -> None:
    house.world.scripts["/qwen"].gate = gate = asyncio.Event()  # never set: the model is still thinking
    wire = Wire(house.gateway)

    async def leave() -> None:
        asked = asyncio.create_task(wire.post("/model/qwen/converse-stream", {"messages": USER}, BEARER))
        body = wire.body()
        assert b"messageStart" in await anext(body)
        assert b"Hello" in await anext(body)
        assert house.world.engine.open == 1
        wire.left.set()
        await asyncio.wait_for(asked, 1)
        assert house.world.engine.open == 0  # at once, and not when the garbage is collected

    house.world.wait(leave())
    assert not gate.is_set()


def test_a_model_that_stops_without_an_end(house: House) -> None:
    house.says(*said("Hello")[:1])
    with pytest.raises(EventStreamError, match="internalServerException"):
        list(house.client().converse_stream(modelId="qwen", messages=USER)["stream"])


def test_a_picture_of_many_bytes(house: House) -> None:
    picture = {"image": {"format": "png", "source": {"bytes": b"x" * 5_000_000}}}
    house.client().converse(modelId="qwen", messages=[{"role": "user", "content": [picture]}])
    assert len(house.asked.messages[0].parts[0].data) == 5_000_000


def test_a_mistake_of_ours_is_told_without_its_details(house: House) -> None:
    house.says(*said("Hello")[:1], ValueError("secret details"))
    events = house.client().converse_stream(modelId="qwen", messages=USER)["stream"]
    with pytest.raises(EventStreamError, match="internalServerException") as caught:
        list(events)
    assert "secret details" not in str(caught.value)
