"""Bodies as Anthropic's models have them on Bedrock.

Source: "Anthropic Claude Messages API" of the Amazon Bedrock user guide.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator, Iterator
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
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.CALLS: "tool_use",
    Finish.DEADLINE: "max_tokens",
    Finish.CANCELLED: "end_turn",
}


# --- what a body says -------------------------------------------------------------------------------------------------


class SourceForm(Form):
    """Where a picture or a document comes from."""

    type: Literal["base64", "text"]
    media_type: str
    data: str


class Block(Form, kw_only=True, tag_field="type"):
    """A block of a message. What it says of caches and citations is passed over."""

    cache_control: Any = None
    citations: Any = None


class Text(Block, tag="text"):
    """Text."""

    text: str


class Image(Block, tag="image"):
    """A picture."""

    source: SourceForm


class Document(Block, tag="document"):
    """A document."""

    source: SourceForm
    title: str | None = None
    context: str | None = None


class Thinking(Block, tag="thinking"):
    """What the model thought."""

    thinking: str
    signature: str = ""


class ToolUse(Block, tag="tool_use"):
    """The model calls a tool."""

    id: str
    name: Name
    input: dict[str, Any]


class ToolResult(Block, tag="tool_result"):
    """What the tool said."""

    tool_use_id: str
    content: str | list[Text | Image | Document] = ""
    is_error: bool = False


class MessageForm(Form):
    """A message."""

    role: Literal["user", "assistant"]
    content: str | list[Text | Image | Document | Thinking | ToolUse | ToolResult]


class ToolForm(Form):
    """A tool."""

    name: Name
    input_schema: dict[str, Any]
    description: str = ""
    type: Literal["custom"] = "custom"
    cache_control: Any = None


class ChoiceForm(Form):
    """Whether a tool must be called."""

    type: Literal["auto", "any", "tool", "none"]
    name: str = ""
    disable_parallel_tool_use: bool = False


class ThinkingForm(Form):
    """How long the model may think."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: Count | None = None
    display: Literal["summarized", "omitted"] | None = None


class FormatForm(Form):
    """The shape of an answer."""

    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputForm(Form):
    """How an answer is to be."""

    format: FormatForm | None = None
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None


class BodyForm(Form, kw_only=True):
    """A body. `max_tokens` may be left out where tokens are counted; `seed` is not Anthropic's own. What stands last
    makes no difference to the answer."""

    anthropic_version: Name
    messages: Annotated[list[MessageForm], Meta(min_length=1, max_length=MESSAGES_MAX)]
    max_tokens: Count | None = None
    system: str | list[Text] = ""
    temperature: Share | None = None
    top_p: Share | None = None
    top_k: Natural | None = None
    stop_sequences: Stops = ()
    tools: tuple[ToolForm, ...] = ()
    tool_choice: ChoiceForm | None = None
    thinking: ThinkingForm | None = None
    output_config: OutputForm | None = None
    seed: int | None = None
    anthropic_beta: tuple[str, ...] = ()
    metadata: Any = None
    cache_control: Any = None
    diagnostics: Any = None
    inference_geo: str | None = None
    service_tier: str | None = None
    speed: str | None = None
    user_profile_id: str | None = None
    workspace_id: str | None = None


def read(model: str, fields: Values, *, stream: bool) -> Spoken:
    """Raises Fault(INVALID, "argument")."""
    form = convert(fields, BodyForm)
    if form.max_tokens is None:
        raise malformed("#: required key [max_tokens] not found")
    command = Generate(model=model, ask=_ask(form), stream=stream, prefix="msg_bdrk_")
    return Spoken(command, _answer, _events)


def ask(fields: Values) -> Ask:
    """The question alone. Raises Fault(INVALID, "argument")."""
    return _ask(convert(fields, BodyForm))


def _ask(form: BodyForm) -> Ask:
    messages = [message for each in form.messages for message in _messages(each)]
    system = _parts(form.system)
    if system:
        messages.insert(0, Message(Role.SYSTEM, system))
    choice = form.tool_choice or ChoiceForm("auto")
    if choice.type == "tool" and choice.name not in [tool.name for tool in form.tools]:
        raise malformed(f"tool_choice: Tool '{choice.name[:64]}' not found in provided tools")
    tooling = {"any": Tooling.REQUIRED, "tool": Tooling.REQUIRED, "none": Tooling.NONE}.get(choice.type, Tooling.AUTO)
    return Ask(
        messages=tuple(messages),
        tools=tuple(Tool(tool.name, tool.description, tool.input_schema) for tool in form.tools),
        tooling=tooling,
        forced=choice.name if choice.type == "tool" else "",
        parallel_calls=not choice.disable_parallel_tool_use,
        shape=_shape(form.output_config),
        sampling=Sampling(
            temperature=form.temperature,
            top_p=form.top_p,
            top_k=form.top_k,
            seed=form.seed,
            tokens_max=form.max_tokens,
            stop=form.stop_sequences,
        ),
        # Without a word of it, Anthropic's models do not think.
        thinking=form.thinking is not None and form.thinking.type != "disabled",
        thinking_tokens_max=form.thinking.budget_tokens if form.thinking is not None else None,
        continues=form.messages[-1].role == "assistant",
    )


