"""Responses that were kept."""

from __future__ import annotations

from typing import Any

from sampan.dialects.open.openai import items
from sampan.dialects.open.openai.exchange import OpenAiExchange
from sampan.dialects.open.openai.limits import invalid
from sampan.dialects.open.openai.queries import choice, natural, truth
from sampan.dialects.open.openai.replies import listed, operation, reply
from sampan.dialects.open.openai.response_parts import NOTE, ended, head
from sampan.gateway.contract import Operation
from sampan.gateway.http import Reply
from sampan.kernel.command import Command
from sampan.services.inference.model import DeleteTurn, GetTurn, Turn

PAGE_MAX = 100


def shown(turn: Turn) -> dict[str, Any]:
    """A response as it was answered; log probabilities are not kept."""
    end = ended(turn.finish, turn.usage)
    made = items.output(turn.messages[-1], items.Ids(turn.id), end["status"])
    return head(turn.id, turn.created_ms, turn.model, NOTE.decode(turn.note)) | end | {"output": made}


def _get(x: OpenAiExchange, document: bytes) -> Command:
    if truth(x.request, "stream"):
        raise invalid("stream", "Only background responses can be streamed again.", unsupported=True)
    return _turn(x, document)


def _turn(x: OpenAiExchange, document: bytes) -> Command:
    return GetTurn(turn=x.params["response_id"])


def _input_items(x: OpenAiExchange, turn: Turn) -> Reply:
    """The items that this response's request brought, newest first unless asked otherwise."""
    inputs = NOTE.decode(turn.note).inputs
    own = turn.messages[len(turn.messages) - 1 - inputs : -1]
    rows = items.sent(own, items.Ids(turn.id, "in"))
    if choice(x.request, "order", ("desc", "asc")) == "desc":
        rows.reverse()
    after, limit = x.request.param("after"), natural(x.request, "limit", 20, PAGE_MAX)
    if after is not None:
        places = [place for place, row in enumerate(rows, 1) if row["id"] == after]
        if not places:
            raise invalid("after", f"No item with id '{after[:128]}' found.")
        rows = rows[places[0] :]
    return reply(listed(rows[:limit], len(rows) > limit))


GET = operation("getResponse", _get, lambda _, turn: shown(turn))
DELETE = operation(
    "deleteResponse",
    lambda x, _: DeleteTurn(turn=x.params["response_id"]),
    lambda asked, _: {"id": asked.turn, "object": "response", "deleted": True},
)
INPUT_ITEMS = Operation("listInputItems", _turn, _input_items)
