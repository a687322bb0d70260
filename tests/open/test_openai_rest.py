"""Everything of OpenAI's door but chat and responses: who may, which path is what, plain completions, vectors, ranks,
tokens, models."""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import replace
from typing import Any

import openai
import pytest

from sampan.dialects.open.openai import undone
from sampan.kernel.asking import Finish, Logprob, Piece, Say
from sampan.kernel.fault import Fault, Kind
from tests.inference.scripted import Script, said
from tests.open.test_openai_chat import HI, asked, chat, script, sdk
from tests.open.world import KEY, OFF_KEY, OLD_KEY, House

SOON = {
    "retry-after": "8",
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": "7.2s",
}
ASK = {"model": "qwen", "messages": HI}


# --- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", "missing_api_key"),
        ("sk-guess", "invalid_api_key"),
        (OLD_KEY, "expired_api_key"),
        (OFF_KEY, "account_deactivated"),
    ],
)
def test_only_who_has_a_key(house: House, key: str, code: str) -> None:
    reply = house.send("POST", "/v1/chat/completions", ASK, key=key)
    assert (reply.status, reply.json["error"]["code"]) == (401, code)
    assert key == "" or key.encode() not in reply.body
    assert reply.headers["x-request-id"].startswith("req_")


def test_only_who_is_allowed(house: House) -> None:
    house.denied.add("inference:Generate")
    with pytest.raises(openai.PermissionDeniedError, match="inference:Generate"):
        chat(house)


def test_no_such_model(house: House) -> None:
    with pytest.raises(openai.NotFoundError, match="gpt-4o") as caught:
        chat(house, model="gpt-4o")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize(
    ("fault", "status", "headers"),
    [
        (Fault(Kind.TOO_MANY, "requests", limit=60, retry_after_s=7.2), 429, SOON),
        (Fault(Kind.TOO_MANY, "tokens", limit=9, retry_after_s=1), 429, {"x-ratelimit-limit-tokens": "9"}),
        (Fault(Kind.TOO_MANY, "in flight", limit=2, retry_after_s=1), 429, {"retry-after": "1"}),
        (Fault(Kind.UNAVAILABLE, "model", retry_after_s=3), 429, {"retry-after": "3"}),
    ],
)  # fmt: skip
def test_when_to_come_back(house: House, fault: Fault, status: int, headers: dict[str, str]) -> None:
    script(house, [fault])
    reply = house.send("POST", "/v1/chat/completions", ASK)
    assert reply.status == status
    assert {name: reply.headers.get(name) for name in headers} == headers
    assert "x-should-retry" not in reply.headers


# --- which path is what -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["/v1", "/compatible-mode/v1"])
def test_the_api_under_both_prefixes(house: House, prefix: str) -> None:
    assert house.send("POST", f"{prefix}/chat/completions", ASK).status == 200
    assert house.send("GET", f"{prefix}/models").json["data"]
    assert house.send("POST", f"{prefix}/chat/completions", ASK, key="").status == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/nonsense"), ("GET", "/v1/"), ("GET", "/v1/chat/completions/a/b"), ("PUT", "/v1/models"),
        ("GET", "/v2/rerank"), ("POST", "/v1/responses/a/b"), ("DELETE", "/v1/chat/completions"),
    ],
)  # fmt: skip
def test_no_such_path(house: House, method: str, path: str) -> None:
    reply = house.send(method, path)
    assert (reply.status, reply.json["error"]["code"]) == (404, "unknown_url")


def test_a_path_that_is_no_text(house: House) -> None:
    assert house.send("GET", "/v1/models/%ff").status == 400
    assert house.send("GET", "/v1/models/a%0Ab").status == 400


