"""What all forms of a response show: at once, streamed, and kept."""

from __future__ import annotations

from typing import Any

import msgspec

from sampan.dialects.open.openai.response_form import Note
from sampan.services.inference.model import Finish, Usage

PREFIX = "resp_"


def head(response_id: str, created_ms: int, model: str, note: Note) -> dict[str, Any]:
    """A response that has just begun."""
    echoed = {name: getattr(note, name) for name in note.__struct_fields__ if name != "inputs"}
    return {
        "id": response_id,
        "object": "response",
        "created_at": created_ms // 1000,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        "usage": None,
    } | echoed


def ended(finish: Finish, used: Usage) -> dict[str, Any]:
    """What changes when it has ended."""
    complete = finish in (Finish.STOP, Finish.CALLS)
    return {
        "status": "completed" if complete else "incomplete",
        "incomplete_details": None if complete else {"reason": "max_output_tokens"},
        "usage": usage(used),
    }


def usage(used: Usage) -> dict[str, Any]:
    """Tokens, as responses count them."""
    return {
        "input_tokens": used.prompt_tokens,
        "input_tokens_details": {"cached_tokens": used.shared_tokens, "cache_write_tokens": 0},
        "output_tokens": used.answer_tokens,
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
        "total_tokens": used.tokens,
    }


NOTE = msgspec.json.Decoder(Note)
