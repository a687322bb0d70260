"""What is told of models."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.aws_bedrock.house import House


def test_models_are_listed(house: House) -> None:
    api = house.client("bedrock")
    found = {model["modelId"]: model for model in api.list_foundation_models()["modelSummaries"]}
    assert set(found) == {"qwen", "qwen-plus", "org/qwen:8b", "llama", "vectors", "ranks"}
    assert found["org/qwen:8b"] == {
        "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/org/qwen:8b",
        "modelId": "org/qwen:8b",
        "modelName": "A Qwen",
        "providerName": "org",
        "inputModalities": ["TEXT"],
        "outputModalities": ["TEXT"],
        "responseStreamingSupported": True,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    }
    assert found["vectors"]["outputModalities"] == ["EMBEDDING"]


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"byProvider": "ORG"}, {"org/qwen:8b"}),
        ({"byOutputModality": "EMBEDDING"}, {"vectors"}),
        ({"byOutputModality": "IMAGE"}, set()),
        ({"byInferenceType": "PROVISIONED"}, set()),
        ({"byCustomizationType": "FINE_TUNING"}, set()),
    ],
)
def test_a_list_of_some_models(house: House, params: dict[str, str], names: set[str]) -> None:
    found = house.client("bedrock").list_foundation_models(**params)["modelSummaries"]
    assert {model["modelId"] for model in found} == names


def test_one_model(house: House) -> None:
    api = house.client("bedrock")
    for identifier in ("org/qwen:8b", "arn:aws:bedrock:us-east-1::foundation-model/org/qwen:8b"):
        told = api.get_foundation_model(modelIdentifier=identifier)["modelDetails"]
        assert told["modelName"] == "A Qwen"
    assert api.get_foundation_model_availability(modelId="qwen")["authorizationStatus"] == "AUTHORIZED"
    with pytest.raises(ClientError, match="Could not resolve the foundation model") as caught:
        api.get_foundation_model(modelIdentifier="nobody")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_an_api_key_is_of_the_servers_own_region(house: House) -> None:
    told = house.client("bedrock", signed=False).get_foundation_model(modelIdentifier="qwen")["modelDetails"]
    assert told["modelArn"] == "arn:aws:bedrock:eu-west-3::foundation-model/qwen"


def test_what_is_not_done_says_so(house: House) -> None:
    with pytest.raises(ClientError, match="NotImplementedException"):
        house.client("bedrock").list_guardrails()
