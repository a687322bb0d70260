"""Requests that are made of the SDK's own types, right and wrong: whatever is sent is answered, or refused in OpenAI's
words, and never a mistake of ours."""

from __future__ import annotations

import collections.abc
import json
import typing
from collections.abc import Iterator
from typing import Any

import pytest
import typing_extensions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types import batch_create_params, completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_create_params
from openai.types.responses import response_create_params

from tests.open.conftest import make_house
from tests.open.world import House

DEPTH_MAX = 5
MODELS = st.sampled_from(["qwen", "vectors", "ranks", "none", ""])
TEXTS = st.sampled_from(
    ["", "Hi", "\u0000", "𝔘", "data:image/png;base64,AA==", "https://host/x", "{}", "f", "24h", "auto"]
)
NUMBERS = st.one_of(st.integers(-2, 3), st.sampled_from([1 << 31, 1 << 63, 1 << 70, -(1 << 64)]))
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.floats(-3, 3), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


def of(kind: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a type as the SDK writes it down."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if typing_extensions.is_typeddict(kind):
        return st.deferred(lambda: _dict(kind, depth))
    if origin in (typing.Annotated, typing_extensions.Required, typing_extensions.NotRequired):
        return of(inner[0], depth)
    if origin is typing.Literal:
        return st.sampled_from(inner)
    if origin is typing.Union:
        return st.one_of([of(one, depth) for one in inner])
    if origin in (list, collections.abc.Iterable, collections.abc.Sequence) or "SequenceNotStr" in str(kind):
        return st.lists(of(inner[0], depth + 1), max_size=2) if inner else st.lists(TEXTS, max_size=2)
    if origin is dict:
        return st.dictionaries(TEXTS, of(inner[1], depth + 1), max_size=2)
    known: dict[Any, st.SearchStrategy[Any]] = {
        str: TEXTS, int: NUMBERS, float: st.floats(-3, 3), bool: st.booleans(), type(None): st.none(),
    }  # fmt: skip
    return known.get(kind, ANYTHING)


def _dict(kind: Any, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the fields, all of the required ones; here and there one that is something else."""
    if depth > DEPTH_MAX:
        return st.just({})
    hints = typing_extensions.get_type_hints(kind, include_extras=True)
    required = getattr(kind, "__required_keys__", frozenset())
    fields = {name: of(hint, depth + 1) for name, hint in hints.items()}
    fields = {name: st.one_of(value, value, value, value, ANYTHING) for name, value in fields.items()}
    return st.fixed_dictionaries(
        {name: value for name, value in fields.items() if name in required},
        optional={name: value for name, value in fields.items() if name not in required},
    )


def bodies(kind: Any, **fixed: Any) -> st.SearchStrategy[Any]:
    """Requests: most with few fields, so that these are reached one by one; some are nothing at all."""
    whole = _dict(kind, 0)
    few = st.tuples(whole, st.sets(st.sampled_from(sorted(typing_extensions.get_type_hints(kind))), max_size=4))
    picked = few.map(lambda pair: {name: value for name, value in pair[0].items() if name in pair[1]} | fixed)
    return st.one_of(picked, picked, picked, whole.map(lambda value: value | {"model": "qwen"}), ANYTHING)


MESSAGES = [{"role": "user", "content": "Hi"}]
REQUESTS = {
    "/v1/chat/completions": bodies(
        chat_create_params.CompletionCreateParamsBase, model="qwen", messages=MESSAGES
    ),
    "/v1/completions": bodies(completion_create_params.CompletionCreateParamsBase, model="qwen", prompt="Hi"),
    "/v1/embeddings": bodies(embedding_create_params.EmbeddingCreateParams, model="vectors"),
    "/v1/responses": bodies(response_create_params.ResponseCreateParamsBase, model="qwen", input="Hi"),
    "/v1/batches": bodies(batch_create_params.BatchCreateParams),
    "/v1/rerank": st.fixed_dictionaries({"model": MODELS, "query": ANYTHING, "documents": ANYTHING}),
    "/v2/rerank": st.fixed_dictionaries({"model": st.just("ranks"), "query": TEXTS, "documents": st.lists(TEXTS)}),
    "/score": st.fixed_dictionaries({"model": st.just("ranks"), "text_1": ANYTHING, "text_2": ANYTHING}),
    "/tokenize": st.fixed_dictionaries({"model": MODELS}, optional={"prompt": ANYTHING, "messages": ANYTHING}),
    "/detokenize": st.fixed_dictionaries({"model": MODELS, "tokens": ANYTHING}),
}  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with make_house(tmp_path_factory.mktemp("house")) as made:
        yield made


def fuzz(house: House, path: str, examples: int) -> None:
    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )  # fmt: skip
    @given(body=REQUESTS[path], stream=st.booleans())
    def run(body: Any, stream: bool) -> None:
        if isinstance(body, dict) and stream and path not in ("/v1/embeddings",):
            body = body | {"stream": True}
        reply = house.send("POST", path, json.dumps(body).encode())
        if reply.status == 200:
            assert b'"error":{' not in reply.body
            return
        assert 400 <= reply.status < 500, (reply.status, body)
        error = reply.json["error"]
        assert error["message"] and error["type"] == "invalid_request_error", (error, body)

    run()
    assert house.world.engine.open == 0


@pytest.mark.parametrize("path", REQUESTS)
def test_no_request_is_our_mistake(house: House, path: str) -> None:
    fuzz(house, path, 60)


@pytest.mark.long
@pytest.mark.parametrize("path", REQUESTS)
def test_no_request_is_our_mistake_at_length(house: House, path: str) -> None:
    fuzz(house, path, 20_000)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(body=st.binary(max_size=40), cut=st.integers(0, 200))
def test_no_bytes_are_our_mistake(body: bytes, cut: int, house: House) -> None:
    whole = json.dumps({"model": "qwen", "messages": MESSAGES, "stop": "\u00e9"}, ensure_ascii=False).encode()
    for sent in (body, whole[:cut] + body + whole[cut:]):
        assert house.send("POST", "/v1/chat/completions", sent).status in (200, 400)
