"""What replies have in common: JSON documents, usage, and why an answer ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sampan.dialects.open.openai.exchange import OpenAiExchange
from sampan.dialects.open.wire import documents
from sampan.gateway.contract import Operation
from sampan.gateway.http import Reply
from sampan.kernel import limits
from sampan.kernel.command import Command
from sampan.services.inference.model import Finish, Usage

JSON = (("content-type", "application/json"),)

Bind = Callable[[OpenAiExchange, bytes], Command]
Result = Callable[[Any, Any], Any]
"""Makes a document of a command and what it gave."""


def operation(name: str, bind: Bind, result: Result, *, document: bool = False) -> Operation:
    """An operation that is answered by a JSON document. With `document` its request is one, too."""
    return Operation(name, remembering(bind), answering(result), document, limits.ASK_BYTES_MAX)


def remembering(bind: Bind) -> Bind:
    """Keep the command, since a reply tells of what was asked."""

    def run(x: OpenAiExchange, document: bytes) -> Command:
        x.command = bind(x, document)
        return x.command

    return run


def answering(result: Result) -> Callable[[OpenAiExchange, Any], Reply]:
    """The reply of an operation that is answered by a JSON document."""
    return lambda x, value: reply(result(x.command, value))


def reply(document: Any) -> Reply:
    """A JSON document as a reply."""
    return Reply(200, list(JSON), documents.write(document))


def usage(used: Usage) -> dict[str, Any]:
    """Tokens, as both kinds of completions count them."""
    return {
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.answer_tokens,
        "total_tokens": used.tokens,
        "prompt_tokens_details": {"cached_tokens": used.shared_tokens},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
    }


FINISHES = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.CALLS: "tool_calls",
    Finish.DEADLINE: "length",  # there is no word for it: the answer is not complete
    Finish.CANCELLED: "length",
}


def listed(rows: list[dict[str, Any]], more: bool) -> dict[str, Any]:
    """A page of a list, as OpenAI pages: by the id of the last row."""
    return {
        "object": "list",
        "data": rows,
        "first_id": rows[0]["id"] if rows else None,
        "last_id": rows[-1]["id"] if rows else None,
        "has_more": more,
    }