def test_what_is_not_done_says_so(house: House) -> None:
    for method, path, operation in undone.routes():
        reply = house.send(method, "/v1" + path.replace("{", "").replace("}", ""), {})
        error = reply.json["error"]
        assert (reply.status, error["code"]) == (501, "not_implemented"), (method, path)
        assert operation.name in error["message"]
        assert reply.headers["x-should-retry"] == "false"  # the SDKs try again after 5xx unless told not to


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b'"x"', b"null", b'{"model": "\\ud800", "messages": []}'])
@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/batches", "/v1/rerank",
     "/v2/rerank", "/score", "/tokenize", "/detokenize"],
)  # fmt: skip
def test_what_is_no_request(house: House, path: str, body: bytes) -> None:
    reply = house.send("POST", path, body)
    assert (reply.status, reply.json["error"]["type"]) == (400, "invalid_request_error")


# --- models -----------------------------------------------------------------------------------------------------------


def test_models(house: House) -> None:
    async def ids() -> list[str]:
        return [model.id async for model in sdk(house).models.list()]

    assert set(house.run(ids())) == {"qwen", "qwen-plus", "org/qwen:8b", "vectors", "ranks"}
    for name in ("org/qwen:8b", "qwen-plus"):
        got = house.run(sdk(house).models.retrieve(name))
        assert (got.id, got.object, got.owned_by) == (name, "model", "sampan")
    assert house.send("GET", "/v1/models/org/qwen:8b").json["id"] == "org/qwen:8b"
    assert house.send("GET", "/v1/models/qwen-plus").json["root"] == "qwen"
    assert house.send("GET", "/v1/models/qwen").json["max_model_len"] == 4096
    with pytest.raises(openai.NotFoundError):
        house.run(sdk(house).models.retrieve("none/such"))
    chat(house, model="org/qwen:8b")


# --- plain completions ------------------------------------------------------------------------------------------------


def complete(house: House, **more: Any) -> Any:
    return house.run(sdk(house).completions.create(**{"model": "qwen", "prompt": "Once"} | more))


def test_a_completion(house: House) -> None:
    got = complete(house, stop="\n", seed=3)
    assert (got.object, got.choices[0].text, got.choices[0].finish_reason) == (
        "text_completion",
        "Hello, world",
        "stop",
    )
    ask = asked(house)
    assert (ask.prompt, ask.messages, ask.sampling.tokens_max, ask.sampling.stop) == ("Once", (), 16, ("\n",))
    complete(house, prompt=[1, 2, 3], max_tokens=5, echo=True)
    assert (asked(house).prompt, asked(house).echo, asked(house).sampling.tokens_max) == ((1, 2, 3), True, 5)


def test_a_streamed_completion(house: House) -> None:
    async def run() -> list[Any]:
        stream = await sdk(house).completions.create(
            model="qwen", prompt="Once", stream=True, stream_options={"include_usage": True}
        )
        return [chunk async for chunk in stream]

    *told, last = house.run(run())
    assert "".join(chunk.choices[0].text for chunk in told) == "Hello, world"
    assert told[-1].choices[0].finish_reason == "stop"
    assert (last.choices, last.usage.total_tokens) == ([], 6)


def test_echo_with_logprobs(house: House) -> None:
    def one(token: int, text: str) -> Logprob:
        return Logprob(token, text, text.encode(), -float(token), (Logprob(9, "z", b"z", -0.1),))

    pieces = [
        Piece(0, Say.TEXT, "On c e", prompt_logprobs=(None, one(1, " c"), one(2, " e"))),
        Piece(0, Say.TEXT, " up", logprobs=(one(3, " up"),)),
        Piece(0, Say.TEXT, "on", logprobs=(one(4, "on"),)),
        Piece(0, Say.END, finish=Finish.LENGTH),
    ]
    script(house, [*pieces])
    got = complete(house, echo=True, logprobs=1, max_tokens=2).choices[0]
    assert asked(house).sampling.prompt_logprobs == 1
    assert (got.text, got.finish_reason) == ("On c e upon", "length")
    assert got.logprobs.tokens == ["On", " c", " e", " up", "on"]
    assert got.logprobs.token_logprobs == [None, -1, -2, -3, -4]
    assert got.logprobs.text_offset == [0, 2, 4, 6, 9]
    assert got.logprobs.top_logprobs == [None, *[{"z": -0.1}] * 4]
    body = {"model": "qwen", "prompt": "On c e", "echo": True, "logprobs": 1, "stream": True}
    for told in (
        pieces,
        [replace(pieces[1], text="On c e up", prompt_logprobs=pieces[0].prompt_logprobs), *pieces[2:]],
    ):
        script(house, [*told])
        events = house.send("POST", "/v1/completions", body).events[:-1]
        parts = [json.loads(data)["choices"][0]["logprobs"] or {} for _, data in events]
        for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
            assert [one for part in parts for one in part.get(name, ())] == getattr(got.logprobs, name)


