"""What replies have in common."""

from __future__ import annotations

from typing import Any

from sampan.dialects.aliyun.dashscope import words
from sampan.dialects.aliyun.dashscope.exchange import DashScopeExchange
from sampan.dialects.open.wire import documents
from sampan.gateway.http import Reply
from sampan.services.inference.model import Usage


def reply(x: DashScopeExchange, document: dict[str, Any]) -> Reply:
    """A JSON document as a reply."""
    whole = document | {"request_id": words.name_of(x.request_id)}
    return Reply(200, [("content-type", "application/json;charset=UTF-8")], documents.write(whole))


def usage(used: Usage, *, lists: bool = False) -> dict[str, Any]:
    """Tokens of a generation; with those of pictures where contents are `lists`."""
    found: dict[str, Any] = {
        "input_tokens": used.prompt_tokens,
        "output_tokens": used.answer_tokens,
        "total_tokens": used.tokens,
        "prompt_tokens_details": {"cached_tokens": used.shared_tokens},
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
    }
    if lists:
        found |= {"image_tokens": 0}
    return found
