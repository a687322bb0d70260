"""Whatever is asked, it is understood or refused: nothing raises but a Fault that Bedrock has words for."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sampan.dialects.aws.bedrock import asking, invoke, words
from sampan.dialects.aws.wire.words import REST
from sampan.kernel.fault import Fault
from sampan.services.inference.model import Ask
from tests.aws_bedrock.test_invoke import ANTHROPIC, CHAT
from tests.aws_wire.sdk import Service, plain, values

many = settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
KNOWN = {*REST, *words.RUNTIME}
SHAPE = Service("bedrock-runtime", "rest-json").sdk.operation_model("Converse").input_shape
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "text", "user", "tool", "auto", "data:;base64,~", "x" * 300]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "name", "x"]), below),
    max_leaves=6,
)  # fmt: skip
BODIES: list[dict[str, Any]] = [
    {
        **ANTHROPIC,
        "system": [{"type": "text", "text": "x"}],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "x"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
                {"type": "document", "title": "t", "source": {"type": "text", "media_type": "text/plain", "data": "x"}},
                {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x"}]},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "x", "signature": ""},
                {"type": "tool_use", "id": "t", "name": "n", "input": {"a": [1]}},
            ]},
        ],
        "tools": [{"name": "n", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "tool", "name": "n"},
        "thinking": {"type": "enabled", "budget_tokens": 5},
        "output_config": {"format": {"type": "json_schema", "schema": {}}, "effort": "low"},
    },
    {
        **CHAT,
        "messages": [
            {"role": "system", "content": "x"},
            {"role": "user", "content": [
                {"type": "text", "text": "x"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ]},
            {"role": "assistant", "tool_calls": [{"id": "t", "function": {"name": "n", "arguments": "{}"}}]},
        ],
        "tools": [{"type": "function", "function": {"name": "n", "parameters": {"type": "object"}}}],
        "tool_choice": {"type": "function", "function": {"name": "n"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
        "stop": ["x"],
        "seed": 1,
    },
    {"prompt": "x", "max_gen_len": 5, "temperature": 0.5, "top_p": 0.5},
    {"prompt": "x", "max_tokens": 5, "stop": ["x"], "top_k": 5},
    {"inputText": "x", "dimensions": 5, "embeddingTypes": ["float"]},
    {"texts": ["x"], "input_type": "search_query", "truncate": "END", "embedding_types": ["float"]},
    {"query": "x", "documents": ["x"], "top_n": 1, "api_version": 2},
]  # fmt: skip


@many
@given(values(SHAPE))
def test_whatever_converse_may_be_asked(params: dict[str, Any]) -> None:
    """By the model's shapes, and beyond its patterns."""
    try:
        assert isinstance(asking.ask(plain(params)), Ask)
    except Fault as fault:
        assert (fault.kind, fault.noun) in KNOWN


def spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places in a tree."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(spot for key, each in below for spot in spots(each, (*path, key)))]


def exchanged(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """A tree with something else at one place."""
    if not path:
        return other
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = exchanged(value[path[0]], path[1:], other)
    return copy


@many
@given(st.data())
def test_bodies_with_anything_anywhere(data: st.DataObject) -> None:
    body: Any = data.draw(st.sampled_from(BODIES))
    for _ in range(data.draw(st.integers(0, 2))):
        body = exchanged(body, data.draw(st.sampled_from(spots(body))), data.draw(JSON))
    for understood in (
        lambda raw: invoke._spoken("qwen", raw, False),
        lambda raw: invoke._spoken("mistral", raw, True),
        lambda raw: invoke.ask("llama", raw),
    ):
        try:
            understood(json.dumps(body).encode())
        except Fault as fault:
            assert (fault.kind, fault.noun) in KNOWN


def test_the_bodies_themselves_are_understood() -> None:
    for body in BODIES:
        assert invoke._spoken("qwen", json.dumps(body).encode(), False).command.touches()
