"""Models: which there are, and what each can."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sampan.dialects.open.anthropic.exchange import AnthropicExchange
from sampan.dialects.open.anthropic.forms import invalid
from sampan.dialects.open.anthropic.replies import reply
from sampan.gateway.http import Reply
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference.model import GetModel, ListModels, Model, Task

PAGE = 20
PAGE_MAX = 1000
PATH = "/v1/models/"


def bind_list(x: AnthropicExchange, _: bytes) -> ListModels:
    """Raises Fault(INVALID, "argument") for a page of no size."""
    _limit(x)
    return ListModels()


def render_list(x: AnthropicExchange, found: tuple[Model, ...]) -> Reply:
    """A page of models, after or before one of them."""
    models = [model for model in found if model.abilities.task is Task.GENERATE]
    names = [model.name for model in models]
    after, before, limit = x.request.param("after_id"), x.request.param("before_id"), _limit(x)
    begin, end = 0, len(models)
    if after is not None:
        begin = _place(names, after, "after_id") + 1
    elif before is not None:
        end = _place(names, before, "before_id")
    backwards = after is None and before is not None
    page = models[max(begin, end - limit) : end] if backwards else models[begin:end][:limit]
    more = end - limit > begin if backwards else end - begin > limit
    return reply(
        {
            "data": [_info(model) for model in page],
            "has_more": more,
            "first_id": page[0].name if page else None,
            "last_id": page[-1].name if page else None,
        }
    )


def bind_get(x: AnthropicExchange, _: bytes) -> GetModel:
    """The model that the path names."""
    x.model = x.request.path[len(PATH) :]
    return GetModel(model=x.model)


def render_get(x: AnthropicExchange, model: Model) -> Reply:
    """One model."""
    if model.abilities.task is not Task.GENERATE:
        raise Fault(Kind.MISSING, "model", model=x.model)
    return reply(_info(model))


def _limit(x: AnthropicExchange) -> int:
    given = x.request.param("limit")
    if given is None:
        return PAGE
    if not (given.isascii() and given.isdigit() and len(given) < 6 and 1 <= int(given) <= PAGE_MAX):
        raise invalid("limit", f"Input should be from 1 to {PAGE_MAX}")
    return int(given)


def _place(names: list[str], name: str, parameter: str) -> int:
    if name not in names:
        raise invalid(parameter, "there is no such model")
    return names.index(name)


def _info(model: Model) -> dict[str, Any]:
    made = datetime.fromtimestamp(model.deployment.created_ms / 1000, UTC)
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.deployment.description or model.name,
        "created_at": made.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "lifecycle": "active",
        "max_input_tokens": model.abilities.length_max,
        "max_tokens": model.abilities.length_max,
    }