def test_prompt_logprobs_as_vllm_shows_them(house: House) -> None:
    alternatives = (Logprob(9, "z", b"z", -0.1), Logprob(1, "a", b"a", -2.0))
    told = (None, Logprob(1, "a", b"a", -2.0, alternatives), Logprob(7, "q", b"q", -9.0, alternatives))
    script(house, [Piece(0, Say.TEXT, "x", prompt_logprobs=told), Piece(0, Say.END, finish=Finish.STOP)])
    got = house.send("POST", "/v1/chat/completions", ASK | {"prompt_logprobs": 2}).json["prompt_logprobs"]
    assert got[0] is None
    assert got[1] == {
        "9": {"logprob": -0.1, "rank": 1, "decoded_token": "z"},
        "1": {"logprob": -2.0, "rank": 2, "decoded_token": "a"},
    }
    assert got[2]["7"] == {"logprob": -9.0, "rank": None, "decoded_token": "q"}


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": None}, {"prompt": []}, {"prompt": ["a", 1]}, {"prompt": [[]]}, {"prompt": [-1]}, {"prompt": 5},
        {"max_tokens": 0}, {"suffix": "x"}, {"logprobs": 21}, {"prompt": [1 << 40]}, {"prompt": ["a"] * 2049},
    ],
)  # fmt: skip
def test_completions_that_cannot_be(house: House, body: dict[str, Any]) -> None:
    reply = house.send("POST", "/v1/completions", {"model": "qwen", "prompt": "x"} | body)
    assert (reply.status, reply.json["error"]["type"]) == (400, "invalid_request_error")


def test_a_stop_string_is_named(house: House) -> None:
    script(house, [*said("a")[:1], Piece(0, Say.END, finish=Finish.STOP, stopped_by="END")])
    assert complete(house).choices[0].stop_reason == "END"
    assert chat(house).choices[0].stop_reason == "END"


# --- vectors, ranks, tokens -------------------------------------------------------------------------------------------


def test_embeddings(house: House) -> None:
    got = house.run(sdk(house).embeddings.create(model="vectors", input=["a", "bcd"]))
    assert [(row.index, row.embedding) for row in got.data] == [(0, [1.0, 0.0]), (1, [3.0, 0.0])]
    assert (got.model, got.usage.prompt_tokens, got.usage.total_tokens) == ("vectors", 2, 2)
    plain = house.send("POST", "/v1/embeddings", {"model": "vectors", "input": "abc"}).json
    assert plain["data"][0]["embedding"] == [3.0, 0.0]
    coded = house.send(
        "POST", "/v1/embeddings", {"model": "vectors", "input": [[1, 2]], "encoding_format": "base64"}
    ).json
    assert struct.unpack("<2f", base64.b64decode(coded["data"][0]["embedding"])) == (2.0, 0.0)
    short = house.run(sdk(house).embeddings.create(model="vectors", input="abc", dimensions=1))
    assert short.data[0].embedding == [3.0]


@pytest.mark.parametrize(
    "body",
    [
        {"input": ""}, {"input": []}, {"input": [""]}, {"input": ["a", 1]}, {"input": ["a"] * 2049}, {"input": {}},
        {"dimensions": 0}, {"encoding_format": "int8"}, {"truncate_prompt_tokens": 5}, {"model": "qwen"},
    ],
)  # fmt: skip
def test_embeddings_that_cannot_be(house: House, body: dict[str, Any]) -> None:
    reply = house.send("POST", "/v1/embeddings", {"model": "vectors", "input": "x"} | body)
    assert (reply.status, reply.json["error"]["type"]) == (400, "invalid_request_error")


