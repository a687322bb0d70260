"""One house for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sampan.dialects.open.openai.dialect import OpenAiDialect
from tests.inference.world import World, fixed
from tests.open.world import House


@contextmanager
def make_house(folder: Path) -> Iterator[House]:
    """OpenAI's door over "qwen", "org/qwen:8b" (with slashes), "vectors" and "ranks"."""
    world = World(
        folder,
        **{"org/qwen:8b": fixed("org/qwen:8b", "/qwen")},
        vectors=fixed("vectors", "/vectors"),
        ranks=fixed("ranks", "/ranks"),
    )
    try:
        yield House(OpenAiDialect(), folder, world)
    finally:
        world.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """As `make_house`."""
    with make_house(tmp_path) as made:
        yield made
