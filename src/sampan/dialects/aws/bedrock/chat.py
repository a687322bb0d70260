"""Bodies as Qwen's and OpenAI's open models have them on Bedrock: those of OpenAI's chat completions.

Source: "OpenAI models" and "Qwen models" of the Amazon Bedrock user guide.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from sampan.dialects.aws.bedrock import blocks
from sampan.dialects.aws.bedrock.forms import MESSAGES_MAX, Count, Form, Name, Natural, Share, Stops, convert, malformed
from sampan.dialects.aws.bedrock.spoken import Metrics, Spoken, Values
from sampan.services.inference.model import (
    Answer,
    Ask,
    Call,
    Finish,
    Generate,
    Medium,
    Message,
    Part,
    Role,
    Sampling,
    Say,
    Shape,
    ShapeKind,
    Stream,
    Tool,
    Tooling,
    Usage,
)

_REASONS = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.CALLS: "tool_calls",
    Finish.DEADLINE: "length",
    Finish.CANCELLED: "stop",
}
_ROLES = {"developer": Role.SYSTEM}


class UrlForm(Form):
    """A picture by its address, or inside of it."""

    url: str
    detail: str = ""


class PartForm(Form):
    """A part of a message."""

    type: Literal["text", "image_url"]
    text: str = ""
    image_url: UrlForm | None = None


class FunctionForm(Form):
    """A function: one that is called, or one that may be."""

    name: Name
    arguments: str = ""
    description: str = ""
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class CallForm(Form):
    """A call of a tool."""

    function: FunctionForm
    id: str = ""
    type: Literal["function"] = "function"
    index: int | None = None


class MessageForm(Form):
    """A message."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[PartForm] | None = None
    name: str = ""
    reasoning_content: str | None = None
    tool_calls: list[CallForm] | None = None
    tool_call_id: str = ""
    refusal: str | None = None


class ToolForm(Form):
    """A tool."""

    function: FunctionForm
    type: Literal["function"] = "function"


class SchemaForm(Form):
    """The schema of an answer."""

    schema: dict[str, Any]
    name: str = ""
    description: str = ""
    strict: bool | None = None


class FormatForm(Form):
    """The shape of an answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaForm | None = None


class BodyForm(Form, kw_only=True):
    """A body. The model is named by the request's path, and by `model` again if the sender likes."""

    messages: Annotated[list[MessageForm], Meta(min_length=1, max_length=MESSAGES_MAX)]
    model: str = ""
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Share | None = None
    top_k: Natural | None = None
    min_p: Share | None = None
    seed: int | None = None
    stop: str | Stops | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repetition_penalty: float | None = None
    tools: list[ToolForm] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolForm | None = None
    parallel_tool_calls: bool = True
    response_format: FormatForm | None = None
    reasoning_effort: str = ""
    chat_template_kwargs: dict[str, Any] | None = None
    enable_thinking: bool | None = None
    stream: bool = False
    stream_options: Any = None
    user: str = ""


def read(model: str, fields: Values, *, stream: bool) -> Spoken:
    """Raises Fault(INVALID, "argument")."""
    command = Generate(model=model, ask=ask(fields), stream=stream, prefix="chatcmpl-")
    return Spoken(command, _answer, _events)


def ask(fields: Values) -> Ask:
    """The question alone. Raises Fault(INVALID, "argument")."""
    form = convert(fields, BodyForm)
    tooling, forced = _choice(form)
    return Ask(
        messages=tuple(_message(each) for each in form.messages),
        tools=tuple(
            Tool(each.name, each.description, each.parameters or {}, bool(each.strict))
            for each in (tool.function for tool in form.tools or ())
        ),
        tooling=tooling,
        forced=forced,
        parallel_calls=form.parallel_tool_calls,
        shape=_shape(form.response_format),
        sampling=Sampling(
            temperature=form.temperature,
            top_p=form.top_p,
            top_k=form.top_k,
            min_p=form.min_p,
            seed=form.seed,
            frequency_penalty=form.frequency_penalty,
            presence_penalty=form.presence_penalty,
            repetition_penalty=form.repetition_penalty,
            tokens_max=form.max_completion_tokens or form.max_tokens,
            stop=(form.stop,) if isinstance(form.stop, str) else form.stop or (),
        ),
        thinking=form.enable_thinking,
        template=form.chat_template_kwargs or {},
        continues=form.messages[-1].role == "assistant",
    )


