"""The service over the real engine: what holds whatever the door."""

from __future__ import annotations

import pytest

openai = pytest.importorskip("openai", reason="the SDK is not installed: pip install 'sampan[test]'")

from tests.models.conftest import Cloud  # noqa: E402


def client(cloud: Cloud, key: str = ""):
    return openai.OpenAI(base_url=f"{cloud.url}/v1", api_key=key or cloud.key, max_retries=0)


def say(cloud: Cloud, text: str, key: str = "", **more):
    more = {"model": "tiny", "max_tokens": 8, "temperature": 0, "seed": 1} | more
    return client(cloud, key).chat.completions.create(messages=[{"role": "user", "content": text}], **more)


def test_it_answers(cloud: Cloud) -> None:
    one, two = say(cloud, "Hello"), say(cloud, "Hello", model="gpt-4o-mini")
    assert one.choices[0].message.content == two.choices[0].message.content
    assert one.usage.completion_tokens > 0
