"""Requests that boto3 really sent, byte for byte: each is claimed by its own door, verified and understood.

They were signed with the secret TESTSK, or carry an API key.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sampan.dialects.aws.bedrock.dialect import BedrockDialect, BedrockRuntimeDialect
from sampan.dialects.aws.wire import dates
from sampan.gateway.dispatch import Dispatcher
from sampan.kernel.caller import ApiKey, Caller
from tests.aws.sdk import Ring, Sent, key
from tests.aws_bedrock.test_converse import USER
from tests.inference.world import StillClock

FOLDER = Path(__file__).parent / "captures"
OPERATIONS = {
    "bedrock/boto3_01_list": "ListFoundationModels",
    "bedrock/boto3_02_api_key": "GetFoundationModel",
    "runtime/boto3_01_converse": "Converse",
    "runtime/boto3_02_converse_stream": "ConverseStream",
    "runtime/boto3_03_invoke": "InvokeModel",
    "runtime/boto3_04_api_key": "Converse",
}
DOORS = {"runtime": BedrockRuntimeDialect("us-east-1", StillClock()), "bedrock": BedrockDialect("us-east-1")}


class Keys(Ring):
    """The access key and the API key of the recordings."""

    def bearer(self, token: str) -> ApiKey | None:
        return ApiKey("API", Caller("1", "root", "API")) if token == "ABSKVEVTVEFLOlRFU1RTSw==" else None


def recorded(name: str) -> Sent:
    head, _, body = (FOLDER / f"{name}.txt").read_bytes().partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    path, _, query = target.partition("?")
    return Sent(method, path, query, headers, body)


@pytest.mark.parametrize(("name", "operation"), OPERATIONS.items())
def test_a_recorded_request_is_understood(name: str, operation: str) -> None:
    sent = recorded(name)
    door = DOORS[name.partition("/")[0]]
    assert Dispatcher(list(DOORS.values())).pick(sent.request()) is door
    now_ms = dates.parse_amz(sent.headers.get("x-amz-date", "20261122T000000Z"))
    assert now_ms is not None
    call = door.open(sent.request(), "R", Keys(TESTAK=key("TESTAK", "TESTSK")), now_ms)
    assert call.operation is not None
    assert call.operation.bind is not None
    command = call.operation.bind(call, sent.body)
    assert call.operation.name == operation
    assert call.caller.key_id == ("API" if "api_key" in name else "TESTAK")
    if operation.startswith("Converse"):
        assert call.params["messages"] == USER
        assert command.touches()[0][1] in ("model/qwen", "model/qwen3:0.6b")


def test_all_that_was_recorded_is_looked_at() -> None:
    assert {str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.txt")} == set(OPERATIONS)