def _choice(form: BodyForm) -> tuple[Tooling, str]:
    choice = form.tool_choice
    if isinstance(choice, ToolForm):
        if choice.function.name not in [tool.function.name for tool in form.tools or ()]:
            raise malformed(f"tool_choice: there is no tool {choice.function.name[:64]}")
        return Tooling.REQUIRED, choice.function.name
    return Tooling(choice or "auto"), ""


def _shape(form: FormatForm | None) -> Shape | None:
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return Shape(ShapeKind.JSON)
    if form.json_schema is None:
        raise malformed("#/response_format: required key [json_schema] not found")
    return Shape(ShapeKind.SCHEMA, msgspec.json.encode(form.json_schema.schema).decode())


def _message(form: MessageForm) -> Message:
    content = [PartForm("text", form.content)] if isinstance(form.content, str) else form.content or []
    calls = [Call(each.id, each.function.name, each.function.arguments) for each in form.tool_calls or ()]
    return Message(
        _ROLES.get(form.role) or Role(form.role),
        tuple(_part(each) for each in content),
        reasoning=form.reasoning_content or "",
        calls=tuple(calls),
        call_id=form.tool_call_id,
        name=form.name,
    )


def _part(form: PartForm) -> Part:
    if form.type == "text":
        return Part(text=form.text)
    url = form.image_url.url if form.image_url is not None else ""
    if not url.startswith("data:"):
        return Part(Medium.IMAGE, url=url)
    kind, _, data = url.removeprefix("data:").partition(";base64,")
    try:
        return Part(Medium.IMAGE, data=base64.b64decode(data, validate=True), media_type=kind)
    except (binascii.Error, ValueError):
        raise malformed("image_url: invalid base64 data") from None


# --- how the result is told -------------------------------------------------------------------------------------------


def _answer(answer: Answer) -> Values:
    choice = answer.choices[0]
    message: dict[str, Any] = {"role": "assistant", "content": choice.text if choice.text or not choice.calls else None}
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    if choice.calls:
        message["tool_calls"] = [
            {"id": each.id, "type": "function", "function": {"name": each.name, "arguments": each.arguments}}
            for each in choice.calls
        ]
    return {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created_ms // 1000,
        "model": answer.model,
        "choices": [{"index": 0, "message": message, "finish_reason": _REASONS[choice.finish]}],
        "usage": _usage(answer.usage),
    }


def _usage(usage: Usage) -> Values:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.answer_tokens,
        "total_tokens": usage.tokens,
    }


async def _events(stream: Stream, metrics: Metrics) -> AsyncGenerator[Values, None]:
    """OpenAI's chunks; a call's number is not that of its block."""
    told, calls = blocks.steps(stream), -1
    try:
        async for step in told:
            match step:
                case blocks.Begin():
                    metrics.first()
                    yield _chunk(stream, {"role": "assistant", "content": ""})
                case blocks.Open(_, Say.CALL, call_id, name):
                    calls += 1
                    function = {"name": name, "arguments": ""}
                    call = {"index": calls, "id": call_id, "type": "function", "function": function}
                    yield _chunk(stream, {"tool_calls": [call]})
                case blocks.More(_, Say.CALL, text):
                    yield _chunk(stream, {"tool_calls": [{"index": calls, "function": {"arguments": text}}]})
                case blocks.More(_, say, text):
                    yield _chunk(stream, {"reasoning_content" if say is Say.REASONING else "content": text})
                case blocks.End(finish, _, usage):
                    yield {**_chunk(stream, {}, _REASONS[finish]), "usage": _usage(usage), **metrics(usage)}
    finally:
        await told.aclose()


def _chunk(stream: Stream, delta: Mapping[str, Any], finish: str | None = None) -> Values:
    return {
        "id": stream.id,
        "object": "chat.completion.chunk",
        "created": stream.created_ms // 1000,
        "model": stream.model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
