"""A request for a response, read."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Raw

from sampan.dialects.open.openai import tools as tooling
from sampan.dialects.open.openai.chat_form import FormatForm, SchemaForm
from sampan.dialects.open.openai.items import Input, messages
from sampan.dialects.open.openai.limits import (
    NOTHING,
    Alternatives,
    Count,
    Metadata,
    Name,
    Text,
    given,
    invalid,
    refuse,
)  # fmt: skip
from sampan.dialects.open.openai.thinking import Effort, Thoughtful
from sampan.dialects.open.openai.tools import Choice, FlatTools
from sampan.dialects.open.wire import documents
from sampan.services.inference.model import Ask, Message, Part, Role, Shape

LOGPROBS = "message.output_text.logprobs"
_UNDONE = {
    "background": "ask for a stream, or make a batch",
    "conversation": "go on with previous_response_id",
    "prompt": "send the instructions themselves",
}


class FlatFormatForm(msgspec.Struct):
    """`text.format`."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: Raw = NOTHING
    strict: bool | None = None

    def shape(self) -> Shape | None:
        """Raises Fault(INVALID, "argument")."""
        if self.type != "json_schema":
            return FormatForm(self.type).shape()
        if not given(self.schema):
            raise invalid("text.format.schema", "Missing required parameter: 'text.format.schema'.", missing=True)
        return FormatForm(self.type, SchemaForm(self.name or "", self.schema)).shape("text.format")


class TextForm(msgspec.Struct):
    """`text`."""

    format: FlatFormatForm | None = None


class ReasoningForm(msgspec.Struct):
    """`reasoning`."""

    effort: Effort | None = None


class ResponseForm(Thoughtful, kw_only=True):
    """The fields: OpenAI's, and of vLLM's those that say how tokens are chosen."""

    input: Input
    instructions: Text | None = None
    previous_response_id: Name | None = None
    max_output_tokens: Count | None = None
    top_logprobs: Alternatives | None = None
    include: list[str] | None = None
    tools: FlatTools | None = None
    tool_choice: Choice | None = None
    parallel_tool_calls: bool | None = None
    text: TextForm | None = None
    reasoning: ReasoningForm | None = None
    store: bool | None = None
    metadata: Metadata | None = None
    chat_template_kwargs: Raw = NOTHING
    background: bool | None = None
    conversation: Raw = NOTHING
    prompt: Raw = NOTHING

    def ask(self) -> Ask:
        """What the model is asked, but for the instructions. Raises Fault(INVALID, "argument")."""
        self._check()
        tools = tooling.asked(tooling.flat(self.tools or []), self.tool_choice)
        template: dict[str, Any] = {}
        if given(self.chat_template_kwargs):
            template = documents.mapping(self.chat_template_kwargs, "chat_template_kwargs")
        wants = self.top_logprobs is not None or LOGPROBS in (self.include or ())
        shape = None if self.text is None or self.text.format is None else self.text.format.shape()
        return Ask(
            messages=self.sent(),
            tools=tools.tools,
            tooling=tools.tooling,
            forced=tools.forced,
            parallel_calls=self.parallel_tool_calls is not False,
            shape=self.shape(shape),
            sampling=self.sampling(self.max_output_tokens, (self.top_logprobs or 0) if wants else None),
            thinking=self.thinks(template),
            thinking_tokens_max=self.thinking_tokens(),
            template=template,
            priority=-(self.priority or 0),  # vLLM's lower numbers go first
        )

    def instructed(self) -> tuple[Message, ...]:
        """The instructions as a message: they hold for this response alone, and are not carried on to the next."""
        return (Message(Role.SYSTEM, (Part(text=self.instructions),)),) if self.instructions else ()

    def sent(self) -> tuple[Message, ...]:
        """What was sent beside these. Raises Fault(INVALID, "argument")."""
        return messages(self.input)

    def _check(self) -> None:
        self.check()
        refuse(self, _UNDONE)
        if self.n not in (None, 1):
            raise invalid("n", "A response has one answer.")
        if not self.input and self.previous_response_id is None:
            raise invalid("input", "'input' is empty, and there is no 'previous_response_id'.")
        if self.reasoning is not None and self.reasoning.effort is not None:
            if self.reasoning_effort not in (None, self.reasoning.effort):
                raise invalid("reasoning.effort", "'reasoning.effort' and 'reasoning_effort' disagree.")
            self.reasoning_effort = self.reasoning.effort


class Echo(msgspec.Struct, kw_only=True):
    """What a response repeats of its request, as it was sent; and with what it shows what was not sent."""

    instructions: Raw = Raw(b"null")
    metadata: Raw = Raw(b"{}")
    tools: Raw = Raw(b"[]")
    tool_choice: Raw = Raw(b'"auto"')
    parallel_tool_calls: Raw = Raw(b"true")
    temperature: Raw = Raw(b"null")
    top_p: Raw = Raw(b"null")
    top_logprobs: Raw = Raw(b"0")
    max_output_tokens: Raw = Raw(b"null")
    max_tool_calls: Raw = Raw(b"null")
    previous_response_id: Raw = Raw(b"null")
    reasoning: Raw = Raw(b'{"effort":null,"summary":null}')
    text: Raw = Raw(b'{"format":{"type":"text"}}')
    truncation: Raw = Raw(b'"disabled"')
    user: Raw = Raw(b"null")
    store: Raw = Raw(b"true")


class Note(Echo, kw_only=True):
    """What is kept beside a turn. `inputs` is how many of its messages were this request's `input`."""

    inputs: int = 0

    def filled(self, inputs: int) -> Note:
        """As it is kept: what was sent as null is as good as not sent."""
        for name in Echo.__struct_fields__:
            if not given(getattr(self, name)):
                setattr(self, name, getattr(_PLAIN, name))
        self.inputs = inputs
        return self


_PLAIN = Echo()