def _shape(form: OutputForm | None) -> Shape | None:
    if form is None or form.format is None:
        return None
    return Shape(ShapeKind.SCHEMA, msgspec.json.encode(form.format.schema).decode())


def _messages(form: MessageForm) -> Iterator[Message]:
    """One message may be several: a tool's result is a message of its own."""
    content = [Text(text=form.content)] if isinstance(form.content, str) else form.content
    results = [block for block in content if isinstance(block, ToolResult)]
    for block in results:
        yield Message(Role.TOOL, _parts(block.content), call_id=block.tool_use_id)
    rest = [block for block in content if isinstance(block, Text | Image | Document)]
    calls = [block for block in content if isinstance(block, ToolUse)]
    thoughts = "".join(block.thinking for block in content if isinstance(block, Thinking))
    if rest or calls or not results:
        yield Message(
            Role(form.role),
            _parts(rest),
            reasoning=thoughts,
            calls=tuple(Call(each.id, each.name, msgspec.json.encode(each.input).decode()) for each in calls),
        )


def _parts(content: Any) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Part(text=content),) if content else ()
    return tuple(part for block in content for part in _of_block(block))


def _of_block(block: Text | Image | Document) -> Iterator[Part]:
    if isinstance(block, Text):
        yield Part(text=block.text)
        return
    if isinstance(block, Document):
        yield from (Part(text=f"{text}\n") for text in (block.title, block.context) if text)
    source = block.source
    if source.type == "text":
        yield Part(text=source.data)
        return
    try:
        data = base64.b64decode(source.data, validate=True)
    except (binascii.Error, ValueError):
        raise malformed("source.data: invalid base64 data") from None
    yield Part(Medium.IMAGE if isinstance(block, Image) else Medium.FILE, data=data, media_type=source.media_type)


# --- how the result is told -------------------------------------------------------------------------------------------


def _answer(answer: Answer) -> Values:
    choice = answer.choices[0]
    content: list[Values] = []
    if choice.reasoning:
        content.append({"type": "thinking", "thinking": choice.reasoning, "signature": ""})
    if choice.text:
        content.append({"type": "text", "text": choice.text})
    content += [
        {"type": "tool_use", "id": each.id, "name": each.name, "input": _input(each.arguments)} for each in choice.calls
    ]
    return _message(answer.id, answer.model, answer.usage) | {
        "content": content,
        "stop_reason": "stop_sequence" if choice.stopped_by else _REASONS[choice.finish],
        "stop_sequence": choice.stopped_by or None,
    }


def _input(text: str) -> Any:
    """A call's arguments: an object, or else what the model wrote."""
    try:
        found = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError:
        found = None
    return found if isinstance(found, dict) else {"raw": text}


def _message(answer_id: str, model: str, usage: Usage) -> dict[str, Any]:
    return {
        "id": answer_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": usage.prompt_tokens, "output_tokens": usage.answer_tokens},
    }


async def _events(stream: Stream, metrics: Metrics) -> AsyncGenerator[Values, None]:
    """Anthropic's events."""
    told = blocks.steps(stream)
    try:
        async for step in told:
            match step:
                case blocks.Begin(usage):
                    metrics.first()
                    yield {"type": "message_start", "message": _message(stream.id, stream.model, usage)}
                case blocks.Open(index, say, call_id, name):
                    yield {"type": "content_block_start", "index": index, "content_block": _begun(say, call_id, name)}
                case blocks.More(index, say, text):
                    yield {"type": "content_block_delta", "index": index, "delta": _delta(say, text)}
                case blocks.Close(index):
                    yield {"type": "content_block_stop", "index": index}
                case blocks.End(finish, stopped_by, usage):
                    reason = "stop_sequence" if stopped_by else _REASONS[finish]
                    delta = {"stop_reason": reason, "stop_sequence": stopped_by or None}
                    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": usage.answer_tokens}}
                    yield {"type": "message_stop", **metrics(usage)}
    finally:
        await told.aclose()


def _begun(say: Say, call_id: str, name: str) -> Values:
    if say is Say.CALL:
        return {"type": "tool_use", "id": call_id, "name": name, "input": {}}
    return {"type": "thinking", "thinking": ""} if say is Say.REASONING else {"type": "text", "text": ""}


def _delta(say: Say, text: str) -> Values:
    if say is Say.CALL:
        return {"type": "input_json_delta", "partial_json": text}
    if say is Say.REASONING:
        return {"type": "thinking_delta", "thinking": text}
    return {"type": "text_delta", "text": text}
