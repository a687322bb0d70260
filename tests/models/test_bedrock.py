"""Bedrock's doors with real models: boto3 and Anthropic's client of Bedrock, unmodified, against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.harness import Server
from tests.models.conftest import Cloud

USER = [{"role": "user", "content": [{"text": "Tell me a story about a boat."}]}]
LANGUAGES = ("Grüße", "你好，今天天气怎么样？", "Привет", "مرحبا كيف حالك", "नमस्ते", "👩🏽‍🚀")
WEATHER = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Oslo"]}},
    "required": ["city"],
    "additionalProperties": False,
}


def client(server: Server, service: str = "bedrock-runtime", **more: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=server.url,
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 0}, read_timeout=120),
        **{"aws_access_key_id": server.key_id, "aws_secret_access_key": server.secret, **more},
    )


@pytest.fixture(scope="module")
def runtime(cloud: Cloud) -> Any:
    return client(cloud.server)


def drawn(seed: int, tokens: int = 24) -> dict[str, Any]:
    """A question whose answer is drawn by a seed."""
    return {
        "modelId": "tiny",
        "messages": USER,
        "inferenceConfig": {"maxTokens": tokens, "temperature": 0.9},
        "additionalModelRequestFields": {"seed": seed, "enable_thinking": False},
    }


def heard(events: Any) -> tuple[str, dict[str, Any]]:
    """The text of a stream, and what its last events say."""
    text, last = "", {}
    for event in events:
        text += event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
        last |= event.get("messageStop", {}) | event.get("metadata", {})
    return text, last


def test_streamed_and_unstreamed_answers_agree(runtime: Any) -> None:
    for seed in (1, 2, 3):
        told = runtime.converse(**drawn(seed))
        text, last = heard(runtime.converse_stream(**drawn(seed))["stream"])
        assert text == "".join(block.get("text", "") for block in told["output"]["message"]["content"])
        assert (last["usage"], last["stopReason"]) == (told["usage"], told["stopReason"])
        assert told["usage"]["outputTokens"] <= 24


def test_one_seed_gives_one_answer_in_every_vendors_words(runtime: Any) -> None:
    text, _ = heard(runtime.converse_stream(**drawn(7))["stream"])
    chat = {"messages": [{"role": "user", "content": USER[0]["content"][0]["text"]}], "seed": 7, "temperature": 0.9}

    def invoke(body: dict[str, Any]) -> dict[str, Any]:
        return dict(json.loads(runtime.invoke_model(modelId="tiny", body=json.dumps(body))["body"].read()))

    openai = invoke({**chat, "max_tokens": 24, "enable_thinking": False})
    assert openai["choices"][0]["message"]["content"] == text
    anthropics = invoke({**chat, "max_tokens": 24, "anthropic_version": "bedrock-2023-05-31"})
    assert "".join(block.get("text", "") for block in anthropics["content"]) == text


def test_tokens_counted_are_tokens_used(runtime: Any) -> None:
    counted = runtime.count_tokens(modelId="tiny", input={"converse": {"messages": USER}})["inputTokens"]
    asked = {"modelId": "tiny", "messages": USER, "inferenceConfig": {"maxTokens": 1}}
    assert runtime.converse(**asked)["usage"]["inputTokens"] == counted


def test_a_tool_that_must_be_called(runtime: Any) -> None:
    tools = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": WEATHER}}}], "toolChoice": {"any": {}}}
    asked = {**drawn(5, 256), "toolConfig": tools}
    told = runtime.converse(**asked)
    assert told["stopReason"] == "tool_use"
    (use,) = [block["toolUse"] for block in told["output"]["message"]["content"] if "toolUse" in block]
    assert use["name"] == "weather"
    assert use["input"]["city"] in ("Paris", "Oslo")
    streamed = [
        event["contentBlockDelta"]["delta"]["toolUse"]["input"]
        for event in runtime.converse_stream(**asked)["stream"]
        if "toolUse" in event.get("contentBlockDelta", {}).get("delta", {})
    ]
    assert json.loads("".join(streamed)) == use["input"]


def test_words_of_the_world(runtime: Any) -> None:
    """Held to say them, a model says them: whole, whatever its tokens are, and however they are cut."""
    for words in LANGUAGES:
        schema = {
            "type": "object",
            "properties": {"said": {"const": words}},
            "required": ["said"],
            "additionalProperties": False,
        }
        shape = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(schema)}}}}
        text, _ = heard(runtime.converse_stream(**{**drawn(1, 256), "outputConfig": shape})["stream"])
        assert json.loads(text) == {"said": words}


def test_a_bare_prompt(runtime: Any) -> None:
    body = json.dumps({"prompt": "Hello", "max_gen_len": 8, "temperature": 0.0})
    told = json.loads(runtime.invoke_model(modelId="tiny", body=body)["body"].read())
    events = runtime.invoke_model_with_response_stream(modelId="tiny", body=body)["body"]
    chunks = [json.loads(event["chunk"]["bytes"]) for event in events]
    assert "".join(chunk["generation"] for chunk in chunks) == told["generation"]
    assert chunks[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == told["generation_token_count"]


def test_vectors_and_ranks(runtime: Any) -> None:
    titan = runtime.invoke_model(modelId="vectors", body=json.dumps({"inputText": "a boat"}))
    vector = json.loads(titan["body"].read())["embedding"]
    assert sum(each * each for each in vector) == pytest.approx(1, abs=1e-3)
    body = {"query": "boats", "documents": ["a boat", "a tree"], "api_version": 2}
    ranked = json.loads(runtime.invoke_model(modelId="ranks", body=json.dumps(body))["body"].read())["results"]
    assert sorted(each["index"] for each in ranked) == [0, 1]


def test_a_prompt_beyond_the_models_room_is_refused_with_the_count(runtime: Any) -> None:
    long = [{"role": "user", "content": [{"text": "boat " * 20_000}]}]
    with pytest.raises(ClientError, match=r"Input is too long for requested model: \d+ tokens > \d+ maximum"):
        runtime.converse(modelId="tiny", messages=long)


def test_anthropics_own_client_of_bedrock(cloud: Cloud) -> None:
    api = anthropic.AnthropicBedrock(
        aws_access_key=cloud.server.key_id,
        aws_secret_key=cloud.server.secret,
        aws_region="us-east-1",
        base_url=cloud.url,
        max_retries=0,
    )
    asked: dict[str, Any] = {
        "model": "tiny",
        "max_tokens": 16,
        "messages": [{"role": "user", "content": "Hi"}],
        "extra_body": {"temperature": 0.9, "seed": 3},
    }
    told = api.messages.create(**asked)
    with api.messages.stream(**asked) as stream:
        assert "".join(stream.text_stream) == "".join(block.text for block in told.content)
        assert stream.get_final_message().usage.output_tokens == told.usage.output_tokens
    with pytest.raises(anthropic.BadRequestError, match="model identifier is invalid"):
        api.messages.create(**{**asked, "model": "nobody"})


def test_the_catalogue(cloud: Cloud) -> None:
    api = client(cloud.server, "bedrock")
    found = {model["modelId"]: model for model in api.list_foundation_models()["modelSummaries"]}
    assert {"tiny", "tuned", "vectors", "ranks"} <= set(found)
    assert found["vectors"]["outputModalities"] == ["EMBEDDING"]
    assert api.get_foundation_model(modelIdentifier=found["tiny"]["modelArn"])["modelDetails"]["modelId"] == "tiny"


# --- API keys ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def encrypted(models_folder: Path, tmp_path: Path) -> Iterator[Server]:
    """A server with TLS: AWS's SDK sends an API key over nothing else."""
    with Server(tmp_path / "data", "--tls", "--workers", "1", "--model", f"tiny={models_folder / 'tiny'}") as server:
        yield server


def test_an_api_key_of_iam_opens_bedrock(encrypted: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    trust = {"verify": str(encrypted.data / "tls" / "ca.pem")}
    iam = client(encrypted, "iam", **trust)
    iam.create_user(UserName="ann")
    credential = iam.create_service_specific_credential(UserName="ann", ServiceName="bedrock.amazonaws.com")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", credential["ServiceSpecificCredential"]["ServiceCredentialSecret"])
    none: dict[str, Any] = {"aws_access_key_id": None, "aws_secret_access_key": None}
    api = client(encrypted, **none, **trust)
    asked = {"modelId": "tiny", "messages": USER, "inferenceConfig": {"maxTokens": 4}}
    with pytest.raises(ClientError, match=r"AccessDeniedException.*bedrock:InvokeModel"):
        api.converse(**asked)
    policy = {
        "Effect": "Allow",
        "Action": "bedrock:InvokeModel",
        "Resource": "arn:aws:bedrock:*::foundation-model/tiny",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    iam.put_user_policy(UserName="ann", PolicyName="ask", PolicyDocument=document)
    assert api.converse(**asked)["usage"]["outputTokens"] <= 4
    with pytest.raises(ClientError, match="AccessDeniedException"):
        api.converse_stream(**asked)
