"""What the tests of the S3 dialect share."""

from __future__ import annotations

import time

import pytest

from sampan.dialects.aws.s3.dialect import S3Dialect
from tests.aws.door import Door
from tests.aws.sdk import Ring, key


@pytest.fixture(scope="session")
def dialect() -> S3Dialect:
    return S3Dialect(("localhost", "objects.example.org"), "us-east-1")


@pytest.fixture
def now_ms() -> int:
    """The SDK signs with the machine's clock, so the tests verify by it."""
    return int(time.time() * 1000)


@pytest.fixture
def keys(now_ms: int) -> Ring:
    hour = 3600 * 1000
    return Ring(
        AK=key("AK"),
        OTHER=key("OTHER", "another-secret"),
        OFF=key("OFF", active=False),
        TEMP=key("TEMP", token="the-session-token", expires_ms=now_ms + hour),
        OLD=key("OLD", token="the-session-token", expires_ms=now_ms - 1),
    )


@pytest.fixture
def door(dialect: S3Dialect, keys: Ring, now_ms: int) -> Door:
    return Door(dialect, keys, now_ms)
