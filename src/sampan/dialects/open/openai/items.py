"""Items of Responses: what is sent and said there, as messages and back.

A message of ours that an assistant made is up to three kinds of items there: what it thought, what it said, and the
functions that it wants to be called.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

from sampan.dialects.open.openai import content, logprobs
from sampan.dialects.open.openai.limits import MESSAGES_MAX, NOTHING, Text, invalid
from sampan.dialects.open.wire import documents
from sampan.services.inference.model import Call, Logprob, Medium, Message, Part, Role


class PartForm(msgspec.Struct):
    """A part of an item's content, or of a function's output."""

    type: str
    text: Text | None = None
    refusal: Text | None = None
    image_url: Text | None = None
    file_data: Text | None = None
    file_url: str | None = None


class ItemForm(msgspec.Struct):
    """An item of `input`."""

    type: str = "message"
    id: str | None = None
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: Text | list[PartForm] | None = None
    summary: list[PartForm] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Text | None = None
    output: Raw = NOTHING


Input = Text | Annotated[list[ItemForm], Meta(max_length=MESSAGES_MAX)]

_OUTPUT = msgspec.json.Decoder(Text | list[PartForm])
_ROLES = {"developer": Role.SYSTEM, "system": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT}
_NO_MESSAGE = Message(Role.ASSISTANT)


# --- in ---------------------------------------------------------------------------------------------------------------


def messages(sent: str | list[ItemForm]) -> tuple[Message, ...]:
    """What was sent as messages. Raises Fault(INVALID, "argument")."""
    if isinstance(sent, str):
        return (Message(Role.USER, (Part(text=sent),)),)
    talk = _Talk()
    for index, form in enumerate(sent):
        talk.add(form, f"input[{index}]")
    return talk.ended()


@dataclass
class _Talk:
    """Messages, of which the last may be an assistant's that more items belong to."""

    done: list[Message] = field(default_factory=list)
    draft: Message = _NO_MESSAGE

    def add(self, form: ItemForm, where: str) -> None:
        match form.type:
            case "message":
                self._message(form, where)
            case "reasoning":
                self._turn(new=bool(self.draft.parts or self.draft.calls))
                thought = form.content if isinstance(form.content, list) and form.content else form.summary
                text = "".join(part.text or "" for part in thought or ())
                self.draft = replace(self.draft, reasoning=self.draft.reasoning + text)
            case "function_call":
                if not (form.call_id and form.name and form.arguments is not None):
                    raise invalid(where, f"'{where}' needs a call_id, a name and arguments.", missing=True)
                called = Call(form.call_id, form.name, form.arguments)
                self.draft = replace(self.draft, calls=(*self.draft.calls, called))
            case "function_call_output":
                self._turn(new=True)
                if not form.call_id:
                    raise invalid(f"{where}.call_id", f"Missing required parameter: '{where}.call_id'.", missing=True)
                output = documents.read(bytes(form.output) or b'""', _OUTPUT)
                self.done.append(Message(Role.TOOL, _parts(output, f"{where}.output"), call_id=form.call_id))
            case _:
                why = f"Items of type '{form.type[:64]}' are not done by Sampan."
                raise invalid(f"{where}.type", why, unsupported=True)

    def _message(self, form: ItemForm, where: str) -> None:
        if form.role is None or form.content is None:
            name = f"{where}.{'role' if form.role is None else 'content'}"
            raise invalid(name, f"Missing required parameter: '{name}'.", missing=True)
        parts = _parts(form.content, f"{where}.content")
        if form.role == "assistant":
            self._turn(new=bool(self.draft.parts or self.draft.calls))
            self.draft = replace(self.draft, parts=parts)
        else:
            self._turn(new=True)
            self.done.append(Message(_ROLES[form.role], parts))

    def _turn(self, *, new: bool) -> None:
        """Leave the assistant's message as it is, if what follows is not a part of it."""
        if new and self.draft != _NO_MESSAGE:
            self.done.append(self.draft)
            self.draft = _NO_MESSAGE

    def ended(self) -> tuple[Message, ...]:
        self._turn(new=True)
        return tuple(self.done)


