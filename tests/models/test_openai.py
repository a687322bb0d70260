"""OpenAI's unmodified SDK against a real server with tiny random models: what it says is nonsense, and all the rest is
real."""

from __future__ import annotations

import asyncio
import json
import math
import time
from typing import Any

import openai
import pydantic
import pytest

from tests.models.conftest import Cloud

HI: Any = [{"role": "user", "content": "Say something."}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Köln", "上海"]}, "days": {"type": "integer"}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}
BATCH_S_MAX = 60


@pytest.fixture(scope="module")
def sdk(cloud: Cloud) -> openai.OpenAI:
    return openai.OpenAI(api_key=cloud.key, base_url=f"{cloud.url}/v1")


@pytest.fixture(scope="module")
def other(cloud: Cloud) -> openai.OpenAI:
    return openai.OpenAI(api_key=cloud.other_key, base_url=f"{cloud.url}/v1")


def said(sdk: openai.OpenAI, **more: Any) -> Any:
    asked = {"model": "tiny", "messages": HI, "seed": 7, "temperature": 1, "max_tokens": 24}
    return sdk.chat.completions.create(**asked | more)


def streamed(sdk: openai.OpenAI, **more: Any) -> tuple[dict[int, str], dict[int, str], dict[int, str]]:
    """What was said and thought in each answer, and why it ended."""
    texts: dict[int, str] = {}
    thoughts: dict[int, str] = {}
    ends: dict[int, str] = {}
    for chunk in said(sdk, stream=True, **more):
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
            thought = getattr(choice.delta, "reasoning_content", None) or ""
            thoughts[choice.index] = thoughts.get(choice.index, "") + thought
            if choice.finish_reason:
                ends[choice.index] = choice.finish_reason
    return texts, thoughts, ends


def test_a_stream_says_what_an_answer_says(sdk: openai.OpenAI) -> None:
    whole = said(sdk, n=3)
    assert len({choice.message.content for choice in whole.choices}) == 3
    texts, thoughts, ends = streamed(sdk, n=3)
    for choice in whole.choices:
        assert texts[choice.index] == choice.message.content
        assert thoughts[choice.index] == (getattr(choice.message, "reasoning_content", None) or "")
        assert ends[choice.index] == choice.finish_reason
    assert whole.usage.completion_tokens <= 72
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens


def test_one_seed_gives_one_answer(sdk: openai.OpenAI, cloud: Cloud) -> None:
    answers = {said(sdk).choices[0].message.content for _ in range(3)}
    compatible = openai.OpenAI(api_key=cloud.key, base_url=f"{cloud.url}/compatible-mode/v1")
    answers |= {said(compatible, model="qwen-plus").choices[0].message.content}
    answers |= {said(sdk, model="gpt-4o-mini").choices[0].message.content}
    response = sdk.responses.create(
        model="tiny", input="Say something.", temperature=1, max_output_tokens=24, extra_body={"seed": 7}
    )
    answers |= {response.output_text}
    assert len(answers) == 1
    assert said(sdk, seed=8).choices[0].message.content not in answers


def test_many_at_once(cloud: Cloud, sdk: openai.OpenAI) -> None:
    alone = [said(sdk, seed=seed).choices[0].message.content for seed in range(4)]

    async def run() -> list[Any]:
        async with openai.AsyncOpenAI(api_key=cloud.key, base_url=f"{cloud.url}/v1") as client:
            asked: Any = {"model": "tiny", "messages": HI, "temperature": 1, "max_tokens": 24}
            calls = [client.chat.completions.create(seed=seed, **asked) for seed in range(4)]
            return [answer.choices[0].message.content for answer in await asyncio.gather(*calls)]

    assert asyncio.run(run()) == alone


def test_a_forced_tool(sdk: openai.OpenAI) -> None:
    for choice in ("required", {"type": "function", "function": {"name": "weather"}}):
        got = said(sdk, tools=[WEATHER], tool_choice=choice, max_tokens=200).choices[0]
        assert got.finish_reason == "tool_calls"
        arguments = json.loads(got.message.tool_calls[0].function.arguments)
        assert arguments["city"] in ("Köln", "上海")
        assert isinstance(arguments["days"], int)
        parts = [
            call.function.arguments or ""
            for chunk in said(sdk, tools=[WEATHER], tool_choice=choice, max_tokens=200, stream=True)
            for call in chunk.choices[0].delta.tool_calls or ()
            if call.index == 0
        ]
        assert "".join(parts) == got.message.tool_calls[0].function.arguments


class Step(pydantic.BaseModel):
    right: bool
    size: int


def test_what_is_parsed(sdk: openai.OpenAI) -> None:
    asked: Any = {"model": "tiny", "temperature": 1, "extra_body": {"seed": 7}}
    got = sdk.beta.chat.completions.parse(messages=HI, response_format=Step, max_tokens=200, **asked)
    assert isinstance(got.choices[0].message.parsed, Step)
    kept = sdk.responses.parse(input="Say it.", text_format=Step, max_output_tokens=200, **asked)
    assert isinstance(kept.output_parsed, Step)
    text = said(sdk, extra_body={"guided_choice": ["ja", "nein"]}).choices[0].message.content
    assert text in ("ja", "nein")


def test_logprobs(sdk: openai.OpenAI) -> None:
    more: Any = {"logprobs": True, "top_logprobs": 3, "max_tokens": 5, "extra_body": {"ignore_eos": True}}
    got = said(sdk, **more).choices[0]
    assert len(got.logprobs.content) == 5
    for token in got.logprobs.content:
        assert -50 < token.logprob <= 0
        assert len(token.top_logprobs) == 3
        assert sum(math.exp(top.logprob) for top in token.top_logprobs) <= 1.001
        assert token.token == bytes(token.bytes).decode(errors="replace")
    parts = [
        token
        for chunk in said(
            sdk, logprobs=True, top_logprobs=3, max_tokens=5, extra_body={"ignore_eos": True}, stream=True
        )
        for token in (chunk.choices[0].logprobs.content if chunk.choices[0].logprobs else ())
    ]
    assert [token.token for token in parts] == [token.token for token in got.logprobs.content]


def test_a_plain_completion(sdk: openai.OpenAI) -> None:
    asked: Any = {"model": "tiny", "prompt": ["One", "Two"], "seed": 3, "temperature": 1, "max_tokens": 8}
    whole = sdk.completions.create(**asked)
    assert [choice.index for choice in whole.choices] == [0, 1]
    texts = {0: "", 1: ""}
    for chunk in sdk.completions.create(**asked, stream=True):
        texts[chunk.choices[0].index] += chunk.choices[0].text
    assert texts == {choice.index: choice.text for choice in whole.choices}
    alone = sdk.completions.create(**asked | {"prompt": "Two"})
    assert alone.choices[0].text == texts[1]


def test_an_echo_with_logprobs(sdk: openai.OpenAI) -> None:
    got = sdk.completions.create(model="tiny", prompt="Once upon", echo=True, logprobs=1, max_tokens=3, seed=1)
    (choice,) = got.choices
    assert choice.text.startswith("Once upon")
    assert choice.logprobs.token_logprobs[0] is None
    assert all(value <= 0 for value in choice.logprobs.token_logprobs[1:])
    assert "".join(choice.logprobs.tokens) == choice.text
    assert len(choice.logprobs.tokens) == got.usage.total_tokens


def test_a_conversation_is_kept(sdk: openai.OpenAI, other: openai.OpenAI) -> None:
    asked: Any = {"model": "tiny", "temperature": 1, "max_output_tokens": 12, "extra_body": {"seed": 5}}
    first = sdk.responses.create(input="One", instructions="Be brief.", **asked)
    second = sdk.responses.create(input="Two", previous_response_id=first.id, instructions="Be brief.", **asked)
    whole = [
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": first.output_text},
        {"role": "user", "content": "Two"},
    ]
    again = sdk.responses.create(input=whole, instructions="Be brief.", **asked)
    assert again.output_text == second.output_text
    assert again.usage.input_tokens == second.usage.input_tokens
    assert sdk.responses.retrieve(second.id).model_dump() == second.model_dump()
    with pytest.raises(openai.NotFoundError):
        other.responses.retrieve(second.id)
    *_, last = sdk.responses.create(input="Two", previous_response_id=first.id, stream=True, **asked)
    assert last.type in ("response.completed", "response.incomplete")
    sdk.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(first.id)


def test_vectors_ranks_and_tokens(sdk: openai.OpenAI, cloud: Cloud) -> None:
    got = sdk.embeddings.create(model="text-embedding-3-small", input=["one", "two", "one"])
    assert got.data[0].embedding == got.data[2].embedding != got.data[1].embedding
    assert math.isclose(sum(x * x for x in got.data[0].embedding), 1, rel_tol=1e-3)
    short = sdk.embeddings.create(model="vectors", input="one", dimensions=8)
    assert len(short.data[0].embedding) == 8
    ranked: Any = sdk.post(
        "/rerank", body={"model": "ranks", "query": "a", "documents": ["b", "c"]}, cast_to=dict[str, Any]
    )
    assert sorted(row["index"] for row in ranked["results"]) == [0, 1]
    assert all(0 <= row["relevance_score"] <= 1 for row in ranked["results"])
    tokens: Any = sdk.post("/tokenize", body={"model": "tiny", "prompt": "Größe 上海"}, cast_to=dict[str, Any])
    text: Any = sdk.post("/detokenize", body={"model": "tiny", "tokens": tokens["tokens"]}, cast_to=dict[str, Any])
    assert (text["prompt"], tokens["count"]) == ("Größe 上海", len(tokens["tokens"]))


def test_models(sdk: openai.OpenAI) -> None:
    assert {"tiny", "tuned", "vectors", "ranks", "gpt-4o-mini"} <= {model.id for model in sdk.models.list()}
    assert sdk.models.retrieve("tuned").model_dump()["parent"] == "tiny"
    assert said(sdk, model="tuned").choices[0].message.content != said(sdk).choices[0].message.content


def test_what_a_model_cannot_do(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        said(sdk, messages=[{"role": "user", "content": "x " * 5000}])
    assert caught.value.code == "context_length_exceeded"
    assert "maximum context length is 409" in caught.value.message
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    with pytest.raises(openai.BadRequestError):
        said(sdk, messages=[{"role": "user", "content": [image]}])
    with pytest.raises(openai.BadRequestError):
        said(sdk, model="vectors")
    with pytest.raises(openai.BadRequestError):
        sdk.embeddings.create(model="tiny", input="x")
    with pytest.raises(openai.BadRequestError):
        sdk.embeddings.create(model="vectors", input="x " * 5000)
    cut = sdk.embeddings.create(model="vectors", input="x " * 5000, extra_body={"truncate_prompt_tokens": -1})
    assert 4000 < cut.usage.prompt_tokens <= 4096
    with pytest.raises(openai.BadRequestError):
        said(sdk, extra_body={"guided_regex": "("})


HUGE = (1 << 31) - 1
NONSENSE_TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "banana"}, "strict": True}}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/chat/completions", {"logit_bias": {str(HUGE % 1_000_000_000): 1}}),
        ("/chat/completions", {"stop_token_ids": [HUGE]}),
        ("/chat/completions", {"prompt_logprobs": HUGE}),
        ("/chat/completions", {"min_tokens": 50, "max_tokens": 5}),
        ("/chat/completions", {"top_k": HUGE}),
        ("/chat/completions", {"max_tokens": HUGE, "stop": "a"}),
        ("/chat/completions", {"repetition_penalty": 1e-9}),
        ("/chat/completions", {"stop": ["x" * 100_000]}),
        ("/chat/completions", {"priority": -HUGE}),
        ("/chat/completions", {"guided_grammar": "start: nothing"}),
        ("/chat/completions", {"guided_regex": "(" * 1000}),
        ("/chat/completions", {"guided_choice": []}),
        ("/chat/completions", {"guided_json": {"type": "banana"}}),
        ("/chat/completions", {"guided_json": {"$ref": "https://host/schema"}}),
        ("/chat/completions", {"guided_json": False}),
        ("/chat/completions", {"tools": [NONSENSE_TOOL]}),
        ("/chat/completions", {"tools": [NONSENSE_TOOL], "tool_choice": "required"}),
        ("/chat/completions", {"messages": [{"role": "assistant", "content": None}]}),
        ("/chat/completions", {"messages": [{"role": "tool", "tool_call_id": "x", "content": ""}]}),
        ("/chat/completions", {"messages": [{"role": "system", "content": ""}]}),
        ("/chat/completions", {"messages": [{"role": "user", "content": "\u0000\ufffe<|im_end|>"}]}),
        ("/chat/completions", {"messages": [{"role": "user", "content": []}]}),
        ("/chat/completions", {"chat_template_kwargs": {"messages": 5, "tools": 7, "add_generation_prompt": "x"}}),
        ("/chat/completions", {"chat_template_kwargs": {"tokenize": True, "self": 1, "bos_token": []}}),
        ("/chat/completions", {"thinking_budget": 0, "enable_thinking": True}),
        ("/completions", {"prompt": [HUGE]}),
        ("/completions", {"prompt": ""}),
        ("/completions", {"prompt": "x", "echo": True, "max_tokens": 0}),
        ("/completions", {"prompt": "x", "echo": True, "max_tokens": 0, "logprobs": 1}),
        ("/completions", {"prompt": "x", "best_of": 128, "max_tokens": 2}),
        ("/embeddings", {"model": "vectors", "input": [HUGE]}),
        ("/embeddings", {"model": "vectors", "input": "x " * 10_000}),
        ("/embeddings", {"model": "vectors", "input": "x", "dimensions": 100_000}),
        ("/rerank", {"model": "ranks", "query": "", "documents": [""]}),
        ("/rerank", {"model": "ranks", "query": "x " * 10_000, "documents": ["x"]}),
        ("/tokenize", {"prompt": ""}),
        ("/detokenize", {"tokens": [HUGE]}),
        ("/responses", {"input": [{"type": "function_call_output", "call_id": "x", "output": "y"}]}),
    ],
)
def test_no_request_is_a_mistake_of_the_engine(cloud: Cloud, path: str, body: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"model": "tiny", "messages": HI, "max_tokens": 8}
    client = openai.OpenAI(api_key=cloud.key, base_url=f"{cloud.url}/v1", max_retries=0, timeout=20)
    try:
        client.post(path, body=asked | body, cast_to=dict[str, Any])
    except openai.APIStatusError as error:
        assert error.status_code < 500, error.message


