"""InvokeModel and InvokeModelWithResponseStream: bodies in the words of the vendors' own models.

Whose words they are is told by the body itself: a model here may have any name.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import Any

import msgspec

from sampan.dialects.aws.bedrock import anthropic, chat, forms, names, prompts, vectors
from sampan.dialects.aws.bedrock.spoken import Metrics, Spoken
from sampan.dialects.aws.wire.service import Call, Done
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Clock
from sampan.services.inference.model import Ask, Stream

_JSON = "application/json"
_ACCEPTED = frozenset({"", "*/*", _JSON})
_VECTORS = ("inputText", "texts", "query")


def operations(clock: Clock) -> dict[str, Done]:
    """The operations; `clock` tells how long an answer took."""
    return {
        "InvokeModel": Done(partial(_bind, stream=False), partial(_render, clock=clock)),
        "InvokeModelWithResponseStream": Done(partial(_bind, stream=True), partial(_render_stream, clock=clock)),
    }


def ask(model: str, body: bytes) -> Ask:
    """The question that a body is. Raises Fault(INVALID, "argument")."""
    fields = forms.tree(body)
    if "anthropic_version" in fields:
        return anthropic.ask(fields)
    if "messages" in fields:
        return chat.ask(fields)
    if "prompt" in fields:
        return prompts.ask(model, fields)
    raise forms.malformed("#: required key [messages] not found")


def _bind(call: Call, *, stream: bool) -> Command:
    given = call.params
    if given.get("guardrailIdentifier"):
        raise Fault(Kind.INVALID, "argument", "This model doesn't support guardrails", name="guardrailIdentifier")
    for name in ("contentType", "accept"):
        if given.get(name, "").partition(";")[0].strip() not in _ACCEPTED:
            raise Fault(Kind.INVALID, "argument", f"The provided {name} is not supported: use {_JSON}", name=name)
    call.asked = _spoken(names.model_of(given["modelId"]), given.get("body", b""), stream)
    command: Command = call.asked.command
    return command


def _spoken(model: str, body: bytes, stream: bool) -> Spoken:
    fields = forms.tree(body)
    if "anthropic_version" in fields:
        return anthropic.read(model, fields, stream=stream)
    if "messages" in fields:
        return chat.read(model, fields, stream=stream)
    if "prompt" in fields:
        return prompts.read(model, fields, stream=stream)
    if any(name in fields for name in _VECTORS):
        if stream:
            raise Fault(Kind.INVALID, "argument", "The model is unsupported for streaming", name="body")
        return vectors.read(model, fields)
    raise forms.malformed("#: required key [messages] not found")


def _render(call: Call, result: Any, clock: Clock) -> Mapping[str, Any]:
    spoken: Spoken = call.asked
    usage = result.usage
    call.headers += [
        ("X-Amzn-Bedrock-Input-Token-Count", str(usage.prompt_tokens)),
        ("X-Amzn-Bedrock-Output-Token-Count", str(usage.answer_tokens)),
    ]
    if hasattr(result, "created_ms"):
        latency_ms = clock.now_ms() - result.created_ms
        call.headers.append(("X-Amzn-Bedrock-Invocation-Latency", str(latency_ms)))
    return {"body": msgspec.json.encode(spoken.answer(result)), "contentType": _JSON}


def _render_stream(call: Call, stream: Stream, clock: Clock) -> Mapping[str, Any]:
    spoken: Spoken = call.asked
    assert spoken.events is not None
    told = spoken.events(stream, Metrics(clock, stream.created_ms))
    return {"body": _chunks(told), "contentType": _JSON}


async def _chunks(told: AsyncGenerator[Mapping[str, Any], None]) -> AsyncGenerator[Mapping[str, Any], None]:
    try:
        async for event in told:
            yield {"chunk": {"bytes": msgspec.json.encode(event)}}
    finally:
        await told.aclose()