def test_ranks(house: House) -> None:
    body = {"model": "ranks", "query": "b", "documents": ["a", {"text": "ab"}, "b"]}
    for path in ("/v1/rerank", "/rerank", "/compatible-api/v1/reranks"):
        got = house.send("POST", path, body | {"top_n": 2}).json
        assert got["results"] == [
            {"index": 1, "relevance_score": 1.0, "document": {"text": "ab"}},
            {"index": 2, "relevance_score": 1.0, "document": {"text": "b"}},
        ]
        assert got["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    got = house.send("POST", "/v2/rerank", body).json
    assert [row["index"] for row in got["results"]] == [1, 2, 0]
    assert "document" not in got["results"][0]
    got = house.send("POST", "/score", {"model": "ranks", "text_1": "b", "text_2": ["a", "b"]}).json
    assert [(row["index"], row["score"]) for row in got["data"]] == [(0, 0.0), (1, 1.0)]
    for wrong in ({"documents": []}, {"top_n": 0}, {"query": None}, {"documents": [{"x": 1}]}):
        assert house.send("POST", "/v1/rerank", body | wrong).status == 400
    assert house.send("POST", "/v1/score", {"model": "ranks", "text_1": "b"}).status == 400


def test_tokens_there_and_back(house: House) -> None:
    got = house.send("POST", "/tokenize", {"model": "qwen", "prompt": "añ", "return_token_strs": True}).json
    assert got == {"count": 2, "max_model_len": 4096, "tokens": [97, 241], "token_strs": ["a", "ñ"]}
    got = house.send("POST", "/v1/tokenize", ASK | {"add_generation_prompt": False}).json
    assert (got["count"], got["token_strs"]) == (2, None)
    assert house.send("POST", "/detokenize", {"model": "qwen", "tokens": [97, 241]}).json == {"prompt": "añ"}
    assert house.send("POST", "/tokenize", {"model": "qwen"}).status == 400
    assert house.send("POST", "/detokenize", {"model": "qwen", "tokens": [-1]}).status == 400


def test_a_model_that_is_for_something_else(house: House) -> None:
    house.world.scripts["/vectors"] = Script(task=house.world.scripts["/vectors"].task)
    with pytest.raises(openai.BadRequestError) as caught:
        chat(house, model="vectors")
    assert caught.value.code == "model_not_supported"


def test_documents_are_bounded(house: House) -> None:
    reply = house.send("POST", "/v1/chat/completions", b"", key=KEY, content_length=str(1 << 30))
    assert (reply.status, reply.json["error"]["code"]) == (413, "request_too_large")


def test_many_prompts_at_once(house: House) -> None:
    script(house, [*said("a", "b"), *said("c", index=1)])
    got = complete(house, prompt=["x", "y"], n=2)
    assert [(choice.index, choice.text) for choice in got.choices] == [(0, "ab"), (1, "c"), (2, "ab"), (3, "c")]
    assert sorted(ask.prompt for _, ask in house.world.engine.asked) == ["x", "y"]

    async def run() -> list[Any]:
        stream = await sdk(house).completions.create(
            model="qwen", prompt=["x", "y"], n=2, stream=True, stream_options={"include_usage": True}
        )
        return [chunk async for chunk in stream]

    *told, last = house.run(run())
    texts = dict.fromkeys(range(4), "")
    for chunk in told:
        texts[chunk.choices[0].index] += chunk.choices[0].text
    assert texts == {0: "ab", 1: "c", 2: "ab", 3: "c"}
    assert last.usage.model_dump() == got.usage.model_dump()


def test_one_of_many_prompts_fails(house: House) -> None:
    script(house, [*said("a")[:1], Fault(Kind.TOO_LARGE, "prompt", tokens=9, tokens_max=8)])
    for stream in (False, True):
        body = {"model": "qwen", "prompt": ["x", "y"], "stream": stream}
        assert b"context_length_exceeded" in house.send("POST", "/v1/completions", body).body
        assert house.world.engine.open == 0
