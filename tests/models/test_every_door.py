"""One question, one seed, one answer: through every door, at once and in a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import boto3
import dashscope
import openai
import pytest

from tests.harness import KEY_ID, SECRET
from tests.models.conftest import Cloud

HI: Any = [{"role": "user", "content": "What is a sampan?"}]
SEEDS = (1, 7, 42)
MOST = 16


def by_openai(cloud: Cloud, seed: int) -> str:
    client = openai.OpenAI(api_key=cloud.key, base_url=f"{cloud.url}/v1")
    answer = client.chat.completions.create(model="tiny", messages=HI, seed=seed, max_completion_tokens=MOST)
    return answer.choices[0].message.content or ""


def by_openai_stream(cloud: Cloud, seed: int) -> str:
    client = openai.OpenAI(api_key=cloud.key, base_url=f"{cloud.url}/compatible-mode/v1")
    chunks = client.chat.completions.create(
        model="tiny", messages=HI, seed=seed, max_completion_tokens=MOST, stream=True
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def by_dashscope(cloud: Cloud, seed: int) -> str:
    answer = dashscope.Generation.call(
        model="tiny", messages=HI, seed=seed, max_tokens=MOST, result_format="message", api_key=cloud.key
    )
    return str(answer.output.choices[0].message.content)


def by_anthropic(cloud: Cloud, seed: int) -> str:
    client = anthropic.Anthropic(api_key=cloud.key, base_url=cloud.url)
    answer = client.messages.create(model="tiny", messages=HI, max_tokens=MOST, extra_body={"seed": seed})
    return "".join(block.text for block in answer.content if block.type == "text")


def by_bedrock(cloud: Cloud, seed: int) -> str:
    client = boto3.client(
        "bedrock-runtime", endpoint_url=cloud.url, region_name="us-east-1", aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
    )  # fmt: skip
    answer = client.converse(
        modelId="tiny",
        messages=[{"role": "user", "content": [{"text": HI[0]["content"]}]}],
        inferenceConfig={"maxTokens": MOST},
        additionalModelRequestFields={"seed": seed},
    )
    return "".join(block.get("text", "") for block in answer["output"]["message"]["content"])


DOORS: list[Callable[[Cloud, int], str]] = [by_openai, by_openai_stream, by_dashscope, by_anthropic, by_bedrock]


def test_one_seed_is_one_answer(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashscope, "base_http_api_url", f"{cloud.url}/api/v1")
    answers = {seed: {ask(cloud, seed) for ask in DOORS} for seed in SEEDS}
    assert all(len(said) == 1 for said in answers.values()), answers
    assert len({next(iter(said)) for said in answers.values()}) == len(SEEDS)
