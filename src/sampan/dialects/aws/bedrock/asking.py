"""What Converse says, as what a model is asked.

Source: Amazon Bedrock API reference, Converse, ConverseStream and CountTokens. A message of Bedrock's may be several
here: a tool's result is a message of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sampan.dialects.aws.bedrock import extra
from sampan.dialects.aws.wire.json_format import JsonFormat
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference.model import (
    Ask,
    Call,
    Medium,
    Message,
    Part,
    Role,
    Sampling,
    Shape,
    ShapeKind,
    Tool,
    Tooling,
)

Values = Mapping[str, Any]

_MEDIA = {"image": (Medium.IMAGE, "image"), "audio": (Medium.AUDIO, "audio"), "video": (Medium.VIDEO, "video")}
_TEXTS = frozenset({"txt", "md", "csv", "html"})
_FILES = {
    "pdf": "application/pdf",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def ask(params: Values) -> Ask:
    """The question of a Converse, a ConverseStream or a CountTokens. Raises Fault(INVALID, "argument")."""
    for name, what in (("guardrailConfig", "guardrails"), ("promptVariables", "prompts that are managed by Bedrock")):
        if params.get(name):
            raise _undone(name, what)
    messages = tuple(_conversation(params))
    said = [message for message in messages if message.role is not Role.SYSTEM]
    if not said or said[0].role is Role.ASSISTANT:
        raise _invalid(
            "messages",
            "A conversation must start with a user message. Try again with a conversation that starts with a user "
            "message.",
        )
    tools, tooling, forced = _tools(params.get("toolConfig") or {})
    asked = Ask(
        messages=messages,
        tools=tools,
        tooling=tooling,
        forced=forced,
        shape=_shape(params.get("outputConfig") or {}),
        sampling=_sampling(params.get("inferenceConfig") or {}),
        continues=messages[-1].role is Role.ASSISTANT,
    )
    return extra.add(asked, params.get("additionalModelRequestFields"))


def _sampling(config: Values) -> Sampling:
    return Sampling(
        temperature=config.get("temperature"),
        top_p=config.get("topP"),
        tokens_max=config.get("maxTokens"),
        stop=tuple(config.get("stopSequences", ())),
    )


def _shape(config: Values) -> Shape | None:
    form = config.get("textFormat")
    return None if form is None else Shape(ShapeKind.SCHEMA, form["structure"]["jsonSchema"]["schema"])


def _tools(config: Values) -> tuple[tuple[Tool, ...], Tooling, str]:
    tools = []
    for each in config.get("tools", ()):
        if "systemTool" in each:
            raise _undone("toolConfig.tools", "tools that Bedrock runs itself")
        if "toolSpec" in each:
            spec = each["toolSpec"]
            schema = spec["inputSchema"].get("json")
            if not isinstance(schema, dict):
                raise _invalid("toolConfig.tools", "The value at toolConfig.tools.inputSchema.json is no JSON object.")
            tools.append(Tool(spec["name"], spec.get("description", ""), schema, spec.get("strict", False)))
    choice = config.get("toolChoice") or {}
    forced = choice["tool"]["name"] if "tool" in choice else ""
    if forced and forced not in [tool.name for tool in tools]:
        raise _invalid("toolConfig.toolChoice", f"The tool {forced[:64]} is none of toolConfig.tools.")
    return tuple(tools), Tooling.REQUIRED if forced or "any" in choice else Tooling.AUTO, forced


# --- messages ---------------------------------------------------------------------------------------------------------


def _conversation(params: Values) -> Iterator[Message]:
    system = [part for block in params.get("system", ()) for part in _parts(block, "system")]
    if system:
        yield Message(Role.SYSTEM, tuple(system))
    for message in params.get("messages", ()):
        match message["role"]:
            case "assistant":
                yield _of_assistant(message["content"])
            case role:
                yield from _of_others(Role(role), message["content"])


def _of_others(role: Role, content: Sequence[Values]) -> Iterator[Message]:
    """Parts that follow each other are one message."""
    parts: list[Part] = []
    for block in content:
        result = block.get("toolResult")
        if result is None:
            parts += _parts(block, "messages")
            continue
        if parts:
            yield Message(role, tuple(parts))
            parts = []
        said = [part for each in result["content"] for part in _parts(each, "toolResult")]
        yield Message(Role.TOOL, tuple(said), call_id=result["toolUseId"])
    if parts:
        yield Message(role, tuple(parts))


def _of_assistant(content: Sequence[Values]) -> Message:
    parts: list[Part] = []
    calls: list[Call] = []
    reasoning = ""
    for block in content:
        if "toolUse" in block:
            use = block["toolUse"]
            arguments = use["input"] if isinstance(use["input"], str) else JsonFormat().encode(use["input"]).decode()
            calls.append(Call(use["toolUseId"], use["name"], arguments))
        elif "reasoningContent" in block:
            reasoning += block["reasoningContent"].get("reasoningText", {}).get("text", "")
        else:
            parts += _parts(block, "messages")
    return Message(Role.ASSISTANT, tuple(parts), reasoning=reasoning, calls=tuple(calls))


def _parts(block: Values, where: str) -> list[Part]:
    """What one block says. A mark in the cache says nothing: what can be shared is found without it."""
    ((kind, value),) = block.items()
    match kind:
        case "text":
            return [Part(text=value)]
        case "json":
            return [Part(text=JsonFormat().encode(value).decode())]
        case "cachePoint":
            return []
        case "image" | "audio" | "video":
            medium, word = _MEDIA[kind]
            return [Part(medium, data=_bytes(value["source"], where), media_type=f"{word}/{value['format']}")]
        case "document":
            return _document(value, where)
        case "searchResult":
            said = [Part(text=each["text"]) for each in value["content"]]
            return [Part(text=f"{value['title']}\n{value['source']}\n"), *said]
        case "citationsContent":
            return [Part(text=each.get("text", "")) for each in value.get("content", ())]
        case "guardContent" if "text" in value:
            return [Part(text=value["text"]["text"])]
    raise _undone(where, f"blocks of type {kind}")


def _document(value: Values, where: str) -> list[Part]:
    """A text is said after its name; what is not text is for models that read such files."""
    source, form = value["source"], value.get("format", "txt")
    head = Part(text="\n".join(each for each in (value["name"], value.get("context", "")) if each) + "\n")
    if "text" in source:
        return [head, Part(text=source["text"])]
    if "content" in source:
        return [head, *(Part(text=each["text"]) for each in source["content"])]
    data = _bytes(source, where)
    if form not in _TEXTS:
        return [head, Part(Medium.FILE, data=data, media_type=_FILES[form])]
    try:
        return [head, Part(text=data.decode())]
    except UnicodeDecodeError:
        raise _invalid(where, f"The document {value['name'][:64]} is not UTF-8.") from None


def _bytes(source: Values, where: str) -> bytes:
    if "bytes" not in source:
        raise _undone(where, "things in S3: send their bytes")
    found: bytes = source["bytes"]
    return found


def _invalid(name: str, why: str) -> Fault:
    return Fault(Kind.INVALID, "argument", why, name=name)


def _undone(name: str, what: str) -> Fault:
    """What this server cannot do is told as Bedrock tells what a model does not support."""
    return _invalid(name, f"This model doesn't support the {name} field that was given: {what}")
