"""Requests that other clients really sent, byte for byte: each is claimed by its own door, verified and understood.

They were signed with the secret TESTSK.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sampan.dialects.aws.iam.dialect import IamDialect
from sampan.dialects.aws.s3.dialect import S3Dialect
from sampan.dialects.aws.sts.dialect import StsDialect
from sampan.dialects.aws.wire import dates
from sampan.gateway.dispatch import Dispatcher
from tests.aws.sdk import Ring, Sent, key
from tests.aws_identity.sdk import REQUEST_ID

FOLDER = Path(__file__).parent / "captures"
OPERATIONS = {
    "iam/awscli_01_create_user": "CreateUser",
    "iam/awscli_02_list_roles": "ListRoles",
    "sts/awscli_01_caller": "GetCallerIdentity",
    "sts/awscli_02_web_identity": "AssumeRoleWithWebIdentity",
    "sts/boto3_01_presigned": "GetCallerIdentity",
}
KEYS = Ring(TESTAK=key("TESTAK", "TESTSK"))
SIGNED_AT_MS = dates.parse_amz("20261122T150918Z")


def capture(name: str) -> Sent:
    head, _, body = (FOLDER / f"{name}.txt").read_bytes().partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    path, _, query = target.partition("?")
    return Sent(method, path, query, headers, body)


@pytest.mark.parametrize(("name", "operation"), OPERATIONS.items())
def test_a_recorded_request_is_understood(
    name: str, operation: str, iam_dialect: IamDialect, sts_dialect: StsDialect
) -> None:
    sent = capture(name)
    doors = [S3Dialect(("localhost",), "us-east-1"), iam_dialect, sts_dialect]
    dialect = Dispatcher(doors).pick(sent.request())
    assert dialect is not None
    assert dialect.name == f"aws/{name.partition('/')[0]}"
    assert SIGNED_AT_MS is not None
    exchange = dialect.open(sent.request(), REQUEST_ID, KEYS, SIGNED_AT_MS)
    assert exchange.operation is not None
    assert exchange.operation.bind is not None
    exchange.operation.bind(exchange, sent.body)
    assert exchange.operation.name == operation
    assert exchange.caller.key_id == ("" if "web_identity" in name else "TESTAK")


def test_all_that_was_recorded_is_looked_at() -> None:
    assert {str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.txt")} == set(OPERATIONS)


def test_a_form_of_s3s_is_none_of_stss(sts_dialect: StsDialect) -> None:
    """Neither what an SDK sends to S3 unsigned, nor a form without a sign of an SDK."""
    doors = Dispatcher([S3Dialect(("localhost",), "us-east-1"), sts_dialect])
    sdk = {"host": "127.0.0.1:4566", "amz-sdk-invocation-id": "5b09de20-1429-461f-8c5d-227b13122944"}
    form = {"host": "127.0.0.1:4566", "content-type": "application/x-www-form-urlencoded"}
    for headers in (sdk, {**sdk, "content-type": "application/octet-stream"}, form):
        dialect = doors.pick(Sent("POST", "/harbour", "", headers).request())
        assert dialect is not None
        assert dialect.name == "aws/s3"
