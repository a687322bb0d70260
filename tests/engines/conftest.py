"""Every engine of a port, by name: the contract's tests run over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.engines.store_memory import MemoryStore
from sampan.engines.store_sqlite import SqliteStore


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteStore | MemoryStore]:
    made = SqliteStore(tmp_path / "store") if request.param == "sqlite" else MemoryStore()
    yield made
    made.close()
