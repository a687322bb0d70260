"""Messages of Chat Completions, in and out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

from sampan.dialects.open.openai import content
from sampan.dialects.open.openai.limits import MESSAGES_MAX, NOTHING, Text, given, invalid
from sampan.services.inference.model import Call, Medium, Message, Part, Role


class UrlForm(msgspec.Struct):
    """`image_url`, and what was made after it."""

    url: str
    detail: str | None = None


class AudioForm(msgspec.Struct):
    """`input_audio`."""

    data: str
    format: str = ""


class FileForm(msgspec.Struct):
    """`file`."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class PartForm(msgspec.Struct):
    """A part of a message."""

    type: str
    text: Text | None = None
    refusal: Text | None = None
    image_url: UrlForm | str | None = None
    video_url: UrlForm | str | None = None
    input_audio: AudioForm | None = None
    file: FileForm | None = None


class CalledForm(msgspec.Struct):
    """The function of a tool call."""

    name: str
    arguments: Text = ""


class CallForm(msgspec.Struct):
    """A tool call that the model made before."""

    function: CalledForm
    id: str = ""
    type: Literal["function"] = "function"


class MessageForm(msgspec.Struct):
    """A message. `reasoning_content` is DeepSeek's and vLLM's, `prefix` DeepSeek's, `partial` Model Studio's."""

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: Text | list[PartForm] | None = None
    name: str | None = None
    tool_calls: list[CallForm] | None = None
    tool_call_id: str | None = None
    refusal: Text | None = None
    reasoning_content: Text | None = None
    reasoning: Text | None = None
    prefix: bool | None = None
    partial: bool | None = None
    function_call: Raw = NOTHING


Messages = Annotated[list[MessageForm], Meta(min_length=1, max_length=MESSAGES_MAX)]

_ROLES = {
    "developer": Role.SYSTEM,  # o-series models' word for it
    "system": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
}


def messages(forms: list[MessageForm]) -> tuple[Message, ...]:
    """As the models' service wants them. Raises Fault(INVALID, "argument")."""
    return tuple(_message(form, f"messages[{index}]") for index, form in enumerate(forms))


def continued(forms: list[MessageForm]) -> bool:
    """Whether the last message says of itself that it is not complete."""
    last = forms[-1]
    return last.role == "assistant" and bool(last.prefix or last.partial)


def _message(form: MessageForm, where: str) -> Message:
    if form.role == "function" or given(form.function_call):
        raise invalid(where, "Functions are not done by Sampan: tools have taken their place.", unsupported=True)
    if form.role == "tool" and not form.tool_call_id:
        raise invalid(f"{where}.tool_call_id", f"Missing required parameter: '{where}.tool_call_id'.", missing=True)
    calls = tuple(Call(call.id, call.function.name, call.function.arguments) for call in form.tool_calls or ())
    if form.content is None and form.role != "assistant":
        raise invalid(f"{where}.content", f"Missing required parameter: '{where}.content'.", missing=True)
    return Message(
        _ROLES[form.role],
        _parts(form, where),
        reasoning=(form.reasoning_content or form.reasoning or "") if form.role == "assistant" else "",
        calls=calls if form.role == "assistant" else (),
        call_id=form.tool_call_id or "",
        name=form.name or "",
    )


def _parts(form: MessageForm, where: str) -> tuple[Part, ...]:
    if isinstance(form.content, str):
        return (Part(text=form.content),) if form.content else ()
    found = [_part(part, f"{where}.content[{index}]") for index, part in enumerate(form.content or ())]
    return (*found, Part(text=form.refusal)) if form.refusal else tuple(found)


def _part(form: PartForm, where: str) -> Part:
    match form.type:
        case "text" if form.text is not None:
            return Part(text=form.text)
        case "refusal" if form.refusal is not None:
            return Part(text=form.refusal)
        case "image_url" if form.image_url is not None:
            return content.at(_url(form.image_url), Medium.IMAGE, f"{where}.image_url")
        case "video_url" if form.video_url is not None:
            return content.at(_url(form.video_url), Medium.VIDEO, f"{where}.video_url")
        case "input_audio" if form.input_audio is not None:
            kind = f"audio/{form.input_audio.format}"
            return content.encoded(form.input_audio.data, Medium.AUDIO, kind, f"{where}.input_audio.data")
        case "file" if form.file is not None and form.file.file_data is not None:
            return content.at(form.file.file_data, Medium.FILE, f"{where}.file.file_data")
    raise invalid(where, f"'{where}' of type '{form.type[:64]}' cannot be read.")


def _url(form: UrlForm | str) -> str:
    return form if isinstance(form, str) else form.url


def call(made: Call, index: int | None = None) -> dict[str, Any]:
    """A tool call as a reply shows it; numbered where it is streamed."""
    shown: dict[str, Any] = {} if index is None else {"index": index}
    return shown | {"id": made.id, "type": "function", "function": {"name": made.name, "arguments": made.arguments}}
