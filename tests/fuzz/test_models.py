"""The doors to models, asked what nobody should ask: every endpoint by its own forms, and recorded requests, damaged.

Whatever comes is answered or refused in words, and is never our mistake: no status of 500 and above but "not done".
And nobody is told what is another's: an account with secrets in all that it can have stands beside the one that asks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.dialects.aliyun.dashscope import forms as dashscope
from sampan.dialects.aws.bedrock import anthropic as claude
from sampan.dialects.aws.bedrock import chat, prompts, vectors
from sampan.dialects.open.anthropic import forms as anthropic
from sampan.dialects.open.openai import batches, chat_form, completions, embeddings, ranking, response_form, tokens
from tests.aws_wire.sdk import Service, values
from tests.fuzz.conftest import Examples
from tests.fuzz.forms import NUMBERS, TEXTS, documents, encoded
from tests.fuzz.houses import FORM, Street, street, upload
from tests.open.world import Answered

NAMES = ("qwen", "vectors", "ranks", "org/qwen:8b", "none", "", "qwen-plus")
ASKED = {
    ("openai", "/v1/chat/completions"): (chat_form.ChatForm,),
    ("openai", "/v1/completions"): (completions.CompletionForm,),
    ("openai", "/v1/embeddings"): (embeddings.EmbeddingForm,),
    ("openai", "/v1/responses"): (response_form.ResponseForm,),
    ("openai", "/v1/responses/input_tokens"): (response_form.ResponseForm,),
    ("openai", "/v1/batches"): (batches.BatchForm,),
    ("openai", "/v1/rerank"): (ranking.RankForm,),
    ("openai", "/v2/rerank"): (ranking.RankForm,),
    ("openai", "/score"): (ranking.ScoreForm,),
    ("openai", "/tokenize"): (tokens.TokenizeForm,),
    ("openai", "/detokenize"): (tokens.DetokenizeForm,),
    ("openai", "/compatible-mode/v1/chat/completions"): (chat_form.ChatForm,),
    ("anthropic", "/v1/messages"): (anthropic.AskForm,),
    ("anthropic", "/v1/messages/count_tokens"): (anthropic.PromptForm,),
    ("dashscope", "/api/v1/services/aigc/text-generation/generation"): (dashscope.AskForm,),
    ("dashscope", "/api/v1/services/aigc/multimodal-generation/generation"): (dashscope.AskForm,),
    ("dashscope", "/api/v1/services/embeddings/text-embedding/text-embedding"): (dashscope.EmbedForm,),
    ("dashscope", "/api/v1/services/rerank/text-rerank/text-rerank"): (dashscope.RankForm,),
    ("dashscope", "/api/v1/tokenizer"): (dashscope.AskForm,),
    ("bedrock", "/model/{model}/invoke"): (
        claude.BodyForm, chat.BodyForm, prompts.LlamaForm, prompts.PlainForm, vectors.TitanForm, vectors.CohereForm,
        vectors.RerankForm,
    ),
    ("bedrock", "/model/{model}/invoke-with-response-stream"): (claude.BodyForm, chat.BodyForm, prompts.LlamaForm),
}  # fmt: skip
CAPTURES = Path(__file__).parents[1]
RECORDED = {
    "openai": CAPTURES / "open/captures/openai",
    "anthropic": CAPTURES / "open/captures/anthropic",
    "dashscope": CAPTURES / "open/captures/dashscope",
    "bedrock": CAPTURES / "aws_bedrock/captures/runtime",
    "bedrock-control": CAPTURES / "aws_bedrock/captures/bedrock",
}


@pytest.fixture
def calm() -> None:
    """These doors have no server."""


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    made = street(tmp_path_factory.mktemp("doors"))
    yield made
    made.world.close()


def fine(doors: Street, door: str, reply: Answered, sent: bytes) -> None:
    """A reply in the door's words, with nothing in it that is another's."""
    assert reply.status < 500 or reply.status == 501, (reply, sent)
    assert doors.leaks(reply, sent) == [], (reply, sent)
    if reply.status >= 400:
        assert _said(door, reply), (reply, sent)
    elif b"event-stream" not in reply.headers.get("content-type", "").encode():
        assert b'"error":{' not in reply.body, (reply, sent)
    assert doors.world.engine.open == 0


def _said(door: str, reply: Answered) -> str:
    found = reply.json
    if "hint" in found:  # "..": the client has made a path of it that no door claims
        return found["error"]
    if door in ("openai", "anthropic"):
        return found["error"]["message"] and found["error"]["type"]
    if door == "dashscope":
        return found["code"] and found["message"] and found["request_id"]
    return found["message"] and reply.headers["x-amzn-errortype"]


def bodies(*forms: Any) -> st.SearchStrategy[Any]:
    """Documents by these forms, most of them for a model that is there."""

    def named(value: Any, model: str) -> Any:
        return {**value, "model": model} if isinstance(value, dict) and "model" in value else value

    models = st.one_of(st.just("qwen"), st.sampled_from(NAMES))
    return st.builds(named, st.one_of([documents(form) for form in forms]), models)


@pytest.mark.timeout(3600)  # with --long
@pytest.mark.parametrize(("door", "path"), ASKED)
def test_every_endpoint_answers_what_its_form_allows(doors: Street, door: str, path: str, examples: Examples) -> None:
    @settings(settings.get_profile("fuzz"), max_examples=examples(40, 5_000))
    @given(bodies(*ASKED[door, path]), st.sampled_from(NAMES), st.sampled_from([{}, {"x_dashscope_sse": "enable"}]))
    def run(body: Any, model: str, headers: dict[str, str]) -> None:
        sent = encoded(body)
        at = path.replace("{model}", quote(model, safe="") or "qwen")
        fine(doors, door, doors.send(door, "POST", at, sent, **headers), sent)

    run()


@pytest.mark.timeout(3600)  # with --long
@pytest.mark.parametrize("operation", ["Converse", "ConverseStream", "CountTokens", "InvokeModel"])
def test_every_operation_of_bedrock_answers_what_its_model_allows(
    doors: Street, operation: str, examples: Examples
) -> None:
    service = Service("bedrock-runtime", "rest-json")
    model = service.sdk.operation_model(operation)

    @settings(settings.get_profile("fuzz"), max_examples=examples(30, 5_000))
    @given(values(model.input_shape), st.sampled_from(NAMES).filter(bool))
    def run(params: dict[str, Any], name: str) -> None:
        sent = service.sent(model, {**params, "modelId": name})
        headers = {
            key: value for key, value in sent.headers.items() if key.startswith(("content-type", "accept", "x-"))
        }
        reply = doors.send("bedrock", sent.method, f"{sent.path}?{sent.query}".rstrip("?"), sent.body, **headers)
        fine(doors, "bedrock", reply, sent.body)

    run()


# --- what is somebody's -----------------------------------------------------------------------------------------------

THINGS = (
    ("openai", "/v1/files/{id}"), ("openai", "/v1/files/{id}/content"), ("openai", "/v1/batches/{id}"),
    ("openai", "/v1/batches/{id}/cancel"), ("openai", "/v1/responses/{id}"),
    ("openai", "/v1/responses/{id}/input_items"), ("openai", "/v1/models/{id}"), ("openai", "/v1/files"),
    ("openai", "/v1/batches"), ("openai", "/v1/models"), ("openai", "/v1/{id}"),
    ("dashscope", "/api/v1/tasks/{id}"), ("dashscope", "/api/v1/tasks/{id}/cancel"), ("dashscope", "/api/v1/tasks"),
    ("dashscope", "/api/v1/files/{id}"), ("dashscope", "/api/v1/files"), ("dashscope", "/api/v1/models/{id}"),
    ("dashscope", "/api/v1/deployments/{id}"), ("dashscope", "/api/v1/deployments"),
    ("anthropic", "/v1/models"), ("anthropic", "/v1/models/{id}"), ("anthropic", "/v1/messages/batches/{id}"),
    ("anthropic", "/v1/files/{id}"), ("anthropic", "/v1/files"),
    ("bedrock-control", "/foundation-models"), ("bedrock-control", "/foundation-models/{id}"),
    ("bedrock-control", "/custom-models"), ("bedrock-control", "/inference-profiles/{id}"),
)  # fmt: skip
QUERIES = (
    "limit", "after", "before", "order", "purpose", "include", "page_no", "page_size", "task_id", "status",
    "model_name", "before_id", "after_id", "start_time", "end_time", "byProvider", "maxResults", "nextToken",
    "stream", "model",
)  # fmt: skip


@pytest.mark.timeout(3600)  # with --long
@pytest.mark.parametrize("method", ["GET", "DELETE", "POST", "HEAD"])
def test_nobody_sees_or_removes_what_is_anothers(doors: Street, method: str, examples: Examples) -> None:
    ids = st.sampled_from([*doors.others, *doors.others, *doors.ids, *NAMES, "a/../b", "%00", "..", "\ud7ff", "*"])
    values = st.one_of(ids, TEXTS, NUMBERS.map(str), st.sampled_from(["asc", "desc", "20261122000000"]))
    queries = st.lists(st.tuples(st.sampled_from(QUERIES), values), max_size=3)

    @settings(settings.get_profile("fuzz"), max_examples=examples(150, 20_000))
    @given(st.sampled_from(THINGS), ids, queries)
    def run(thing: tuple[str, str], one: str, query: list[tuple[str, str]]) -> None:
        door, path = thing
        if method in ("DELETE", "POST") and one in doors.ids:
            return  # Alice keeps what she has, so that lists have rows
        target = path.replace("{id}", quote(one)) + "".join(f"&{name}={quote(value)}" for name, value in query)
        target = target.replace("&", "?", 1)
        reply = doors.send(door, method, target)
        sent = f"{one} {query}".encode()
        if method != "HEAD":
            fine(doors, door, reply, sent)
        if one in doors.others and "{id}" in path:
            assert reply.status >= 400, (thing, one, reply)

    run()
    for number, one in enumerate(doors.others):  # all of it is still there
        path = ("/v1/files/", "/api/v1/files/", "/v1/batches/", "/v1/responses/", "/api/v1/tasks/")[number]
        door = "dashscope" if path.startswith("/api") else "openai"
        assert doors.send(door, "GET", path + one, key="sk-bob").status == 200, one


@pytest.mark.parametrize("field", ["previous_response_id", "input_file_id"])
def test_nothing_of_anothers_is_gone_on_with(doors: Street, field: str) -> None:
    for one in doors.others:
        path, body = "/v1/responses", {"model": "qwen", "input": "Hi", field: one}
        if field == "input_file_id":
            path, body = "/v1/batches", {"endpoint": "/v1/completions", "completion_window": "24h", field: one}
        reply = doors.send("openai", "POST", path, body)
        assert reply.status in (400, 404), (one, reply)
        fine(doors, "openai", reply, encoded(body))


# --- damaged ----------------------------------------------------------------------------------------------------------


def recorded(door: str) -> list[tuple[str, str, dict[str, str], bytes]]:
    """Recorded requests of a door: method, target, headers without those of a key, body."""
    found = []
    for file in sorted(RECORDED[door].glob("*.txt")):
        head, _, body = file.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")
        first, *lines = head.decode().split("\n")
        method, target, _ = first.split(" ", 2)
        headers = dict(line.split(": ", 1) for line in lines if ": " in line)
        kept = {name.lower(): value for name, value in headers.items() if name.lower() in ("content-type", "accept")}
        found.append((method, target, kept, body))
    assert found, door
    return found


def damage(body: bytes, at: int, junk: bytes, cut: int) -> bytes:
    """Some bytes replaced by others, of another length maybe."""
    at %= len(body) + 1
    return body[:at] + junk + body[at + cut :]


@pytest.mark.timeout(3600)  # with --long
@pytest.mark.parametrize("door", RECORDED)
def test_recorded_requests_that_were_damaged_are_answered(doors: Street, door: str, examples: Examples) -> None:
    junk = st.one_of(
        st.binary(max_size=6), st.sampled_from([b"\xff", b"null", b'"', b"{", b"[" * 2000, b"1e999", b"\\u"])
    )

    @settings(settings.get_profile("fuzz"), max_examples=examples(80, 10_000))
    @given(st.sampled_from(recorded(door)), st.integers(0, 4000), junk, st.integers(0, 40), st.sampled_from(NAMES))
    def run(request: Any, at: int, junk: bytes, cut: int, model: str) -> None:
        method, target, headers, body = request
        body = re.sub(rb'"model": ?"[^"]*"', b'"model": ' + json.dumps(model).encode(), body)
        sent = damage(body, at, junk, cut)
        fine(doors, door, doors.send(door, method, target, sent, **headers), sent)

    run()


@pytest.mark.timeout(3600)  # with --long
@pytest.mark.parametrize(
    ("door", "path", "field"), [("openai", "/v1/files", "file"), ("dashscope", "/api/v1/files", "files")]
)
def test_forms_that_were_damaged_are_answered(
    doors: Street, door: str, path: str, field: str, examples: Examples
) -> None:
    whole = upload("a.jsonl", b"{}\n", "batch", field)

    @settings(settings.get_profile("fuzz"), max_examples=examples(60, 5_000))
    @given(
        st.integers(0, len(whole)), st.one_of(st.binary(max_size=8), st.just(b"\r\n--B\r\n")), st.integers(0, 30), TEXTS
    )
    def run(at: int, junk: bytes, cut: int, boundary: str) -> None:
        sent = damage(whole, at, junk, cut)
        fine(doors, door, doors.send(door, "POST", path, sent, **FORM), sent)
        if boundary.isascii() and boundary.isprintable():
            said = {"content_type": f"multipart/form-data; boundary={boundary}"}
            fine(doors, door, doors.send(door, "POST", path, sent, **said), sent)

    run()
