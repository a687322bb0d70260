"""Every recorded request of every door's tests is claimed by that door alone, with all doors open."""

from __future__ import annotations

from pathlib import Path

import pytest

from sampan import app
from sampan.config import Config
from sampan.gateway.dispatch import Dispatcher
from sampan.gateway.http import Request

TESTS = Path(__file__).parents[1]
RECORDED = [
    (dialect, path)
    for dialect, folder in (
        ("aws/s3", "aws/captures"),
        ("aliyun/oss", "aliyun/captures"),
        ("aws/iam", "aws_identity/captures/iam"),
        ("aws/sts", "aws_identity/captures/sts"),
        ("aws/bedrock", "aws_bedrock/captures/bedrock"),
        ("aws/bedrock-runtime", "aws_bedrock/captures/runtime"),
        ("aliyun/ram", "aliyun_openapi/captures/ram"),
        ("aliyun/sts", "aliyun_openapi/captures/sts"),
        ("aliyun/dashscope", "open/captures/dashscope"),
        ("open/anthropic", "open/captures/anthropic"),
        ("open/openai", "open/captures/openai"),
    )
    for path in sorted((TESTS / folder).iterdir())
]
DISPATCHER = Dispatcher(app.dialects(Config()))


def read(path: Path) -> Request:
    """A recorded request, without its body: a claim never looks at that."""
    first, *lines = path.read_bytes().partition(b"\r\n\r\n")[0].decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    route, _, query = target.partition("?")
    return Request(method, route.encode(), query.encode(), headers)


@pytest.mark.parametrize(("dialect", "path"), RECORDED, ids=lambda value: getattr(value, "stem", value))
def test_a_recorded_request_is_claimed_by_its_own_door_alone(dialect: str, path: Path) -> None:
    request = read(path)
    claimants = DISPATCHER.claimants(request)
    best = min(rank for rank, _ in claimants)
    assert {claimant.name for rank, claimant in claimants if rank == best} == {dialect}
    assert DISPATCHER.pick(request) is claimants[0][1]


def test_there_is_something_recorded_for_every_door() -> None:
    assert {dialect for dialect, _ in RECORDED} == {dialect.name for dialect in app.dialects(Config())}
