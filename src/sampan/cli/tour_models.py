"""The steps of `sampan tour` that ask a model: one question with one seed, through four vendors' SDKs.

What is asked is the same in every vendor's words, so the answer has to be: https://platform.openai.com/docs/api-reference,
https://help.aliyun.com/zh/model-studio/, https://docs.anthropic.com/en/api/messages,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html.
"""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from sampan.cli.door import context
from sampan.cli.serving import NONE_YET
from sampan.cli.tour_traveller import Answer, Missing, Step, Traveller, check

CHAPTER = "One model, four doors"
QUESTION = "What is a sampan? Answer in one sentence."
SEED, TEMPERATURE, N_TOKENS_MAX = 7, 0.8, 24
ANSWER_S_MAX = 300  # a model that is asked for the first time is loaded first
SHOWN_MAX = 60  # characters of an answer that fit into the table


def _found(t: Traveller) -> str:
    listed = boto3.client("bedrock").list_foundation_models(byOutputModality="TEXT")["modelSummaries"]
    # A model that ranks documents has texts for an answer, too, but cannot be streamed.
    names = [model["modelId"] for model in listed if model["responseStreamingSupported"]]
    if not names:
        raise Missing(NONE_YET)
    if not t.door.api_key:
        raise Missing("no API key is known here: SAMPAN_ROOT_API_KEY says it")
    t.model = names[0]
    return f"{t.model}, of {len(names)}" if len(names) > 1 else t.model


def _openai(t: Traveller) -> str:
    import openai

    client = openai.OpenAI(http_client=openai.DefaultHttpxClient(verify=context(t.door)), timeout=ANSWER_S_MAX)
    check(t.model in [model.id for model in client.models.list()], "it is not listed")
    said: Any = client.chat.completions.create(
        model=t.model,
        messages=[{"role": "user", "content": QUESTION}],
        seed=SEED,
        temperature=TEMPERATURE,
        max_completion_tokens=N_TOKENS_MAX,
        extra_body={"enable_thinking": False},
    )
    message = said.choices[0].message
    thought = getattr(message, "reasoning_content", None) or ""
    return _heard(t, Answer(thought + (message.content or ""), said.usage.prompt_tokens, said.usage.completion_tokens))


def _dashscope(t: Traveller) -> str:
    import dashscope

    question: Any = [{"role": "user", "content": QUESTION}]
    said: Any = dashscope.Generation.call(
        model=t.model,
        messages=question,
        seed=SEED,
        temperature=TEMPERATURE,
        max_tokens=N_TOKENS_MAX,
        enable_thinking=False,
        result_format="message",
        request_timeout=ANSWER_S_MAX,
    )
    check(said.status_code == 200, f"{said.status_code} {said.code}: {said.message}")
    message = said.output.choices[0].message
    thought = message.get("reasoning_content") or ""
    return _heard(t, Answer(thought + message.content, said.usage.input_tokens, said.usage.output_tokens))


def _anthropic(t: Traveller) -> str:
    import anthropic

    client = anthropic.Anthropic(http_client=anthropic.DefaultHttpxClient(verify=context(t.door)), timeout=ANSWER_S_MAX)
    said = client.messages.create(
        model=t.model,
        max_tokens=N_TOKENS_MAX,
        messages=[{"role": "user", "content": QUESTION}],
        thinking={"type": "disabled"},
        extra_body={"seed": SEED, "temperature": TEMPERATURE},
    )
    text = "".join(getattr(block, "thinking", "") + getattr(block, "text", "") for block in said.content)
    n_read = said.usage.input_tokens + (said.usage.cache_read_input_tokens or 0)  # Anthropic counts them apart
    return _heard(t, Answer(text, n_read, said.usage.output_tokens))


def _bedrock(t: Traveller) -> str:
    client = boto3.client(
        "bedrock-runtime", config=Config(retries={"total_max_attempts": 1}, read_timeout=ANSWER_S_MAX)
    )
    said = client.converse(
        modelId=t.model,
        messages=[{"role": "user", "content": [{"text": QUESTION}]}],
        inferenceConfig={"maxTokens": N_TOKENS_MAX, "temperature": TEMPERATURE},
        additionalModelRequestFields={"seed": SEED, "enable_thinking": False},
    )
    blocks: list[Any] = said["output"]["message"]["content"]
    thought = "".join(
        block["reasoningContent"]["reasoningText"]["text"] for block in blocks if "reasoningContent" in block
    )
    text = "".join(block.get("text", "") for block in blocks)
    return _heard(t, Answer(thought + text, said["usage"]["inputTokens"], said["usage"]["outputTokens"]))


def _heard(t: Traveller, answer: Answer) -> str:
    """Raises Unproven unless it is the answer that the SDKs before have got, if any has."""
    if t.answer is None:
        check(answer.n_written > 0, "it said nothing")
        t.answer = answer
        line = " ".join("".join(sign if sign.isprintable() else " " for sign in answer.text).split())
        return f"“{line if len(line) <= SHOWN_MAX else line[:SHOWN_MAX] + '…'}”"
    check(answer == t.answer, f"another answer: {answer.text!r}, not {t.answer.text!r}")
    return f"the same answer; {answer.n_read} tokens read, {answer.n_written} written"


STEPS: tuple[Step, ...] = (
    Step(CHAPTER, "A model that talks is listed by Bedrock", "boto3", _found),
    Step(CHAPTER, "Asked by OpenAI's API", "openai", _openai),
    Step(CHAPTER, "Asked by Model Studio's, with the same seed", "dashscope", _dashscope),
    Step(CHAPTER, "Asked by Anthropic's", "anthropic", _anthropic),
    Step(CHAPTER, "Asked by Bedrock's", "boto3", _bedrock),
)
