"""Messages of blocks, as a model's conversation: one message of Anthropic's may be several, since a tool's result is a
message of its own in every chat template."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from sampan.dialects.open.anthropic.forms import BlockForm, MessageForm, SourceForm, given, invalid, undone
from sampan.dialects.open.wire import documents
from sampan.services.inference.model import Call, Medium, Message, Part, Role

URL_CHARS_MAX = 8192
_BLANK = "text content blocks must be non-empty"


def conversation(system: str | list[BlockForm] | None, forms: list[MessageForm]) -> tuple[Message, ...]:
    """As the models' service wants it. Raises Fault(INVALID, "argument")."""
    found: list[Message] = []
    if system:
        found.append(Message(Role.SYSTEM, tuple(_texts(system, "system"))))
    for index, form in enumerate(forms):
        found += _messages(form, f"messages.{index}")
    return tuple(found)


def _messages(form: MessageForm, where: str) -> Iterator[Message]:
    if isinstance(form.content, str):
        yield Message(Role(form.role), (Part(text=form.content),))
    elif form.role == "system":
        yield Message(Role.SYSTEM, tuple(_texts(form.content, where)))
    elif form.role == "user":
        yield from _of_user(form.content, f"{where}.content")
    else:
        yield _of_assistant(form.content, f"{where}.content")


def _of_user(blocks: list[BlockForm], where: str) -> Iterator[Message]:
    """Results first, as Anthropic wants them, and then what the user says."""
    if not blocks:
        raise invalid(where, "user messages must have non-empty content")
    parts: list[Part] = []
    for index, block in enumerate(blocks):
        at = f"{where}.{index}"
        if block.type != "tool_result":
            parts += _parts(block, at)
            continue
        if not block.tool_use_id:
            raise invalid(f"{at}.tool_use_id", "Field required")
        if parts:
            yield Message(Role.USER, tuple(parts))
            parts = []
        content = block.content or ""
        said = [Part(text=content)] if isinstance(content, str) else _all_parts(content, f"{at}.content")
        yield Message(Role.TOOL, tuple(said), call_id=block.tool_use_id)
    if parts:
        yield Message(Role.USER, tuple(parts))


def _of_assistant(blocks: list[BlockForm], where: str) -> Message:
    parts: list[Part] = []
    calls: list[Call] = []
    reasoning = ""
    for index, block in enumerate(blocks):
        at = f"{where}.{index}"
        match block.type:
            case "thinking":
                reasoning += block.thinking or ""
            case "redacted_thinking":
                raise undone(at, "thoughts that only Anthropic can read cannot be gone on from")
            case "tool_use":
                if not (block.id and block.name):
                    raise invalid(f"{at}.id", "Field required")
                arguments = documents.mapping(block.input, f"{at}.input") if given(block.input) else {}
                calls.append(Call(block.id, block.name, documents.write(arguments).decode()))
            case _:
                parts += _parts(block, at)
    return Message(Role.ASSISTANT, tuple(parts), reasoning=reasoning, calls=tuple(calls))


def _texts(content: str | list[BlockForm], where: str) -> Iterator[Part]:
    if isinstance(content, str):
        yield Part(text=content)
        return
    for index, block in enumerate(content):
        if block.type != "text":
            raise invalid(f"{where}.{index}.type", "Input should be 'text'")
        yield from _parts(block, f"{where}.{index}")


def _all_parts(blocks: list[BlockForm], where: str) -> list[Part]:
    return [part for index, block in enumerate(blocks) for part in _parts(block, f"{where}.{index}")]


def _parts(block: BlockForm, where: str) -> list[Part]:
    match block.type:
        case "text":
            if not block.text:
                raise invalid(f"{where}.text", _BLANK)
            return [Part(text=block.text)]
        case "image":
            return [_medium(block, Medium.IMAGE, where)]
        case "document":
            return _document(block, where)
        case "search_result":
            content = block.content if isinstance(block.content, list) else []
            return [Part(text=f"{block.title or ''}\n{block.source or ''}\n"), *_all_parts(content, f"{where}.content")]
        case _:
            raise undone(f"{where}.type", f"blocks of type '{block.type[:64]}' are for tools that Anthropic runs")


def _document(block: BlockForm, where: str) -> list[Part]:
    """A text is said with its title; what is not text is for models that read such files."""
    source = block.source
    head = [Part(text=f"{text}\n") for text in (block.title, block.context) if text]
    if isinstance(source, SourceForm) and source.type == "text":
        return [*head, Part(text=source.data)]
    if isinstance(source, SourceForm) and source.type == "content":
        if isinstance(source.content, str):
            return [*head, Part(text=source.content)]
        return [*head, *_all_parts(source.content, f"{where}.source.content")]
    return [*head, _medium(block, Medium.FILE, where)]


def _medium(block: BlockForm, medium: Medium, where: str) -> Part:
    source = block.source
    if not isinstance(source, SourceForm):
        raise invalid(f"{where}.source", "Field required")
    if source.type == "base64":
        try:
            return Part(medium, data=base64.b64decode(source.data, validate=True), media_type=source.media_type)
        except (binascii.Error, ValueError):
            raise invalid(f"{where}.source.data", "invalid base64 data") from None
    if source.type == "url" and source.url.startswith(("https://", "http://")) and len(source.url) <= URL_CHARS_MAX:
        return Part(medium, url=source.url)
    if source.type == "file":
        raise undone(f"{where}.source", "send the bytes: files that were uploaded cannot be named here")
    raise invalid(f"{where}.source", "Input should be a base64 or a url source")
