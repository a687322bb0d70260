"""A world of inference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sampan.services.inference.model import Deployment
from tests.inference.world import World


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes worlds with more deployments."""
    made: list[World] = []

    def make(**deployments: Deployment) -> World:
        made.append(World(tmp_path, **deployments))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
