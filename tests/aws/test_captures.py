"""Requests that other clients really sent, byte for byte: each is claimed, verified and understood.

They were signed with the secret TESTSK.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sampan.dialects.aws.s3.dialect import S3Dialect
from sampan.dialects.aws.wire import dates
from sampan.gateway.dispatch import Dispatcher
from tests.aws.sdk import Ring, Sent, check, key, outcome

FOLDER = Path(__file__).parent / "captures"
OPERATIONS = {
    "awscli_01_s3ls": "ListBuckets",
    "awscli_02_s3cp": "PutObject",
    "rclone_01_lsd": "ListBuckets",
    "s3cmd_01_ls": "ListBuckets",
    "s3cmd_02_put": "GetBucketLocation",
    "s3cmd_03_put": "PutObject",
}
KEYS = Ring(TESTAK=key("TESTAK", "TESTSK"))


def capture(name: str) -> Sent:
    head, _, body = (FOLDER / f"{name}.txt").read_bytes().partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {}
    for line in lines:
        header, _, value = line.partition(":")
        headers[header.lower()] = value.strip()
    path, _, query = target.partition("?")
    return Sent(method, path, query, headers, body)


def test_all_captures_are_listed() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_captured(name: str, dialect: S3Dialect) -> None:
    sent = capture(name)
    now_ms = dates.parse_amz(sent.headers["x-amz-date"]) or 0
    assert Dispatcher([dialect]).claimants(sent.request())[0][0] == 0
    exchange = dialect.open(sent.request(), "R", KEYS, now_ms)
    assert exchange.operation is not None and exchange.operation.name == OPERATIONS[name]
    assert check(exchange.body) == sent.body
    wrong = Ring(TESTAK=key("TESTAK", "SK"))
    assert outcome(dialect, sent, wrong, now_ms) == "SignatureDoesNotMatch"
