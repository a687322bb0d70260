"""The drivers themselves: what each can say is stated, and nothing is skipped by accident."""

from __future__ import annotations

import pytest

from tests.stories.conftest import DRIVERS
from tests.stories.driver import Can, Driver

OPTIONAL = {
    Can.APPEND: "append",
    Can.SYMLINK: "symlink",
    Can.STAT: "stat",
    Can.WRITE_IF_MATCH: "overwrite",
}
"""Flags that stand for a method, which a driver without the flag must not have."""


def test_both_clouds_have_drivers(drivers: dict[str, Driver]) -> None:
    assert {driver.family for driver in drivers.values()} == {"aws", "aliyun"}
    assert set(drivers) == set(DRIVERS)


@pytest.mark.parametrize("can", Can, ids=lambda can: can.name)
def test_every_flag_is_one_that_somebody_has(drivers: dict[str, Driver], can: Can) -> None:
    assert [name for name, driver in drivers.items() if can in driver.can]


@pytest.mark.parametrize("can", OPTIONAL, ids=lambda can: can.name)
def test_a_flag_says_what_the_driver_has(drivers: dict[str, Driver], can: Can) -> None:
    for driver in drivers.values():
        own = getattr(type(driver), OPTIONAL[can]) is not getattr(Driver, OPTIONAL[can])
        assert own == (can in driver.can), driver.name
