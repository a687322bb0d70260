"""A request, as what a model is asked."""

from __future__ import annotations

from typing import Any

import msgspec

from sampan.dialects.open.anthropic import blocks
from sampan.dialects.open.anthropic.forms import AskForm, PromptForm, ToolForm, ToolName, given, invalid, undone
from sampan.dialects.open.wire import documents
from sampan.services.inference.model import Ask, Role, Sampling, Shape, ShapeKind, Tool, Tooling

# How long a model may think for an effort, where no budget says it. Anthropic names no numbers; from "high" on a model
# thinks as long as it likes.
EFFORTS: dict[str, int] = {"low": 1024, "medium": 8192}
_CUSTOM = (None, "custom")


def ask(form: PromptForm) -> Ask:
    """Raises Fault(INVALID, "argument")."""
    for name in ("mcp_servers", "container"):
        if given(getattr(form, name)):
            raise undone(name, "tools are called by the client")
    messages = blocks.conversation(form.system, form.messages)
    tools = tuple(_tool(tool, f"tools.{index}") for index, tool in enumerate(form.tools or ()))
    names = [tool.name for tool in tools]
    if len(set(names)) != len(names):
        raise invalid("tools", "Tool names must be unique.")
    tooling, forced, parallel = _choice(form, names)
    return Ask(
        messages=messages,
        tools=tools,
        tooling=tooling,
        forced=forced,
        parallel_calls=parallel,
        shape=_shape(form),
        sampling=_sampling(form) if isinstance(form, AskForm) else Sampling(),
        thinking=_thinks(form),
        thinking_tokens_max=_thinking_tokens(form),
        # The answer goes on with words that were put into the assistant's mouth.
        continues=messages[-1].role is Role.ASSISTANT,
    )


def _sampling(form: AskForm) -> Sampling:
    budget = form.thinking.budget_tokens if form.thinking is not None else None
    if budget is not None and budget >= form.max_tokens:
        raise invalid("max_tokens", "`max_tokens` must be greater than `thinking.budget_tokens`")
    if any(not stop.strip() for stop in form.stop_sequences or ()):
        raise invalid("stop_sequences", "each stop sequence must contain non-whitespace")
    return Sampling(
        temperature=form.temperature,
        top_p=form.top_p,
        top_k=form.top_k,
        seed=form.seed,
        tokens_max=form.max_tokens,
        stop=tuple(form.stop_sequences or ()),
    )


def _tool(form: ToolForm, where: str) -> Tool:
    if form.type not in _CUSTOM:
        raise undone(f"{where}.type", f"tools of type '{str(form.type)[:64]}' are run by Anthropic")
    try:
        name = msgspec.convert(form.name, ToolName)
    except msgspec.ValidationError:
        raise invalid(f"{where}.name", "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'") from None
    if not given(form.input_schema):
        raise invalid(f"{where}.input_schema", "Field required")
    schema = documents.mapping(form.input_schema, f"{where}.input_schema")
    return Tool(name, form.description or "", schema, bool(form.strict))


def _choice(form: PromptForm, names: list[str]) -> tuple[Tooling, str, bool]:
    """Whether a tool must be called, which one, and whether several may be."""
    choice = form.tool_choice
    if choice is None:
        return Tooling.AUTO, "", True
    parallel = not choice.disable_parallel_tool_use
    if choice.type == "none":
        return Tooling.NONE, "", parallel
    if not names:
        raise invalid("tool_choice", "`tool_choice` may only be specified while providing `tools`.")
    if choice.type == "auto":
        return Tooling.AUTO, "", parallel
    if choice.type == "any":
        return Tooling.REQUIRED, "", parallel
    if choice.name not in names:
        raise invalid("tool_choice", f"Tool '{choice.name[:128]}' not found in provided tools")
    return Tooling.REQUIRED, choice.name, parallel


def _shape(form: PromptForm) -> Shape | None:
    wanted = form.output_config.format if form.output_config is not None else None
    wanted = wanted or form.output_format
    if wanted is None:
        return None
    schema: dict[str, Any] = documents.mapping(wanted.schema, "output_config.format.schema")
    return Shape(ShapeKind.SCHEMA, documents.write(schema).decode())


def _thinks(form: PromptForm) -> bool | None:
    """Without a word of it a model does as it likes: so it does at every other door, and one seed is one answer."""
    thinking = form.thinking
    if thinking is None:
        return None
    if thinking.type == "disabled":
        return False
    if thinking.type == "enabled" and thinking.budget_tokens is None:
        raise invalid("thinking.enabled.budget_tokens", "Field required")
    return True


def _thinking_tokens(form: PromptForm) -> int | None:
    if form.thinking is not None and form.thinking.budget_tokens is not None:
        return form.thinking.budget_tokens
    effort = form.output_config.effort if form.output_config is not None else None
    return EFFORTS.get(effort or "")
