"""A request for a chat completion, read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

from sampan.dialects.open.openai import tools as tooling
from sampan.dialects.open.openai.limits import NOTHING, Alternatives, Metadata, Natural, given, invalid, refuse
from sampan.dialects.open.openai.messages import Messages, continued, messages
from sampan.dialects.open.openai.sampling import schema
from sampan.dialects.open.openai.thinking import Thoughtful
from sampan.dialects.open.openai.tools import Choice, Tools
from sampan.dialects.open.wire import documents
from sampan.services.inference.model import Ask, Shape, ShapeKind

_UNDONE = {
    "audio": "its models do not speak",
    "web_search_options": "its models do not search",
    "functions": "tools have taken their place",
    "function_call": "tool_choice has taken its place",
    "chat_template": "a model brings its own",
    "documents": "put them into a message",
    "echo": "only plain completions do it",
}


class SchemaForm(msgspec.Struct):
    """`response_format.json_schema`. `strict` is always so: the answer is held to the schema while it is made."""

    name: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    schema: Raw = NOTHING
    strict: bool | None = None
    description: str | None = None


class FormatForm(msgspec.Struct):
    """`response_format`."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaForm | None = None

    def shape(self, where: str = "response_format") -> Shape | None:
        """The shape of an answer's text. Raises Fault(INVALID, "argument")."""
        if self.type == "text":
            return None
        if self.type == "json_object":
            return Shape(ShapeKind.JSON)
        if self.json_schema is None:
            raise invalid(f"{where}.json_schema", f"Missing required parameter: '{where}.json_schema'.", missing=True)
        if not given(self.json_schema.schema):
            return Shape(ShapeKind.JSON)
        return Shape(ShapeKind.SCHEMA, schema(self.json_schema.schema, f"{where}.json_schema.schema"))


class ChatForm(Thoughtful, kw_only=True):
    """The fields. Those that are not named here (user, service_tier, prompt_cache_key …) say nothing to a model."""

    messages: Messages
    max_completion_tokens: Natural | None = None
    logprobs: bool | None = None
    top_logprobs: Alternatives | None = None
    tools: Tools | None = None
    tool_choice: Choice | None = None
    parallel_tool_calls: bool | None = None
    response_format: FormatForm | None = None
    store: bool | None = None
    metadata: Metadata | None = None
    modalities: list[str] | None = None
    audio: Raw = NOTHING
    web_search_options: Raw = NOTHING
    functions: Raw = NOTHING
    function_call: Raw = NOTHING
    # vLLM's
    chat_template: str | None = None
    documents: Raw = NOTHING
    echo: bool | None = None
    chat_template_kwargs: Raw = NOTHING
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None

    def ask(self) -> Ask:
        """What the model is asked. Raises Fault(INVALID, "argument")."""
        self._check()
        tools = tooling.asked(tooling.nested(self.tools or []), self.tool_choice)
        template: dict[str, Any] = {}
        if given(self.chat_template_kwargs):
            template = documents.mapping(self.chat_template_kwargs, "chat_template_kwargs")
        thinking = self.thinks(template)
        if self.add_generation_prompt is False and not self.continues:
            template = template | {"add_generation_prompt": False}
        tokens_max = self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens
        return Ask(
            messages=messages(self.messages),
            tools=tools.tools,
            tooling=tools.tooling,
            forced=tools.forced,
            parallel_calls=self.parallel_tool_calls is not False,
            shape=self.shape(None if self.response_format is None else self.response_format.shape()),
            sampling=self.sampling(tokens_max, (self.top_logprobs or 0) if self.logprobs else None),
            thinking=thinking,
            thinking_tokens_max=self.thinking_tokens(),
            continues=self.continues,
            template=template,
            priority=-(self.priority or 0),  # vLLM's lower numbers go first
        )

    @property
    def continues(self) -> bool:
        """Whether the answer goes on with the last message."""
        return bool(self.continue_final_message) or continued(self.messages)

    def _check(self) -> None:
        self.check()
        refuse(self, _UNDONE)
        if self.modalities is not None and set(self.modalities) != {"text"}:
            raise invalid("modalities", "Only text can be answered.", unsupported=True)
        if self.top_logprobs is not None and not self.logprobs:
            raise invalid("top_logprobs", "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.")
        if self.continue_final_message and self.add_generation_prompt:
            why = "Cannot set both 'continue_final_message' and 'add_generation_prompt' to True."
            raise invalid("continue_final_message", why)
        if self.continues and self.messages[-1].role != "assistant":
            raise invalid("continue_final_message", "Only an assistant's message can be continued.")
