"""Tools, and whether they must be called: as Chat Completions writes them and as Responses does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw

from sampan.dialects.open.openai.limits import NOTHING, TOOLS_MAX, ToolName, given, invalid
from sampan.dialects.open.wire import documents
from sampan.services.inference.model import Tool, Tooling

ANY_ARGUMENTS: dict[str, object] = {"type": "object", "properties": {}}


class FunctionForm(msgspec.Struct):
    """A function: nested in Chat Completions, flat in Responses."""

    name: ToolName
    description: str | None = None
    parameters: Raw = NOTHING
    strict: bool | None = None


class ToolForm(msgspec.Struct):
    """A tool of Chat Completions."""

    type: str
    function: FunctionForm | None = None


class FlatToolForm(msgspec.Struct):
    """A tool of Responses. Those that OpenAI runs itself (web_search, file_search …) have other fields."""

    type: str
    name: str | None = None
    description: str | None = None
    parameters: Raw = NOTHING
    strict: bool | None = None


class NamedForm(msgspec.Struct):
    """The name of a function."""

    name: ToolName


class AllowedForm(msgspec.Struct):
    """`allowed_tools` of Chat Completions."""

    mode: Literal["auto", "required"]
    tools: list[ToolForm]


class ChoiceForm(msgspec.Struct):
    """`tool_choice` where it is an object, in both forms."""

    type: str
    function: NamedForm | None = None
    allowed_tools: AllowedForm | None = None
    name: ToolName | None = None
    mode: Literal["auto", "required"] | None = None
    tools: list[FlatToolForm] | None = None


Tools = Annotated[list[ToolForm], Meta(max_length=TOOLS_MAX)]
FlatTools = Annotated[list[FlatToolForm], Meta(max_length=TOOLS_MAX)]
Choice = Literal["none", "auto", "required"] | ChoiceForm


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of tools."""

    tools: tuple[Tool, ...] = ()
    tooling: Tooling = Tooling.AUTO
    forced: str = ""


def nested(forms: list[ToolForm]) -> tuple[Tool, ...]:
    """Tools of Chat Completions. Raises Fault(INVALID, "argument")."""
    found = []
    for index, form in enumerate(forms):
        if form.type != "function":
            raise _not_ours(f"tools[{index}].type", form.type)
        if form.function is None:
            raise invalid(f"tools[{index}].function", f"Missing required parameter: 'tools[{index}].function'.")
        found.append(_tool(form.function, f"tools[{index}].function"))
    return tuple(found)


def flat(forms: list[FlatToolForm]) -> tuple[Tool, ...]:
    """Tools of Responses. Raises Fault(INVALID, "argument")."""
    found = []
    for index, form in enumerate(forms):
        if form.type != "function":
            raise _not_ours(f"tools[{index}].type", form.type)
        try:
            name = msgspec.convert(form.name, ToolName)
        except msgspec.ValidationError:
            raise invalid(f"tools[{index}].name", f"Invalid value for 'tools[{index}].name'.") from None
        # In Responses a function is strict unless it says otherwise.
        strict = form.strict is None or form.strict
        found.append(_tool(FunctionForm(name, form.description, form.parameters, strict), f"tools[{index}]"))
    return tuple(found)


def asked(tools: tuple[Tool, ...], choice: Choice | None) -> Asked:
    """Tools together with `tool_choice`. Raises Fault(INVALID, "argument") if these do not agree."""
    names = [tool.name for tool in tools]
    if len(set(names)) != len(names):
        raise invalid("tools", "Two tools have the same name.")
    if choice is None or choice == "auto":
        return Asked(tools)
    if choice == "none":
        return Asked(tools, Tooling.NONE)
    if not tools:
        raise invalid("tool_choice", "'tool_choice' is only allowed when 'tools' are specified.")
    if isinstance(choice, str):
        return Asked(tools, Tooling.REQUIRED)
    if choice.type == "allowed_tools":
        return _allowed(tools, choice)
    name = choice.name if choice.function is None else choice.function.name
    if choice.type != "function" or name is None:
        raise _not_ours("tool_choice", choice.type)
    if name not in names:
        raise invalid("tool_choice", f"Tool choice '{name}' not found in 'tools' parameter.")
    return Asked(tools, Tooling.REQUIRED, name)


def _allowed(tools: tuple[Tool, ...], choice: ChoiceForm) -> Asked:
    """Only some of the tools may be called. Those that may not are not shown."""
    if choice.allowed_tools is not None:
        mode, wanted = choice.allowed_tools.mode, {tool.name for tool in nested(choice.allowed_tools.tools)}
    elif choice.mode is not None and choice.tools is not None:
        mode, wanted = choice.mode, {tool.name for tool in flat(choice.tools)}
    else:
        raise invalid("tool_choice", "'allowed_tools' needs a mode and tools.")
    unknown = wanted - {tool.name for tool in tools}
    if unknown or not wanted:
        named = ", ".join(sorted(unknown)) or "none was named"
        raise invalid("tool_choice", f"Allowed tools not found in 'tools': {named}.")
    tooling = Tooling.REQUIRED if mode == "required" else Tooling.AUTO
    return Asked(tuple(tool for tool in tools if tool.name in wanted), tooling)


def _tool(form: FunctionForm, name: str) -> Tool:
    schema = documents.mapping(form.parameters, f"{name}.parameters") if given(form.parameters) else ANY_ARGUMENTS
    return Tool(form.name, form.description or "", schema, bool(form.strict))


def _not_ours(name: str, kind: str) -> Exception:
    return invalid(name, f"Tools of type '{kind[:64]}' are not done by Sampan: only functions are.", unsupported=True)
