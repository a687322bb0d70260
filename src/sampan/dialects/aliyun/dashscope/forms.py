"""What a request may say, as types. Limits are Model Studio's where its pages name one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

from sampan.kernel.fault import Fault, Kind

Name = Annotated[str, Meta(min_length=1, max_length=256)]
ToolName = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")]
Text = Annotated[str, Meta(max_length=16_000_000)]
Count = Annotated[int, Meta(ge=1, le=(1 << 31) - 1)]
Natural = Annotated[int, Meta(ge=0, le=(1 << 31) - 1)]
Temperature = Annotated[float, Meta(ge=0, lt=2)]
Share = Annotated[float, Meta(gt=0, le=1)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Repetition = Annotated[float, Meta(gt=0, le=100)]
Answers = Annotated[int, Meta(ge=1, le=128)]
Alternatives = Annotated[int, Meta(ge=0, le=20)]
Int64 = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
MESSAGES_MAX = 16_384
TOOLS_MAX = 128
STOPS_MAX = 16
NOTHING = Raw(b"")


class PartForm(msgspec.Struct):
    """A part of a message: the one field that it has says what it is. OpenAI's form, with a type, is taken, too."""

    text: Text | None = None
    image: str | None = None
    audio: str | None = None
    video: str | list[str] | None = None
    type: str | None = None
    image_url: str | UrlForm | None = None


class UrlForm(msgspec.Struct):
    """`image_url`."""

    url: str


class FunctionForm(msgspec.Struct):
    """The function of a tool call."""

    name: str
    arguments: Text = ""


class CallForm(msgspec.Struct):
    """A tool call that the model made before."""

    function: FunctionForm
    id: str = ""
    type: str = "function"
    index: int | None = None


class MessageForm(msgspec.Struct):
    """A message. `partial` is of an assistant's that is to be gone on with."""

    role: Literal["system", "user", "assistant", "tool"]
    content: Text | list[PartForm] | None = None
    name: str | None = None
    tool_calls: list[CallForm] | None = None
    tool_call_id: str | None = None
    reasoning_content: Text | None = None
    partial: bool = False


class PastForm(msgspec.Struct):
    """A question and its answer, as the first models had them."""

    user: Text = ""
    bot: Text = ""


class ToolFunctionForm(msgspec.Struct):
    """A function."""

    name: ToolName
    description: str | None = None
    parameters: Raw = NOTHING
    strict: bool | None = None


class ToolForm(msgspec.Struct):
    """A tool."""

    type: str
    function: ToolFunctionForm | None = None


class NamedForm(msgspec.Struct):
    """The name of a function."""

    name: ToolName


class ChoiceForm(msgspec.Struct):
    """`tool_choice` where it is an object."""

    type: Literal["function"]
    function: NamedForm


class SchemaForm(msgspec.Struct):
    """`response_format.json_schema`."""

    name: str = ""
    schema: Raw = NOTHING
    strict: bool | None = None


class FormatForm(msgspec.Struct):
    """`response_format`."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaForm | None = None


class InputForm(msgspec.Struct):
    """`input` of a generation."""

    messages: Annotated[list[MessageForm], Meta(max_length=MESSAGES_MAX)] | None = None
    prompt: Text | None = None
    history: Annotated[list[PastForm], Meta(max_length=MESSAGES_MAX)] | None = None


class ParametersForm(msgspec.Struct):
    """`parameters` of a generation. Those that are not named here say nothing to a model."""

    result_format: Literal["text", "message"] | None = None
    incremental_output: bool = False
    temperature: Temperature | None = None
    top_p: Share | None = None
    top_k: Natural | None = None
    min_p: Probability | None = None
    max_tokens: Count | None = None
    seed: Int64 | None = None
    stop: str | Annotated[list[str | int | list[int]], Meta(max_length=STOPS_MAX)] | None = None
    repetition_penalty: Repetition | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    n: Answers = 1
    logprobs: bool = False
    top_logprobs: Alternatives = 0
    tools: Annotated[list[ToolForm], Meta(max_length=TOOLS_MAX)] | None = None
    tool_choice: Literal["auto", "none", "required"] | ChoiceForm | None = None
    parallel_tool_calls: bool = False
    response_format: FormatForm | None = None
    enable_thinking: bool | None = None
    thinking_budget: Natural | None = None
    enable_search: bool | None = None
    plugins: Raw = NOTHING


class AskForm(msgspec.Struct):
    """A generation."""

    model: Name
    input: InputForm
    parameters: ParametersForm = msgspec.field(default_factory=ParametersForm)


class TextsForm(msgspec.Struct):
    """`input` of an embedding."""

    texts: str | list[str]


class EmbedParametersForm(msgspec.Struct):
    """`parameters` of an embedding."""

    text_type: Literal["query", "document"] | None = None
    dimension: Count | None = None
    output_type: str | None = None
    instruct: Text | None = None


class EmbedForm(msgspec.Struct):
    """An embedding."""

    model: Name
    input: TextsForm
    parameters: EmbedParametersForm = msgspec.field(default_factory=EmbedParametersForm)


class QueryForm(msgspec.Struct):
    """`input` of a ranking."""

    query: Text
    documents: list[Text]


class RankParametersForm(msgspec.Struct):
    """`parameters` of a ranking."""

    top_n: Count | None = None
    return_documents: bool = False
    instruct: Text | None = None


class RankForm(msgspec.Struct):
    """A ranking."""

    model: Name
    input: QueryForm
    parameters: RankParametersForm = msgspec.field(default_factory=RankParametersForm)


def given(raw: Raw) -> bool:
    """Whether a field whose form is the caller's own was sent, and asks for something."""
    return bytes(raw) not in (b"", b"null", b"[]", b"{}")


def invalid(name: str, why: str, **facts: Any) -> Fault:
    """A parameter that cannot be what it is."""
    return Fault(Kind.INVALID, "argument", f"<{name}> {why}", name=name, **facts)
