"""Every story runs through every driver; what a driver cannot say is a skip that names it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.harness import Server
from tests.stories.driver import Can, Door, Driver
from tests.stories.driver_boto3 import Boto3
from tests.stories.driver_oss2 import Oss2
from tests.stories.driver_oss_v2 import OssV2

DRIVERS: dict[str, Callable[[str, Door], Driver]] = {
    "boto3-v4-path": lambda name, door: Boto3(name, door),
    "boto3-v4-host": lambda name, door: Boto3(name, door, host_style=True),
    "boto3-v2-path": lambda name, door: Boto3(name, door, signature="s3"),
    "oss2-v1-path": lambda name, door: Oss2(name, door, signature=1),
    "oss2-v2-path": lambda name, door: Oss2(name, door, signature=2),
    "oss2-v4-path": lambda name, door: Oss2(name, door, signature=4),
    "oss2-v4-host": lambda name, door: Oss2(name, door, signature=4, host_style=True),
    "oss_v2-v1-path": lambda name, door: OssV2(name, door, signature="v1"),
    "oss_v2-v4-path": lambda name, door: OssV2(name, door, signature="v4"),
    "oss_v2-v4-host": lambda name, door: OssV2(name, door, signature="v4", host_style=True),
}


@pytest.fixture(scope="session")
def door(server: Server) -> Door:
    """The way into the server."""
    return Door("127.0.0.1", server.port, server.key_id, server.secret)


@pytest.fixture(scope="session")
def drivers(door: Door) -> dict[str, Driver]:
    """All drivers, each with a connection pool of its own for the whole run."""
    return {name: make(name, door) for name, make in DRIVERS.items()}


@pytest.fixture(params=DRIVERS)
def cloud(request: pytest.FixtureRequest, drivers: dict[str, Driver]) -> Driver:
    """The driver that tells the story. `@pytest.mark.needs(Can.X)` names what the story cannot do without."""
    driver = drivers[request.param]
    for mark in request.node.iter_markers("needs"):
        for can in mark.args:
            _skip_unless(driver, can)
    return driver


@pytest.fixture(scope="session")
def names() -> Iterator[str]:
    """Bucket names that nobody used before."""
    return (f"story-{number:05d}" for number in itertools.count())


@pytest.fixture
def name(names: Iterator[str]) -> str:
    """The name of a bucket that is not there yet."""
    return next(names)


@pytest.fixture
def bucket(cloud: Driver, name: str) -> str:
    """A bucket of this story's own."""
    cloud.make_bucket(name)
    return name


def _skip_unless(driver: Driver, can: Can) -> None:
    if can not in driver.can:
        pytest.skip(f"{driver.name} cannot {can}")
