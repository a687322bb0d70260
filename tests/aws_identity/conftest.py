"""What the tests of IAM's and STS's dialects share."""

from __future__ import annotations

import time

import pytest

from sampan.dialects.aws.iam.dialect import IamDialect
from sampan.dialects.aws.sts.dialect import StsDialect
from tests.aws.sdk import Ring, key
from tests.aws_identity.sdk import Door


@pytest.fixture
def now_ms() -> int:
    """The SDK signs with the machine's clock, so the tests verify by it."""
    return int(time.time() * 1000)


@pytest.fixture
def keys(now_ms: int) -> Ring:
    hour = 3600 * 1000
    return Ring(
        AK=key("AK"),
        OFF=key("OFF", active=False),
        TEMP=key("TEMP", token="the-session-token", expires_ms=now_ms + hour),
        OLD=key("OLD", token="the-session-token", expires_ms=now_ms - 1),
    )


@pytest.fixture(scope="session")
def iam_dialect() -> IamDialect:
    return IamDialect()


@pytest.fixture(scope="session")
def sts_dialect() -> StsDialect:
    return StsDialect()


@pytest.fixture
def iam(iam_dialect: IamDialect, keys: Ring, now_ms: int) -> Door:
    return Door(iam_dialect, keys, now_ms)


@pytest.fixture
def sts(sts_dialect: StsDialect, keys: Ring, now_ms: int) -> Door:
    return Door(sts_dialect, keys, now_ms)