def _parts(sent: str | list[PartForm], where: str) -> tuple[Part, ...]:
    if isinstance(sent, str):
        return (Part(text=sent),) if sent else ()
    return tuple(_part(form, f"{where}[{index}]") for index, form in enumerate(sent))


def _part(form: PartForm, where: str) -> Part:
    match form.type:
        case "input_text" | "output_text" | "text" | "reasoning_text" | "summary_text" if form.text is not None:
            return Part(text=form.text)
        case "refusal" if form.refusal is not None:
            return Part(text=form.refusal)
        case "input_image" if form.image_url is not None:
            return content.at(form.image_url, Medium.IMAGE, f"{where}.image_url")
        case "input_file" if form.file_data is not None or form.file_url is not None:
            return content.at(form.file_data or form.file_url or "", Medium.FILE, f"{where}.file_data")
    raise invalid(where, f"'{where}' of type '{form.type[:64]}' cannot be read.")


# --- out --------------------------------------------------------------------------------------------------------------


class Ids:
    """Ids of one response's items, always the same for the same response: nothing of them need be kept."""

    def __init__(self, response_id: str, mark: str = "") -> None:
        self._stem = response_id.partition("_")[2] + mark

    def of(self, kind: str, index: int) -> str:
        """The id of item number `index`."""
        return f"{kind}_{self._stem}{index:02x}"


def reasoning(item_id: str, text: str, status: str) -> dict[str, Any]:
    """What was thought. Models that think aloud have no summary of it."""
    parts = [{"type": "reasoning_text", "text": text}] if text else []
    return {"id": item_id, "type": "reasoning", "summary": [], "content": parts, "status": status}


def text_part(text: str, known: Sequence[Logprob] = ()) -> dict[str, Any]:
    """What was said."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs.tokens(known)}


def said(item_id: str, parts: list[dict[str, Any]], status: str) -> dict[str, Any]:
    """A message of the assistant."""
    return {"id": item_id, "type": "message", "role": "assistant", "status": status, "content": parts}


def function_call(item_id: str, call: Call, status: str) -> dict[str, Any]:
    """A function that is to be called."""
    return {
        "id": item_id,
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "status": status,
    }


def output(message: Message, ids: Ids, status: str, known: Sequence[Logprob] = (), first: int = 0) -> list[Any]:
    """An assistant's message as items: thought, text, calls; there is always one of the last two. `status` is that of
    the last item: what comes before it is complete."""
    made: list[dict[str, Any]] = []
    if message.reasoning:
        made.append(reasoning(ids.of("rs", first), message.reasoning, "completed"))
    if message.text or not message.calls:
        part = text_part(message.text, known)
        made.append(said(ids.of("msg", first + len(made)), [part], "completed"))
    made += [
        function_call(ids.of("fc", first + len(made) + index), call, "completed")
        for index, call in enumerate(message.calls)
    ]
    made[-1]["status"] = status
    return made


def sent(messages: Sequence[Message], ids: Ids) -> list[dict[str, Any]]:
    """Messages that were sent, as items."""
    made: list[dict[str, Any]] = []
    for message in messages:
        if message.role is Role.ASSISTANT:
            made += output(message, ids, "completed", first=len(made))
        elif message.role is Role.TOOL:
            item_id = ids.of("fco", len(made))
            shown = {"id": item_id, "type": "function_call_output", "call_id": message.call_id}
            made.append(shown | {"output": message.text, "status": "completed"})
        else:
            shown = {"id": ids.of("msg", len(made)), "type": "message", "role": str(message.role)}
            made.append(shown | {"status": "completed", "content": [_shown(part) for part in message.parts]})
    return made


def _shown(part: Part) -> dict[str, Any]:
    if part.medium is Medium.TEXT:
        return {"type": "input_text", "text": part.text}
    url = part.url or f"data:{part.media_type};base64,{base64.b64encode(part.data).decode()}"
    if part.medium is Medium.IMAGE:
        return {"type": "input_image", "detail": "auto", "image_url": url}
    return {"type": "input_file", "file_data": url}
