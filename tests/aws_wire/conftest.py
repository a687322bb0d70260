"""How often random values are tried."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings


@pytest.fixture
def few(request: pytest.FixtureRequest) -> settings:
    """A few of each, always the same; with --long many, and others each time."""
    long = request.config.getoption("--long")
    return settings(
        max_examples=300 if long else 8,
        deadline=None,
        derandomize=not long,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
