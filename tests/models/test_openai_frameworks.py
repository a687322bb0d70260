"""LangChain, LlamaIndex and LiteLLM, unmodified, against a real server with tiny random models.

They pin an older `openai`, so that they have a virtual environment of their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.clients.apart import INSTALL_S_MAX, python_with
from tests.clients.remote import Remote
from tests.models.conftest import Cloud
from tests.models.test_openai import WEATHER

pytestmark = pytest.mark.timeout(INSTALL_S_MAX + 180)
REQUIREMENTS = (
    "langchain-openai>=1",
    "llama-index-llms-openai-like>=0.5",
    "llama-index-embeddings-openai-like>=0.2",
    "litellm>=1.70",
)
WORKER = Path(__file__).with_name("frameworks_worker.py")
TEXT = "Say something."
SCHEMA: dict[str, Any] = {
    "title": "Step",
    "description": "A step",
    "type": "object",
    "properties": {"right": {"type": "boolean"}},
    "required": ["right"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def frameworks(cloud: Cloud) -> Iterator[Remote]:
    # LiteLLM would fetch its prices from the network.
    env = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "DO_NOT_TRACK": "1"}
    setup = {"url": f"{cloud.url}/v1", "key": cloud.key}
    with Remote([python_with("frameworks", REQUIREMENTS), WORKER], env, setup) as remote:
        yield remote


@pytest.fixture(scope="module")
def said(cloud: Cloud) -> str:
    """What OpenAI's own SDK gets."""
    sdk = openai.OpenAI(api_key=cloud.key, base_url=f"{cloud.url}/v1")
    messages: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": TEXT}]
    got = sdk.chat.completions.create(model="tiny", messages=messages, temperature=1, seed=7, max_tokens=24)
    return got.choices[0].message.content or ""


@pytest.mark.parametrize("name", ["langchain", "llama", "litellm"])
def test_a_framework(frameworks: Remote, said: str, name: str) -> None:
    whole = frameworks(f"{name}_chat", TEXT)
    assert (whole["text"] if isinstance(whole, dict) else whole) == said
    assert frameworks(f"{name}_stream", TEXT) == said
    one, two, again = frameworks(f"{name}_embed", ["one", "two", "one"])
    assert one == again != two


@pytest.mark.parametrize("name", ["langchain", "llama"])
def test_a_framework_calls_tools(frameworks: Remote, name: str) -> None:
    """LiteLLM does so only with a package that it does not ask for, and that does not go with the others."""
    (call, *_) = frameworks(f"{name}_tools", TEXT, WEATHER)
    assert call["name"] == "weather"
    assert set(call["args"]) == {"city", "days"}


def test_what_langchain_does_besides(frameworks: Remote) -> None:
    assert isinstance(frameworks("langchain_structured", TEXT, SCHEMA)["right"], bool)
    assert isinstance(frameworks("langchain_responses", TEXT), str)
    assert frameworks("langchain_chat", TEXT)["usage"]["total_tokens"] > 0


def test_what_litellm_does_besides(frameworks: Remote) -> None:
    assert frameworks("litellm_vllm", TEXT) in ("ja", "nein")
    assert "none" in frameworks("litellm_wrong")
