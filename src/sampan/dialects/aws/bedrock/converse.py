"""Converse, ConverseStream and CountTokens: one way to talk to any model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import Any

import msgspec

from sampan.dialects.aws.bedrock import asking, blocks, invoke, names
from sampan.dialects.aws.wire.service import Call, Done
from sampan.kernel.ports import Clock
from sampan.services.inference.model import Answer, Choice, Finish, Generate, Say, Stream, Tokenize, Tokens, Usage

Shown = Mapping[str, Any]

_REASONS = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.CALLS: "tool_use",
    Finish.DEADLINE: "max_tokens",
    Finish.CANCELLED: "end_turn",
}


def operations(clock: Clock) -> dict[str, Done]:
    """The operations; `clock` tells how long an answer took."""
    return {
        "Converse": Done(partial(_bind, stream=False), partial(_render, clock=clock)),
        "ConverseStream": Done(partial(_bind, stream=True), partial(_render_stream, clock=clock)),
        "CountTokens": Done(_bind_count, _render_count),
    }


def _bind(call: Call, *, stream: bool) -> Generate:
    model = names.model_of(call.params["modelId"])
    return Generate(model=model, ask=asking.ask(call.params), stream=stream)


def _bind_count(call: Call) -> Tokenize:
    model, given = names.model_of(call.params["modelId"]), call.params["input"]
    if "converse" in given:
        return Tokenize(model=model, ask=asking.ask(given["converse"]))
    return Tokenize(model=model, ask=invoke.ask(model, given["invokeModel"]["body"]))


def _render_count(call: Call, tokens: Tokens) -> Shown:
    return {"inputTokens": len(tokens.ids)}


# --- at once ----------------------------------------------------------------------------------------------------------


def _render(call: Call, answer: Answer, clock: Clock) -> Shown:
    choice = answer.choices[0]
    return {
        "output": {"message": {"role": "assistant", "content": _content(choice)}},
        "stopReason": _reason(choice.finish, choice.stopped_by),
        "usage": _usage(answer.usage),
        "metrics": {"latencyMs": clock.now_ms() - answer.created_ms},
    }


def _content(choice: Choice) -> list[Shown]:
    content: list[Shown] = []
    if choice.reasoning:
        content.append({"reasoningContent": {"reasoningText": {"text": choice.reasoning}}})
    if choice.text or not choice.calls:
        content.append({"text": choice.text})
    content += [
        {"toolUse": {"toolUseId": each.id, "name": each.name, "input": arguments(each.arguments)}}
        for each in choice.calls
    ]
    return content


def arguments(text: str) -> Any:
    """A call's arguments; what the model wrote and is no JSON is told as it is."""
    try:
        return msgspec.json.decode(text or "{}")
    except msgspec.DecodeError:
        return text


def _reason(finish: Finish, stopped_by: str) -> str:
    return "stop_sequence" if stopped_by else _REASONS[finish]


def _usage(usage: Usage) -> Shown:
    return {"inputTokens": usage.prompt_tokens, "outputTokens": usage.answer_tokens, "totalTokens": usage.tokens}


# --- piece by piece ---------------------------------------------------------------------------------------------------


def _render_stream(call: Call, stream: Stream, clock: Clock) -> Shown:
    return {"stream": _events(stream, clock)}


async def _events(stream: Stream, clock: Clock) -> AsyncGenerator[Shown, None]:
    """Bedrock's events. Of a text or a thought no beginning is told, as Bedrock does."""
    told = blocks.steps(stream)
    try:
        async for step in told:
            match step:
                case blocks.Begin():
                    yield {"messageStart": {"role": "assistant"}}
                case blocks.Open(index, Say.CALL, call_id, name):
                    use = {"toolUseId": call_id, "name": name}
                    yield {"contentBlockStart": {"start": {"toolUse": use}, "contentBlockIndex": index}}
                case blocks.More(index, say, text):
                    yield {"contentBlockDelta": {"delta": _delta(say, text), "contentBlockIndex": index}}
                case blocks.Close(index):
                    yield {"contentBlockStop": {"contentBlockIndex": index}}
                case blocks.End(finish, stopped_by, usage):
                    yield {"messageStop": {"stopReason": _reason(finish, stopped_by)}}
                    metrics = {"latencyMs": clock.now_ms() - stream.created_ms}
                    yield {"metadata": {"usage": _usage(usage), "metrics": metrics}}
    finally:
        await told.aclose()


def _delta(say: Say, text: str) -> Shown:
    if say is Say.CALL:
        return {"toolUse": {"input": text}}
    return {"reasoningContent": {"text": text}} if say is Say.REASONING else {"text": text}
