"""What is told of models: ListFoundationModels and its kin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sampan.dialects.aws.bedrock import names
from sampan.dialects.aws.wire.service import Call, Done
from sampan.services.inference.model import GetModel, ListModels, Model, Task

Shown = Mapping[str, Any]

_MODALITIES = {Task.GENERATE: "TEXT", Task.EMBED: "EMBEDDING", Task.RANK: "TEXT"}


def operations() -> dict[str, Done]:
    """The operations."""
    return {
        "ListFoundationModels": Done(_bind_list, _render_list),
        "GetFoundationModel": Done(_bind_get, _render_get),
        "GetFoundationModelAvailability": Done(_bind_availability, _render_availability),
    }


def _bind_list(call: Call) -> ListModels:
    return ListModels()


def _render_list(call: Call, models: tuple[Model, ...]) -> Shown:
    return {"modelSummaries": [shown for model in models if _wanted(call, shown := _summary(call, model))]}


def _wanted(call: Call, shown: Shown) -> bool:
    """Whether a model is of the kind that was asked for. Nothing is customised or provisioned here."""
    given = call.params
    return (
        given.get("byProvider", shown["providerName"]).lower() == shown["providerName"].lower()
        and given.get("byOutputModality", shown["outputModalities"][0]) in shown["outputModalities"]
        and given.get("byInferenceType", "ON_DEMAND") == "ON_DEMAND"
        and "byCustomizationType" not in given
    )


def _bind_get(call: Call) -> GetModel:
    return GetModel(model=names.model_of(call.params["modelIdentifier"]))


def _render_get(call: Call, model: Model) -> Shown:
    return {"modelDetails": _summary(call, model)}


def _summary(call: Call, model: Model) -> Shown:
    """A provider is who made a model, as far as its name says: "Qwen/Qwen3-8B", "anthropic.claude-3"."""
    maker, slash, _ = model.name.partition("/")
    return {
        "modelArn": names.arn(call.region, model.name),
        "modelId": model.name,
        "modelName": model.deployment.description or model.name,
        "providerName": maker if slash else model.abilities.architecture or "Sampan",
        "inputModalities": ["TEXT"],
        "outputModalities": [_MODALITIES[model.abilities.task]],
        "responseStreamingSupported": model.abilities.task is Task.GENERATE,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    }


def _bind_availability(call: Call) -> GetModel:
    return GetModel(model=names.model_of(call.params["modelId"]))


def _render_availability(call: Call, model: Model) -> Shown:
    """Whoever may ask about a model may use it: there is nothing to agree to."""
    return {
        "modelId": model.name,
        "agreementAvailability": {"status": "AVAILABLE"},
        "authorizationStatus": "AUTHORIZED",
        "entitlementAvailability": "AVAILABLE",
        "regionAvailability": "AVAILABLE",
    }
