"""One house for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.dialects.open.openai.dialect import OpenAiDialect
from tests.inference.world import World, fixed
from tests.open.world import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """OpenAI's door over "qwen", "org/qwen:8b" (with slashes), "vectors" and "ranks"."""
    world = World(
        tmp_path,
        **{"org/qwen:8b": fixed("org/qwen:8b", "/qwen")},
        vectors=fixed("vectors", "/vectors"),
        ranks=fixed("ranks", "/ranks"),
    )
    yield House(OpenAiDialect(), tmp_path, world)
    world.close()