# --- files and batches ------------------------------------------------------------------------------------------------


def test_files(sdk: openai.OpenAI, other: openai.OpenAI) -> None:
    data = bytes(range(256)) * 40_000  # 10 MB: more than is ever held
    made = sdk.files.create(file=("données.jsonl", data), purpose="batch")
    assert (made.bytes, made.filename, made.purpose, made.status) == (len(data), "données.jsonl", "batch", "processed")
    assert sdk.files.retrieve(made.id) == made
    assert sdk.files.content(made.id).read() == data
    assert made.id in [file.id for file in sdk.files.list(purpose="batch")]
    assert made.id not in [file.id for file in other.files.list()]
    for call in (other.files.retrieve, other.files.content, other.files.delete):
        with pytest.raises(openai.NotFoundError):
            call(made.id)
    assert sdk.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        sdk.files.retrieve(made.id)


def line(number: int, **body: Any) -> str:
    asked = {"model": "tiny", "messages": HI, "max_tokens": 8, "seed": number, "temperature": 1} | body
    return json.dumps({"custom_id": f"q{number}", "method": "POST", "url": "/v1/chat/completions", "body": asked})


def test_a_batch(sdk: openai.OpenAI) -> None:
    lines = [line(1), line(2), line(3, model="none"), line(4, temperature=9)]
    asked = sdk.files.create(file=("b.jsonl", "\n".join(lines).encode()), purpose="batch")
    batch = sdk.batches.create(
        input_file_id=asked.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"a": "b"}
    )
    end = time.monotonic() + BATCH_S_MAX
    while batch.status not in ("completed", "failed", "expired") and time.monotonic() < end:
        time.sleep(0.1)
        batch = sdk.batches.retrieve(batch.id)
    assert batch.status == "completed", batch
    assert (batch.metadata, batch.request_counts.model_dump()) == (
        {"a": "b"}, {"total": 4, "completed": 2, "failed": 2},
    )  # fmt: skip
    output = [json.loads(row) for row in sdk.files.content(batch.output_file_id or "").text.splitlines()]
    assert sorted(row["custom_id"] for row in output) == ["q1", "q2"]
    for row in output:
        said_alone = said(sdk, seed=int(row["custom_id"][1:]), max_tokens=8).choices[0].message.content
        assert row["response"]["status_code"] == 200
        assert row["response"]["body"]["choices"][0]["message"]["content"] == said_alone
    errors = {
        row["custom_id"]: row["response"]
        for row in map(json.loads, sdk.files.content(batch.error_file_id or "").text.splitlines())
    }
    assert {name: row["status_code"] for name, row in errors.items()} == {"q3": 404, "q4": 400}
    assert errors["q3"]["body"]["error"]["code"] == "model_not_found"
    assert batch.id in [one.id for one in sdk.batches.list(limit=1)]


def test_a_batch_that_cannot_be(sdk: openai.OpenAI) -> None:
    for window in ("24", "0h", "400h", "soon"):
        with pytest.raises(openai.BadRequestError):
            sdk.batches.create(
                input_file_id="file-none",
                endpoint="/v1/chat/completions",
                completion_window=window,  # type: ignore[arg-type]
            )
    with pytest.raises(openai.NotFoundError):
        sdk.batches.create(input_file_id="file-none", endpoint="/v1/chat/completions", completion_window="24h")
    with pytest.raises(openai.NotFoundError):
        sdk.batches.retrieve("batch_none")
