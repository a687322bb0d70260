"""Models: which there are."""

from __future__ import annotations

from typing import Any

from sampan.dialects.open.openai.exchange import OpenAiExchange
from sampan.dialects.open.openai.replies import operation
from sampan.kernel.command import Command
from sampan.services.inference.model import GetModel, ListModels, Model, Undeploy


def shown(model: Model) -> dict[str, Any]:
    """A model. `root`, `parent` and `max_model_len` are vLLM's: what answers, what an adapter lies over, the room."""
    deployment = model.deployment
    return {
        "id": model.name,
        "object": "model",
        "created": deployment.created_ms // 1000,
        "owned_by": "sampan",
        "root": deployment.name,
        "parent": deployment.base or None,
        "max_model_len": model.abilities.length_max,
    }


def _list(x: OpenAiExchange, document: bytes) -> Command:
    return ListModels()


def _get(x: OpenAiExchange, document: bytes) -> Command:
    return GetModel(model=x.params["model"])


def _delete(x: OpenAiExchange, document: bytes) -> Command:
    return Undeploy(model=x.params["model"])


LIST = operation("listModels", _list, lambda _, found: {"object": "list", "data": [shown(model) for model in found]})
GET = operation("retrieveModel", _get, lambda _, found: shown(found))
DELETE = operation("deleteModel", _delete, lambda asked, _: {"id": asked.model, "object": "model", "deleted": True})
