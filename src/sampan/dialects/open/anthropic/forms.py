"""What a request may say, as types. Limits are Anthropic's where its pages name one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

from sampan.kernel.fault import Fault, Kind

Name = Annotated[str, Meta(min_length=1, max_length=256)]
ToolName = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
Text = Annotated[str, Meta(max_length=16_000_000)]
Count = Annotated[int, Meta(ge=1, le=(1 << 31) - 1)]
Natural = Annotated[int, Meta(ge=0, le=(1 << 31) - 1)]
Share = Annotated[float, Meta(ge=0, le=1)]
MESSAGES_MAX = 100_000
TOOLS_MAX = 1024
STOPS_MAX = 16
NOTHING = Raw(b"")


class SourceForm(msgspec.Struct):
    """Where a picture or a document comes from: `type` is base64, url, text, content or file."""

    type: str
    media_type: str = ""
    data: str = ""
    url: str = ""
    file_id: str = ""
    content: str | list[BlockForm] = ""


class BlockForm(msgspec.Struct):
    """A block of a message, of any type; which fields it has depends on that."""

    type: str
    text: Text | None = None
    source: SourceForm | str | None = None
    title: str | None = None
    context: str | None = None
    id: str = ""
    name: str = ""
    input: Raw = NOTHING
    tool_use_id: str = ""
    content: Text | list[BlockForm] | None = None
    is_error: bool = False
    thinking: Text | None = None
    signature: str = ""


Blocks = Annotated[list[BlockForm], Meta(max_length=MESSAGES_MAX)]


class MessageForm(msgspec.Struct):
    """A message."""

    role: Literal["user", "assistant", "system"]
    content: Text | Blocks


class ToolForm(msgspec.Struct):
    """A tool. Those that Anthropic runs itself have a `type` of their own, and other fields."""

    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: Raw = NOTHING
    strict: bool | None = None


class ChoiceForm(msgspec.Struct):
    """`tool_choice`."""

    type: Literal["auto", "any", "tool", "none"]
    name: str = ""
    disable_parallel_tool_use: bool = False


class ThinkingForm(msgspec.Struct):
    """`thinking`."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: Annotated[int, Meta(ge=1024)] | None = None
    display: Literal["summarized", "omitted"] | None = None


class FormatForm(msgspec.Struct):
    """`output_config.format`."""

    type: Literal["json_schema"]
    schema: Raw = NOTHING


class OutputForm(msgspec.Struct):
    """`output_config`."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: FormatForm | None = None


class PromptForm(msgspec.Struct, kw_only=True):
    """What messages and count_tokens have in common."""

    model: Name
    messages: Annotated[list[MessageForm], Meta(min_length=1, max_length=MESSAGES_MAX)]
    system: Text | Blocks | None = None
    tools: Annotated[list[ToolForm], Meta(max_length=TOOLS_MAX)] | None = None
    tool_choice: ChoiceForm | None = None
    thinking: ThinkingForm | None = None
    output_config: OutputForm | None = None
    output_format: FormatForm | None = None
    mcp_servers: Raw = NOTHING
    container: Raw = NOTHING
    context_management: Raw = NOTHING


class AskForm(PromptForm, kw_only=True):
    """A request for a message. Fields that are not named here (metadata, service_tier, speed, cache_control …) say
    nothing to a model."""

    max_tokens: Count
    temperature: Share | None = None
    top_p: Share | None = None
    top_k: Natural | None = None
    stop_sequences: Annotated[list[str], Meta(max_length=STOPS_MAX)] | None = None
    stream: bool = False
    seed: int | None = None  # not Anthropic's: every other door of Sampan has it, too


def given(raw: Raw) -> bool:
    """Whether a field whose form is the caller's own was sent, and asks for something."""
    return bytes(raw) not in (b"", b"null", b"[]", b"{}")


def invalid(name: str, why: str, **facts: Any) -> Fault:
    """A parameter that cannot be what it is. `name` is its path: "messages.0.content"."""
    return Fault(Kind.INVALID, "argument", f"{name}: {why}", name=name, **facts)


def undone(name: str, why: str) -> Fault:
    """What Anthropic does and Sampan does not."""
    return invalid(name, f"{why} (Sampan does not do this)")
