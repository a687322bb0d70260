"""InvokeModel and its stream: the bodies of the vendors' own models, asked by boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sampan.kernel.asking import Finish, Medium, Piece, Role, Say, ShapeKind, Tooling, Usage
from tests.aws_bedrock.house import House
from tests.aws_bedrock.test_converse import THINKS

ANTHROPIC = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "Hi"}],
}
METRICS = "amazon-bedrock-invocationMetrics"


def invoke(house: House, body: dict[str, Any], model: str = "qwen") -> dict[str, Any]:
    told = house.client().invoke_model(modelId=model, body=json.dumps(body))
    assert told["contentType"] == "application/json"
    headers = told["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-bedrock-input-token-count"].isdigit()
    found = json.loads(told["body"].read())
    assert isinstance(found, dict)
    return found


def stream(house: House, body: dict[str, Any], model: str = "qwen") -> list[dict[str, Any]]:
    told = house.client().invoke_model_with_response_stream(modelId=model, body=json.dumps(body))
    chunks = [json.loads(event["chunk"]["bytes"]) for event in told["body"]]
    assert set(chunks[-1][METRICS]) == {
        "inputTokenCount", "outputTokenCount", "invocationLatency", "firstByteLatency",
    }  # fmt: skip
    assert not any(METRICS in chunk for chunk in chunks[:-1])
    return chunks


def refused(house: House, body: bytes | dict[str, Any], **more: Any) -> str:
    raw = body if isinstance(body, bytes) else json.dumps(body)
    with pytest.raises(ClientError) as caught:
        house.client().invoke_model(**{"modelId": "qwen", "body": raw, **more})
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    return str(error["Message"])


# --- Anthropic's ------------------------------------------------------------------------------------------------------


def test_anthropics_body(house: House) -> None:
    house.says(*THINKS)
    told = invoke(house, ANTHROPIC)
    assert told.pop("id").startswith("msg_bdrk_")
    assert told == {
        "type": "message",
        "role": "assistant",
        "model": "qwen",
        "content": [
            {"type": "thinking", "thinking": "Well, hm", "signature": ""},
            {"type": "text", "text": "Grüße"},
            {"type": "tool_use", "id": "call-1", "name": "weather", "input": {"city": "Paris"}},
            {"type": "tool_use", "id": "call-2", "name": "time", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 5},
    }
    assert house.asked.thinking is False


def test_anthropics_stream(house: House) -> None:
    house.says(*THINKS)
    told = stream(house, ANTHROPIC)
    assert told[0]["message"]["usage"]["input_tokens"] == 7
    assert [event["type"] for event in told] == [
        "message_start",
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_delta", "content_block_stop"),
        "message_delta",
        "message_stop",
    ]
    assert told[2]["delta"] == {"type": "thinking_delta", "thinking": "Well"}
    assert told[8]["content_block"] == {"type": "tool_use", "id": "call-1", "name": "weather", "input": {}}
    assert told[9]["delta"] == {"type": "input_json_delta", "partial_json": '{"city": '}
    assert told[-2]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}


def test_what_anthropics_body_asks(house: House) -> None:
    invoke(
        house,
        {
            **ANTHROPIC,
            "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {"role": "user", "content": [
                    {"type": "text", "text": "Look:"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}},
                ]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "Hm", "signature": "s"},
                    {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Paris"}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "sun"}]},
                    {"type": "text", "text": "And?"},
                ]},
            ],
            "temperature": 0.5, "top_p": 0.9, "top_k": 3, "stop_sequences": ["###"],
            "tools": [{"name": "weather", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
            "thinking": {"type": "enabled", "budget_tokens": 32},
        },
    )  # fmt: skip
    ask = house.asked
    assert [(message.role, message.text) for message in ask.messages] == [
        (Role.SYSTEM, "Be brief."), (Role.USER, "Look:"), (Role.ASSISTANT, ""), (Role.TOOL, "sun"), (Role.USER, "And?"),
    ]  # fmt: skip
    assert ask.messages[1].parts[1].medium is Medium.IMAGE
    assert (ask.messages[2].reasoning, ask.messages[2].calls[0].arguments) == ("Hm", '{"city":"Paris"}')
    assert (ask.tooling, ask.forced, ask.parallel_calls) == (Tooling.REQUIRED, "weather", False)
    assert (ask.sampling.tokens_max, ask.sampling.top_k, ask.sampling.stop) == (64, 3, ("###",))
    assert (ask.thinking, ask.thinking_tokens_max) == (True, 32)


# --- OpenAI's and Qwen's ----------------------------------------------------------------------------------------------

CHAT = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 64}


def test_a_body_of_chat_completions(house: House) -> None:
    house.says(*THINKS)
    told = invoke(house, CHAT)
    assert told["object"] == "chat.completion"
    assert told["choices"] == [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Grüße",
                "reasoning_content": "Well, hm",
                "tool_calls": [
                    {
                        "id": "call-1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Paris"}'},
                    },
                    {"id": "call-2", "type": "function", "function": {"name": "time", "arguments": "{}"}},
                ],
            },
            "finish_reason": "tool_calls",
        }
    ]
    assert told["usage"] == {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


def test_chunks_of_chat_completions(house: House) -> None:
    house.says(*THINKS)
    told = stream(house, CHAT)
    deltas = [chunk["choices"][0]["delta"] for chunk in told]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "Well, hm"
    assert "".join(delta.get("content", "") for delta in deltas) == "Grüße"
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert [call["index"] for call in calls] == [0, 0, 0, 1, 1]
    assert "".join(call["function"]["arguments"] for call in calls if call["index"] == 0) == '{"city": "Paris"}'
    assert [chunk["choices"][0]["finish_reason"] for chunk in told][-2:] == [None, "tool_calls"]


def test_what_a_chat_asks(house: House) -> None:
    invoke(
        house,
        {
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [
                    {"type": "text", "text": "Look:"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
                ]},
                {"role": "assistant", "content": None, "tool_calls": [
                    {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "t1", "content": "sun"},
            ],
            "max_completion_tokens": 5, "temperature": 1.5, "seed": 3, "stop": "###", "enable_thinking": False,
            "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
            "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
        },
    )  # fmt: skip
    ask = house.asked
    roles = [message.role for message in ask.messages]
    assert roles == [Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.TOOL]
    assert ask.messages[1].parts[1].data == b"\x89PNG"
    assert (ask.sampling.tokens_max, ask.sampling.temperature, ask.sampling.stop) == (5, 1.5, ("###",))
    assert (ask.forced, ask.thinking) == ("weather", False)
    assert ask.shape is not None
    assert (ask.shape.kind, ask.shape.source) == (ShapeKind.SCHEMA, '{"type":"object"}')


# --- bare prompts -----------------------------------------------------------------------------------------------------


def test_llamas_body(house: House) -> None:
    told = invoke(house, {"prompt": "Hi", "max_gen_len": 5, "temperature": 0.5})
    assert told == {
        "generation": "Hello, world", "prompt_token_count": 3, "generation_token_count": 3, "stop_reason": "stop",
    }  # fmt: skip
    assert (house.asked.prompt, house.asked.sampling.tokens_max) == ("Hi", 5)
    invoke(house, {"prompt": "Hi"}, "llama")
    assert house.asked.sampling.tokens_max == 512


def test_llamas_stream(house: House) -> None:
    told = stream(house, {"prompt": "Hi", "max_gen_len": 5})
    assert "".join(chunk["generation"] for chunk in told) == "Hello, world"
    assert [chunk["prompt_token_count"] for chunk in told] == [3, None, None, None]
    assert [chunk["stop_reason"] for chunk in told] == [None, None, None, "stop"]


def test_other_bare_prompts(house: House) -> None:
    house.says(Piece(0, Say.TEXT, "x"), Piece(0, Say.END, finish=Finish.LENGTH, usage=Usage(1, 0, 1)))
    body = {"prompt": "Hi", "max_tokens": 1, "stop": ["#"]}
    assert invoke(house, body) == {"choices": [{"text": "x", "stop_reason": "length"}]}
    assert [chunk["choices"][0]["text"] for chunk in stream(house, body)] == ["x", ""]


# --- vectors ----------------------------------------------------------------------------------------------------------


def test_vectors(house: House) -> None:
    told = invoke(house, {"inputText": "hello", "dimensions": 1}, "vectors")
    assert told == {"embedding": [5.0], "embeddingsByType": {"float": [5.0]}, "inputTextTokenCount": 1}
    told = invoke(house, {"texts": ["a", "bcd"], "input_type": "search_query"}, "vectors")
    assert told["embeddings"] == [[1.0, 0.0], [3.0, 0.0]]
    told = invoke(house, {"query": "b", "documents": ["a", "b"], "top_n": 1, "api_version": 2}, "ranks")
    assert told == {"results": [{"index": 1, "relevance_score": 1.0}]}


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "well-formed JSON"),
        (b"{", "well-formed JSON"),
        (b"[1]", "expected type: JSONObject"),
        ({}, "required key [messages] not found"),
        ({**ANTHROPIC, "anthropic_version": 2023}, "$.anthropic_version"),
        (
            {key: value for key, value in ANTHROPIC.items() if key != "max_tokens"},
            "required key [max_tokens] not found",
        ),
        ({**ANTHROPIC, "max_tokens": "many"}, "Expected `int | null`, got `str` - at `$.max_tokens`"),
        ({**ANTHROPIC, "stream": True}, "unknown field `stream`"),
        ({**ANTHROPIC, "messages": []}, "at `$.messages`"),
        ({**ANTHROPIC, "messages": [{"role": "user", "content": [{"type": "server_tool_use"}]}]}, "at `$.messages[0]"),
        ({**CHAT, "temperature": 9}, "at `$.temperature`"),
        ({**CHAT, "logit_processors": 1}, "unknown field"),
        ({"prompt": ""}, "at `$.prompt`"),
        ({"texts": []}, "at `$.texts`"),
    ],
    ids=str,
)
def test_bodies_that_no_model_takes(house: House, body: Any, message: str) -> None:
    assert message in refused(house, body)


def test_what_is_not_done_with_a_body(house: House) -> None:
    assert "guardrails" in refused(house, CHAT, guardrailIdentifier="g", guardrailVersion="1")
    assert "accept" in refused(house, CHAT, accept="image/png")
    with pytest.raises(ClientError, match="unsupported for streaming"):
        house.client().invoke_model_with_response_stream(modelId="vectors", body=b'{"inputText": "x"}')
