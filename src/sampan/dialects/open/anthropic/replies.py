"""An answer as a message of blocks, at once."""

from __future__ import annotations

from typing import Any

import msgspec

from sampan.dialects.open.anthropic.exchange import AnthropicExchange
from sampan.dialects.open.wire import documents
from sampan.gateway.http import Reply
from sampan.services.inference.model import Answer, Call, Choice, Finish, Usage

# Nobody signs thoughts here, and nobody asks for the signature when they come back. Clients want the field.
SIGNATURE = ""


def reply(document: Any) -> Reply:
    """A JSON document as a reply."""
    return Reply(200, [("content-type", "application/json")], documents.write(document))


def message(x: AnthropicExchange, answer: Answer) -> dict[str, Any]:
    """The whole message."""
    choice = answer.choices[0]
    return head(answer.id, x.model) | {
        "content": _blocks(x, choice),
        "stop_reason": stop_reason(choice.finish, choice.stopped_by),
        "stop_sequence": choice.stopped_by or None,
        "usage": usage(answer.usage),
    }


def head(id_: str, model: str) -> dict[str, Any]:
    """What is known of a message before anything is said."""
    return {"id": id_, "type": "message", "role": "assistant", "model": model}


def usage(used: Usage) -> dict[str, Any]:
    """Tokens. Anthropic counts those of the prompt that came from the cache by themselves."""
    return {
        "input_tokens": used.prompt_tokens - used.shared_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": used.shared_tokens,
        "output_tokens": used.answer_tokens,
        "output_tokens_details": {"thinking_tokens": used.reasoning_tokens},
        "service_tier": "standard",
    }


def stop_reason(finish: Finish, stopped_by: str) -> str:
    """Why the answer ended."""
    if finish is Finish.STOP:
        return "stop_sequence" if stopped_by else "end_turn"
    return "tool_use" if finish is Finish.CALLS else "max_tokens"


def _blocks(x: AnthropicExchange, choice: Choice) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if choice.reasoning:
        thought = "" if x.hides_thinking else choice.reasoning
        found.append({"type": "thinking", "thinking": thought, "signature": SIGNATURE})
    if choice.text:
        found.append({"type": "text", "text": choice.text, "citations": None})
    found += [_use(call) for call in choice.calls]
    return found


def _use(call: Call) -> dict[str, Any]:
    """A call. Arguments that are no object come as text, for whoever called the model to see."""
    try:
        arguments = msgspec.json.decode(call.arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        arguments = {"INVALID_JSON": call.arguments}
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}
