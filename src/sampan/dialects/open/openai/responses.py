"""Responses: asked, and answered at once. Their streams are in `response_events`, what is kept of them in `stored`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from sampan.dialects.open.openai import items
from sampan.dialects.open.openai.exchange import OpenAiExchange
from sampan.dialects.open.openai.limits import invalid
from sampan.dialects.open.openai.replies import operation, remembering, reply
from sampan.dialects.open.openai.response_events import Telling, events
from sampan.dialects.open.openai.response_form import ResponseForm
from sampan.dialects.open.openai.response_parts import NOTE, PREFIX, ended, head
from sampan.dialects.open.wire import documents, sse
from sampan.gateway.contract import Operation
from sampan.gateway.http import Reply
from sampan.kernel import limits
from sampan.services.inference.model import Answer, Generate, Message, Part, Role, Stream, Tokenize, Tokens

_FORM = msgspec.json.Decoder(ResponseForm)


def command(document: bytes, *, stream: bool | None = None) -> Generate:
    """What a document asks for. Raises Fault."""
    form = documents.read(document, _FORM)
    note = documents.read(document, NOTE).filled(len(form.sent()))
    return Generate(
        model=form.model,
        ask=form.ask(),
        stream=bool(form.stream) if stream is None else stream,
        previous=form.previous_response_id or "",
        lead=form.instructed(),
        keep=form.store is not False,
        note=documents.write(note),
        prefix=PREFIX,
    )


def _bind(x: OpenAiExchange, document: bytes) -> Generate:
    return command(document)


def _render(x: OpenAiExchange, value: Answer | Stream) -> Reply:
    assert isinstance(x.command, Generate)
    if isinstance(value, Answer):
        return reply(result(x.command, value))
    telling = Telling(value.id, head(value.id, value.created_ms, value.model, NOTE.decode(x.command.note)))
    return Reply(200, list(sse.HEADERS), sse.Events(events(telling, value), telling.failed))


def result(asked: Generate, answer: Answer) -> dict[str, Any]:
    """A response."""
    shown = head(answer.id, answer.created_ms, answer.model, NOTE.decode(asked.note))
    choice = answer.choices[0]
    message = Message(Role.ASSISTANT, (Part(text=choice.text),), reasoning=choice.reasoning, calls=choice.calls)
    end = ended(choice.finish, answer.usage)
    made = items.output(message, items.Ids(answer.id), end["status"], choice.logprobs)
    return shown | end | {"output": made}


CREATE = Operation("createResponse", remembering(_bind), _render, True, limits.ASK_BYTES_MAX)


# --- counting ---------------------------------------------------------------------------------------------------------


def _count(x: OpenAiExchange, document: bytes) -> Tokenize:
    form = documents.read(document, _FORM)
    if form.previous_response_id is not None:
        raise invalid("previous_response_id", "Only what is sent can be counted.", unsupported=True)
    ask = form.ask()
    return Tokenize(model=form.model, ask=replace(ask, messages=(*form.instructed(), *ask.messages)))


def _counted(asked: Tokenize, found: Tokens) -> dict[str, Any]:
    return {"object": "response.input_tokens", "input_tokens": len(found.ids)}


COUNT = operation("getInputTokenCounts", _count, _counted, document=True)
