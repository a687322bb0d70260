"""A request for a generation, as what a model is asked."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from sampan.dialects.aliyun.dashscope.forms import (
    AskForm,
    MessageForm,
    ParametersForm,
    PartForm,
    UrlForm,
    given,
    invalid,
)
from sampan.dialects.open.wire import documents
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

URL_CHARS_MAX = 8192
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*;base64,")
_SCHEMES = ("https://", "http://", "oss://")


def ask(form: AskForm) -> Ask:
    """Raises Fault(INVALID, "argument")."""
    wanted = form.parameters
    if wanted.enable_search:
        raise invalid("enable_search", "cannot be true: models here do not search the web.")
    if given(wanted.plugins):
        raise invalid("plugins", "cannot be given: models here have none.")
    messages = _messages(form)
    tools = tuple(_tools(wanted))
    tooling, forced = _choice(wanted, tools)
    return Ask(
        messages=messages,
        tools=tools,
        tooling=tooling,
        forced=forced,
        parallel_calls=wanted.parallel_tool_calls,
        shape=_shape(wanted),
        sampling=sampling(wanted),
        thinking=wanted.enable_thinking,
        thinking_tokens_max=wanted.thinking_budget,
        continues=bool(form.input.messages) and form.input.messages[-1].partial,  # type: ignore[index]
    )


def sampling(wanted: ParametersForm) -> Sampling:
    """How tokens are chosen."""
    stops = [wanted.stop] if isinstance(wanted.stop, str) else wanted.stop or []
    ids = [one[0] if isinstance(one, list) and len(one) == 1 else one for one in stops if not isinstance(one, str)]
    tokens = [one for one in ids if isinstance(one, int) and 0 <= one < 1 << 31]
    if len(tokens) < len(ids):
        raise invalid("stop", "must hold texts, or single tokens.")
    return Sampling(
        temperature=wanted.temperature,
        top_p=wanted.top_p,
        # Model Studio takes numbers above 100 for "all".
        top_k=None if wanted.top_k is None else wanted.top_k if wanted.top_k <= 100 else 0,
        min_p=wanted.min_p,
        repetition_penalty=wanted.repetition_penalty,
        presence_penalty=wanted.presence_penalty,
        frequency_penalty=wanted.frequency_penalty,
        seed=wanted.seed,
        tokens_max=wanted.max_tokens,
        stop=tuple(one for one in stops if isinstance(one, str)),
        stop_tokens=tuple(tokens),
        n=wanted.n,
        logprobs=wanted.top_logprobs if wanted.logprobs else None,
    )


def _messages(form: AskForm) -> tuple[Message, ...]:
    given_ = form.input
    if given_.messages:
        return tuple(_message(one, f"input.messages[{index}]") for index, one in enumerate(given_.messages))
    if not given_.prompt:
        raise invalid("input", "must have messages, or a prompt.", missing=True)
    found = []
    for past in given_.history or ():
        found.append(Message(Role.USER, (Part(text=past.user),)))
        found.append(Message(Role.ASSISTANT, (Part(text=past.bot),)))
    return (*found, Message(Role.USER, (Part(text=given_.prompt),)))


def _message(form: MessageForm, where: str) -> Message:
    calls = tuple(Call(call.id, call.function.name, call.function.arguments) for call in form.tool_calls or ())
    if form.content is None and not calls:
        raise invalid(f"{where}.content", "is required.", missing=True)
    if form.partial and form.role != "assistant":
        raise invalid(f"{where}.partial", "is for an assistant's message.")
    content = form.content or ""
    parts = (Part(text=content),) if isinstance(content, str) else _parts(content, f"{where}.content")
    return Message(
        Role(form.role),
        parts,
        reasoning=form.reasoning_content or "",
        calls=calls,
        call_id=form.tool_call_id or "",
        name=form.name or "",
    )


def _parts(forms: list[PartForm], where: str) -> tuple[Part, ...]:
    return tuple(part for index, form in enumerate(forms) for part in _part(form, f"{where}[{index}]"))


def _part(form: PartForm, where: str) -> list[Part]:
    url = form.image_url.url if isinstance(form.image_url, UrlForm) else form.image_url
    if form.text is not None:
        return [Part(text=form.text)]
    if (image := form.image or url) is not None:
        return [_at(image, Medium.IMAGE, where)]
    if form.audio is not None:
        return [_at(form.audio, Medium.AUDIO, where)]
    if isinstance(form.video, str):
        return [_at(form.video, Medium.VIDEO, where)]
    if form.video is not None:
        return [_at(frame, Medium.IMAGE, where) for frame in form.video]
    raise invalid(where, "must be a text, an image, an audio or a video.")


def _at(url: str, medium: Medium, where: str) -> Part:
    """A part by its URL. Nothing is fetched here."""
    found = _DATA_URL.match(url)
    if found is not None:
        try:
            return Part(medium, data=base64.b64decode(url[found.end() :], validate=True), media_type=found[1] or "")
        except (binascii.Error, ValueError):
            raise invalid(where, "has data that are not base64.") from None
    if not url.startswith(_SCHEMES) or len(url) > URL_CHARS_MAX:
        raise invalid(where, "must be a URL, or data in base64.")
    return Part(medium, url=url)


def _tools(wanted: ParametersForm) -> list[Tool]:
    found: list[Tool] = []
    for index, form in enumerate(wanted.tools or ()):
        if form.type != "function" or form.function is None:
            raise invalid(f"tools[{index}]", "must be a function.")
        schema: dict[str, Any] = {"type": "object", "properties": {}}
        if given(form.function.parameters):
            schema = documents.mapping(form.function.parameters, f"tools[{index}].function.parameters")
        function = form.function
        found.append(Tool(function.name, function.description or "", schema, bool(function.strict)))
    if len({tool.name for tool in found}) < len(found):
        raise invalid("tools", "must have names of their own.")
    return found


def _choice(wanted: ParametersForm, tools: tuple[Tool, ...]) -> tuple[Tooling, str]:
    choice = wanted.tool_choice
    if choice is None or choice == "auto":
        return Tooling.AUTO, ""
    if choice == "none":
        return Tooling.NONE, ""
    if not tools:
        raise invalid("tool_choice", "needs tools.")
    if isinstance(choice, str):
        return Tooling.REQUIRED, ""
    if all(tool.name != choice.function.name for tool in tools):
        raise invalid("tool_choice", f"names '{choice.function.name}', which is none of the tools.")
    return Tooling.REQUIRED, choice.function.name


def _shape(wanted: ParametersForm) -> Shape | None:
    form = wanted.response_format
    if form is None or form.type == "text":
        return None
    if form.type == "json_object" or form.json_schema is None or not given(form.json_schema.schema):
        return Shape(ShapeKind.JSON)
    schema = documents.mapping(form.json_schema.schema, "response_format.json_schema.schema")
    return Shape(ShapeKind.SCHEMA, documents.write(schema).decode())
